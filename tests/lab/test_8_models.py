"""Models on real hosts: sized before they come, cut off on their way, refused where they are not what they should be."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from control.lab import faults, model_faults, names
from control.lab.model_faults import LargeModel
from control.modelwork import step_name
from tests.lab.conftest import ROOT, SITE, Done, Fleet, LabHost, gpuhost, host_variables

pytestmark = pytest.mark.lab

OLLAMA = "http://127.0.0.1:11434"
STEP = step_name("gpuhost-lab-large:latest")
STEPS = "/var/lib/gpuhost/steps"
MB = 1_000_000
SIZE = 48 * MB


@pytest.fixture(scope="module")
def large(fleet: Fleet) -> Iterator[LargeModel]:
    """A model of the registry that takes its time."""
    with model_faults.large_model(SIZE) as made:
        yield made


@pytest.fixture
def host(fleet: Fleet, large: LargeModel) -> Iterator[LabHost]:
    """A host without the large model, before and after."""
    yield fleet.debian13
    gone(fleet.debian13, large)


@pytest.fixture
def cache(fleet: Fleet, large: LargeModel) -> Iterator[LabHost]:
    """Another host without the large model, before and after."""
    yield fleet.debian12
    gone(fleet.debian12, large)


#: Hosts have no curl. What the answer is, or what stood in its way.
ASK = """
import ssl, sys, urllib.request as web
url, method, body, *key = sys.argv[1:]
context = ssl._create_unverified_context()
if key:
    context.load_cert_chain(*key)
try:
    print(web.urlopen(web.Request(url, body.encode() or None, method=method), timeout=60, context=context).read().decode())
except Exception as error:
    print(error)
