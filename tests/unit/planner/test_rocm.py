"""ROCm on the host: stream, release, packages, what gives way to it, and which driver it goes with."""

from __future__ import annotations

from typing import Any

import pytest

from control.planner import compat
from control.support import Table
from tests.unit.planner.conftest import Make, ids, rules

RX6600 = "debian-12-rx6600"
JAMMY = "ubuntu-22.04-rx6600"
XTX = "ubuntu-24.04-rx7900xtx"
#: ROCm 6.2.4 of AMD's under its driver of the same number.
CLASSIC = "ubuntu-22.04-rx6700xt-classic"


def rocm(plan: Any, *fields: str) -> Any:
    part = plan.roles["rocm"]
    return part[fields[0]] if len(fields) == 1 else tuple(part[name] for name in fields)


def found(plan: Any, finding_id: str) -> Any:
    (one,) = [one for one in plan.findings if one.id == finding_id]
    return one


def choice(plan: Any, rule: str) -> str:
    return next(str(one.choice) for one in plan.decisions if one.rule == rule)


def dkms(module: str, package: str = "") -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["kernel"]["modules"]["amdgpu"].update(loaded=True, in_tree=False, version=module)
        host["packages"]["amdgpu-dkms"] = {"version": package, "origin": "amd.com"}

    return edit


def installed(**packages: str) -> Any:
    def edit(host: dict[str, Any]) -> None:
        host["packages"].update({name.replace("_", "-"): {"version": v, "origin": None} for name, v in packages.items()})

    return edit


def vendor(prefix: str, version: str, source: str) -> Any:
    return lambda host: host.update(rocm=[{"prefix": prefix, "version": version, "source": source}])


def sealed(*names: str) -> Any:
    def edit(host: dict[str, Any]) -> None:
        items = {f"package:{name}": {"kind": "package", "sealed": "1", "now": "1", "ok": True} for name in names}
        host["seals"]["rocm"] = {"input": "x", "sealed_at": "2026-11-22T12:00:00Z", "items": items, "stand_ins": []}

    return edit


@pytest.mark.parametrize(
    ("sample", "wish", "stream", "packages", "rule"),
    [
        (RX6600, "auto", "distro", ["rocminfo", "rocm-smi"], "rocm.distro"),
        (JAMMY, "auto", "distro", ["rocminfo"], "rocm.distro"),
        (CLASSIC, "auto", "none", [], "rocm.keep"),
        (RX6600, "none", "none", [], "rocm.none"),
        ("debian-13-nogpu", "auto", "none", [], "rocm.no-gpu"),
        (RX6600, "distro", "distro", ["rocminfo", "rocm-smi"], "rocm.newest"),
    ],
)
def test_without_a_word_what_works_stays_and_else_the_distributions_tools_come(
    make: Make, sample: str, wish: str, stream: str, packages: Any, rule: str
) -> None:
    plan = make(sample, rocm_stream=wish)
    assert rocm(plan, "stream", "packages") == (stream, packages)
    assert rocm(plan, "repositories", "linker") == ([], False)
    assert rule in rules(plan)
    assert plan.roles["verify"]["expected"]["rocm"] == {"stream": stream, "tools": packages}


def test_the_part_has_the_fields_of_the_contract_and_no_others(make: Make) -> None:
    fields = {"stream", "version", "level", "packages", "repositories", "remove", "prefix", "linker", "leftovers"}
    for wish in ("auto", "distro", "classic", "core", "none"):
        assert set(make(XTX, rocm_stream=wish).roles["rocm"]) == fields


