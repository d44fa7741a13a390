"""The virtual machines themselves: what the tests after these build on."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest

from control.lab import names, site
from control.lab.errors import LabError
from control.lab.vm import fleet, image
from control.lab.vm.hardware import DISK
from control.lab.vm.machine import Machine
from control.lab.vm.spec import VmSpec
from tests.vm.conftest import RELEASE, Make, ansible, use_mirror

pytestmark = pytest.mark.vm

#: A second's work on an idle machine; a tool that waits for a GPU would wait for ever.
_TOOL = "timeout --signal=KILL 120"


@pytest.fixture(scope="module")
def bare(machine: Make) -> Machine:
    """A machine without a simulated GPU, as one finds a fresh server."""
    return machine(VmSpec(2, RELEASE, gpu=None))


def kfd_nodes(machine: Machine) -> list[dict[str, int]]:
    """Properties of each node that the kernel's driver names."""
    texts = machine.run("for f in /sys/class/kfd/kfd/topology/nodes/*/properties; do cat $f; echo @; done").split("@")
    pairs = [[line.split() for line in text.strip().splitlines()] for text in texts if text.strip()]
    return [{name: int(value) for name, value in one} for one in pairs]


def test_it_is_a_host_of_its_own_with_firmware_boot_loader_and_the_generic_kernel(bare: Machine) -> None:
    assert bare.run("hostname").strip() == bare.name
    assert bare.run("systemd-detect-virt").strip() in ("qemu", "kvm")
    release = bare.run("uname -r").strip()
    assert release.endswith("-amd64")
    assert f"vmlinuz-{release}" in bare.run("cat /proc/cmdline")
    assert int(bare.run("ls /sys/firmware/efi/efivars | wc -l")) > 10
    mounts = bare.run("findmnt -rn -o TARGET,FSTYPE").splitlines()
    assert {"/ ext4", "/boot ext4", "/boot/efi vfat"} <= set(mounts)


def test_its_user_has_sudo_and_nothing_to_build_a_module_with(bare: Machine) -> None:
    assert bare.try_run("sudo -n id -u", user=names.USER).out.strip() == "0"
    assert bare.try_run("command -v gcc make dkms").code != 0
    assert bare.run("ls -d /usr/src/linux-headers-*", check=False) == ""
    assert bare.run("systemctl --failed --no-legend") == ""


def test_its_clock_is_right_though_it_runs_on_from_a_saved_memory(bare: Machine) -> None:
    assert abs(float(bare.run("date +%s.%N")) - time.time()) < 10


def test_ansible_reaches_it_as_a_host_of_the_lab_s_site(bare: Machine) -> None:
    done = ansible(bare.name, "ansible.builtin.command", "cat /etc/hostname", "--become")
    assert done.returncode == 0, done.stdout + done.stderr
    assert bare.name in done.stdout


