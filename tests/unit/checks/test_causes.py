"""One broken thing turns one check red; what follows from it is unverifiable and names the cause."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.unit.checks import healthy
from verify.checks import AREAS, CHECKS, run_checks
from verify.checks.context import Context
from verify.result import FAIL, PASS, UNVERIFIABLE, Result, failed, settle

Seen = dict[str, dict[str, Any]]

NO_ANSWER = {"status": 0, "body": "", "error": "Connection refused"}


def judge_all(seen: Seen, expected: dict[str, Any] | None = None) -> dict[str, Result]:
    planned = expected or healthy.expected()
    results = settle(result for check in CHECKS for result in check.judge(seen[check.area], planned))
    assert len({result.id for result in results}) == len(results), "two results share an id"
    return {result.id: result for result in results}


def all_seen() -> Seen:
    return {area: healthy.seen(area) for area in AREAS}


def reds(results: dict[str, Result]) -> set[str]:
    return {id for id, result in results.items() if result.status == FAIL}


def test_a_host_as_planned_passes_every_check() -> None:
    results = judge_all(all_seen())
    assert {result.status for result in results.values()} == {PASS}, [r for r in results.values() if r.status != PASS]
    assert len(results) >= 100
    # Its one GPU has no peers, and all services are in containers.
    assert {result.id.partition(".")[0] for result in results.values()} == set(AREAS) - {"peers", "units"}


def test_ids_are_as_the_published_schema_says() -> None:
    for id in judge_all(all_seen()):
        assert re.fullmatch(r"[a-z]+(\.[A-Za-z0-9_@-]+)+", id), id


def stop_ollama(seen: Seen) -> None:
    seen["containers"]["containers"]["gpuhost-ollama"].update(
        state="exited", exit_code=137, health="unhealthy", log="killed"
    )
    seen["services"]["services"]["ollama"] = dict.fromkeys(("health", "version", "tags"), NO_ANSWER)
    seen["services"]["ports"] = [row for row in seen["services"]["ports"] if row["port"] != 11434]
    seen["wiring"]["from"] = {
        name: {"ollama": {"resolved": False, "error": "ENOTFOUND"}} for name in ("anythingllm", "jupyter")
    }
    seen["generate"].update(call={"error": "Connection refused"}, loaded=None)
    seen["speed"]["shown"] = {"error": "Connection refused"}


def hang_ollama(seen: Seen) -> None:
    seen["containers"]["containers"]["gpuhost-ollama"].update(health="unhealthy")
    seen["services"]["services"]["ollama"] = {
        page: {**NO_ANSWER, "error": "timed out"} for page in ("health", "version", "tags")
    }
    seen["wiring"]["from"] = {
        name: {"ollama": {"resolved": True, "error": "timed out"}} for name in ("anythingllm", "jupyter")
    }
    seen["generate"].update(call={"error": "timed out"}, loaded=None)
    seen["speed"]["shown"] = {"error": "timed out"}


def stop_engine(seen: Seen) -> None:
    seen["containers"] = {"engine": {"version": None, "error": "no engine listens there"}, "containers": {}}
    for name, pages in seen["services"]["services"].items():
        seen["services"]["services"][name] = dict.fromkeys(pages, NO_ANSWER) | (
            {page: {"status": 0, "error": "refused"} for page in ("open", "models", "metrics") if page in pages}
        )
    seen["services"]["ports"] = []
    seen["wiring"]["from"] = {
        name: {"ollama": {"resolved": None, "error": "no engine"}} for name in ("anythingllm", "jupyter")
    }
    seen["generate"].update(call={"error": "Connection refused"}, loaded=None, log={"error": "no engine"})
    nothing: dict[str, Any] = {"error": "no engine", "kind": "unknown", "devices": [], "gpu": None, "offloaded": None}
    seen["generate"]["llamacpp"].update(call={"error": "refused"}, listed=nothing, log=nothing, nodes={}, container={})
    seen["speed"]["shown"] = {"error": "Connection refused"}
    seen["torch"]["places"]["gpuhost-jupyter"] = {"error": "no engine", "unreached": True}


def break_device_group(seen: Seen) -> None:
    seen["access"]["devices"][healthy.KFD]["group"] = "root"
    seen["access"]["tries"]["alice"]["opened"][healthy.KFD] = "EACCES"


def open_device_to_all(seen: Seen) -> None:
    seen["access"]["devices"][healthy.RENDER]["mode"] = "0666"


def take_user_out(seen: Seen) -> None:
    seen["access"]["users"]["alice"]["groups"] = ["alice", "video"]
    seen["access"]["tries"]["alice"] = {
        "groups": ["alice", "video"],
        "opened": {healthy.KFD: "EACCES", healthy.RENDER: "EACCES"},
    }


def replace_page(seen: Seen) -> None:
    seen["services"]["services"]["anythingllm"]["page"] = healthy.page("<h1>502 Bad Gateway</h1>", 502)


def publish_to_all(seen: Seen) -> None:
    seen["containers"]["containers"]["gpuhost-jupyter"]["published"] = ["0.0.0.0:8888"]
    seen["services"]["ports"].append({"address": "0.0.0.0", "port": 8888, "proto": "tcp"})


def separate_networks(seen: Seen) -> None:
    seen["wiring"]["from"]["anythingllm"]["ollama"] = {"resolved": False, "error": "ENOTFOUND"}


def unload_driver(seen: Seen) -> None:
    seen["driver"]["modules"]["amdgpu"].update(loaded=False, srcversion=None, version=None, in_tree=None)
    seen["driver"]["nodes"] = []
    seen["driver"]["gpus"][0]["driver"] = None
    for tool in seen["rocm"]["tools"].values():
        tool["parsed"] = {"gpus": []}
    for place in seen["torch"]["places"].values():
        place.update(available=False, devices=[])
        place["computed"].pop("cuda:0")


def refuse_driver(seen: Seen) -> None:
    unload_driver(seen)
    seen["driver"]["signing"]["keys"][0]["enrolled"] = False
    seen["driver"]["rejected"] = [{"module": None, "why": "Loading of module with unavailable key is rejected"}]


def lose_a_model(seen: Seen) -> None:
    seen["services"]["services"]["ollama"]["tags"] = healthy.page('{"models": []}')
    seen["generate"].update(call={"error": "model 'tiny:1b' not found"}, loaded=None)
    seen["speed"]["shown"] = {"error": "HTTP 404: model 'tiny:1b' not found"}


def replace_torch(seen: Seen) -> None:
    place = seen["torch"]["places"]["host"]
    place.update(build="cuda", hip=None, cuda="12.8", available=False, devices=[])
    place["computed"].pop("cuda:0")


def set_override_in_a_container(seen: Seen) -> None:
    seen["containers"]["containers"]["gpuhost-jupyter"]["environment"] = {"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}
    place = seen["torch"]["places"]["gpuhost-jupyter"]
    place["environment"] = {"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}
    place.update(available=False, devices=[], device_error="RuntimeError: HIP error")


def start_ollama_without(seen: Seen, *, devices: bool = False, groups: bool = False, override: bool = False) -> None:
    """What follows from a container that was made otherwise than planned."""
    saw = seen["containers"]["containers"]["gpuhost-ollama"]
    error = "EPERM" if devices else "EACCES"
    if devices:
        saw["devices"] = []
        absent = {"state": "absent", "inside": None, "host": "234:0"}
        saw["inside"]["nodes"] = dict.fromkeys(saw["inside"]["nodes"], absent)
    if groups:
        saw["groups"], saw["inside"]["lacking"] = [], {"ollama (7)": [44, 109]}
    if override:
        saw["environment"] = {}
    if devices or groups:
        saw["inside"]["opens"] = dict.fromkeys(saw["inside"]["opens"], error)
    find_no_gpu(seen)


def take_the_devices(seen: Seen) -> None:
    start_ollama_without(seen, devices=True)


def take_the_groups(seen: Seen) -> None:
    start_ollama_without(seen, groups=True)


def take_the_override(seen: Seen) -> None:
    start_ollama_without(seen, override=True)


def load_the_driver_anew(seen: Seen) -> None:
    """The containers' nodes have numbers that nobody answers to any more."""
    for name in ("gpuhost-ollama", "gpuhost-jupyter"):
        saw = seen["containers"]["containers"][name]["inside"]
        saw["nodes"] = {path: {"state": "other", "inside": "511:0", "host": "510:0"} for path in saw["nodes"]}
        saw["opens"] = dict.fromkeys(saw["opens"], "ENXIO")
    find_no_gpu(seen)
    seen["torch"]["places"]["gpuhost-jupyter"].update(available=False, devices=[])


