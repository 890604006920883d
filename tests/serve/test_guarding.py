"""The gate: keys on every route, limits of size and time, and errors that tell nothing of the inside."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import serving, until, writer

from langue import cli
from langue.serve.address import VARIABLE, is_loopback, read_keys
from langue.serve.app import HANDLERS
from langue.serve.gate import OPEN

KEYS = ("the first key of two", "the second key of two")


@pytest.fixture(scope="module")
def guarded():
    with serving({"tiny": writer()}, keys=KEYS) as server:
        yield server


def test_every_route_asks_for_a_key(guarded):
    paths = [(method, path.replace("{name:path}", "tiny")) for method, path in HANDLERS]
    for method, path in [*paths, ("GET", "/none"), ("DELETE", "/v1/models"), ("POST", "/v1/none")]:
        for header in ({}, {"Authorization": "Bearer the first key"}, {"Authorization": f"Basic {KEYS[0]}"}):
            answer = guarded.http.request(method, path, headers=header)
            if path in OPEN:
                assert answer.status_code == 200
                assert answer.text == '{"status":"ok"}' or path == "/"
                continue
            assert answer.status_code == 401, path
            assert answer.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("key", KEYS)
def test_each_key_opens(guarded, key):
    assert guarded.client(key).completions.create(model="tiny", prompt="the ", max_tokens=2).choices
    with pytest.raises(openai.AuthenticationError):
        guarded.client("the third key of two").models.list()


def test_what_is_no_route_is_an_error_of_the_same_form(guarded):
    header = {"Authorization": f"Bearer {KEYS[0]}"}
    for method, path, status in [("GET", "/none", 404), ("GET", "/v1/completions", 405)]:
        answer = guarded.http.request(method, path, headers=header)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_keys_come_from_a_file_and_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "one of the environment")
    file = tmp_path / "keys"
    file.write_text("# ours\nthe first key of two\n\nthe second key of two\n")
    assert read_keys(file) == ["one of the environment", *KEYS]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "or say --no-key"),
        (["--key-file", "empty"], "holds no key"),
        (["--key-file", "short"], "fewer than 16 characters"),
        (["--key-file", "none"], "none"),
        ([], "there is no folder run"),
        (["a=run", "a=run2"], "two models are called a"),
        (["--adapter", "b:c=d"], "there is no model b"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_said(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "short").write_text("secret\n")
    assert cli.run(["serve", "run", "--port", "0", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert cli.run(["serve", "run", "--port", str(taken.getsockname()[1])]) == 2
    assert "take another by --host or --port" in capsys.readouterr().err


def test_loopback_is_known():
    assert all(map(is_loopback, ("127.0.0.1", "::1", "localhost", "127.8.0.1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org")))


@pytest.fixture(scope="module")
def narrow():
    limits = {"body_bytes": 20_000, "header_bytes": 4096, "header_seconds": 0.3, "seconds": 1.5, "connections": 20}
    with serving({"tiny": writer()}, cors=("https://a.example",), **limits) as server:
        yield server


def test_a_large_body_is_refused_before_it_is_read(narrow):
    answer = narrow.post("/v1/completions", {"model": "tiny", "prompt": "a" * 100_000_000})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"

    def pieces():
        for _ in range(10):
            yield b"a" * 4096

    answer = narrow.http.post("/v1/completions", content=pieces())
    assert answer.status_code == 413


def talk(server, data: bytes) -> bytes:
    """All that the server answers to some bytes, until it closes."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        answer = b""
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionError:
            pass
        return answer


