"""What the monitor's program sees on recorded hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from control.paths import ROOT
from control.planner import containers as planned
from tests.unit.monitor import trees
from verify import engine, monitor
from verify.checks import inspection
from verify.parsers import drm_fdinfo, gpu_metrics, pp_dpm
from verify.probes import live, service_states
from verify.probes.gpu_processes import SWEEP_S, GpuProcesses
from verify.probes.host import Host

SCHEMA = json.loads((ROOT / "verify/schema/live-1.json").read_text(encoding="utf-8"))
PCI = "0000:03:00.0"


def looked_at(root: Path) -> dict[str, Any]:
    (gpu,) = live.live_gpus(trees.Tree(root))
    return gpu.look()


def noted(host: Host, method: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that a reading method is asked for from now on."""
    paths: list[str] = []
    real = getattr(host, method)

    def reading(path: str) -> Any:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(host, method, reading)
    return paths


# -- cards


@pytest.mark.parametrize("name", trees.NAMES)
def test_every_kind_of_card_shows_what_it_has_and_nothing_else(tmp_path: Path, name: str) -> None:
    trees.add_card(tmp_path, name)
    seen = looked_at(tmp_path)
    wanted = trees.sample(name)["figures"]
    head = ("pci", "device_id", "revision", "driver", "simulated")
    assert {key: value for key, value in seen.items() if key not in head} == wanted


def test_a_gpu_that_sleeps_is_not_asked_for_its_sensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.add_card(tmp_path, "rx6800m-asleep")
    host = trees.Tree(tmp_path)
    (gpu,) = live.live_gpus(host)
    read = noted(host, "text", monkeypatch)
    gpu.look()
    assert read
    assert [path for path in read if "hwmon" in path or "busy" in path or "pp_dpm" in path] == []


def test_the_firmwares_table_is_read_only_for_what_no_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.add_card(tmp_path, "rx6600-busy")
    trees.add_card(tmp_path, "mi300x", "0000:04:00.0")
    host = trees.Tree(tmp_path)
    asked = noted(host, "content", monkeypatch)
    for gpu in live.live_gpus(host):
        gpu.look()
    assert [path.rsplit("/", 2)[-2:] for path in asked] == [["0000:04:00.0", "gpu_metrics"]]


@pytest.mark.parametrize(("text", "celsius"), [("-273150", None), ("511000", None), ("0", 0.0), ("x", None), ("", None)])
def test_a_sensor_that_is_off_has_no_temperature(tmp_path: Path, text: str, celsius: float | None) -> None:
    trees.add_card(tmp_path, "rx6600-busy")
    trees.write(tmp_path, f"/sys/devices/pci0000:00/0000:00:01.1/{PCI}/hwmon/hwmon4/temp1_input", text)
    assert looked_at(tmp_path)["temperatures"].get("edge") == celsius


def test_other_makers_cards_and_other_devices_are_left_out(tmp_path: Path) -> None:
    for number, (vendor, kind) in enumerate([("0x10de", "0x030000"), ("0x1002", "0x040300"), ("0x1022", "0x060000")]):
        for name, value in {"vendor": vendor, "class": kind}.items():
            trees.write(tmp_path, f"/sys/bus/pci/devices/0000:0{number}:00.0/{name}", f"{value}\n")
    assert live.live_gpus(trees.Tree(tmp_path)) == []


def test_a_simulated_card_is_the_only_one_that_is_shown_and_says_so(tmp_path: Path) -> None:
    trees.add_card(tmp_path, "rx580", "0000:09:00.0")
    trees.add_card(tmp_path / "opt/gpuhost-lab/sim", "rx6600-busy")
    trees.write(tmp_path, "/etc/gpuhost/simulated.json", '{"sysroot": "/opt/gpuhost-lab/sim"}')
    seen = looked_at(tmp_path)
    assert (seen["pci"], seen["simulated"]) == (PCI, True)


# -- parsers


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0: 500Mhz \n1: 2441Mhz *\n2: 2750Mhz \n", {"mhz": 2441, "max_mhz": 2750}),
        ("S: 132Mhz *\n0: 500Mhz \n", {"mhz": 132, "max_mhz": 500}),
        ("0: 500Mhz\n1: 900Mhz\n", {"mhz": None, "max_mhz": 900}),
        ("", {"mhz": None, "max_mhz": None}),
        ("nonsense *\n", {"mhz": None, "max_mhz": None}),
    ],
)
def test_levels_of_a_clock(text: str, wanted: Any) -> None:
    assert pp_dpm.parse(text) == wanted


