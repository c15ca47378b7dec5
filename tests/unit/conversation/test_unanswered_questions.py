"""Which questions are told as unanswered, in dialogues as they happen."""

from __future__ import annotations

import pytest

from tests.unit.conversation.scripted import Line, Played, play

ROLES = {"Anna": "host", "David": "customer"}
WORDS_PER_MS = 2.8 / 1000


def talk(*said: tuple[str, str], gap_ms: int = 500, tail_ms: int = 9_000) -> Played:
    """Each line at a usual pace, after a usual gap."""
    lines, at_ms = [], 1_000
    for who, text in said:
        end_ms = at_ms + max(400, round(len(text.split()) / WORDS_PER_MS))
        lines.append(Line(who, at_ms, end_ms, text))
        at_ms = end_ms + gap_ms
    return play(lines, roles=ROLES, until_ms=at_ms + tail_ms, conversation_type="sales")


def unanswered(played: Played) -> list[str]:
    return [shown.evidence[0].quote for shown in played.shown if shown.cue == "unanswered_question"]


ANSWERED = [
    (("David", "How much does it cost per month?"), ("Anna", "It is twenty dollars per user and month.")),
    (("David", "How much does it cost per month?"), ("Anna", "That depends on how many people use it every day.")),
    (("David", "How much does it cost per month?"), ("Anna", "How many people are you?"), ("David", "Around forty.")),
    (("David", "How long does the setup take?"), ("Anna", "Most teams are up and running within two weeks.")),
    (("David", "When could we start?"), ("Anna", "Whenever you like, really.")),
    (("David", "Can I see the report?"), ("Anna", "Sure.")),
    (("David", "Does it work with our accounting system?"), ("Anna", "I will ask our engineers and let you know.")),
    (("David", "Do you support single sign-on?"), ("Anna", "Our enterprise customers use Okta for that.")),
    (("David", "What happens when the network is down?"), ("Anna", "The phone keeps the whole day in its memory.")),
    (
        ("David", "How much does it cost per month?"),
        ("Anna", "Let me open the right sheet."),
        ("David", "Sure."),
        ("Anna", "It is twenty dollars per user."),
    ),
    (("Anna", "How do you plan your visits today?"), ("David", "On a whiteboard, mostly, and by phone.")),
    (("Anna", "Who else is part of this decision?"), ("David", "My boss and somebody from finance.")),
    (("Anna", "How many technicians do you have?"), ("David", "Forty."), ("Anna", "Great, that helps.")),
    (("David", "It's pretty expensive, right?"), ("Anna", "Let me show you the map first, you will like it.")),
    (("Anna", "Can you hear me all right?"), ("David", "Hi Anna, good morning to everybody.")),
    (("David", "Hello, how are you?"), ("Anna", "Let us get right into the presentation of the new planner.")),
    (("Anna", "So what does it do? It plans every visit of every technician for the whole day."), ("David", "Okay.")),
    (
        ("David", "We plan on a whiteboard. When somebody is sick, the day falls apart."),
        ("Anna", "You will love the map."),
    ),
]


@pytest.mark.parametrize("said", ANSWERED, ids=lambda said: said[0][1])
def test_these_dialogues_leave_no_question_open(said: tuple[tuple[str, str], ...]) -> None:
    assert unanswered(talk(*said)) == []


EVADED = [
    (
        ("David", "How much does it cost per month?"),
        ("Anna", "You will love the reports on every device."),
        ("David", "Okay."),
    ),
    (
        ("David", "So how much is that going to be."),
        ("Anna", "Let me show you the dashboard first."),
        ("David", "Fine."),
    ),
    (
        ("David", "When can you deliver the first version?"),
        ("Anna", "The planner has a beautiful map."),
        ("David", "Hm."),
    ),
    (
        ("David", "Is there a discount for annual billing?"),
        ("Anna", "You will see which jobs ran late."),
        ("David", "I see."),
    ),
    (
        ("Anna", "What is your budget for next year?"),
        ("David", "The map looks really nice to everybody."),
        ("Anna", "Good."),
    ),
]


