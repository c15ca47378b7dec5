"""A later epoch knows what the earlier ones heard."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from db.records import LogEntry
from media_server.engines.rule_coach import RuleCoach
from media_server.events import GuidanceShown, MetricsUpdated
from media_server.pipeline.advise import Advisor
from media_server.recall import recall

SESSION, ORGANIZATION = uuid4(), uuid4()


class Past:
    """A log that is written one entry after the other."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    def add(self, kind: str, at_ms: int, **fields: Any) -> None:
        number = len(self.entries) + 1
        self.entries.append(LogEntry(SESSION, ORGANIZATION, number, 1, kind, at_ms, "everyone", orjson.dumps(fields)))

    def person(self, kind: str, name: str, at_ms: int = 0) -> None:
        self.add(f"participant.{kind}", at_ms, participant_id=name, name=name, role="host", source="browser")

    def said(self, name: str, start_ms: int, end_ms: int, text: str) -> None:
        self.add(
            "transcript.final", end_ms + 500, transcript_id=str(uuid4()), utterance_id="u", participant_id=name,
            speaker=name, start_ms=start_ms, end_ms=end_ms, text=text, words=[], confidence=0.9, language="en",
        )  # fmt: skip


def advisor() -> Advisor:
    return Advisor(RuleCoach(), "sales")


def test_who_never_left_is_said_goodbye_to() -> None:
    past = Past()
    past.person("joined", "ann")
    past.person("joined", "bob")
    past.person("left", "ann", 100)
    assert list(recall(past.entries, advisor())) == ["bob"]


def test_who_came_back_is_still_here() -> None:
    past = Past()
    for kind in ("joined", "left", "joined"):
        past.person(kind, "ann")
    here = recall(past.entries, advisor())
    assert (here["ann"].name, here["ann"].role) == ("ann", "host")


def test_metrics_go_on() -> None:
    past = Past()
    past.person("joined", "ann")
    past.person("joined", "bob")
    past.said("ann", 1_000, 7_000, "Let me tell you about our planner.")
    past.said("bob", 8_000, 10_000, "Please do.")
    told = advisor()
    recall(past.entries, told)
    for name in ("ann", "bob"):
        told.participant_joined(name, name, "host")
    told.speech_started("bob", 20_000)
    told.speech_ended("bob", 20_000, 21_000)
    metrics = [event for event in told.tick(22_000) if isinstance(event, MetricsUpdated)][-1]
    talk = {one.participant_id: one.talk_ms for one in metrics.participants}
    assert talk == {"ann": 6_000, "bob": 3_000}


def test_finals_that_came_out_of_order_are_all_counted() -> None:
    past = Past()
    past.person("joined", "ann")
    past.person("joined", "bob")
    past.said("bob", 5_000, 6_000, "Yes.")
    past.said("ann", 1_000, 5_500, "A long sentence that took its time.")
    told = advisor()
    recall(past.entries, told)
    told.participant_joined("ann", "ann", "host")
    told.participant_joined("bob", "bob", "host")
    told.speech_started("bob", 20_000)
    metrics = [event for event in told.tick(21_000) if isinstance(event, MetricsUpdated)][-1]
    talk = {one.participant_id: one.talk_ms for one in metrics.participants}
    assert talk == {"ann": 4_500, "bob": 2_000}


def test_old_reasons_give_no_new_advice() -> None:
    past = Past()
    past.person("joined", "ann")
    past.person("joined", "bob")
    past.said("bob", 1_000, 3_000, "How much does it cost per month?")
    past.said("ann", 4_000, 9_000, "You will love the reports.")
    past.said("bob", 10_000, 12_000, "Okay.")
    told = advisor()
    recall(past.entries, told)
    shown = [event for now in range(60_000, 90_000, 250) for event in told.tick(now)]
    cues = {event.cue for event in shown if isinstance(event, GuidanceShown)}
    assert cues <= {"silence"}  # nobody speaks now, which is news
