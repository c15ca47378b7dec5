"""Documents that are made to cost, or to break what reads them: each with the kind that its first bytes claim.

Generated, so that nothing dangerous lies in the repository; none takes long to make.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

from pypdf import PdfWriter

MEGABYTE = 1024 * 1024
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
Maker = Callable[[], bytes]
PDFS: dict[str, Maker] = {}
WORDS: dict[str, Maker] = {}
TEXTS: dict[str, tuple[str, Maker]] = {}


def corpus() -> Iterator[tuple[str, str, Maker]]:
    """Name, kind, maker."""
    for name, maker in PDFS.items():
        yield f"pdf_{name}", "pdf", maker
    for name, maker in WORDS.items():
        yield f"docx_{name}", "docx", maker
    for name, (kind, maker) in TEXTS.items():
        yield f"{kind}_{name}", kind, maker


# PDF ----------------------------------------------------------------------------------------------------------------


def pdf(*objects: bytes, trailer: bytes = b"", start: int | None = None) -> bytes:
    """Objects 1 … n with a correct table; the first is the catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % (table if start is None else start))


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica %s >>"


def stream(content: bytes, entries: bytes = b"", length: bytes | None = None) -> bytes:
    said = b"%d" % len(content) if length is None else length
    return b"<< /Length %s %s >>\nstream\n%s\nendstream" % (said, entries, content)


def page_of(content: bytes, *more: bytes, page: bytes = b"", font: bytes = b"") -> bytes:
    """One page; object 4 is its content, 5 its font."""
    leaf = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> %s >>" % page
    )
    return pdf(CATALOG, PAGES, leaf, content, FONT % font, *more)


SAYING = b"BT /F1 12 Tf 50 700 Td (The price is 100) Tj ET"


