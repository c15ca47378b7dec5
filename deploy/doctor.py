"""`liveconvo doctor`: looks at this machine and says what to fix."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

from deploy import checks
from deploy.checks import Check, Finding, Subject
from deploy.model_checks import gpu, models
from deploy.paths import default_data_folder

_MARKS = {"ok": "ok  ", "note": "note", "problem": "FIX "}
_ALWAYS: tuple[Check, ...] = (
    models, gpu, checks.data_folder, checks.postgres, checks.redis, checks.web_page, checks.ports,
    checks.microphones, checks.udp, checks.turn,
)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when calls can work, 1 when something must be fixed first."""
    folder = Path(args.data_dir or os.environ.get("LIVECONVO_DATA_DIR") or default_data_folder())
    subject = Subject(folder, args.port, dict(os.environ), args.url, args.token)
    findings = asyncio.run(_look(subject, with_network=args.network))
    is_well = all(finding.verdict != "problem" for finding in findings)
    if args.json:
        print(json.dumps({"ok": is_well, "checks": [asdict(finding) for finding in findings]}))
    else:
        _print(findings)
    return 0 if is_well else 1


async def _look(subject: Subject, *, with_network: bool) -> list[Finding]:
    findings = [await check(subject) for check in _ALWAYS]
    if with_network:
        from deploy.network_checks import network  # aiortc takes a second to load

        findings += await network(subject)
    return findings


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        print(f"{_MARKS[finding.verdict]}  {finding.name:<18} {finding.detail}")
        if finding.fix is not None:
            print(f"{'':25}→ {finding.fix}")
