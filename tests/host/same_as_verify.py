"""The assertions of gpuhost's own checks, made by testinfra over ssh: what `./gpuhost bench` times beside them.

Not collected by itself. ``GPUHOST_SAME`` names a file with the ids of the checks that passed on the host; each becomes a
test here that asks the host the same with testinfra's own modules, as its documentation has them: one property, one
question, one command on the host. An id that nothing here asks fails, so that neither side can do less than the other.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import testinfra
from testinfra.host import Host

from tests.host.conftest import entries

IDS: list[str] = json.loads(Path(os.environ["GPUHOST_SAME"]).read_text(encoding="utf-8"))
EXPECTED = "/etc/gpuhost/expected.json"
GIB = 1 << 30

_GET = (
    "python3 -c 'import sys, urllib.request as u, urllib.error as e\n"
    'q = u.Request(sys.argv[1], headers=dict(one.split(": ", 1) for one in sys.argv[2:] if one))\n'
    "try: a = u.build_opener(u.ProxyHandler({})).open(q, timeout=10)\n"
    "except e.HTTPError as x: a = x\n"
    "print(a.status); print(a.read().decode())' %s %s"
)
_ASK = (
    "python3 -c 'import urllib.request as u; print(u.urlopen(\"%s\", timeout=8).read().decode())' 2>/dev/null || "
    "node -e 'fetch(\"%s\").then(r => r.text()).then(console.log)' 2>/dev/null || curl -sS %s"
)


@pytest.fixture(scope="session")
def asked() -> Host:
    """The host over ssh, as root; testinfra keeps one connection for all of it (ControlPersist)."""
    [(name, entry)] = entries().items()
    user, address = entry["ansible_user"], entry.get("ansible_host", name)
    port = f":{entry['ansible_port']}" if entry.get("ansible_port") else ""
    return testinfra.get_host(
        f"ssh://{user}@{address}{port}",
        ssh_identity_file=entry.get("ansible_ssh_private_key_file"),
        ssh_extra_args=entry.get("ansible_ssh_common_args"),
        sudo=True,
    )


@pytest.fixture(scope="session")
def expected(asked: Host) -> dict[str, Any]:
    """What was planned for the host."""
    planned: dict[str, Any] = json.loads(asked.file(EXPECTED).content_string)
    return planned


@pytest.mark.parametrize("id", IDS)
def test_it_is_as_planned(asked: Host, expected: dict[str, Any], id: str) -> None:
    for pattern, question in QUESTIONS:
        found = re.fullmatch(pattern, id)
        if found:
            question(asked, expected, **found.groupdict())
            return
    pytest.fail(f"nothing here asks what {id} asks")


def service(expected: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in expected["services"] if row["name"] == name)


def get(host: Host, url: str, header: str = "") -> tuple[int, str]:
    done = host.check_output(_GET, url, header)
    status, _, body = done.partition("\n")
    return int(status), body


def os_release(host: Host, expected: dict[str, Any]) -> None:
    info = host.system_info
    assert f"{info.distribution}-{str(info.release).partition('.')[0]}" == expected["system"].replace(".04", "")


def simulated(host: Host, expected: dict[str, Any]) -> None:
    assert host.file("/etc/gpuhost/simulated.json").exists is expected["simulated"]


def clock(host: Host, expected: dict[str, Any]) -> None:
    assert int(host.check_output("date +%s")) >= host.file(EXPECTED).mtime.timestamp() - 1


def modules(host: Host, expected: dict[str, Any]) -> None:
    assert host.file(f"/lib/modules/{host.check_output('uname -r')}").is_directory


def disk(host: Host, expected: dict[str, Any]) -> None:
    for path in ("/", "/var", "/opt", "/srv"):
        assert int(host.check_output("df --output=avail -B1 %s | tail -1", path)) >= GIB


def memory(host: Host, expected: dict[str, Any]) -> None:
    assert int(host.check_output("awk '/MemAvailable/ {print $2}' /proc/meminfo")) * 1024 >= GIB // 4


def device(expected: dict[str, Any], short: str) -> dict[str, Any]:
    return next(row for row in expected["access"]["devices"] if row["path"].endswith(f"/{short}"))


def present(host: Host, expected: dict[str, Any], short: str) -> None:
    assert "character special file" in host.check_output("stat -c %%F %s", device(expected, short)["path"])


def group(host: Host, expected: dict[str, Any], short: str) -> None:
    row = device(expected, short)
    assert host.file(row["path"]).group == row["group"]


def mode(host: Host, expected: dict[str, Any], short: str) -> None:
    row = device(expected, short)
    assert host.file(row["path"]).mode & 0o777 == (0o666 if row.get("world") else 0o660)


def member(host: Host, expected: dict[str, Any], user: str) -> None:
    wanted = next(row["groups"] for row in expected["access"]["users"] if row["name"] == user)
    assert set(wanted) <= set(host.user(user).groups)


def process_groups(host: Host, expected: dict[str, Any], user: str) -> None:
    wanted = next(row["groups"] for row in expected["access"]["users"] if row["name"] == user)
    assert set(wanted) <= set(host.check_output("setpriv --reuid=%s --regid=%s --init-groups id -Gn", user, user).split())


def tool_present(host: Host, expected: dict[str, Any], tool: str) -> None:
    assert host.exists(tool)


def tool_runs(host: Host, expected: dict[str, Any], tool: str) -> None:
    # Without a driver rocminfo says so and ends with 1: it has run.
    assert host.run("timeout 20 %s", tool).rc in (0, 1, 2)


def override_file(host: Host, expected: dict[str, Any]) -> None:
    files = "/etc/environment /etc/profile /etc/profile.d /etc/environment.d /etc/bash.bashrc /root/.bashrc /root/.profile"
    assert host.run(f"grep -rsl '^[^#]*HSA_OVERRIDE_GFX_VERSION' {files} /home/*/.bashrc /home/*/.profile").stdout == ""


def engine(host: Host, expected: dict[str, Any]) -> None:
    assert host.check_output("docker version --format '{{.Server.Version}}'")


Inspection = Callable[[dict[str, Any], dict[str, Any]], bool]


def inspected(holds: Inspection) -> Callable[..., None]:
    """A question to `docker inspect`, as testinfra's module for containers puts it."""

    def question(host: Host, expected: dict[str, Any], name: str) -> None:
        row = service(expected, name)
        assert holds(host.docker(row["container"]).inspect(), row)

    return question


