"""What can be wrong with a kernel module, and what is said of it; the rows are run by test_sentences.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.checks import healthy
from tests.unit.checks.changes import Change, Row, Unknown
from verify.checks import CHECKS
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, settle

Seen = dict[str, Any]
NOT_LOADED: dict[str, Any] = {"loaded": False, "srcversion": None, "version": None, "in_tree": None}
UNSIGNED = {"signer": None, "signer_serial": None}
#: Debian's kernel 6.12 with module.sig_enforce=1: the line names no module.
REJECTED = {"module": None, "why": "Loading of unsigned module is rejected"}
NO_KEY = {"module": None, "why": "Loading of module with unavailable key is rejected"}
LOCKED = {"module": None, "why": "Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7"}
VERMAGIC = {"module": "amdgpu", "why": "amdgpu: version magic '6.12.57+deb13-amd64 SMP' should be '6.12.48+deb13-amd64 SMP'"}
BUILT = "driver.6-12-57-deb13-amd64.built"


def module(file: dict[str, Any] | None = None, **changes: Any) -> Change:
    """Of the module that runs, and of its file for the running kernel."""

    def change(seen: Seen) -> None:
        seen["modules"]["amdgpu"].update(changes)
        own = next(row for row in seen["modules"]["amdgpu"]["files"] if row["release"] == healthy.KERNEL)
        own.update(file or {})

    return change


def refused(
    *lines: dict[str, Any], key: dict[str, Any] | None = None, file: dict[str, Any] | None = None, **changes: Any
) -> Change:
    """The kernel said no: not loaded, and its log has the lines."""

    def change(seen: Seen) -> None:
        module(file, **NOT_LOADED)(seen)
        seen["rejected"] = list(lines)
        seen["signing"]["keys"] = [healthy.mok_key(**(key or {}))]
        seen["signing"].update(changes.get("signing", {}))
        seen.update({name: value for name, value in changes.items() if name != "signing"})

    return change


def newer(dkms: list[dict[str, Any]] | None = None, files: list[dict[str, Any]] | None = None) -> Change:
    """Of the kernel that boots next: its row in DKMS's list, and its file."""

    def change(seen: Seen) -> None:
        seen["dkms"] = [healthy.dkms_row(healthy.KERNEL), *(seen["dkms"][1:] if dkms is None else dkms)]
        if files is not None:
            seen["modules"]["amdgpu"]["files"] = [*files, healthy.module_file(healthy.KERNEL)]

    return change


def not_chosen(seen: Seen) -> None:
    """A kernel without the driver is there, and another one boots next."""
    newer([])(seen)
    seen["boot"]["next"] = healthy.KERNEL


def older_source_runs(seen: Seen) -> None:
    """Only the version that DKMS has for the running kernel is another."""
    seen["dkms"][0]["version"] = "6.14.14-2204008.24.04"