@pytest.mark.parametrize(
    ("stream", "version", "release", "prefix", "names", "address"),
    [
        ("classic", "", "7.2.4", "/opt/rocm-7.2.4", ["rocm-hip-runtime"], "https://repo.radeon.com/rocm/apt/7.2.4"),
        ("classic", "7.2.0", "7.2.0", "/opt/rocm-7.2.0", ["rocm-hip-runtime"], "https://repo.radeon.com/rocm/apt/7.2"),
        ("core", "10.0.0", "10.0.0", "/opt/rocm/core-10.0", ["amdrocm10.0-gfx1100"], "/core/packages/ubuntu2404"),
        ("core", "7.14.1", "7.14.1", "/opt/rocm/core-7.14", ["amdrocm7.14-gfx1100"], "/packages-multi-arch/ubuntu2404"),
        ("auto", "7.2.4", "7.2.4", "/opt/rocm-7.2.4", ["rocm-hip-runtime"], "https://repo.radeon.com/rocm/apt/7.2.4"),
        ("auto", "10.1.0", "10.1.0", "/opt/rocm/core-10.1", ["amdrocm10.1-gfx1100"], "/core/packages/ubuntu2404"),
    ],
)
def test_both_of_amds_streams_by_release_prefix_packages_and_repository(
    make: Make, stream: str, version: str, release: str, prefix: str, names: list[str], address: str
) -> None:
    plan = make(XTX, rocm_stream=stream, rocm_version=version)
    assert ids(plan, "refuse") == []
    assert rocm(plan, "version", "prefix", "level") == (release, prefix, "runtime")
    assert set(names) <= set(rocm(plan, "packages"))
    assert rocm(plan, "repositories")[0]["url"].endswith(address)
    assert len(rocm(plan, "repositories")[0]["key"]["fingerprint"]) == 40
    assert choice(plan, f"rocm.link.{rocm(plan, 'stream')}").endswith(prefix)


@pytest.mark.parametrize(("version", "folder"), [("7.2.2", "7.2.1"), ("7.2.3", "7.2.3")])
def test_graphics_libraries_come_from_the_release_that_amd_takes_them_from(make: Make, version: str, folder: str) -> None:
    places = {one["name"]: one["url"] for one in rocm(make(XTX, rocm_version=version), "repositories")}
    assert places["rocm"].endswith(f"/rocm/apt/{version}")
    assert places["graphics"] == f"https://repo.radeon.com/graphics/{folder}/ubuntu"


def test_a_target_that_amd_does_not_package_alone_gets_the_package_for_all(make: Make) -> None:
    plan = make("ubuntu-24.04-rx6600-plus-igpu", rocm_stream="core", rocm_version="10.1.0")
    assert rocm(plan, "packages")[0] == "amdrocm10.1"


def test_full_brings_what_compiles(make: Make) -> None:
    part = make(XTX, rocm_stream="classic", rocm_packages="full").roles["rocm"]
    assert (part["level"], part["packages"]) == ("full", ["rocm"])


def test_only_the_older_stream_leaves_the_linker_to_us(make: Make) -> None:
    assert [rocm(make(XTX, rocm_stream=one), "linker") for one in ("classic", "core", "distro")] == [True, False, False]


def test_amds_newest_is_the_newest_of_its_stream(make: Make, table: Table) -> None:
    for stream in ("classic", "core"):
        assert rocm(make(XTX, rocm_stream=stream), "version") == table.rocm_rows(stream, "ubuntu-24.04")[0].version


@pytest.mark.parametrize(
    ("wish", "finding", "near"),
    [
        ({"rocm_stream": "classic", "rocm_version": "10.0.0"}, "GH-ROCM-VERSION", "rocm_stream: core"),
        ({"rocm_stream": "core", "rocm_version": "9.0.0"}, "GH-ROCM-VERSION", "rocm_version: 10.1.0"),
        ({"rocm_version": "7.2.9"}, "GH-ROCM-VERSION", "rocm_version: "),
        ({"rocm_stream": "distro", "rocm_version": "9.9"}, "GH-ROCM-VERSION", "rocm_version: "),
        ({"rocm_version": "seven"}, "GH-INPUT-TYPE", "rocm_version"),
    ],
)
def test_a_release_that_the_system_does_not_have_is_refused_with_the_nearest(
    make: Make, wish: Any, finding: str, near: str
) -> None:
    one = found(make(XTX, **wish), finding)
    assert one.level == "refuse"
    assert near in one.next


def test_a_stream_that_the_system_does_not_have_is_refused_with_one_that_it_has(make: Make) -> None:
    def newer(host: dict[str, Any]) -> None:
        host["os"].update(version_id="26.04", version_codename="resolute")

    one = found(make(XTX, newer, rocm_stream="classic"), "GH-ROCM-NONE")
    assert "rocm_stream: core, rocm_version: " in one.next
    assert rocm(make(XTX, newer), "stream") == "distro"