def deflated_zeros(megabytes: int, wbits: int = 15) -> bytes:
    """So many zeros, cheaply: one megabyte's code again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    once = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15).flush()
    raw = once * megabytes + end
    return raw if wbits < 0 else b"\x78\x9c" + raw + bytes(4)


def lzw_zeros(rounds: int) -> bytes:
    """Every code stands for one byte more than the one before; 8 MB a round."""
    bits: list[str] = []
    for _ in range(rounds):
        bits += [format(256, "09b"), format(0, "09b")]
        for code in range(258, 4094):
            width = 9 if code < 511 else 10 if code < 1023 else 11 if code < 2047 else 12
            bits.append(format(code, f"0{width}b"))
    text = "".join(bits)
    return int(text + "0" * (-len(text) % 8), 2).to_bytes((len(text) + 7) // 8, "big")


def nested_flate(levels: int) -> bytes:
    content = deflated_zeros(1000)
    for _ in range(levels - 1):
        content = zlib.compress(content)
    return page_of(stream(content, b"/Filter [%s]" % (b"/FlateDecode " * levels)))


def encrypted_pdf(algorithm: str) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(page_of(stream(SAYING))))
    writer.encrypt("secret", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def chained_tables(count: int) -> bytes:
    out, before = bytearray(b"%PDF-1.7\n"), b""
    for _ in range(count):
        place = len(out)
        out += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 2 /Root 1 0 R %s >>\n" % before
        before = b"/Prev %d" % place
    return bytes(out + b"startxref\n%d\n%%%%EOF" % place)


def deep_pages(levels: int) -> bytes:
    nodes = [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 3) for number in range(levels)]
    return pdf(CATALOG, *nodes, b"<< /Type /Page >>")


def doubled_pages(levels: int) -> bytes:
    """Every node names the next one twice: two to the power of `levels` pages in no space."""
    nodes = [b"<< /Type /Pages /Kids [%d 0 R %d 0 R] /Count 2 >>" % ((number + 3,) * 2) for number in range(levels)]
    return pdf(CATALOG, *nodes, b"<< /Type /Page >>")


def many_pages(said: int) -> bytes:
    pages = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * 1_000_000, said)
    return pdf(CATALOG, pages, b"<< /Type /Page /Parent 2 0 R >>")


def entries_without_end() -> bytes:
    """A cross-reference stream of two thousand million entries."""
    table = stream(deflated_zeros(200), b"/Type /XRef /W [1 2 1] /Size 2000000000 /Root 1 0 R /Filter /FlateDecode")
    body = b"%PDF-1.7\n"
    return body + b"9 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (table, len(body))


_TREE = pdf(CATALOG, PAGES, b"<< /Type /Page >>")

PDFS |= {
    "flate_bomb": lambda: page_of(stream(deflated_zeros(4000), b"/Filter /FlateDecode")),
    "nested_flate_3": lambda: nested_flate(3),
    "nested_flate_40": lambda: nested_flate(40),
    "lzw_bomb": lambda: page_of(stream(lzw_zeros(40), b"/Filter /LZWDecode")),
    "run_length_bomb": lambda: page_of(stream(b"\x81\x00" * MEGABYTE, b"/Filter /RunLengthDecode")),
    "run_length_in_flate": lambda: page_of(
        stream(zlib.compress(b"\x81\x00" * 20 * MEGABYTE, 1), b"/Filter [/FlateDecode /RunLengthDecode]")
    ),
    "ascii85_bomb": lambda: page_of(stream(b"z" * 8 * MEGABYTE + b"~>", b"/Filter /ASCII85Decode")),
    "ascii_hex_bomb": lambda: page_of(stream(b"0" * 8 * MEGABYTE + b">", b"/Filter /ASCIIHexDecode")),
    "filters_100000": lambda: page_of(stream(SAYING, b"/Filter [%s]" % (b"/ASCIIHexDecode " * 100_000))),
    "predictor": lambda: page_of(
        stream(
            zlib.compress(bytes(1000)),
            b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 2000000000 /Colors 32 >>",
        )
    ),
    "table_before_itself": lambda: pdf(
        CATALOG, PAGES, b"<< /Type /Page >>", trailer=b"/Prev %d" % _TREE.rindex(b"xref\n0")
    ),
    "tables_20000": lambda: chained_tables(20_000),
    "table_entries": entries_without_end,
    "table_nowhere": lambda: pdf(CATALOG, PAGES, b"<< /Type /Page >>", start=10**9),
    "table_sections": lambda: b"%PDF-1.7\nxref\n" + b"0 0\n" * 500_000 + b"trailer\n<< >>\nstartxref\n9\n%%EOF",
    "objects_to_recover": lambda: b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\n" * 250_000,
    "pages_of_themselves": lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"),
    "pages_5000_deep": lambda: deep_pages(5_000),
    "pages_doubled": lambda: doubled_pages(40),
    "pages_1000000": lambda: many_pages(1_000_000),
    "pages_1000000_said_1": lambda: many_pages(1),
    "pages_counted_wrongly": lambda: pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count -5 >>", b"<< /Type /Page >>"),
    "parent_of_itself": lambda: pdf(
        CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>", b"<< /Type /Page /Parent 3 0 R >>"
    ),
    "no_pages": lambda: pdf(b"<< /Type /Catalog >>"),
    "object_of_itself": lambda: pdf(b"1 0 R"),
    "length_of_itself": lambda: page_of(stream(SAYING, length=b"4 0 R")),
    "length_negative": lambda: page_of(stream(SAYING, length=b"-1")),
    "length_huge": lambda: page_of(stream(SAYING, length=b"99999999999999")),
    "object_stream_of_itself": lambda: page_of(
        stream(b"6 0 << >>", b"/Type /ObjStm /N 1 /First 4 /Extends 4 0 R"), page=b"/Rotate 6 0 R"
    ),
    "object_stream_count": lambda: page_of(stream(b"1 0", b"/Type /ObjStm /N 999999999 /First 4")),
    "arrays_100000_deep": lambda: page_of(stream(SAYING), page=b"/X " + b"[" * 100_000),
    "dictionaries_100000_deep": lambda: page_of(stream(SAYING), page=b"/X " + b"<< /A " * 100_000),
    "content_arrays_deep": lambda: page_of(stream(b"[" * 500_000)),
    "operators_1000000": lambda: page_of(stream(b"BT /F1 12 Tf " + b"(a) Tj " * 1_000_000 + b"ET")),
    "states_1000000": lambda: page_of(stream(b"q " * 1_000_000)),
    "form_of_itself": lambda: page_of(
        stream(b"/X Do"),
        stream(b"/X Do /X Do", b"/Type /XObject /Subtype /Form /Resources << /XObject << /X 6 0 R >> >>"),
        page=b"/Resources << /XObject << /X 6 0 R >> >>",
    ),
    "contents_100000": lambda: pdf(
        CATALOG, PAGES, b"<< /Type /Page /Parent 2 0 R /Contents [%s] >>" % (b"4 0 R " * 100_000), stream(SAYING * 100)
    ),
    "map_without_end": lambda: page_of(
        stream(SAYING),
        stream(b"1 beginbfrange <00000000> <FFFFFFFF> <0000> endbfrange"),
        font=b"/ToUnicode 6 0 R",
    ),
    "map_long": lambda: page_of(
        stream(SAYING),
        stream(b"100 beginbfchar\n" + b"<00> <%s>\n" % (b"0041" * 10_000) * 100 + b"endbfchar"),
        font=b"/ToUnicode 6 0 R",
    ),
    "widths_1000000": lambda: page_of(
        stream(SAYING), font=b"/FirstChar 0 /LastChar 1000000 /Widths [%s]" % (b"500 " * 1_000_000)
    ),
    "string_without_end": lambda: page_of(stream(b"BT (" + b"a" * 5 * MEGABYTE)),
    "brackets_without_end": lambda: page_of(stream(b"BT " + b"(" * MEGABYTE)),
    "name_of_a_megabyte": lambda: page_of(stream(SAYING), page=b"/" + b"a" * MEGABYTE),
    "number_of_a_megabyte": lambda: page_of(stream(SAYING), page=b"/X " + b"9" * MEGABYTE),
    "inline_image_without_end": lambda: page_of(stream(b"BI /W 9 /H 9 ID " + b"E" * 3 * MEGABYTE)),
    "encrypted_rc4": lambda: encrypted_pdf("RC4-128"),
    "encrypted_aes": lambda: encrypted_pdf("AES-256"),
    "encryption_unknown": lambda: pdf(
        CATALOG, PAGES, b"<< /Type /Page >>", b"<< /Filter /Custom /V 9 >>", trailer=b"/Encrypt 4 0 R"
    ),
    "truncated": lambda: page_of(stream(SAYING * 1000))[:-2000],
    "header_alone": lambda: b"%PDF-1.7\n",
    "noise": lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(2 * MEGABYTE),
    "and_zip": lambda: b"%PDF-1.7\n" + word(),
}

# Word ---------------------------------------------------------------------------------------------------------------


def document(inside: str, before: str = "") -> bytes:
    return f'<?xml version="1.0"?>{before}<w:document xmlns:w="{WORD}"><w:body>{inside}</w:body></w:document>'.encode()


def said(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def word(
    body: bytes | None = None, *, method: int = zipfile.ZIP_DEFLATED, more: tuple[tuple[str, bytes], ...] = ()
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", document(said("The price is 100")) if body is None else body)
        for name, content in more:
            archive.writestr(name, content)
    return out.getvalue()


def raw_archive(
    *entries: tuple[bytes, bytes, int, int], method: int = 8, flags: int = 0, shared: bool = False
) -> bytes:
    """Entries of name, code, said size, said CRC; `shared`: all of them point at the first one's code."""
    out, directory = bytearray(), bytearray()
    for name, code, size, crc in entries:
        place = 0 if shared else len(out)
        if not shared or not out:
            out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, flags, method, 0, 0, crc, len(code), size, len(name), 0)
            out += name + code
        directory += struct.pack(
            "<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flags, method, 0, 0, crc, len(code), size, len(name), 0, 0, 0, 0,
            0, place,
        ) + name  # fmt: skip
    count = min(len(entries), 0xFFFF)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(out), 0)
    return bytes(out + directory + end)


