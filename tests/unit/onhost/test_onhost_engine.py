"""The engine client against a server on a unix socket."""

from __future__ import annotations

import pytest

from tests.unit.onhost.fake_engine import FakeEngine, framed
from verify.engine import Engine, EngineError, demultiplex


def test_an_engine_that_answers_is_available(engine: FakeEngine) -> None:
    engine.answers["GET", "/_ping"] = (200, b"OK")
    assert Engine(engine.socket).available()


@pytest.mark.parametrize(
    ("path", "words"),
    [("/nowhere/docker.sock", "no engine listens"), ("/etc/hostname", "no engine listens|socket")],
)
def test_a_socket_without_an_engine_says_why(path: str, words: str) -> None:
    assert not Engine(path).available()
    with pytest.raises(EngineError, match=words) as caught:
        Engine(path).get("/version")
    assert caught.value.status == 0


def test_a_refusal_carries_the_status_and_the_engine_s_own_words(engine: FakeEngine) -> None:
    engine.answers["POST", "/containers/x/start"] = (409, {"message": "port is already allocated"})
    with pytest.raises(EngineError) as caught:
        Engine(engine.socket).post("/containers/x/start")
    assert (caught.value.status, caught.value.message) == (409, "port is already allocated")


def test_what_is_not_there_is_none_and_other_refusals_are_errors(engine: FakeEngine) -> None:
    client = Engine(engine.socket)
    assert client.container("gone") is None
    assert client.image("gone:latest") is None
    engine.answers["GET", "/containers/bad/json"] = (500, {"message": "broken"})
    with pytest.raises(EngineError, match="broken"):
        client.container("bad")


def test_a_stream_gives_its_objects_one_by_one(engine: FakeEngine) -> None:
    messages = [{"status": "Pulling"}, {"status": "Downloading", "id": "a"}]
    engine.answers["POST", "/images/create"] = (200, messages)
    assert list(Engine(engine.socket).stream("POST", "/images/create?fromImage=x")) == messages


def test_a_stream_that_breaks_off_is_an_error(engine: FakeEngine) -> None:
    engine.answers["POST", "/build"] = (200, b'{"stream": "Step 1"}\n{"stre')
    stream = Engine(engine.socket).stream("POST", "/build", body=iter([b"part"]))
    assert next(stream) == {"stream": "Step 1"}
    with pytest.raises(EngineError, match="broke off"):
        next(stream)
    assert engine.bodies[-1] == b"part"


def test_exec_gives_exit_status_and_both_streams(engine: FakeEngine) -> None:
    engine.answers["POST", "/containers/ollama/exec"] = (201, {"Id": "e1"})
    engine.answers["POST", "/exec/e1/start"] = (200, framed((1, b"out\n"), (2, b"err"), (1, b"more")))
    engine.answers["GET", "/exec/e1/json"] = (200, {"ExitCode": 3})
    done = Engine(engine.socket).exec("ollama", ["python3", "-m", "verify"], user="1000", env={"A": "1"}, workdir="/opt")
    assert done == (3, "out\nmore", "err")
    assert b'"Env": ["A=1"]' in engine.bodies[0]
    assert b'"User": "1000"' in engine.bodies[0]


def test_logs_come_without_the_headers_of_the_stream(engine: FakeEngine) -> None:
    engine.answers["GET", "/containers/x/logs"] = (200, framed((1, b"one\n"), (2, b"two\n")))
    assert Engine(engine.socket).logs("x", tail=2) == "one\ntwo\n"
    assert "tail=2" in engine.asked[-1]


def test_a_terminal_s_bytes_have_no_headers() -> None:
    assert demultiplex(b"plain text\r\n") == ("plain text\r\n", "")
