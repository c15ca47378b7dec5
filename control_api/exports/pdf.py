"""As a PDF on A4: pure, and slow for long sessions; `rendering` runs it in a process of its own.

The font is Noto Sans: Latin, Greek and Cyrillic letters and what belongs to them. What it lacks becomes U+FFFD, and the
last page says so; other formats have every script.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import fontpkg_noto_sans
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from control_api.exports.report import Report, clock, facts, owed

FONT = "NotoSans"
FONT_FILE = Path(fontpkg_noto_sans.__file__).parent / "files" / "NotoSans[wdth,wght].ttf"
MISSING = "\ufffd"
NOTE = (
    f"{MISSING} stands for a character that this file's font does not have. The same session as DOCX, Markdown or text"
    " has it."
)
WIDTH, HEIGHT = A4
MARGIN = 56
TEXT_WIDTH = WIDTH - 2 * MARGIN
TIME_WIDTH = 52
INK, FAINT, SPEAKER = HexColor("#1a1a1a"), HexColor("#6b6b6b"), HexColor("#1f4e8c")


def to_pdf(report: Report) -> bytes:
    pages = _Pages(report.title)
    pages.text(report.title, 18, after=4)
    if facts(report):
        pages.text(" · ".join(facts(report)), 9, colour=FAINT, after=8)
    if report.tldr:
        pages.heading("Summary")
        pages.text(report.tldr, 10)
    pages.items("Decisions", report.key_decisions)
    pages.items(
        "Action items", [f"{item.task} ({owed(item)})" if owed(item) else item.task for item in report.action_items]
    )
    pages.items("Follow-up questions", report.follow_up_questions)
    if report.lines:
        pages.heading("Transcript")
        for line in report.lines:
            pages.said(clock(line.start_ms), line.speaker, line.said)
    return pages.close()


class _Pages:
    """A canvas with a place to go on; pages are numbered."""

    def __init__(self, title: str) -> None:
        self._is_missing_some = False
        font = TTFont(FONT, str(FONT_FILE))
        pdfmetrics.registerFont(font)
        self._glyphs = font.face.charToGlyph
        self._file = io.BytesIO()
        self._canvas = Canvas(self._file, pagesize=A4, invariant=True)
        self._canvas.setTitle(self._drawable(title))
        self._y = HEIGHT - MARGIN

    def heading(self, text: str) -> None:
        self._room(48)
        self._y -= 10
        self.text(text, 13, after=2)

    def text(self, text: str, size: int, *, indent: int = 0, colour: HexColor = INK, after: int = 0) -> None:
        for line in self._lines(text, size, TEXT_WIDTH - indent):
            self._draw(line, size, MARGIN + indent, colour)
        self._y -= after

    def items(self, title: str, texts: list[str] | tuple[str, ...]) -> None:
        if not texts:
            return
        self.heading(title)
        for text in texts:
            self._room(14)
            self._canvas.setFillColor(INK)
            self._canvas.setFont(FONT, 10)
            self._canvas.drawString(MARGIN, self._y - 10, "\u2022")
            self.text(text, 10, indent=12)

    def said(self, time: str, speaker: str, text: str) -> None:
        """When, who and what: the name above, times in the margin."""
        self._room(32)
        self._canvas.setFont(FONT, 8)
        self._canvas.setFillColor(FAINT)
        self._canvas.drawString(MARGIN, self._y - 10, time)
        self.text(speaker, 9, indent=TIME_WIDTH, colour=SPEAKER)
        self.text(text, 10, indent=TIME_WIDTH, after=5)

    def close(self) -> bytes:
        if self._is_missing_some:
            self._y -= 8
            self.text(NOTE, 8, colour=FAINT)
        self._number()
        self._canvas.save()
        return self._file.getvalue()

    def _lines(self, text: str, size: int, width: float) -> Iterator[str]:
        for line in simpleSplit(self._drawable(text), FONT, size, width):
            yield from self._broken(line, size, width)

    def _broken(self, line: str, size: int, width: float) -> Iterator[str]:
        """A word that is wider than the page goes on in the next line."""
        while pdfmetrics.stringWidth(line, FONT, size) > width:
            count = len(line) - 1
            while count > 1 and pdfmetrics.stringWidth(line[:count], FONT, size) > width:
                count -= max(1, count // 8)
            yield line[:count]
            line = line[count:]
        yield line

    def _draw(self, line: str, size: int, x: float, colour: HexColor) -> None:
        height = size * 1.4
        self._room(height)
        self._y -= height
        self._canvas.setFillColor(colour)
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(x, self._y + size * 0.3, line)

    def _room(self, height: float) -> None:
        if self._y - height < MARGIN:
            self._number()
            self._canvas.showPage()
            self._y = HEIGHT - MARGIN

    def _number(self) -> None:
        self._canvas.setFont(FONT, 8)
        self._canvas.setFillColor(FAINT)
        self._canvas.drawRightString(WIDTH - MARGIN, MARGIN / 2, str(self._canvas.getPageNumber()))

    def _drawable(self, text: str) -> str:
        """On one line, in letters that the font has."""
        letters = [each if ord(each) in self._glyphs else MISSING for each in " ".join(text.split())]
        self._is_missing_some |= MISSING in letters
        return "".join(letters)
