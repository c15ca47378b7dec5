"""`python -m media_server`: one media node. Exit code 3: weights are missing or altered; the message says which."""

from __future__ import annotations

import sys

import uvloop

from media_server import telemetry
from media_server.app import run_node
from media_server.engines.catalog import WeightsError
from media_server.errors import SettingError
from media_server.settings import read_settings

WEIGHTS_EXIT_CODE = 3


def main() -> int:
    if sys.flags.optimize:
        sys.stderr.write("python -O takes out checks that aiortc relies on; start without it\n")
        return 1
    try:
        settings = read_settings()
        telemetry.log_to_stderr(settings.log_level)
        uvloop.run(run_node(settings))
    except WeightsError as error:
        sys.stderr.write(f"{error}\n")
        return WEIGHTS_EXIT_CODE
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
