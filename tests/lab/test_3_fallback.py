"""A GPU that all is well with, and servers that run on the processors without a word: named by where the work is, and why.

On the lab's hosts nothing may be said of a GPU, since it is simulated and the images are stand-ins. For these tests what
says so is taken away from one host: the program on the host, which looks at it as it always does, sees the simulated card
where a real one would stand, device nodes that open, and images without a label. What is left is what a user has after a
silent fallback, and every check but those of the consumers passes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.lab import remade
from tests.lab.conftest import Fleet, LabHost, ready, red
from verify.checks.inspection import OVERRIDE
from verify.places import EXPECTED
from verify.probes.host import SIMULATED_FILE

pytestmark = pytest.mark.lab

Results = dict[str, dict[str, Any]]
SERVERS = ("ollama", "llamacpp", "jupyter")
#: Where what says that all is simulated is meanwhile, the plan that does not say it, and the host's past.
AWAY, UNSAID, HISTORY = "/root/simulated.json", "/root/expected.json", "/root/history.json"
NONE = json.dumps({"history": []})
#: Images of what the containers are made of, without a label, in front of each one's name; imported images have none.
PLAIN = "plain-"

_UNSAY = f"""
import json
planned = json.load(open("{EXPECTED}"))
planned["simulated"] = False
for row in planned["services"]:
    row["gpu"] = row["gpu"] and {{gpu}}
    if row["name"] in {SERVERS}:
        row["image"] = "{PLAIN}" + row["name"]
