"""The `liveconvo` command: what it understands, and which module carries it out.

A command's module is imported when it is called, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from db.errors import DbError
from deploy.errors import DeployError
from media_server.settings import COMPUTE_TYPES

MEDIA_FIGURES = (
    "receive_cpu_ms", "duplex_cpu_ms", "delay_ms", "mixer_delay_ms", "delay_drift_ms", "wer_rise_points",
    "rss_slope_mb_h",
)  # fmt: skip
ASR_FIGURES = (
    "final_s", "first_partial_s", "cpu_s_per_speech_s", "retracted_percent", "invented_words", "wer_rise_points",
    "active_speakers", "cut_errors", "overload_p95_s", "recovery_s", "peers",
)  # fmt: skip
ASR_PEERS = ("pipecat", "whisper-live", "whisperlivekit")
CONVERSATION_TYPES = ("sales", "support", "meeting", "interview")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line; the exit code."""
    args = parser().parse_args(argv)
    module, _, function = args.runs.partition(":")
    try:
        return int(getattr(importlib.import_module(module), function)(args))
    except (DeployError, DbError) as error:
        print(f"liveconvo: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("liveconvo: interrupted", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    top = argparse.ArgumentParser(prog="liveconvo", description="Live coaching for conversations, on your own machine.")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add_up(commands)
    _add_call(commands)
    _add_transcribe(commands)
    _add_doctor(commands)
    _add_bench(commands)
    _add_migrate(commands)
    _add_admin(commands)
    return top


def _port(text: str) -> int:
    """Above 32767 lie the ports that the system hands to outgoing connections."""
    port = int(text)
    if not 1 <= port <= 32_767:
        raise argparse.ArgumentTypeError(f"a port from 1 to 32767, not {text}")
    return port


def _workers(text: str) -> int:
    workers = int(text)
    if not 1 <= workers <= 64:
        raise argparse.ArgumentTypeError(f"1 to 64 workers, not {text}")
    return workers


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"1 or more, not {text}")
    return count


def _language(text: str) -> str:
    if not 2 <= len(text) <= 3 or not (text.isascii() and text.isalpha() and text.islower()):
        raise argparse.ArgumentTypeError(f"a code such as en or de, not {text}")
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"a number of seconds above 0, not {text}")
    return seconds


