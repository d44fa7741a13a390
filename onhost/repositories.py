"""A vendor's apt repository: its key is compared with the pinned one before anything on the host trusts it.

Why not ``ansible.builtin.deb822_repository``: it fetches a key and trusts it in one go, whoever's it is, and it needs
python3-debian on the host.
"""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from . import files, openpgp, paths
from .finding import FindingError

try:
    from ansible.module_utils.verify.probes import apt as apt_probe
    from ansible.module_utils.verify.probes import network
except ImportError:
    from verify.probes import apt as apt_probe
    from verify.probes import network

LIMIT_S = 30
#: A public key with all its signatures is some kilobytes; what is larger is something else.
LIMIT_BYTES = 1 << 20

Repository = Mapping[str, Any]


def source_path(name: str) -> str:
    """apt's description of the repository."""
    return f"/etc/apt/sources.list.d/gpuhost-{name}.sources"


def keyring_path(name: str) -> str:
    """The one key that may sign it, in binary form."""
    return f"/etc/apt/keyrings/gpuhost-{name}.gpg"


def pin_path(name: str) -> str:
    """Which of its packages win. The ending: apt passes by a name with another one, and names may hold versions."""
    return f"/etc/apt/preferences.d/gpuhost-{name}.pref"


def written(repository: Repository) -> list[str]:
    """Every file that :func:`ensure` writes."""
    name = repository["name"]
    return [*([pin_path(name)] if repository.get("pin") else []), keyring_path(name), source_path(name)]


def lists(repository: Repository) -> str:
    """Pattern of the package lists that apt keeps of it (apt: URItoFileName)."""
    address = urlsplit(repository["url"].rstrip("/"))
    host = address.netloc.rpartition("@")[2]
    path = f"{host}{address.path}".replace("_", "%5f").replace("/", "_")
    return f"/var/lib/apt/lists/{path}_dists_*"


def ensure(repository: Repository, authorities: Sequence[str] = (), check: bool = False) -> bool:
    """apt knows the repository and trusts its key, and that key only for it; whether anything had to be written.

    :param repository: as REPOSITORY in docs/architecture.md; ``key`` has ``url``, or the site's key as text in ``content``.
    :param authorities: PEM texts of CAs to trust beside the system's.
    :param check: only tell.
    :raises FindingError: ``GH-KEY-FINGERPRINT``, ``GH-KEY-FETCH`` or ``GH-APT-SOURCE-CLASH``; nothing was changed.
    :raises ValueError: for a field that apt would read as something else.
    """
    content = _contents(repository, key(repository, authorities))
    wanted = {path: content[path] for path in written(repository)}
    stale = [path for path, data in wanted.items() if not _holds(path, data)]
    if check:
        return bool(stale)
    _refuse_clash(repository)
    # The pin before the source: who updates between the two must not take what the pin keeps back.
    for path in stale:
        files.write(paths.under(path), wanted[path], mode=0o644)
    return bool(stale)


def key(repository: Repository, authorities: Sequence[str] = ()) -> bytes:
    """The key with the pinned fingerprint, in binary form: the site's, else the vendor's as it is now.

    One that is on the host already serves where the vendor cannot be reached.

    :raises FindingError: ``GH-KEY-FINGERPRINT`` or ``GH-KEY-FETCH``.
    """
    asked = repository["key"]
    pinned = openpgp.normalised(asked["fingerprint"])
    if asked.get("content"):
        return _pick(asked["content"].encode(), pinned, "the site's key")
    try:
        data = _fetch(asked["url"], authorities)
    except (OSError, ValueError) as problem:
        present = paths.under(keyring_path(repository["name"]))
        if present.is_file():
            return _pick(present.read_bytes(), pinned, str(present))
        explained = network.explain(problem)[0]
        raise FindingError("GH-KEY-FETCH", f"{apt_probe.without_secret(asked['url'])}: {explained}") from problem
    return _pick(data, pinned, apt_probe.without_secret(asked["url"]))


