"""Which models a host is to have, whether they fit, and what stands in their way."""

from __future__ import annotations

from typing import Any

import pytest

from control import planner, support
from tests.unit.planner.conftest import Edit, Make, container, ids, snapshot, wishes

RX6600 = "debian-12-rx6600"
NAME = "llama3.2:1b"
HEAD = {
    "architecture": "llama", "block_count": 16, "context_length": 131072, "embedding_length": 2048,
    "attention.head_count": 32, "attention.head_count_kv": 8, "attention.key_length": 64, "attention.value_length": 64,
    "vocab_size": 128256,
}  # fmt: skip
#: What the registry says of Llama 3.2 1B, in bytes.
LLAMA_1B: dict[str, Any] = {
    "name": NAME, "here": False, "digest": "sha256:ab", "size_bytes": 1_321_098_329, "missing_bytes": 1_321_098_329,
    "loaded_bytes": 1_321_082_688, "family": "llama", "parameters": "1.2B", "quantisation": "Q8_0", "remote": None,
    "options": {}, "head": HEAD,
}  # fmt: skip


@pytest.fixture
def make(make: Make) -> Make:
    """Plans of hosts where no service names models of its own."""
    return lambda *edits, **changed: make(*edits, **{"services_enabled": ["ollama"], **changed})


def told(here: tuple[str, ...] = (), **models: dict[str, Any]) -> Edit:
    """What the host was told of models; ``__`` in a name is ``:``, ``_`` is ``.``."""
    asked = {name.replace("__", ":").replace("_", "."): value for name, value in models.items()}
    return lambda host: host.update(models={"asked": asked, "here": list(here)})


def of_size(gigabytes: float, **more: Any) -> dict[str, Any]:
    count = int(gigabytes * 1e9)
    return {**LLAMA_1B, "size_bytes": count, "missing_bytes": count, "loaded_bytes": count, **more}


def seen(plan: planner.Plan, id: str) -> str:
    (found,) = [one for one in plan.findings if one.id == id]
    return found.seen


def test_a_model_that_fits_says_so_with_its_figures(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b=LLAMA_1B))
    (figure,) = plan.models
    assert (figure["fit"], figure["basis"], figure["size_bytes"]) == ("gpu", "registry", 1_321_098_329)
    assert figure["need"]["cache"] == 128 << 20
    assert figure["verdict"] == "fits the GPU: needs 1.7 GB with a context of 4096, 8.1 GB are there"
    assert ids(plan, "refuse") == []


def test_one_that_fits_partly_says_how_much_and_what_would_help(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b=of_size(7.5, options={"num_ctx": 65536})))
    assert plan.models[0]["fit"] == "partly"
    words = seen(plan, "GH-MODEL-PARTLY")
    assert words.startswith("llama3.2:1b fits partly, 82% on the GPU, the rest on the processors: needs 9.9 GB")
    assert "all of it would fit the GPU with a context of 9216" in words


def test_one_that_fits_nowhere_is_warned_about_and_not_refused(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b=of_size(60)), lambda host: host.update(disk=[]))
    assert plan.models[0]["fit"] == "not"
    assert "does not fit: needs 60.4 GB" in seen(plan, "GH-MODEL-MEMORY")
    assert ids(plan, "refuse") == []


def test_without_a_gpu_the_memory_counts(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b=LLAMA_1B), preflight_cpu_only=True)
    assert plan.models[0]["fit"] == "memory"
    assert plan.models[0]["verdict"].startswith("fits the memory: needs 1.7 GB with a context of 4096")


def test_several_gpus_count_together(make: Make) -> None:
    def second(host: dict[str, Any]) -> None:
        host["gpus"].append({**host["gpus"][0], "pci": "0000:0a:00.0", "kfd_node": 2, "render_minor": 129, "unique_id": "2"})
        host["kfd"]["nodes"].append({**host["kfd"]["nodes"][-1], "node": 2, "location_id": 0x0A00, "drm_render_minor": 129})
        host["devices"].append({**host["devices"][-1], "path": "/dev/dri/renderD129", "minor": 129})

    plan = make(RX6600, second, told(llama3_2__1b=of_size(12)))
    assert plan.models[0]["verdict"].startswith("fits the 2 GPUs: needs 12.4 GB")


