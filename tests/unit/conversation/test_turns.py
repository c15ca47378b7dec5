"""Turns, interruptions, backchannels and waits from speech times."""

from __future__ import annotations

from media_server.conversation.dialogue import Dialogue
from media_server.conversation.endpointing import LONGEST_HANGOVER_MS
from media_server.conversation.interruptions import Interruption
from media_server.conversation.types import Utterance


class Talk:
    """Gives speech to a dialogue as it would be heard: starts 100 ms late, ends 450 ms late, texts 1 s late."""

    def __init__(self, *, ends_late_ms: int = 450) -> None:
        self._ends_late_ms = ends_late_ms
        self.dialogue = Dialogue()
        self.interruptions: list[Interruption] = []

    def play(self, *spoken: tuple[str, int, int, str], until_ms: int) -> Dialogue:
        steps = []
        for number, (_, start_ms, end_ms, _) in enumerate(spoken):
            steps += [
                (start_ms + 100, 0, number),
                (end_ms + self._ends_late_ms, 1, number),
                (end_ms + 1_000, 2, number),
            ]
        steps.sort()
        for now_ms in range(0, until_ms + 1, 250):
            while steps and steps[0][0] <= now_ms:
                _, step, number = steps.pop(0)
                self._tell(step, f"t{number}", spoken[number])
            self.interruptions += self.dialogue.advance(now_ms)
        return self.dialogue

    def _tell(self, step: int, transcript_id: str, spoken: tuple[str, int, int, str]) -> None:
        who, start_ms, end_ms, text = spoken
        match step:
            case 0:
                self.dialogue.speech_started(who, start_ms)
            case 1:
                self.dialogue.speech_ended(who, start_ms, end_ms)
            case _ if text:
                self.dialogue.transcript(Utterance(transcript_id, who, who, start_ms, end_ms, text))


def test_turns_alternate() -> None:
    dialogue = Talk().play(
        ("Anna", 0, 3_000, "Hello there."),
        ("David", 3_500, 6_000, "Hello Anna."),
        ("Anna", 6_400, 9_000, "Fine."),
        until_ms=12_000,
    )
    assert dialogue.turns.count == 3


def test_a_pause_of_the_same_speaker_is_the_same_turn() -> None:
    dialogue = Talk().play(("Anna", 0, 3_000, "One."), ("Anna", 5_000, 8_000, "Two."), until_ms=12_000)
    assert dialogue.turns.count == 1


def test_a_short_answer_is_a_turn() -> None:
    dialogue = Talk().play(("Anna", 0, 3_000, "Is it?"), ("David", 3_400, 3_700, "Yes."), until_ms=8_000)
    assert dialogue.turns.count == 2


def test_a_short_objection_between_two_sentences_is_a_turn() -> None:
    dialogue = Talk().play(
        ("Anna", 0, 3_000, "It costs ten."),
        ("David", 3_300, 3_900, "Too much."),
        ("Anna", 4_300, 8_000, "Well."),
        until_ms=12_000,
    )
    assert dialogue.turns.count == 3


def test_a_backchannel_is_neither_turn_nor_interruption() -> None:
    talk = Talk()
    dialogue = talk.play(
        ("Anna", 0, 10_000, "A long story."),
        ("David", 4_000, 4_500, "Mm-hmm."),
        ("David", 7_000, 8_300, "Yeah, okay."),
        until_ms=16_000,
    )
    assert (dialogue.turns.count, talk.interruptions) == (1, [])


def test_a_backchannel_in_a_pause_is_no_turn() -> None:
    dialogue = Talk().play(
        ("Anna", 0, 3_000, "First."),
        ("David", 3_200, 3_600, "Mm-hmm."),
        ("Anna", 3_900, 8_000, "Second."),
        until_ms=14_000,
    )
    assert dialogue.turns.count == 1


def test_a_backchannel_does_not_break_a_monologue() -> None:
    dialogue = Talk().play(
        ("Anna", 0, 10_000, "A long story."),
        ("David", 4_000, 4_500, "Mm-hmm."),
        ("Anna", 10_600, 15_000, "More."),
        until_ms=18_000,
    )
    assert dialogue.turns.longest_ms("Anna") == 15_000


