"""The host itself: system, access to the GPU, driver, ROCm; rows of `test_sentences`."""

from __future__ import annotations

from typing import Any

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown, put
from verify.checks.inspection import OVERRIDE

NOT_LOADED = {"error": "ROCk module is NOT loaded, possibly no GPU devices", "kind": "not_loaded"}
KFD = healthy.KFD


def tool(name: str, **changes: Any) -> Change:
    return lambda seen: seen["tools"][name].update(changes)


ROWS: list[Row] = [
    ("system", put("os", "version_id", "12"), "system.os.release", "the plan was made for debian-13", "gpuhost up"),
    (
        "system",
        put("modules_on_disk", False),
        "system.kernel.modules_on_disk",
        "after an upgrade without a reboot",
        "Reboot",
    ),
    ("system", put("simulated", True), "system.gpu.simulated", "this host shows a simulated one", "simulated.json"),
    ("system", put("now", 1.0), "system.clock.sane", "The clock says 1970-01-01", "timedatectl"),
    ("system", put("now", 1_793_000_000.0), "system.clock.sane", "before gpuhost was set up here", "timedatectl"),
    ("system", put("disk", 0, "free_bytes", 1 << 20), "system.disk.free", "Nearly full: /", "docker image prune"),
    ("system", put("memory", "available_bytes", 1 << 20), "system.memory.available", "Only 0.0 GiB of memory", "ps aux"),
    ("access", put("devices", KFD, None), "access.kfd.present", "/dev/kfd is not there", "modprobe amdgpu"),
    ("access", put("devices", KFD, "type", "other"), "access.kfd.present", "/dev/kfd is no device node", "modprobe amdgpu"),
    (
        "access",
        put("devices", KFD, "group", "root"),
        "access.kfd.group",
        "belongs to group root, not render",
        "sudo chgrp render",
    ),
    ("access", put("devices", KFD, "mode", "0666"), "access.kfd.mode", "every local process reaches", "sudo chmod 0660"),
    (
        "access",
        put("devices", KFD, "mode", "0600"),
        "access.kfd.mode",
        "its group cannot read and write it",
        "sudo chmod 0660",
    ),
    ("access", put("devices", healthy.RENDER, None), "access.renderD128.present", "renderD128 is not there", "modprobe"),
    ("access", put("devices", healthy.RENDER, "group", "video"), "access.renderD128.group", "not render", "chgrp"),
    ("access", put("devices", healthy.RENDER, "mode", "0777"), "access.renderD128.mode", "mode 0777", "chmod"),
    ("access", put("users", {}), "access.alice.member", "no user alice", "usermod"),
    (
        "access",
        put("users", "alice", "groups", ["video"]),
        "access.alice.member",
        "alice is not in render",
        "--groups render alice",
    ),
    (
        "access",
        put("tries", "alice", "groups", ["video"]),
        "access.alice.process_groups",
        "does not have render",
        "id alice",
    ),
    ("access", put("tries", "alice", {"error": "no such user"}), "access.alice.process_groups", "render", "id alice"),
    *(
        ("access", put("tries", "alice", "opened", KFD, errno), "access.alice.opens.kfd", words, step)
        for errno, words, step in [
            ("EACCES", "owner, group and mode do not let this user in", "gpuhost up"),
            ("EPERM", "device cgroup", "container's settings"),
            ("ENXIO", "no driver behind the node", "modprobe amdgpu"),
            ("EINVAL", "this is no permission problem", "dmesg"),
            ("EBUSY", "holds the device alone", "fuser -v /dev/kfd"),
            ("EIO", "cannot open /dev/kfd (EIO)", "ls -l /dev/kfd"),
        ]
    ),
    (
        "access",
        put("tries", "alice", "opened", healthy.RENDER, "EACCES"),
        "access.alice.opens.renderD128",
        "EACCES",
        "gpuhost up",
    ),
    ("driver", put("modules", {}), "driver.module.loaded", "amdgpu is not loaded", "sudo modprobe amdgpu"),
    (
        "driver",
        lambda seen: seen["nodes"].pop(),
        "driver.kfd.gpus",
        "/dev/kfd lists the CPU alone, which is no GPU",
        "dmesg",
    ),
    (
        "rocm",
        put("override", "env_files", [{"path": "/etc/environment", "name": OVERRIDE, "value": "10.3.0"}]),
        "rocm.override.environment",
        f"/etc/environment: {OVERRIDE}=10.3.0. It reaches every program",
        "Take the line out",
    ),
    (
        "rocm",
        put("override", "env_files", [{"path": "/home/alice/.bashrc", "name": OVERRIDE, "value": ""}]),
        "rocm.override.environment",
        "an empty value is one too, and ROCm stops at it",
        "log in anew",
    ),
    (
        "driver",
        put("nodes", 1, "gfx", "gfx1030"),
        "driver.kfd.targets",
        "are gfx1030 and the plan was made for gfx1032",
        "gpuhost up",
    ),
    ("driver", put("gpus", 0, "driver", "vfio-pci"), "driver.0000-03-00-0.bound", "bound to vfio-pci", "virtual machine"),
    ("driver", put("gpus", 0, "driver", None), "driver.0000-03-00-0.bound", "bound to no driver", "lspci -k"),
    ("driver", put("gpus", [{"pci": "x", "gfx": "gfx1032"}]), "driver.0000-03-00-0.bound", "is gone", "lspci -k"),
    ("rocm", put("tools", "rocminfo", {"path": None}), "rocm.rocminfo.present", "rocminfo is not installed", "gpuhost up"),
    ("rocm", put("tools", "rocm-smi", {"path": None}), "rocm.rocm-smi.present", "rocm-smi is not installed", "gpuhost up"),
    (
        "rocm",
        tool("rocm-smi", rc=None, timed_out=True, error="no end after 20 s", parsed={"error": "", "kind": "unknown"}),
        "rocm.rocm-smi.runs",
        "did not end within 20 s and was stopped",
        "dmesg",
    ),
    (
        "rocm",
        tool("rocminfo", rc=1, parsed=NOT_LOADED, last_line="NOT loaded"),
        "rocm.rocminfo.runs",
        "ended with: NOT loaded",
        "Run",
    ),
    (
        "rocm",
        tool("rocminfo", rc=127, parsed={"error": "no agents", "kind": "unknown"}, last_line="libhsa.so: cannot open"),
        "rocm.rocminfo.runs",
        "libhsa.so",
        "missing library",
    ),
    (
        "rocm",
        tool("rocminfo", parsed={"gpus": []}),
        "rocm.rocminfo.gpus",
        "lists 0 GPUs (CPUs not counted)",
        "verify --only access,driver",
    ),
    ("rocm", tool("rocm-smi", parsed={"gpus": []}), "rocm.rocm-smi.gpus", "the plan has 1", "verify --only access,driver"),
]

UNKNOWN: list[Unknown] = [
    ("rocm", put("override", {"error": "no such file"}), "rocm.override.environment", "no such file"),
    ("rocm", put("all_read", False), "rocm.override.environment", "only root may read every file"),
    (
        "system",
        put("kernel", {"release": "6.18", "container": "docker"}),
        "system.kernel.modules_on_disk",
        "this host is a container",
    ),
    ("system", put("disk", {"error": "no such file"}), "system.disk.free", "no such file"),
    ("system", put("disk", None), "system.disk.free", "nothing came back"),
    ("system", put("memory", {"error": "no such file"}), "system.memory.available", "no such file"),
    (
        "access",
        put("tries", "alice", {"error": "only root can", "needs_root": True}),
        "access.alice.process_groups",
        "only root can",
    ),
    (
        "access",
        put("tries", "alice", {"error": "only root can", "needs_root": True}),
        "access.alice.opens.kfd",
        "only root can",
    ),
]
