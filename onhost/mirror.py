"""Whether a site's apt mirror answers and is signed with the site's key, asked before the host is told to trust it."""

from __future__ import annotations

from . import apt_output
from .siblings import scratch_apt

LIMIT_S = 60
#: Only the release file is fetched, no package list.
RELEASE_ALONE = {
    "Acquire__IndexTargets__deb__Packages__DefaultEnabled": "false",
    "Acquire__IndexTargets__deb__Translations__DefaultEnabled": "false",
}


def problem(url: str, suite: str, key: bytes, authorities: list[str]) -> dict[str, str] | None:
    """None where apt on this host accepts the mirror; else ``{"id", "seen"}`` of a finding.

    apt itself judges, in a folder that goes again: signature, expiry and clock are what they will be later.

    :param key: the binary form of the key that must have signed the mirror.
    :param authorities: PEM texts of CAs that the host does not trust yet.
    """
    source = {"url": url, "suite": suite, "key": key.hex()}
    with scratch_apt.scratch([source], authorities) as apt:
        status, said = apt.run(["apt-get", "update"], LIMIT_S, **RELEASE_ALONE)
    if status is None:
        return {"id": "GH-APT-UNREACHABLE", "seen": f"the mirror did not answer within {LIMIT_S} s"}
    if status == 0:
        return None
    finding_id, seen = apt_output.classify(said)
    return {"id": finding_id, "seen": seen}
