"""What ``./gpuhost services`` says of the door: where each service is reached from the network, and whom to trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def address(made: Mapping[str, Any], service: str) -> str:
    """The service's address on the network; empty where the gateway does not lead there."""
    sites = made.get("roles", {}).get("gateway", {}).get("sites", [])
    return next((str(site["origins"][0]) for site in sites if site["service"] == service), "")


def lines(host: str, examined: Mapping[str, Any]) -> list[str]:
    """The front page, who may log in, and the fingerprint of the authority; nothing where there is no gateway."""
    part = examined["plan"].get("roles", {}).get("gateway", {})
    if not part.get("enabled"):
        return []
    door = part["home"]["origins"][0]
    users = ", ".join(user["name"] for user in part["users"])
    said = [f"{host}: log in at {door} as {users}; passwords and keys: ./gpuhost services.secrets"]
    if part["tls"]["issuer"] == "internal":
        seen = (examined["snapshot"].get("gateway") or {}).get("ca_sha256")
        said.append(f"{host}: trust {door}/ca.crt, whose SHA-256 is {seen or 'not known yet'}")
    return said
