"""A media node's settings: what is missing or makes no sense is refused by name."""

from __future__ import annotations

import pytest

from media_server.errors import SettingError
from media_server.settings import read_settings

NEEDED = {"DATABASE_URL": "postgresql://media@db/liveconvo", "LIVECONVO_DATA_DIR": "/data"}


def test_the_spool_may_take_a_gigabyte_unless_the_owner_says_otherwise() -> None:
    assert read_settings(NEEDED).spool_bytes == 1024**3
    assert read_settings({**NEEDED, "LIVECONVO_SPOOL_MB": "1"}).spool_bytes == 1024**2


@pytest.mark.parametrize("size", ["0", "0.9", "-1", "much"])
def test_a_spool_too_small_for_a_call_is_refused(size: str) -> None:
    with pytest.raises(SettingError, match="LIVECONVO_SPOOL_MB"):
        read_settings({**NEEDED, "LIVECONVO_SPOOL_MB": size})


@pytest.mark.parametrize("name", list(NEEDED))
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        read_settings({key: value for key, value in NEEDED.items() if key != name})


def test_a_node_takes_a_hundred_people_unless_the_owner_says_otherwise() -> None:
    assert read_settings(NEEDED).node_participants == 100
    assert read_settings({**NEEDED, "LIVECONVO_NODE_PARTICIPANTS": "7"}).node_participants == 7
    with pytest.raises(SettingError, match="LIVECONVO_NODE_PARTICIPANTS"):
        read_settings({**NEEDED, "LIVECONVO_NODE_PARTICIPANTS": "0"})


@pytest.mark.parametrize(
    ("name", "field", "default"),
    [("DRAIN_S", "drain_s", 30), ("MAX_CALL_S", "max_call_s", 28_800), ("RECONNECT_S", "reconnect_s", 15)],
)
def test_times_have_their_defaults_and_the_owners_values(name: str, field: str, default: float) -> None:
    assert getattr(read_settings(NEEDED), field) == default
    assert getattr(read_settings({**NEEDED, f"LIVECONVO_{name}": "0.5"}), field) == 0.5
    with pytest.raises(SettingError, match=f"LIVECONVO_{name}"):
        read_settings({**NEEDED, f"LIVECONVO_{name}": "-1"})


def test_calls_use_any_port_unless_the_owner_names_some() -> None:
    assert read_settings(NEEDED).udp_ports is None
    assert read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": "20000-20099"}).udp_ports == range(20000, 20100)
    assert read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": "65535-65535"}).udp_ports == range(65535, 65536)


@pytest.mark.parametrize("ports", ["20000", "20099-20000", "80-90", "20000-65536", "a-b", "-5", "20000-"])
def test_what_is_no_range_of_ports_is_refused(ports: str) -> None:
    with pytest.raises(SettingError, match="LIVECONVO_UDP_PORTS"):
        read_settings({**NEEDED, "LIVECONVO_UDP_PORTS": ports})


def test_recognizers_run_in_processes_unless_the_owner_says_otherwise() -> None:
    assert read_settings(NEEDED).asr_processes
    assert not read_settings({**NEEDED, "LIVECONVO_ASR_PROCESSES": "0"}).asr_processes


def test_a_device_that_models_do_not_run_on_is_refused() -> None:
    assert read_settings(NEEDED).whisper_device == "cpu"
    assert read_settings({**NEEDED, "LIVECONVO_WHISPER_DEVICE": "cuda"}).whisper_device == "cuda"
    with pytest.raises(SettingError, match="LIVECONVO_WHISPER_DEVICE must be cpu or cuda"):
        read_settings({**NEEDED, "LIVECONVO_WHISPER_DEVICE": "tpu"})


def test_what_models_compute_with_is_left_to_the_device_or_chosen() -> None:
    assert read_settings(NEEDED).whisper_compute_type == ""
    assert read_settings({**NEEDED, "LIVECONVO_WHISPER_COMPUTE_TYPE": "float32"}).whisper_compute_type == "float32"
    with pytest.raises(SettingError, match="LIVECONVO_WHISPER_COMPUTE_TYPE must be one of int8, int8_float32"):
        read_settings({**NEEDED, "LIVECONVO_WHISPER_COMPUTE_TYPE": "int4"})


def test_any_language_is_heard_unless_the_owner_expects_one() -> None:
    assert read_settings(NEEDED).language is None
    assert read_settings({**NEEDED, "LIVECONVO_LANGUAGE": "detect"}).language is None
    assert read_settings({**NEEDED, "LIVECONVO_LANGUAGE": "en"}).language == "en"
    assert read_settings({**NEEDED, "LIVECONVO_LANGUAGE": "de", "LIVECONVO_WHISPER_MODEL": "base"}).language == "de"


@pytest.mark.parametrize("language", ["german", "DE", "d", "de-DE"])
def test_what_is_no_language_code_is_refused(language: str) -> None:
    with pytest.raises(SettingError, match="LIVECONVO_LANGUAGE"):
        read_settings({**NEEDED, "LIVECONVO_LANGUAGE": language, "LIVECONVO_WHISPER_MODEL": "base"})


def test_a_language_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(SettingError, match=r"tiny\.en knows English only; set LIVECONVO_WHISPER_MODEL .* tiny for"):
        read_settings({**NEEDED, "LIVECONVO_LANGUAGE": "de"})
