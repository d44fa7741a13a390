"""What `lab.up` is asked for."""

from __future__ import annotations

import pytest

from control.lab import spec
from control.lab.errors import LabError
from control.lab.spec import HostSpec


@pytest.mark.parametrize(
    ("hosts", "release", "gpu", "wanted"),
    [
        (None, "12", "rx6600", [(1, 12, "rx6600")]),
        (None, "12,13", "rx6600", [(1, 12, "rx6600"), (2, 13, "rx6600")]),
        (3, "12, 13", "none", [(1, 12, None), (2, 13, None), (3, 12, None)]),
        (2, "13", "rx6600", [(1, 13, "rx6600"), (2, 13, "rx6600")]),
        (1, "12,13", "rx6600", [(1, 12, "rx6600")]),
    ],
)
def test_releases_are_dealt_out_in_turn(
    hosts: int | None, release: str, gpu: str, wanted: list[tuple[int, int, str | None]]
) -> None:
    assert [(one.number, one.release, one.gpu) for one in spec.parse(hosts, release, gpu)] == wanted


@pytest.mark.parametrize(
    ("hosts", "release", "gpu", "named"),
    [
        (None, "11", "rx6600", "11"),
        (None, "trixie", "rx6600", "trixie"),
        (None, "", "rx6600", "Debian release"),
        (None, "12", "rx7900", "rx7900"),
        (0, "12", "rx6600", "number of hosts"),
        (201, "12", "none", "host number"),
    ],
)
def test_what_the_lab_does_not_have_is_named_with_what_it_has(hosts: int | None, release: str, gpu: str, named: str) -> None:
    with pytest.raises(LabError) as failure:
        spec.parse(hosts, release, gpu)
    assert named in failure.value.seen
    assert failure.value.next.startswith("use one of: ")


def test_a_specification_survives_being_a_label() -> None:
    one = HostSpec(7, 13, None, spec.ALPINE, sudo_password=True)
    assert HostSpec.from_json(one.as_json()) == one


@pytest.mark.parametrize("name", ["gpuhost-lab-3", "3"])
def test_a_host_is_known_by_name_and_by_number(name: str) -> None:
    assert spec.number_of(name) == 3
    assert HostSpec(3).name == "gpuhost-lab-3"


@pytest.mark.parametrize("name", ["gpu01", "gpuhost-lab-", "gpuhost-lab-mirror"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(LabError):
        spec.number_of(name)


def test_one_name_is_one_host() -> None:
    spec.only(["gpuhost-lab-1", "gpuhost-lab-2"])
    with pytest.raises(LabError, match="gpuhost-lab-1"):
        spec.only(["gpuhost-lab-1", "gpuhost-lab-2", "gpuhost-lab-1"])


def test_the_alpine_stand_in_says_that_it_is_one() -> None:
    assert "ID=alpine" in spec.ALPINE.splitlines()
    assert "STAND-IN" in spec.ALPINE
