"""The lease keeps a second controller out and never outlives its owner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onhost import lease, paths
from onhost.finding import FindingError


def owner(run: str = "r1", machine: str = "m1") -> dict[str, Any]:
    return {"controller": "desk", "machine_id": machine, "pid": 7, "start_time": "99", "run": run, "user": "ada"}


def silent(seconds: float) -> None:
    """The holder was last heard of so long ago."""
    document = json.loads(paths.lease().read_text())
    document["uptime"] -= seconds
    paths.lease().write_text(json.dumps(document))


def nobody() -> list[str]:
    return []


def test_a_free_host_can_be_held_and_given_back(root: Path) -> None:
    assert lease.read() is None
    assert lease.acquire(owner())
    held = lease.read()
    assert held is not None
    assert held["owner"] == owner()
    assert not lease.acquire(owner())
    assert not lease.release(owner("r2"), at_work=nobody)
    assert lease.release(owner(), at_work=nobody)
    assert lease.read() is None


def test_another_live_run_is_named_with_who_and_since_when(root: Path) -> None:
    lease.acquire(owner())
    with pytest.raises(FindingError, match=r"ada on desk .* \(run r1") as caught:
        lease.acquire(owner("r2"), at_work=nobody)
    assert caught.value.id == "GH-LOCKED"


def test_who_only_looks_is_told_of_another_live_run_and_takes_nothing(root: Path) -> None:
    assert lease.other(owner(), at_work=nobody) == ""
    lease.acquire(owner())
    assert lease.other(owner(), at_work=nobody) == ""
    assert "(run r1, last heard of 0 s ago)" in lease.other(owner("r2"), at_work=nobody)
    silent(lease.TAKEOVER_SECONDS + 1)
    assert lease.other(owner("r2"), at_work=nobody) == ""
    assert (lease.read() or {})["owner"]["run"] == "r1"


@pytest.mark.parametrize(
    ("seconds", "at_work", "taken"),
    [(10, [], False), (900, ["rocm-packages"], False), (900, [], True)],
)
def test_a_silent_owner_is_dead_only_when_no_unit_of_ours_is_at_work(
    root: Path, seconds: float, at_work: list[str], taken: bool
) -> None:
    lease.acquire(owner())
    silent(seconds)
    if taken:
        assert lease.acquire(owner("r2"), at_work=lambda: at_work)
        return
    with pytest.raises(FindingError):
        lease.acquire(owner("r2"), at_work=lambda: at_work)


def test_a_reboot_ends_a_lease(root: Path) -> None:
    lease.acquire(owner())
    (root / "proc/sys/kernel/random/boot_id").write_text("boot-2\n")
    assert lease.acquire(owner("r2"), at_work=lambda: ["x"])


def test_a_dead_process_counts_only_on_the_holder_s_own_machine(root: Path) -> None:
    lease.acquire(owner())
    with pytest.raises(FindingError):
        lease.acquire(owner("r2", machine="m2"), dead_owner=owner(), at_work=nobody)
    assert lease.acquire(owner("r2"), dead_owner=owner(), at_work=nobody)


def test_of_two_that_saw_the_same_dead_holder_only_the_first_takes_its_place(root: Path) -> None:
    lease.acquire(owner())
    assert lease.acquire(owner("r2"), dead_owner=owner(), at_work=nobody)
    with pytest.raises(FindingError, match="run r2"):
        lease.acquire(owner("r3"), dead_owner=owner(), at_work=nobody)


def test_a_run_that_ends_while_its_unit_is_at_work_leaves_the_host_to_the_unit(root: Path) -> None:
    lease.acquire(owner())
    assert not lease.release(owner(), at_work=lambda: ["rocm-packages"])
    with pytest.raises(FindingError, match=r"ada on desk .* \(run r1, which ended; rocm-packages is at work\)") as caught:
        lease.acquire(owner("r2"), at_work=lambda: ["rocm-packages"])
    assert caught.value.id == "GH-LOCKED"
    assert lease.acquire(owner("r2"), at_work=nobody)


def test_a_run_that_comes_back_to_what_it_left_holds_it_again(root: Path) -> None:
    lease.acquire(owner())
    lease.release(owner(), at_work=lambda: ["rocm-packages"])
    assert not lease.acquire(owner(), at_work=nobody)
    with pytest.raises(FindingError):
        lease.acquire(owner("r2"), at_work=nobody)


def test_work_on_the_host_is_a_heartbeat(root: Path) -> None:
    lease.acquire(owner())
    silent(900)
    lease.touch()
    with pytest.raises(FindingError):
        lease.acquire(owner("r2"), at_work=nobody)


def test_work_on_a_host_that_nobody_holds_leaves_no_trace(root: Path) -> None:
    lease.touch()
    assert not paths.state().exists()


def test_the_last_release_leaves_no_trace(root: Path) -> None:
    lease.acquire(owner())
    lease.release(owner(), at_work=nobody)
    assert not paths.state().exists()
