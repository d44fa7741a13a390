"""What somebody changed by hand is named, thing by thing, and put back by the roles concerned alone."""

from __future__ import annotations

import pytest

from tests.lab.conftest import SITE, Fleet, gpuhost

pytestmark = pytest.mark.lab

BY_HAND = """
echo ' ' >> /etc/docker/daemon.json
dpkg --remove rocm-smi > /dev/null
gpasswd --delete gpuhost render
docker update --restart=no gpuhost-anythingllm
"""


def test_drift_names_exactly_what_was_changed_and_up_puts_it_back(fleet: Fleet) -> None:
    host = fleet.debian12
    host.run(BY_HAND)
    found = gpuhost("drift", "--site", SITE, "--host", host.name, "--json").document["examined"][host.name]["drift"]
    assert {(one["role"], one["item"]) for one in found} == {
        ("container_engine", "file:/etc/docker/daemon.json"),
        ("rocm", "package:rocm-smi"),
        ("gpu_access", "member:gpuhost/render"),
        ("services", "container:gpuhost-anythingllm"),
    }
    assert "restart policy" in next(one["difference"] for one in found if one["role"] == "services")

    done = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    assert done.code == 0, done.text
    assert list(done.document["hosts"][host.name]["due"]) == ["container_engine", "rocm", "gpu_access", "services", "verify"]
    assert gpuhost("drift", "--site", SITE, "--host", host.name, "--json").document["examined"][host.name]["drift"] == []
    assert "render" in host.run("id -nG gpuhost")
    assert host.run("docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' gpuhost-anythingllm").strip() == "unless-stopped"
