"""`liveconvo transcribe`: every file in turn, and their transcripts to a folder or to stdout.

Exit codes: 0 every file is done; 2 one cannot be read, or the options do not fit together; 3 one is longer than
--max-seconds; 1 something was damaged, not recognized or not written; 130 interrupted. A file that cannot be read does
not keep the others from being done, and a transcript is there whole or not at all.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

from deploy.errors import DeployError
from deploy.transcribe.audio import Channels, Source, TooLongError, UnreadableFileError, opened
from deploy.transcribe.engine import Engine
from deploy.transcribe.progress import Progress, clock_time
from deploy.transcribe.transcript import FORMATS, Transcript
from media_server.engines import catalog
from media_server.engines.errors import RecognitionError, RecognizerUnusableError
from media_server.settings import COMPUTE_TYPES

TOO_LONG = 3
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Options:
    files: tuple[str, ...]
    formats: tuple[str, ...]
    folder: Path | None
    """None: to stdout."""
    splits_channels: bool
    with_words: bool
    language: str | None
    model: str
    device: str
    compute_type: str
    """Empty: what suits the device."""
    workers: int
    demuxer: str | None = None
    max_s: float | None = None

    def name(self, file: str) -> str:
        return "stdin" if file == STDIN else Path(file).name

    def stem(self, file: str) -> str:
        return Path(self.name(file)).stem


def run(args: argparse.Namespace) -> int:
    """`liveconvo transcribe`; args as `deploy.cli` declares them."""
    options = _options(args)
    if problem := unfit(options):
        _say(problem)
        return 2
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        return asyncio.run(_transcribe_all(options))
    except (RecognizerUnusableError, RecognitionError) as error:
        raise DeployError(str(error)) from error
    except KeyboardInterrupt:
        _say("interrupted")
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # a recognition cannot be stopped: an exit in order would wait for it, or abort
    finally:
        signal.signal(signal.SIGINT, before)


def unfit(options: Options) -> str | None:
    """Why these options cannot be carried out together; None: they can."""
    if Counter(options.files)[STDIN] > 1:
        return "standard input can be read once"
    if options.model.endswith(".en") and options.language not in (None, "en"):
        return f"{options.model} knows English only; choose a model with --model for --language {options.language}"
    if options.folder is None:
        if len(options.formats) > 1:
            return "several formats need --output-dir"
        if len(options.files) > 1 and options.formats[0] in ("vtt", "srt"):
            return f"several files as {options.formats[0]} need --output-dir"
        return None
    stem, count = Counter(options.stem(file) for file in options.files).most_common(1)[0]
    return f"{count} files would all be written as {stem}.{options.formats[0]}" if count > 1 else None


async def _transcribe_all(options: Options) -> int:
    refused = {file: code for file in options.files if (code := _refused(file, options))}
    if len(refused) == len(options.files):
        return max(refused.values())  # no model is loaded for nothing
    settings = SimpleNamespace(
        whisper_model=options.model,
        whisper_device=options.device,
        whisper_compute_type=options.compute_type,
        asr_workers=options.workers,
        asr_batch=0,
        asr_processes=True,
    )
    ears, recognizers = catalog.voice_activity(settings), catalog.recognizers(settings)
    async with Engine(ears, recognizers, catalog.batch_size(settings), options.language) as engine:
        codes = [await _transcribe(engine, file, options) for file in options.files if file not in refused]
    return max([*refused.values(), *codes])


def _refused(file: str, options: Options) -> int | None:
    """The exit code of a file whose beginning says enough; None: it is to be read, or comes through a pipe."""
    if file == STDIN and not sys.stdin.buffer.seekable():
        return None
    try:
        with _opened(file, options) as source:
            _check_length(source.duration_s, options)
    except UnreadableFileError as error:
        _say(f"{file}: {error}")
        return 2
    except TooLongError:
        return _too_long(file, options)
    if file == STDIN:
        sys.stdin.buffer.seek(0)
    return None


async def _transcribe(engine: Engine, file: str, options: Options) -> int:
    name = options.name(file)
    try:
        with _opened(file, options) as source:
            _check_length(source.duration_s, options)
            progress, began_s, read_s = Progress(name, source.duration_s, sys.stderr), time.monotonic(), 0.0

            def on_progress(at_s: float) -> None:
                nonlocal read_s
                read_s = at_s
                _check_length(at_s, options)
                progress.at(at_s)

            heard = await engine.transcribe(source.blocks(), source.channels, on_progress)
    except UnreadableFileError as error:
        _say(f"{file}: {error}")
        return 2
    except TooLongError:
        return _too_long(file, options)
    transcript = Transcript(name, Path(options.model).name, read_s, source.channels, heard, source.is_cut)
    try:
        _write(transcript, file, options)
    except OSError as error:
        _say(f"{file}: its transcript cannot be written ({error.strerror})")
        return 1
    took_s = time.monotonic() - began_s
    progress.close(f"{clock_time(read_s)} in {clock_time(took_s)}, {read_s / max(took_s, 0.001):.0f}× real time")
    if source.is_cut:
        _say(f"{file}: damaged after {clock_time(read_s)}; what comes before is transcribed")
    for final in transcript.lost:
        span = "–".join(clock_time(at_ms / 1000) for at_ms in (final.start_ms, final.end_ms))
        _say(f"{file}: not recognized: {span}, {final.failure}")
    return 1 if transcript.lost or source.is_cut else 0


def _opened(file: str, options: Options) -> AbstractContextManager[Source]:
    channels: Channels = "split" if options.splits_channels else "mix"
    return opened(sys.stdin.buffer if file == STDIN else Path(file), channels, options.demuxer)


def _too_long(file: str, options: Options) -> int:
    _say(f"{file}: longer than {options.max_s:.0f} s")
    return TOO_LONG


def _check_length(seconds: float | None, options: Options) -> None:
    if seconds is not None and options.max_s is not None and seconds > options.max_s:
        raise TooLongError


def _write(transcript: Transcript, file: str, options: Options) -> None:
    contents = {extension: FORMATS[extension](transcript, options.with_words) for extension in options.formats}
    if options.folder is None:
        [(extension, content)] = contents.items()
        if extension == "txt" and len(options.files) > 1:
            content = f"{transcript.name}:\n{content}\n"
        sys.stdout.write(content)
        sys.stdout.flush()
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for extension, content in contents.items():
        _write_whole(options.folder / f"{options.stem(file)}.{extension}", content)


def _write_whole(file: Path, content: str) -> None:
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        unfinished.write_text(content, encoding="utf-8")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _options(args: argparse.Namespace) -> Options:
    """What is not said is as the media server has it.

    Raises:
        DeployError: a setting of it makes no sense.
    """
    environment = os.environ
    workers, device = environment.get("LIVECONVO_ASR_WORKERS") or "0", environment.get("LIVECONVO_WHISPER_DEVICE")
    if not workers.isdecimal():
        raise DeployError(f"LIVECONVO_ASR_WORKERS must be a number, not {workers!r}")
    if device and device not in catalog.DEVICES:
        raise DeployError(f"LIVECONVO_WHISPER_DEVICE must be one of {', '.join(catalog.DEVICES)}, not {device!r}")
    compute_type = environment.get("LIVECONVO_WHISPER_COMPUTE_TYPE", "")
    if compute_type and compute_type not in COMPUTE_TYPES:
        raise DeployError(
            f"LIVECONVO_WHISPER_COMPUTE_TYPE must be one of {', '.join(COMPUTE_TYPES)}, not {compute_type!r}"
        )
    formats: Sequence[str] = args.format or ["txt"]
    return Options(
        files=tuple(args.files),
        formats=tuple(dict.fromkeys(formats)),
        folder=Path(args.output_dir) if args.output_dir else None,
        splits_channels=args.channels == "split",
        with_words=args.words,
        language=args.language,
        model=args.model or environment.get("LIVECONVO_WHISPER_MODEL") or catalog.BUNDLED_MODEL,
        device=args.device or device or "cpu",
        compute_type=args.compute_type or compute_type,
        workers=args.workers or int(workers),
        demuxer=args.input_format,
        max_s=args.max_seconds,
    )


def _interrupt(number: int, frame: object) -> NoReturn:
    """At once, even while stdin is waited for: asyncio's own handler would wait for the loop."""
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"liveconvo transcribe: {text}", file=sys.stderr, flush=True)