def trickle(server) -> int:
    """Bytes of a header that the server takes, if one comes every few hundredths of a second, until it closes."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=0.05) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nx: ")
        for count in range(100):
            try:
                connection.sendall(b"a")
                connection.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return count
    return 100


def test_many_headers_are_refused(narrow):
    headers = b"".join(b"x-%d: a\r\n" % number for number in range(100_000))
    assert talk(narrow, b"GET /health HTTP/1.1\r\nhost: a\r\n" + headers + b"\r\n")[:12] in (b"HTTP/1.1 400", b"")
    assert narrow.http.get("/health").status_code == 200


def test_a_client_that_sends_slowly_is_left(narrow):
    begun = time.monotonic()
    assert talk(narrow, b"GET /health HTTP/1.1\r\nhost:") == b""
    assert time.monotonic() - begun < 10
    begun = time.monotonic()
    assert trickle(narrow) < 100
    assert time.monotonic() - begun < 10
    body = b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
    assert talk(narrow, body).startswith(b"HTTP/1.1 408")


def test_more_connections_than_allowed_are_refused():
    with serving({"tiny": writer()}, connections=5) as server:
        host, port = server.url.removeprefix("http://").split(":")
        open_ones = [socket.create_connection((host, int(port))) for _ in range(5)]
        until(lambda: server.http.get("/health").status_code == 503)
        for connection in open_ones:
            connection.close()
        until(lambda: server.http.get("/health").status_code == 200)


def test_origins_are_those_that_were_named(narrow):
    for origin, allowed in (("https://a.example", "https://a.example"), ("https://b.example", None)):
        answer = narrow.http.get("/health", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_pages_of_other_servers_are_refused(narrow):
    own = narrow.url.removeprefix("http://")
    port = own.partition(":")[2]
    for headers, status in [
        ({"Origin": narrow.url}, 200),
        ({"Origin": "https://a.example"}, 200),
        ({"Origin": "https://b.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": f"localhost:{port}"}, 200),
        ({"Host": f"b.example:{port}"}, 403),
        ({"Host": f"b.example:{port}", "Origin": f"http://b.example:{port}"}, 403),
        ({"Host": "127.0.0.1.b.example"}, 403),
        ({"Host": "[::1"}, 403),
    ]:
        assert narrow.http.get("/v1/models", headers=headers).status_code == status, headers


def test_counts_are_in_the_form_of_prometheus(narrow):
    def counts() -> dict[str, float]:
        text = narrow.http.get("/metrics").text
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    name, before = 'langue_requests_total{route="/v1/completions",status="200"}', counts()
    narrow.client().completions.create(model="tiny", prompt="the ", max_tokens=3)
    until(lambda: counts().get(name, 0) == before.get(name, 0) + 1)  # counted when all of it has been sent
    after = counts()
    assert after['langue_tokens_total{kind="prompt"}'] == before['langue_tokens_total{kind="prompt"}'] + 4
    assert 1 <= after['langue_tokens_total{kind="completion"}'] - before['langue_tokens_total{kind="completion"}'] <= 3
    count = "langue_time_to_first_token_seconds_count"
    assert after[count] == before[count] + 1
    assert after["langue_running_rows"] == 0


NAMES = ["model", "prompt", "messages", "max_tokens", "n", "stop", "seed", "logprobs", "tools", "input", "query"]
LEAVES = st.none() | st.booleans() | st.integers(-3, 9) | st.floats(-5, 5) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES | st.just("tiny"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "role"]), inner, max_size=3),
    max_leaves=6,
)
PATHS = [path for method, path in HANDLERS if method == "POST"]


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(PATHS), fields=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_no_body_breaks_the_server(narrow, path, fields):
    answer = narrow.post(path, {"model": "tiny", "max_tokens": 2, **fields})
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"a"',
        b'{"model": "\\ud800"}',
        b"[" * 5000,
        b'{"model": "tiny", "prompt": "a", "temperature": NaN}',
    ],
)
def test_what_is_no_json_object_is_refused(narrow, body):
    answer = narrow.http.post("/v1/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_a_fault_of_ours_is_an_error_without_a_traceback(narrow, monkeypatch, capsys):
    lane = narrow.service.models.named("tiny").lane
    monkeypatch.setattr(lane.engine, "step", lambda: 1 / 0)
    answer = narrow.post("/v1/completions", {"model": "tiny", "prompt": "the ", "max_tokens": 2})
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert "ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.undo()
    assert narrow.post("/v1/completions", {"model": "tiny", "prompt": "the ", "max_tokens": 2}).status_code == 200


def test_a_queue_that_is_full_refuses_and_says_when_to_come_again():
    with serving({"tiny": writer()}, rows=1, queue=2) as server:

        async def flood() -> list[httpx2.Response]:
            body = {"model": "tiny", "prompt": "the ", "max_tokens": 100, "seed": 1, "temperature": 0}
            async with httpx2.AsyncClient(timeout=60) as client:
                posts = [client.post(f"{server.url}/v1/completions", json=body) for _ in range(12)]
                return await asyncio.gather(*posts)

        answers = asyncio.run(flood())
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
        assert {answer.status_code for answer in answers} == {200, 429}
        assert len({json.dumps(answer.json()["choices"]) for answer in answers if answer.status_code == 200}) == 1