def test_status_and_ssh_know_it(bare: Machine) -> None:
    seen = {one["name"]: one for one in site.status()["vms"]}
    assert seen[bare.name]["status"] == "running"
    command = [*site.ssh_command("vm2"), "hostname"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip() == bare.name


def test_it_reaches_the_mirror_by_name_with_its_certificate_and_nothing_else(bare: Machine) -> None:
    use_mirror(bare)
    bare.run("apt-get update -qq")
    assert "Candidate: (none)" not in bare.run("apt-cache policy rocminfo")
    ask = "import socket; socket.create_connection(('{}', 80), timeout=3)"
    # An address for documentation, which nobody has: what matters is that there is no way to it.
    assert bare.try_run(f'python3 -c "{ask.format("192.0.2.1")}"').err.strip().endswith("Network is unreachable")


def test_without_a_gpu_the_real_driver_gives_a_kfd_whose_only_node_is_the_processor(bare: Machine) -> None:
    bare.run("modprobe amdgpu && udevadm settle")
    assert bare.run("stat -c '%U %G %a %F' /dev/kfd").strip() == "root render 660 character special file"
    (node,) = kfd_nodes(bare)
    assert (node["simd_count"], node["gfx_target_version"]) == (0, 0)
    assert node["cpu_cores_count"] == int(bare.run("nproc"))
    assert bare.run("ls /dev/dri/render*", check=False) == ""


def test_debian_s_rocm_tools_run_on_it_and_find_no_gpu(bare: Machine) -> None:
    # rocm-smi (7.x) waits for ever where there is a /dev/kfd and no display device at all; vgem is one, and not AMD's.
    bare.run("modprobe vgem && udevadm settle")
    bare.run("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rocminfo rocm-smi", limit_s=900)
    said = bare.run(f"{_TOOL} rocminfo")
    assert re.findall(r"Device Type:\s+(\w+)", said) == ["CPU"]
    assert "gfx" not in said
    smi = bare.try_run(f"{_TOOL} rocm-smi")
    assert smi.code not in (124, 137), "it waited for a GPU"
    assert "Radeon" not in smi.out


def test_a_cut_cable_is_noticed_and_mended(bare: Machine) -> None:
    bare.cut_network()
    try:
        with pytest.raises(LabError, match="not done after"):
            bare.try_run("true", limit_s=6)
        assert "unreachable" in ansible(bare.name, "ansible.builtin.ping", "", "--timeout", "5").stdout.lower()
    finally:
        bare.restore_network()
    assert bare.run("cat /sys/class/net/en*/carrier").strip() == "1"


def test_a_snapshot_brings_back_disk_and_memory(bare: Machine) -> None:
    before = bare.boot_id()
    bare.run("touch /root/early && systemd-run --unit=lab-sleeper --quiet sleep 1d")
    bare.snapshot("early")
    bare.run("rm /root/early && touch /root/late && systemctl stop lab-sleeper")
    bare.restore("early")
    assert bare.run("ls /root").split() == ["early"]
    assert bare.run("systemctl is-active lab-sleeper").strip() == "active"
    assert bare.boot_id() == before
    assert abs(float(bare.run("date +%s.%N")) - time.time()) < 10


def test_a_power_cut_takes_what_was_not_written_and_leaves_what_was(bare: Machine) -> None:
    before = bare.boot_id()
    bare.run("echo written > /root/written && sync && echo lost > /root/lost")
    bare.cut_power()
    assert not bare.running
    assert fleet.status()[0]["status"] == "off"
    bare.start()
    bare.wait_ssh()
    assert bare.boot_id() != before
    assert bare.run("cat /root/written").strip() == "written"
    assert bare.run("cat /root/lost", check=False) == ""


def test_reset_boots_it_again_past_firmware_and_grub_with_the_command_line_of_a_drop_in(bare: Machine) -> None:
    before = bare.boot_id()
    said = len(bare.console())
    drop_in = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX module.sig_enforce=1"'
    bare.run(f"echo '{drop_in}' > /etc/default/grub.d/zz-test.cfg && update-grub && sync")
    bare.reset()
    assert bare.wait_reboot(before) != before
    assert "Loading Linux" in bare.console()[said:]
    assert bare.run("cat /sys/module/module/parameters/sig_enforce").strip() == "Y"
    assert "console=ttyS0" in bare.run("cat /proc/cmdline")


def test_the_power_button_shuts_it_down_in_order(bare: Machine) -> None:
    bare.power_off()
    assert not bare.running


def test_one_machine_s_disk_is_not_another_s(bare: Machine) -> None:
    base = image.ensure(RELEASE, lambda _: None).disk
    shared = [path for path in base.parent.rglob(DISK) if path.is_file()]
    assert all(path.stat().st_mtime < (bare.folder / DISK).stat().st_ctime for path in shared)
    chain = subprocess.run(
        ["qemu-img", "info", "--backing-chain", "--output=json", str(bare.folder / DISK)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    files = [one["filename"] for one in json.loads(chain.stdout)]
    assert files[-1] == str(base)
    assert subprocess.run(["qemu-img", "check", "-q", str(base)], check=False).returncode == 0


@pytest.fixture(scope="module")
def secured(machine: Make, bare: Machine) -> Machine:
    """With Secure Boot and the simulated GPU."""
    return machine(VmSpec(3, RELEASE, secure_boot=True))


def test_secure_boot_is_on_and_keeps_the_kernel_locked(secured: Machine) -> None:
    read = "od -An -tu1 -j4 -N1 /sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    assert secured.run(read).strip() == "1"
    assert "[integrity]" in secured.run("cat /sys/kernel/security/lockdown")


def test_with_a_simulated_gpu_the_modules_and_nodes_are_the_kernel_s_own(secured: Machine) -> None:
    said = json.loads(secured.run("cat /etc/gpuhost/simulated.json"))
    assert said["kernel"] == "real"
    assert secured.run("ls /opt/gpuhost-lab/sim/sys/class/kfd/kfd/topology/nodes").split() == ["0", "1"]
    assert not secured.run("ls /opt/gpuhost-lab/sim/sys/module", check=False)
    assert secured.run("cat /sys/module/amdgpu/initstate").strip() == "live"
    owners = dict(line.split() for line in secured.run("stat -c '%n %G' /dev/kfd /dev/dri/*D128").splitlines())
    assert owners == {"/dev/kfd": "render", "/dev/dri/renderD128": "render"}
    assert len(kfd_nodes(secured)) == 1


def test_a_machine_made_anew_knows_nothing_of_the_one_before(machine: Make, secured: Machine) -> None:
    secured.run("touch /root/mine && sync")
    again = machine(VmSpec(3, RELEASE, secure_boot=True))
    assert again.run("ls /root") == ""