LINUX_6_1 = f"drm-driver:\tamdgpu\ndrm-pdev:\t{PCI}\ndrm-client-id:\t4\ndrm-memory-vram:\t9 KiB\n"
LINUX_5_15 = f"pdev:\t{PCI}\npasid:\t32769\nvram mem:\t516 kB\ngtt mem:\t8 kB\ngfx0:\t1.50%\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (trees.fdinfo(PCI, 7, 2048, 16, 5), (PCI, "7", 2048 * 1024, 16 * 1024, 5)),
        (LINUX_6_1, (PCI, "4", 9216, None, None)),
        (f"drm-driver:\tamdgpu\ndrm-pdev:\t{PCI}\ndrm-memory-vram:\t2 MiB\n", (PCI, None, 2 << 20, None, None)),
        (LINUX_5_15, (PCI, "32769", 528384, 8192, None)),
    ],
)
def test_an_open_device_says_what_it_uses(text: str, wanted: tuple[Any, ...]) -> None:
    seen = drm_fdinfo.parse(text)
    assert seen is not None
    assert tuple(seen.values()) == wanted


@pytest.mark.parametrize("text", ["", "pos:\t0\nflags:\t02\n", "drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\n"])
def test_what_is_no_client_of_amdgpu_says_nothing(text: str) -> None:
    assert drm_fdinfo.parse(text) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        trees.metrics(2, 3, 128, {28: 50}),
        trees.metrics(1, 0, 96, {16: 50}),
        trees.metrics(1, 3, 120, {16: 50})[:60],
        trees.metrics(1, 5, 12, {}),
        trees.metrics(1, 3, 120, {}),
    ],
)
def test_a_table_that_is_not_understood_gives_no_figures(data: bytes) -> None:
    assert gpu_metrics.parse(data) == {}


def test_figures_of_a_table_that_the_card_does_not_measure_are_left_out() -> None:
    data = trees.metrics(1, 3, 120, {4: 51, 16: 99, 22: 180})
    assert gpu_metrics.parse(data) == {"edge": 51, "load_percent": 99, "power_w": 180}


# -- processes


class Effort:
    """A clock of processor time on which every question costs the same."""

    def __init__(self, cost: float = 0.0) -> None:
        self.cost, self.spent = cost, 0.0

    def __call__(self) -> float:
        self.spent += self.cost
        return self.spent


def processes(root: Path, cost: float = 0.0) -> GpuProcesses:
    return GpuProcesses(trees.Tree(root), Effort(cost), effort=1.0)


def test_a_client_that_is_open_twice_counts_once_and_clients_add_up(tmp_path: Path) -> None:
    same, other = trees.fdinfo(PCI, 7, 2048), trees.fdinfo(PCI, 8, 1000, 24)
    trees.add_process(tmp_path, 41, "python3", {5: same, 6: same, 9: other})
    (row,) = processes(tmp_path).look(0.0)
    assert (row["pid"], row["vram_bytes"], row["gtt_bytes"]) == (41, 3048 * 1024, 24 * 1024)
    assert (row["name"], row["user"], row["container_id"]) == ("python3", "ada", None)


def test_a_process_on_two_gpus_has_a_row_for_each(tmp_path: Path) -> None:
    trees.add_process(tmp_path, 41, "x", {5: trees.fdinfo(PCI, 7, 1), 6: trees.fdinfo("0000:04:00.0", 8, 2)})
    assert [(row["pci"], row["vram_bytes"]) for row in processes(tmp_path).look(0.0)] == [
        (PCI, 1024),
        ("0000:04:00.0", 2048),
    ]


