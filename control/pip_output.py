"""What pip prints, read for a person: how far it is, and what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MIRROR = "point pip to a mirror of yours: export PIP_INDEX_URL=https://…/simple"
OK_TO_RERUN = "Nothing but .venv was touched; run the same command again."


@dataclass
class Progress:
    """Where a running ``pip install`` stands, fed with its output. ``total`` counts pinned packages."""

    total: int
    requirements: str = ""
    seen: int = 0
    doing: str = ""
    _rest: str = field(default="", repr=False)

    def feed(self, text: str) -> None:
        """Take the next piece of output; it may end in the middle of a line."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._read(line)

    def _read(self, line: str) -> None:
        if re.match(r"(Collecting|Processing|Requirement already satisfied:) .*\(from -r ", line):
            self.seen += 1
            self.doing = ""
        elif match := re.match(r"\s+Downloading (\S+?)-\d\S* \(([^)]+)\)", line):
            self.doing = f"downloading {match[1].rpartition('/')[2]} ({match[2]})"
        elif line.startswith("Installing collected packages"):
            self.doing = "unpacking"

    def text(self) -> str:
        """Such as ``12 of 25 packages, downloading ansible (54.4 MB), ``; empty where nothing is known."""
        parts = [f"{min(self.seen, self.total)} of {self.total} packages"] if self.seen else []
        return "".join(f"{part}, " for part in [*parts, self.doing] if part)


@dataclass(frozen=True)
class Trouble:
    """A failed installation in words: what was seen, why it matters, the next step, and the exit code."""

    seen: str
    why: str
    next: str
    code: int = 14


#: What pip's output says -> the word for it and the next step. The first that matches is the cause; later errors
#: follow from it. Texts as printed by pip 23 to 26 and its urllib3.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"DO NOT MATCH THE HASHES",
        "a package does not have the checksum that is pinned",
        "Do not go on: the index or something on the way to it delivered another file. Compare with PyPI.",
    ),
    (
        r"No space left on device",
        "the disk is full",
        "Free about 1 GB where this repository is (and in $TMPDIR), then start again.",
    ),
    (
        r"ProxyError|Cannot connect to proxy|407 Proxy Authentication",
        "the proxy did not let the request through",
        "Check https_proxy and no_proxy, or pip's own setting: pip config list.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError",
        "the server's certificate is not trusted here (TLS)",
        "Behind an inspecting proxy or with an own mirror: export PIP_CERT=/path/to/your-ca.pem",
    ),
    (
        r"Temporary failure in name resolution|Name or service not known|No address associated|nodename nor servname"
        r"|NameResolutionError|getaddrinfo failed",
        "its name could not be resolved (DNS)",
        f"Check this machine's network and DNS, or {_MIRROR}",
    ),
    (
        r"Connection refused",
        "the connection was refused",
        "Check the address of the package index: pip config list.",
    ),
    (
        r"Network is unreachable|No route to host",
        "there is no route to it",
        f"Connect this machine to a network, or {_MIRROR}",
    ),
    (
        r"ConnectTimeout|ReadTimeout|[Tt]imed out",
        "it did not answer in time",
        f"Try again, or {_MIRROR}",
    ),
    (
        r"\b40[13] (?:Client Error|Unauthorized|Forbidden)",
        "the package index wants other credentials",
        "Put them into pip's configuration (pip config set …) or ~/.netrc.",
    ),
)


def trouble(title: str, output: str) -> Trouble:
    """Why the step called ``title`` failed, from all that it printed."""
    host = _host(output)
    for pattern, seen, step in _CAUSES:
        if match := re.search(pattern, output):
            line = _line_at(output, match.start())
            code = 17 if "HASHES" in pattern else 14
            return Trouble(f"{title} failed: {host or 'pip'}: {seen}", line, step, code)
    if match := re.search(r"No matching distribution found for (\S+)", output):
        where = host or "the package index that pip uses"
        return Trouble(
            f"{title} failed: {where} does not offer {match[1]} for this Python",
            _line_at(output, match.start()),
            "If pip uses a mirror (pip config list), let it take in that package; else report it with .venv.log.",
        )
    errors = [line for line in output.splitlines() if line.startswith(("ERROR", "Error"))]
    lines = errors or output.strip().splitlines() or ["it printed nothing"]
    return Trouble(f"{title} failed", lines[-1].strip(), "Read .venv.log; then run the same command again.")


def _host(output: str) -> str:
    """The server that pip could not use, as far as its output names one."""
    match = re.search(r"host='([^']+)', port=(\d+)", output) or re.search(
        r"Looking in indexes: https?://([^/\s,]+)()", output
    )
    return f"{match[1]}:{match[2]}" if match and match[2] else (match[1] if match else "")


def _line_at(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else None].strip()
    return line if len(line) <= 300 else f"{line[:300]}…"
