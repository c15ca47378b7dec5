"""Signatures, held against the library of Standard Webhooks; and when a delivery is tried again."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import get_args
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from control_api.webhooks.events import DESCRIPTIONS, EventType
from control_api.webhooks.schedule import (
    DELAYS_S,
    JITTER,
    LASTING,
    MAX_RETRY_AFTER_S,
    reason_to_disable,
    retry_delay,
)
from control_api.webhooks.signing import message_id, new_secret, shown, signed_headers

BODY = b'{"type":"session.ended"}'


def test_the_standards_library_takes_what_is_signed() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    headers = signed_headers(message_id(uuid4()), int(time.time()), BODY, [new, old])
    for secret in (old, new):
        assert Webhook(shown(secret)).verify(BODY, headers) == {"type": "session.ended"}
    for wrong in (
        lambda: Webhook(shown(other)).verify(BODY, headers),
        lambda: Webhook(shown(new)).verify(BODY + b" ", headers),
        lambda: Webhook(shown(new)).verify(BODY, headers | {"webhook-id": "msg_1"}),
        lambda: Webhook(shown(new)).verify(BODY, headers | {"webhook-timestamp": str(int(time.time()) - 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            wrong()


def test_a_secret_is_shown_as_the_standard_has_it() -> None:
    text = shown(bytes(range(32)))
    assert text == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert len({new_secret() for _ in range(100)}) == 100


@given(st.integers(1, len(DELAYS_S)), st.floats(0, 1, exclude_max=True), st.none() | st.integers(0, 10**9))
def test_each_pause_is_the_schedules_and_a_bit(attempts: int, random: float, asked_s: int | None) -> None:
    pause = retry_delay(attempts, random, asked_s)
    assert pause is not None
    least_s = max(DELAYS_S[attempts - 1], min(asked_s or 0, MAX_RETRY_AFTER_S))
    assert least_s <= pause.total_seconds() <= max(least_s, DELAYS_S[attempts - 1] * (1 + JITTER)) + 1e-6


def test_the_tenth_attempt_is_the_last() -> None:
    assert retry_delay(9, 0.0) == timedelta(days=1)
    assert retry_delay(10, 0.0) is None
    assert retry_delay(10, 0.0, 60) is None


def test_one_event_is_enough_to_switch_an_endpoint_off() -> None:
    assert timedelta(seconds=sum(DELAYS_S)) > LASTING


@pytest.mark.parametrize(
    ("status", "error", "lasting", "reason"),
    [
        (500, "status", LASTING - timedelta(seconds=1), None),
        (500, "status", LASTING, "failing"),
        (None, "timeout", LASTING, "failing"),
        (410, "status", timedelta(0), "gone"),
        (404, "status", timedelta(0), None),
        (None, "secret_unreadable", timedelta(0), "secret_unreadable"),
    ],
)
def test_an_endpoint_is_switched_off_when_it_is_of_no_use(
    status: int | None, error: str, lasting: timedelta, reason: str | None
) -> None:
    assert reason_to_disable(status, error, lasting) == reason


def test_every_type_is_described() -> None:
    assert tuple(DESCRIPTIONS) == get_args(EventType)