@pytest.mark.parametrize(
    "machine",
    ["rx480-22.04", "rx580-debian-12", "rx5500xt-override-gone", "vega56-override", "mi25-x7", "mi50-24.04",
     "mi50-x2-dkms-6.12.12", "5800u-cezanne", "ryzen-2200g"],
)  # fmt: skip
def test_gpus_that_the_server_has_no_kernels_for_hold_no_model(make: Make, machine: str) -> None:
    plan = make(f"machines/{machine}")
    assert container(plan, "ollama")["devices"] == []
    assert [one["fit"] for one in plan.models] == ["memory"]


#: Ollama has kernels for one of its two cards.
OF_TWO_KINDS = "machines/7900xtx-radeon-vii-24.04-kernel-update"


def test_gpus_that_the_server_leaves_out_hold_nothing_of_a_model(make: Make) -> None:
    (figure,) = make(OF_TWO_KINDS, told(llama3_2__1b=of_size(20))).models
    assert figure["verdict"] == "fits the GPU: needs 21.3 GB with a context of 32768, 25.3 GB are there"
    (figure,) = make(OF_TWO_KINDS, told(llama3_2__1b=of_size(30))).models
    assert figure["fit"] == "partly"


def test_a_server_on_the_host_itself_has_the_gpus_that_it_is_shown(make: Make) -> None:
    (figure,) = make(OF_TWO_KINDS, told(llama3_2__1b=of_size(30)), services_native=["ollama"]).models
    assert figure["fit"] == "partly"
    (figure,) = make("machines/rx580-debian-12", services_native=["ollama"]).models
    assert figure["fit"] == "memory"


def test_an_integrated_gpu_has_what_it_may_map_of_the_hosts_memory(make: Make) -> None:
    def apu(host: dict[str, Any]) -> None:
        host["gpus"][0].update(device_id="1586", revision="c1", gfx="gfx1151", vram_bytes=512 << 20, gtt_bytes=96 << 30)
        host["memory"]["total_bytes"] = 127 << 30

    figure = make(RX6600, apu, told(llama3_2__1b=of_size(80))).models[0]
    assert figure["fit"] == "gpu"
    assert figure["need"]["everywhere"] < 128 << 30, "the host's memory is not counted twice"


@pytest.mark.parametrize(
    ("name", "basis", "gigabytes"),
    [("llama3.2:1b", "table", 1.3), ("mistral", "table", 4.1), ("foo:8b", "name", 4.9),
     ("foo:8b-instruct-q8_0", "name", 8.5), ("foo:1b-fp16", "name", 2.0)],
)  # fmt: skip
def test_where_nobody_was_asked_the_size_is_a_guess_and_says_so(make: Make, name: str, basis: str, gigabytes: float) -> None:
    (figure,) = make(RX6600, services_models=[name]).models
    assert figure["basis"] == basis
    assert figure["need"]["weights"] / 1e9 == pytest.approx(gigabytes, rel=0.02)
    assert figure["need"]["estimated"]
    assert "needs about" in figure["verdict"]


def test_a_model_of_which_nothing_is_known_has_no_verdict(make: Make) -> None:
    (figure,) = make(RX6600, services_models=["my-own-thing"]).models
    assert (figure["basis"], figure["need"], figure["fit"]) == ("nothing", None, None)


@pytest.mark.parametrize(
    ("name", "near"),
    [("lama3.2:1b", "llama3.2:1b"), ("llama3.2:7b", "llama3.2"), ("mistrall", "mistral"), ("our-mode", "our-model")],
)
def test_an_unknown_name_gets_names_like_it(make: Make, name: str, near: str) -> None:
    unknown = {"error": "HTTP 404", "kind": "unknown"}
    full = name if ":" in name else f"{name}:latest"

    def edit(host: dict[str, Any]) -> None:
        host["models"] = {"asked": {full: unknown}, "here": ["our-model:latest"]}

    plan = make(RX6600, edit, services_models=[name])
    (finding,) = [one for one in plan.findings if one.id == "GH-MODEL-UNKNOWN"]
    assert finding.level == "refuse"
    assert finding.seen == f"registry.ollama.ai has no model {full}"
    assert near in finding.next.partition("?")[0].removeprefix("did you mean ").split(", ")


def test_a_text_that_is_no_name_is_refused_without_asking_anybody(make: Make) -> None:
    plan = make(RX6600, services_models=["llama 3.2", NAME])
    assert seen(plan, "GH-MODEL-UNKNOWN") == "'llama 3.2' is no name of a model"