def old_card(host: dict[str, Any]) -> None:
    host["gpus"][0].update(device_id="67df", revision="e7", gfx="gfx803")


def test_a_gpu_that_no_release_has_kernels_for_is_refused(make: Make) -> None:
    one = found(make(XTX, old_card, rocm_stream="core"), "GH-ROCM-TARGET")
    assert "gfx803" in one.seen
    assert ids(make(XTX, old_card), "refuse") == []


def test_a_gpu_that_runs_a_siblings_kernels_gets_those_and_is_told_what_each_program_needs(make: Make) -> None:
    plan = make(JAMMY, rocm_stream="classic", rocm_version="7.2.4")
    assert rocm(plan, "version") == "7.2.4"
    assert choice(plan, "override.rocm") == "each program sets 10.3.0 for itself"
    reason = next(one.reason for one in plan.decisions if one.topic == "rocm")
    assert "gfx1032 is not in AMD's list" in reason


# Ranges: ROCm's user and kernel space compatibility matrix; numbers of the driver: AMD's post-install documents.
@pytest.mark.parametrize(
    ("module", "package", "version"),
    [
        ("6.16.13", "1:6.16.13.30300400-2341068.24.04", "30.30.4"),
        ("6.8.5", "1:6.8.5.60204-2041575.22.04", "6.2.4"),
        ("7.1.9.31600000", "", "31.60.0"),
        ("6.14.14", "", "30.10.0"),
        ("6.3.6", "1:6.3.6.60002-1718217.22.04", "6.0.2"),
        ("6.0.5", "1:6.0.5.50501-1593694.22.04", "5.5.1"),
        ("6.8.5", "1:6.16.13.30300400-2341068.24.04", "6.2.0"),
        ("strange", "", None),
    ],
)
def test_amds_release_of_the_driver_is_read_from_module_and_package(
    make: Make, table: Table, monkeypatch: pytest.MonkeyPatch, module: str, package: str, version: Any
) -> None:
    seen: list[compat.AtWork] = []
    real = compat.driver_at_work

    def watched(ctx: Any) -> compat.AtWork:
        seen.append(real(ctx))
        return seen[-1]

    monkeypatch.setattr(compat, "driver_at_work", watched)
    make(XTX, dkms(module, package), rocm_stream="core", amdgpu_driver="none")
    assert {(one.kind, one.version) for one in seen} == {("dkms", version)}


def test_rocm_that_the_driver_does_not_go_with_is_refused_with_both_ways_out(make: Make) -> None:
    one = found(
        make(XTX, dkms("6.8.5", "1:6.8.5.60204-2041575.24.04"), amdgpu_driver="none", rocm_version="10.1.0"),
        "GH-ROCM-DRIVER",
    )
    assert "ROCm 10.1.0 and AMD's driver 6.2.4" in one.seen
    # Not 31.60.0, the newest: it has a caution.
    assert "amdgpu_driver: dkms, amdgpu_driver_version: 31.50.0" in one.next
    assert "rocm_stream: classic, rocm_version: " in one.next


def test_without_a_release_named_the_newest_that_the_driver_goes_with_is_taken(make: Make) -> None:
    older = dkms("6.8.5", "1:6.8.5.60204-2041575.24.04")
    version = rocm(make(XTX, older, amdgpu_driver="none", rocm_stream="classic"), "version")
    assert version not in ("7.2.4", None)
    assert rocm(make(XTX, rocm_stream="classic"), "version") == "7.2.4"


def test_what_is_installed_and_does_not_go_together_is_a_warning_and_stays(make: Make) -> None:
    def old_driver(host: dict[str, Any]) -> None:
        host["rocm"][0].update(prefix="/opt/rocm-7.2.4", version="7.2.4")

    plan = make(CLASSIC, old_driver, amdgpu_driver="none")
    assert found(plan, "GH-ROCM-MISMATCH").level == "warn"
    assert "rocm.keep" in rules(plan)
    assert "GH-ROCM-MISMATCH" not in ids(make(CLASSIC))


def test_what_gpuhost_installed_stays_gpuhosts_without_a_word(make: Make) -> None:
    there = vendor("/opt/rocm-7.2.4", "7.2.4", "classic")
    plan = make(XTX, there, sealed("rocm-hip-runtime", "rocminfo"))
    assert rocm(plan, "stream", "version") == ("classic", "7.2.4")
    assert "rocm.keep-own" in rules(plan)
    assert rocm(make(XTX, there), "stream") == "none"