NEXT = healthy.NEWER
ROWS: list[Row] = [
    (
        "driver",
        refused(REJECTED, file=UNSIGNED, secure_boot="none", signing={"lockdown": "none"}),
        "driver.module.accepted",
        "The kernel refuses amdgpu: “Loading of unsigned module is rejected”. "
        "The kernel was started with module.sig_enforce=1, and this module is not signed.",
        "gpuhost up",
    ),
    (
        "driver",
        refused(NO_KEY, key={"enrolled": False}),
        "driver.module.accepted",
        "Secure Boot is on, and the key that signed it (“DKMS module signing key”) is not enrolled.",
        "sudo mokutil --import /var/lib/dkms/mok.pub",
    ),
    (
        "driver",
        refused(NO_KEY, key={"enrolled": False, "pending": True}),
        "driver.module.accepted",
        "waits to be enrolled",
        "“Enroll MOK” in the blue screen",
    ),
    (
        "driver",
        refused(NO_KEY, key={"serial": "77"}),
        "driver.module.accepted",
        "(“DKMS module signing key”) is not enrolled.",
        "gpuhost up",
    ),
    (
        "driver",
        refused(NO_KEY, key={"enrolled": False}, secure_boot="none", signing={"lockdown": "none", "shim": None}),
        "driver.module.accepted",
        "Without shim no key can be enrolled.",
        "without module.sig_enforce=1",
    ),
    (
        "driver",
        refused(LOCKED, file=UNSIGNED, secure_boot="off"),
        "driver.module.accepted",
        "The kernel is locked down (integrity), and this module is not signed.",
        "gpuhost up",
    ),
    (
        "driver",
        refused(VERMAGIC, secure_boot="off", signing={"enforced": False, "lockdown": "none"}),
        "driver.module.accepted",
        "It was built for another kernel.",
        "gpuhost up",
    ),
    ("driver", module(in_tree=True), "driver.module.source", "is the kernel's own, and the plan is for AMD's own", "Reboot"),
    (
        "driver",
        module(srcversion="0A1B2C"),
        "driver.module.current",
        "was installed anew (srcversion 9E1C07B5D2A4F86B30C4D7E) and the old module still runs (srcversion 0A1B2C)",
        "modprobe -r amdgpu",
    ),
    (
        "driver",
        lambda seen: seen["modules"]["amdgpu"]["files"].pop(),
        "driver.module.current",
        "has no amdgpu that could be loaded",
        "gpuhost up",
    ),
    (
        "driver",
        module(UNSIGNED),
        "driver.module.signed",
        "is not signed, and this kernel takes signed modules",
        "gpuhost up",
    ),
    (
        "driver",
        refused(NO_KEY, key={"enrolled": False}),
        "driver.module.signed",
        "is not enrolled",
        "mokutil --import",
    ),
    (
        "driver",
        newer([]),
        BUILT,
        f"{NEXT} boots next, and AMD's driver is not in place for it (not known to DKMS)",
        "make.log",
    ),
    ("driver", not_chosen, BUILT, f"{NEXT} may boot, and AMD's driver is not in place for it", "make.log"),
    ("driver", newer([healthy.dkms_row(None, "added")]), BUILT, f"({healthy.DKMS_VERSION} not built)", "make.log"),
    (
        "driver",
        newer([healthy.dkms_row(NEXT, "built")]),
        BUILT,
        f"({healthy.DKMS_VERSION} built, not in place)",
        "gpuhost up",
    ),
    (
        "driver",
        newer([healthy.dkms_row(None, "broken")]),
        BUILT,
        f"({healthy.DKMS_VERSION} without its source)",
        "gpuhost up",
    ),
    ("driver", newer([healthy.dkms_row(NEXT, version="6.14.14-1")]), BUILT, "(6.14.14-1 in place)", "gpuhost up"),
    ("driver", newer(None, []), BUILT, "in place, but modprobe takes nothing)", "gpuhost up"),
    (
        "driver",
        newer(None, [healthy.module_file(NEXT, file="kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz", in_tree=True)]),
        BUILT,
        "but modprobe takes kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz)",
        "gpuhost up",
    ),
    ("driver", newer(None, [healthy.module_file(NEXT, in_tree=None)]), BUILT, "could not be read", "gpuhost up"),
    ("driver", older_source_runs, "driver.6-12-48-deb13-amd64.built", f"{healthy.KERNEL} runs, and AMD's", "gpuhost up"),
    ("driver", newer([]), "driver.boot.next", f"The next boot starts {NEXT}, which does not have", "uname -r"),
    (
        "driver",
        lambda seen: seen["parameters"]["ttm"].update(pages_limit="3899904"),
        "driver.parameter.ttm-pages_limit",
        "has ttm.pages_limit at 3899904, and the plan needs 4194304",
        "Reboot",
    ),
    (
        "driver",
        lambda seen: seen.update(cmdline="root=UUID=5f2c ro quiet"),
        "driver.parameter.iommu",
        "has iommu not set, and the plan needs pt",
        "Reboot",
    ),
]


def unread_log(seen: Seen) -> None:
    module(**NOT_LOADED)(seen)
    seen["log_read"] = False


