"""`python -m media_server`: one media node.

Exit code 3: another start would end the same way (a setting is wrong, weights are missing or altered, python -O, a role
of the database that is unsafe); the message says why.
"""

from __future__ import annotations

import os
import sys
import traceback

import uvloop

from db.errors import UnsafeRoleError
from media_server import telemetry
from media_server.app import run_node
from media_server.engines.errors import RecognizerUnusableError
from media_server.errors import SettingError
from media_server.settings import read_settings

CANNOT_RUN = 3
_REFUSES = "media_server: refuses to start code="


def main() -> int:
    if sys.flags.optimize:
        sys.stderr.write(f"{_REFUSES}optimized: python -O takes out checks that aiortc relies on: start without it.\n")
        return CANNOT_RUN
    try:
        settings = read_settings()
        telemetry.log_to_stderr(settings.log_level)
        uvloop.run(run_node(settings))
    except UnsafeRoleError as error:
        sys.stderr.write(f"{_REFUSES}{error.code}: {error}\n")
        return CANNOT_RUN
    except (SettingError, RecognizerUnusableError) as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_RUN
    return 0


if __name__ == "__main__":
    exit_code = 1
    try:
        exit_code = main()
    except Exception:  # noqa: BLE001 - the edge of the process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Everything of ours is closed by now; a decoder thread of aiortc whose peer was cut off would keep us for ever.
        os._exit(exit_code)