HIP = {"rocm_core": "7.2.4.70204-93~24.04", "hip_runtime_amd": "7.2.5.70204-93~24.04", "rocminfo": "1.0.0.70204-93~24.04"}
DRIVER = {"amdgpu_dkms": "1:6.16.13.30300400-2341068.24.04", "amdgpu_core": "1:7.2.70204-2341068.24.04"}
CORE = {"amdrocm10.0-gfx1100": "10.0.0-4", "amdrocm-runtime10.0": "10.0.0-4", "amdrocm-amdsmi": "27.0.0-4"}


@pytest.mark.parametrize(
    ("edits", "wish", "remove", "why"),
    [
        # AMD: uninstall 7.2.4 and older before the Core SDK; the driver is no part of it.
        ((installed(**HIP, **DRIVER),), {"rocm_stream": "core"}, ["hip-runtime-amd", "rocm-core", "rocminfo"], "exclude"),
        ((installed(**CORE),), {"rocm_stream": "classic"}, sorted(CORE), "exclude"),
        # Another release of the older stream, up or down.
        ((installed(**HIP),), {"rocm_version": "7.1.1"}, ["hip-runtime-amd", "rocm-core", "rocminfo"], "before 7.1.1"),
        ((installed(**HIP),), {"rocm_version": "7.2.4"}, [], ""),
        # The distribution's rocminfo has the higher number and would win (legacy-rocm-build#3656).
        ((installed(rocminfo="5.7.1-3build1"),), {"rocm_version": "7.2.4"}, ["rocminfo"], "would hide AMD's"),
        ((installed(rocminfo="5.7.1-3build1"),), {"rocm_stream": "core"}, [], ""),
        ((installed(rocminfo="5.7.1-3build1"), sealed("rocminfo")), {"rocm_stream": "core"}, ["rocminfo"], "would hide"),
        # Releases of the Core SDK stand side by side: only gpuhost's own older one goes.
        ((installed(**CORE),), {"rocm_version": "10.1.0"}, [], ""),
        ((installed(**CORE), sealed("amdrocm10.0-gfx1100")), {"rocm_version": "10.1.0"}, sorted(CORE)[1:], "was gpuhost's"),
        ((installed(**HIP),), {"rocm_stream": "distro"}, ["hip-runtime-amd", "rocm-core", "rocminfo"], "names of both"),
        ((installed(**HIP),), {"rocm_stream": "none"}, [], ""),
        ((installed(**HIP), vendor("/opt/rocm-7.2.4", "7.2.4", "classic")), {}, [], ""),
    ],
)
def test_what_cannot_stand_beside_the_wanted_rocm_goes_first_and_is_told(
    make: Make, edits: Any, wish: Any, remove: list[str], why: str
) -> None:
    plan = make(XTX, *edits, **wish)
    assert rocm(plan, "remove") == remove
    reasons = [one.reason for one in plan.decisions if one.rule == "rocm.replace"]
    assert [why in one for one in reasons] == ([True] if remove else [])


def test_packages_of_others_that_go_are_a_warning_and_gpuhosts_own_are_not(make: Make) -> None:
    assert "GH-ROCM-REPLACES" in ids(make(XTX, installed(**HIP), rocm_stream="core"), "warn")
    own = sealed("rocm-core", "hip-runtime-amd", "rocminfo")
    assert "GH-ROCM-REPLACES" not in ids(make(XTX, installed(**HIP), own, rocm_stream="core"))


LEFT = [
    {
        "path": "/etc/apt/sources.list.d/rocm.list",
        "kind": "source",
        "text": "deb [arch=amd64 signed-by=/etc/apt/keyrings/rocm.gpg] https://repo.radeon.com/rocm/apt/6.2 jammy main",
    },
    {
        "path": "/etc/apt/sources.list.d/amdgpu.list",
        "kind": "source",
        "text": "deb https://repo.radeon.com/amdgpu/6.2/ubuntu jammy main",
    },
    {"path": "/etc/apt/preferences.d/rocm-pin-600", "kind": "pin", "text": "Pin: release o=repo.radeon.com"},
    {"path": "/etc/apt/keyrings/rocm.gpg", "kind": "key", "text": ""},
    {"path": "/etc/ld.so.conf.d/rocm.conf", "kind": "linker", "text": "/opt/rocm/lib"},
]
CLEANED = ["/etc/apt/sources.list.d/rocm.list", "/etc/apt/preferences.d/rocm-pin-600", "/etc/ld.so.conf.d/rocm.conf"]