def unread_keys(seen: Seen) -> None:
    module(**NOT_LOADED)(seen)
    seen["signing"]["keys"] = [healthy.mok_key(enrolled=None)]


UNKNOWN: list[Unknown] = [
    ("driver", unread_log, "driver.module.accepted", "only root may read the kernel's log"),
    ("driver", unread_keys, "driver.module.signed", "the firmware's list of keys could not be read"),
    ("driver", module({"srcversion": None, "in_tree": None}), "driver.module.current", "it is cut short"),
    ("driver", lambda seen: seen["boot"].update(next=None), "driver.boot.next", "could not be told from the boot loader"),
]


def judged(seen: Seen, **changes: Any) -> dict[str, Result]:
    check = next(check for check in CHECKS if check.area == "driver")
    return {result.id: result for result in settle(check.judge(seen, healthy.expected() | changes))}


def inbox(seen: Seen) -> dict[str, Any]:
    """A healthy Debian with the kernel's own driver, and its plan: no `srcversion` anywhere."""
    own = {"srcversion": None, "version": None, "in_tree": True, "signer": None, "signer_serial": None}
    path = "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz"
    files = [{"release": release, "file": path, **own} for release in (healthy.NEWER, healthy.KERNEL)]
    seen["modules"]["amdgpu"].update(srcversion=None, version=None, in_tree=True, file=path, files=files)
    seen["dkms"] = []
    return {"driver": {"source": "inbox", "module": "amdgpu", "version": None, "kernels": [], "signed": False, "dkms": None}}


def test_the_kernels_own_driver_passes_without_any_srcversion() -> None:
    seen = healthy.seen("driver")
    results = judged(seen, **inbox(seen))
    assert {result.status for result in results.values()} == {PASS}
    assert not [id for id in results if id.endswith(".built")]


def test_a_driver_of_amds_that_came_in_the_kernels_place_is_not_what_was_planned() -> None:
    seen = healthy.seen("driver")
    plan = inbox(seen)
    seen["modules"]["amdgpu"]["in_tree"] = False
    seen["modules"]["amdgpu"]["files"][0].update(in_tree=False, file="updates/dkms/amdgpu.ko.xz")
    results = judged(seen, **plan)
    assert {id for id, result in results.items() if result.status == FAIL} == {
        "driver.module.source",
        "driver.module.current",
        "driver.boot.next",
    }


@pytest.mark.parametrize(
    "name", ["driver.module.loaded", "driver.module.source", "driver.kfd.gpus", "driver.0000-03-00-0.bound"]
)
def test_a_refused_module_is_the_one_cause_and_never_called_loaded(name: str) -> None:
    seen = healthy.seen("driver")
    refused(REJECTED, file=UNSIGNED)(seen)
    seen.update(nodes=[{"node": 0, "simd_count": 0}])
    seen["gpus"][0]["driver"] = None
    results = judged(seen)
    assert results["driver.module.accepted"].status == FAIL
    assert results[name].status == UNVERIFIABLE
    assert results[name].why.startswith(
        "follows from driver.module.accepted: The kernel refuses amdgpu: “Loading of unsigned"
    )


def test_a_line_that_names_no_module_says_nothing_of_the_kernels_own() -> None:
    seen = healthy.seen("driver")
    plan = inbox(seen)
    seen["modules"]["amdgpu"].update(NOT_LOADED)
    seen["rejected"] = [REJECTED]
    results = judged(seen, **plan)
    assert (results["driver.module.accepted"].status, results["driver.module.loaded"].status) == (PASS, FAIL)


@pytest.mark.parametrize("files", [None, []])
def test_a_line_that_names_no_module_says_nothing_of_one_that_the_kernel_would_take_or_that_is_not_there(
    files: list[Any] | None,
) -> None:
    seen = healthy.seen("driver")
    seen["modules"]["amdgpu"].update(NOT_LOADED, **({} if files is None else {"files": files}))
    seen["rejected"] = [NO_KEY]
    assert judged(seen)["driver.module.accepted"].status == PASS


