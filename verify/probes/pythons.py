"""The system's Python, and environments that hold PyTorch. No interpreter is started."""

from __future__ import annotations

import re
from typing import Any

from .host import Host
from .packages import entries

SYSTEM = "/usr/bin/python3"
#: Where environments are looked for: two levels below /opt, one below /srv and a home.
ENVIRONMENTS = (
    "/opt/*/pyvenv.cfg",
    "/opt/*/*/pyvenv.cfg",
    "/srv/*/pyvenv.cfg",
    "/root/*/pyvenv.cfg",
    "/home/*/*/pyvenv.cfg",
)
SYSTEM_TORCH = (
    "/usr/lib/python3*/dist-packages",
    "/usr/lib/python3*/site-packages",
    "/usr/local/lib/python3*/dist-packages",
)


def look_python(host: Host) -> dict[str, Any]:
    """`has_venv` means that `python3 -m venv` can work: Debian keeps ensurepip in a package of its own."""
    if not host.exists(SYSTEM):
        return {"version": None, "executable": None, "has_venv": False, "has_pip": False}
    real = host.real(SYSTEM)
    libraries = "/usr/lib/" + real.rsplit("/", 1)[-1]
    pip = ("/usr/lib/python3/dist-packages/pip", f"{libraries}/site-packages/pip")
    return {
        "version": version(host, real),
        "executable": SYSTEM,
        "has_venv": host.exists(f"{libraries}/ensurepip/__init__.py"),
        "has_pip": any(host.exists(path) for path in pip),
    }


def version(host: Host, real: str) -> str | None:
    """`3.11.2` where it is the running interpreter or has a package, else `3.11` from its name."""
    running, running_version = host.python_running()
    if running == real:
        return running_version
    name = real.rsplit("/", 1)[-1]
    try:
        packaged = dict(entries(host)).get(f"{name}-minimal", {}).get("Version", "")
    except OSError:
        packaged = ""
    found = re.match(r"\d+\.\d+\.\d+", packaged) or re.search(r"\d+\.\d+", name)
    return found.group(0) if found else None


def look_venvs(host: Host) -> list[dict[str, Any]]:
    """Virtual environments, and `/usr` where the system's Python has PyTorch."""
    if not host.is_root():
        host.needs_root.add("venvs")
    found = [venv(host, path[: -len("/pyvenv.cfg")]) for path in host.glob(*ENVIRONMENTS)]
    for packages in host.glob(*SYSTEM_TORCH):
        seen = torch(host, packages)
        if seen:
            found.append({"path": packages, "python": None, "torch": seen})
    return found


def venv(host: Host, path: str) -> dict[str, Any]:
    said = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", host.word(f"{path}/pyvenv.cfg") or "", re.MULTILINE)
    torches = [torch(host, packages) for packages in host.glob(f"{path}/lib/python3*/site-packages")]
    return {"path": path, "python": said.group(1) if said else None, "torch": next((t for t in torches if t), None)}


def torch(host: Host, packages: str) -> dict[str, Any] | None:
    """What the installed PyTorch says of its own build in `torch/version.py`; None where there is none."""
    text = host.word(f"{packages}/torch/version.py")
    if text is None:
        return None
    said = dict(re.findall(r"""^(__version__|cuda|hip)\b[^=\n]*=\s*['"]([^'"]+)['"]""", text, re.MULTILINE))
    return {"version": said.get("__version__"), "hip": said.get("hip"), "cuda": said.get("cuda")}
