"""What is refused or remarked about the host as a whole: system, ports, disks, network, kernel."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from packaging.version import Version

from control import planner, roles
from control.planner.system import fixed_in, upstream_version
from control.support import Table
from onhost.lease import LONGEST_WAIT_SECONDS
from tests.unit.planner.conftest import SNAPSHOTS, Make, ids, snapshot, wishes

RX6600 = "debian-12-rx6600"
SIMULATED = "debian-13-rx6600-simulated"


def taken(process: str | None = "nginx", address: str = "0.0.0.0") -> Any:
    def edit(host: dict[str, Any]) -> None:
        row = {"address": address, "port": 11434, "proto": "tcp", "process": process, "pid": 42, "container": None}
        host["ports"].append(row)

    return edit


def publishing(name: str) -> Any:
    def edit(host: dict[str, Any]) -> None:
        published = [{"address": "127.0.0.1", "host_port": 11434, "container_port": 11434, "proto": "tcp"}]
        host["engine"] = {
            "present": True,
            "version": "28.5.2",
            "containers": [{"name": name, "image": "x", "state": "running", "ports": published}],
        }

    return edit


@pytest.mark.parametrize("sample", sorted(path.stem for path in SNAPSHOTS.glob("*.json")))
def test_every_recorded_host_gets_a_plan_that_is_plain_data_and_always_the_same(make: Make, sample: str) -> None:
    first, second = make(sample).as_dict(), make(sample).as_dict()
    assert json.loads(json.dumps(first)) == second
    assert first["schema"] == 1
    assert set(first) == {
        *("schema", "host", "system", "simulated", "gpus", "decisions", "findings", "cost", "boot", "needs_urls", "models"),
        "roles",
    }


def test_what_is_fetched_is_told_thing_by_thing(make: Make) -> None:
    cost = make("ubuntu-24.04-rx7900xtx", rocm_stream="classic", rocm_packages="full").cost
    sizes = {one["name"]: one["download_bytes"] for one in cost["items"]}
    assert sum(sizes.values()) == cost["download_bytes"]
    assert sizes["ROCm 7.2.4 (full)"] > 10 * sizes["python3-venv"] > 0


def test_the_planner_changes_nothing_that_it_is_given(table: Table) -> None:
    host, wanted = snapshot(RX6600), wishes()
    before = copy.deepcopy((host, wanted))
    planner.plan(host, wanted, table, "gpu01")
    assert (host, wanted) == before


def test_every_decision_has_a_reason_and_a_rule(make: Make) -> None:
    for decision in make(RX6600).decisions:
        assert decision.reason
        assert decision.choice
        assert "." in decision.rule


def test_an_unknown_system_is_refused_with_the_nearest_and_nothing_else_is_planned(make: Make) -> None:
    plan = make("alpine")
    assert ids(plan) == ["GH-OS-UNSUPPORTED"]
    assert "Debian 13" in plan.findings[0].next
    assert (plan.system, plan.roles, plan.needs_urls) == (None, {}, [])


def test_a_newer_release_is_refused_with_the_newest_that_is_known(make: Make) -> None:
    plan = make("ubuntu-24.04-rx7900xtx", lambda host: host["os"].update(version_id="28.04"))
    assert "Ubuntu 26.04" in plan.findings[0].next


def test_a_derivative_is_pointed_to_what_it_is_like(make: Make) -> None:
    plan = make(RX6600, lambda host: host["os"].update(id="pop", version_id="22.04", id_like="ubuntu debian"))
    assert "Ubuntu" in plan.findings[0].next


def test_a_host_without_systemd_is_refused(make: Make) -> None:
    assert "GH-INIT" in ids(make(RX6600, lambda host: host["kernel"].update(init="sh")), "refuse")


def test_a_container_is_remarked_and_not_refused(make: Make) -> None:
    plan = make(RX6600, lambda host: host["kernel"].update(container="lxc"))
    assert ids(plan, "refuse") == []
    assert "GH-CONTAINER-HOST" in ids(plan, "note")
    assert plan.roles["amdgpu"]["load"] is False


def test_a_part_that_could_not_be_read_is_refused_by_name(make: Make) -> None:
    plan = make(RX6600, lambda host: host.update(ports={"error": "no permission"}))
    (finding,) = [one for one in plan.findings if one.id == "GH-SNAPSHOT-PART"]
    assert finding.seen == "ports: no permission"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::"])
def test_a_taken_port_is_refused_with_its_holder_and_a_free_one(make: Make, address: str) -> None:
    (finding,) = [one for one in make(RX6600, taken(address=address)).findings if one.id == "GH-PORT-TAKEN"]
    assert "nginx (process 42)" in finding.seen
    assert "services_ports: {ollama: 11435}" in finding.next


@pytest.mark.parametrize(
    ("edits", "wish"),
    [
        ((taken(address="192.168.1.9"),), {}),
        ((taken(),), {"services_ports": {"ollama": 21434}}),
        ((taken(),), {"services_enabled": ["jupyter"]}),
        ((taken("docker-proxy"), publishing("gpuhost-ollama")), {}),
    ],
    ids=["another address", "moved", "not wanted", "our own container"],
)
def test_a_port_in_no_ones_way_is_let_be(make: Make, edits: Any, wish: Any) -> None:
    assert "GH-PORT-TAKEN" not in ids(make(RX6600, *edits, **wish))


def test_a_container_of_ours_that_is_stopped_holds_no_port(make: Make) -> None:
    def stopped(host: dict[str, Any]) -> None:
        host["engine"]["containers"][0]["state"] = "exited"

    assert "GH-PORT-TAKEN" in ids(make(RX6600, taken(), publishing("gpuhost-ollama"), stopped))


def test_who_holds_a_port_is_not_guessed_where_only_root_could_tell(make: Make) -> None:
    def as_a_user(host: dict[str, Any]) -> None:
        host["ports"][-1].update(process=None, pid=None)
        host["engine"].update(containers=[], error="permission denied")
        host.update(as_root=False, needs_root=["engine", "ports.process"])

    assert "GH-PORT-TAKEN" not in ids(make(RX6600, taken(), as_a_user))


def test_somebody_elses_container_on_the_port_is_named(make: Make) -> None:
    plan = make(RX6600, taken("docker-proxy"), publishing("ollama"))
    (finding,) = [one for one in plan.findings if one.id == "GH-PORT-TAKEN"]
    assert "the container ollama" in finding.seen


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        ({"services_bind_address": "0.0.0.0"}, "GH-PORT-OPEN"),
        ({"services_bind_address": "::"}, "GH-PORT-OPEN"),
        ({"services_bind_address": "localhost"}, "GH-INPUT-TYPE"),
        ({"services_ports": {"ollama": 0}}, "GH-INPUT-PORT"),
        ({"services_ports": {"ollama": 8888}}, "GH-INPUT-PORT"),
        ({"gpu_access_users": ["nobody-here"]}, "GH-INPUT-UNKNOWN-USER"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(make: Make, wish: Any, finding: str) -> None:
    assert finding in ids(make(RX6600, **wish), "refuse")


@pytest.mark.parametrize(("seconds", "usable"), [(-1, False), (0, False), (1, True), (480, True), (481, False)])
def test_a_service_has_time_to_answer_and_no_more_than_its_run_may_be_silent(make: Make, seconds: int, usable: bool) -> None:
    plan = make(RX6600, services_healthy_timeout=seconds)
    found = [one.seen for one in plan.findings if one.id == "GH-INPUT-TIMEOUT" and one.level == "refuse"]
    assert found == ([] if usable else [f"services_healthy_timeout is {seconds}, must be from 1 to 480"])


def test_what_a_site_reads_of_the_time_to_answer_has_its_limit() -> None:
    assert f"from 1 to {LONGEST_WAIT_SECONDS}" in roles.variables()["services_healthy_timeout"]["description"]


def disks(**free_gb: float) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["disk"] = [
            {"mount": mount, "device": "x", "fstype": "ext4", "total_bytes": 10**12, "free_bytes": int(free * 1e9)}
            for mount, free in free_gb.items()
        ]

    return edit


@pytest.mark.parametrize(
    ("free", "mounts"),
    [
        ({"/": 200}, []),
        ({"/": 50}, ["/"]),
        ({"/": 200, "/var": 10}, ["/var"]),
        ({"/": 50, "/var/lib/docker": 200}, []),
        ({"/": 50, "/var": 5, "/var/lib/docker": 200}, []),
        ({"/": 200, "/opt": 1, "/srv": 1}, ["/opt", "/srv"]),
    ],
)
def test_each_disk_is_asked_for_what_ends_up_on_it(make: Make, free: Any, mounts: Any) -> None:
    plan = make(RX6600, disks(**free))
    found = [one.seen.split()[0] for one in plan.findings if one.id == "GH-DISK-SMALL"]
    assert sorted(found) == mounts


def test_what_is_there_already_is_neither_fetched_nor_counted(make: Make) -> None:
    def converged(host: dict[str, Any]) -> None:
        plan = make(RX6600)
        for part in plan.roles.values():
            for name in part.get("packages", []):
                host["packages"][name] = {"version": "1", "origin": None}
        host["engine"] = {
            "present": True,
            "version": "28.5.2",
            "containers": [
                {"name": one["name"], "image": one["image"], "state": "running", "ports": []}
                for one in plan.roles["services"]["containers"]
            ],
        }
        torch = {"version": "2.14.0+rocm10.1.0", "hip": "x", "cuda": None}
        host["venvs"] = [{"path": "/opt/gpuhost/torch", "python": "3.11", "torch": torch}]

    plan = make(RX6600, converged, disks(**{"/": 1}))
    assert plan.cost == {"download_bytes": 0, "disk_bytes": 0, "reboot": False, "items": []}
    assert plan.needs_urls == []
    assert ids(plan, "refuse") == []


def test_a_lab_host_is_asked_for_the_room_of_the_stand_ins(make: Make) -> None:
    def real(host: dict[str, Any]) -> None:
        host["simulated"] = False

    assert make(SIMULATED).cost["disk_bytes"] < make(SIMULATED, real).cost["disk_bytes"] / 4


def test_what_has_to_be_reached_is_the_sites_own_where_it_has_one(make: Make) -> None:
    plan = make(
        RX6600,
        sources_apt_url="https://mirror/debian",
        sources_apt_key="key.asc",
        sources_registry_mirrors=["https://mirror:5000"],
        sources_python_index="https://mirror/simple",
        sources_torch_index="https://mirror/torch/",
    )
    assert plan.needs_urls == [
        "https://mirror/debian/dists/bookworm/Release",
        "https://mirror:5000/v2/",
        "https://mirror/torch/",
        "https://mirror/simple/",
    ]
    assert plan.roles["container_engine"]["daemon"]["registry-mirrors"] == ["https://mirror:5000"]
    assert plan.roles["sources"]["apt"]["suite"] == "bookworm"


def test_the_release_file_asked_for_is_the_systems_own_and_not_a_vendors(make: Make) -> None:
    assert make("ubuntu-22.04-rx6700xt-classic").needs_urls[0].startswith("http://archive.ubuntu.com/")


@pytest.mark.parametrize(
    ("kind", "finding"),
    [
        ("dns", "GH-NET-DNS"),
        ("tls", "GH-NET-TLS"),
        ("refused", "GH-NET-REFUSED"),
        ("timeout", "GH-NET-TIMEOUT"),
        ("http", "GH-NET-HTTP"),
        ("signature", "GH-APT-SIGNATURE"),
    ],
)
def test_an_address_that_is_not_reached_is_refused_and_named(make: Make, kind: str, finding: str) -> None:
    def unreached(host: dict[str, Any]) -> None:
        good = {"url": "https://good/", "ok": True, "error": None, "kind": None}
        host["network"] = [good, {"url": "https://bad/", "ok": False, "error": "why", "kind": kind}]

    plan = make(RX6600, unreached)
    assert ids(plan, "refuse") == [finding]
    assert plan.findings[0].seen == "https://bad/: why"


def test_certificates_with_one_name_get_two(make: Make) -> None:
    part = make(RX6600, sources_ca_certificates=["/a/site ca.crt", "/b/site ca.crt"]).roles["sources"]
    assert [one["name"] for one in part["ca_certificates"]] == ["site-ca", "site-ca-2"]


def test_a_site_with_authorities_gets_what_makes_a_trust_store_of_them(make: Make) -> None:
    def without(host: dict[str, Any]) -> None:
        host["packages"].pop("ca-certificates", None)

    plan = make(RX6600, without, sources_ca_certificates=["/a/site.crt"])
    assert plan.roles["sources"]["packages"] == ["ca-certificates"]
    assert "ca-certificates" in {item["name"] for item in plan.cost["items"]}
    assert make(RX6600, without).roles["sources"]["packages"] == []


@pytest.mark.parametrize(
    ("edit", "finding", "level"),
    [
        (lambda host: host["apt"].update(locked_by="unattended-upgr (812)"), "GH-APT-BUSY", "warn"),
        (lambda host: host["apt"].update(interrupted=True, unfinished=["x: half"]), "GH-DPKG-UNFINISHED", "warn"),
        (lambda host: host["memory"].update(total_bytes=2_000_000_000), "GH-MEMORY-LOW", "warn"),
        (lambda host: host["engine"].update(version="20.10.24"), "GH-ENGINE-OLD", "note"),
    ],
)
def test_what_does_not_stop_a_run_is_said_and_refuses_nothing(make: Make, edit: Any, finding: str, level: str) -> None:
    plan = make(RX6600, edit)
    assert finding in ids(plan, level)
    assert ids(plan, "refuse") == []


def test_the_user_who_logs_in_gets_access_and_root_needs_none(make: Make) -> None:
    members = make(RX6600).roles["gpu_access"]["members"]
    assert members == [{"user": "ada", "group": "render"}, {"user": "ada", "group": "video"}]
    assert make(RX6600, lambda host: host.update(login_user="root")).roles["gpu_access"]["members"] == []


@pytest.mark.parametrize(
    ("release", "version", "upstream"),
    [
        ("6.1.0-28-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)", "6.1.119"),
        ("6.12.57+deb13-amd64", "#1 SMP PREEMPT_DYNAMIC", "6.12.57"),
        ("6.8.0-49-generic", "#49-Ubuntu SMP PREEMPT_DYNAMIC", None),
    ],
)
def test_a_kernels_upstream_version_is_read_where_it_can_be_told(release: str, version: str, upstream: Any) -> None:
    assert upstream_version(release, version) == (Version(upstream) if upstream else None)


FIXED = ["5.10.252", "6.1.165", "6.12.75", "7.0"]


@pytest.mark.parametrize(
    ("version", "fix"),
    [
        ("4.9.1", None),
        ("5.10.251", "5.10.252"),
        ("5.10.252", None),
        ("6.1.119", "6.1.165"),
        ("6.5.1", "6.12.75"),
        ("6.12.80", None),
        ("6.14.2", "7.0"),
        ("7.1.0", None),
    ],
)
def test_a_hole_is_open_until_its_series_or_the_next_one_fixed_it(version: str, fix: Any) -> None:
    assert fixed_in(Version(version), "4.17", FIXED) == fix
