"""Whatever is wrong is told with its code and its finding, and the host is what it was before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from control.lab import faults
from control.lab.spec import ALPINE, HostSpec
from tests.lab import state
from tests.lab.conftest import ROOT, SITE, Done, LabHost, gpuhost, host_variables, make, remove
from verify import places

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def bare() -> Iterator[LabHost]:
    """A host that nothing was done to, and that nothing may be done to."""
    (host,) = make(HostSpec(5, 12))
    yield host
    remove(host)


@contextmanager
def untouched(host: LabHost) -> Iterator[None]:
    before = state.files(host), state.packages(host)
    yield
    assert state.difference(before[0], state.files(host)) == {}
    assert state.difference(before[1], state.packages(host)) == {}


def up(host: LabHost, *words: str) -> Done:
    return gpuhost("up", "--site", SITE, "--host", host.name, *words)


@contextmanager
def variables(host: LabHost, text: str) -> Iterator[None]:
    path = host_variables(host, text)
    try:
        yield
    finally:
        path.unlink()


@dataclass(frozen=True)
class Case:
    """Something wrong, and what has to come of it."""

    name: str
    code: int
    finding: str
    said: str
    variables: str = ""
    fault: Callable[[str], AbstractContextManager[Any]] | None = None


CASES = (
    Case("unknown variable", 10, "GH-INPUT-UNKNOWN-VARIABLE", "services_enabled", variables="servces_enabled: [ollama]"),
    Case("wrong type", 10, "GH-INPUT-TYPE", "must be list", variables="services_enabled: ollama"),
    Case("wrong choice", 10, "GH-INPUT-TYPE", "auto, distro, classic, core, none", variables="rocm_stream: newest"),
    Case("disk too small", 11, "GH-DISK-SMALL", "/srv", fault=lambda name: faults.small_disk(name, "/srv", 20_000_000)),
    Case("port taken", 11, "GH-PORT-TAKEN", "11434", fault=lambda name: faults.port_taken(name, 11434)),
    Case("mirror stopped", 11, "GH-NET-", "gpuhost-lab-mirror", fault=lambda name: faults.mirror_stopped()),
    Case("wrong fingerprint", 17, "GH-KEY-FINGERPRINT", "fingerprint", variables=f"sources_apt_key_fingerprint: {'A' * 40}"),
    Case(
        "mirror signed by another key",
        17,
        "GH-APT-SIGNATURE",
        "gpuhost-lab-mirror",
        fault=lambda name: faults.archive_signed_by_another_key(),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_wrong_is_told_and_the_host_is_untouched(bare: LabHost, case: Case) -> None:
    with ExitStack() as stack:
        if case.variables:
            stack.enter_context(variables(bare, case.variables))
        if case.fault:
            stack.enter_context(case.fault(bare.name))
        with untouched(bare):
            done = up(bare)
    assert done.code == case.code, done.text
    assert case.finding in done.text
    assert case.said in done.text
    assert "Traceback" not in done.text


def test_an_unknown_host_and_an_empty_group_name_the_place(bare: LabHost) -> None:
    unknown = gpuhost("up", "--site", SITE, "--host", "gpuhost-lab-55")
    assert unknown.code in (10, 18)
    assert "GH-INPUT-UNKNOWN-HOST" in unknown.text
    empty = ROOT / "inventory" / "lab-empty"
    empty.mkdir(exist_ok=True)
    try:
        (empty / "hosts.yml").write_text("gpuhost:\n  hosts: {}\n")
        done = gpuhost("up", "--site", "lab-empty")
    finally:
        (empty / "hosts.yml").unlink()
        empty.rmdir()
    assert done.code == 18
    assert "GH-INPUT-EMPTY-GROUP" in done.text


@pytest.mark.parametrize(
    ("spec", "code", "finding", "said"),
    [
        (HostSpec(6, 12, os_release=ALPINE), 11, "GH-OS-UNSUPPORTED", "Alpine"),
        (HostSpec(6, 13, gpu=None), 11, "GH-GPU-NONE", "--cpu"),
        (HostSpec(6, 12, sudo_password=True), 12, "GH-SUDO-PASSWORD", "--ask-sudo"),
    ],
    ids=["Alpine", "no GPU", "sudo wants a password"],
)
def test_a_host_that_cannot_be_one_is_refused_untouched(spec: HostSpec, code: int, finding: str, said: str) -> None:
    (host,) = make(spec)
    try:
        with untouched(host):
            done = up(host)
    finally:
        remove(host)
    assert done.code == code, done.text
    assert finding in done.text
    assert said in done.text


def test_this_machine_without_an_amd_gpu_is_refused_before_any_change() -> None:
    if list(Path("/sys/class/kfd").glob("kfd/topology/nodes/*")):
        pytest.fail("this test is for a machine without an AMD GPU")
    before = _ours_on_this_machine()
    done = gpuhost("up")
    assert done.code == 11, done.text
    assert "GH-GPU-NONE" in done.text
    assert "--cpu" in done.text
    assert _ours_on_this_machine() == before


def _ours_on_this_machine() -> list[str]:
    """Whatever lies where gpuhost keeps its things on a host, of a run by hand or of none."""
    folders = [Path(places.STATE), Path(places.ETC), Path(places.OPT)]
    return sorted(str(path) for folder in folders for path in [folder, *folder.rglob("*")] if path.exists())