def zeros_entry(name: bytes, megabytes: int, size: int | None = None) -> tuple[bytes, bytes, int, int]:
    return name, deflated_zeros(megabytes, -15), megabytes * MEGABYTE if size is None else size, 0


BODY = b"word/document.xml"
_LAUGHS = "".join(
    f"<!ENTITY l{number} '" + (f"&l{number - 1};" * 10 if number else "ha") + "'>" for number in range(10)
)

WORDS |= {
    "bomb": lambda: raw_archive(zeros_entry(BODY, 2000)),
    "bomb_said_small": lambda: raw_archive(zeros_entry(BODY, 2000, 1000)),
    "bomb_beside": lambda: word(more=(("word/media/image1.png", bytes(200 * MEGABYTE)),)),
    "bomb_overlapped": lambda: raw_archive(
        *(zeros_entry(b"word/%d.xml" % number, 20) for number in range(50)), zeros_entry(BODY, 20), shared=True
    ),
    "bomb_in_itself": lambda: word(word(more=(("word/document2.xml", word(bytes(50 * MEGABYTE))),))),
    "bomb_bzip2": lambda: word(bytes(150 * MEGABYTE), method=zipfile.ZIP_BZIP2),
    "bomb_lzma": lambda: word(bytes(110 * MEGABYTE), method=zipfile.ZIP_LZMA),
    "entries_200000": lambda: raw_archive(*((b"%d" % number, b"", 0, 0) for number in range(200_000)), method=0),
    "slip": lambda: word(more=(("../../../etc/cron.d/x", b"x"),)),
    "slip_absolute": lambda: word(more=(("/etc/passwd", b"x"),)),
    "slip_windows": lambda: word(more=(("..\\..\\x", b"x"),)),
    "slip_drive": lambda: word(more=(("C:\\x", b"x"),)),
    "name_twice": lambda: raw_archive((BODY, b"", 0, 0), (BODY, b"", 0, 0), method=0),
    "external_file": lambda: word(document(said("&x;"), '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>')),
    "external_address": lambda: word(document(said("&x;"), '<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]>')),
    "external_definition": lambda: word(document(said("x"), '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd">')),
    "parameter_entity": lambda: word(
        document(said("x"), '<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///proc/self/environ"> %x;]>')
    ),
    "billion_laughs": lambda: word(document(said("&l9;"), f"<!DOCTYPE d [{_LAUGHS}]>")),
    "quadratic_laughs": lambda: word(
        document(said("&x;" * 100_000), "<!DOCTYPE d [<!ENTITY x '" + "a" * 100_000 + "'>]>")
    ),
    "elements_1000000_deep": lambda: word(document("<w:p>" * 1_000_000)),
    "attributes_1000000": lambda: word(
        document("<w:p " + " ".join(f"a{number}='x'" for number in range(1_000_000)) + "/>")
    ),
    "attribute_of_90_megabytes": lambda: word(document("<w:p a='" + "ab" * 45 * MEGABYTE + "'/>")),
    "namespaces_100000": lambda: word(
        document("".join(f'<x xmlns:n{number}="u:{number}">' for number in range(100_000)))
    ),
    "text_of_50_megabytes": lambda: word(document(said("words " * 8 * MEGABYTE))),
    "damaged_xml": lambda: word(b"<w:document"),
    "unknown_encoding": lambda: word(b'<?xml version="1.0" encoding="utf-7"?><d/>'),
    "zip_encrypted": lambda: raw_archive((BODY, b"x" * 100, 100, 0), flags=1),
    "unknown_method": lambda: raw_archive((BODY, b"x" * 100, 100, 0), method=99),
    "not_word": lambda: raw_archive((b"xl/workbook.xml", b"", 0, 0), method=0),
    "truncated": lambda: word(document(said("words " * 10_000)))[:-100],
    "directory_elsewhere": lambda: word()[:-6] + struct.pack("<IH", 0xFFFFFFF0, 0),
    "noise": lambda: b"PK\x03\x04" + random.Random(2).randbytes(2 * MEGABYTE),
    "and_page": lambda: b"PK\x03\x04<html><script>alert(1)</script></html>",
}

# Text ---------------------------------------------------------------------------------------------------------------

TEXTS |= {
    "arrays_1000000_deep": ("json", lambda: b"[" * 1_000_000),
    "objects_1000000_deep": ("json", lambda: b'{"a":' * 1_000_000),
    "number_of_4_megabytes": ("json", lambda: b"[" + b"9" * 4 * MEGABYTE),
    "cut_off": ("json", lambda: b'{"a": "b'),
    "of_20_megabytes": ("txt", lambda: b"words " * 3 * MEGABYTE),
    "with_nul": ("txt", lambda: b"words\x00words"),
    "utf16_odd": ("txt", lambda: b"\xff\xfe" + b"\x00\xd8" * 999 + b"\x00"),
    "noise": ("txt", lambda: random.Random(3).randbytes(2 * MEGABYTE)),
    "cell_of_12_megabytes": ("csv", lambda: b'a,b\n"' + b"x" * 12 * MEGABYTE),
}
SAFE = frozenset[str]()
"""Those that are read all the same: what is bad in them is never touched."""
