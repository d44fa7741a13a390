"""Whether a site's apt mirror answers and is signed with the site's key, asked before the host is told to trust it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from . import apt_output

#: Debian and Ubuntu keep the system's authorities here.
SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
LIMIT_S = 60


def problem(url: str, suite: str, key: bytes, authorities: list[str]) -> dict[str, str] | None:
    """None where apt on this host accepts the mirror; else ``{"id", "seen"}`` of a finding.

    apt itself judges, with lists, cache, sources and keys of its own in a folder that goes again: signature, expiry and
    clock are what they will be later. Only the release file is fetched, no package list.

    :param key: the binary form of the key that must have signed the mirror.
    :param authorities: PEM texts of CAs that the host does not trust yet.
    """
    with tempfile.TemporaryDirectory(prefix="gpuhost-mirror-") as name:
        scratch = Path(name)
        # apt fetches as the user _apt, which has to find its way in here.
        scratch.chmod(0o755)
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "key.gpg").write_bytes(key)
        (scratch / "mirror.sources").write_text(
            f"Types: deb\nURIs: {url}\nSuites: {suite}\nComponents: main\nSigned-By: {scratch}/key.gpg\n",
            encoding="utf-8",
        )
        (scratch / "authorities.pem").write_text("\n".join([_system_authorities(), *authorities]), encoding="utf-8")
        return _ask(scratch)


def _ask(scratch: Path) -> dict[str, str] | None:
    options = {
        "Dir::Etc::sourcelist": f"{scratch}/mirror.sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": f"{scratch}/lists",
        "Dir::Cache": f"{scratch}",
        "Acquire::https::CAInfo": f"{scratch}/authorities.pem",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "10",
        "Acquire::https::Timeout": "10",
        "Acquire::IndexTargets::deb::Packages::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Translations::DefaultEnabled": "false",
        "APT::Update::Error-Mode": "any",
        # The scratch folder belongs to root: what apt would say of that is not about the mirror.
        "APT::Sandbox::User": "root",
    }
    command = ["apt-get", "update", *(word for pair in options.items() for word in ("-o", "=".join(pair)))]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
    except subprocess.TimeoutExpired:
        return {"id": "GH-APT-UNREACHABLE", "seen": f"the mirror did not answer within {LIMIT_S} s"}
    if done.returncode == 0:
        return None
    finding_id, seen = apt_output.classify(f"{done.stdout}\n{done.stderr}")
    return {"id": finding_id, "seen": seen}


def _system_authorities() -> str:
    try:
        return Path(SYSTEM_AUTHORITIES).read_text(encoding="utf-8")
    except OSError:
        return ""
