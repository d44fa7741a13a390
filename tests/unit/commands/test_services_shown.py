"""Where people are told to go, and whom to trust there."""

from __future__ import annotations

from typing import Any

from control import planner, support
from control.commands import gateway_shown
from tests.unit.planner.conftest import snapshot, wishes

PRINT = "AB:CD"


def examined(**wished: Any) -> dict[str, Any]:
    seen = snapshot("debian-12-rx6600")
    seen["gateway"] = {"taken_at": 1, "ca_sha256": PRINT}
    return {"snapshot": seen, "plan": planner.plan(seen, wishes(**wished), support.load(), "gpu01").as_dict()}


def test_with_a_gateway_everybody_is_told_where_to_log_in_and_whom_to_trust() -> None:
    host = examined(gateway_enabled=True, gateway_users=[{"name": "alice"}, {"name": "bob"}])
    log_in, trust = gateway_shown.lines("gpu01", host)
    assert "https://192.0.2.7 as alice, bob" in log_in
    assert trust == f"gpu01: trust https://192.0.2.7/ca.crt, whose SHA-256 is {PRINT}"
    assert gateway_shown.address(host["plan"], "jupyter") == "https://192.0.2.7:18888"


def test_a_public_authority_needs_no_fingerprint() -> None:
    host = examined(gateway_enabled=True, gateway_names=["ai.example.org"], gateway_acme_email="ops@example.org")
    assert len(gateway_shown.lines("gpu01", host)) == 1


def test_without_one_nothing_is_said() -> None:
    assert gateway_shown.lines("gpu01", examined()) == []
    assert gateway_shown.address(examined()["plan"], "jupyter") == ""
