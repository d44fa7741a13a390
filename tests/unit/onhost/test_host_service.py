"""A service of the host itself: exchanged with a way back, also when the exchange is interrupted."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onhost import host_service, lease, paths
from onhost.finding import FindingError
from onhost.host_service import HostService

UNIT = "gpuhost-app.service"
SOCKET = "gpuhost-app-bridge.socket"
FOLDER = "etc/systemd/system"


def text(version: str) -> str:
    return f"[Service]\nExecStart=/opt/app/{version}\n[Install]\nWantedBy=multi-user.target\n"


class Systemd:
    """Runs what is enabled and started; the service answers with the version in its file, unless that is broken."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.restarts = 0
        self.calls: list[tuple[str, ...]] = []
        systemd = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                said = systemd.version()
                self.send_response(200 if said else 503)
                self.end_headers()
                self.wfile.write(f'{{"version": "{said}"}}'.encode())

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def version(self) -> str:
        path = self.root / FOLDER / UNIT
        there = path.read_text() if path.exists() and UNIT in self.active else ""
        return "" if not there or "broken" in there else there.split("/opt/app/")[1].split("\n")[0]

    def run(self, *argv: str) -> str:
        self.calls.append(argv)
        if argv[0] == "journalctl":
            return "the last words of the program\n"
        verb, units = argv[1], {word for word in argv[2:] if not word.startswith("-")}
        if verb == "enable":
            self.enabled |= units
            self.active |= units if "--now" in argv else set()
        elif verb == "disable":
            self.enabled -= units
            self.active -= units if "--now" in argv else set()
        elif verb == "restart":
            self.active |= units
            self.restarts += 1
        elif verb == "show":
            broken = "broken" in ((self.root / FOLDER / UNIT).read_text() if (self.root / FOLDER / UNIT).exists() else "")
            unit = argv[-1]
            state = "inactive" if unit not in self.active else "failed" if broken and unit == UNIT else "active"
            fields = {"ActiveState": state, "UnitFileState": "enabled" if unit in self.enabled else "disabled"}
            return fields.get(argv[2].removeprefix("--property="), "")
        return ""


