"""Who has a place in a call, on whatever connection; it is kept for a while when the connection is lost.

Pure: what is to be told comes back as events, time is an argument (the loop's, in seconds).

States of a seat: taken (nobody was told) → here ⇄ away → given up.

Rules:
- The newest connection of a person has the seat; what becomes of an older one changes nothing.
- Who comes back on another connection before the loss of the first was noticed is simply here: nothing is told.
- A seat whose connection is lost is away. `grace_s` later it is given up, unless a connection is being made then.
- Who leaves gives it up at once, and so does whoever says so while away.
- What a person chose (to be off the record, say) belongs to the seat: it outlives the connection.
"""

from __future__ import annotations

from dataclasses import dataclass

from media_server.events import ParticipantConnection, ParticipantJoined, ParticipantLeft


@dataclass(slots=True, eq=False)
class Seat:
    joined: ParticipantJoined
    """How the person was, or will be, announced."""
    key: str | None = None
    """The connection that has the seat."""
    last_key: str | None = None
    is_announced: bool = False
    away_since: float | None = None
    is_on_record: bool = True

    @property
    def left(self) -> ParticipantLeft:
        joined = self.joined
        return ParticipantLeft(joined.participant_id, joined.name, joined.role, joined.source)


class Seats:
    """Of one call, by the person's id."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._seats: dict[str, Seat] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def __contains__(self, participant_id: str) -> bool:
        return participant_id in self._seats

    def has_role(self, role: str) -> bool:
        """Whether somebody of that role has a place."""
        return any(seat.joined.role == role for seat in self._seats.values())

    @property
    def last_keys(self) -> set[str]:
        """The connections that seats were last taken on."""
        return {seat.last_key for seat in self._seats.values() if seat.last_key is not None}

    def take(self, joined: ParticipantJoined, key: str) -> Seat:
        """For a connection that is being made: the person's own, or a new one."""
        seat = self._seats.setdefault(joined.participant_id, Seat(joined))
        seat.joined, seat.key, seat.last_key = joined, key, key
        return seat

    def keep(self, joined: ParticipantJoined, *, is_on_record: bool, now: float) -> None:
        """For somebody who was here in an earlier epoch, and has the usual time to come back."""
        seat = Seat(joined, is_announced=True, away_since=now, is_on_record=is_on_record)
        self._seats[joined.participant_id] = seat

    def connected(self, seat: Seat) -> ParticipantJoined | ParticipantConnection | None:
        """The seat's connection is there. What the others are to be told."""
        was_away, seat.away_since = seat.away_since is not None, None
        if not seat.is_announced:
            seat.is_announced = True
            return seat.joined
        return ParticipantConnection(seat.joined.participant_id, "connected") if was_away else None

    def lost(self, key: str, now: float) -> ParticipantConnection | None:
        """A connection is lost. What the others are to be told."""
        seat = next((seat for seat in self._seats.values() if seat.key == key), None)
        if seat is None:
            return None
        seat.key = None
        if not seat.is_announced:
            del self._seats[seat.joined.participant_id]
            return None
        if seat.away_since is not None:
            return None
        seat.away_since = now
        return ParticipantConnection(seat.joined.participant_id, "reconnecting")

    def leave(self, key: str) -> ParticipantLeft | None:
        """Who came on this connection leaves. What the others are to be told."""
        seat = next((seat for seat in self._seats.values() if seat.last_key == key), None)
        return None if seat is None else self._give_up(seat)

    def dismiss(self, participant_id: str) -> ParticipantLeft | None:
        """Nobody waits for this person any more. What the others are to be told."""
        seat = self._seats.get(participant_id)
        return None if seat is None else self._give_up(seat)

    def expire(self, now: float) -> list[ParticipantLeft]:
        """Those who did not come back in time."""
        return self._give_up_all(
            [seat for seat in self._away() if seat.away_since is not None and now - seat.away_since >= self._grace_s]
        )

    def give_up_away(self) -> list[ParticipantLeft]:
        """Those who are away: nobody waits for them any more."""
        return self._give_up_all(self._away())

    def _away(self) -> list[Seat]:
        return [seat for seat in self._seats.values() if seat.key is None]

    def _give_up_all(self, seats: list[Seat]) -> list[ParticipantLeft]:
        return [left for seat in seats if (left := self._give_up(seat)) is not None]

    def _give_up(self, seat: Seat) -> ParticipantLeft | None:
        del self._seats[seat.joined.participant_id]
        return seat.left if seat.is_announced else None
