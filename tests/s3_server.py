"""A server that speaks S3 (moto), in a process of its own, and storage in it or in a folder."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from control_api.settings import BucketSettings, Settings
from control_api.storage import Storage, open_storage
from deploy.ports import free_port

START_S = 60


@contextmanager
def s3_server() -> Iterator[str]:
    """Its address; with the bucket `files`."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    program = "import sys; from moto.server import main; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _make_bucket(f"{address}/files")
            yield address
        finally:
            server.kill()


def _make_bucket(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5):  # noqa: S310
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def bucket_storage(endpoint: str) -> Storage:
    storage = open_storage(_settings(bucket=bucket_at(endpoint)))
    assert storage is not None
    return storage


def bucket_at(endpoint: str) -> BucketSettings:
    return BucketSettings("s3://files/convo", endpoint, "key", "secret", "us-east-1")


def folder_storage(folder: Path) -> Storage:
    storage = open_storage(_settings(files_folder=folder))
    assert storage is not None
    return storage


def _settings(files_folder: Path | None = None, bucket: BucketSettings | None = None) -> Settings:
    return Settings("", "", files_folder=files_folder, bucket=bucket or BucketSettings())
