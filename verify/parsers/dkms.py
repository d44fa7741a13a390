"""`dkms status`: version 3 (`amdgpu/6.12.12, 6.14.0-24-generic, x86_64: installed`) and 2 (`amdgpu, 2.4, …`)."""

from __future__ import annotations

import re
from typing import Any

LINE = re.compile(
    r"(?P<module>[^\s,/:]+)[/,] *(?P<version>[^\s,:]+)(?:, (?P<kernel>[^\s,]+), (?P<arch>[^\s,:]+))?: "
    r"(?P<state>added|built|installed|broken|disabled)\b(?P<rest>.*)"
)


def parse(text: str) -> dict[str, Any]:
    """`{modules: [{module, version, kernel, arch, state, original, warning}]}`; kernel and arch are None for `added`.

    `original`: DKMS keeps a module of the distribution that this one replaced. An empty text is an empty list: nothing
    is registered. `error` with kind `broken_tree` (a source is gone; the rest is not listed then) or `unknown`.
    """
    modules, strange = [], []
    for line in (line.strip() for line in text.splitlines()):
        found = LINE.fullmatch(line)
        if found:
            modules.append(row(found))
        elif line:
            strange.append(line)
    missing = re.search(r"^File: (\S+) does not exist", text, re.MULTILINE)
    if missing:
        return {"modules": modules, "error": f"{missing.group(1)} does not exist", "kind": "broken_tree"}
    if strange:
        return {"modules": modules, "error": f"not understood: {strange[0]}", "kind": "unknown"}
    return {"modules": modules}


def row(found: re.Match[str]) -> dict[str, Any]:
    rest = found["rest"]
    warning = re.search(r"\(WARNING! (.*?)\)", rest)
    return {
        **{name: found[name] for name in ("module", "version", "kernel", "arch", "state")},
        "original": "original" in rest.lower(),
        "warning": warning.group(1) if warning else None,
    }
