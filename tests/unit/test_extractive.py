"""A summary without a language model: real sentences, found by how they are said."""

from __future__ import annotations

import pytest

from control_api.summaries.content import NO_SPEECH, NO_TEXT, ActionItem, Line, clock, full_transcript
from control_api.summaries.extractive import summarize

SALES = (
    ("Anna", "Hi David, thanks for taking the time today. How are things with your service team?"),
    ("David", "Busy, to be honest. We have forty technicians, and we still plan every visit on a whiteboard."),
    (
        "Anna",
        "When a technician is sick, the planner moves the visits to whoever is closest. Most teams start in two weeks.",
    ),
    ("David", "That sounds good. But how much does it cost per month for forty people?"),
    ("Anna", "You will love the reports. Every Monday you see which jobs ran late, and why they ran late."),
    ("David", "What worries me is the move. All of our records are in an old spreadsheet."),
    ("Anna", "Oh, please don't worry about that. We will import the spreadsheet for you."),
    ("David", "Good to hear. So we agreed to start a trial with ten technicians in January."),
    ("Anna", "Perfect. I will send you the trial agreement by Friday."),
    ("David", "And I'll send you the spreadsheet by Wednesday."),
    ("David", "One more question. Does it also work with our payroll system?"),
    ("Anna", "I will ask our engineers and let you know on Tuesday. Thank you, David."),
)


def spoken(*turns: tuple[str, str]) -> list[Line]:
    lines, at_ms = [], 0
    for number, (speaker, text) in enumerate(turns):
        end_ms = at_ms + 60 * len(text)
        lines.append(Line(f"t{number}", speaker, at_ms, end_ms, text))
        at_ms = end_ms + 500
    return lines


def test_no_speech_is_said_honestly() -> None:
    content = summarize([])
    assert content.tldr == NO_SPEECH
    assert content.key_decisions + content.follow_up_questions == ()
    assert content.action_items == ()
    assert content.conversation_highlights == ()


def test_speech_of_which_nothing_was_transcribed_is_no_silence() -> None:
    assert summarize([Line("t", "Anna", 0, 100, "")]).tldr == NO_TEXT


def test_what_was_not_transcribed_is_no_sentence() -> None:
    said = spoken(*SALES)
    gap = Line("gap", "Anna", 0, 4_000, "")
    assert summarize([gap, *said, gap]).tldr.split("“", 1)[1] == summarize(said).tldr.split("“", 1)[1]


def test_what_was_not_transcribed_is_marked_in_the_transcript() -> None:
    lines = [Line("a", "Anna", 0, 900, "Hello."), Line("b", "David", 61_000, 64_800, "")]
    assert full_transcript(lines).splitlines() == [
        "[00:00] Anna: Hello.",
        "[01:01] David: [not transcribed: 4 s of speech]",
    ]


def test_tldr_names_the_speakers_and_quotes_them() -> None:
    lines = spoken(*SALES)
    tldr = summarize(lines).tldr
    assert tldr.startswith("Anna and David spoke for ")
    said = " ".join(line.text for line in lines).lower()
    assert all(quote.lower() in said for quote in tldr.split("“")[1:] for quote in [quote.split("”")[0]])


def test_the_decision_is_found() -> None:
    assert summarize(spoken(*SALES)).key_decisions == ("We agreed to start a trial with ten technicians in January.",)


def test_promises_have_owner_and_due_phrase() -> None:
    assert summarize(spoken(*SALES)).action_items == (
        ActionItem("I will send you the trial agreement by Friday.", "Anna", "by Friday"),
        ActionItem("I'll send you the spreadsheet by Wednesday.", "David", "by Wednesday"),
        ActionItem("I will ask our engineers and let you know on Tuesday.", "Anna", "on Tuesday"),
    )


def test_passed_over_and_deferred_questions_stay_open() -> None:
    assert summarize(spoken(*SALES)).follow_up_questions == (
        "How much does it cost per month for forty people?",
        "Does it also work with our payroll system?",
    )


