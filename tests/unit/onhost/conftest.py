"""A root folder of its own for every test, and an engine that answers what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.onhost.fake_engine import FakeEngine
from tests.unit.onhost.fake_host import FakeHost

STATUS = """Package: base-files
Essential: yes
Status: install ok installed
Version: 12.4
Depends: libc6

Package: libc6
Status: install ok installed
Version: 2.36-9

Package: rocminfo
Status: install ok installed
Version: 5.2.3-2
Depends: libhsa-runtime64-1 (>= 5.2.3), libc6 (>= 2.34)

Package: libhsa-runtime64-1
Status: install ok installed
Version: 5.2.3-3

Package: old-thing
Status: deinstall ok config-files
Version: 1.0
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host's file system with accounts, a boot id and dpkg's database."""
    top = tmp_path / "root"
    monkeypatch.setenv("GPUHOST_ROOT", str(top))
    for path, text in {
        "proc/sys/kernel/random/boot_id": "boot-1\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\n",
        "etc/group": "root:x:0:\nrender:x:109:ada,eve\nvideo:x:44:\nada:x:1000:\n",
        "var/lib/dpkg/status": STATUS,
    }.items():
        target = top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return top


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine()
    yield fake
    fake.close()


@pytest.fixture
def host(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host whose systemd and apt-get are fakes."""
    environment: dict[str, str] = {}
    fake = FakeHost(tmp_path / "fake", environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return fake
