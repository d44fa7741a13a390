"""Whether a host may be rebooted by a run, and what a person is told where it may not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from control import findings
from control.findings import Finding

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def is_this_machine(boot_id: str) -> bool:
    """Whether that boot is the one that this program runs in: rebooting the host would end the run itself."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip() == boot_id
    except OSError:
        return False


def objection(host: str, reasons: Sequence[str], mode: str, confirmed: bool, own: bool) -> Finding | None:
    """Why the run must not reboot the host, as a finding that stops it; None where it may.

    :param mode: the wish ``amdgpu_reboot``.
    :param own: whether the host is the machine that the run is controlled from.
    """
    why = "; ".join(reasons)
    if mode == "never":
        return findings.make("GH-REBOOT-NEEDED", host, f"{why}; amdgpu_reboot is never")
    if own and not confirmed:
        return findings.make("GH-REBOOT-NEEDED", host, why, when="this machine (`./gpuhost up --yes` does it by itself)")
    return None


def later(host: str, reasons: Sequence[str]) -> Finding:
    """What a person is told of a reboot that nothing waits for."""
    return findings.make("GH-REBOOT-LATER", host, "; ".join(reasons))


def leaving(host: str, reasons: Sequence[str], seconds: int) -> Finding:
    """The last words of a run whose own machine reboots."""
    seen = f"this machine reboots by itself in {seconds} seconds: {'; '.join(reasons)}"
    return findings.make("GH-REBOOT-NEEDED", host, seen, when="it (that has begun)")


def slow(host: str, timeout: float, said: str) -> Finding:
    """The host was rebooted and did not answer in time."""
    # ansible.builtin.reboot counts the time for the shutdown and the time for the start apart.
    limit = f"{timeout:.0f} to {2 * timeout:.0f} s"
    return findings.make("GH-REBOOT-SLOW", host, f"no answer within {limit} after its reboot: {said}")
