"""Before anything changes, the host's own apt says whether what the roles will tell it to trust can be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from control import preflight
from tests.unit.planner.conftest import snapshot, wishes

NOBLE = "ubuntu-24.04-rx7900xtx"
KEY = str(Path(__file__).parents[2] / "samples" / "openpgp" / "ed25519.asc")
PINNED = "7F0CAFE6FEC79685D703FF38654ADF418D675516"
CLASSIC = {"rocm_stream": "classic", "rocm_version": "7.2.4", "preflight_confirmed": True}


def examine(problem: Any = None, **changed: Any) -> tuple[preflight.Examination, list[dict[str, Any]]]:
    """What preflight makes of the host, and which repositories it had its apt ask."""
    asked: list[dict[str, Any]] = []

    def look(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if module == "gpuhost_mirror_info":
            asked.append(arguments)
            return {"problem": problem}
        return {"snapshot": snapshot(NOBLE) if arguments.get("seals") else {"network": [], "candidates": {}}}

    return preflight.examine("gpu01", wishes(**changed), look, {}), asked


def test_amd_s_repositories_are_asked_with_the_pinned_key() -> None:
    result, asked = examine(**CLASSIC)
    assert "rocm" in result.due
    assert [one["url"] for one in asked] == [one["url"] for one in result.plan["roles"]["rocm"]["repositories"]]
    assert {one["key"]["url"] for one in asked} == {"https://repo.radeon.com/rocm/rocm.gpg.key"}
    assert all(len(one["key"]["fingerprint"]) == 40 for one in asked)


def test_a_site_s_mirror_is_asked_with_the_site_s_key() -> None:
    mirror = {
        "sources_amd_rocm_url": "https://mirror.example/rocm",
        "sources_amd_graphics_url": "https://mirror.example/graphics",
    }
    _, asked = examine(**CLASSIC, **mirror, sources_amd_key=KEY, sources_amd_key_fingerprint=PINNED)
    assert {one["url"].partition("/rocm")[0].partition("/graphics")[0] for one in asked} == {"https://mirror.example"}
    assert {one["key"]["content"] for one in asked} == {Path(KEY).read_text()}


@pytest.mark.parametrize(
    ("finding", "code"), [("GH-KEY-FINGERPRINT", 17), ("GH-APT-SIGNATURE", 17), ("GH-APT-UNREACHABLE", 14)]
)
def test_what_its_apt_refuses_stops_the_run_before_the_first_change(finding: str, code: int) -> None:
    result, asked = examine({"id": finding, "seen": "not that key"}, **CLASSIC)
    (found,) = [one for one in result.findings if one.level == "refuse"]
    assert (found.id, found.exit_code) == (finding, code)
    assert found.seen == f"{asked[0]['url']}: not that key"
    assert len(asked) == 1
    assert result.as_result(refuse=True)["failed"] is True


def test_a_host_with_the_distribution_s_packages_is_not_asked() -> None:
    _, asked = examine(rocm_stream="distro")
    assert asked == []
