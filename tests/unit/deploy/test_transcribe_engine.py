"""The engine of recorded files gives out everything that was said, however the end of an utterance became certain."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.transcribe.audio import Block
from deploy.transcribe.engine import Engine
from tests.recognizers import LoudnessVad, ScriptedRecognizer, loud, quiet

SECOND = 16_000


@pytest.mark.parametrize("is_patient", [True, False])
@pytest.mark.parametrize("silence_s", [0, 2])
async def test_the_last_utterance_of_every_channel_is_given_out(is_patient: bool, silence_s: int) -> None:
    said = np.concatenate([loud(SECOND), quiet(2 * SECOND), loud(2 * SECOND), quiet(silence_s * SECOND)])
    recording = np.stack([said, said])
    blocks = [Block(start, recording[:, start : start + SECOND]) for start in range(0, len(said), SECOND)]
    async with Engine(LoudnessVad(), [ScriptedRecognizer()], 4, is_patient=is_patient) as engine:
        heard = await engine.transcribe(blocks, channels=2)
    assert [(one.channel, one.final.start_ms, one.final.text.count("w")) for one in heard] == [
        (0, 0, 10),
        (1, 0, 10),
        (0, 3008, 20),
        (1, 3008, 20),
    ]
