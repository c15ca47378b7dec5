"""One spelling for each address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.addresses import normalized


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Ada@Example.ORG", "ada@example.org"),
        (" ada@example.org ", "ada@example.org"),
        ("a.d.a@example.org", "a.d.a@example.org"),
        ("ada+sales@example.org", "ada+sales@example.org"),
        ("owner@localhost", "owner@localhost"),
        ("o'hara@example.org", "o'hara@example.org"),
        ("ada@Bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@ｅxample.org", "ada@example.org"),  # full-width letters are the DNS's own
        ("ada@example。org", "ada@example.org"),
        ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_an_address_has_one_spelling(typed: str, plain: str) -> None:
    assert normalized(typed) == plain


@pytest.mark.parametrize(
    "typed",
    [
        "", "@", "ada", "ada@", "@example.org", "ada@@example.org", "ada@example..org", "ada@.example.org",
        ".ada@example.org", "ada.@example.org", "a..da@example.org", "a da@example.org", '"ada"@example.org',
        "ada@example.org\n", "ada@exa\nmple.org", "ada\x00@example.org", "ada@[127.0.0.1]", "ada@-example.org",
        "аda@example.org", "adа@example.org", "ａda@example.org", "İda@example.org", "\u212a@example.org",
        "ada＠example.org", "ada\u200b@example.org", "ada@exa\u200fmple.org", "ada,eve@example.org",
        "ada@example.org,eve@example.org", "Ada <ada@example.org>", "a" * 65 + "@example.org",
        "ada@" + "x" * 64 + ".org", "ada@" + ".".join(["x" * 60] * 5),
    ],
)  # fmt: skip
def test_what_only_looks_like_an_address_is_none(typed: str) -> None:
    with pytest.raises(ValueError):
        normalized(typed)


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9.+ü-]{1,20}@[A-Za-z0-9.üß-]{1,20}", fullmatch=True))
def test_a_spelling_is_its_own_and_plain_ascii(typed: str) -> None:
    try:
        plain = normalized(typed)
    except ValueError:
        return
    assert plain.isascii()
    assert plain == plain.lower()
    assert normalized(plain) == plain
    assert not set(plain) & set(' \r\n\t,;<>"()[]\\:\x00')