def _day(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day such as 2026-11-22, not {text}") from None


Commands = argparse._SubParsersAction  # argparse has no public name for it


def _add_up(commands: Commands[argparse.ArgumentParser]) -> None:
    up = commands.add_parser("up", help="run the whole stack in this terminal until Ctrl-C")
    up.add_argument("--port", type=_port, default=8080, help="of the web page and API; media nodes take the next ones")
    up.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--workers", type=_workers, default=1, metavar="N", help="media nodes (default 1)")
    _add_data_dir(up)
    up.set_defaults(runs="deploy.up:run")


def _add_call(commands: Commands[argparse.ArgumentParser]) -> None:
    call = commands.add_parser("call", help="play audio files into a real WebRTC call, one participant a file")
    call.add_argument("audio", nargs="+", metavar="AUDIO", help="the first file speaks as the host")
    call.add_argument("--name", action="append", default=[], metavar="NAME",
                      help="of a participant, in the order of the files; may be repeated")  # fmt: skip
    call.add_argument("--url", help="a running control API (default: a throw-away stack of its own)")
    call.add_argument("--token", help="a session or API token for --url")
    call.add_argument("--session", metavar="ID", help="join this session instead of making one")
    call.add_argument("--type", choices=CONVERSATION_TYPES, default="sales")
    call.add_argument("--shared-mic", action="store_true", help="the files are microphones that several people share")
    call.add_argument("--json", action="store_true", help="one JSON object a line on stdout, all else on stderr")
    call.add_argument("--timeout", type=_seconds, default=None, metavar="S", help="give up after S seconds")
    call.set_defaults(runs="deploy.call:run")


def _add_transcribe(commands: Commands[argparse.ArgumentParser]) -> None:
    transcribe = commands.add_parser("transcribe", help="recordings to text, captions or JSON, faster than real time")
    transcribe.add_argument("files", nargs="+", metavar="FILE", help="audio or video in any common format; - is stdin")
    transcribe.add_argument("--format", action="append", choices=("txt", "vtt", "srt", "json"),
                            help="default txt; may be repeated")  # fmt: skip
    transcribe.add_argument("--output-dir", metavar="DIR", help="write there, named as the recording (default: stdout)")
    transcribe.add_argument("--channels", choices=("mix", "split"), default="mix",
                            help="split: each channel of the recording is somebody's microphone")  # fmt: skip
    transcribe.add_argument("--words", action="store_true", help="times of single words, in JSON")
    transcribe.add_argument(
        "--language", type=_language, metavar="CODE", help="such as en or de (default: found out by the model)"
    )
    transcribe.add_argument("--model", metavar="NAME", help="a name or a folder (default: LIVECONVO_WHISPER_MODEL)")
    transcribe.add_argument("--device", choices=("cpu", "cuda"), help="default: LIVECONVO_WHISPER_DEVICE")
    transcribe.add_argument("--compute-type", choices=COMPUTE_TYPES, metavar="TYPE",
                            help=f"{', '.join(COMPUTE_TYPES)} (default: LIVECONVO_WHISPER_COMPUTE_TYPE)")  # fmt: skip
    transcribe.add_argument("--input-format", metavar="NAME", help="how FFmpeg is to read it (default: it guesses)")
    transcribe.add_argument("--max-seconds", type=float, metavar="S", help="refuse what is longer (exit code 3)")
    transcribe.add_argument("--workers", type=_workers, metavar="N", help="default: LIVECONVO_ASR_WORKERS")
    transcribe.set_defaults(runs="deploy.transcribe:run")


def _add_doctor(commands: Commands[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="check this machine and say what to fix")
    doctor.add_argument("--network", action="store_true", help="also try UDP, each TURN server and a running node")
    doctor.add_argument("--url", help="with --network: a running control API, to join a call of it")
    doctor.add_argument("--token", help="a session or API token for --url; a draft named Network check stays there")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.add_argument("--port", type=_port, default=8080, help="the port that `up` would get")
    _add_data_dir(doctor)
    doctor.set_defaults(runs="deploy.doctor:run")


def _add_bench(commands: Commands[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser("bench", help="measure")
    names = bench.add_subparsers(metavar="NAME", required=True)
    asr = names.add_parser("asr", help="word error rate, latencies and cost of speech recognition, beside peers")
    asr.add_argument("--data", metavar="DIR", help="a folder with recordings and a manifest.tsv")
    asr.add_argument("--only", action="append", choices=ASR_FIGURES, metavar="METRIC",
                     help=f"one of {', '.join(ASR_FIGURES)}; may be repeated")  # fmt: skip
    asr.add_argument(
        "--clips", type=_count, default=None, metavar="N", help="only N recordings, spread over the manifest"
    )
    asr.add_argument("--quick", action="store_true", help="eight recordings: whether it works, not how well")
    asr.add_argument("--streams", type=_count, default=1, metavar="N", help="speak N at a time (default 1)")
    asr.add_argument("--model", default="tiny.en", metavar="NAME", help="a name or a folder (default tiny.en)")
    asr.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asr.add_argument("--compute-type", choices=COMPUTE_TYPES, default="", metavar="TYPE",
                     help=f"{', '.join(COMPUTE_TYPES)} (default: int8, and int8_float16 on a GPU)")  # fmt: skip
    asr.add_argument("--language", type=_language, metavar="CODE", help="that is expected (default: it is found out)")
    asr.add_argument("--workers", type=int, default=0, metavar="N", help="default: as a media node")
    asr.add_argument("--peer", action="append", choices=ASR_PEERS, metavar="NAME",
                     help=f"one of {', '.join(ASR_PEERS)}; default: all of `make bench-peers`")  # fmt: skip
    asr.add_argument("--peer-streams", action="append", type=_count, metavar="N",
                     help="streams at a time beside peers; may be repeated (default 1 and 4)")  # fmt: skip
    asr.add_argument("--json", action="store_true", help="print one JSON object")
    asr.set_defaults(runs="deploy.bench.asr:run")
    db = names.add_parser("db", help="queries, recorder, usage limit and policies on a large throw-away database")
    db.add_argument("--transcripts", type=_count, default=1_000_000, metavar="N", help="default 1000000")
    db.add_argument("--sessions", type=_count, default=20_000, metavar="N", help="default 20000")
    db.add_argument("--organizations", type=_count, default=500, metavar="N", help="default 500")
    db.add_argument("--json", action="store_true", help="print one JSON object")
    db.set_defaults(runs="deploy.bench.db:run")
    api = names.add_parser("api", help="latency and pace of the control API on such a database, beside a bare server")
    api.add_argument("--transcripts", type=_count, default=1_000_000, metavar="N", help="default 1000000")
    api.add_argument("--sessions", type=_count, default=20_000, metavar="N", help="default 20000")
    api.add_argument("--organizations", type=_count, default=500, metavar="N", help="default 500")
    api.add_argument("--only", choices=("sse",), help="how soon followers have what was said, and nothing else")
    api.add_argument("--followers", type=_count, default=200, metavar="N", help="for --only sse (default 200)")
    api.add_argument("--rate", type=_seconds, default=200.0, metavar="N", help="requests a second (default 200)")
    api.add_argument("--seconds", type=_seconds, default=30.0, metavar="S", help="of load (default 30)")
    api.add_argument("--json", action="store_true", help="print one JSON object")
    api.set_defaults(runs="deploy.bench.api:run")
    mixer = names.add_parser("mixer", help="CPU time of mixing and encoding what participants hear")
    mixer.add_argument("--ticks", type=_count, default=250, metavar="N", help="of 20 ms (default 250)")
    mixer.add_argument("--json", action="store_true", help="print one JSON object")
    mixer.set_defaults(runs="deploy.bench.mixer:run")
    media = names.add_parser("media", help="CPU time, delay and lost words of calls, beside stock aiortc")
    media.add_argument("--only", action="append", choices=MEDIA_FIGURES, metavar="METRIC",
                       help=f"one of {', '.join(MEDIA_FIGURES)}; may be repeated")  # fmt: skip
    media.add_argument("--calls", type=_count, default=40, metavar="N", help="for receive_cpu_ms (default 40)")
    media.add_argument("--seconds", type=_seconds, default=8.0, metavar="S",
                       help="that CPU time is taken for (default 8)")  # fmt: skip
    media.add_argument("--data", metavar="DIR", help="a folder with recordings and a manifest.tsv, for wer_rise_points")
    media.add_argument("--clips", type=_count, default=12, metavar="N", help="recordings of it (default 12)")
    media.add_argument("--soak", type=_seconds, default=None, metavar="MIN",
                       help="for so many minutes participants join and leave, for rss_slope_mb_h")  # fmt: skip
    media.add_argument("--people", type=_count, default=20, metavar="N", help="at a time, for --soak (default 20)")
    media.add_argument("--json", action="store_true", help="print one JSON object")
    media.set_defaults(runs="deploy.bench.media:run")


def _add_migrate(commands: Commands[argparse.ArgumentParser]) -> None:
    migrate = commands.add_parser("migrate", help="bring the database to this version")
    migrate.add_argument("--check", action="store_true",
                         help="only say what is missing; exit code 0: nothing, 1: something, 2: no answer")  # fmt: skip
    _add_data_dir(migrate)
    migrate.set_defaults(runs="deploy.migrate:run")


def _add_admin(commands: Commands[argparse.ArgumentParser]) -> None:
    admin = commands.add_parser("admin", help="accounts")
    tasks = admin.add_subparsers(metavar="TASK", required=True)
    create = tasks.add_parser("create-user", help="make an account and print its sign-in link")
    create.add_argument("email")
    create.add_argument("--name", required=True)
    create.add_argument("--organization", required=True)
    create.set_defaults(runs="deploy.admin:create_user")
    link = tasks.add_parser("sign-in-link", help="print a link that signs an account in once")
    link.add_argument("email")
    link.set_defaults(runs="deploy.admin:sign_in_link")
    admin_of_all = tasks.add_parser("make-admin", help="let an account administrate the whole installation")
    admin_of_all.add_argument("email")
    admin_of_all.set_defaults(runs="deploy.admin:make_admin")
    retention = tasks.add_parser("retention", help="erase what is kept for longer than it should be, now")
    retention.add_argument("--dry-run", action="store_true", help="only say how much")
    retention.set_defaults(runs="deploy.retention:run")
    erased = tasks.add_parser("erased", help="list what was erased, to be kept where the back-ups are")
    erased.add_argument("--since", type=_day, default=_day("1970-01-01"), metavar="DAY", help="as 2026-11-22")
    erased.set_defaults(runs="deploy.retention:list_erased")
    again = tasks.add_parser("erase-again", help="erase what such a list names, after a back-up was restored")
    again.add_argument("file", metavar="FILE")
    again.set_defaults(runs="deploy.retention:erase_again")
    for task in (create, link, admin_of_all, retention, erased, again):
        _add_data_dir(task)


def _add_data_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", metavar="DIR", help="where everything is kept")
