"""How a call is shown: as text for people, or as one JSON object a line for programs."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import orjson

LEVELS = {
    "full": "text keeps up with speech",
    "coalesced": "text may lag: the server is busy",
    "finals_only": "text comes a sentence at a time: the server is busy",
    "metrics_only": "the server is too busy to write everything down; what is missing is marked",
}


class View(Protocol):
    def show(self, message: dict[str, Any]) -> None:
        """One message, with `wall_ms`."""


class JsonView:
    """Every message, one line each, on stdout."""

    def show(self, message: dict[str, Any]) -> None:
        sys.stdout.write(orjson.dumps(message).decode() + "\n")
        sys.stdout.flush()


class TextView:
    """The conversation as it is understood; a partial is overwritten by what follows it on a terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._metrics: dict[str, Any] | None = None
        self._names: dict[str, str] = {}

    def show(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session.state":
                self._line(f"── {message['state']}" + (f" ({message['reason']})" if message["reason"] else ""))
            case "participant.joined":
                self._names[message["participant_id"]] = message["name"]
                self._line(f"── {message['name']} joined as {message['role']}")
            case "participant.left":
                self._line(f"── {message['name']} left")
            case "participant.connection":
                name = self._names.get(message["participant_id"], "Somebody")
                self._line(f"── {name} " + ("is back" if message["state"] == "connected" else "lost the connection"))
            case "transcript.partial" if self._is_terminal:
                self._over(f"   {message['speaker']}: {message['stable']}{message['unstable']}")
            case "transcript.final":
                self._line(f"{_clock(message['start_ms'])} {message['speaker']}: {_said(message)}")
            case "guidance.shown":
                self._guidance(message)
            case "metrics.updated":
                self._metrics = message
            case "summary":
                self._summary(message)
            case "call.report":
                self._report(message)
            case _:
                self._notice(message)

    def _notice(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session.ending":
                self._line(
                    f"── the call has lasted nearly as long as it may; it ends at {_clock(message['ends_at_ms'])}"
                )
            case "pipeline.status" if "seq" in message:
                self._line(f"── {LEVELS[message['level']]}")
            case "error":
                self._line(f"!! {message['code']}: {message['message']}")

    def _guidance(self, message: dict[str, Any]) -> None:
        self._line(f"      ▸ {message['guidance_type'].upper()} {message['content']}")
        for evidence in message["evidence"]:
            self._line(f"        “{evidence['quote']}”")

    def _summary(self, message: dict[str, Any]) -> None:
        self._show_metrics()
        self._line("── summary " + ("" if message["generation_status"] == "completed" else "FAILED"))
        self._line(message["tldr"] or message["generation_error"] or "")
        for title, key in (("Decisions", "key_decisions"), ("Follow-up questions", "follow_up_questions")):
            self._list(title, message[key] or [])
        self._list("Action items", [_action(item) for item in message["action_items"] or []])

    def _show_metrics(self) -> None:
        if self._metrics is None:
            return
        self._line("── talk")
        for one in self._metrics["participants"]:
            name = self._names.get(one["participant_id"], one["participant_id"])
            bar = "█" * round(one["talk_ratio"] * 30)
            self._line(f"   {name:<14} {one['talk_ratio']:>4.0%} {bar}")

    def _list(self, title: str, items: list[str]) -> None:
        if items:
            self._line(f"   {title}:")
        for item in items:
            self._line(f"   · {item}")

    def _report(self, message: dict[str, Any]) -> None:
        final, partial = message["final_latency_ms"], message["first_partial_ms"]
        if message["gaps"]:
            self._line(f"── {message['gaps']} passages were not transcribed")
        if final["p50"] is None:
            self._line("── nothing was said")
            return
        self._line(
            f"── {message['transcripts']} transcripts, {message['guidance']} guidance; "
            f"final after end of speech p50 {final['p50']} ms, p95 {final['p95']} ms; "
            f"first text after start of speech p50 {partial['p50']} ms"
        )

    def _over(self, text: str) -> None:
        sys.stdout.write("\r\x1b[2K" + text[-110:])
        sys.stdout.flush()

    def _line(self, text: str) -> None:
        sys.stdout.write(("\r\x1b[2K" if self._is_terminal else "") + text + "\n")
        sys.stdout.flush()


def _clock(ms: int) -> str:
    return f"[{ms // 60_000:02}:{ms // 1000 % 60:02}]"


def _said(final: dict[str, Any]) -> str:
    if final.get("failure") is None:
        return str(final["text"])
    return f"[not transcribed: {max(1, round((final['end_ms'] - final['start_ms']) / 1000))} s of speech]"


def _action(item: dict[str, Any]) -> str:
    who = f"{item['owner']}: " if item.get("owner") else ""
    due = f" ({item['due']})" if item.get("due") else ""
    return f"{who}{item['task']}{due}"
