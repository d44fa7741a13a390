"""What the probes do to the world: commands under a time limit, HTTP, processes of users, containers, torch."""

from __future__ import annotations

import json
import os
import pwd
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.checks import healthy
from verify.__main__ import COULD_NOT_RUN, main
from verify.checks import access, containers, generate, interpreters, pytorch_worker, services, wiring
from verify.checks.context import Answer, Context, Ran, fetch, run
from verify.checks.inspection import look
from verify.engine import EngineError


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody waits for stays in the table as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_command_that_hangs_is_stopped_with_all_it_started() -> None:
    began = time.monotonic()
    done = run(["sh", "-c", "sleep 60 & echo $!; sleep 60"], 0.3)
    assert time.monotonic() - began < 5
    assert done.timed_out
    assert done.error == "no end after 0.3 s"
    assert within(5, lambda: gone(int(done.out)))


def test_a_command_that_is_not_there_is_an_answer() -> None:
    done = run(["/nowhere/tool"], 1)
    assert done.rc is None
    assert "No such file" in done.error


@pytest.mark.parametrize(
    ("ran", "line"),
    [(Ran(1, "out", "first\nlast\n"), "last"), (Ran(1, "only out\n", ""), "only out"), (Ran(None, error="gone"), "gone")],
)
def test_the_last_line_names_the_trouble(ran: Ran, line: str) -> None:
    assert ran.last_line == line


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "token s3cret"
        status = {"/api/contents": 200 if allowed else 403, "/gone": 404}.get(self.path, 200)
        self.send_response(status)
        self.end_headers()
        self.wfile.write({"/api": b'{"version": "2.17.0"}'}.get(self.path, b"a page"))

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_is_read_whatever_its_status(url: str) -> None:
    assert fetch(f"{url}/x").body == "a page"
    assert fetch(f"{url}/gone").status == 404


def test_a_closed_port_is_an_answer() -> None:
    answer = fetch("http://127.0.0.1:1/", seconds=2)
    assert answer.status == 0
    assert "refused" in answer.error


def test_the_proxy_of_the_environment_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(url).status == 200


