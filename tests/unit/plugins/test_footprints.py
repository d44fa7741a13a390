"""The footprints that Ansible makes of a plan: what each role owns on a host, item by item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar

from control import actions, planner, roles, support
from control.paths import ROOT
from onhost.footprint import item_id
from tests.unit.planner.conftest import snapshot, wishes

NOBLE = "ubuntu-24.04-rx7900xtx"
#: ``owned(role, **wishes)``: the ids of what the role would own.
Owned = Callable[..., list[str]]


@pytest.fixture(scope="module")
def owned() -> Owned:
    filter_loader.add_directory(str(ROOT / "plugins" / "filter"))

    def render(role: str, **changed: Any) -> list[str]:
        plan = planner.plan(snapshot(NOBLE), wishes(**changed), support.load(), "gpu01").as_dict()
        items = actions.footprint(Templar(loader=DataLoader()), {"gpuhost_plan": plan}, role)
        return [item_id(item) for item in items]

    return render


@pytest.mark.parametrize("role", roles.ROLES)
@pytest.mark.parametrize("stream", ["distro", "classic", "core", "none"])
def test_every_role_s_footprint_can_be_made_and_names_each_thing_once(owned: Owned, role: str, stream: str) -> None:
    found = owned(role, rocm_stream=stream, preflight_confirmed=True)
    assert len(found) == len(set(found))


def test_amd_s_older_rocm_owns_packages_repositories_linker_and_paths(owned: Owned) -> None:
    found = owned("rocm", rocm_stream="classic", rocm_version="7.2.4")
    assert "package:rocm-hip-runtime" in found
    assert [one for one in found if one.startswith("file:")] == [
        "file:/etc/apt/preferences.d/gpuhost-rocm.pref",
        "file:/etc/apt/keyrings/gpuhost-rocm.gpg",
        "file:/etc/apt/sources.list.d/gpuhost-rocm.sources",
        "file:/etc/apt/preferences.d/gpuhost-graphics.pref",
        "file:/etc/apt/keyrings/gpuhost-graphics.gpg",
        "file:/etc/apt/sources.list.d/gpuhost-graphics.sources",
        "file:/etc/ld.so.conf.d/gpuhost-rocm.conf",
        "file:/etc/profile.d/gpuhost-rocm.sh",
    ]
    assert "glob:/opt/rocm-7.2.4" in found


@pytest.mark.parametrize("stream", ["distro", "none"])
def test_the_system_s_own_prefix_is_nobody_s(owned: Owned, stream: str) -> None:
    found = owned("rocm", rocm_stream=stream)
    assert [one for one in found if one.startswith(("file:", "glob:")) and one != "glob:/usr/libexec/rocm_smi"] == []


def test_the_core_sdk_tells_the_linker_itself(owned: Owned) -> None:
    found = owned("rocm", rocm_stream="core", rocm_version="10.1.0")
    assert [one for one in found if one.startswith("file:")] == [
        "file:/etc/apt/keyrings/gpuhost-core.gpg",
        "file:/etc/apt/sources.list.d/gpuhost-core.sources",
    ]
    assert "glob:/opt/rocm/core-10.1" in found


@pytest.mark.parametrize(("method", "rule"), [("groups", False), ("udev", True)])
def test_access_owns_a_rule_only_where_one_was_asked_for(owned: Owned, method: str, rule: bool) -> None:
    found = owned("gpu_access", gpu_access_method=method, gpu_access_users=["ada"])
    assert ("file:/etc/udev/rules.d/70-gpuhost-amdgpu.rules" in found) is rule
    assert "member:ada/render" in found


def test_a_service_on_the_host_itself_owns_its_units_program_and_user(owned: Owned) -> None:
    found = owned("services", services_native=["ollama"])
    assert "container:gpuhost-ollama" not in found
    assert {
        "package:zstd",
        "user:gpuhost-ollama",
        "member:gpuhost-ollama/render",
        "member:gpuhost-ollama/video",
        "tree:/opt/gpuhost/ollama/0.32.0",
        "file:/etc/systemd/system/gpuhost-ollama.service",
        "file:/etc/systemd/system/gpuhost-ollama-bridge.socket",
        "file:/etc/systemd/system/gpuhost-ollama-bridge.service",
        "unit:gpuhost-ollama.service",
        "directory:/srv/gpuhost/ollama",
    } <= set(found)
    assert "directory:/srv/gpuhost/ollama" in owned("services")


def test_containers_find_services_of_the_host_by_name(owned: Owned) -> None:
    hosts = filter_loader.get("services_hosts").j2_function
    network = {"IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]}}
    assert hosts([], network) == {}
    assert hosts([{"aliases": ["ollama", "ollama.internal"]}], network) == {
        "ollama": "172.18.0.1",
        "ollama.internal": "172.18.0.1",
    }