def running(host: Host, expected: dict[str, Any], name: str) -> None:
    assert host.docker(service(expected, name)["container"]).is_running


def image(host: Host, expected: dict[str, Any], name: str) -> None:
    row = service(expected, name)
    wanted = host.check_output("docker image inspect --format '{{.Id}}' %s", row["image"])
    assert host.docker(row["container"]).inspect()["Image"] == wanted


def published(found: dict[str, Any], row: dict[str, Any]) -> bool:
    bindings = [one for listed in (found["HostConfig"]["PortBindings"] or {}).values() for one in listed]
    return [f"{one['HostIp']}:{one['HostPort']}" for one in bindings] == [urlsplit(row["url"]).netloc]


def override(found: dict[str, Any], row: dict[str, Any]) -> bool:
    said = [one.partition("=")[2] for one in found["Config"]["Env"] or [] if one.startswith("HSA_OVERRIDE_GFX_VERSION")]
    return said == ([row["override"]] if row["override"] else [])


def inside_groups(host: Host, expected: dict[str, Any], name: str) -> None:
    row = service(expected, name)
    pid = host.docker(row["container"]).inspect()["State"]["Pid"]
    said = re.search(r"^Groups:\t(.*)$", host.file(f"/proc/{pid}/status").content_string, re.MULTILINE)
    assert said is not None
    assert set(row["groups"]) <= set(said[1].split())


def inside_nodes(host: Host, expected: dict[str, Any], name: str) -> None:
    row = service(expected, name)
    pid = host.docker(row["container"]).inspect()["State"]["Pid"]
    for path in row["devices"]:
        assert host.check_output("stat -c %%t:%%T %s", f"/proc/{pid}/root{path}") == host.check_output(
            "stat -c %%t:%%T %s", path
        )


def answers(host: Host, expected: dict[str, Any], name: str) -> None:
    row = service(expected, name)
    assert get(host, row["url"] + row["health"]["path"])[0] > 0


def health(host: Host, expected: dict[str, Any], name: str) -> None:
    row = service(expected, name)
    status, body = get(host, row["url"] + row["health"]["path"])
    assert status == 200
    if "json" in row["health"]:
        assert json.loads(body).items() >= row["health"]["json"].items()
    else:
        assert row["health"]["contains"] in body


def exposure(host: Host, expected: dict[str, Any], name: str) -> None:
    address = urlsplit(service(expected, name)["url"])
    assert host.socket(f"tcp://{address.netloc}").is_listening
    others = [one for one in host.socket.get_listening_sockets() if one.endswith(f":{address.port}")]
    assert others == [f"tcp://{address.netloc}"]


def version(host: Host, expected: dict[str, Any], name: str) -> None:
    path = {"ollama": "/api/version", "jupyter": "/api"}[name]
    assert json.loads(get(host, service(expected, name)["url"] + path)[1])["version"]


def model(host: Host, expected: dict[str, Any], model: str) -> None:
    row = service(expected, "ollama")
    names = [one["name"] for one in json.loads(get(host, row["url"] + "/api/tags")[1])["models"]]
    wanted = next(one for one in row["models"] if one.replace(":", "_").replace("/", "_") == model)
    assert wanted in names or f"{wanted}:latest" in names


def page(host: Host, expected: dict[str, Any]) -> None:
    status, body = get(host, service(expected, "anythingllm")["url"])
    assert status == 200
    assert "AnythingLLM" in body