"""


def asked(host: LabHost, url: str, method: str = "GET", body: str = "", key: tuple[str, ...] = ()) -> str:
    return host.run(f"python3 -c {shlex.join([ASK, url, method, body, *key])}").strip()


def ollama(host: LabHost, path: str, method: str = "POST", **body: Any) -> str:
    return asked(host, f"{OLLAMA}/api/{path}", method, json.dumps(body) if body else "")


def delete(host: LabHost, name: str) -> None:
    ollama(host, "delete", "DELETE", model=name)


def create(host: LabHost, name: str, system: str) -> None:
    assert "success" in ollama(host, "create", **{"model": name, "from": names.MODEL, "system": system})


def generate(host: LabHost, name: str) -> str:
    return str(json.loads(ollama(host, "generate", model=name, prompt="a b", stream=False))["response"]).strip()


def digests(host: LabHost) -> dict[str, str]:
    return {one["name"]: one["digest"] for one in json.loads(ollama(host, "tags", "GET"))["models"]}


def gone(host: LabHost, model: LargeModel) -> None:
    delete(host, model.name)
    host.run(f"rm -rf {STEPS}/model-*; rm -f /srv/gpuhost/ollama/models/blobs/*-partial*")


def pull(host: LabHost, *models: str) -> Done:
    return gpuhost("models", "pull", *models, "--site", SITE, "--host", host.name, "--json")


def at(part: float, host: LabHost, large: LargeModel, act: Callable[[], None]) -> None:
    """``act`` is done as soon as this part of the model is on the host."""
    deadline = time.monotonic() + 120
    while (progress(host).get("done") or 0) < part * large.size:
        assert time.monotonic() < deadline, f"{part:.0%} of the model never came"
        time.sleep(0.1)
    act()


def progress(host: LabHost) -> dict[str, Any]:
    text = host.run(f"cat {STEPS}/{STEP}/progress.json", check=False)
    return json.loads(text) if text.strip() else {}


def begin(host: LabHost, model: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(ROOT / "gpuhost"), "models.pull", model, "--site", SITE, "--host", host.name],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def transfers(large: LargeModel) -> list[tuple[int, int, int]]:
    """What the registry served of the weights, without the looks at their header that tell how large a model is."""
    return [one for one in model_faults.served(large.weights) if one[2] > MB]


def attempts(host: LabHost) -> int:
    lines = host.run(f"cat {STEPS}/{STEP}/runs.jsonl", check=False).splitlines()
    return len({json.loads(line)["attempt"] for line in lines})


def test_up_sized_the_sites_model_before_it_fetched_it(fleet: Fleet) -> None:
    for host in fleet.working:
        examined = json.loads(
            (ROOT / fleet.first_up.document["log"]).parent.joinpath("hosts", f"{host.name}.json").read_text()
        )
        (figure,) = examined["plan"]["models"]
        assert figure["name"] == f"{names.MODEL}:latest"
        assert (figure["basis"], figure["fit"], figure["need"]["estimated"]) == ("registry", "gpu", False)
        assert figure["size_bytes"] > model_faults.weights_of(names.MODEL)[1]
        assert digests(host)[f"{names.MODEL}:latest"] == model_faults.manifest_digest(names.MODEL)


def test_a_dropped_connection_is_followed_by_the_rest(host: LabHost, large: LargeModel) -> None:
    before = len(transfers(large))
    with model_faults.slow_models(8 * MB):
        process = begin(host, large.name)
        at(0.5, host, large, model_faults.drop_downloads)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert f"{large.name}:latest: 48.0 MB to fetch; fits the GPU: needs" in said
    assert f"{large.name}:latest  fetched" in said
    # The transfer that was dropped has no line: who would have written it was killed.
    ((status, resumed, rest),) = transfers(large)[before:]
    assert status == 206
    assert resumed >= large.size / 2, "what was here came again"
    assert resumed + rest == large.size
    assert digests(host)[f"{large.name}:latest"] == model_faults.manifest_digest(large.name)
    assert attempts(host) == 1


def test_a_killed_gpuhost_is_followed_by_one_that_joins(host: LabHost, large: LargeModel) -> None:
    before = len(transfers(large))
    # The rest takes longer than a second gpuhost needs to come to the host.
    with model_faults.slow_models(2 * MB):
        process = begin(host, large.name)
        at(0.25, host, large, lambda: os.kill(process.pid, signal.SIGKILL))
        process.wait()
        came = progress(host)["done"]
        done = pull(host, large.name)
    assert done.code == 0, done.text
    assert done.document["hosts"][host.name]["fetched"] == [f"{large.name}:latest"]
    assert attempts(host) == 1, "the work that went on was begun again"
    (only,) = transfers(large)[before:]
    assert only[2] == large.size > came
    again = pull(host, large.name)
    assert (again.code, again.document["hosts"][host.name]["fetched"]) == (0, [])


def test_a_registry_that_lies_about_a_digest_is_refused_and_stops_no_other(host: LabHost, large: LargeModel) -> None:
    with model_faults.large_model(2 * MB, "gpuhost-lab-other") as other, model_faults.lying_registry(large.weights):
        done = pull(host, large.name, other.name)
        assert digests(host).keys() >= {f"{other.name}:latest"}
        gone(host, other)
    record = done.document["hosts"][host.name]
    (finding,) = [one for one in record["findings"] if one["level"] == "refuse"]
    assert finding["id"] == "GH-MODEL-DIGEST"
    assert large.weights in finding["seen"]
    assert record["fetched"] == [f"{other.name}:latest"]
    assert done.code == 14, "something was changed: the other came"
    assert f"{large.name}:latest" not in digests(host)
    with model_faults.lying_registry(large.weights):
        alone = pull(host, large.name)
    assert alone.code == 17, alone.text
    assert host.run(f"ls /srv/gpuhost/ollama/models/blobs | grep -c {large.weights[7:]}", check=False).strip() == "0"
    assert pull(host, large.name).code == 0, "once the registry tells the truth it comes"


def test_bad_names_and_small_disks_are_told_before_a_byte_comes(host: LabHost, large: LargeModel) -> None:
    before = len(transfers(large))
    with faults.small_disk(host.name, "/srv", 530 * MB):
        small = pull(host, large.name)
    assert small.code == 11, small.text
    assert "/srv needs 549.0 MB" in small.text
    wrong = pull(host, "gpuhost-lab-tini")
    assert wrong.code == 10, wrong.text
    (finding,) = wrong.document["hosts"][host.name]["findings"]
    assert finding["id"] == "GH-MODEL-UNKNOWN"
    assert "did you mean gpuhost-lab-tiny?" in finding["next"]
    assert transfers(large)[before:] == []


def test_a_list_tells_whose_a_model_is_and_remove_takes_only_ours(host: LabHost, large: LargeModel) -> None:
    assert pull(host, large.name).code == 0
    create(host, "mine", "x")
    done = gpuhost("models.list", "--site", SITE, "--host", host.name, "--json")
    listed = {one["name"]: one for one in done.document["hosts"][host.name]["models"]}
    assert {name: (one["whose"], one["wanted"]) for name, one in listed.items()} == {
        f"{names.MODEL}:latest": ("pull", True),
        f"{large.name}:latest": ("pull", False),
        "mine:latest": ("theirs", False),
    }
    text = gpuhost("models.list", "--site", SITE, "--host", host.name).text
    assert "48.0 MB" in text
    assert "fits the GPU" in text

    def remove(*more: str) -> Done:
        return gpuhost("models", "remove", *more, "--site", SITE, "--host", host.name, "--json")

    assert remove("lots").code == 10
    kept = remove("m*", "--unlisted")
    assert kept.code == 0, kept.text
    assert kept.document["hosts"][host.name]["removed"] == [f"{large.name}:latest"]
    assert [one["id"] for one in kept.document["findings"]] == ["GH-MODEL-THEIRS"]
    named = remove("mine:latest")
    assert named.document["hosts"][host.name]["theirs"] == ["mine:latest"]
    assert list(digests(host)) == [f"{names.MODEL}:latest"]


def test_a_preset_is_made_sealed_brought_back_and_taken_away(host: LabHost) -> None:
    def up() -> Done:
        return gpuhost("up", "--site", SITE, "--host", host.name, "--json")

    preset = f'{{careful: {{from: {names.MODEL}, temperature: 0.2, context: 1024, system: "Be brief."}}}}'
    path = host_variables(host, f"services_model_presets: {preset}")
    try:
        first = up()
        assert first.code == 0, first.text
        shown = json.loads(ollama(host, "show", model="careful"))
        assert shown["system"] == "Be brief."
        assert {"temperature", "num_ctx"} == {line.split()[0] for line in shown["parameters"].splitlines()}
        assert generate(host, "careful")
        assert up().document["hosts"][host.name]["due"] == {}
        create(host, "careful", "By hand.")
        drift = gpuhost("drift", "--site", SITE, "--host", host.name).text
        assert "model:careful:latest" in drift
        back = up()
        assert back.code == 0, back.text
        assert "GH-PRESET-KEPT" in [one["id"] for one in back.document["hosts"][host.name]["findings"]]
        (by_hand,) = [name for name in digests(host) if name.startswith("careful:by-hand-")]
        assert json.loads(ollama(host, "show", model=by_hand))["system"] == "By hand."
    finally:
        path.unlink()
    assert up().code == 0
    assert sorted(digests(host)) == sorted([f"{names.MODEL}:latest", by_hand])
    delete(host, by_hand)


def test_one_host_fetches_and_the_other_copies_from_it(cache: LabHost, host: LabHost, large: LargeModel) -> None:
    before = len(transfers(large))
    path = host_variables(host, f"services_model_cache: {cache.name}")
    try:
        done = pull(host, large.name)
    finally:
        path.unlink()
    assert done.code == 0, done.text
    assert [one["id"] for one in done.document["hosts"][host.name]["findings"]] == []
    (only,) = transfers(large)[before:]
    assert only[2] == large.size, "the registry was asked twice"
    name = f"{large.name}:latest"
    assert digests(cache)[name] == digests(host)[name] == model_faults.manifest_digest(large.name)
    known = {one: json.loads(one.run("cat /var/lib/gpuhost/models.json"))["models"][name]["how"] for one in (cache, host)}
    assert known == {cache: "pull", host: "copy"}
    assert generate(host, large.name), "what was copied does not compute"
    owners = host.run("find /srv/gpuhost/ollama/models -not -user 11434 | head").strip()
    assert owners == "", "Ollama could not remove what does not belong to it"
    assert cache.run("ss -Hltn 'sport = :11440'; ls -d /run/gpuhost/model-cache 2>/dev/null", check=False).strip() == ""


#: The cache is opened as for a host of the site, and closed again.
OPEN = """cd /root/gpuhost-code && python3 -c '
from onhost import model_cache, paths, peer_keys
mine = peer_keys.ensure(paths.runtime() / "model-key", "me")
print(model_cache.offer(["{model}:latest"], "me", mine, ["{address}"], 11440)["url"])'"""
CLOSE = """cd /root/gpuhost-code && python3 -c '
from onhost import model_cache
model_cache.close("me")'; rm -rf /run/gpuhost/model-key /root/gpuhost-code"""


