"""What time brings to a call: its age, each participant's microphone, pace and usage, and advice.

Rules:
- A microphone's state is told to its owner alone, and more than once, since the channel may lose.
- Audio ahead of its time was dropped: its sender is told, and is cut off if it goes on.
- Echoes are looked for in turns, so that no tick has everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from media_server import events
from media_server.call_age import CallAge
from media_server.charging import Charging
from media_server.journal import Journal
from media_server.notices import Notices
from media_server.participant import Participant
from media_server.pipeline.advise import Advisor
from media_server.rtc.peer import Peer
from media_server.settings import Settings

ECHO_TICKS = 5


class CallWatch:
    """Of one call; `participants` and `peers` are the call's own, by the same keys."""

    def __init__(
        self,
        settings: Settings,
        *,
        journal: Journal,
        notices: Notices,
        charging: Charging,
        advisor: Advisor,
        participants: Mapping[str, Participant],
        peers: Mapping[str, Peer],
        end: Callable[[str], None],
    ) -> None:
        self._max_s = settings.max_call_s
        self._age = CallAge(settings.max_call_s, settings.limits.ending_warning_s)
        self._journal = journal
        self._notices = notices
        self._charging = charging
        self._advisor = advisor
        self._participants = participants
        self._peers = peers
        self._end = end
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()

    async def age(self, now_ms: int) -> None:
        """Warn in time, and end the call when it has lasted long enough."""
        age_s = max(now_ms / 1000, self._loop.time() - self._begun_at)
        match self._age.look(age_s):
            case "warn":
                await self._journal.append(events.SessionEnding(now_ms + round(1000 * (self._max_s - age_s))))
            case "end":
                self._end("maximum duration")

    async def participants(self, tick: int) -> None:
        """One look at each."""
        for place, participant in enumerate(list(self._participants.values())):
            if (tick + place) % ECHO_TICKS == 0:
                participant.judge_echo()
            self._tell_microphone(participant)
            await self._keep_pace(participant)
            await self._charging.tell(participant)

    async def advise(self, now_ms: int) -> None:
        """What the advisor says now."""
        for event in self._advisor.tick(now_ms):
            if event.channel == "live":
                self._journal.live(event)
            else:
                await self._journal.append(event)

    def _tell_microphone(self, participant: Participant) -> None:
        state = participant.microphone_news(self._loop.time())
        if state is not None:
            self._notices.send_live(participant, events.MicrophoneStateChanged(state))

    async def _keep_pace(self, participant: Participant) -> None:
        if participant.pace.take_news():
            await self._notices.tell(
                participant, "audio_too_fast", "Audio that comes faster than real time is dropped; slow down."
            )
        if participant.pace.is_enough and participant.key in self._peers:
            self._peers[participant.key].cut_off("pace")
