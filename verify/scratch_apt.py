"""This host's own apt, with sources, lists, cache and keys in a folder that goes again: the host's stay as they are.

apt itself judges: signature, expiry, clock and versions are what they will be when the sources are the host's.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Debian and Ubuntu keep the system's authorities here.
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
LISTS = Path("/var/lib/apt/lists")
HOSTS_SOURCES = Path("/etc/apt")
#: Of the host's lists, those that spare a download where nothing changed.
WORTH_KEEPING = "*_InRelease", "*_Release", "*_Release.gpg", "*_Packages*"
OURS = "gpuhost"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Apt:
    """apt with options of its own. :meth:`run` gives the exit status (None: not within the time) and all it said."""

    options: Mapping[str, str]

    def run(self, words: Sequence[str], seconds: float, **more: str) -> tuple[int | None, str]:
        """:param more: further options, `__` for `::`."""
        options = {**self.options, **{name.replace("__", "::"): value for name, value in more.items()}}
        command = [words[0], *(word for pair in options.items() for word in ("-o", "=".join(pair))), *words[1:]]
        env = {"LC_ALL": "C.UTF-8", "PATH": PATH}
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, env=env)
        except subprocess.TimeoutExpired:
            return None, f"E: no answer within {seconds:g} s"
        return done.returncode, f"{done.stdout}\n{done.stderr}"


@contextmanager
def scratch(sources: Sequence[Mapping[str, Any]], authorities: Sequence[str], with_hosts: bool = False) -> Iterator[Apt]:
    """apt that knows `sources`, and the host's own where asked for, until the block ends.

    :param sources: `{url, suite, components, architectures?, key}`: key is the binary form in hexadecimal digits of the key
        that must have signed it, or None where it is one that the host trusts already.
    :param authorities: PEM texts of CAs that the host need not trust yet.
    """
    with tempfile.TemporaryDirectory(prefix="gpuhost-apt-") as name:
        folder = Path(name)
        # apt fetches as the user _apt, which has to find its way in here.
        folder.chmod(0o755)
        for part in ("lists/partial", "sources", "archives/partial"):
            (folder / part).mkdir(parents=True)
        if with_hosts:
            take_hosts(folder, replaced=bool(sources))
        for number, source in enumerate(sources):
            write_source(folder, f"asked-{number}", source)
        (folder / "authorities.pem").write_text("\n".join([system_authorities(), *authorities]), encoding="utf-8")
        yield Apt(options(folder, with_hosts))


def options(folder: Path, with_hosts: bool) -> dict[str, str]:
    return {
        "Dir::Etc::sourcelist": str(HOSTS_SOURCES / "sources.list") if with_hosts else "/dev/null",
        "Dir::Etc::sourceparts": f"{folder}/sources",
        "Dir::State::lists": f"{folder}/lists",
        "Dir::Cache": f"{folder}",
        "Acquire::https::CAInfo": f"{folder}/authorities.pem",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "10",
        "Acquire::https::Timeout": "10",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
        # What hosts hook into an update (package search, notifiers) has nothing to do with this one.
        "APT::Update::Post-Invoke-Success": "",
        "APT::Update::Post-Invoke": "",
        # The scratch folder belongs to root: what apt would say of that is not about the mirror.
        "APT::Sandbox::User": "root",
    }


def take_hosts(folder: Path, replaced: bool) -> None:
    """The host's own sources, and its lists as a start.

    :param replaced: gpuhost's own files are left out, because what is asked about takes their place.
    """
    for path in (*HOSTS_SOURCES.glob("sources.list.d/*.list"), *HOSTS_SOURCES.glob("sources.list.d/*.sources")):
        if not (replaced and path.name.startswith(OURS)):
            copy(path, folder / "sources")
    for pattern in WORTH_KEEPING:
        for path in LISTS.glob(pattern):
            copy(path, folder / "lists")


def copy(path: Path, folder: Path) -> None:
    try:
        shutil.copy2(path, folder)
    except OSError:
        return  # what this user may not read, apt would not have read either


def write_source(folder: Path, name: str, source: Mapping[str, Any]) -> None:
    fields = {
        "Types": "deb",
        "URIs": source["url"],
        "Suites": source["suite"],
        "Components": " ".join(source.get("components") or ["main"]),
        "Architectures": " ".join(source.get("architectures") or []),
    }
    if source.get("key"):
        (folder / f"{name}.gpg").write_bytes(bytes.fromhex(source["key"]))
        fields["Signed-By"] = f"{folder}/{name}.gpg"
    text = "".join(f"{field}: {value}\n" for field, value in fields.items() if value)
    (folder / "sources" / f"{name}.sources").write_text(text, encoding="utf-8")


def system_authorities() -> str:
    try:
        return Path(SYSTEM_AUTHORITIES).read_text(encoding="utf-8")
    except OSError:
        return ""