def test_the_token_opens_jupyter_and_is_in_no_result(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "etc/gpuhost/secrets/jupyter/token"
    secret.parent.mkdir(parents=True)
    secret.write_text("s3cret\n")
    expected = {"services": [healthy.service("jupyter", gpu=False) | {"url": url}]}
    ctx = Context(expected, root=tmp_path)
    ctx.__dict__["snapshot"] = {"ports": []}
    seen = services.probe(expected, ctx)
    results = {result.id: result for result in services.judge(seen, expected)}
    assert results["services.jupyter.refuses_without_token"].status == "pass"
    assert results["services.jupyter.opens_with_token"].status == "pass"
    assert "s3cret" not in json.dumps(seen)


def test_a_service_that_gives_no_answer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def silent(url: str, *_: Any, **__: Any) -> Answer:
        asked.append(url)
        return Answer(error="timed out")

    monkeypatch.setattr(services, "fetch", silent)
    monkeypatch.setattr(generate, "fetch", silent)
    expected = healthy.expected()
    ctx = context(Engine({}))
    ctx.__dict__["snapshot"] = {"ports": []}
    results = {result.id: result for result in services.judge(services.probe(expected, ctx), expected)}
    assert len(asked) == len(expected["services"])
    assert "only root" not in results["services.jupyter.opens_with_token"].why
    # The generate call, which may take minutes, is not even begun.
    assert generate.probe(expected, ctx)["call"] == {"error": "timed out"}


def test_a_process_as_this_user_has_its_groups_and_opens_what_it_may(tmp_path: Path) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    missing = str(tmp_path / "missing")
    tried = access.try_as(name, ["/dev/null", missing])
    assert tried["opened"] == {"/dev/null": "ok", missing: "ENOENT"}
    assert tried["groups"]


def test_a_user_that_is_not_there_is_an_answer() -> None:
    assert access.try_as("no-such-user-here", []) == {"error": "no such user"}


def test_a_process_as_a_user_without_rights_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.touch(mode=0o000)
    # Root gives the process to somebody else; anybody else can only look for themselves.
    name = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    tried = access.try_as(name, [str(closed)])
    assert tried["opened"] == {str(closed): "EACCES"}
    assert "root" not in tried["groups"]


INSPECTED = {
    "Image": "sha256:1",
    "State": {
        "Status": "running",
        "Running": True,
        "ExitCode": 0,
        "Health": {"Status": "healthy", "Log": [{"Output": "ok\n"}]},
    },
    "Config": {
        "Image": "ollama/ollama:rocm",
        "Env": ["PATH=/bin", "HSA_OVERRIDE_GFX_VERSION=10.3.0"],
        "Labels": {"org.gpuhost.stand-in": "made in the lab"},
    },
    "HostConfig": {
        "Privileged": False,
        "CapDrop": ["CAP_ALL"],
        "CapAdd": None,
        "SecurityOpt": ["no-new-privileges:true"],
        "PortBindings": {
            "11434/tcp": [{"HostIp": "127.0.0.1", "HostPort": "11434"}, {"HostIp": "::1", "HostPort": "11434"}],
            "1/tcp": [{"HostIp": "", "HostPort": "1"}],
        },
        "NetworkMode": "gpuhost",
        "RestartPolicy": {"Name": "unless-stopped"},
        "Devices": [{"PathOnHost": "/dev/kfd", "PathInContainer": "/dev/kfd"}],
        "GroupAdd": ["109", "44"],
    },
    "NetworkSettings": {"Networks": {"gpuhost": {"Aliases": ["ollama", "abc"]}}},
    "Mounts": [{"Source": "/srv/x", "Destination": "/x"}],
}


def test_an_inspection_is_read() -> None:
    seen = look(INSPECTED)
    assert seen["published"] == ["0.0.0.0:1", "127.0.0.1:11434", "[::1]:11434"]
    assert seen["cap_drop"] == ["ALL"]
    assert seen["cap_add"] == []
    assert seen["groups"] == ["109", "44"]
    assert seen["devices"] == ["/dev/kfd"]
    assert seen["environment"] == {"HSA_OVERRIDE_GFX_VERSION": "10.3.0"}
    assert (seen["health"], seen["health_output"]) == ("healthy", "ok")
    assert seen["stand_in"] == "made in the lab"


def test_a_container_without_settings_is_read_as_the_engine_defaults_them() -> None:
    seen = look({"State": {"Status": "exited"}, "HostConfig": {}, "Config": {}})
    assert seen["restart_policy"] is None
    assert seen["cap_drop"] == []
    assert seen["stand_in"] is None


class Engine:
    """An engine that answers from a table; ``execs`` are what commands in containers give, by program."""

    def __init__(self, containers: dict[str, Any], **execs: Any) -> None:
        self.containers, self.execs = containers, execs
        self.asked: list[list[str]] = []

    def get(self, path: str) -> Any:
        return {"Version": "26.1.5"}

    def container(self, name: str) -> Any:
        if isinstance(self.containers, EngineError):
            raise self.containers
        return self.containers.get(name)

    def image(self, name: str) -> Any:
        return {"Id": "sha256:1"}

    def logs(self, name: str, tail: int = 50) -> str:
        return "first\nlast line\n"

    def exec(self, name: str, argv: list[str], **_: Any) -> tuple[int, str, str]:
        self.asked.append(argv)
        outcome = self.execs[argv[0]]
        if isinstance(outcome, EngineError):
            raise outcome
        code: tuple[int, str, str] = outcome
        return code


def context(engine: Engine) -> Context:
    return Context(healthy.expected(), engine=engine)  # type: ignore[arg-type]  # it answers what the probes ask


def test_the_containers_probe_survives_an_engine_that_is_down() -> None:
    engine = Engine({})
    engine.get = lambda path: (_ for _ in ()).throw(EngineError(0, "no engine listens there"))  # type: ignore[method-assign]  # one answer of the fake
    seen = containers.probe(healthy.expected(), context(engine))
    assert seen == {"engine": {"version": None, "error": "no engine listens there"}, "containers": {}}


def test_a_stopped_container_is_seen_with_its_last_words() -> None:
    stopped = {**INSPECTED, "State": {"Status": "exited", "Running": False, "ExitCode": 1}}
    seen = containers.probe(healthy.expected(), context(Engine({"gpuhost-ollama": stopped})))
    assert seen["containers"]["gpuhost-ollama"]["log"] == "last line"
    assert seen["containers"]["gpuhost-jupyter"] == {"exists": False, "error": ""}


NOT_FOUND = EngineError(400, 'exec: "python3": executable file not found in $PATH')

ASKED = [
    (
        {"python3": (0, '{"resolved": true, "body": "{\\"version\\":1}"}\n', "")},
        1,
        {"resolved": True, "body": '{"version":1}'},
    ),
    (
        {"python3": NOT_FOUND, "node": (0, '{"resolved":false,"error":"ENOTFOUND"}\n', "")},
        2,
        {"resolved": False, "error": "ENOTFOUND"},
    ),
    (
        {"python3": (127, "", ""), "node": (127, "", ""), "sh": (0, 'ok {"version":1}', "")},
        3,
        {"resolved": True, "body": '{"version":1}'},
    ),
    (
        {"python3": NOT_FOUND, "node": NOT_FOUND, "sh": (0, "unresolved curl: (6)", "")},
        3,
        {"resolved": False, "error": "curl: (6)"},
    ),
    (
        {"python3": NOT_FOUND, "node": NOT_FOUND, "sh": (0, "error curl: (7)", "")},
        3,
        {"resolved": True, "error": "curl: (7)"},
    ),
    (
        {"python3": NOT_FOUND, "node": NOT_FOUND, "sh": (127, "", "")},
        3,
        {"resolved": None, "error": "the image has neither python3, node nor curl"},
    ),
    ({"python3": EngineError(409, "not running")}, 1, {"resolved": None, "error": "not running"}),
    ({"python3": (1, "", "Traceback\nboom")}, 1, {"resolved": None, "error": "Traceback\nboom"}),
]


@pytest.mark.parametrize(("execs", "tries", "seen"), ASKED)
def test_a_container_is_asked_with_what_its_image_has(execs: dict[str, Any], tries: int, seen: dict[str, Any]) -> None:
    engine = Engine({}, **execs)
    assert wiring.ask("gpuhost-anythingllm", "http://ollama:11434/api/version", "ollama", context(engine)) == seen
    assert len(engine.asked) == tries


def test_the_wiring_is_asked_by_the_name_that_the_network_knows() -> None:
    answer = {"python3": (0, '{"resolved": true, "body": ""}', "")}
    seen = wiring.probe(healthy.expected(), context(Engine({"gpuhost-ollama": INSPECTED}, **answer)))
    assert seen["addresses"]["ollama"] == "http://ollama:11434/api/version"
    alone = wiring.probe(
        healthy.expected(), context(Engine({"gpuhost-ollama": INSPECTED | {"NetworkSettings": {}}}, **answer))
    )
    assert alone["addresses"]["ollama"] == "http://gpuhost-ollama:11434/api/version"


def test_the_python_asker_works(url: str) -> None:
    [asker, *_] = wiring.askers(f"{url}/api", "127.0.0.1")
    assert wiring.read(run([sys.executable, *asker[1:]], 10).out) == {"resolved": True, "body": '{"version": "2.17.0"}'}


MOUNTS = [
    ("/opt/gpuhost/verify", "/opt/gpuhost/verify", Path("/opt/gpuhost")),
    ("/opt/gpuhost", "/mnt", Path("/mnt")),
    ("/srv", "/srv", None),
    ("", "/x", None),
]


@pytest.mark.parametrize(("source", "target", "folder"), MOUNTS)
def test_the_folder_of_checks_is_found_in_a_container(source: str, target: str, folder: Path | None) -> None:
    assert interpreters.mounted_at(Path("/opt/gpuhost/verify"), [{"Source": source, "Destination": target}]) == folder


TORCH_OUTPUT = [
    (Ran(0, 'a warning\n{"seen": {"version": "2.13.0"}}\n'), {"version": "2.13.0"}),
    (Ran(0, '{"version": "2.13.0"}'), {"version": "2.13.0"}),
    (Ran(139, "", "Segmentation fault"), {"error": "Segmentation fault"}),
    (Ran(None, error="no end after 150 s", timed_out=True), {"error": "no end after 150 s"}),
    (Ran(1), {"error": "no output, exit status 1"}),
]


@pytest.mark.parametrize(("ran", "seen"), TORCH_OUTPUT)
def test_what_the_torch_worker_printed_is_read(ran: Ran, seen: dict[str, Any]) -> None:
    assert interpreters.read(ran) == seen


def test_an_interpreter_without_torch_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert pytorch_worker.look()["import_error"].startswith("ModuleNotFoundError")


def fake_torch(**cuda: Any) -> Any:
    """As much of torch as the worker asks about itself."""
    defaults: dict[str, Any] = {"is_available": lambda: True, "device_count": lambda: 1}
    properties = SimpleNamespace(name="AMD Radeon RX 6600", gcnArchName="gfx1032:xnack-", total_memory=8 << 30)
    defaults["get_device_properties"] = lambda index: properties
    return SimpleNamespace(
        __version__="2.13.0+rocm10.0.0",
        version=SimpleNamespace(hip="7.10", cuda=None),
        cuda=SimpleNamespace(**(defaults | cuda)),
    )


def test_the_worker_names_build_and_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch())
    monkeypatch.setenv("HSA_OVERRIDE_GFX_VERSION", "10.3.0")
    seen = pytorch_worker.look()
    assert (seen["build"], seen["available"]) == ("rocm", True)
    assert seen["devices"] == [{"name": "AMD Radeon RX 6600", "gfx": "gfx1032", "memory_bytes": 8 << 30, "pci": None}]
    assert seen["environment"]["HSA_OVERRIDE_GFX_VERSION"] == "10.3.0"
    # The fake computes nothing: every sample on every device says so, and none is missing.
    assert {device: set(rows) for device, rows in seen["computed"].items()} == {
        device: {"ones", "tensor", "matmul", "conv"} for device in ("cpu", "cuda:0")
    }
    assert all("raised" in row for rows in seen["computed"].values() for row in rows.values())


