"""A bad network by hand, until Ctrl-C: `python -m tests.lab --loss=0.05 --delay-s=0.05`; `--help` lists all."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import sys

from tests.lab.lab import Traffic, running_lab
from tests.lab.line import Conditions
from tests.lab.namespaces import why_not


async def show(conditions: Conditions) -> None:
    with running_lab() as lab:
        await lab.set(conditions)
        for name, path in lab.paths.items():
            _say(f"{name}: nsenter --net={path} COMMAND")
        while True:
            counts = await lab.counts()
            _say(f"to server {_share(counts.to_server)}   to client {_share(counts.to_client)}")
            await asyncio.sleep(1)


def _share(traffic: Traffic) -> str:
    return f"{sum(traffic.passed.values()) - traffic.passed.get('rtp once', 0)} of {sum(traffic.given.values())}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="A bad network between two namespaces.")
    for field in dataclasses.fields(Conditions):
        if field.name != "is_dark":
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    if (reason := why_not()) is not None:
        parser.error(reason)
    try:
        asyncio.run(show(Conditions(**vars(parser.parse_args()))))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