def test_three_seconds_of_silence_break_a_monologue() -> None:
    dialogue = Talk().play(("Anna", 0, 5_000, "One."), ("Anna", 9_000, 12_000, "Two."), until_ms=14_000)
    assert dialogue.turns.longest_ms("Anna") == 5_000


def test_taking_the_floor_from_somebody_in_full_speech_is_an_interruption() -> None:
    talk = Talk()
    talk.play(("David", 0, 5_000, "I do not want"), ("Anna", 4_000, 8_000, "Do not worry."), until_ms=12_000)
    assert talk.interruptions == [Interruption("Anna", "David", 4_000)]


def test_an_overlap_at_the_end_of_a_turn_is_no_interruption() -> None:
    talk = Talk()
    dialogue = talk.play(("David", 0, 5_000, "That is it."), ("Anna", 4_700, 8_000, "Good."), until_ms=12_000)
    assert (talk.interruptions, dialogue.turns.count) == ([], 2)


def test_a_remark_whose_end_is_known_late_is_no_interruption() -> None:
    talk = Talk(ends_late_ms=LONGEST_HANGOVER_MS - 20)
    talk.play(("Anna", 0, 7_000, "It is long."), ("David", 4_000, 5_950, "As I said before."), until_ms=12_000)
    assert talk.interruptions == []


def test_a_quick_answer_within_the_hangover_is_no_interruption() -> None:
    talk = Talk()
    talk.play(("David", 0, 5_000, "That is it."), ("Anna", 5_100, 8_000, "Good."), until_ms=12_000)
    assert talk.interruptions == []


def test_starting_together_is_no_interruption() -> None:
    talk = Talk()
    talk.play(("David", 0, 1_500, "So we"), ("Anna", 300, 4_000, "Shall we start with that?"), until_ms=9_000)
    assert talk.interruptions == []


def test_giving_up_after_a_second_is_no_interruption() -> None:
    talk = Talk()
    dialogue = talk.play(("David", 0, 8_000, "A story."), ("Anna", 3_000, 4_200, "But what if"), until_ms=12_000)
    assert (talk.interruptions, dialogue.turns.count) == ([], 1)


def test_talking_over_somebody_for_long_is_an_interruption() -> None:
    talk = Talk()
    talk.play(("David", 0, 9_000, "A story."), ("Anna", 3_000, 6_500, "But what if it rains all day?"), until_ms=12_000)
    assert talk.interruptions == [Interruption("Anna", "David", 3_000)]


def test_speech_cut_for_its_length_is_still_the_same_run() -> None:
    talk = Talk()
    dialogue = Dialogue()
    talk.dialogue = dialogue
    dialogue.speech_started("David", 0)
    dialogue.advance(15_000)
    dialogue.speech_ended("David", 0, 14_000)
    dialogue.speech_started("David", 14_000)
    dialogue.speech_started("Anna", 14_500)
    dialogue.speech_ended("David", 14_000, 16_000)
    assert dialogue.advance(17_100) == [Interruption("Anna", "David", 14_500)]


def test_patience_is_the_median_wait_before_answering() -> None:
    dialogue = Talk().play(
        ("Anna", 0, 3_000, "One?"),
        ("David", 3_400, 6_000, "Two."),
        ("Anna", 6_200, 9_000, "Three?"),
        ("David", 10_000, 12_000, "Four."),
        ("Anna", 12_300, 14_000, "Five?"),
        ("David", 14_600, 17_000, "Six."),
        until_ms=20_000,
    )
    assert (dialogue.turns.patience_ms("David"), dialogue.turns.patience_ms("Anna")) == (600, 200)


def test_an_answer_after_half_a_minute_is_no_wait() -> None:
    dialogue = Talk().play(("Anna", 0, 3_000, "One?"), ("David", 33_000, 36_000, "Two."), until_ms=40_000)
    assert dialogue.turns.patience_ms("David") is None