def test_highlights_are_verbatim_with_speaker_and_time() -> None:
    lines = spoken(*SALES)
    highlights = summarize(lines).conversation_highlights
    assert 3 <= len(highlights) <= 5
    for highlight in highlights:
        source = next(line for line in lines if highlight.text in line.text)
        assert source.speaker == highlight.speaker
        assert source.start_ms <= highlight.start_ms < source.end_ms


def test_a_question_at_the_very_end_stays_open() -> None:
    content = summarize(spoken(("A", "Where should we store the backup tapes?")))
    assert content.follow_up_questions == ("Where should we store the backup tapes?",)


def test_an_answered_question_is_not_open() -> None:
    content = summarize(spoken(("A", "How many seats do you need?"), ("B", "We need forty seats.")))
    assert content.follow_up_questions == ()


def test_small_talk_is_no_open_question() -> None:
    content = summarize(spoken(("A", "Hello, can you hear me okay?")))
    assert content.follow_up_questions == ()


def test_a_question_without_its_mark_is_still_a_question() -> None:
    content = summarize(spoken(("A", "how many licences do you need")))
    assert content.follow_up_questions == ("How many licences do you need",)


def test_a_request_and_its_promise_are_one_item() -> None:
    content = summarize(
        spoken(
            ("Agent", "Could you send me a screenshot of the error by tonight?"),
            ("Customer", "Sure, I'll send it this afternoon."),
        )
    )
    assert content.action_items == (
        ActionItem("Could you send me a screenshot of the error by tonight?", "Customer", "this afternoon"),
    )


def test_a_request_to_one_of_many_belongs_to_whom_it_names() -> None:
    content = summarize(
        spoken(("Ada", "Good morning."), ("Ben", "Hello."), ("Cleo", "Ben, can you review the contract next week?"))
    )
    assert content.action_items == (ActionItem("Ben, can you review the contract next week?", "Ben", "next week"),)


def test_a_joint_plan_has_no_owner() -> None:
    content = summarize(spoken(("A", "Let's schedule a call for next Tuesday at ten."), ("B", "Fine.")))
    assert content.action_items == (
        ActionItem("Let's schedule a call for next Tuesday at ten.", None, "next Tuesday at ten"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "If we agreed on a price we could start.",
        "We haven't decided on the vendor yet.",
        "That is a great deal of paperwork.",
        "Should we go with the small plan?",
    ],
)
def test_what_is_undecided_is_no_decision(text: str) -> None:
    assert summarize(spoken(("A", text))).key_decisions == ()


@pytest.mark.parametrize(
    "text", ["I'll be honest with you.", "I can't send the file.", "I'll tell you a story about trains."]
)
def test_figures_of_speech_are_no_promises(text: str) -> None:
    assert summarize(spoken(("A", text))).action_items == ()


def test_one_sentence_cut_by_a_pause_is_one_sentence() -> None:
    lines = [
        Line("1", "A", 0, 1000, "I will send you the signed contract"),
        Line("2", "A", 1800, 2500, "by Friday."),
    ]
    assert summarize(lines).action_items == (
        ActionItem("I will send you the signed contract by Friday.", "A", "by Friday"),
    )


def test_the_full_transcript_has_one_timed_line_an_utterance() -> None:
    lines = [Line("1", "Ada", 4_900, 6_000, "Hello."), Line("2", "Ben", 61_000, 62_000, "Hi.")]
    assert full_transcript(lines) == "[00:04] Ada: Hello.\n[01:01] Ben: Hi."


def test_the_clock_shows_hours_when_there_are_any() -> None:
    assert clock(3_723_000) == "1:02:03"


def test_a_question_after_a_polite_opening_is_still_a_question() -> None:
    content = summarize(
        spoken(
            ("David", "That sounds good, but how much does it cost per month for 40 people?"),
            ("Anna", "You will love the reports, every Monday you see which jobs ran late."),
            ("David", "Okay, I still worry about the move."),
        )
    )
    assert content.follow_up_questions == ("That sounds good, but how much does it cost per month for 40 people?",)


def test_words_that_belong_to_a_sentence_are_not_taken_off_its_front() -> None:
    content = summarize(spoken(("David", "Good to hear, so we agreed to start a trial in January.")))
    assert content.key_decisions == ("Good to hear, so we agreed to start a trial in January.",)
