"""The snapshot as a whole: its shape, what it says of known hosts, and that it always comes."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from tests.unit.verify import hosts
from tests.unit.verify.builder import Builder
from tests.unit.verify.parts import DEBIAN12, DEBIAN13, RX6600, UBUNTU2404
from verify import snapshot
from verify.snapshot import take

SCHEMA = json.loads((Path(snapshot.__file__).parent / "schema" / "snapshot-1.json").read_text())
NAMES = sorted(path.stem for path in hosts.SNAPSHOTS.glob("*.json"))


def invalid(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(document)]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    made = hosts.samples(tmp_path_factory.mktemp("hosts"))
    return {name: builder.snapshot() for name, builder in made.items()}


def test_the_samples_are_what_the_code_takes_today(taken: dict[str, dict[str, Any]]) -> None:
    kept = {name: (hosts.SNAPSHOTS / f"{name}.json").read_text() for name in taken}
    assert {name: hosts.text(document) for name, document in taken.items()} == kept, "run: python -m tests.unit.verify.hosts"


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_snapshot_keeps_to_the_schema(name: str) -> None:
    assert invalid(json.loads((hosts.SNAPSHOTS / f"{name}.json").read_text())) == []


def test_a_recorded_host_is_read_without_an_error(taken: dict[str, dict[str, Any]]) -> None:
    bad = [(n, key) for n, said in taken.items() for key, part in said.items() if isinstance(part, dict) and "error" in part]
    assert bad == []


def test_the_snapshot_of_this_machine_keeps_to_the_schema() -> None:
    assert invalid(take()) == []


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"gpu": []}, {"disk": None}, {"kernel": {"release": "6.1"}}, {"gpus": [{"pci": "3:0.0"}]}],
)
def test_the_schema_refuses_what_no_snapshot_holds(taken: dict[str, Any], change: dict[str, Any]) -> None:
    assert invalid({**taken["debian-12-rx6600"], **change})


def test_a_card_beside_an_integrated_gpu_is_told_apart(taken: dict[str, Any]) -> None:
    card, integrated = taken["ubuntu-24.04-rx6600-plus-igpu"]["gpus"]
    assert (card["gfx"], card["kfd_node"], card["render_minor"], card["boot_vga"]) == ("gfx1032", 1, 128, True)
    assert (integrated["gfx"], integrated["kfd_node"], integrated["boot_vga"]) == ("gfx1036", 2, False)
    assert integrated["gtt_bytes"] > card["vram_bytes"] > integrated["vram_bytes"]


def test_a_driver_that_came_up_without_its_gpu_leaves_a_gpu_with_no_driver_and_no_node(taken: dict[str, Any]) -> None:
    said = taken["debian-13-driver-init-failed"]
    assert (said["kernel"]["modules"]["amdgpu"]["loaded"], said["kfd"]["present"]) == (True, True)
    assert [node["kind"] for node in said["kfd"]["nodes"]] == ["cpu"]
    assert [(gpu["amd"], gpu["driver"], gpu["kfd_node"]) for gpu in said["gpus"]] == [(True, None, None)]


@pytest.mark.parametrize(
    ("name", "vendor", "driver"), [("debian-12-nvidia", "10de", "nvidia"), ("debian-13-nogpu", "1af4", "virtio-pci")]
)
def test_a_gpu_of_another_maker_is_seen_and_is_not_amds(taken: dict[str, Any], name: str, vendor: str, driver: str) -> None:
    (gpu,) = taken[name]["gpus"]
    assert (gpu["vendor_id"], gpu["driver"], gpu["amd"], gpu["gfx"]) == (vendor, driver, False, None)
    assert taken[name]["kernel"]["modules"]["amdgpu"]["loaded"] is False


def test_a_simulated_gpu_is_marked_everywhere_and_its_nodes_have_no_driver(taken: dict[str, Any]) -> None:
    said = taken["debian-13-rx6600-simulated"]
    assert (said["simulated"], said["kfd"]["simulated"], said["kernel"]["modules"]["amdgpu"]["simulated"]) == (True,) * 3
    assert [(gpu["gfx"], gpu["simulated"]) for gpu in said["gpus"]] == [("gfx1032", True)]
    assert {device["open"] for device in said["devices"]} == {"ENXIO", None}


def test_only_a_simulated_host_is_marked_so(taken: dict[str, Any]) -> None:
    marked = {name for name, said in taken.items() if "true" in json.dumps(said["simulated"])}
    gpus = {name for name, said in taken.items() if any(gpu["simulated"] for gpu in said["gpus"])}
    assert marked == gpus == {"debian-13-rx6600-simulated"}


@pytest.mark.parametrize("text", ["", "{}", '{"sysroot": "/nowhere"}', '{"sysroot": 7}', '{"sysroot": "/"}', "[]"])
def test_a_broken_simulation_never_shows_the_machines_own_gpu(tmp_path: Path, text: str) -> None:
    made = Builder(tmp_path, DEBIAN13).gpus(RX6600)
    made.write("/etc/gpuhost/simulated.json", text)
    said = made.snapshot()
    assert said["simulated"] is True
    for section in ("gpus", "kfd", "kernel"):
        assert "simulated.json" in said[section]["error"]
    assert invalid(said) == []


def test_the_whole_snapshot_comes_from_an_empty_tree(tmp_path: Path) -> None:
    said = take(str(tmp_path))
    assert invalid(said) == []
    assert "os-release" in said["os"]["error"]
    assert "dpkg" in said["packages"]["error"]
    assert (said["gpus"], said["devices"], said["dkms"]) == ([], [], [])


def test_a_section_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    made = Builder(tmp_path, DEBIAN12).gpus(RX6600)
    made.write("/proc/meminfo", "nonsense")
    made.write("/etc/group", "\x00:::\nrender:x:notanumber:")
    said = made.snapshot()
    assert said["memory"] == {"error": "KeyError: 'MemTotal'"}
    assert said["groups"] == {}
    assert said["gpus"][0]["gfx"] == "gfx1032"


def test_what_others_look_at_is_put_in_and_its_failure_is_an_error(tmp_path: Path) -> None:
    made = Builder(tmp_path, DEBIAN12)

    def broken() -> Any:
        raise OSError("disk gone")

    made.installed()
    seal = {"input": "x", "sealed_at": "y", "items": {}, "stand_ins": []}
    said = take(made.host, None, {"seals": lambda: {"rocm": seal}, "lease": lambda: None, "steps": broken})
    assert said["seals"] == {"rocm": seal}
    assert (said["lease"], said["steps"]) == (None, {"error": "OSError: disk gone"})
    assert invalid(said) == []


def test_a_section_that_does_not_come_does_not_hold_up_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(snapshot, "LIMIT_S", 0.05)
    made = Builder(tmp_path, DEBIAN12).gpus(RX6600)
    made.installed()
    said = take(made.host, None, {"seals": never.wait})
    never.set()
    assert said["seals"] == {"error": "did not come within 0.05 s"}
    assert said["os"]["id"] == "debian"


def test_a_driver_that_secure_boot_refuses_is_there_in_every_way_but_loaded(taken: dict[str, Any]) -> None:
    said = taken["ubuntu-24.04-rx7900xtx-dkms-refused"]
    kernel = said["kernel"]
    assert (kernel["secure_boot"], kernel["signing"]["enforced"], kernel["signing"]["shim"]) == ("on", True, True)
    assert [(row["kernel"], row["state"]) for row in said["dkms"]] == [("6.14.0-37-generic", "installed")]
    assert kernel["modules"]["amdgpu"]["loaded"] is False
    assert kernel["rejected"] == [{"module": None, "why": "Loading of module with unavailable key is rejected"}]
    files = {row["release"]: (row["in_tree"], row["signer_serial"]) for row in kernel["modules"]["amdgpu"]["files"]}
    (key,) = kernel["signing"]["keys"]
    assert files == {"6.14.0-39-generic": (True, None), "6.14.0-37-generic": (False, key["serial"])}
    assert (key["enrolled"], key["pending"], kernel["boot"]["next"]) == (False, False, "6.14.0-39-generic")


def test_the_network_is_left_alone_unless_asked_for(taken: dict[str, Any]) -> None:
    assert {json.dumps(said["network"]) for said in taken.values()} == {"[]"}


def test_a_normal_user_gets_a_snapshot_and_is_told_what_root_would_add(tmp_path: Path) -> None:
    made = Builder(tmp_path, UBUNTU2404).gpus(RX6600).opening_gives("EACCES")
    made.listen((22, 700, "sshd"), (11434, 900, "?"))
    made.docker("29.0.0", [])
    (tmp_path / "proc/900/fd/3").unlink()
    made.host.root_user, made.host.api = False, None
    said = made.snapshot()
    assert said["needs_root"] == [
        "apt.locked_by",
        "engine",
        "kernel.rejected",
        "override.env_files",
        "ports.process",
        "venvs",
    ]
    assert (said["as_root"], said["process_groups"], said["login_user"]) == (False, [1000], "ada")
    assert (said["engine"]["present"], said["engine"]["error"][:17]) == (True, "permission denied")
    assert {device["open"] for device in said["devices"]} == {"EACCES", None}
    assert invalid(said) == []


def test_the_time_it_took_and_when_are_in_it() -> None:
    said = take()
    assert 0 < said["duration_s"] < snapshot.LIMIT_S
    assert said["taken_at"].endswith("Z")


def test_every_part_of_the_tree_of_the_lab_reads_like_a_real_card(tmp_path: Path) -> None:
    simulate = pytest.importorskip("control.lab.simulate")
    made = Builder(tmp_path, DEBIAN13)
    made.write("/etc/gpuhost/simulated.json", json.dumps({"sysroot": simulate.SYSROOT}))
    for path, content in simulate.tree(simulate.RX_6600).items():
        if isinstance(content, str):
            made.write(f"/{path}", content, simulate.SYSROOT)
        else:
            made.link(f"/{path}", content.target, simulate.SYSROOT)
    said = made.snapshot()
    (gpu,) = said["gpus"]
    assert (gpu["gfx"], gpu["driver"], gpu["render_minor"], gpu["simulated"]) == ("gfx1032", "amdgpu", 128, True)
    assert gpu["vram_bytes"] == simulate.RX_6600.vram
    assert said["kernel"]["modules"]["amdgpu"]["loaded"] is True
