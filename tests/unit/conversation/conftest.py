"""Property tests here have no deadline per example: the machine may be busy."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")