@pytest.mark.parametrize(
    ("kind", "id", "level"),
    [("digest", "GH-MODEL-DIGEST", "refuse"), ("timeout", "GH-MODEL-UNSIZED", "warn"),
     ("closed", "GH-MODEL-UNSIZED", "warn"), ("tls", "GH-MODEL-UNSIZED", "warn")],
)  # fmt: skip
def test_what_a_registry_did_not_say_is_told(make: Make, kind: str, id: str, level: str) -> None:
    plan = make(RX6600, told(llama3_2__1b={"error": "what it said", "kind": kind}))
    (finding,) = [one for one in plan.findings if one.id == id]
    assert finding.level == level
    assert "what it said" in finding.seen


def test_a_model_that_is_computed_elsewhere_is_warned_about(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b={**LLAMA_1B, "remote": "https://ollama.com"}))
    assert seen(plan, "GH-MODEL-REMOTE") == "llama3.2:1b is computed by https://ollama.com"
    assert plan.models[0]["need"] is None


def free(gigabytes: float) -> Edit:
    return lambda host: host.update(
        disk=[{"mount": "/", "device": "a", "fstype": "ext4", "total_bytes": 10**12, "free_bytes": int(gigabytes * 1e9)}]
    )


def present(host: dict[str, Any]) -> None:
    """The containers run already: only models are to come."""
    plan = planner.plan(snapshot(RX6600), wishes(), support.load(), "gpu01")
    host["engine"] = {
        "present": True,
        "version": "28.5.2",
        "containers": [
            {"name": one["name"], "image": one["image"], "state": "running", "ports": []}
            for one in plan.roles["services"]["containers"]
        ],
    }


def cost_of(plan: planner.Plan, name: str) -> int | None:
    return next((one["download_bytes"] for one in plan.cost["items"] if one["name"] == name), None)


def test_the_disk_is_asked_for_the_models_that_are_missing(make: Make) -> None:
    plan = make(RX6600, present, told(llama3_2__1b=of_size(40)), free(30))
    assert cost_of(plan, "model llama3.2:1b") == 40_000_000_000
    assert seen(plan, "GH-DISK-SMALL").startswith("/ needs ")
    assert ids(make(RX6600, present, told(llama3_2__1b=of_size(40)), free(60)), "refuse") == []


@pytest.mark.parametrize(
    "edits",
    [(told(llama3_2__1b={**LLAMA_1B, "here": True, "missing_bytes": 0}),), ()],
    ids=["it is here", "nobody was asked"],
)
def test_what_is_here_or_was_not_asked_about_costs_nothing(make: Make, edits: tuple[Edit, ...]) -> None:
    assert cost_of(make(RX6600, present, *edits), "model llama3.2:1b") is None


def test_on_a_new_host_a_known_size_takes_the_place_of_the_guess(make: Make) -> None:
    guessed = [one["name"] for one in make(RX6600).cost["items"]]
    known = [one["name"] for one in make(RX6600, told(llama3_2__1b=LLAMA_1B)).cost["items"]]
    assert "data of Ollama" in guessed
    assert "data of Ollama" not in known
    assert "model llama3.2:1b" in known
    unknown = told(llama3_2__1b={"error": "x", "kind": "timeout"})
    assert "model llama3.2:1b" in [one["name"] for one in make(RX6600, unknown).cost["items"]], "the table knows its size"


def test_a_run_about_other_models_speaks_of_those_alone(make: Make) -> None:
    host = snapshot(RX6600, told(gemma__2b=of_size(1.7)))
    plan = planner.plan(host, wishes(services_enabled=["ollama"]), support.load(), "gpu01", ["gemma:2b"])
    assert [one["name"] for one in plan.models] == ["gemma:2b"]
    assert [one["model"] for one in plan.roles["services"]["models"]] == [NAME], "what the site wants stays"


PRESETS = {"careful": {"from": NAME, "context": 65536, "temperature": 0.2, "system": " Answer briefly.\n"}}


def test_a_preset_is_asked_for_by_ollamas_own_names_and_brings_its_model(make: Make) -> None:
    plan = make(RX6600, services_models=[], services_model_presets={**PRESETS, "other": {"from": "mistral"}})
    assert plan.roles["services"]["presets"] == [
        {
            "name": "careful:latest",
            "from": NAME,
            "system": "Answer briefly.",
            "parameters": {"num_ctx": 65536, "temperature": 0.2},
        },
        {"name": "other:latest", "from": "mistral:latest", "system": "", "parameters": {}},
    ]
    assert [one["model"] for one in plan.roles["services"]["models"]] == [NAME, "mistral:latest"]