def drop_the_groups_inside(seen: Seen) -> None:
    """An entry script changes the user."""
    saw = seen["containers"]["containers"]["gpuhost-jupyter"]["inside"]
    saw["lacking"] = {"jupyter-lab (17)": [44, 109]}
    saw["opens"] = dict.fromkeys(saw["opens"], "EACCES")
    seen["torch"]["places"]["gpuhost-jupyter"].update(available=False, devices=[])


def fail_to_start_the_card(seen: Seen) -> None:
    seen["health"]["log"]["events"] = [
        {"kind": "start", "pci": ["0000:03:00.0"], "count": 1, "first_s": 9.0, "last_s": 9.0, "text": "Fatal error"}
    ]
    unload_driver(seen)
    seen["driver"]["modules"]["amdgpu"].update(healthy.module())


def fall_back_to_cpu(seen: Seen) -> None:
    seen["generate"]["loaded"]["size_vram"] = 0
    compute_elsewhere(seen)


def compute_elsewhere(seen: Seen) -> None:
    """The model lies in GPU memory, and the processors do the work."""
    seen["speed"]["shown"] = {"count": 64, "tokens": 31.9, "prompt": 399.0}


def find_no_gpu(seen: Seen) -> None:
    fall_back_to_cpu(seen)
    seen["generate"]["log"] = {
        "gpu": False,
        "reasons": [{"kind": "EACCES", "text": "open /dev/kfd: permission denied"}],
    }


