"""What an answer asks of whoever sends us audio."""

from media_server.rtc.answers import asking_for_fec

ANSWER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 9\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:9 G722/8000\r\na=mid:0\r\n"


def test_opus_is_asked_for_with_error_correction() -> None:
    lines = asking_for_fec(ANSWER).split("\r\n")
    place = lines.index("a=rtpmap:111 opus/48000/2")
    assert lines[place + 1] == "a=fmtp:111 minptime=10;useinbandfec=1"
    assert [*lines[: place + 1], *lines[place + 2 :]] == ANSWER.split("\r\n")


def test_what_an_answer_says_of_its_own_stays() -> None:
    spoken_for = ANSWER + "a=fmtp:111 stereo=1\r\n"
    assert asking_for_fec(spoken_for) == spoken_for