def test_load_is_what_the_engines_did_since_the_last_look(tmp_path: Path) -> None:
    watch = processes(tmp_path)
    for second, busy, wanted in [(0.0, 10**9, None), (0.5, 10**9 + 450_000_000, 90), (1.0, 10**9 + 450_000_000, 0)]:
        trees.write(tmp_path, "/proc/41/fdinfo/5", "")
        if second == 0.0:
            trees.add_process(tmp_path, 41, "x", {5: trees.fdinfo(PCI, 7, 1)})
        trees.write(tmp_path, "/proc/41/fdinfo/5", trees.fdinfo(PCI, 7, 1, gfx_ns=busy))
        assert [row["load_percent"] for row in watch.look(second)] == [wanted]


def test_what_rocms_driver_counts_is_shown_where_the_device_shows_less(tmp_path: Path) -> None:
    trees.write(
        tmp_path, "/sys/class/kfd/kfd/topology/nodes/1/properties", "simd_count 56\nsimd_per_cu 2\nlocation_id 768\n"
    )
    trees.write(tmp_path, "/sys/class/kfd/kfd/topology/nodes/1/gpu_id", "51142\n")
    trees.write(tmp_path, "/sys/class/kfd/kfd/proc/41/vram_51142", "9000\n")
    trees.write(tmp_path, "/sys/class/kfd/kfd/proc/77/vram_51142", "0\n")
    trees.add_process(tmp_path, 41, "ollama", {5: trees.fdinfo(PCI, 7, 1)})
    (row,) = processes(tmp_path).look(0.0)
    assert (row["pid"], row["vram_bytes"], row["load_percent"]) == (41, 9000, None)


@pytest.mark.parametrize(
    "cgroup",
    ["0::/system.slice/docker-{}.scope\n", "0::/docker/{}\n", "0::/machine.slice/libpod-{}.scope/container\n"],
)
def test_a_process_in_a_container_names_it(tmp_path: Path, cgroup: str) -> None:
    trees.add_process(tmp_path, 41, "x", {5: trees.fdinfo(PCI, 7, 1)}, cgroup.format("ab" * 32))
    assert processes(tmp_path).look(0.0)[0]["container_id"] == "ab" * 32


def test_a_gpu_that_is_opened_late_is_found_at_the_next_round(tmp_path: Path) -> None:
    trees.add_process(tmp_path, 41, "x", {})
    watch = processes(tmp_path)
    assert watch.look(0.0) == []
    trees.link(tmp_path, "/proc/41/fd/5", "/dev/dri/renderD128")
    trees.write(tmp_path, "/proc/41/fdinfo/5", trees.fdinfo(PCI, 7, 1))
    assert watch.look(SWEEP_S / 2) == []
    assert [row["pid"] for row in watch.look(SWEEP_S)] == [41]


def test_the_search_stops_when_its_effort_is_spent_and_goes_on_where_it_was(tmp_path: Path) -> None:
    for pid in range(10, 20):
        trees.add_process(tmp_path, pid, "x", {5: trees.fdinfo(PCI, pid, 1)})
    watch = processes(tmp_path, cost=0.4)
    counts = [len(watch.look(second / 2)) for second in range(6)]
    assert counts[0] < 10
    assert counts == sorted(counts)
    assert counts[-1] == 10


def test_new_processes_come_before_the_round_of_the_old(tmp_path: Path) -> None:
    for pid in range(10, 20):
        trees.add_process(tmp_path, pid, "x", {})
    watch = processes(tmp_path, cost=0.4)
    watch.look(0.0)
    trees.add_process(tmp_path, 500, "new", {5: trees.fdinfo(PCI, 7, 1)})
    assert [row["pid"] for row in watch.look(0.5)] == [500]


def test_a_process_that_ended_is_gone_at_once(tmp_path: Path) -> None:
    trees.add_process(tmp_path, 41, "x", {5: trees.fdinfo(PCI, 7, 1)})
    watch = processes(tmp_path)
    assert len(watch.look(0.0)) == 1
    (tmp_path / "proc/41").rename(tmp_path / "gone")
    assert watch.look(0.5) == []


# -- services


def container(letter: str, name: str, state: str, status: str, **labels: str) -> dict[str, Any]:
    """A container as the engine lists it."""
    named = {f"org.gpuhost.{label.replace('_', '-')}": value for label, value in labels.items()}
    return {"Id": letter * 64, "Names": [f"/{name}"], "State": state, "Status": status, "Labels": named}