@pytest.fixture
def systemd(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    fake = Systemd(root)
    monkeypatch.setattr(host_service, "_run", fake.run)
    yield fake
    fake.close()


def service(systemd: Systemd, version: str, **more: str) -> HostService:
    return HostService(UNIT, {UNIT: text(version), **more}, {"url": systemd.url, "contains": '"version"'})


def test_it_runs_starts_at_boot_and_is_left_alone_afterwards(systemd: Systemd, root: Path) -> None:
    assert service(systemd, "1").settle(5)
    assert (systemd.version(), systemd.enabled, systemd.restarts) == ("1", {UNIT}, 1)
    assert (root / FOLDER / UNIT).stat().st_mode & 0o777 == 0o644
    assert not service(systemd, "1").settle(5)
    assert systemd.restarts == 1
    assert not list(paths.state().glob("*"))


@pytest.mark.parametrize("trouble", ["stopped", "disabled", "edited"])
def test_what_somebody_changed_is_put_right(systemd: Systemd, root: Path, trouble: str) -> None:
    service(systemd, "1").settle(5)
    if trouble == "stopped":
        systemd.active.clear()
    elif trouble == "disabled":
        systemd.enabled.clear()
    else:
        (root / FOLDER / UNIT).write_text(text("mine"))
    assert service(systemd, "1").settle(5, check=True)
    assert service(systemd, "1").settle(5)
    assert (systemd.version(), systemd.enabled) == ("1", {UNIT})


def test_one_that_does_not_come_up_gives_way_to_the_one_before(systemd: Systemd, root: Path) -> None:
    service(systemd, "1").settle(5)
    with pytest.raises(FindingError) as caught:
        service(systemd, "broken").settle(5)
    assert caught.value.id == "GH-SERVICE-UNHEALTHY"
    assert "the one before it runs again" in caught.value.seen
    assert "the last words of the program" in caught.value.seen
    assert (systemd.version(), (root / FOLDER / UNIT).read_text()) == ("1", text("1"))
    assert not list(paths.state().glob("*"))


def test_the_first_one_that_does_not_come_up_leaves_nothing_running(systemd: Systemd, root: Path) -> None:
    with pytest.raises(FindingError, match="there was none before it"):
        service(systemd, "broken").settle(5)
    assert not (root / FOLDER / UNIT).exists()
    assert (systemd.active, systemd.enabled) == (set(), set())


def test_one_that_says_nothing_is_given_up_when_its_time_is_over(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    service(systemd, "1").settle(5)
    monkeypatch.setattr(HostService, "answers", lambda self: False)
    with pytest.raises(FindingError):
        service(systemd, "2").settle(0.2)
    assert systemd.version() == "1"


def test_the_run_is_heard_of_before_it_waits_and_after(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(lease, "touch", lambda: heard.append(systemd.calls[-1][1] if systemd.calls else "nothing yet"))
    service(systemd, "1").settle(5)
    assert heard == ["nothing yet", "restart"]
    heard.clear()
    with pytest.raises(FindingError):
        service(systemd, "broken").settle(5)
    assert heard[1:] == ["restart", "--no-pager"], "before the one before it comes back as well"


def test_an_exchange_that_was_interrupted_still_knows_the_one_before(
    systemd: Systemd, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service(systemd, "1").settle(5)

    def killed(self: HostService, patience: float) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(HostService, "_comes_to_answer", killed)
        with pytest.raises(KeyboardInterrupt):
            service(systemd, "broken").settle(5)
    assert (root / FOLDER / UNIT).read_text() == text("broken")
    with pytest.raises(FindingError, match="the one before it runs again"):
        service(systemd, "broken").settle(5)
    assert systemd.version() == "1"


def test_units_beside_it_come_and_go_with_it(systemd: Systemd, root: Path) -> None:
    service(systemd, "1").settle(5)
    with pytest.raises(FindingError):
        service(systemd, "broken", **{SOCKET: "[Socket]\n[Install]\n"}).settle(5)
    assert not (root / FOLDER / SOCKET).exists()
    service(systemd, "2", **{SOCKET: "[Socket]\n[Install]\n"}).settle(5)
    assert systemd.enabled == {UNIT, SOCKET}


def test_a_unit_beside_it_that_somebody_stopped_runs_again(systemd: Systemd) -> None:
    """Containers reach the service through it, and the service's own answer says nothing of that."""
    beside = {SOCKET: "[Socket]\n[Install]\n", "app-bridge.service": "[Service]\n"}
    service(systemd, "1", **beside).settle(5)
    assert not service(systemd, "1", **beside).settle(5)
    systemd.active -= {SOCKET, "app-bridge.service"}
    assert service(systemd, "1", **beside).settle(5)
    assert SOCKET in systemd.active


def test_it_can_be_stopped_for_another_and_started_again(systemd: Systemd) -> None:
    one = service(systemd, "1")
    assert not one.stop()
    one.settle(5)
    assert one.stop()
    assert (systemd.version(), systemd.enabled) == ("", set())
    assert one.start()
    assert (systemd.version(), systemd.enabled) == ("1", {UNIT})


def test_one_that_was_never_there_is_not_started(systemd: Systemd) -> None:
    assert not service(systemd, "1").start()
    assert [call for call in systemd.calls if "enable" in call] == []


class OneContainer:
    """The container whose place the service takes."""

    def __init__(self, systemd: Systemd) -> None:
        self.systemd = systemd
        self.calls: list[str] = []

    def set_aside(self, name: str) -> bool:
        # Both want one port: the first must have ended before the second begins.
        assert self.systemd.restarts == 0
        self.calls.append(f"aside {name}")
        return True

    def restore(self, name: str) -> bool:
        self.calls.append(f"back {name}")
        return True

    def drop(self, name: str) -> bool:
        self.calls.append(f"drop {name}")
        return True

    def remove(self, name: str) -> None:
        # Its port has to be free before the unit starts.
        assert UNIT not in self.systemd.active
        self.calls.append(f"remove {name}")


class NoContainer(OneContainer):
    """Nothing was set aside: what stood for the service was its unit."""

    def restore(self, name: str) -> bool:
        return False


def test_a_unit_gives_way_to_a_container_and_comes_back_where_that_does_not_work(systemd: Systemd) -> None:
    service(systemd, "1", **{SOCKET: "[Socket]\n[Install]\n"}).settle(5)
    systemd.restarts = 0
    stood: Any = NoContainer(systemd)
    assert host_service.set_aside(stood, "gpuhost-app", [UNIT, SOCKET])
    assert systemd.active == set()
    assert host_service.bring_back(stood, "gpuhost-app", [UNIT, SOCKET])
    assert stood.calls == ["aside gpuhost-app", "remove gpuhost-app"]
    assert (systemd.version(), systemd.enabled) == ("1", {UNIT, SOCKET})


def test_a_container_that_was_set_aside_is_what_comes_back(systemd: Systemd) -> None:
    service(systemd, "1").settle(5)
    systemd.active.clear()
    stood: Any = OneContainer(systemd)
    assert host_service.bring_back(stood, "gpuhost-app", [UNIT])
    assert (stood.calls, systemd.active) == (["back gpuhost-app"], set())


@pytest.mark.parametrize("units", [[], [UNIT]])
def test_the_first_container_that_does_not_work_stays_to_be_looked_at(systemd: Systemd, units: list[str]) -> None:
    stood: Any = NoContainer(systemd)
    assert not host_service.bring_back(stood, "gpuhost-app", units)
    assert stood.calls == []


def test_a_container_gives_way_only_once_the_service_answers(systemd: Systemd) -> None:
    stood: Any = OneContainer(systemd)
    assert service(systemd, "1").settle(5, False, stood, "gpuhost-app")
    assert stood.calls == ["aside gpuhost-app", "drop gpuhost-app"]


def test_a_container_runs_again_where_the_service_does_not(systemd: Systemd) -> None:
    stood: Any = OneContainer(systemd)
    with pytest.raises(FindingError):
        service(systemd, "broken").settle(5, False, stood, "gpuhost-app")
    assert stood.calls == ["aside gpuhost-app", "back gpuhost-app"]
    assert systemd.active == set()


@pytest.mark.parametrize(
    ("health", "well"),
    [({"json": {"version": "1"}}, True), ({"json": {"version": "2"}}, False), ({"contains": "nothing of it"}, False)],
)
def test_health_is_what_it_says(systemd: Systemd, health: dict[str, Any], well: bool) -> None:
    service(systemd, "1").settle(5)
    assert HostService(UNIT, {UNIT: text("1")}, {"url": systemd.url, **health}).answers() is well
