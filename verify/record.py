"""What only programs on a host can tell: ROCm's tools with their exit status, PyTorch's own view; and the kernel's words.

The rest of a host's record is the snapshot. Shape: `docs/info.md`.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .checks import interpreters, pytorch_worker
from .checks.context import Ran, run
from .checks.rocm import PATH, SECONDS
from .parsers import amd_smi, dkms, lspci, rocm_smi, rocminfo
from .probes.host import Host

#: Name -> command, and what reads its answer. Those without a reader are kept as they are, for people.
TOOLS: dict[str, tuple[list[str], Any]] = {
    "rocminfo": (["rocminfo"], rocminfo.parse),
    "rocm-smi": (["rocm-smi", "--showproductname", "--json"], rocm_smi.parse),
    "rocm-smi table": (["rocm-smi"], None),
    "amd-smi": (["amd-smi", "list", "--json"], amd_smi.parse),
    "amd-smi static": (["amd-smi", "static", "--json"], amd_smi.parse),
    "amd-smi version": (["amd-smi", "version"], None),
    "dkms": (["dkms", "status"], dkms.parse),
    "lspci": (["lspci", "-nnk"], lspci.parse),
    "modinfo": (["modinfo", "amdgpu"], None),
}
#: A HIP runtime that hangs hangs for ever; one that starts from a cold disk takes half a minute.
TORCH_SECONDS = 120
#: Characters of a tool's answer that are kept, from its begin: rocminfo needs some 6 000 per GPU.
LONGEST = 200_000
#: The kernel's lines that are about the GPU, what it hangs on, and modules that it refused.
GPU_LINES = re.compile(
    r"amdgpu|amdkfd|\bkfd\b|\[drm|\bdrm:|\bttm\b|AMD-Vi|iommu|AER:|PCIe Bus Error|atomic|Lockdown|module verification"
    r"|Loading of .* rejected|Linux version|Command line",
    re.IGNORECASE,
)
#: The newest of them; a GPU that hangs writes for hours.
MANY_LINES = 2000
#: `priority,sequence,microseconds,flags;text` of /dev/kmsg. Source: kernel `Documentation/ABI/testing/dev-kmsg`.
RECORD = re.compile(r"^\d+,\d+,(\d+),[^;]*;(.*)$")


def look(host: Host, places: Sequence[Mapping[str, Any]], user: str | None) -> dict[str, Any]:
    """`{tools, kernel_log, torch}`. Never raises; changes nothing.

    :param places: `{where, python, environment}` of each interpreter that has PyTorch.
    :param user: who PyTorch is asked as, with the groups that a new login would have: root may open every GPU.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        tools = {name: pool.submit(tool, name) for name in TOOLS}
        torch = [pool.submit(torch_of, place, user) for place in places]
        log = kernel_log(host)
        return {
            "tools": {name: asked.result() for name, asked in tools.items()},
            "kernel_log": log,
            "torch": [asked.result() for asked in torch],
        }


def tool(name: str) -> dict[str, Any]:
    """One tool, run to its end or limit: `{command, path, rc, error, timed_out, seconds, out, err, parsed}`.

    `path` is None, and nothing else is there, where it is not installed.
    """
    argv, reader = TOOLS[name]
    path = shutil.which(argv[0], path=PATH)
    if path is None:
        return {"command": argv, "path": None}
    begun = time.monotonic()
    done = run([path, *argv[1:]], SECONDS)
    return {
        "command": argv,
        "path": path,
        **asdict(done),
        "seconds": round(time.monotonic() - begun, 2),
        "out": done.out[:LONGEST],
        "err": done.err[:LONGEST],
        "parsed": reader(done.out + done.err) if reader and not done.timed_out else None,
    }


def kernel_log(host: Host) -> dict[str, Any]:
    """`{lines: ["[   12.345678] amdgpu …"]}` since boot, or `{error}`."""
    try:
        return {"lines": gpu_lines(host.kernel_log())}
    except PermissionError:
        return {"error": "only root may read the kernel's log"}
    except OSError as problem:
        return {"error": f"/dev/kmsg: {problem.strerror}"}


def gpu_lines(text: str) -> list[str]:
    """Lines about the GPU in the form of `dmesg`; what a record goes on with (lines that begin with a blank) is left out."""
    records = (RECORD.match(line) for line in text.splitlines())
    said = [f"[{int(found[1]) / 1e6:12.6f}] {found[2]}" for found in records if found and GPU_LINES.search(found[2])]
    return said[-MANY_LINES:]


def torch_of(place: Mapping[str, Any], user: str | None) -> dict[str, Any]:
    """`{where, python, user, seen}`: what PyTorch says and computes there, in the shape of its worker, or `{error}`."""
    done = ask_torch(str(place["python"]), place.get("environment") or {}, user)
    seen = {**interpreters.read(done), "stopped": done.ending}
    return {"where": place["where"], "python": place["python"], "user": user or "root", "seen": seen}


def ask_torch(python: str, environment: Mapping[str, str], user: str | None) -> Ran:
    """The worker in a process of its own, whose home goes again: kernels that are compiled would stay in the user's."""
    worker = source(pytorch_worker)
    with tempfile.TemporaryDirectory(prefix="gpuhost-torch-") as home:
        identity: dict[str, Any] = {}
        if user and user != "root" and os.geteuid() == 0:
            try:
                identity = identity_of(user)
            except KeyError:
                return Ran(None, error=f"there is no user {user}")
            os.chown(home, identity["user"], identity["group"])
        env = {**environment, "HOME": home, "PYTHONDONTWRITEBYTECODE": "1"}
        return run([python, "-"], TORCH_SECONDS, stdin=worker, env=env, cwd="/", **identity)


def identity_of(user: str) -> dict[str, Any]:
    """Arguments of Popen that make a process the user's, with the groups of the database. Raises KeyError for nobody."""
    entry = pwd.getpwnam(user)
    groups = os.getgrouplist(user, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}


def source(module: Any) -> str:
    """The text of a module, also when it was imported out of the archive that Ansible sends."""
    loader = module.__spec__.loader
    if hasattr(loader, "get_source"):
        return str(loader.get_source(module.__name__))
    return Path(module.__file__).read_text(encoding="utf-8")