LISTED = [
    container("a", "gpuhost-ollama", "running", "Up 2 minutes (healthy)", service="ollama", stand_in="computes on the CPU"),
    container("b", "gpuhost-jupyter", "exited", "Exited (137) 3 hours ago", service="jupyter"),
    container("c", "somebodys", "running", "Up 9 days"),
    container("d", "x", "running", "Up 1 second (health: starting)", service="a"),
]


class Api:
    """An engine that lists containers, or refuses."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, path: str) -> Any:
        assert path == "/containers/json?all=1"
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def asked(root: Path, answer: Any) -> service_states.ServiceStates:
    trees.write(root, "/var/run/docker.sock", "")
    host = trees.Tree(root)
    host.engine = lambda: Api(answer)  # type: ignore[method-assign] # a recorded engine
    states = service_states.ServiceStates(host)
    states.look()
    return states


def test_services_are_those_that_gpuhost_labelled(tmp_path: Path) -> None:
    assert [tuple(row.values()) for row in asked(tmp_path, LISTED).services] == [
        ("a", "x", "running", "starting", False),
        ("jupyter", "gpuhost-jupyter", "exited", None, False),
        ("ollama", "gpuhost-ollama", "running", "healthy", True),
    ]


def test_an_engine_that_refuses_is_an_error_and_none_is_no_engine(tmp_path: Path) -> None:
    assert asked(tmp_path, engine.EngineError(0, "permission denied")).services == {"error": "permission denied"}
    (tmp_path / "var/run/docker.sock").unlink()
    states = service_states.ServiceStates(trees.Tree(tmp_path))
    states.look()
    assert states.services is None


def test_the_labels_are_those_that_containers_get() -> None:
    assert planned.LABEL == service_states.SERVICE
    assert inspection.STAND_IN_LABEL == service_states.STAND_IN


# -- the whole document


def filled(root: Path) -> trees.Tree:
    for number, name in enumerate(trees.NAMES):
        trees.add_card(root, name, f"0000:0{number + 3}:00.0")
    trees.add_process(root, 41, "ollama", {5: trees.fdinfo(PCI, 7, 2048)}, f"0::/system.slice/docker-{'a' * 64}.scope\n")
    trees.write(root, "/proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n")
    trees.write(root, "/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 5 kB\nMemAvailable: 600 kB\nHugePages_Total:       0\n")
    trees.write(root, "/var/run/docker.sock", "")
    host = trees.Tree(root)
    host.engine = lambda: Api(LISTED)  # type: ignore[method-assign] # a recorded engine
    return host


def test_the_document_keeps_to_its_schema(tmp_path: Path) -> None:
    host = filled(tmp_path)
    watch = monitor.Monitor(host)
    watch.services.look()
    first = watch.look()
    host.seconds += 0.5
    trees.write(tmp_path, "/proc/stat", "cpu  150 0 100 750 100 0 0 0 0 0\n")
    second = watch.look()
    for document in (first, second):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert (first["cpu_percent"], second["cpu_percent"], second["sequence"]) == (None, 50.0, 2)
    assert second["memory"] == {"total_bytes": 1024000, "available_bytes": 614400}
    assert second["gpus"][0]["processes"][0]["container"] == "gpuhost-ollama"
    assert len(second["gpus"]) == len(trees.NAMES)


def test_what_cannot_be_read_is_an_error_and_the_rest_comes(tmp_path: Path) -> None:
    host = filled(tmp_path)
    trees.write(tmp_path, "/etc/gpuhost/simulated.json", "{}")
    document = monitor.Monitor(host).look()
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert "names None" in document["gpus"]["error"]
    assert document["simulated"] is True
    assert document["memory"]["total_bytes"] == 1024000


def test_a_card_that_comes_later_is_found(tmp_path: Path) -> None:
    host = trees.Tree(tmp_path)
    watch = monitor.Monitor(host)
    assert watch.look()["gpus"] == []
    trees.add_card(tmp_path, "rx580")
    host.seconds += monitor.DEVICES_S
    assert [gpu["device_id"] for gpu in watch.look()["gpus"]] == ["67df"]


def test_waiting_for_a_disk_is_no_load() -> None:
    assert monitor.cpu_times("cpu  10 1 2 80 7 0 0 0 5 0\n") == (13, 100)
    assert monitor.cpu_times("") is None