def test_a_preset_with_a_context_of_its_own_is_sized_with_it(make: Make) -> None:
    plan = make(RX6600, told(llama3_2__1b=LLAMA_1B), services_model_presets=PRESETS)
    base, preset = plan.models
    assert (preset["name"], preset["preset"], preset["need"]["context"]) == ("careful:latest", True, 65536)
    assert preset["need"]["cache"] == 16 * base["need"]["cache"]
    assert plan.cost["download_bytes"] == make(RX6600, told(llama3_2__1b=LLAMA_1B)).cost["download_bytes"]


WRONG: list[tuple[Any, str, str]] = [
    ({"from": NAME, "temprature": 1}, "careful: unknown key 'temprature'", "temperature"),
    ({"temperature": 1}, "careful: from must name a model", ""),
    ({"from": "no name"}, "careful: from must name a model", ""),
    ({"from": "careful"}, "from names the preset careful", ""),
    ("llama3.2", "careful: must be a mapping with `from`", ""),
    ({"from": NAME, "temperature": "hot"}, "careful: temperature must be a number", ""),
    ({"from": NAME, "temperature": True}, "careful: temperature must be a number", ""),
    ({"from": NAME, "temperature": -1}, "careful: temperature must not be negative", ""),
    ({"from": NAME, "top_p": 1.5}, "careful: top_p must be from 0 to 1", ""),
    ({"from": NAME, "context": 0}, "careful: context must be at least 1 token", ""),
    ({"from": NAME, "context": 4096.5}, "careful: context must be a number", ""),
    ({"from": NAME, "system": 7}, "careful: system must be a text", ""),
    ({"from": NAME, "parameters": {"topk": 3}}, "careful: topk is no parameter of Ollama's", "top_k"),
    ({"from": NAME, "parameters": [1]}, "careful: parameters must be a mapping", ""),
]


@pytest.mark.parametrize(("settings", "said", "near"), WRONG, ids=[said for _, said, _ in WRONG])
def test_a_preset_that_cannot_be_meant_is_refused_with_the_nearest_word(
    make: Make, settings: Any, said: str, near: str
) -> None:
    plan = make(RX6600, services_model_presets={"careful": settings, "fine": {"from": NAME}})
    (finding,) = [one for one in plan.findings if one.id == "GH-INPUT-PRESET"]
    assert said in finding.seen
    assert finding.level == "refuse"
    assert finding.next == f"correct services_model_presets{f'; the nearest word is {near}' if near else ''}"
    assert plan.roles["services"]["presets"] == []


@pytest.mark.parametrize("name", ["hf.co/ada/m", "ada/m", "two words"])
def test_a_preset_has_a_plain_name(make: Make, name: str) -> None:
    assert "GH-INPUT-PRESET" in ids(make(RX6600, services_model_presets={name: {"from": NAME}}))


def test_two_presets_of_one_name_are_one_too_many(make: Make) -> None:
    plan = make(RX6600, services_model_presets={"a": {"from": NAME}, "a:latest": {"from": NAME}})
    assert seen(plan, "GH-INPUT-PRESET") == "a:latest is there more than once"
    assert "GH-INPUT-PRESET" in ids(make(RX6600, services_model_presets={"a": {"from": NAME}, "A": {"from": NAME}}))


def test_the_folder_of_the_models_follows_the_sites_data(make: Make) -> None:
    def part(**changed: Any) -> Any:
        return make(RX6600, **changed).roles["services"]["model_server"]

    assert part(services_data_root="/data/ai/")["folder"] == "/data/ai/ollama/models"
    assert part(services_ports={"ollama": 11500})["url"] == "http://127.0.0.1:11500"


def test_the_server_trusts_the_sites_authorities_where_it_has_some(make: Make) -> None:
    def mounts(**changed: Any) -> list[dict[str, Any]]:
        containers = make(RX6600, **changed).roles["services"]["containers"]
        return [one for row in containers for one in row["mounts"] if one["target"] == "/etc/ssl/certs"]

    assert mounts() == []
    assert mounts(sources_ca_certificates=["/site/ca.pem"]) == [
        {"source": "/etc/ssl/certs", "target": "/etc/ssl/certs", "read_only": True}
    ]