@pytest.mark.parametrize(
    ("edits", "wish", "cleaned"),
    [
        ((), {"rocm_stream": "classic"}, CLEANED),
        ((), {"rocm_stream": "core"}, CLEANED),
        ((), {}, CLEANED),
        ((vendor("/opt/rocm-6.2.0", "6.2.0", "classic"),), {}, []),
        ((), {"rocm_stream": "none"}, []),
    ],
    ids=["classic", "core", "nothing of AMD's left", "AMD's stays", "not asked for"],
)
def test_what_older_installers_left_is_cleaned_where_it_is_in_the_way_or_of_no_use(
    make: Make, edits: Any, wish: Any, cleaned: list[str]
) -> None:
    plan = make(XTX, lambda host: host.update(leftovers=LEFT), *edits, **wish)
    assert [one["path"] for one in rocm(plan, "leftovers")] == cleaned
    assert ("rocm.leftovers" in rules(plan)) is bool(cleaned)


def test_what_has_to_be_reached_is_amds_or_the_sites_mirror(make: Make) -> None:
    urls = make(XTX, rocm_version="7.2.4").needs_urls
    assert "https://repo.radeon.com/rocm/apt/7.2.4/dists/noble/Release" in urls
    assert "https://repo.radeon.com/rocm/rocm.gpg.key" in urls
    mirrored = make(
        XTX,
        rocm_version="10.0.0",
        sources_amd_core_url="https://mirror/core",
        sources_amd_key="amd.asc",
        sources_amd_key_fingerprint="D0F0 04A0 025A 1145 C780 7FCD 0701 EAC4 D5E0 2107",
    )
    assert "https://mirror/core/ubuntu2404/dists/stable/Release" in mirrored.needs_urls
    assert not any("amd.com" in url and "whl" not in url for url in mirrored.needs_urls)


def test_the_plan_stays_the_same_once_it_is_carried_out(make: Make) -> None:
    wish = {"rocm_stream": "core", "rocm_version": "10.1.0"}
    first = make(XTX, **wish).roles["rocm"]
    names = [name for name in first["packages"] if name.startswith("amdrocm")]
    done = installed(**dict.fromkeys(names, "10.1.0-2"))
    assert make(XTX, done, vendor("/opt/rocm/core-10.1", "10.1.0", "core"), sealed(*names), **wish).roles["rocm"] == first


# -- what programs ask of the driver --


@pytest.mark.parametrize(
    ("sample", "edits", "finding", "level"),
    [
        (CLASSIC, (), "GH-DRIVER-FLOOR", "warn"),
        (XTX, (dkms("6.16.13", "1:6.16.13.30300400-2341068.24.04"),), None, ""),
        (RX6600, (), "GH-DRIVER-INBOX-OLDER", "note"),
        (XTX, (lambda host: host["kernel"].update(release="6.17.0-20-generic"),), None, ""),
        ("debian-13-rx6600-simulated", (), None, ""),
    ],
)
def test_a_driver_older_than_an_image_asks_for_is_told_before_it_hangs(
    make: Make, sample: str, edits: Any, finding: Any, level: str
) -> None:
    plan = make(sample, *edits, amdgpu_driver="none")
    known = ("GH-DRIVER-FLOOR", "GH-DRIVER-INBOX-OLDER")
    assert {(one.id, one.level) for one in plan.findings if one.id in known} == ({(finding, level)} if finding else set())


def test_the_floor_names_program_release_and_the_release_to_take(make: Make) -> None:
    one = found(make(CLASSIC, amdgpu_driver="none"), "GH-DRIVER-FLOOR")
    assert one.seen == "Ollama asks for driver 30.10 or newer; here is 6.2.4"
    assert "amdgpu_driver: dkms, amdgpu_driver_version: 31.50.0" in one.next
