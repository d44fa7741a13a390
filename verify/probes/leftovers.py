"""What AMD's `amdgpu-install` and the steps of AMD's guides leave on a host, and a second installation trips over.

Sources: ROCm install guides up to 7.2 (`rocm.list`, `amdgpu.list`, `rocm-pin-600`, `/etc/adduser.conf`,
`ld.so.conf.d/rocm.conf`), TheRock `build_tools/packaging/linux/build_repo_package.py`: the sources of amdgpu-install are
conffiles, so they outlive `apt remove`.
"""

from __future__ import annotations

import re
from typing import Any

from .apt import deb822, one_line, without_secret
from .host import Host
from .packages import DONE, DPKG, entries

AMD_ADDRESS = re.compile(r"\brepo\.(radeon|amd)\.com\b")
AMD_PIN = re.compile(rf"^Pin:.*{AMD_ADDRESS.pattern}", re.MULTILINE)
OURS = "gpuhost-"
KEYS = (
    "/etc/apt/keyrings/*rocm*",
    "/etc/apt/keyrings/*amdgpu*",
    "/etc/apt/keyrings/*radeon*",
    "/etc/apt/trusted.gpg.d/*rocm*",
    "/etc/apt/trusted.gpg.d/*amdgpu*",
    "/etc/apt/trusted.gpg.d/*radeon*",
    "/usr/share/keyrings/*rocm*",
)
PACKAGES = ("amdgpu-install", "amdrocm-repo")
#: What the guides append to adduser.conf. A site's own groups are no leftover, even with one of the GPU's among them.
GUIDE_GROUPS = re.compile(
    r"""^[ \t]*EXTRA_GROUPS=["']?(?:video|render)(?:[ \t]+(?:video|render))*["']?[ \t]*$""", re.MULTILINE
)
GUIDE_SWITCH = re.compile(r"^[ \t]*ADD_EXTRA_GROUPS=1[ \t]*$", re.MULTILINE)


def look_leftovers(host: Host) -> list[dict[str, Any]]:
    """`text`: the lines that are the leftover, all others in that file are somebody's; a package's version; "" for a key."""
    return [
        *sources(host),
        *pins(host),
        *({"path": path, "kind": "key", "text": ""} for path in host.glob(*KEYS) if OURS not in path),
        *extra_groups(host),
        *linker(host),
        *packages(host),
    ]


def row(path: str, kind: str, text: str) -> dict[str, Any]:
    return {"path": path, "kind": kind, "text": text}


def sources(host: Host) -> list[dict[str, Any]]:
    """Sources of AMD's archives that gpuhost did not write."""
    found = []
    for path in host.glob("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"):
        text = host.word(path) or ""
        if OURS in path or not AMD_ADDRESS.search(text):
            continue
        lines = amd_stanzas(text) if path.endswith(".sources") else amd_lines(text)
        if lines:
            found.append(row(path, "source", without_secret("\n".join(lines))))
    return found


def amd_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(AMD_ADDRESS.search(uris[0]) for uris, _ in one_line(line))]


def amd_stanzas(text: str) -> list[str]:
    stanzas = re.split(r"\n\s*\n", text)
    return [part for part in stanzas if any(AMD_ADDRESS.search(" ".join(uris)) for uris, _ in deb822(part))]


def pins(host: Host) -> list[dict[str, Any]]:
    """Whole stanzas of apt's preferences that are about AMD's archives."""
    found = []
    for path in host.glob("/etc/apt/preferences", "/etc/apt/preferences.d/*"):
        stanzas = re.split(r"\n\s*\n", host.word(path) or "")
        text = "\n\n".join(part.strip() for part in stanzas if AMD_PIN.search(part))
        if text and OURS not in path:
            found.append(row(path, "pin", text))
    return found


def extra_groups(host: Host) -> list[dict[str, Any]]:
    """What makes every future account a member of the GPU's groups. Of two assignments the later one counts."""
    text = host.word("/etc/adduser.conf") or ""
    lines = GUIDE_GROUPS.findall(text)
    return [row("/etc/adduser.conf", "extra_groups", "\n".join([*GUIDE_SWITCH.findall(text), *lines]))] if lines else []


def linker(host: Host) -> list[dict[str, Any]]:
    """Linker paths into /opt/rocm that no installed package brought."""
    found = []
    for path in host.glob("/etc/ld.so.conf.d/*.conf"):
        lines = [line for line in (host.word(path) or "").splitlines() if line.strip().startswith("/opt/rocm")]
        if lines and OURS not in path and not is_conffile(host, path):
            found.append(row(path, "linker", "\n".join(lines)))
    return found


def is_conffile(host: Host, path: str) -> bool:
    blocks = (host.word(DPKG) or "").split("\n\n")
    owning = (block for block in blocks if re.search(rf"^ {re.escape(path)} [0-9a-f]{{32}}", block, re.MULTILINE))
    return any(f"\nStatus: {state}\n" in block for block in owning for state in DONE)


def packages(host: Host) -> list[dict[str, Any]]:
    """AMD's own installers, and those of which only the configuration is left."""
    try:
        known = dict(entries(host))
    except OSError:
        return []
    return [row(name, "package", known[name]["Version"]) for name in PACKAGES if name in known]
