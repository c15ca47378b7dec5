"""Messages of clients are checked; everything else is an error with a code."""

import pytest

from media_server import events

ID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('{"type":"hello"}', events.Hello(None)),
        ('{"type":"hello","last_seq":0}', events.Hello(0)),
        ('{"type":"hello","last_seq":7,"more":"ignored"}', events.Hello(7)),
        (b'{"type":"ping"}', events.Ping()),
        ('{"type":"session.end"}', events.EndSession()),
        ('{"type":"recording.set","on_record":false}', events.SetRecording(False)),
        ('{"type":"audio.set","muted":true}', events.SetAudio(muted=True, deafened=None)),
        ('{"type":"audio.set","deafened":false,"muted":null}', events.SetAudio(muted=None, deafened=False)),
        ('{"type":"participant.mute","participant_id":"p"}', events.MuteParticipant("p")),
        (
            '{"type":"guidance.feedback","guidance_id":"g","action":"too_late"}',
            events.SendGuidanceFeedback("g", "too_late"),
        ),
    ],
)
def test_messages_are_understood(raw: str | bytes, message: events.ClientMessage) -> None:
    assert events.decode_client_message(raw) == message


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "message_not_json"),
        ("{", "message_not_json"),
        ("[]", "message_not_json"),
        ('"hello"', "message_not_json"),
        ('{"type":1}', "message_not_json"),
        (b"\xff\xfe", "message_not_json"),
        ("\ud800", "message_not_json"),
        ('{"type":"dance"}', "message_unknown"),
        ('{"type":"transcript.final"}', "message_unknown"),
        ('{"type":"hello","last_seq":"7"}', "message_invalid"),
        ('{"type":"hello","last_seq":-1}', "message_invalid"),
        ('{"type":"hello","last_seq":true}', "message_invalid"),
        ('{"type":"recording.set"}', "message_invalid"),
        ('{"type":"recording.set","on_record":1}', "message_invalid"),
        ('{"type":"audio.set","muted":1}', "message_invalid"),
        ('{"type":"audio.set","deafened":"no"}', "message_invalid"),
        ('{"type":"participant.mute"}', "message_invalid"),
        ('{"type":"guidance.feedback","guidance_id":"g","action":"liked"}', "message_invalid"),
        ('{"type":"guidance.feedback","guidance_id":["g"],"action":"clicked"}', "message_invalid"),
    ],
)
def test_anything_else_is_an_error_with_a_code(raw: str | bytes, code: str) -> None:
    with pytest.raises(events.BadMessageError) as refused:
        events.decode_client_message(raw)
    assert refused.value.code == code


def test_the_size_is_limited_from_both_sides() -> None:
    body = '{"type":"ping","x":"%s"}'
    room = events.MAX_MESSAGE_BYTES - len(body % "")
    events.decode_client_message(body % ("y" * room))
    with pytest.raises(events.BadMessageError) as refused:
        events.decode_client_message(body % ("y" * (room + 1)))
    assert refused.value.code == "message_too_large"


def test_the_largest_final_is_no_more_than_any_reader_takes() -> None:
    """64 KiB is what a reader takes that announces nothing (RFC 8841 §6.1); a decoder gives 448 tokens at most."""
    word = events.Word("characteristically", 2**31, 2**31, 0.123)
    final = events.TranscriptFinal(
        transcript_id=ID, utterance_id=ID, participant_id=ID, speaker="é" * 50, start_ms=2**31, end_ms=2**31,
        text=" ".join([word.text] * 448), words=[word] * 448, confidence=0.123456789012345, language="en",
    )  # fmt: skip
    assert 32_000 < len(events.encode(final.type, events.payload(final), 2**31, 2**53)) < 64 * 1024
