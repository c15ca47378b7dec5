"""The network of Silero VAD (version 5 and 6, 16 kHz) as plain matrix products, for all streams of a node at once.

TorchScript runs some sixty small operators for a window, and its dispatch costs several times what the arithmetic does,
most of all in a process that sleeps between windows. Here a window is seven products.

Layers: a Fourier transform as a convolution (its basis is among the weights), four convolutions with ReLU, one LSTM
cell, one output with a sigmoid.

Rules:
- Convolutions are products over overlapping rows; what pads them is written around the rows before.
- Every product is done by itself for each stream: OpenBLAS would share a larger one among all cores, whose threads then
  spin for 100 ms. It uses one thread up to 2^18 multiplications, which the largest (the transform) just fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

CONTEXT_SAMPLES = 64
"""Before the window; as many are mirrored behind it."""
STATE_SIZE = 128
FRAME_SAMPLES, HOP_SAMPLES, FRAMES = 256, 128, 4
BANDS = FRAME_SAMPLES // 2 + 1
STRIDES = (1, 2, 2, 1)
"""Of the convolutions; each looks at three frames."""


@dataclass(frozen=True, slots=True)
class _Layer:
    weights: Array
    """Shape (inputs, outputs)."""
    bias: Array


class SileroNetwork:
    """The weights, and what they make of a window."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        """Args: weights, by the names that they have in the package.

        Raises:
            ValueError: the package holds another network.
        """
        try:
            basis = weights["stft.forward_basis_buffer"].reshape(2 * BANDS, FRAME_SAMPLES)
            self._convolutions = [_convolution(weights, number) for number in range(len(STRIDES))]
            recurrent = [weights[f"decoder.rnn.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            output = weights["decoder.decoder.2.weight"].reshape(STATE_SIZE, 1)
            self._output = _Layer(output, weights["decoder.decoder.2.bias"])
        except KeyError as error:
            raise ValueError(f"Silero VAD without {error}") from error
        imaginary = basis[BANDS + 1 : -1]  # that of the first and of the last band is zero
        self._basis = np.ascontiguousarray(np.concatenate([basis[:BANDS], imaginary]).T)
        self._cell = _Layer(np.ascontiguousarray(np.hstack(recurrent[:2]).T), recurrent[2] + recurrent[3])

    def __call__(self, sound: Array, hidden: Array, cell: Array) -> tuple[Array, Array, Array]:
        """Speech probabilities, shape (n,), and the state after them.

        Args:
            sound: context and window, shape (n, 576).
            hidden, cell: shape (n, 128).
        """
        rows = self._magnitudes(sound)
        for layer, stride in zip(self._convolutions, STRIDES, strict=True):
            rows = _padded(np.maximum(_product(_triples(rows, stride), layer), 0.0))
        gates = _product(np.concatenate([rows[:, 1], hidden], axis=1)[:, np.newaxis], self._cell)[:, 0]
        enter, forget, change, leave = (gates[:, at : at + STATE_SIZE] for at in range(0, 4 * STATE_SIZE, STATE_SIZE))
        cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(change)
        hidden = _sigmoid(leave) * np.tanh(cell)
        speech = _sigmoid(_product(np.maximum(hidden, 0.0)[:, np.newaxis], self._output))
        return speech[:, 0, 0], hidden, cell

    def _magnitudes(self, sound: Array) -> Array:
        """Of the Fourier transform, padded; shape (n, 6, 129)."""
        mirrored = np.concatenate([sound, sound[:, -2 : -CONTEXT_SAMPLES - 2 : -1]], axis=1)
        frames = _overlapping(mirrored, FRAMES, FRAME_SAMPLES, HOP_SAMPLES)
        parts = np.matmul(frames, self._basis)
        magnitudes = np.zeros((len(sound), FRAMES + 2, BANDS), dtype=np.float32)
        np.hypot(parts[..., 1 : BANDS - 1], parts[..., BANDS:], out=magnitudes[:, 1:-1, 1:-1])
        np.abs(parts[..., 0 : BANDS : BANDS - 1], out=magnitudes[:, 1:-1, 0 : BANDS : BANDS - 1])
        return magnitudes


def _convolution(weights: Mapping[str, Array], number: int) -> _Layer:
    name = f"encoder.{number}.reparam_conv"
    kernel = weights[f"{name}.weight"]  # (outputs, inputs, 3)
    return _Layer(np.ascontiguousarray(kernel.transpose(2, 1, 0).reshape(-1, len(kernel))), weights[f"{name}.bias"])


def _product(rows: Array, layer: _Layer) -> Array:
    product: Array = np.matmul(rows, layer.weights)
    product += layer.bias
    return product


def _padded(rows: Array) -> Array:
    """With a row of zeros before and behind; shape (n, frames + 2, channels)."""
    padded = np.zeros((rows.shape[0], rows.shape[1] + 2, rows.shape[2]), dtype=np.float32)
    padded[:, 1:-1] = rows
    return padded


def _triples(rows: Array, stride: int) -> Array:
    """Three rows after each other, side by side: what a convolution looks at."""
    _, count, channels = rows.shape
    return _overlapping(rows.reshape(len(rows), -1), (count - 3) // stride + 1, 3 * channels, stride * channels)


def _overlapping(values: Array, count: int, length: int, step: int) -> Array:
    """Shape (n, count, length), without a copy; values are contiguous."""
    row, value = values.strides
    strides = (row, step * value, value)
    # as_strided is a view of the same kind, at ten times the cost.
    return np.ndarray((len(values), count, length), values.dtype, values, 0, strides)


def _sigmoid(values: Array) -> Array:
    return np.asarray(0.5 * np.tanh(0.5 * values) + 0.5, dtype=np.float32)
