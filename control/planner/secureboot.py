"""Secure Boot: whether the kernel takes a module that was built here, and what a person has to do for it.

Under Secure Boot, and with ``module.sig_enforce=1`` or a lockdown, the kernel loads only modules signed with a key that the
firmware's or the machine owner's list holds. DKMS signs with a key of the host's own; shim's MokManager enrols it, at the
console, once, before the kernel starts. No program can do that in a person's place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from control.planner.model import Context, Decision
from verify.probes.signing import KEYS

if TYPE_CHECKING:
    from control.findings import Finding

ENROLLED, PENDING, NEEDED = "enrolled", "pending", "needed"
UNKNOWN = "unknown"
#: Its DKMS has the key made by shim-signed (update-secureboot-policy); elsewhere DKMS makes one of its own.
UBUNTU = "ubuntu"


@dataclass(frozen=True)
class Signing:
    """``sign`` is the part's entry: None where the kernel takes any module."""

    sign: dict[str, Any] | None
    decisions: Sequence[Decision] = ()
    findings: Sequence[Finding] = ()


def decide(ctx: Context) -> Signing:
    """What a module that is built on this host needs before its kernel loads it."""
    kernel = ctx.mapping("kernel")
    state, signing = _state(kernel), _signing(kernel)
    why = _enforced(state, signing)
    if why is None:
        return Signing(None, [_off(state)])
    key = _key(ctx, signing.get("keys") or [])
    enrolment = ENROLLED if key.get("enrolled") else PENDING if key.get("pending") else NEEDED
    sign = {"certificate": key["certificate"], "key": key["key"], "enrolment": enrolment}
    if enrolment == ENROLLED:
        reason = f"{why}; the key that DKMS signs with is enrolled"
        return Signing(sign, [Decision("Secure Boot", "sign the driver", reason, "secureboot.ready")])
    if state == "none" or signing.get("shim") is False:
        return Signing(sign, [_no_way(why)], [ctx.finding("GH-SIGNING-NO-WAY", why)])
    if enrolment == PENDING:
        reason = f"{why}; the key is handed in and waits for a person at the console"
        found = ctx.finding("GH-MOK-PENDING", reason)
        return Signing(sign, [Decision("Secure Boot", "sign, enrolment begun", reason, "secureboot.pending")], [found])
    reason = f"{why}; the key that DKMS signs with is not enrolled"
    found = ctx.finding("GH-MOK-NEEDED", reason)
    return Signing(sign, [Decision("Secure Boot", "sign and enrol the key", reason, "secureboot.enrol")], [found])


def _state(kernel: Mapping[str, Any]) -> str:
    """Secure Boot's state; what was not read is not known, and nothing else."""
    found = kernel.get("secure_boot")
    return found if isinstance(found, str) else UNKNOWN


def _signing(kernel: Mapping[str, Any]) -> Mapping[str, Any]:
    found = kernel.get("signing")
    return found if isinstance(found, Mapping) else {}


def _enforced(state: str, signing: Mapping[str, Any]) -> str | None:
    """Why the kernel takes, or may take, signed modules only; None where it takes any."""
    if state == "on":
        return "Secure Boot is on"
    if signing.get("enforced"):
        return "the kernel was started with module.sig_enforce=1"
    if signing.get("lockdown") in ("integrity", "confidentiality"):
        return f"the kernel is locked down ({signing['lockdown']})"
    if state == UNKNOWN and signing.get("enforced") is None:
        return "whether Secure Boot is on, and whether the kernel takes unsigned modules, could not be read"
    return None


def _off(state: str) -> Decision:
    reasons = {
        "setup": ("the firmware is in setup mode: Secure Boot is not in force until its keys are set", "secureboot.setup"),
        UNKNOWN: ("its state could not be read, and the kernel enforces no signatures", "secureboot.unknown"),
        "none": ("the host did not start by UEFI", "secureboot.none"),
    }
    reason, rule = reasons.get(state, ("Secure Boot is off", "secureboot.off"))
    return Decision("Secure Boot", "nothing to do", reason, rule)


def _no_way(why: str) -> Decision:
    return Decision("Secure Boot", "sign", f"{why}, and there is no shim that could enrol a key", "secureboot.no-way")


def _key(ctx: Context, keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The key that DKMS signs with: the one that its settings name, else the distribution's, which may have to be made.

    That another key is enrolled is of no use: DKMS does not sign with it.
    """
    whole = [key for key in keys if key.get("certificate") and key.get("key")]
    usual = [certificate for certificate, _ in KEYS]
    certificate, private = KEYS[0] if ctx.system.os == UBUNTU else KEYS[-1]
    named = [key for key in whole if key["certificate"] not in usual]
    distributions = [key for key in whole if key["certificate"] == certificate]
    return next(iter([*named, *distributions]), {"certificate": certificate, "key": private})
