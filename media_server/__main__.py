"""`python -m media_server`: one media node. Exit code 3: weights are missing or altered; the message says which."""

from __future__ import annotations

import os
import sys
import traceback

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