def test_the_cache_answers_nobody_that_it_does_not_know(fleet: Fleet) -> None:
    cache, stranger = fleet.working
    address = next(one for one in cache.run("hostname -I").split() if one.startswith("10."))
    cache.run("mkdir /root/gpuhost-code")
    for folder in ("onhost", "verify"):
        subprocess.run(
            ["docker", "cp", "-q", str(ROOT / folder), f"{cache.name}:/root/gpuhost-code/"], check=True, timeout=60
        )
    url = cache.run(OPEN.format(model=names.MODEL, address=address)).strip()
    try:
        known = ("/run/gpuhost/model-key/certificate.pem", "/run/gpuhost/model-key/key.pem")
        manifest = f"{url}/manifest/{names.MODEL}:latest"
        assert "layers" in asked(cache, manifest, key=known), "who is known is served"
        assert "404" in asked(cache, f"{url}/manifest/mine:latest", key=known)
        assert "certificate required" in asked(stranger, manifest)
        listens = cache.run("ss -Hltn 'sport = :11440'").split()
        assert f"{address}:11440" in listens
        process = cache.run("systemctl show -p MainPID --value gpuhost.model-cache.service").strip()
        status = cache.run(f"cat /proc/{process}/status")
        assert "Uid:\t11434\t11434\t11434\t11434" in status
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
    finally:
        cache.run(CLOSE)
    assert "refused" in asked(stranger, f"{url}/")
    assert "active" not in cache.run("systemctl is-active gpuhost.model-cache.service", check=False).split()


def test_without_its_cache_a_host_asks_the_registry_and_says_so(fleet: Fleet, host: LabHost, large: LargeModel) -> None:
    path = host_variables(host, f"services_model_cache: {fleet.stopped.name}")
    try:
        done = pull(host, large.name)
    finally:
        path.unlink()
    assert done.code == 0, done.text
    (finding,) = done.document["hosts"][host.name]["findings"]
    assert finding["id"] == "GH-MODEL-CACHE"
    assert finding["seen"].startswith(fleet.stopped.name)
    assert done.document["hosts"][host.name]["fetched"] == [f"{large.name}:latest"]
