"""As Markdown (CommonMark). What people said is text: nothing of it becomes markup, HTML or a link."""

from __future__ import annotations

import re

from control_api.exports.report import Report, clock, facts, owed

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&=:])")
"""Any ASCII punctuation may be escaped (CommonMark 2.4); these can mean something, `:` in bare addresses."""


def to_markdown(report: Report) -> str:
    parts = [f"# {escaped(report.title)}"]
    if facts(report):
        parts.append(escaped(" · ".join(facts(report))))
    if report.tldr:
        parts += ["## Summary", escaped(report.tldr)]
    parts += _section("Decisions", [escaped(each) for each in report.key_decisions])
    parts += _section("Action items", [_task(escaped(item.task), escaped(owed(item))) for item in report.action_items])
    parts += _section("Follow-up questions", [escaped(each) for each in report.follow_up_questions])
    if report.lines:
        parts.append("## Transcript")
        parts += [
            f"**{escaped(line.speaker)}** ({clock(line.start_ms)}): {escaped(line.said)}" for line in report.lines
        ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """On one line, since a line that begins anew could begin a heading or a block of code."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _section(title: str, items: list[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {item}" for item in items)] if items else []


def _task(task: str, who: str) -> str:
    return f"{task} ({who})" if who else task
