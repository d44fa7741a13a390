"""For a report of a fault: what gpuhost keeps on a host (seals, steps with their logs), and its secrets, to be left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import paths

#: Below the folder of each kind, what is taken.
KEPT = ("*.json", "seals/*.json", "baseline/*.json", "steps/*/*.json", "steps/*/runs.jsonl", "steps/*/output.log")
#: What others wrote that explains a driver which does not build or load.
OTHERS = (
    "/var/lib/dkms/*/*/build/make.log",
    "/var/lib/dkms/*/*/*/*/log/make.log",
    "/etc/modprobe.d/*.conf",
    "/etc/default/grub",
    "/etc/default/grub.d/*gpuhost*",
    "/var/log/apt/history.log",
)
#: Bytes of a file that are kept, from its end: what went wrong stands there.
LONGEST = 1 << 20
#: A line of an environment file, and the names whose values are secret.
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?P<quote>['\"]?)(?P<value>.*?)(?P=quote)\s*$")
SECRET_NAME = re.compile(r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|_KEY\b|_SALT\b|CREDENTIAL", re.IGNORECASE)


def files() -> dict[str, str]:
    """Path on the host -> text, of all that can be read."""
    own = [path for place in (paths.etc(), paths.state()) for pattern in KEPT for path in place.glob(pattern)]
    others = [path for pattern in OTHERS for path in paths.root().glob(pattern.lstrip("/"))]
    texts = {f"/{path.relative_to(paths.root())}": text(path) for path in sorted({*own, *others})}
    return {name: found for name, found in texts.items() if found is not None}


def text(path: Path) -> str | None:
    """The end of the file; None where it is none, or may not be read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LONGEST))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return None


def secrets(env_files: Iterable[str]) -> list[str]:
    """Every secret of this host: those that gpuhost made, and values under a secret's name in the environment files."""
    made = [path for path in paths.secrets().glob("**/*") if path.is_file()]
    values = [value.strip() for path in made if (value := text(path))]
    for name in env_files:
        values += _assigned(text(paths.under(name)) or "")
    return sorted(set(values))


def _assigned(said: str) -> Iterator[str]:
    for line in said.splitlines():
        found = ASSIGNMENT.match(line)
        if found and SECRET_NAME.search(line.partition("=")[0]):
            yield found["value"]
