"""The window onto a session's log: nothing is left out, nothing comes twice, and what is forgotten is known to be."""

from __future__ import annotations

from dataclasses import replace

import orjson

from control_api.followers.messages import message_of
from control_api.followers.window import Window
from tests.log_entries import entry


def seqs(window: Window, place: int = 0) -> list[int]:
    return [message.seq for message in window.since(place) or []]


def test_numbers_that_follow_each_other_are_taken() -> None:
    window = Window(7)
    assert [window.take(entry(seq)) for seq in (8, 9, 9, 8, 7, 10)] == ["new", "new", "known", "known", "known", "new"]
    assert seqs(window) == [8, 9, 10]


def test_a_skipped_number_changes_nothing_until_postgres_was_asked() -> None:
    window = Window(0)
    assert [window.take(entry(seq)) for seq in (1, 3, 2)] == ["new", "gap", "new"]
    assert window.extend([entry(2), entry(3), entry(10)]) == 2
    assert window.take(entry(3)) == "known"
    assert seqs(window) == [1, 2, 3, 10]


def test_what_an_earlier_epoch_left_is_passed_on_late_and_once() -> None:
    window = Window(5)
    window.extend([replace(entry(20), epoch=2)])
    late = entry(6)
    assert [window.take(late), window.take(late)] == ["new", "known"]
    assert [(each.seq, each.is_late) for each in window.since(0) or []] == [(20, False), (6, True)]
    assert window.newest_seq == 20
    assert b"id:" not in (window.since(1) or [])[0].event()


def test_whoever_has_too_little_is_sent_to_postgres() -> None:
    window = Window(5, size=3)
    assert [window.place_after(seq) for seq in (4, 5, 9)] == [None, 0, 0]
    window.extend(entry(seq) for seq in range(6, 11))
    assert [window.place_after(seq) for seq in (6, 7, 8, 10)] == [None, 2, 3, 5]
    assert seqs(window, 2) == [8, 9, 10]
    assert window.since(1) is None


def test_a_message_is_what_the_call_sends() -> None:
    message = message_of(entry(3, text='{"text": "a\\nb", "n": 1}'))
    assert orjson.loads(message.data) == {
        "type": "pipeline.status", "at_ms": 300, "seq": 3, "text": "a\nb", "n": 1
    }  # fmt: skip
    assert message.event() == b"id: 3\ndata: " + message.data + b"\n\n"
    assert message.data.count(b"\n") == 0
    assert orjson.loads(message_of(entry(4, text="{}")).data)["seq"] == 4
