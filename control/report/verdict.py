"""The one line that a host comes down to, and why. Pure: what is no proof never becomes a certificate."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from control.report.values import count
from verify.compute import levels
from verify.result import FAIL, PASS, UNVERIFIABLE

if TYPE_CHECKING:
    from control.report.model import HostReport

#: The worst first, as a reader wants them.
LEVELS = ("failed", "unverified", "warnings", "simulated", "certified")

#: Results that exist only where a GPU, or else a processor, has computed something.
_ON_GPU = re.compile(r"(?:torch\.[^.]+\.\w+_gpu|(?:correctness|memory)\.[^.]+\.gpu)(\d+)\b(?!\.finished)")
_ON_CPU = re.compile(r"torch\.[^.]+\.\w+_cpu$|correctness\.[^.]+\.cpu\.|generate\.[^.]+\.text$")

#: How a certificate of each level is limited.
_DEPTH = {levels.QUICK: "a quick look: `verify --level standard` also puts the GPUs to work"}


@dataclass(frozen=True)
class Verdict:
    """``level`` is one of :data:`LEVELS`."""

    level: str
    words: str
    reason: str

    @property
    def good(self) -> bool:
        """Whether nothing is known to be wrong."""
        return self.level in ("certified", "warnings", "simulated")


def judge(host: HostReport) -> Verdict:
    """Failures first, then what cannot count as proof, then what deserves a look."""
    if host.status not in ("done", "unproven"):
        return Verdict("failed", "not certified", _ended(host))
    if host.results is None:
        reason = "the checks did not run on this host in this run; `gpuhost verify` runs them"
        return Verdict("unverified", "not verified", reason)
    if failed := host.of(FAIL):
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        return Verdict("failed", "not certified", f"{failed[0].why or failed[0].id}{more}")
    if host.simulated:
        reason = "the GPU is simulated: nothing here proves that a GPU works"
        return Verdict("simulated", "works as far as can be seen without a GPU — SIMULATED", reason)
    if host.stand_ins:
        reason = f"{', '.join(host.stand_ins)} are stand-ins, not the real images"
        return Verdict("simulated", "works as far as can be seen — STAND-IN", reason)
    if host.only:
        return Verdict("unverified", "not certified", f"only {', '.join(host.only)} was asked for in this run")
    if missing := _unproven(host):
        return Verdict("unverified", "not certified", missing)
    return _with_care(host)


def _ended(host: HostReport) -> str:
    """How a run ended that did not get to the checks, with what was seen where that is known."""
    seen = next((str(finding["seen"]) for finding in host.findings if finding.get("level") == "refuse"), "")
    return f"{host.status}: {seen}" if seen else f"the run ended with: {host.status}"


def _unproven(host: HostReport) -> str:
    """What of the plan no check has shown to work at all; empty where each part of it has at least one proof."""
    passed = {result.id for result in host.of(PASS)}
    if not host.expected:
        return "what was planned for this host is not known, so nothing says what had to be proven"
    if not passed:
        return "no check could be verified here"
    gpus, torch, services = (host.expected.get(name) or [] for name in ("gpus", "torch", "services"))
    if not gpus:
        computes = torch or any(row.get("model") for row in services)
        return "no check has computed anything here" if computes and not any(map(_ON_CPU.match, passed)) else ""
    if not any(row.get("gpu") for row in torch):
        # Without a PyTorch for the GPU a model in its memory is what there is; in whose, nobody says.
        held = any(f"generate.{row['name']}.residency" in passed for row in services if row.get("gpu"))
        return "" if held and len(gpus) == 1 else "without a PyTorch for them no check can show that its GPUs compute"
    # A card that is partitioned is as many devices as it has parts.
    devices = [gpu for gpu in gpus for _ in range(gpu.get("parts") or 1)]
    shown = {int(match[1]) for match in map(_ON_GPU.match, passed) if match}
    missing = [f"GPU {index} ({gpu['name']})" for index, gpu in enumerate(devices) if index not in shown]
    why = next((result.why for result in host.of(UNVERIFIABLE) if _ON_GPU.match(result.id)), "")
    return f"no check has computed anything on {' and '.join(missing)}{f': {why}' if why else ''}" if missing else ""


def _with_care(host: HostReport) -> Verdict:
    words = "certified" if host.expected.get("gpus") else "certified, for the CPU alone"
    notes = []
    if open_ := host.of(UNVERIFIABLE):
        [(reason, _)] = Counter(result.why for result in open_).most_common(1)
        notes.append(f"{count(len(open_), 'check')} could not be verified here ({reason})")
    if host.drift and not host.due:
        notes.append(f"{count(len(host.drift), 'thing')} changed since the host was sealed")
    if warned := [finding for finding in host.findings if finding.get("level") == "warn"]:
        notes.append(f"{count(len(warned), 'warning')} ({warned[0]['seen']})")
    if notes:
        return Verdict("warnings", words.replace("certified", "certified with warnings", 1), "; ".join(notes))
    depth = f", in {_DEPTH[host.level]}" if host.level in _DEPTH else ""
    return Verdict("certified", words, f"all {count(len(host.results or ()), 'check')} passed{depth}")
