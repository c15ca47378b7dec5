"""Run by the peers' Python, not by ours: WhisperLive's server. Arguments: folder of the weights, port."""

import sys

from whisper_live.server import TranscriptionServer

folder, port = sys.argv[1:]
TranscriptionServer().run(
    "127.0.0.1",
    int(port),
    backend="faster_whisper",
    faster_whisper_custom_model_path=folder,
    single_model=True,
    max_clients=64,
    max_connection_time=86_400,
)
