"""What the people of one call have switched off: their own voice (muted), and that of all others (deafened).

Rules:
- Everybody switches for themselves. Somebody else may mute them, and nobody else unmutes them.
- Whoever moderates the call from outside takes back what somebody else had switched off, never what the person did.
- It belongs to the person: whoever comes back on another connection, or in a later epoch, finds it as it was.
- Whoever has no data channel cannot say "unmute me" but by publishing anew: who left and comes again without one begins
  unmuted. A connection that was lost and comes back says nothing, and changes nothing.
- Muting counts at once, whatever the log does. Unmuting that cannot be told to anybody is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from media_server.conversation.audibility import NOTHING_OFF, AudioState
from media_server.events import ParticipantAudioChanged
from media_server.journal import Journal
from media_server.outcomes import DONE, NOT_KEPT
from media_server.participant import Participant
from media_server.rtc.mixer import Mixer


class AudioSwitches:
    """Of one call."""

    def __init__(self, participants: Mapping[str, Participant], mixer: Mixer, journal: Journal) -> None:
        self._participants = participants
        self._mixer = mixer
        self._journal = journal
        self._states: dict[UUID, AudioState] = {}
        """Only of people who have something switched off."""
        self._imposed: set[UUID] = set()
        """Who was muted by somebody else."""

    def take_up(self, states: Mapping[UUID, AudioState], imposed: Iterable[UUID] = ()) -> None:
        """What the log of earlier epochs says."""
        self._imposed.update(imposed)
        for person, state in states.items():
            self._keep(person, state)

    def apply(self, participant: Participant) -> None:
        """Bring one connection to what its person has switched off."""
        state = self._states.get(participant.guest.id, NOTHING_OFF)
        rules = self._mixer.audibility.muting(participant.key, is_muted=state.muted)
        self._mixer.audibility = rules.deafening(participant.key, is_deafened=state.deafened)
        participant.mute(state.muted)

    async def order(self, person: UUID, *, muted: bool) -> str:
        """By whoever moderates the call; what came of it."""
        is_muted = self._states.get(person, NOTHING_OFF).muted
        if is_muted and not muted and person not in self._imposed:
            return "muted_by_themselves"
        await self.switch(person, muted=muted, deafened=None, by=None)
        return DONE if self._states.get(person, NOTHING_OFF).muted == muted else NOT_KEPT

    async def switch(self, person: UUID, *, muted: bool | None, deafened: bool | None, by: UUID | None) -> None:
        """None: it stays as it is, or was nobody in the call. Everybody is told of a change."""
        before = self._states.get(person, NOTHING_OFF)
        after = AudioState(before.muted if muted is None else muted, before.deafened if deafened is None else deafened)
        if after == before:
            return
        was_imposed = person in self._imposed
        if after.muted != before.muted:
            self._impose(person, is_imposed=after.muted and by != person)
        self._keep(person, after)
        changed = ParticipantAudioChanged(str(person), after.muted, after.deafened, str(by or ""))
        if not await self._journal.append(changed) and before.muted and not after.muted:
            self._impose(person, is_imposed=was_imposed)
            self._keep(person, before)

    async def begin_anew(self, person: UUID) -> None:
        """This person, who cannot switch, publishes again after having left."""
        await self.switch(person, muted=False, deafened=False, by=person)

    def _impose(self, person: UUID, *, is_imposed: bool) -> None:
        (self._imposed.add if is_imposed else self._imposed.discard)(person)

    def _keep(self, person: UUID, state: AudioState) -> None:
        if state == NOTHING_OFF:
            self._states.pop(person, None)
        else:
            self._states[person] = state
        for participant in self._participants.values():
            if participant.guest.id == person:
                self.apply(participant)