def test_a_refusal_of_another_module_is_not_this_ones() -> None:
    seen = healthy.seen("driver")
    seen["modules"]["amdgpu"].update(NOT_LOADED)
    seen["rejected"] = [
        {"module": "vboxdrv", "why": "modprobe: ERROR: could not insert 'vboxdrv': Key was rejected by service"}
    ]
    assert judged(seen)["driver.module.accepted"].status == PASS


@pytest.mark.parametrize("line", [REJECTED, VERMAGIC])
def test_a_module_that_was_refused_once_and_is_loaded_now_is_taken(line: dict[str, Any]) -> None:
    seen = healthy.seen("driver")
    seen["rejected"] = [line]
    assert {result.status for result in judged(seen).values()} == {PASS}


def test_a_kernel_that_is_gone_need_not_have_the_driver() -> None:
    seen = healthy.seen("driver")
    newer([], [])(seen)
    seen["installed"] = seen["installed"][1:]
    seen["boot"]["next"] = healthy.KERNEL
    results = judged(seen)
    assert {result.status for result in results.values()} == {PASS}
    assert BUILT not in results


def test_the_next_kernels_missing_driver_is_told_once() -> None:
    seen = healthy.seen("driver")
    newer([], [])(seen)
    results = judged(seen)
    assert [id for id, result in results.items() if result.status == FAIL] == [BUILT]
    assert results["driver.boot.next"].why.startswith(f"follows from {BUILT}: ")


def test_a_simulated_gpu_on_a_real_kernel_leaves_the_module_to_be_judged() -> None:
    seen = healthy.seen("driver") | {"simulated": True}
    results = judged(seen)
    assert results["driver.module.loaded"].status == results[BUILT].status == PASS
    assert {results[id].status for id in ("driver.kfd.gpus", "driver.kfd.targets")} == {UNVERIFIABLE}


@pytest.mark.parametrize("change", [{"container": "docker"}, {"modules": {"amdgpu": {"loaded": True, "simulated": True}}}])
def test_on_a_simulated_kernel_nothing_passes(change: dict[str, Any]) -> None:
    seen = healthy.seen("driver") | {"simulated": True} | change
    assert {result.status for result in judged(seen).values()} == {UNVERIFIABLE}


def test_a_compute_node_of_the_cpu_is_no_gpu_also_where_none_is_planned() -> None:
    seen = healthy.seen("driver") | {"nodes": [{"node": 0, "simd_count": 0}], "gpus": []}
    result = judged(seen, gpus=[])["driver.kfd.gpus"]
    assert result.status == UNVERIFIABLE
    assert result.why == "the plan has no GPU on this host (/dev/kfd lists the CPU alone, which is no GPU)"


@pytest.mark.parametrize(
    ("has", "wanted", "verdict"),
    [
        ("4194304", "0x400000", PASS),
        ("Y", "1", PASS),
        ("N", "1", FAIL),
        ("N", "0", PASS),
        ("auto", "on", FAIL),
        ("1", "1", PASS),
    ],
)
def test_a_parameter_is_compared_by_its_value(has: str, wanted: str, verdict: str) -> None:
    seen = healthy.seen("driver")
    seen["parameters"] = {"amdgpu": {"x": has}}
    driver = {**healthy.EXPECTED["driver"], "parameters": [{"name": "amdgpu.x", "value": wanted}]}
    assert judged(seen, driver=driver)["driver.parameter.amdgpu-x"].status == verdict


def test_a_switch_without_a_value_is_on_the_command_line_or_not() -> None:
    seen = healthy.seen("driver")
    driver = {
        **healthy.EXPECTED["driver"],
        "parameters": [{"name": "quiet", "value": None}, {"name": "nomodeset", "value": None}],
    }
    results = judged(seen, driver=driver)
    assert (results["driver.parameter.quiet"].status, results["driver.parameter.nomodeset"].status) == (PASS, FAIL)


def test_an_older_plan_without_the_newer_fields_is_read() -> None:
    seen = healthy.seen("driver")
    results = judged(seen, driver={"source": "dkms", "module": "amdgpu"})
    assert {result.status for result in results.values()} == {PASS}