def test_a_device_list_that_raises_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise RuntimeError("HIP error: no ROCm-capable device is detected")

    monkeypatch.setitem(sys.modules, "torch", fake_torch(is_available=broken))
    seen = pytorch_worker.look()
    assert seen["available"] is False
    assert "no ROCm-capable device" in seen["device_error"]


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (0.5, {"error_ratio": 0.5}),
        (float("nan"), {"raised": "the result holds nan"}),
        (float("inf"), {"raised": "the result holds inf"}),
    ],
)
def test_a_result_that_is_no_number_never_reads_as_right(outcome: float, kept: dict[str, Any]) -> None:
    assert pytorch_worker._tried(lambda torch, device: outcome, None, "cpu") == kept


LOADED = [
    ('{"models": [{"name": "tiny:1b", "size": 9, "size_vram": 4}]}', {"size": 9, "size_vram": 4}),
    ('{"models": [{"model": "tiny:1b", "size": 9}]}', {"size": 9, "size_vram": 0}),
    ('{"models": [{"name": "Tiny:1b", "size": 9}]}', {"size": 9, "size_vram": 0}),
    ('{"models": [{"name": "other:1b", "size": 9}]}', None),
    ('{"models": []}', None),
    ("<h1>502</h1>", None),
]


@pytest.mark.parametrize(("text", "seen"), LOADED)
def test_the_loaded_model_is_found(text: str, seen: dict[str, int] | None) -> None:
    assert generate._loaded(text, "tiny:1b") == seen


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "`gpuhost up` writes it"),
        ("{", "is no JSON document"),
        ('{"schema": 9}', "a schema this version does not read"),
    ],
)
def test_without_a_readable_plan_it_could_not_run(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "expected.json"
    if content is not None:
        path.write_text(content)
    assert main(["run", "--expect", str(path)]) == COULD_NOT_RUN
    assert words in capsys.readouterr().err


def test_an_unknown_check_could_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "expected.json"
    path.write_text(json.dumps(healthy.expected()))
    assert main(["run", "--expect", str(path), "gpu"]) == COULD_NOT_RUN
    assert "no check is named gpu" in capsys.readouterr().err
