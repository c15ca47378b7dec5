"""Exports: what was said stays text, whatever the format."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import docx
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.exports.captions import to_subrip, to_webvtt
from control_api.exports.docx import to_docx
from control_api.exports.markdown import escaped, to_markdown
from control_api.exports.pdf import MISSING, to_pdf
from control_api.exports.report import Line, Report, Task, Word, clock
from control_api.exports.text import to_text

REPORT = Report(
    title="Renewal *ACME*",
    conversation_type="sales",
    began_at=datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
    duration_s=3_725,
    tldr="They renew.",
    key_decisions=("The price stands.",),
    action_items=(Task("Send the contract", "Ada", "Friday"), Task("Ask legal", None, None)),
    follow_up_questions=("Who signs?",),
    lines=(
        Line(1_500, 3_000, "Ada", "<script>alert(1)</script>\n# Not a heading"),
        Line(3_723_000, None, "Ben", "Yes."),
    ),
)


def test_text_has_everything_in_order() -> None:
    assert to_text(REPORT).splitlines() == [
        "Renewal *ACME*",
        "2026-11-28 09:30 UTC · sales · 01:02:05",
        "",
        "SUMMARY",
        "They renew.",
        "",
        "DECISIONS",
        "- The price stands.",
        "",
        "ACTION ITEMS",
        "- Send the contract (Ada, Friday)",
        "- Ask legal",
        "",
        "FOLLOW-UP QUESTIONS",
        "- Who signs?",
        "",
        "TRANSCRIPT",
        "[00:00:01] Ada: <script>alert(1)</script> # Not a heading",
        "[01:02:03] Ben: Yes.",
    ]


def test_markdown_has_everything_and_speech_is_no_markup() -> None:
    lines = to_markdown(REPORT).splitlines()
    assert lines[0] == "# Renewal \\*ACME\\*"
    headings = [line for line in lines if line.startswith("#")]
    assert headings[1:] == ["## Summary", "## Decisions", "## Action items", "## Follow-up questions", "## Transcript"]
    assert "**Ada** (00:00:01): \\<script\\>alert\\(1\\)\\</script\\> \\# Not a heading" in lines


def test_captions_have_what_was_said_as_text() -> None:
    assert to_webvtt(REPORT).startswith("WEBVTT\n\n00:00:01.500 --> 00:00:03.000\n<v Ada>&lt;script&gt;alert(1)")
    assert to_subrip(REPORT).startswith("1\n00:00:01,500 --> 00:00:03,000\nAda: ‹script›alert(1)")
    assert "01:02:03" in to_webvtt(REPORT)


@pytest.mark.parametrize("make", [to_text, to_markdown])
def test_what_is_not_there_is_left_out(make: object) -> None:
    bare = Report("Empty", None, None, 0)
    assert make(bare) in {"Empty\n", "# Empty\n"}  # type: ignore[operator]


@given(st.text(max_size=200))
def test_no_text_begins_a_block_or_opens_a_tag(text: str) -> None:
    said = escaped(text)
    assert "\n" not in said
    assert not said.startswith(("#", ">", "-", "+", "*", "    "))
    bare = said.replace("\\\\", "")
    assert all(bare[at - 1 : at] == "\\" for at, letter in enumerate(bare) if letter in "<>[]`*_")


def test_a_clock_goes_on_after_an_hour_and_never_back() -> None:
    assert [clock(ms) for ms in (-5, 0, 59_999, 3_600_000, 360_000_000)] == [
        "00:00:00", "00:00:00", "00:00:59", "01:00:00", "100:00:00",
    ]  # fmt: skip


def test_what_was_not_transcribed_is_marked() -> None:
    report = replace(REPORT, lines=(Line(1_500, 5_200, "Ada", ""),))
    assert to_text(report).splitlines()[-1] == "[00:00:01] Ada: [not transcribed: 4 s of speech]"
    assert to_markdown(report).splitlines()[-1] == "**Ada** (00:00:01): " + escaped("[not transcribed: 4 s of speech]")
    assert "[not transcribed: 4 s of speech]" in to_webvtt(report)


def test_captions_are_timed_by_words_where_it_is_known_when_they_were_said() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    words = tuple(Word(word, 1_000 + number * 100, 1_090 + number * 100) for number, word in enumerate(text.split()))
    said = replace(REPORT, lines=(Line(1_000, 20_000, "Ada", text, words),))
    shared_out = replace(REPORT, lines=(Line(1_000, 20_000, "Ada", text),))
    assert "\n00:00:02.400 --> 00:00:03.400\n<v Ada>fifteen" in to_webvtt(said)
    assert "00:00:02.400" not in to_webvtt(shared_out)
    corrected = replace(REPORT, lines=(Line(1_000, 20_000, "Ada", "Something else.", words),))
    assert "<v Ada>else." in to_webvtt(corrected)


def test_a_pdf_has_everything_on_its_pages() -> None:
    pages = pypdf.PdfReader(io.BytesIO(to_pdf(REPORT))).pages
    text = "\n".join(page.extract_text() for page in pages)
    for part in (
        "Renewal *ACME*", "2026-11-28 09:30 UTC · sales · 01:02:05", "They renew.", "The price stands.",
        "Send the contract (Ada, Friday)", "Who signs?", "01:02:03", "<script>alert(1)</script> # Not a heading",
    ):  # fmt: skip
        assert part in text, part
    assert MISSING not in text


def test_a_pdf_has_latin_greek_and_cyrillic_and_says_what_it_lacks() -> None:
    known = replace(REPORT, lines=(Line(0, 1, "Łukasz Ünal", "Договор, σύμβαση, Verträge, năm"),))
    text = _text_of(to_pdf(known))
    assert "Договор, σύμβαση, Verträge, năm" in text
    assert "Łukasz Ünal" in text
    lacking = _text_of(to_pdf(replace(REPORT, lines=(Line(0, 1, "Wei", "预算 and budget"),))))
    assert f"{MISSING}{MISSING} and budget" in lacking
    assert "as DOCX, Markdown or text" in lacking.replace("\n", " ")


def test_a_long_pdf_goes_on_over_pages_and_a_word_without_end_over_lines() -> None:
    lines = tuple(Line(number * 1000, None, "Ada", f"line {number} of it") for number in range(300))
    endless = Line(300_000, None, "Ben", "x" * 2_000)
    document = pypdf.PdfReader(io.BytesIO(to_pdf(replace(REPORT, lines=(*lines, endless)))))
    assert len(document.pages) > 5
    text = "\n".join(page.extract_text() for page in document.pages)
    assert all(f"line {number} of it" in text for number in range(300))
    assert text.count("x") >= 2_000


def test_a_word_document_has_headings_lists_and_every_script() -> None:
    said = (*REPORT.lines, Line(5_000, None, "Wei", "预算 \x00\ud800 ناقشنا"))
    document = docx.Document(io.BytesIO(to_docx(replace(REPORT, lines=said))))
    by_style = [(paragraph.style.name, paragraph.text) for paragraph in document.paragraphs if paragraph.style]
    assert by_style[0] == ("Title", "Renewal *ACME*")
    headings = [text for style, text in by_style if style == "Heading 1"]
    assert headings == ["Summary", "Decisions", "Action items", "Follow-up questions", "Transcript"]
    assert ("List Bullet", "Send the contract (Ada, Friday)") in by_style
    assert [text for _, text in by_style[-3:]] == [
        "Ada  00:00:01  <script>alert(1)</script> # Not a heading",
        "Ben  01:02:03  Yes.",
        "Wei  00:00:05  预算 \ufffd\ufffd ناقشنا",
    ]
    assert document.core_properties.title == "Renewal *ACME*"


@pytest.mark.parametrize("make", [to_pdf, to_docx])
def test_an_empty_session_is_a_file_too(make: Callable[[Report], bytes]) -> None:
    assert make(Report("Empty", None, None, 0))


def _text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
