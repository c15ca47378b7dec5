"""What goes wrong with recognizers; the codes are those that a failed final has."""

from __future__ import annotations


class RecognitionError(Exception):
    """The recognizer failed on this audio."""

    code = "recognizer_failed"


class RecognitionTimeoutError(RecognitionError):
    """The recognizer did not answer in time."""

    code = "recognizer_timeout"


class RecognizerEndedError(RecognitionError):
    """The recognizer ended before it answered."""

    code = "recognizer_crashed"


class RecognizerUnusableError(Exception):
    """A recognizer cannot be made ready, and another try would end the same way."""
