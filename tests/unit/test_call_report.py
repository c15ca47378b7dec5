"""Latencies are taken against the clean recording."""

from deploy.call.report import Measure, end_of_speech, percentiles, start_of_speech

SPEECH = [(1_000, 2_400), (4_000, 6_000)]


def final(utterance: str, start_ms: int, end_ms: int, participant: str = "alice") -> dict[str, object]:
    return {
        "type": "transcript.final", "utterance_id": utterance, "participant_id": participant,
        "start_ms": start_ms, "end_ms": end_ms,
    }  # fmt: skip


def partial(utterance: str, start_ms: int, unstable: str) -> dict[str, object]:
    return {
        "type": "transcript.partial", "utterance_id": utterance, "participant_id": "alice",
        "start_ms": start_ms, "end_ms": start_ms + 500, "stable": "", "unstable": unstable,
    }  # fmt: skip


def test_a_final_counts_from_the_last_speech_sample() -> None:
    measure = Measure({"alice": SPEECH})
    measure.take(final("u1", 1_050, 2_500), 3_000)
    assert measure.final_ms == [600]


def test_what_was_not_transcribed_is_counted_apart() -> None:
    measure = Measure({"alice": SPEECH})
    measure.take(final("u1", 1_050, 2_500) | {"failure": "recognizer_overloaded"}, 9_000)
    measure.take(final("u2", 4_050, 6_000) | {"failure": None}, 6_500)
    report = measure.report("s", [])
    assert (report["transcripts"], report["gaps"], measure.final_ms, measure.first_partial_ms) == (1, 1, [500], [2_500])


def test_a_cut_inside_speech_counts_from_the_cut() -> None:
    assert end_of_speech(SPEECH, 5_000) == 5_000


def test_a_start_far_from_any_true_start_counts_from_itself() -> None:
    assert start_of_speech(SPEECH, 3_000) == 3_000


def test_the_first_text_of_an_utterance_counts_once() -> None:
    measure = Measure({"alice": SPEECH})
    measure.take(partial("u1", 1_020, ""), 1_300)
    measure.take(partial("u1", 1_020, "Hello"), 1_900)
    measure.take(partial("u1", 1_020, "Hello there"), 2_600)
    measure.take(final("u1", 1_020, 2_400), 3_000)
    assert measure.first_partial_ms == [900]


def test_a_final_without_any_partial_is_its_first_text() -> None:
    measure = Measure({"alice": SPEECH})
    measure.take(final("u1", 1_020, 2_400), 3_000)
    assert measure.first_partial_ms == [2_000]


def test_percentiles_are_ranks() -> None:
    assert percentiles(list(range(1, 101))) == {"p50": 50, "p95": 95}
    assert percentiles([7]) == {"p50": 7, "p95": 7}


def test_nothing_said_has_no_percentiles() -> None:
    assert percentiles([]) == {"p50": None, "p95": None}