BREAKS = [
    (find_no_gpu, {"generate.ollama.discovery"}),
    (stop_ollama, {"containers.ollama.running"}),
    (hang_ollama, {"services.ollama.answers"}),
    (stop_engine, {"containers.engine.answers"}),
    (break_device_group, {"access.kfd.group"}),
    (open_device_to_all, {"access.renderD128.mode"}),
    (take_user_out, {"access.alice.member"}),
    (replace_page, {"services.anythingllm.page"}),
    (publish_to_all, {"containers.jupyter.published"}),
    (separate_networks, {"wiring.anythingllm.ollama"}),
    (unload_driver, {"driver.module.loaded"}),
    (refuse_driver, {"driver.module.accepted"}),
    (lose_a_model, {"services.ollama.model.tiny_1b"}),
    (replace_torch, {"torch.host.build"}),
    (set_override_in_a_container, {"containers.jupyter.override"}),
    (fall_back_to_cpu, {"generate.ollama.residency"}),
    (compute_elsewhere, {"speed.ollama.prompt", "speed.ollama.tokens"}),
    (take_the_devices, {"containers.ollama.devices"}),
    (take_the_groups, {"containers.ollama.groups"}),
    (take_the_override, {"containers.ollama.override"}),
    (load_the_driver_anew, {"containers.jupyter.nodes", "containers.ollama.nodes"}),
    (drop_the_groups_inside, {"containers.jupyter.process_groups"}),
    (fail_to_start_the_card, {"health.log.starts"}),
]


@pytest.mark.parametrize(("break_it", "red"), BREAKS, ids=[row[0].__name__ for row in BREAKS])
def test_one_broken_thing_turns_one_check_red(break_it: Callable[[Seen], None], red: set[str]) -> None:
    seen = all_seen()
    break_it(seen)
    results = judge_all(seen)
    assert reds(results) == red
    for result in results.values():
        if result.status == FAIL:
            assert len(result.why) > 40, result
            assert result.next, result
        elif result.status == UNVERIFIABLE and result.why != "no engine":
            assert any(result.why.startswith(f"follows from {one}: ") for one in red), result


