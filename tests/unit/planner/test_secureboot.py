"""Whether the kernel takes a module that was built on the host, and what a person has to do for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner import edits
from tests.unit.planner.conftest import Make, ids, rules

DEBIAN, UBUNTU = "debian-12-rx6600", "ubuntu-24.04-rx7900xtx"
MOK = {"certificate": "/var/lib/shim-signed/mok/MOK.der", "key": "/var/lib/shim-signed/mok/MOK.priv", "subject": "gpu01"}
DKMS = {"certificate": "/var/lib/dkms/mok.pub", "key": "/var/lib/dkms/mok.key", "subject": "DKMS"}
OWN = {"certificate": "/etc/keys/own.der", "key": "/etc/keys/own.priv", "subject": "site"}


def key(which: dict[str, Any], enrolled: bool | None = False, pending: bool | None = False) -> dict[str, Any]:
    return {**which, "enrolled": enrolled, "pending": pending}


def signed(which: dict[str, Any], enrolment: str) -> dict[str, Any]:
    return {"certificate": which["certificate"], "key": which["key"], "enrolment": enrolment}


@pytest.mark.parametrize(
    ("state", "signing", "rule"),
    [
        ("off", {}, "secureboot.off"),
        ("none", {}, "secureboot.none"),
        ("setup", {}, "secureboot.setup"),
        ("unknown", {"enforced": False}, "secureboot.unknown"),
        ("off", {"keys": [key(MOK, enrolled=True)]}, "secureboot.off"),
    ],
)
def test_where_the_kernel_takes_any_module_nothing_is_to_be_done(make: Make, state: str, signing: Any, rule: str) -> None:
    plan = make(UBUNTU, edits.secure_boot(state, **signing), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"] is None
    assert rule in rules(plan)
    assert plan.roles["verify"]["expected"]["driver"]["signed"] is False
    assert "mokutil" not in plan.roles["amdgpu"]["packages"]


@pytest.mark.parametrize(
    ("keys", "sign", "rule", "finding"),
    [
        ([key(MOK, enrolled=True)], signed(MOK, "enrolled"), "secureboot.ready", None),
        ([key(MOK), key(OWN, enrolled=True)], signed(OWN, "enrolled"), "secureboot.ready", None),
        ([key(OWN), key(MOK, pending=True)], signed(OWN, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([key(MOK, pending=True)], signed(MOK, "pending"), "secureboot.pending", "GH-MOK-PENDING"),
        ([key(DKMS, enrolled=True), key(MOK)], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([key(DKMS, enrolled=True)], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([key(MOK)], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([key(MOK, None, None)], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
        ([{**key(OWN, enrolled=True), "key": None}], signed(MOK, "needed"), "secureboot.enrol", "GH-MOK-NEEDED"),
    ],
    ids=[
        "ready",
        "its settings' is",
        "its settings' is not",
        "pending",
        "another is",
        "only another",
        "needed",
        "unreadable",
        "none yet",
        "without its private half",
    ],
)
def test_under_secure_boot_the_driver_is_signed_and_a_person_told_beforehand(
    make: Make, keys: Any, sign: Any, rule: str, finding: str | None
) -> None:
    plan = make(UBUNTU, edits.secure_boot("on", shim=True, keys=keys), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"] == sign
    assert rule in rules(plan)
    assert [one for one in ids(plan, "warn") if one.startswith("GH-MOK")] == ([finding] if finding else [])
    assert ids(plan, "refuse") == []
    assert "mokutil" in plan.roles["amdgpu"]["packages"]
    assert plan.roles["verify"]["expected"]["driver"]["signed"] is True


def test_the_key_that_dkms_will_make_is_the_distributions(make: Make) -> None:
    made = make(DEBIAN, edits.secure_boot("on", shim=True, keys=[]), amdgpu_driver="dkms").roles["amdgpu"]["sign"]
    assert (made["certificate"], made["key"]) == ("/var/lib/dkms/mok.pub", "/var/lib/dkms/mok.key")


def test_elsewhere_than_on_ubuntu_the_key_is_dkms_own_whatever_else_is_enrolled(make: Make) -> None:
    there = edits.secure_boot("on", shim=True, keys=[key(MOK, enrolled=True), key(DKMS)])
    assert make(DEBIAN, there, amdgpu_driver="dkms").roles["amdgpu"]["sign"] == signed(DKMS, "needed")
    enrolled = edits.secure_boot("on", shim=True, keys=[key(MOK), key(DKMS, enrolled=True)])
    assert make(DEBIAN, enrolled, amdgpu_driver="dkms").roles["amdgpu"]["sign"] == signed(DKMS, "enrolled")


@pytest.mark.parametrize("state", [None, {"error": "permission denied"}, "unknown"])
@pytest.mark.parametrize("signing", [None, {"error": "permission denied"}, {"enforced": None, "lockdown": None, "keys": []}])
def test_what_could_not_be_read_is_not_taken_for_off(make: Make, state: Any, signing: Any) -> None:
    plan = make(UBUNTU, lambda host: host["kernel"].update(secure_boot=state, signing=signing), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"] == signed(MOK, "needed")
    assert "secureboot.off" not in rules(plan)
    (found,) = [one for one in plan.findings if one.id == "GH-MOK-NEEDED"]
    assert found.level == "warn"
    assert "could not be read" in found.seen


def test_where_the_kernel_is_known_to_take_any_module_an_unread_state_asks_for_no_key(make: Make) -> None:
    plan = make(UBUNTU, lambda host: host["kernel"].update(secure_boot=None), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"] is None
    assert "secureboot.unknown" in rules(plan)


def test_the_steps_of_the_enrolment_are_in_the_words(make: Make) -> None:
    plan = make(UBUNTU, edits.secure_boot("on", shim=True, keys=[]), amdgpu_driver="dkms")
    (found,) = [one for one in plan.findings if one.id == "GH-MOK-NEEDED"]
    for step in ("reboot", "Enroll MOK", "Continue", "Yes", "password", "`up` again"):
        assert step in found.next


@pytest.mark.parametrize(
    ("state", "signing", "why"),
    [
        ("none", {"enforced": True}, "module.sig_enforce=1"),
        ("none", {"lockdown": "integrity"}, "locked down (integrity)"),
        ("on", {"shim": False}, "Secure Boot is on"),
    ],
)
def test_where_no_key_can_be_enrolled_that_is_said(make: Make, state: str, signing: Any, why: str) -> None:
    plan = make(DEBIAN, edits.secure_boot(state, **signing), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"]["enrolment"] == "needed"
    (found,) = [one for one in plan.findings if one.id == "GH-SIGNING-NO-WAY"]
    assert why in found.seen


def test_an_enforced_signature_is_met_by_an_enrolled_key_wherever_it_comes_from(make: Make) -> None:
    plan = make(UBUNTU, edits.secure_boot("off", enforced=True, keys=[key(MOK, enrolled=True)]), amdgpu_driver="dkms")
    assert plan.roles["amdgpu"]["sign"] == signed(MOK, "enrolled")


def test_the_kernels_own_driver_is_signed_by_its_maker(make: Make) -> None:
    plan = make(UBUNTU, edits.secure_boot("on", shim=True))
    assert plan.roles["amdgpu"]["sign"] is None
    assert not [rule for rule in rules(plan) if rule.startswith("secureboot")]
