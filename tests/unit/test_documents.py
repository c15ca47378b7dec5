"""Documents, the pure part: kinds by their bytes, passages, settings, and the cage's rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_api.documents.extraction.plain import decode
from control_api.documents.kinds import kind_of
from control_api.documents.passages import LONGEST, cut
from control_api.settings import SettingsError, read_settings

GIVEN = {"DATABASE_URL": "postgres://x", "LIVECONVO_JOBS_DATABASE_URL": "postgres://y"}


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"%PDF-1.4", "a.txt", "pdf"),
        (b"PK\x03\x04", "a.pdf", "docx"),
        (b"\x89PNG\r\n\x1a\n", "a.pdf", "png"),
        (b"\xff\xd8\xff\xe0", "a", "jpg"),
        (b"words", "a", "txt"),
        (b"words", "a.MD", "md"),
        (b"words", "a.csv", "csv"),
        (b"{}", "a.json", "json"),
        (b"words", "a.pdf", "txt"),
        (b"<svg onload='alert(1)'/>", "a.png", "txt"),
        (b"\xff\xfew\x00", "a", "txt"),
        ("Grüße".encode("cp1252"), "a", "txt"),
        (b" %PDF-1.4\x00", "a.pdf", None),
        (b"MZ\x90\x00", "a.txt", None),
        (b"GIF89a\x01\x00", "a.png", None),
        (b"words\x00", "a.txt", None),
    ],
)
def test_a_file_is_what_its_bytes_say(head: bytes, name: str, kind: str | None) -> None:
    known = kind_of(head, name)
    assert (known and known.name) == kind


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_decoded_by_its_mark_or_as_it_can_be(encoding: str) -> None:
    assert decode("Grüße, 100 €".encode(encoding)) == "Grüße, 100 €"


def test_passages_keep_to_their_page_and_know_it() -> None:
    found = cut(["One.\n\nTwo.", "", "Three."], has_pages=True)
    assert [(each.position, each.page, each.content) for each in found] == [(0, 1, "One.\nTwo."), (1, 3, "Three.")]
    assert [each.page for each in cut(["One."], has_pages=False)] == [None]


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    sentence = "This is a sentence of some words. "
    found = cut([sentence * 100], has_pages=False)
    assert all(each.content.endswith(".") for each in found)
    assert " ".join(each.content for each in found) == (sentence * 100).strip()


@given(st.lists(st.text(max_size=3000), max_size=4))
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost_and_nothing_is_too_long(pages: list[str]) -> None:
    found = cut(pages, has_pages=True)
    assert all(0 < len(each.content) <= LONGEST for each in found)
    assert [each.position for each in found] == list(range(len(found)))
    for number, page in enumerate(pages, 1):
        said = "".join(each.content for each in found if each.page == number)
        assert "".join(said.split()) == "".join(page.split())


@pytest.mark.parametrize(
    "more",
    [
        {"LIVECONVO_CLAMD": "nowhere"},
        {"LIVECONVO_CLAMD": "/run/clamd", "LIVECONVO_SCAN_COMMAND": "clamdscan -"},
        {"LIVECONVO_UPLOAD_MB": "many"},
    ],
)
def test_settings_that_mean_nothing_are_refused(more: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        read_settings(GIVEN | more)


def test_settings_are_read() -> None:
    read = read_settings(GIVEN | {"LIVECONVO_CLAMD": "clam:3310", "LIVECONVO_UPLOAD_MB": "7"})
    assert (read.scanner.clamd, read.uploads.file_mb, read.uploads.files_per_organization) == ("clam:3310", 7, 10_000)