def _pick(data: bytes, pinned: str, origin: str) -> bytes:
    """That key alone: others in the same file would be trusted along with it."""
    try:
        found = openpgp.keys(data)
    except ValueError as problem:
        raise FindingError("GH-KEY-FINGERPRINT", f"{origin} is no OpenPGP key ({problem}); {pinned} is pinned") from problem
    if pinned not in found:
        raise FindingError("GH-KEY-FINGERPRINT", f"{origin} has the fingerprint {', '.join(found)}; {pinned} is pinned")
    return found[pinned]


def _fetch(url: str, authorities: Sequence[str]) -> bytes:
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{url} is not an http or https address")
    https = urllib.request.HTTPSHandler(context=network.trusting(list(authorities)))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies(url)), https)
    with opener.open(urllib.request.Request(url, headers={"User-Agent": "gpuhost"}), timeout=LIMIT_S) as answer:
        data: bytes = answer.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise ValueError(f"more than {LIMIT_BYTES} bytes")
    return data


def proxies(url: str) -> dict[str, str]:
    """The proxy for an address: the environment's, else apt's own, since packages will come the same way."""
    address = urlsplit(url)
    known = urllib.request.getproxies_environment()
    if address.scheme in known or urllib.request.proxy_bypass(address.hostname or ""):
        return known
    try:
        asked = ["apt-config", "dump", "--no-empty", "--format", "%f %v%n", "Acquire"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=LIMIT_S, check=False).stdout
    except FileNotFoundError:
        return known
    found = apt_proxy(told, address.scheme, address.hostname or "")
    return {**known, address.scheme: found} if found else known


def apt_proxy(dump: str, scheme: str, host: str) -> str:
    """What ``apt-config dump`` says of the proxy for a host; empty for none. apt.conf(5): https falls back on http."""
    values = dict(line.split(" ", 1) for line in dump.splitlines() if " " in line)
    for kind in dict.fromkeys((scheme, "http")):
        base = f"Acquire::{kind}::Proxy"
        value = values.get(f"{base}::{host}") or values.get(base)
        if value:
            return "" if value.upper() in ("DIRECT", "FALSE") else value
    return ""


def _contents(repository: Repository, public_key: bytes) -> dict[str, bytes]:
    name = _word(repository["name"])
    fields = {
        "Types": "deb",
        "URIs": _word(repository["url"]),
        "Suites": _word(repository["suite"]),
        # A flat repository, whose suite is a path, has none.
        "Components": " ".join(map(_word, repository.get("components") or [])),
        "Architectures": " ".join(map(_word, repository.get("architectures") or [])),
        "Signed-By": keyring_path(name),
    }
    lines = [f"{key}: {value}" for key, value in fields.items() if value]
    pin = repository.get("pin") or {"origin": "none", "priority": 0}
    pinned = ["Package: *", f"Pin: release o={_word(pin['origin'])}", f"Pin-Priority: {int(pin['priority'])}"]
    return {
        source_path(name): _text(lines),
        keyring_path(name): public_key,
        pin_path(name): _text(pinned),
    }


def _text(lines: list[str]) -> bytes:
    return "\n".join(["# Written by gpuhost.", *lines, ""]).encode()


def _word(text: str) -> str:
    """One word: with a blank or a new line apt would read a further field out of it."""
    if not text or text.split() != [text]:
        raise ValueError(f"{text!r} has no place in a package source")
    return text


def _holds(path: str, data: bytes) -> bool:
    file = paths.under(path)
    return file.is_file() and file.read_bytes() == data and file.stat().st_mode & 0o7777 == 0o644


def _refuse_clash(repository: Repository) -> None:
    """apt stops working altogether where two sources name different keys for one repository.

    :raises FindingError: ``GH-APT-SOURCE-CLASH``.
    """
    own, wanted = source_path(repository["name"]), (repository["url"].rstrip("/"), repository["suite"])
    for source in apt_probe.sources(apt_probe.Host(os.fspath(paths.root()))):
        there = {(uri.rstrip("/"), suite) for uri in source["uris"] for suite in source["suites"]}
        if wanted in there and source["file"] != own:
            seen = f"{source['file']} names {apt_probe.without_secret(wanted[0])} {wanted[1]} too, with a key of its own"
            raise FindingError("GH-APT-SOURCE-CLASH", seen)