json.dump(planned, open("{UNSAID}", "w"))
"""
#: The tree of the simulated card in the place of the kernel's, for one command alone.
_SEES_THE_CARD = f"""
tree=$(python3 -c 'import json; print(json.load(open("{AWAY}"))["sysroot"])')/sys
for part in $(ls $tree); do mount --bind $tree/$part /sys/$part; done
"""
#: Nodes that open, with the owners and modes of the planned ones.
_NODES_THAT_OPEN = """
for node in /dev/kfd /dev/dri/*; do
    mv $node $node-kept; mknod $node c 1 3; chown --reference $node-kept $node; chmod --reference $node-kept $node
done
"""
_NODES_BACK = "for kept in /dev/*-kept /dev/dri/*-kept; do test ! -e $kept || mv $kept ${kept%-kept}; done"


def unlabelled(name: str, more: str = "") -> str:
    """The container of the image without a label, and changed besides."""
    return f"body['Image'] = '{PLAIN}{name}'\nbody['Labels'] = {{}}\n{more}"


def restarted(host: LabHost, *services: str) -> None:
    host.run(f"docker restart --time 2 {' '.join(f'gpuhost-{name}' for name in services)}")
    ready(host, *services)


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Iterator[LabHost]:
    """A host that says of nothing that it stands in for something."""
    one = fleet.debian12
    with ExitStack() as back:
        # Last of all: the planned containers get the nodes that are there when they start.
        back.callback(restarted, one, *SERVERS)
        back.callback(one.run, f"rm -f {UNSAID} {HISTORY}")
        one.run(f"mv {SIMULATED_FILE} {AWAY}")
        back.callback(one.run, f"mv {AWAY} {SIMULATED_FILE}")
        back.callback(one.run, _NODES_BACK)
        one.run(_NODES_THAT_OPEN)
        for name in SERVERS:
            one.run(f"docker export gpuhost-{name} | docker import - {PLAIN}{name}")
            back.callback(one.run, f"docker rmi {PLAIN}{name}")
            remade.make(one, f"gpuhost-{name}", unlabelled(name))
            back.callback(remade.back, one, f"gpuhost-{name}")
        ready(one, *SERVERS)
        yield one


def prove(host: LabHost, *areas: str, gpu: bool = True) -> Results:
    """What the program on the host says, the services being planned to use a GPU or not."""
    host.run(f"python3 - <<'EOF'\n{_UNSAY.format(gpu=gpu)}\nEOF\ntest -e {HISTORY} || echo '{NONE}' > {HISTORY}")
    run = f"python3 -m verify run --json --expect {UNSAID} --history {HISTORY} --limit 120 {' '.join(areas)}"
    host.run(f"cat > /root/prove.sh <<'EOF'\n{_SEES_THE_CARD}\ncd /opt/gpuhost; {run}\nEOF")
    out = host.run("unshare --mount sh -eu /root/prove.sh; test $? -le 1")
    return {row["id"]: row for row in json.loads(out)["results"]}


def changed(host: LabHost, name: str, more: str) -> None:
    """The container is made once more, without a label and otherwise than planned."""
    remade.back(host, f"gpuhost-{name}")
    remade.make(host, f"gpuhost-{name}", unlabelled(name, more))
    ready(host, name)


def test_each_consumer_that_runs_on_the_processors_is_named_and_nothing_else_notices(host: LabHost) -> None:
    results = prove(host, "access", "containers", "driver", "generate", "services")
    assert red(results) == {"generate.ollama.discovery", "generate.llamacpp.discovery"}
    assert "Ollama found no GPU at its start" in results["generate.ollama.discovery"]["why"]
    assert "its image is a wrong build: it brings CPU and nothing for rocm" in results["generate.llamacpp.discovery"]["why"]
    # Both answer, are healthy, and have the nodes, groups and settings that they should have.
    assert {results[f"generate.{name}.text"]["status"] for name in ("ollama", "llamacpp")} == {"pass"}
    torch = prove(host, "torch")["torch.gpuhost-jupyter.build"]
    assert torch["status"] == "fail"
    assert "an AMD GPU is invisible to it, and everything runs on the CPU" in torch["why"]


def test_where_the_work_is_tells_it_once_the_log_has_no_start_any_more(host: LabHost) -> None:
    """Logs are rotated: after some weeks the lines of the start are gone."""
    host.run("for one in ollama llamacpp; do truncate -s 0 $(docker inspect -f '{{.LogPath}}' gpuhost-$one); done")
    try:
        results = prove(host, "generate")
    finally:
        restarted(host, "ollama", "llamacpp")
    assert red(results) == {"generate.ollama.residency", "generate.llamacpp.discovery"}
    assert "Ollama runs the model on the CPU" in results["generate.ollama.residency"]["why"]
    assert results["generate.ollama.residency"]["seen"].startswith("0 of ")
    assert "llama.cpp finds no GPU" in results["generate.llamacpp.discovery"]["why"]


def test_why_llama_cpp_fell_back_is_named(host: LabHost) -> None:
    """Everything at once that is done wrong by hand."""
    changed(
        host,
        "llamacpp",
        f"host['Devices'] = []\nhost['GroupAdd'] = []\nenv.append('{OVERRIDE}=11.0.1')",
    )
    try:
        results = prove(host, "containers", "generate")
    finally:
        changed(host, "llamacpp", "")
    causes = {f"containers.llamacpp.{name}" for name in ("devices", "groups", "override")}
    assert red(results) == causes | {"generate.ollama.discovery"}
    assert "was given no device" in results["containers.llamacpp.devices"]["why"]
    assert results["generate.llamacpp.discovery"]["why"].startswith("follows from containers.llamacpp.")


def test_a_server_that_is_slower_than_it_was_is_named_by_its_own_past(host: LabHost) -> None:
    # So small a model answers within milliseconds, which whatever else runs here can double: the best of some counts.
    looks = [prove(host, "speed", gpu=False) for _ in range(3)]
    assert {row["status"] for one in looks for row in one.values()} == {"unverifiable"}, looks
    rates = {id: max(one[id]["seen"]["value"] for one in looks) for id in looks[0]}
    history = {"history": [{"taken_at": "2026-11-21T08:00:00Z", "rates": rates}]}
    host.run(f"echo '{json.dumps(history)}' > {HISTORY}; docker update --cpus 0.1 gpuhost-ollama")
    try:
        slowed = prove(host, "speed", gpu=False)["speed.ollama.tokens"]
    finally:
        host.run(f"docker update --cpus {os.cpu_count()} gpuhost-ollama; rm {HISTORY}")
    assert slowed["status"] == "fail", slowed
    # On a machine that has other things to do it does not come to an end at all.
    assert "something changed on this host" in slowed["why"] or "gave no answer" in slowed["why"], slowed
