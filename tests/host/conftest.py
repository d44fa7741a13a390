"""Hosts that gpuhost has set up, asked from outside by testinfra's own modules.

The site comes from the environment: ``GPUHOST_SITE=lab pytest -m lab tests/host``, with ``GPUHOST_HOST`` for some of its
hosts. In the lab's tests `tests/lab/test_3_from_outside.py` runs this suite, once its hosts are set up.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

from control import roles, support
from control.paths import INVENTORY_DIR

SITE = os.environ.get("GPUHOST_SITE", "")
ONLY = [name for name in os.environ.get("GPUHOST_HOST", "").split(",") if name]

# testinfra calls ansible-inventory by its name; it lies beside the interpreter that runs this.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

#: Without a site there is no host to ask, and nothing is collected here.
collect_ignore_glob = [] if SITE else ["test_*.py"]


def inventory() -> Path:
    """The site's inventory."""
    return INVENTORY_DIR / SITE / "hosts.yml"


def entries() -> dict[str, dict[str, Any]]:
    """What the inventory says of each host asked for: variables of the group, then the host's own."""
    group = yaml.safe_load(inventory().read_text(encoding="utf-8"))["gpuhost"]
    common = group.get("vars") or {}
    found = {name: {**common, **(own or {})} for name, own in group["hosts"].items() if not ONLY or name in ONLY}
    missing = [name for name in ONLY if name not in found]
    if missing or not found:
        raise pytest.UsageError(f"{inventory()} has no host {', '.join(missing) or 'at all'}")
    return found


def wanted() -> list[str]:
    """The services that the site names for all of its hosts, else those that everybody gets."""
    files = sorted((INVENTORY_DIR / SITE).glob("group_vars/*/*.yml")) if SITE else []
    said = [(yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("services_enabled") for path in files]
    named = [one for one in said if one]
    return list(named[-1]) if named else list(roles.defaults("services")["services_enabled"])


@pytest.fixture(scope="session", params=list(entries()) if SITE else [])
def name(request: pytest.FixtureRequest) -> str:
    """A host's name in the inventory."""
    return str(request.param)


@pytest.fixture(scope="session")
def address(name: str) -> str:
    """Where the host is reached."""
    return str(entries()[name].get("ansible_host", name))


@pytest.fixture(scope="session")
def login(name: str) -> str:
    """The user that logs in, and that the site wants to use the GPU."""
    return str(entries()[name]["ansible_user"])


@pytest.fixture(scope="session")
def host(name: str) -> testinfra.host.Host:
    """The host, asked as root."""
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={inventory()}", sudo=True)


@pytest.fixture(scope="session")
def as_user(name: str) -> testinfra.host.Host:
    """The host, asked as the user that logs in."""
    return testinfra.get_host(f"ansible://{name}?ansible_inventory={inventory()}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``service`` or ``port`` runs for each service of the site."""
    rows = [row for row in support.load().services() if row.id in wanted()]
    if {"service", "port"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("service", "port"), [(row.id, row.port) for row in rows], ids=[row.id for row in rows])
    elif "service" in metafunc.fixturenames:
        metafunc.parametrize("service", [row.id for row in rows])
