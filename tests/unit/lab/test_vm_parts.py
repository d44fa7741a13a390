"""The lab's virtual machines, as far as no QEMU is needed: what is asked for, the command line, trials, records."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from control.lab import engine, keys, names, simulate
from control.lab.errors import LabError
from control.lab.files import File
from control.lab.simulate import Link
from control.lab.vm import accelerator, booted, fleet, guest, image, process, tools
from control.lab.vm import spec as vm_spec
from control.lab.vm.hardware import DISK, Hardware
from control.lab.vm.machine import Machine
from control.lab.vm.shell import Shell
from control.lab.vm.spec import VmSpec

PLAIN = Hardware("tcg", 2048)
SECURE = Hardware("tcg", 2048, secure_boot=True)
MIRROR = IPv4Address("10.213.77.2")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lab keeps its machines and keys in a folder with a blank in its name."""
    folder = tmp_path / "a lab"
    monkeypatch.setattr(names, "VM_HOSTS_DIR", folder / "hosts")
    monkeypatch.setattr(names, "VM_IMAGES_DIR", folder / "images")
    monkeypatch.setattr(names, "VM_DIR", folder)
    monkeypatch.setattr(names, "SSH_KEY", folder / "ssh" / "id_ed25519")
    return folder


def recorded(spec: VmSpec, hardware: Hardware = PLAIN, port: int = 2201, image_name: str = "trixie-1") -> Path:
    """A machine's folder as `fleet` leaves it, but without a disk."""
    spec.folder.mkdir(parents=True)
    record = {"spec": json.loads(spec.as_json()), "hardware": hardware.as_dict(), "image": image_name, "input": "abc"}
    (spec.folder / "machine.json").write_text(json.dumps(record))
    (spec.folder / "port").write_text(f"{port}\n")
    return spec.folder


# What is asked for


def test_machines_are_asked_for_as_hosts_are() -> None:
    found = vm_spec.parse(3, "12,13", "none", secure_boot=True)
    assert [(one.name, one.release, one.gpu, one.secure_boot) for one in found] == [
        ("gpuhost-lab-vm1", 12, None, True),
        ("gpuhost-lab-vm2", 13, None, True),
        ("gpuhost-lab-vm3", 12, None, True),
    ]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"number": 0}, "number"),
        ({"number": 100}, "number"),
        ({"number": 1, "release": 11}, "11"),
        ({"number": 1, "gpu": "rx7900"}, "rx7900"),
        ({"number": 1, "memory_mib": 64}, "64"),
    ],
)
def test_what_the_lab_does_not_have_is_named(words: dict[str, int], named: str) -> None:
    with pytest.raises(LabError) as failure:
        VmSpec(**words)  # type: ignore[arg-type]  # the table holds values of several types
    assert named in failure.value.seen
    assert failure.value.next.startswith("use one of: ")


@pytest.mark.parametrize(
    ("name", "number"),
    [("gpuhost-lab-vm3", 3), ("vm12", 12), ("3", None), ("gpuhost-lab-3", None), ("vm", None), ("gpuhost-lab-mirror", None)],
)
def test_a_machine_s_name_is_not_a_container_s(name: str, number: int | None) -> None:
    assert vm_spec.number_of(name) == number


# The command line


def test_secure_boot_takes_the_firmware_that_enforces_it_and_the_variables_that_hold_its_keys() -> None:
    said = " ".join(SECURE.command(2201))
    assert "OVMF_CODE_4M.secboot.fd" in said
    assert "smm=on" in said
    assert "property=secure,value=on" in said
    assert SECURE.fresh_variables.name == "OVMF_VARS_4M.ms.fd"
    assert "secboot" not in " ".join(PLAIN.command(2201))
    assert PLAIN.fresh_variables.name == "OVMF_VARS_4M.fd"


def test_ssh_is_reached_from_this_machine_alone() -> None:
    netdev = next(word for word in PLAIN.command(2201) if word.startswith("user,"))
    assert "hostfwd=tcp:127.0.0.1:2201-:22" in netdev


