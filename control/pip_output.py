"""What pip prints, read for a person: how far it is, and what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from control.exitcodes import ExitCode

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
        if re.match(r"Collecting |Processing |Requirement already satisfied: .*\(from -r ", line):
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
    code: ExitCode = ExitCode.STEP_FAILED


@dataclass(frozen=True)
class _Cause:
    pattern: str
    seen: str
    next: str
    code: ExitCode = ExitCode.STEP_FAILED


#: The first whose pattern is in pip's output is the cause; later errors follow. Texts of pip 23 to 26.
_CAUSES = (
    _Cause(
        r"DO NOT MATCH THE HASHES",
        "a package does not have the checksum that is pinned",
        "Do not go on: the index, or something on the way, gave another file. Compare it with PyPI's.",
        code=ExitCode.INTEGRITY,
    ),
    _Cause(
        r"No space left on device",
        "the disk is full",
        "Free about 1 GB where this repository is (and in $TMPDIR), then start again.",
    ),
    _Cause(
        r"ProxyError|Cannot connect to proxy|407 Proxy Authentication",
        "the proxy did not let the request through",
        "Check https_proxy and no_proxy, or pip's own setting: pip config list.",
    ),
    _Cause(
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError",
        "the server's certificate is not trusted here (TLS)",
        "Behind an inspecting proxy or with an own mirror: export PIP_CERT=/path/to/your-ca.pem",
    ),
    _Cause(
        r"NameResolutionError|name resolution|Name or service not known|No address associated",
        "its name could not be resolved (DNS)",
        f"Check this machine's network and DNS, or {_MIRROR}",
    ),
    _Cause(
        r"Connection refused",
        "the connection was refused",
        "Check the address of the package index: pip config list.",
    ),
    _Cause(
        r"Network is unreachable|No route to host",
        "there is no route to it",
        f"Connect this machine to a network, or {_MIRROR}",
    ),
    _Cause(r"ConnectTimeout|ReadTimeout|[Tt]imed out", "it did not answer in time", f"Try again, or {_MIRROR}"),
    _Cause(
        r"\b40[13] (?:Client Error|Unauthorized|Forbidden)",
        "the package index wants other credentials",
        "Put them into pip's configuration (pip config set …) or ~/.netrc.",
    ),
)


def trouble(title: str, output: str) -> Trouble:
    """Why the step called ``title`` failed, from all that it printed."""
    host = _host(output)
    for cause in _CAUSES:
        if match := re.search(cause.pattern, output):
            seen = f"{title} failed: {host or 'the package index'}: {cause.seen}"
            return Trouble(seen, _line_at(output, match.start()), cause.next, cause.code)
    if match := re.search(r"No matching distribution found for (\S+)", output):
        where = host or "the package index"
        return Trouble(
            f"{title} failed: {where} does not offer {match[1]} for this Python",
            _line_at(output, match.start()),
            "If pip uses a mirror (pip config list), let it take in that package; else report it.",
        )
    errors = [line for line in output.splitlines() if line.startswith(("ERROR", "Error"))]
    lines = errors or output.strip().splitlines() or ["it printed nothing"]
    return Trouble(f"{title} failed", lines[-1].strip(), "Read the log; then run the same command again.")


def _host(output: str) -> str:
    """The server that pip could not use, as far as its output names one."""
    if match := re.search(r"host='([^']+)', port=(\d+)", output):
        return f"{match[1]}:{match[2]}"
    match = re.search(r"Looking in indexes: https?://(?:[^/@\s]*@)?([^/\s,]+)", output)
    return match[1] if match else ""


def _line_at(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[start : end if end >= 0 else None].strip()
    return line if len(line) <= 300 else f"{line[:300]}…"
