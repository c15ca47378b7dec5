"""As plain text, a line for each thing that was said."""

from __future__ import annotations

from control_api.exports.report import Report, clock, facts, owed


def to_text(report: Report) -> str:
    parts = [_line(report.title)]
    if facts(report):
        parts.append(" · ".join(facts(report)))
    if report.tldr:
        parts += ["", "SUMMARY", _line(report.tldr)]
    parts += _section("DECISIONS", [_line(each) for each in report.key_decisions])
    tasks = [
        f"{_line(item.task)} ({_line(owed(item))})" if owed(item) else _line(item.task) for item in report.action_items
    ]
    parts += _section("ACTION ITEMS", tasks)
    parts += _section("FOLLOW-UP QUESTIONS", [_line(each) for each in report.follow_up_questions])
    if report.lines:
        said = [f"[{clock(line.start_ms)}] {_line(line.speaker)}: {_line(line.said)}" for line in report.lines]
        parts += ["", "TRANSCRIPT", *said]
    return "\n".join(parts) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _section(title: str, items: list[str]) -> list[str]:
    return ["", title, *(f"- {item}" for item in items)] if items else []
