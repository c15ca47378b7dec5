"""One participant's speech on its way to readers, log and advisor."""

from __future__ import annotations

from collections import deque
from uuid import uuid4

from media_server import telemetry
from media_server.conversation.types import Speech, SpeechEnded, SpeechStarted, SpokenWord, Utterance, samples_to_ms
from media_server.events import TranscriptFinal, TranscriptPartial, Word
from media_server.journal import Journal
from media_server.participant import Guest
from media_server.pipeline.advise import Advisor
from media_server.pipeline.listen import Listener, Stream
from media_server.pipeline.transcribe import Final, Partial, Transcriber

MAX_DROPPED = 20


class Scribe:
    """Listens to a stream of its own from the moment it is made; `stream` takes the participant's audio."""

    def __init__(
        self, guest: Guest, journal: Journal, advisor: Advisor, listener: Listener, transcriber: Transcriber
    ) -> None:
        self._guest = guest
        self._journal = journal
        self._advisor = advisor
        self.dropped: deque[Final] = deque(maxlen=MAX_DROPPED)
        """What was recognized and not believed, newest last; it is shown to nobody and stored nowhere."""
        self.stream: Stream = listener.add_stream(self._spoken)
        self._track = transcriber.track(self.stream, self._show, self._keep, call=journal)

    def _spoken(self, speech: Speech) -> None:
        person = str(self._guest.id)
        match speech:
            case SpeechStarted(start_sample):
                self._advisor.speech_started(person, samples_to_ms(start_sample))
            case SpeechEnded(start_sample, end_sample):
                self._advisor.speech_ended(person, samples_to_ms(start_sample), samples_to_ms(end_sample))
        self._track.on_speech(speech)

    def _show(self, partial: Partial) -> None:
        self._journal.live(
            TranscriptPartial(
                utterance_id=partial.utterance_id,
                participant_id=str(self._guest.id),
                speaker=self._guest.speaker,
                start_ms=partial.start_ms,
                end_ms=partial.end_ms,
                stable=partial.stable,
                unstable=partial.unstable,
            )
        )

    async def _keep(self, final: Final) -> None:
        """What was said, or that something was said and not transcribed: a marked gap is an entry like any other."""
        if final.dropped is not None:
            telemetry.FINALS_DROPPED.labels(final.dropped).inc()
            self.dropped.append(final)
        if final.failure is not None:
            telemetry.GAPS.labels(final.failure).inc()
        event, is_worth_keeping = self._event(final), bool(final.text) or final.failure is not None
        if is_worth_keeping and await self._journal.append(event, row={"stt_provider": final.provider or None}):
            self._advisor.transcript(_utterance(event))
        else:  # no final takes the place of its partials
            self._show(Partial(final.utterance_id, final.start_ms, final.end_ms, "", ""))

    def _event(self, final: Final) -> TranscriptFinal:
        return TranscriptFinal(
            transcript_id=str(uuid4()),
            utterance_id=final.utterance_id,
            participant_id=str(self._guest.id),
            speaker=self._guest.speaker,
            start_ms=final.start_ms,
            end_ms=final.end_ms,
            text=final.text,
            words=[Word(word.text, word.start_ms, word.end_ms, word.probability) for word in final.words],
            confidence=final.confidence,
            language=final.language,
            failure=final.failure,
        )


def _utterance(event: TranscriptFinal) -> Utterance:
    return Utterance(
        transcript_id=event.transcript_id,
        participant_id=event.participant_id,
        speaker=event.speaker,
        start_ms=event.start_ms,
        end_ms=event.end_ms,
        text=event.text,
        words=tuple(SpokenWord(word.text, word.start_ms, word.end_ms, word.probability) for word in event.words),
    )
