"""Who may hear whom."""

from __future__ import annotations

from media_server.conversation.audibility import Audibility

PEOPLE = ("alice", "bob", "carol")


def heard(rules: Audibility) -> dict[str, str]:
    """Listener → initials of whom they may hear."""
    return {
        listener: "".join(talker[0] for talker in PEOPLE if rules.may_hear(listener, talker)) for listener in PEOPLE
    }


def test_everybody_hears_all_others() -> None:
    assert heard(Audibility()) == {"alice": "bc", "bob": "ac", "carol": "ab"}


def test_nobody_hears_who_is_muted() -> None:
    rules = Audibility().muting("bob")
    assert heard(rules) == {"alice": "c", "bob": "ac", "carol": "a"}
    assert rules.muting("bob", is_muted=False) == Audibility()


def test_who_is_deafened_hears_nobody() -> None:
    rules = Audibility().deafening("bob")
    assert heard(rules) == {"alice": "bc", "bob": "", "carol": "ab"}
    assert rules.deafening("bob", is_deafened=False) == Audibility()


def test_a_supervisor_is_heard_by_those_named_and_hears_all() -> None:
    assert heard(Audibility().confining("carol", ["bob"])) == {"alice": "b", "bob": "ac", "carol": "ab"}
    assert heard(Audibility().confining("carol", [])) == {"alice": "b", "bob": "a", "carol": "ab"}
    assert Audibility().confining("carol", []).confining("carol", None) == Audibility()


def test_what_somebody_does_not_hear_is_one_set() -> None:
    rules = Audibility().muting("bob")
    assert rules.unheard_by("alice", PEOPLE) == {"alice", "bob"}
    assert rules.unheard_by("dora", PEOPLE) == {"bob"}


def test_of_somebody_who_left_nothing_stays() -> None:
    rules = Audibility().muting("bob").deafening("bob").confining("bob", ["alice"])
    assert rules.without("bob") == Audibility()
