"""The unit of a service on the host itself as Ansible renders it. systemd itself judges it on the hosts."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from control import planner, support
from control.paths import ROLES_DIR
from tests.unit.planner.conftest import snapshot, wishes

TEMPLATE = ROLES_DIR / "services" / "templates" / "native.service.j2"
PROXY = "/run/gpuhost-ollama/proxy"


@pytest.fixture(scope="module")
def unit() -> str:
    plan = planner.plan(snapshot("debian-12-rx6600"), wishes(services_native=["ollama"]), support.load(), "gpu01")
    (row,) = plan.roles["services"]["units"]
    templar = Templar(loader=DataLoader(), variables={"__services_unit": row})
    return str(templar.template(trust_as_template(TEMPLATE.read_text(encoding="utf-8"))))


def test_it_gets_the_hosts_proxy_without_a_value_of_it_in_the_unit(unit: str) -> None:
    assert re.findall(r"^EnvironmentFile=(.*)", unit, re.MULTILINE) == [f"-{PROXY}"]
    assert "proxy" not in "".join(re.findall(r"^Environment=.*", unit, re.MULTILINE))
    assert re.findall(r"^RuntimeDirectory.*", unit, re.MULTILINE) == [
        "RuntimeDirectory=gpuhost-ollama",
        "RuntimeDirectoryMode=0700",
    ]


def test_of_the_hosts_environment_it_gets_nothing_but_the_proxy(unit: str, tmp_path: Path) -> None:
    """A file goes before the unit's own settings: another address or override would be that of the service."""
    environment, proxy = tmp_path / "environment", tmp_path / "proxy"
    lines = ["https_proxy=http://ada:pw@proxy:3128", 'NO_PROXY="localhost,.lab"', "HTTPS_PROXY=http://other:3128"]
    others = ["OLLAMA_HOST=0.0.0.0", "HSA_OVERRIDE_GFX_VERSION=9.0.0", "http_proxy=http://proxy:3128", "#https_proxy=x"]
    environment.write_text("\n".join([*lines, *others]) + "\n")
    (command,) = re.findall(r"^ExecStartPre=-(.*proxy.*)", unit, re.MULTILINE)
    words = shlex.split(command.replace("/etc/environment", str(environment)).replace(PROXY, str(proxy)))
    subprocess.run(words, check=True)
    assert proxy.read_text().splitlines() == lines
    # systemd would put other things there for these.
    assert not re.search(r"[$%\\]", command)
