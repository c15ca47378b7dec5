"""`python -m control_api.exports FORMAT`: a report as JSON in, the file out; within bounds."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable

from pydantic import TypeAdapter

from control_api.exports.report import Report

MEMORY_BYTES = 1024**3


def main(kind: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    report = TypeAdapter(Report).validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(_writer(kind)(report))


def _writer(kind: str) -> Callable[[Report], bytes]:
    # Each with a large library that the other needs not.
    if kind == "pdf":
        from control_api.exports.pdf import to_pdf  # noqa: PLC0415

        return to_pdf
    from control_api.exports.docx import to_docx  # noqa: PLC0415

    return to_docx


if __name__ == "__main__":
    main(sys.argv[1])
