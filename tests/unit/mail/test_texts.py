"""What mails say: the same in text and HTML, and nothing that somebody else writes into them steers anything."""

from __future__ import annotations

import email
import html
import re
from email.policy import default
from typing import get_args
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.errors import SettingsError
from control_api.mail.message import build_message, checked_address
from control_api.mail.senders import Nowhere, Outbox, Smtp, sender_of
from control_api.mail.texts import TEXTS, Kind, check_params, one_line, render
from control_api.sealing import Sealer, UnreadableError

ORIGIN = "https://convo.example.org"
KINDS = get_args(Kind)


def params_of(kind: Kind, value: str = "Ada") -> dict[str, str]:
    return {name: f"{ORIGIN}/#/x" if name == "link" else value for name in TEXTS[kind].params}


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_every_kind_has_a_text() -> None:
    assert set(TEXTS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_says_what_the_text_says(kind: Kind) -> None:
    rendered = render(kind, params_of(kind), ORIGIN)
    shown = words(html.unescape(re.sub(r"<[^>]+>", " ", rendered.html)))
    for paragraph in rendered.text.split("\n\n")[:-1]:
        assert words(paragraph).split(":http")[0].split(": http")[0] in shown
    if "link" in TEXTS[kind].params:
        assert f'href="{ORIGIN}/#/x"' in rendered.html
        assert f"\n{ORIGIN}/#/x\n" in rendered.text


@pytest.mark.parametrize("kind", KINDS)
def test_what_people_typed_is_no_markup(kind: Kind) -> None:
    rendered = render(kind, params_of(kind, '<img src="x" onerror="y">{link}'), ORIGIN)
    assert "<img" not in rendered.html


def test_an_empty_message_leaves_no_hole() -> None:
    rendered = render("invitation", {**params_of("invitation"), "message": ""}, ORIGIN)
    assert "<p></p>" not in rendered.html
    assert "\n\n\n" not in rendered.text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"link": f"{ORIGIN}/", "hours": "24", "more": "x"},
        {"link": "javascript:alert(1)", "hours": "24"},
        {"link": f"{ORIGIN}/ x", "hours": "24"},
        {"link": f"{ORIGIN}/\r\nBcc: x", "hours": "24"},
    ],
)
def test_parameters_that_are_not_the_kinds_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        check_params("verify_email", wrong)


@given(st.text(max_size=80))
def test_no_title_adds_a_header(title: str) -> None:
    rendered = render("summary_ready", {"title": f"{title}\r\nBcc: eve@example.org", "link": f"{ORIGIN}/"}, ORIGIN)
    message = build_message(uuid4(), "no-reply@example.org", "ada@example.org", rendered)
    read = email.message_from_bytes(message.as_bytes(), policy=default)
    assert sorted(read.keys()) == sorted(
        ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert read["To"] == "ada@example.org"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@x",
        "ada@",
        "a b@x",
        "a@x\r\nBcc: e@x",
        "a@x,b@x",
        "Ada <a@x>",
        'a"b@x',
        "a@x\x00",
        "a@[::1]",
        "a;b@x",
    ],
)
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        checked_address(address)


def test_lines_are_made_one() -> None:
    assert one_line(" a\r\nb\x00\u2028c\u202ed ") == "a b c d"


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls", "username"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, False, None),
        ("smtp://ada%40x:p%2Fw@mail.example.org:25", "mail.example.org", 25, False, "ada@x"),
        ("smtps://u:p@mail.example.org", "mail.example.org", 465, True, "u"),
    ],
)
def test_addresses_of_mail_servers(url: str, host: str, port: int, is_tls: bool, username: str | None) -> None:
    sender = sender_of(url, None)
    assert isinstance(sender, Smtp)
    assert (sender.host, sender.port, sender.is_tls, sender.username) == (host, port, is_tls, username)


@pytest.mark.parametrize("url", ["mail.example.org", "http://x", "smtp://", "smtp://x:99999", "smtp://x/path"])
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        sender_of(url, None)


def test_without_a_server_mails_go_to_the_folder(tmp_path: object) -> None:
    assert isinstance(sender_of("", tmp_path), Outbox)  # type: ignore[arg-type]
    assert isinstance(sender_of("", None), Nowhere)


def test_what_was_sealed_opens_with_the_same_secret_alone() -> None:
    sealed = Sealer("one").seal(b"a token")
    assert b"a token" not in sealed
    assert Sealer("one").open(sealed) == b"a token"
    for sealer, content in (
        (Sealer("other"), sealed),
        (Sealer("one"), sealed[:20] + b"AAAA" + sealed[24:]),
        (Sealer("one"), b""),
    ):
        with pytest.raises(UnreadableError):
            sealer.open(content)
