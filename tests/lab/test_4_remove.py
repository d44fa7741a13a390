"""What gpuhost installed goes again; what users made stays; and the host can come back."""

from __future__ import annotations

import pytest

from tests.lab import state, userdata
from tests.lab.conftest import SITE, Fleet, gpuhost

pytestmark = pytest.mark.lab

SERVICES = ["anythingllm", "jupyter", "ollama"]
#: What remembers whose data it is, for a later `remove --purge-data`.
REMEMBERS = [
    "/var/lib/gpuhost",
    "/var/lib/gpuhost/.lease.lock",
    "/var/lib/gpuhost/baseline",
    "/var/lib/gpuhost/baseline/services.json",
    "/var/lib/gpuhost/.models.lock",
    "/var/lib/gpuhost/models.json",
]


def test_remove_leaves_only_user_data_and_up_brings_the_host_back(fleet: Fleet) -> None:
    host = fleet.debian13
    files_before, packages_before = fleet.before[host.name]
    userdata.put(host, SERVICES)
    environment = host.run("cat /srv/gpuhost/anythingllm/.env")

    done = gpuhost("remove", "--site", SITE, "--host", host.name, "--json")
    assert done.code == 0, done.text
    assert state.difference(packages_before, state.packages(host)) == {}
    left = state.difference(files_before, state.files(host))
    strange = [path for path in left if not path.startswith("/srv/gpuhost") and not state.made_by_packages(path)]
    assert [path for path in strange if path not in REMEMBERS] == []
    assert userdata.MINE in host.run("cat /srv/gpuhost/jupyter/notebooks/mine.txt")
    assert host.run("id -nG gpuhost").split() == ["gpuhost"]
    # Where Ollama ran on the host itself, it had a user and a unit there.
    assert (
        host.run("getent passwd gpuhost-ollama; systemctl list-unit-files --no-legend 'gpuhost-ollama*'", check=False) == ""
    )

    back = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    assert back.code == 0, back.text
    assert userdata.lost(host, SERVICES) == []
    assert host.run("cat /srv/gpuhost/anythingllm/.env") == environment, "secrets were made again"