@pytest.mark.parametrize("said", EVADED, ids=lambda said: said[0][1])
def test_a_question_that_meets_another_subject_is_told(said: tuple[tuple[str, str], ...]) -> None:
    assert unanswered(talk(*said)) == [said[0][1]]


def test_a_question_that_meets_silence_is_told_after_four_seconds() -> None:
    played = talk(("Anna", "Here it is."), ("David", "How much does it cost per month?"), tail_ms=7_000)
    asked_until_ms = 1_000 + 1_071 + 500 + 2_500
    assert unanswered(played) == ["How much does it cost per month?"]
    assert 4_000 <= played.at(played.shown[0]) - asked_until_ms <= 4_500


def test_an_okay_is_no_answer_to_a_price_question() -> None:
    played = talk(("David", "How much does it cost per month?"), ("Anna", "Okay."), tail_ms=9_000)
    assert unanswered(played) == ["How much does it cost per month?"]


def test_a_host_who_asks_gives_time_to_think() -> None:
    assert unanswered(talk(("Anna", "What would you change about it first?"), tail_ms=12_000)) == []


def test_a_host_is_addressed_as_you() -> None:
    assert talk(*EVADED[-1]).shown[0].content.startswith("Your question has not been answered: “What is your budget")


def test_of_questions_back_to_back_only_the_last_waits() -> None:
    played = talk(
        ("David", "How much does it cost per month? And when could we start?"), ("Anna", "Next Monday is fine for us.")
    )
    assert unanswered(played) == []


def test_a_question_in_two_breaths_is_told_once() -> None:
    played = talk(
        ("David", "How much does it cost per month?"),
        ("David", "I mean, how much for forty people?"),
        gap_ms=700,
        tail_ms=20_000,
    )
    assert unanswered(played) == ["I mean, how much for forty people?"]


def test_a_question_that_the_asker_talks_on_from_is_rhetorical() -> None:
    played = talk(
        ("David", "What does that mean for us?"),
        ("David", "It means that forty people wait every single morning for their plan."),
        ("Anna", "You will love the new planner."),
        gap_ms=700,
    )
    assert unanswered(played) == []


def test_a_long_answer_is_waited_for() -> None:
    played = talk(
        ("David", "How much does it cost per month?"),
        (
            "Anna",
            "So, the way we look at that is by the value for your people, and let me explain. It is forty dollars.",
        ),
    )
    assert unanswered(played) == []


def test_the_same_question_is_told_once() -> None:
    played = talk(("David", "How much does it cost per month?"), tail_ms=40_000)
    assert len(unanswered(played)) == 1


def test_an_answer_that_overlaps_the_question_counts() -> None:
    lines = [
        Line("David", 1_000, 4_000, "So how much does it cost per month?"),
        Line("Anna", 3_700, 6_000, "Twenty dollars."),
    ]
    assert unanswered(play(lines, roles=ROLES, until_ms=20_000)) == []


def test_a_recognizer_that_is_two_seconds_late_raises_no_false_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.conversation.scripted.RECOGNITION_MS", 2_500)
    played = talk(
        ("David", "How much does it cost per month?"), ("Anna", "It is twenty dollars."), ("David", "Okay, good.")
    )
    assert unanswered(played) == []


def test_what_was_not_transcribed_may_have_been_the_answer() -> None:
    question = ("David", "How much does it cost per month?")
    assert unanswered(talk(question, ("Anna", "The next page shows our roadmap for the coming year.")))
    assert not unanswered(talk(question, ("Anna", "")))


def test_what_the_asker_said_untranscribed_answers_nothing() -> None:
    assert unanswered(talk(("David", ""), ("David", "How much does it cost per month?")))
