"""Silero voice activity detection through torch: the inner network, with a state for every stream.

The packaged wrapper resets its state whenever the batch size changes, so one join or leave would wipe everybody's.
Here each stream keeps its own recurrent state and the 64 samples before its window, and a batch is only stacked for
the call. Algorithmic latency: one window, 32 ms.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import resources
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from media_server.conversation.types import WINDOW_SAMPLES

CONTEXT_SAMPLES = 64
STATE_SIZE = 128
WARM_UP_BATCHES = (1, 2, 1, 2, 3, 1)
"""TorchScript specializes on its first calls; a node does that before the first participant joins."""


@dataclass(slots=True)
class SileroState:
    """What the network remembers of one stream."""

    hidden: torch.Tensor
    """float32, shape (2, 128): hidden and cell state of the recurrent layer."""
    context: torch.Tensor
    """float32, shape (64,): the samples before the next window."""


class SileroVad:
    """Speech probability of 512-sample windows at 16 kHz, for all streams of a node in one call."""

    def __init__(self) -> None:
        torch.set_num_threads(1)  # a window is too small to split, and other threads are needed for recognition
        with (
            resources.as_file(resources.files("silero_vad.data") / "silero_vad.jit") as file,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load: the package ships no other torch form
            packaged = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
        packaged.eval()
        self._network = packaged._model
        for batch in WARM_UP_BATCHES:
            states: list[object] = [self.new_state() for _ in range(batch)]
            self.probabilities(np.zeros((batch, WINDOW_SAMPLES), dtype=np.float32), states)

    def new_state(self) -> SileroState:
        return SileroState(torch.zeros(2, STATE_SIZE), torch.zeros(CONTEXT_SAMPLES))

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        if not states:
            return []
        if windows.shape != (len(states), WINDOW_SAMPLES):
            raise ValueError(f"windows of shape {windows.shape} for {len(states)} streams")
        streams = cast("list[SileroState]", states)
        with torch.inference_mode():
            inputs = torch.cat([torch.stack([s.context for s in streams]), torch.from_numpy(windows)], dim=1)
            hidden = torch.stack([s.hidden for s in streams], dim=1)
            speech, hidden = self._network(inputs, hidden)
        for row, stream in enumerate(streams):
            stream.hidden = hidden[:, row]
            stream.context = inputs[row, -CONTEXT_SAMPLES:]
        return [float(p) for p in speech[:, 0]]
