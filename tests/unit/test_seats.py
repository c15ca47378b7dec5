"""Who has a place in a call: while connections come, are lost, are replaced and come again."""

from __future__ import annotations

import pytest

from media_server.events import ParticipantConnection, ParticipantJoined, ParticipantLeft
from media_server.seats import Seat, Seats

GRACE_S = 15.0
ANN = ParticipantJoined("ann", "Ann", "host", "browser")
LEFT = ParticipantLeft("ann", "Ann", "host", "browser")
AWAY, BACK = ParticipantConnection("ann", "reconnecting"), ParticipantConnection("ann", "connected")


@pytest.fixture
def seats() -> Seats:
    return Seats(GRACE_S)


def come(seats: Seats, key: str) -> Seat:
    seat = seats.take(ANN, key)
    seats.connected(seat)
    return seat


def test_who_comes_is_announced_once_the_connection_is_there(seats: Seats) -> None:
    seat = seats.take(ANN, "1")
    assert "ann" in seats
    assert seats.connected(seat) == ANN
    assert seats.connected(seat) is None


def test_of_a_connection_that_never_came_nobody_is_told(seats: Seats) -> None:
    seats.take(ANN, "1")
    assert seats.lost("1", 0) is None
    assert len(seats) == 0


def test_who_is_back_in_time_never_left(seats: Seats) -> None:
    come(seats, "1")
    assert seats.lost("1", 10) == AWAY
    assert seats.expire(10 + GRACE_S - 0.01) == []
    assert seats.connected(seats.take(ANN, "2")) == BACK
    assert seats.expire(1_000) == []


def test_who_is_not_back_in_time_has_left(seats: Seats) -> None:
    come(seats, "1")
    seats.lost("1", 10)
    assert seats.expire(10 + GRACE_S) == [LEFT]
    assert "ann" not in seats
    assert seats.connected(seats.take(ANN, "2")) == ANN


def test_a_connection_that_is_being_made_is_waited_for(seats: Seats) -> None:
    come(seats, "1")
    seats.lost("1", 0)
    seats.take(ANN, "2")
    assert seats.expire(GRACE_S + 5) == []
    assert seats.lost("2", GRACE_S + 9) is None
    assert seats.expire(GRACE_S + 9) == [LEFT]


def test_the_newest_connection_has_the_seat(seats: Seats) -> None:
    come(seats, "1")
    assert seats.connected(seats.take(ANN, "2")) is None
    assert seats.lost("1", 0) is None
    assert seats.leave("1") is None
    assert seats.lost("2", 0) == AWAY


def test_a_newer_connection_that_never_came_loses_the_seat_too(seats: Seats) -> None:
    come(seats, "1")
    seats.take(ANN, "2")
    assert seats.lost("2", 20) == AWAY


def test_who_leaves_is_gone_at_once_and_from_away_too(seats: Seats) -> None:
    come(seats, "1")
    assert seats.leave("1") == LEFT
    come(seats, "2")
    seats.lost("2", 0)
    assert seats.leave("2") == LEFT
    assert seats.leave("2") is None


def test_what_a_person_chose_outlives_the_connection_and_not_the_seat(seats: Seats) -> None:
    come(seats, "1").is_on_record = False
    seats.lost("1", 0)
    assert not come(seats, "2").is_on_record
    seats.leave("2")
    assert come(seats, "3").is_on_record


def test_who_was_here_in_an_earlier_epoch_has_the_same_time(seats: Seats) -> None:
    seats.keep(ANN, is_on_record=False, now=5)
    assert seats.expire(5 + GRACE_S - 0.01) == []
    seat = seats.take(ANN, "1")
    assert (seats.connected(seat), seat.is_on_record) == (BACK, False)
    seats.keep(ANN, is_on_record=True, now=5)
    assert seats.expire(5 + GRACE_S) == [LEFT]


def test_when_a_call_ends_nobody_is_waited_for(seats: Seats) -> None:
    come(seats, "1")
    seats.take(ParticipantJoined("bob", "Bob", "customer", "browser"), "2")
    seats.lost("1", 0)
    assert seats.give_up_away() == [LEFT]
    assert "bob" in seats


def test_nobody_waits_for_who_is_dismissed(seats: Seats) -> None:
    come(seats, "1")
    assert seats.lost("1", 0) == AWAY
    assert seats.dismiss("ann") == LEFT
    assert "ann" not in seats
    assert seats.dismiss("ann") is None
