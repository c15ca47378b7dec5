"""`liveconvo up`: the whole stack in one terminal until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from contextlib import suppress

from deploy.paths import data_folder_of
from deploy.plan import Plan
from deploy.stack import Stack, running_stack
from deploy.supervisor import Supervisor

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NAME_WIDTH = 9


def run(args: argparse.Namespace) -> int:
    """Exit code 0 after a clean stop; DeployError when the stack cannot run."""
    plan = Plan(data_folder_of(args.data_dir), args.host, args.port, args.workers)
    return asyncio.run(_serve(plan))


async def _serve(plan: Plan) -> int:
    supervisor = Supervisor(_print_line, plan.data_folder / "run")
    _stop_on_signals(supervisor)
    with suppress(asyncio.CancelledError):
        async with running_stack(plan, supervisor) as stack:
            _greet(stack)
            await supervisor.until_failure()
    _say("stopped")
    return 0


def _stop_on_signals(supervisor: Supervisor) -> None:
    """The first signal stops in order, the second at once."""
    serving = asyncio.current_task()
    received: list[int] = []

    def stop() -> None:
        received.append(1)
        if len(received) > 1:
            _say("killing everything")
            supervisor.kill()
        elif serving is not None:
            _say("stopping; once more kills")
            serving.cancel()

    for each in _STOP_SIGNALS:
        # Under nohup the hang-up is ignored, and stays so.
        if each is not signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(each, stop)


def _greet(stack: Stack) -> None:
    _say(f"data folder {stack.data_folder}")
    if not os.environ.get("LIVECONVO_SMTP_URL"):
        _say(f"no mail server is set: mails are files in {stack.data_folder / 'outbox'}")
    if stack.sign_in_link is None:
        _say(f"ready: open {stack.url}")
    else:
        _say(f"ready: open {stack.sign_in_link}")
        _say("this link signs the owner in once, within a day; a new one is made at each start until a password is set")


def _say(text: str) -> None:
    _print_line("liveconvo", text)


def _print_line(name: str, line: str) -> None:
    """Output that nobody reads any more must not end the servers."""
    with suppress(BrokenPipeError):
        print(f"{name:<{_NAME_WIDTH}} | {line}", file=sys.stdout, flush=True)