def test_two_broken_things_are_both_red() -> None:
    seen = all_seen()
    stop_ollama(seen)
    replace_page(seen)
    assert reds(judge_all(seen)) == {"containers.ollama.running", "services.anythingllm.page"}


def simulate(seen: Seen) -> dict[str, Any]:
    expected = healthy.expected() | {"simulated": True}
    for area in ("system", "access", "driver", "health", "rocm", "generate", "torch", "speed"):
        seen[area]["simulated"] = True
    for saw in seen["containers"]["containers"].values():
        if saw["inside"]:
            saw["inside"]["simulated"] = True
    # A real kernel under a simulated GPU is another matter: test_driver_sentences.py.
    seen["driver"]["modules"]["amdgpu"]["simulated"] = True
    return expected


GPU_CHECKS = re.compile(
    r"driver\..*|health\..*|access\..*\.opens\..*|containers\..*\.opens|rocm\..*\.gpus|generate\.ollama\.(residency|discovery)"
    r"|speed\..*|torch\.[^.]*\.(\w*gpu\w*|rocm|targets|visibility)"
)


def test_nothing_about_a_simulated_gpu_ever_passes() -> None:
    seen = all_seen()
    results = judge_all(seen, simulate(seen))
    assert not reds(results)
    about_gpu = {id for id, result in results.items() if GPU_CHECKS.fullmatch(id)}
    assert len(about_gpu) > 15
    for id in about_gpu:
        assert results[id].status == UNVERIFIABLE, id
        assert results[id].why.startswith("simulated"), id


def test_nothing_about_the_gpu_of_a_stand_in_ever_passes() -> None:
    seen = all_seen()
    seen["generate"]["stand_in"] = healthy.STAND_IN
    seen["speed"]["stand_in"] = healthy.STAND_IN
    seen["containers"]["containers"]["gpuhost-ollama"]["stand_in"] = healthy.STAND_IN
    seen["torch"]["stand_ins"]["gpuhost-jupyter"] = healthy.STAND_IN
    seen["torch"]["places"]["gpuhost-jupyter"].update(build="cpu", version="2.6.0")
    results = judge_all(seen)
    assert not reds(results)
    assert "STAND-IN" in results["containers.ollama.image"].seen
    for id in (
        "generate.ollama.residency",
        "speed.ollama.tokens",
        "torch.gpuhost-jupyter.build",
        "torch.gpuhost-jupyter.matmul_gpu0",
    ):
        assert results[id].status == UNVERIFIABLE, id
        assert healthy.STAND_IN in results[id].why


def test_a_failure_whose_need_is_not_known_stays_a_failure() -> None:
    alone = failed("wiring.a.b", seen=1, wanted=2, why="it is broken", next="mend it", needs=("containers.b.running",))
    assert settle([alone]) == [alone]


def test_causes_that_point_at_each_other_end() -> None:
    a = failed("a.b", seen=1, wanted=2, why="a", next="a", needs=("c.d",))
    b = failed("c.d", seen=1, wanted=2, why="b", next="b", needs=("a.b",))
    assert len(settle([a, b])) == 2


class Quiet(Context):
    """A context of a host on which every look breaks."""

    snapshot: ClassVar[dict[str, Any]] = {}


def test_a_check_that_breaks_is_a_failure_of_its_own() -> None:
    results = run_checks(healthy.expected() | {"access": {"devices": [{}]}}, Quiet(healthy.expected()), ["access"])
    assert [result.id for result in results] == ["access.check.ran"]
    assert results[0].status == FAIL
    assert "KeyError" in str(results[0].seen)


def test_an_unknown_check_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="no check is named gpu; there are system, access"):
        run_checks(healthy.expected(), Quiet(healthy.expected()), ["gpu"])