def setup(host: Host, expected: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(get(host, service(expected, "anythingllm")["url"] + "/api/setup-complete")[1])[
        "results"
    ]
    return said


def llm_provider(host: Host, expected: dict[str, Any]) -> None:
    assert setup(host, expected)["LLMProvider"] == "ollama"


def llm_address(host: Host, expected: dict[str, Any]) -> None:
    assert urlsplit(setup(host, expected)["OllamaLLMBasePath"]).hostname in ("ollama", "gpuhost-ollama")


def embedding(host: Host, expected: dict[str, Any]) -> None:
    said = setup(host, expected)
    assert said["EmbeddingEngine"] == "ollama"
    assert (
        said["EmbeddingModelPref"].partition(":")[0] == service(expected, "anythingllm")["embedding_model"].partition(":")[0]
    )


def vector_store(host: Host, expected: dict[str, Any]) -> None:
    assert setup(host, expected)["VectorDB"] == "lancedb"


def login(host: Host, expected: dict[str, Any]) -> None:
    said = setup(host, expected)
    assert said.get("RequiresAuth") or said.get("MultiUserMode")


def refuses_without_token(host: Host, expected: dict[str, Any]) -> None:
    assert get(host, service(expected, "jupyter")["url"] + "/api/contents")[0] == 403


def opens_with_token(host: Host, expected: dict[str, Any]) -> None:
    token = host.file("/etc/gpuhost/secrets/jupyter/token").content_string.strip()
    assert get(host, service(expected, "jupyter")["url"] + "/api/contents", f"Authorization: token {token}")[0] == 200


def wired(host: Host, expected: dict[str, Any], name: str, to: str) -> None:
    row, other = service(expected, name), service(expected, to)
    url = f"http://{to}:{urlsplit(other['url']).port}{other['health']['path']}"
    found = host.check_output("docker exec %s sh -c %s", row["container"], _ASK % (url, url, url))
    assert (other["health"].get("contains") or next(iter(other["health"]["json"]))) in found


OPTIONS = ("no-new-privileges", "no-new-privileges:true")
INSPECTED: dict[str, Inspection] = {
    "healthy": lambda found, row: found["State"]["Health"]["Status"] == "healthy",
    "unprivileged": lambda found, row: not found["HostConfig"]["Privileged"],
    "capabilities": lambda found, row: found["HostConfig"]["CapDrop"] == ["ALL"] and not found["HostConfig"]["CapAdd"],
    "no_new_privileges": lambda found, row: any(one in OPTIONS for one in found["HostConfig"]["SecurityOpt"] or []),
    "published": published,
    "restart_policy": lambda found, row: found["HostConfig"]["RestartPolicy"]["Name"] in ("unless-stopped", "always"),
    "devices": lambda found, row: (
        sorted(one["PathOnHost"] for one in found["HostConfig"]["Devices"] or []) == sorted(row["devices"])
    ),
    "groups": lambda found, row: sorted(found["HostConfig"]["GroupAdd"] or []) == sorted(row["groups"]),
    "override": override,
}

QUESTIONS: list[tuple[str, Callable[..., None]]] = [
    (r"system\.os\.release", os_release),
    (r"system\.gpu\.simulated", simulated),
    (r"system\.clock\.sane", clock),
    (r"system\.kernel\.modules_on_disk", modules),
    (r"system\.disk\.free", disk),
    (r"system\.memory\.available", memory),
    (r"access\.(?P<short>kfd|render\w+|card\w+)\.present", present),
    (r"access\.(?P<short>kfd|render\w+|card\w+)\.group", group),
    (r"access\.(?P<short>kfd|render\w+|card\w+)\.mode", mode),
    (r"access\.(?P<user>[^.]+)\.member", member),
    (r"access\.(?P<user>[^.]+)\.process_groups", process_groups),
    (r"rocm\.override\.environment", override_file),
    (r"rocm\.(?P<tool>[^.]+)\.present", tool_present),
    (r"rocm\.(?P<tool>[^.]+)\.runs", tool_runs),
    (r"containers\.engine\.answers", engine),
    (r"containers\.(?P<name>[^.]+)\.running", running),
    (r"containers\.(?P<name>[^.]+)\.image", image),
    (r"containers\.(?P<name>[^.]+)\.process_groups", inside_groups),
    (r"containers\.(?P<name>[^.]+)\.nodes", inside_nodes),
    *((rf"containers\.(?P<name>[^.]+)\.{property}", inspected(holds)) for property, holds in INSPECTED.items()),
    (r"services\.(?P<name>[^.]+)\.answers", answers),
    (r"services\.(?P<name>[^.]+)\.health", health),
    (r"services\.(?P<name>[^.]+)\.exposure", exposure),
    (r"services\.(?P<name>[^.]+)\.version", version),
    (r"services\.ollama\.model\.(?P<model>.+)", model),
    (r"services\.anythingllm\.page", page),
    (r"services\.anythingllm\.llm_provider", llm_provider),
    (r"services\.anythingllm\.llm_address", llm_address),
    (r"services\.anythingllm\.embedding", embedding),
    (r"services\.anythingllm\.vector_store", vector_store),
    (r"services\.anythingllm\.login", login),
    (r"services\.jupyter\.refuses_without_token", refuses_without_token),
    (r"services\.jupyter\.opens_with_token", opens_with_token),
    (r"wiring\.(?P<name>[^.]+)\.(?P<to>[^.]+)", wired),
]
