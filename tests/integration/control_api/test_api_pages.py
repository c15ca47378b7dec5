"""The page, its files, and what operators ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api import Api


@pytest.fixture
def web_folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>LiveConvo</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("export {}")
    (tmp_path / "docs.html").write_text("<!doctype html><title>LiveConvo API</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    return tmp_path


async def test_the_page_is_never_cached_and_may_only_talk_to_us(api: Api, web_folder: Path) -> None:
    await api.add_node("host-0", "http://localhost:8081")
    await api.add_node("host-1", "https://media.example.org/one")
    client = await api.serve(web_folder=web_folder)
    async with client.get("/") as response:
        assert "LiveConvo" in await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "connect-src 'self' http://localhost:8081 https://media.example.org;" in policy
    assert "unsafe" not in policy


async def test_the_description_for_people_talks_to_this_origin_alone(api: Api, web_folder: Path) -> None:
    await api.add_node("host-0", "http://localhost:8081")
    client = await api.serve(web_folder=web_folder)
    async with client.get("/docs") as response:
        assert "LiveConvo API" in await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert "connect-src 'self';" in policy
    assert "unsafe" not in policy
    async with client.get("/docs.html") as response:
        assert response.status == 404


async def test_hashed_files_are_kept_for_ever(api: Api, web_folder: Path) -> None:
    client = await api.serve(web_folder=web_folder)
    async with client.get("/assets/index-1a2b.js") as response:
        assert response.content_type == "text/javascript"
        assert "immutable" in response.headers["Cache-Control"]
    async with client.get("/favicon.svg") as response:
        assert response.headers["Cache-Control"] == "no-cache"


async def test_only_files_of_the_page_are_served(api: Api, web_folder: Path) -> None:
    client = await api.serve(web_folder=web_folder)
    for path in ("/assets/../index.html/x", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/", "/index.html/.."):
        async with client.get(path) as response:
            assert response.status == 404 or response.url.path == "/", path


async def test_without_a_built_page_it_says_so(api: Api, tmp_path: Path) -> None:
    client = await api.serve(web_folder=tmp_path / "missing")
    for path in ("/", "/docs"):
        async with client.get(path) as response:
            assert response.status == 503
            assert "make run" in await response.text()


async def test_health_readiness_and_metrics_answer_anybody(api: Api) -> None:
    assert (await api.get("/healthz", who=None)).body == {"status": "ok"}
    ready = await api.get("/readyz", who=None)
    assert (ready.status, ready.body) == (200, {"status": "ready", "reasons": [], "degraded": []})
    metrics = await api.get("/metrics", who=None)
    assert 'liveconvo_http_requests_total{method="GET",route="/healthz",status="200"} 1.0' in metrics.body
    probe = await api.send("HEAD", "/healthz", None)
    assert probe.status == 200
    assert "Server" not in probe.headers


async def test_metrics_hold_no_ids(api: Api) -> None:
    session_id = await api.new_session()
    await api.get(f"/v1/sessions/{session_id}")
    await api.get("/some/where/else")
    await api.send("BREW", "/healthz")
    metrics = await api.get("/metrics", who=None)
    assert session_id not in metrics.body
    assert 'route="/v1/sessions/{id}"' in metrics.body
    assert "BREW" not in metrics.body


async def test_the_description_is_served(api: Api) -> None:
    answer = await api.get("/openapi.json", who=None)
    assert answer.body["openapi"] == "3.1.0"
