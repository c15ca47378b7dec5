"""Who hears which sum, and when a listener changes from one to another."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.mix import EVERYBODY, NOBODY, WAIT_FRAMES, Choice, Mix


def mix_of(**levels: int) -> Mix:
    return Mix(list(levels), np.repeat(np.array([*levels.values()], np.float32)[:, np.newaxis], 960, axis=1))


def level(mix: Mix, left_out: frozenset[Hashable]) -> int | None:
    samples = mix.without([left_out])[left_out]
    return None if samples is None else int(samples[0])


def test_a_mix_is_the_sum_of_all_that_are_not_left_out() -> None:
    mix = mix_of(alice=1_000, bob=200, carol=30)
    assert level(mix, NOBODY) == 1_230
    assert level(mix, frozenset({"alice"})) == 230
    assert level(mix, frozenset({"alice", "carol"})) == 200
    assert level(mix, frozenset({"alice", "bob", "carol"})) is None
    assert level(mix, EVERYBODY) is None


def test_one_loud_voice_is_left_as_it_is() -> None:
    assert level(mix_of(alice=32_767, bob=1), frozenset({"bob"})) == 32_767


def test_two_loud_voices_are_limited() -> None:
    assert 30_000 < (level(mix_of(alice=32_000, bob=32_000), NOBODY) or 0) < 32_767


def test_several_mixes_at_once_are_the_same_as_each_alone() -> None:
    mix = mix_of(alice=32_000, bob=32_000, carol=-500)
    keys = [NOBODY, EVERYBODY, *(frozenset({name}) for name in ("alice", "bob", "carol")), frozenset({"alice", "bob"})]
    together = mix.without(keys)
    assert list(together) == keys
    assert [None if one is None else int(one[0]) for one in together.values()] == [level(mix, key) for key in keys]


def test_the_same_frames_can_be_summed_again() -> None:
    mix = mix_of(alice=1_000, bob=200)
    assert [level(mix, frozenset({"bob"})) for _ in range(2)] == [1_000, 1_000]


def test_who_begins_to_talk_is_left_out_at_once() -> None:
    alice = Choice(unheard=frozenset({"alice"}))
    assert alice.follow(mix_of(bob=5_000)) == NOBODY
    assert alice.follow(mix_of(bob=5_000, alice=5_000)) == {"alice"}


def test_who_fell_silent_goes_back_to_the_shared_mix_in_quiet() -> None:
    alice = Choice(unheard=frozenset({"alice"}), left_out=frozenset({"alice"}))
    assert alice.follow(mix_of(bob=5_000)) == {"alice"}
    assert alice.follow(mix_of(bob=50)) == NOBODY


def test_who_fell_silent_goes_back_when_nobody_talks() -> None:
    assert Choice(unheard=frozenset({"alice"}), left_out=frozenset({"alice"})).follow(mix_of()) == NOBODY


def test_nobody_waits_for_quiet_longer_than_three_seconds() -> None:
    alice = Choice(unheard=frozenset({"alice"}), left_out=frozenset({"alice"}))
    taken = [alice.follow(mix_of(bob=5_000)) for _ in range(WAIT_FRAMES + 1)]
    assert taken.index(NOBODY) == WAIT_FRAMES


def test_a_waiting_listener_changes_at_once_when_the_content_does() -> None:
    alice = Choice(unheard=frozenset({"alice", "carol"}), left_out=frozenset({"alice"}))
    assert alice.follow(mix_of(bob=5_000)) == {"alice"}
    assert alice.follow(mix_of(bob=5_000, carol=5_000)) == {"carol"}


def test_who_may_hear_nobody_keeps_to_one_mix() -> None:
    alice = Choice(unheard=EVERYBODY)
    for mix in (mix_of(bob=5_000), mix_of(bob=5_000, carol=5_000), mix_of()):
        assert alice.follow(mix) == EVERYBODY


people = st.sampled_from(["alice", "bob", "carol", "dora"])


@given(st.lists(st.tuples(st.sets(people), st.integers(20, 8_000), st.booleans()), min_size=1, max_size=60))
def test_whatever_happens_nobody_is_heard_by_whom_they_must_not(
    frames: list[tuple[set[str], int, bool]],
) -> None:
    """Alice never hears herself, and carol never while she is confined."""
    alice = Choice()
    levels = {"alice": 10_000, "bob": 1, "carol": 100, "dora": 3}
    for talking, loudness, is_confined in frames:
        alice.unheard = frozenset({"alice", "carol"} if is_confined else {"alice"})
        mix = mix_of(**{name: levels[name] * loudness // 8_000 for name in talking})
        heard = mix._voices(alice.follow(mix))
        assert heard == talking - alice.unheard
