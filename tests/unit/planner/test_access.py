"""Who may open the GPU, by groups or by a udev rule, and who has to log in again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
NODES = ("/dev/kfd", "/dev/dri/renderD128")


def modes(mode: str, *paths: str) -> Any:
    def edit(host: dict[str, Any]) -> None:
        for node in host["devices"]:
            if node["path"] in paths:
                node["mode"] = mode

    return edit


def in_groups(*groups: str) -> Any:
    return lambda host: host["users"]["ada"].update(groups=["ada", *groups])


def looked_as(login: str, *numbers: int) -> Any:
    return lambda host: host.update(as_root=False, login_user=login, process_groups=list(numbers))


def members(plan: Any) -> list[tuple[str, str]]:
    return [(one["user"], one["group"]) for one in plan.roles["gpu_access"]["members"]]


@pytest.mark.parametrize(
    ("method", "edits", "wanted", "udev", "rule"),
    [
        ("auto", (), [("ada", "render"), ("ada", "video")], False, "access.groups"),
        ("groups", (), [("ada", "render"), ("ada", "video")], False, "access.groups"),
        ("udev", (), [("ada", "render")], True, "access.udev"),
        ("auto", (modes("0666", *NODES),), [], False, "access.udev-present"),
        ("auto", (modes("0666", "/dev/kfd"),), [("ada", "render"), ("ada", "video")], False, "access.groups"),
        ("groups", (modes("0666", *NODES),), [("ada", "render"), ("ada", "video")], False, "access.groups"),
        ("udev", (modes("0666", *NODES),), [("ada", "render")], True, "access.udev"),
    ],
)
def test_groups_or_a_rule_either_is_access(make: Make, method: str, edits: Any, wanted: Any, udev: bool, rule: str) -> None:
    plan = make(RX6600, *edits, gpu_access_method=method)
    assert members(plan) == wanted
    assert plan.roles["gpu_access"]["udev"] is udev
    assert rule in rules(plan)


def test_nodes_that_are_open_to_everybody_are_told_and_refuse_nothing(make: Make) -> None:
    plan = make(RX6600, modes("0666", *NODES))
    found = [one for one in plan.findings if one.id == "GH-ACCESS-WORLD"]
    assert [one.seen for one in found] == [f"{path} has mode 0666" for path in NODES]
    assert ids(plan, "refuse") == []


def test_verify_accepts_what_the_hosts_own_rule_opened_and_nothing_else(make: Make) -> None:
    def open_to(edits: Any, **wish: Any) -> set[bool]:
        expected = make(RX6600, *edits, **wish).roles["verify"]["expected"]["access"]
        return {one["world"] for one in expected["devices"]}

    world = (modes("0666", *NODES),)
    assert open_to(world) == {True}
    assert open_to(()) == open_to(world, gpu_access_method="groups") == open_to(world, gpu_access_method="udev") == {False}


def test_no_plan_ever_opens_a_node_to_everybody(make: Make) -> None:
    for method in ("auto", "groups", "udev"):
        assert "666" not in str(make(RX6600, gpu_access_method=method).roles["gpu_access"])


@pytest.mark.parametrize(
    ("edits", "seen"),
    [
        ((in_groups(),), ["ada becomes a member of render and video"]),
        ((in_groups("render"),), ["ada becomes a member of video"]),
        ((in_groups("render", "video"),), []),
        (
            (in_groups("render", "video"), looked_as("ada", 1000, 44)),
            ["ada is a member of render, and the session that gpuhost uses began before that"],
        ),
        ((in_groups("render", "video"), looked_as("ada", 1000, 44, 104)), []),
    ],
    ids=["no group yet", "one of two", "all", "an open session without one", "an open session with all"],
)
def test_who_has_to_log_in_again_is_told(make: Make, edits: Any, seen: list[str]) -> None:
    def numbers(host: dict[str, Any]) -> None:
        host["groups"].update(render={"gid": 104, "members": []}, video={"gid": 44, "members": []})

    plan = make(RX6600, numbers, *edits)
    found = [one for one in plan.findings if one.id == "GH-ACCESS-LOGIN"]
    assert [one.seen for one in found] == seen
    assert all(one.level == "note" and "ada" in one.next for one in found)


def test_users_of_the_site_are_the_members_and_nobody_else(make: Make) -> None:
    def two(host: dict[str, Any]) -> None:
        host["users"]["bob"] = {"uid": 1001, "gid": 1001, "groups": ["bob"]}

    assert {user for user, _ in members(make(RX6600, two, gpu_access_users=["bob"]))} == {"bob"}


def test_verify_is_told_the_groups_that_were_planned(make: Make) -> None:
    expected = make(RX6600, gpu_access_method="udev").roles["verify"]["expected"]["access"]
    assert expected["users"] == [{"name": "ada", "groups": ["render"]}]
    assert {one["group"] for one in expected["devices"]} == {"render"}


def test_a_login_user_that_could_not_be_read_is_nobody(make: Make) -> None:
    def unread(host: dict[str, Any]) -> None:
        host.update(login_user={"error": "no such user"}, as_root=False, process_groups=[1000])

    plan = make(RX6600, unread)
    assert members(plan) == []
    assert members(make(RX6600, unread, gpu_access_users=["ada"])) == [("ada", "render"), ("ada", "video")]