def test_a_saved_memory_fits_one_hardware_whatever_its_port() -> None:
    assert PLAIN.key == Hardware("tcg", 2048).key
    others = [SECURE, Hardware("kvm", 2048), Hardware("tcg", 1024)]
    assert len({one.key for one in [PLAIN, *others]}) == 4
    assert [word for word in PLAIN.command(1, incoming=True) if word not in PLAIN.command(1)] == ["-incoming", "defer"]


# Which accelerator


@pytest.mark.parametrize(
    ("code", "errors", "serial", "said"),
    [
        (0, "", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", ""),
        (0, "", "", "QEMU ended with 0"),
        (1, "qemu: error: failed to set MSR 0x10a to 0x69\nmore\n", "", "failed to set MSR 0x10a"),
        (-6, "", "Probing EDD", "QEMU ended with -6"),
    ],
)
def test_kvm_is_believed_only_where_a_kernel_came_up_under_it(code: int, errors: str, serial: str, said: str) -> None:
    verdict = accelerator.verdict(code, errors, serial, 2.0)
    assert (verdict == "") == (said == "")
    assert said in verdict


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Trials of KVM, which fail; /dev/kvm is there."""
    trials: list[Path] = []
    monkeypatch.setattr(accelerator, "_ANSWER", tmp_path / "vm" / "accelerator.json")
    monkeypatch.setattr(accelerator, "_DEVICE", tmp_path)

    def fails(kernel: Path) -> str:
        trials.append(kernel)
        return "it died"

    monkeypatch.setattr(accelerator, "try_kvm", fails)
    return trials


def test_kvm_is_tried_once_per_boot_of_this_machine_and_said_once(tried: list[Path]) -> None:
    said: list[str] = []
    assert [accelerator.choose(Path("/k"), said.append) for _ in range(2)] == ["tcg", "tcg"]
    assert tried == [Path("/k")]
    assert said == ["virtual machines run under software emulation, slowly: it died"]


@pytest.mark.parametrize("left", ["", "{", "[]", '{"boot_id": "another", "accelerator": "kvm"}'])
def test_an_answer_of_another_boot_or_half_of_one_is_none(left: str, tried: list[Path]) -> None:
    accelerator._ANSWER.parent.mkdir()
    accelerator._ANSWER.write_text(left)
    assert accelerator.choose(Path("/k"), lambda _: None) == "tcg"
    assert len(tried) == 1


def test_without_the_device_nothing_is_tried(tried: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(accelerator, "_DEVICE", tmp_path / "none")
    said: list[str] = []
    assert accelerator.choose(Path("/k"), said.append) == "tcg"
    assert "there is no /dev/kvm" in said[0]
    assert tried == []


# Tools and disks


def test_only_what_this_machine_lacks_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = tmp_path / "ring"
    ring.touch()
    monkeypatch.setattr(engine, "KEYRING", ring)
    monkeypatch.setattr(engine, "which", lambda tool: None if tool in ("qemu-img", "sfdisk") else tool)
    monkeypatch.setattr(tools, "FIRMWARE", tmp_path)
    assert tools.missing_packages() == ["qemu-utils", "fdisk"]
    monkeypatch.setattr(tools, "FIRMWARE", tmp_path / "none")
    assert "ovmf" in tools.missing_packages()


def test_a_machine_has_every_package_of_a_container_host() -> None:
    """The mirror holds what a container host lacks; a machine that had less would miss packages there."""
    text = (names.CONTEXTS_DIR / "host" / "Dockerfile").read_text()
    asked = re.search(r"--no-install-recommends\s+(.*?)&&", text, re.DOTALL)
    assert asked
    of_containers = set(asked.group(1).replace("\\", " ").split())
    assert len(of_containers) > 5
    assert of_containers <= set(image.PACKAGES)


def test_a_bare_host_has_nothing_to_build_a_module_with() -> None:
    assert not [name for name in image.PACKAGES if re.match(r"gcc|make|dkms|build-essential|linux-headers", name)]


def test_paths_with_blanks_reach_the_scripts_whole(tmp_path: Path) -> None:
    command = image.bootstrap_command("trixie", tmp_path / "a key", tmp_path / "root.tar")
    hook = next(word for word in command if word.startswith("--customize-hook="))
    assert shlex.split(hook.partition("=")[2])[-1] == str(tmp_path / "a key")
    assert command[-3:] == ["trixie", str(tmp_path / "root.tar"), image.ARCHIVE]


def test_the_disk_has_the_file_systems_that_its_fstab_and_its_boot_loader_name() -> None:
    scripts = Path(image.__file__).with_name("image")
    system, disk = ((scripts / name).read_text() for name in ("after-packages.sh", "disk.sh"))
    made = set(re.findall(r"-[iU] ([0-9a-f-]{8,36}) ", disk))
    assert len(made) == 3
    assert {one.replace("-", "") for one in re.findall(r"UUID=(\S+)", system)} == {one.replace("-", "") for one in made}
    assert set(re.findall(r"fs[-_]uuid (?:--set=root )?(\S+)", system + disk)) <= made


# What makes a machine this host


def test_only_gpus_and_their_topology_are_simulated() -> None:
    found = guest.gpu_files(simulate.RX_6600)
    root = simulate.SYSROOT.lstrip("/")
    assert f"{root}/sys/class/kfd/kfd" in found
    assert not [path for path in found if path.startswith(f"{root}/sys/module")]
    said = found["etc/gpuhost/simulated.json"]
    assert isinstance(said, File)
    assert json.loads(said.text)["kernel"] == "real"


def test_modules_come_at_boot_before_anyone_can_log_in_and_a_refused_one_stops_nothing() -> None:
    found = guest.gpu_files(simulate.RX_6600)
    (unit,) = (what for path, what in found.items() if path.endswith(".service") and isinstance(what, File))
    assert "Before=ssh.service" in unit.text
    assert re.findall(r"ExecStart=-/sbin/modprobe (\w+)", unit.text) == ["vgem", "amdgpu"]
    assert [what for path, what in found.items() if path.endswith(".service") and isinstance(what, Link)]


def test_the_mirror_is_the_only_way_out(home: Path) -> None:
    found = {path: what.text for path, what in guest.files(VmSpec(4), "k", "p", MIRROR).items() if isinstance(what, File)}
    assert f"{MIRROR} {names.MIRROR}\n" in found["etc/hosts"]
    routes = next(text for path, text in found.items() if path.endswith("mirror.conf"))
    assert "Destination=10.213.77.2/32" in routes
    assert "0.0.0.0" not in routes
    assert found["etc/hostname"] == "gpuhost-lab-vm4\n"


def test_without_a_mirror_there_is_no_way_out(home: Path) -> None:
    assert not [path for path in guest.files(VmSpec(4), "k", "p", None) if path.endswith("mirror.conf")]


# Records, keys, processes


def test_machines_are_found_by_their_records_in_the_order_of_their_numbers(home: Path) -> None:
    recorded(VmSpec(10, 12, None), port=2210)
    recorded(VmSpec(2, 13, secure_boot=True), SECURE, port=2202)
    (names.VM_HOSTS_DIR / "gpuhost-lab-vm3").mkdir()  # half made
    assert [one.spec.number for one in fleet.every()] == [2, 10]
    assert fleet.status()[0] == {
        "name": "gpuhost-lab-vm2", "release": 13, "gpu": "SIMULATED RX 6600", "secure_boot": True,
        "address": "127.0.0.1", "port": 2202, "status": "off",
    }  # fmt: skip
    assert fleet.entries()["gpuhost-lab-vm10"] == {"ansible_host": "127.0.0.1", "ansible_port": 2210, "pytorch_build": "cpu"}
    assert fleet.get("gpuhost-lab-vm2").hardware == SECURE


@pytest.mark.parametrize("left", ["", "{", "{}", '{"spec": {"number": 1, "wheels": 4}, "hardware": {}}'])
def test_a_record_that_is_not_understood_is_no_machine_but_can_be_removed(left: str, home: Path) -> None:
    folder = recorded(VmSpec(1))
    (folder / "machine.json").write_text(left)
    assert fleet.every() == []
    assert fleet.remove("gpuhost-lab-vm1")
    assert not folder.exists()
    assert not fleet.remove("gpuhost-lab-vm1")


def test_a_machine_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    recorded(VmSpec(2))
    with pytest.raises(LabError, match="gpuhost-lab-vm2"):
        fleet.get("gpuhost-lab-vm1")


def test_each_machine_s_key_is_pinned_by_address_and_by_name(home: Path) -> None:
    folder = recorded(VmSpec(1))
    key = keys.ssh_key(folder / guest.HOST_KEY).public
    assert fleet.known_hosts_lines() == f"[127.0.0.1]:2201,gpuhost-lab-vm1 {key}\n"


def test_down_removes_machines_half_made_ones_too_and_keeps_images(home: Path) -> None:
    recorded(VmSpec(1))
    (names.VM_HOSTS_DIR / "gpuhost-lab-vm2").mkdir()
    for name in ("trixie-0123", f"{image.BUILDING}xyz"):
        (names.VM_IMAGES_DIR / name).mkdir(parents=True)
    assert fleet.down() == ["gpuhost-lab-vm1", "gpuhost-lab-vm2"]
    assert fleet.every() == []
    assert [path.name for path in names.VM_IMAGES_DIR.iterdir()] == ["trixie-0123"]
    fleet.down(images=True)
    assert list(names.VM_IMAGES_DIR.iterdir()) == []


def test_an_image_by_another_recipe_stays_while_a_machine_is_a_layer_over_it(home: Path) -> None:
    for name in ("trixie-new", "trixie-used", "trixie-old", "bookworm-old"):
        (names.VM_IMAGES_DIR / name).mkdir(parents=True)
        (names.VM_IMAGES_DIR / name / DISK).touch()
    recorded(VmSpec(1), image_name="trixie-used")
    fleet._drop_others(image.Image(names.VM_IMAGES_DIR / "trixie-new", 13))
    assert {path.name for path in names.VM_IMAGES_DIR.iterdir()} == {"trixie-new", "trixie-used", "bookworm-old"}


def test_openssh_takes_the_options_of_a_folder_with_a_blank(tmp_path: Path) -> None:
    folder = tmp_path / "a lab" / "gpuhost-lab-vm1"
    words = Shell(folder, 2201, tmp_path / "a lab" / "key").command("gpuhost")
    done = subprocess.run([words[0], "-G", *words[1:]], capture_output=True, text=True, check=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said["userknownhostsfile"] == f"{folder}/known_hosts"
    assert (said["hostkeyalias"], said["port"], said["user"]) == ("gpuhost-lab-vm1", "2201", "gpuhost")


@pytest.mark.parametrize("left", ["", "x", "1", "this process", "4194305"])
def test_a_number_that_is_not_the_folder_s_qemu_is_left_alone(left: str, tmp_path: Path) -> None:
    # Not among the parameters: workers that run side by side have to collect the same tests.
    (tmp_path / "qemu.pid").write_text(left.replace("this process", str(os.getpid())))
    assert process.pid(tmp_path) is None
    process.kill(tmp_path)


def test_why_qemu_did_not_start_is_said_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Could not set up host forwarding rule"):
        process.start(tmp_path, [sys.executable, "-c", "raise SystemExit('Could not set up host forwarding rule')"])


def test_a_snapshot_that_was_never_taken_cannot_be_restored(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no snapshot before"):
        Machine(tmp_path, PLAIN, tmp_path / "key").restore("before")


def test_a_saved_machine_is_used_again_and_half_of_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = image.Image(tmp_path, 13)
    made: list[str] = []
    monkeypatch.setattr(names, "VM_DIR", tmp_path / "vm")
    monkeypatch.setattr(booted, "_boot", lambda machine, _: made.append("booted"))
    monkeypatch.setattr(booted, "begin", lambda machine, saved, key: made.append(f"from {saved.folder.name[:6]}"))
    monkeypatch.setattr(guest, "add_gpu", lambda machine, gpu: made.append(gpu))
    monkeypatch.setattr(Machine, "save", lambda self, where: (where.mkdir(), (where / "memory.zst").touch()))
    saved = booted.ensure(base, PLAIN, "rx6600", lambda _: None)
    assert made == ["booted", "from booted", "rx6600"]
    assert booted.ensure(base, PLAIN, "rx6600", lambda _: None) == saved
    assert len(made) == 3
    saved.memory.unlink()
    booted.ensure(base, PLAIN, "rx6600", lambda _: None)
    assert made[3:] == ["from booted", "rx6600"]
