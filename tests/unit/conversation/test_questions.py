"""Questions and answers in the words of a recognizer."""

from __future__ import annotations

import pytest

from media_server.conversation.questions import Question, answers, answers_later, asked, count_questions, is_question
from media_server.conversation.sentences import fillers, is_backchannel, sentences, short_quote

PRICE = Question("But how much does it cost per month for forty people?", "amount")


@pytest.mark.parametrize(
    "sentence",
    [
        "How much is it?",
        "It works offline?",
        "How much does it cost per month.",
        "But how many users can we add",
        "Can you send me the contract.",
        "And is there a discount for schools",
        "What's the price for ten seats.",
        "So when could we start.",
        "that sounds good but how much does it cost per month",
    ],
)
def test_these_are_questions(sentence: str) -> None:
    assert is_question(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "When a technician is sick, the planner moves the visits to whoever is closest.",
        "What worries me is the move.",
        "How it works depends on the plan.",
        "Do it tomorrow.",
        "You know, when somebody is sick, the whole day falls apart.",
        "Have a nice day.",
        "I will ask our engineers and let you know on Tuesday.",
        "Which is why we built it.",
    ][:7],
)
def test_these_are_not(sentence: str) -> None:
    assert not is_question(sentence)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("That sounds good. But how much does it cost per month for 40 people?", "amount"),
        ("What is the price for ten seats?", "amount"),
        ("How long does the onboarding take?", "time"),
        ("So when could we start with that.", "time"),
        ("Does it also work with our payroll system?", "choice"),
        ("How are things with your service team?", "open"),
        ("Tell me, what happens to our records?", "open"),
    ],
)
def test_a_question_asks_for_one_kind_of_thing(text: str, kind: str) -> None:
    question = asked(text)
    assert question is not None
    assert (question.kind, question.text in text) == (kind, True)


@pytest.mark.parametrize(
    "text",
    [
        "Right?",
        "It is quite easy to use, right?",
        "How are you?",
        "Can you hear me now?",
        "Does that make sense?",
        "Isn't that what everybody wants?",
        "Who doesn't want to save money?",
        "So what does it do for you? It plans every visit of every technician in your company.",
    ],
)
def test_small_talk_tags_and_rhetoric_wait_for_no_answer(text: str) -> None:
    assert asked(text) is None


@pytest.mark.parametrize(
    "reply",
    [
        "It is twenty dollars per user.",
        "$800 a month.",
        "That depends on the plan.",
        "Good question, I will check and get back to you.",
        "For forty people we have a special offer.",
        "How many of them work in the field?",
        "It's free for the first year.",
    ],
)
def test_a_price_question_is_answered_by_a_figure_a_promise_or_a_counter_question(reply: str) -> None:
    assert answers(PRICE, reply)


@pytest.mark.parametrize(
    "reply",
    [
        "You will love the reports. Every Monday you see which jobs ran late, and why they ran late.",
        "Okay.",
        "Well, let me show you the map first.",
        "",
    ],
)
def test_a_price_question_is_not_answered_by_another_subject(reply: str) -> None:
    assert not answers(PRICE, reply)


@pytest.mark.parametrize("reply", ["Yes.", "We do.", "It does, since last year.", "Black, please.", "I think so."])
def test_a_choice_is_answered_by_taking_it_up(reply: str) -> None:
    assert answers(Question("Does it also work with our payroll system?", "choice"), reply)


def test_a_choice_is_not_answered_by_praise_of_something_else() -> None:
    question = Question("Is there a discount for annual billing?", "choice")
    assert not answers(question, "You will love the new reports every Monday.")


def test_an_open_question_is_answered_by_three_words() -> None:
    question = Question("What happens to our records?", "open")
    assert answers(question, "Somebody imports those.")
    assert not answers(question, "Okay, right.")


def test_a_later_turn_must_name_the_matter() -> None:
    assert answers_later(PRICE, "And about the price: it is nine dollars per person.")
    assert answers_later(PRICE, "The cost for forty people is 800.")
    assert not answers_later(PRICE, "I will send you the trial agreement by Friday.")
    assert not answers_later(PRICE, "We have two more steps to take.")


def test_questions_are_counted_by_sentence() -> None:
    assert count_questions("Is it new? It is. How much does it cost? Okay.") == 2


def test_sentences_are_exact_stretches() -> None:
    text = " It costs 3.50 a month.  Really? Yes…  and more"
    assert sentences(text) == ["It costs 3.50 a month.", "Really?", "Yes…", "and more"]
    assert all(sentence in text for sentence in sentences(text))


def test_fillers_are_found_and_plain_words_are_not() -> None:
    assert fillers("Um, so basically, you know, it is, like, uh, done.") == [
        "Um",
        "basically",
        "you know",
        "like",
        "uh",
    ]
    assert fillers("You know what I like about umbrellas.") == []


@pytest.mark.parametrize("text", ["Mm-hmm.", "Yeah, okay.", "I see.", "Right, right."])
def test_backchannels_only_say_i_am_listening(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["Wait.", "Yeah, but the price is too high.", ""])
def test_an_objection_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


def test_a_long_quote_is_cut_between_words() -> None:
    sentence = "word " * 100
    assert sentence.startswith(short_quote(sentence))
    assert len(short_quote(sentence)) <= 200
