"""Who holds the floor: turns, monologues, and how long people wait before they answer.

Rules:
- The first to speak has the floor. Somebody else makes a bid for it by speaking, and gets it when the holder is silent
  and the bid lasts a second, or when the holder says nothing within a second after a shorter bid ("Yes.").
- A short bid in or just before the holder's own speech is a backchannel and changes nothing, unless its text shows
  that it was none. A long bid that ends while the holder talks on got nothing either.
- A holder who resumes after 3 s of silence begins a new monologue in the same turn.
- A wait is the time from the holder's end to the next turn's start; an overlap counts as 0, and more than
  10 s is no answer.
Latency: up to a second after the bid, three when its text is needed.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

from media_server.conversation.endpointing import LONGEST_HANGOVER_MS
from media_server.conversation.sentences import is_backchannel
from media_server.conversation.speech_times import SpeechTimes
from media_server.conversation.types import Utterance

BID_MS = 1_000
TEXT_WAIT_MS = 3_000
MONOLOGUE_GAP_MS = 3_000
MAX_WAIT_MS = 10_000


@dataclass(slots=True)
class Turn:
    participant_id: str
    start_ms: int
    monologue_ms: int
    """When the holder began the monologue that runs."""
    last_end_ms: int | None = None
    """End of the holder's speech so far; None before its first end."""


@dataclass(slots=True)
class _Bid:
    participant_id: str
    start_ms: int
    holder_end_ms: int | None
    """End of the holder's speech before it; None while unknown."""
    text: str = ""


class Turns:
    """The floor of one call, told of every start of speech after `SpeechTimes` was."""

    def __init__(self, times: SpeechTimes) -> None:
        self._times = times
        self._bids: dict[str, _Bid] = {}
        self._waits: dict[str, list[int]] = {}
        self._longest: dict[str, int] = {}
        self.turn: Turn | None = None
        self.count = 0

    def started(self, participant_id: str, at_ms: int) -> None:
        if self.turn is None:
            self._give(participant_id, at_ms)
        elif participant_id == self.turn.participant_id:
            self._resume(self.turn, at_ms)
        else:
            self._bids.setdefault(participant_id, _Bid(participant_id, at_ms, self._holder_end(at_ms)))

    def ended(self, participant_id: str, start_ms: int, end_ms: int) -> None:
        if self.turn is None or participant_id != self.turn.participant_id:
            return
        self.turn.last_end_ms = end_ms
        self._longest[participant_id] = max(self.longest_ms(participant_id), end_ms - self.turn.monologue_ms)

    def left(self, participant_id: str) -> None:
        self._bids.pop(participant_id, None)

    def transcript(self, utterance: Utterance) -> None:
        bid = self._bids.get(utterance.participant_id)
        if bid and utterance.end_ms > bid.start_ms:
            bid.text = f"{bid.text} {utterance.text}".strip()

    def advance(self, now_ms: int) -> None:
        """Decide the bids that can be decided by now."""
        for bid in sorted(self._bids.values(), key=lambda bid: bid.start_ms):
            self._decide(bid, now_ms)

    def longest_ms(self, participant_id: str) -> int:
        """The longest monologue that ended."""
        return self._longest.get(participant_id, 0)

    def monologue_ms(self, now_ms: int) -> int:
        """How long the holder's monologue has run, while the holder speaks; else 0."""
        if self.turn is None or not self._times.is_speaking(self.turn.participant_id):
            return 0
        return now_ms - self.turn.monologue_ms

    def patience_ms(self, participant_id: str) -> int | None:
        """Median wait before answering; None before the first answer."""
        waits = self._waits.get(participant_id)
        return waits[(len(waits) - 1) // 2] if waits else None

    def _resume(self, turn: Turn, at_ms: int) -> None:
        if turn.last_end_ms is not None and at_ms - turn.last_end_ms > MONOLOGUE_GAP_MS:
            turn.monologue_ms = at_ms

    def _decide(self, bid: _Bid, now_ms: int) -> None:
        if self.turn is None or bid.participant_id not in self._bids:
            return
        if bid.holder_end_ms is None:
            bid.holder_end_ms = self._holder_end(bid.start_ms)
        run = self._times.run(bid.participant_id)
        end_ms = None if run is None else run.end_ms
        holder_speaks = self._times.is_speaking(self.turn.participant_id)
        if end_ms is None:
            if not holder_speaks and now_ms - bid.start_ms >= BID_MS + LONGEST_HANGOVER_MS:
                self._take(bid)
        elif holder_speaks:
            self._decide_between(bid, end_ms, now_ms)
        elif end_ms - bid.start_ms >= BID_MS or now_ms >= end_ms + BID_MS:
            self._take(bid)

    def _decide_between(self, bid: _Bid, end_ms: int, now_ms: int) -> None:
        """The bid is over and the holder speaks: either a backchannel, or a short answer that was taken up."""
        began_in_silence = bid.holder_end_ms is not None and bid.holder_end_ms <= bid.start_ms
        if began_in_silence and (end_ms - bid.start_ms >= BID_MS or (bid.text and not is_backchannel(bid.text))):
            self._take(bid)
        elif not began_in_silence or bid.text or now_ms >= end_ms + TEXT_WAIT_MS:
            del self._bids[bid.participant_id]

    def _take(self, bid: _Bid) -> None:
        holder = self.turn
        del self._bids[bid.participant_id]
        if holder is None:
            return
        if bid.holder_end_ms is not None and bid.start_ms - bid.holder_end_ms <= MAX_WAIT_MS:
            insort(self._waits.setdefault(bid.participant_id, []), max(0, bid.start_ms - bid.holder_end_ms))
        self._give(bid.participant_id, bid.start_ms)
        run = self._times.run(bid.participant_id)
        if run and run.end_ms is not None:
            self.ended(bid.participant_id, run.start_ms, run.end_ms)
        resumed = self._times.run(holder.participant_id)
        if resumed and resumed.start_ms > bid.start_ms:
            self.started(holder.participant_id, resumed.start_ms)

    def _give(self, participant_id: str, at_ms: int) -> None:
        self.turn = Turn(participant_id, at_ms, at_ms)
        self.count += 1
        for bid in self._bids.values():
            bid.holder_end_ms = None

    def _holder_end(self, at_ms: int) -> int | None:
        """When the holder's speech before this moment ended; None while it goes on or nobody knows any more."""
        run = self._times.run(self.turn.participant_id) if self.turn else None
        return run.end_ms if run and run.start_ms <= at_ms else None
