"""Silero voice activity detection: the weights of its package, loaded through torch, with a state for every stream.

The packaged wrapper resets its state whenever the batch size changes, so one join or leave would wipe everybody's.
Here each stream keeps its own recurrent state and the 64 samples before its window, and a batch is only stacked for
the call. Algorithmic latency: one window, 32 ms.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib import resources
from itertools import chain
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from media_server.conversation.types import WINDOW_SAMPLES
from media_server.engines.silero_network import CONTEXT_SAMPLES, STATE_SIZE, Array, SileroNetwork


@dataclass(slots=True)
class SileroState:
    """What the network remembers of one stream."""

    hidden: Array
    """Of the recurrent layer, shape (1, 128)."""
    cell: Array
    """Likewise."""
    context: Array
    """Shape (1, 64): the samples before the next window."""


class SileroVad:
    """Speech probability of 512-sample windows at 16 kHz, for all streams of a node in one call."""

    def __init__(self) -> None:
        """
        Raises:
            ImportError, OSError, RuntimeError, ValueError: the package is not there, or holds something else.
        """
        self._network = SileroNetwork(_weights())

    def new_state(self) -> SileroState:
        zeros = np.zeros((1, STATE_SIZE), dtype=np.float32)
        return SileroState(zeros, zeros, np.zeros((1, CONTEXT_SAMPLES), dtype=np.float32))

    def probabilities(self, windows: npt.NDArray[np.float32], states: list[object]) -> list[float]:
        if not states:
            return []
        if windows.shape != (len(states), WINDOW_SAMPLES):
            raise ValueError(f"windows of shape {windows.shape} for {len(states)} streams")
        streams = cast("list[SileroState]", states)
        context = np.concatenate([stream.context for stream in streams])
        sound = np.concatenate([context, windows], axis=1, dtype=np.float32)
        hidden, cell = (np.concatenate(rows) for rows in zip(*((one.hidden, one.cell) for one in streams), strict=True))
        speech, hidden, cell = self._network(sound, hidden, cell)
        for row, stream in enumerate(streams):
            stream.hidden, stream.cell = hidden[row : row + 1], cell[row : row + 1]
            stream.context = sound[row : row + 1, -CONTEXT_SAMPLES:]
        return [float(p) for p in speech]


def _weights() -> dict[str, Array]:
    """By their names in the package, for 16 kHz."""
    with (
        resources.as_file(resources.files("silero_vad.data") / "silero_vad.jit") as file,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit.load: the package ships no other torch form
        network = torch.jit.load(str(file), map_location="cpu")._model  # type: ignore[no-untyped-call]
    named = chain(network.named_parameters(), network.named_buffers())
    return {name: weights.detach().numpy().copy() for name, weights in named}
