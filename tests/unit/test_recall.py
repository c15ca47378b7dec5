"""A later epoch knows what the earlier ones heard."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from db.records import LogEntry
from media_server.conversation.audibility import AudioState
from media_server.engines.rule_coach import RuleCoach
from media_server.events import GuidanceShown, MetricsUpdated
from media_server.pipeline.advise import Advisor
from media_server.recall import recall, recall_audio, recall_level

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


def test_the_level_that_people_were_told_last_is_known() -> None:
    past = Past()
    assert recall_level(past.entries) == "full"
    past.add("pipeline.status", 0, lag_ms=4_000, level="metrics_only")
    past.add("pipeline.status", 9, lag_ms=1_000, level="finals_only")
    past.person("joined", "ann")
    assert recall_level(past.entries) == "finals_only"


def test_what_was_not_transcribed_was_talk_all_the_same() -> None:
    past, coach = Past(), advisor()
    past.person("joined", "ann")
    past.said("ann", 1_000, 5_000, "")
    recall(past.entries, coach)
    [metrics] = [event for event in coach.tick(9_000) if isinstance(event, MetricsUpdated)]
    assert [one.talk_ms for one in metrics.participants] == [4_000]


def test_who_never_left_is_known() -> None:
    past = Past()
    past.person("joined", "ann")
    past.person("joined", "bob")
    past.person("left", "ann", 100)
    assert list(recall(past.entries, advisor())) == ["bob"]


def test_who_came_back_is_still_here() -> None:
    past = Past()
    for kind in ("joined", "left", "joined"):
        past.person(kind, "ann")
    ann = recall(past.entries, advisor())["ann"]
    assert (ann.joined.name, ann.joined.role, ann.is_away, ann.is_on_record) == ("ann", "host", False, True)


def test_who_was_away_or_off_the_record_still_is() -> None:
    past = Past()
    for name in ("ann", "bob", "eve"):
        past.person("joined", name)
        past.add("participant.connection", 0, participant_id=name, state="reconnecting")
        past.add("recording.state", 0, participant_id=name, state="off_record")
    past.add("participant.connection", 0, participant_id="ann", state="connected")
    past.add("recording.state", 0, participant_id="bob", state="on_record")
    past.person("left", "eve")
    past.add("participant.connection", 0, participant_id="eve", state="reconnecting")
    known = recall(past.entries, advisor())
    assert {name: (one.is_away, one.is_on_record) for name, one in known.items()} == {
        "ann": (False, False),
        "bob": (True, True),
    }


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


def test_who_listens_only_is_said_goodbye_to_as_well() -> None:
    past = Past()
    past.add(
        "participant.joined", 0, participant_id="ann", name="ann", role="customer", source="browser", listens_only=True
    )
    assert list(recall(past.entries, advisor())) == ["ann"]


def test_what_somebody_had_switched_off_is_taken_up() -> None:
    ann, bob = uuid4(), uuid4()
    past = Past()
    for person, muted, deafened in ((ann, True, False), (bob, True, True), (ann, True, True), (bob, False, False)):
        past.add("participant.audio", 0, participant_id=str(person), muted=muted, deafened=deafened, by=str(person))
    assert recall_audio(past.entries) == {ann: AudioState(True, True), bob: AudioState(False, False)}
