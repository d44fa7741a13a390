"""What users put into services stays, whatever is done to the services; and whatever goes wrong, the ones before run on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from control import support
from control.lab import faults, names
from tests.lab import userdata
from tests.lab.conftest import SITE, Done, Fleet, LabHost, gpuhost, host_variables

pytestmark = pytest.mark.lab

EVERY = [row.id for row in support.load().services()]
_WANTED = (
    '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Health.Status}} {{index .Config.Labels "org.gpuhost.lab.variant"}}'
)
STATES = f"docker ps --all --filter name=gpuhost- --format '{{{{.Names}}}}' | xargs docker inspect --format '{_WANTED}'"


def variant(name: str) -> dict[str, str]:
    """The site's copies of registries have these images of the lab's instead (docker/lab/README.md)."""
    copy = f"{names.MIRROR}:{names.REGISTRY_PORT}/{name}"
    return {"docker.io": copy, **{registry: f"{copy}/{registry}" for registry in names.REGISTRIES}}


class Host:
    """A host with every service of the catalogue, and what the site wants of it."""

    def __init__(self, lab: LabHost) -> None:
        self.lab = lab
        self.wishes: dict[str, Any] = {"services_enabled": EVERY}
        self.file = host_variables(lab, "")

    def want(self, **wishes: Any) -> None:
        """From now on the site wants this as well."""
        self.wishes |= wishes
        host_variables(self.lab, json.dumps(self.wishes))

    def up(self, **once: Any) -> Done:
        """`up`, with wishes that hold for this run alone."""
        host_variables(self.lab, json.dumps(self.wishes | once))
        try:
            return gpuhost("up", "--site", SITE, "--host", self.lab.name, "--json")
        finally:
            host_variables(self.lab, json.dumps(self.wishes))

    def containers(self) -> dict[str, list[str]]:
        """Each container of gpuhost's: its id, since when it runs, how it is, and of which variant its image is."""
        rows = [line.split(" ") for line in self.lab.run(STATES, check=False).splitlines()]
        return {row[0].removeprefix("/gpuhost-"): row[1:] for row in rows}

    def comes_back(self, seconds: float = 240) -> None:
        """Every container is healthy again, by itself."""
        deadline = time.monotonic() + seconds
        while not (found := self.containers()) or {row[2] for row in found.values()} != {"healthy"}:
            assert time.monotonic() < deadline, found
            time.sleep(1)


@pytest.fixture(scope="module")
def host(fleet: Fleet) -> Iterator[Host]:
    """A host with every service, and something of a user's in each of them."""
    one = Host(fleet.debian13)
    done = one.up()
    assert done.code == 0, done.text
    userdata.put(one.lab, EVERY)
    yield one
    one.file.unlink()


def test_every_service_has_something_of_a_users(host: Host) -> None:
    assert sorted(userdata.KEPT) == sorted(EVERY)
    assert userdata.lost(host.lab, EVERY) == []


def test_open_webui_lets_in_whom_it_knows_and_has_the_models_of_both_servers(host: Host) -> None:
    said = json.loads(
        userdata.open_webui(
            host.lab,
            "look",
            """
stranger = {"name": "x", "email": "x@localhost", "password": "long-enough-for-it"}
models = {one["id"]: one["owned_by"] for one in json.loads(ask("/api/models", token=login())[1])["data"]}
def chat(model):
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "one two"}], "max_tokens": 4}
    return ask("/api/chat/completions", body, login())[1].count("data: {")
print(json.dumps({"signup": ask("/api/v1/auths/signup", stranger)[0], "closed": ask("/api/models")[0], "models": models,
                  "streamed": {owner: chat(model) for model, owner in models.items() if model.startswith("MODEL")}}))
""".replace("MODEL", names.MODEL),
        )
    )
    assert (said["signup"], said["closed"]) == (403, 401)
    assert {"ollama", "openai"} <= {owner for model, owner in said["models"].items() if model.startswith(names.MODEL)}
    assert all(parts > 1 for parts in said["streamed"].values()), said


def test_what_somebody_changes_in_open_webuis_database_is_told_and_put_back(host: Host) -> None:
    change = """
path = "/api/v1/auths/admin/config"
config = {key: value for key, value in json.loads(ask(path, token=login())[1]).items() if "MFA" not in key}
print(ask(path, {**config, "ENABLE_SIGNUP": True}, login())[0])
"""
    assert userdata.open_webui(host.lab, "change", change) == "200"
    seen = gpuhost("verify", "--site", SITE, "--host", host.lab.name, "--only", "services", "--json")
    failed = {row["id"] for row in seen.document["hosts"][host.lab.name]["results"] if row["status"] == "fail"}
    assert (seen.code, failed) == (15, {"services.openwebui.login", "services.openwebui.setting.sign-up"})
    done = host.up()
    assert (done.code, list(done.document["hosts"][host.lab.name]["due"])) == (0, ["services", "verify"]), done.text
    assert (
        userdata.open_webui(host.lab, "look", "print(json.loads(ask('/api/config')[1])['features']['enable_signup'])")
        == "False"
    )


def test_it_stays_when_every_image_is_exchanged_for_a_newer_one(host: Host) -> None:
    before = host.containers()
    host.want(sources_registries=variant("newer"))
    done = host.up()
    assert done.code == 0, done.text
    after = host.containers()
    assert {name: row[3] for name, row in after.items()} == dict.fromkeys(EVERY, "newer")
    assert not {row[0] for row in before.values()} & {row[0] for row in after.values()}
    assert userdata.lost(host.lab, EVERY) == []


def test_an_upgrade_that_never_gets_healthy_ends_with_the_one_before(host: Host) -> None:
    before = host.containers()
    # One of them: the others' upgrade would be minutes of building what is never run.
    copies = variant("newer") | {"ghcr.io": variant("never-healthy")["ghcr.io"]}
    done = host.up(sources_registries=copies, services_healthy_timeout=40)
    assert done.code == 14, done.text
    assert "GH-CONTAINER-UNHEALTHY" in done.text
    assert "the one before it runs again" in done.text
    assert "this image starts, and never answers" in done.text
    host.comes_back()
    assert {name: (row[0], row[3]) for name, row in host.containers().items()} == {
        name: (row[0], row[3]) for name, row in before.items()
    }
    assert userdata.lost(host.lab, EVERY) == []


def taken(name: str) -> AbstractContextManager[Any]:
    return faults.port_taken(name, 3999)


#: What the site wants for one run, what is wrong meanwhile, the exit code, the finding, and a word of it.
TROUBLES = [
    pytest.param({"services_ports": {"anythingllm": 3999}}, taken, 11, "GH-PORT-TAKEN", "3999", id="port conflict"),
    pytest.param(
        {"sources_registries": variant("never-healthy")},
        lambda name: faults.mirror_stopped(),
        11,
        "GH-NET-",
        "gpuhost-lab-mirror:5000",
        id="registry down",
    ),
    pytest.param(
        {"sources_registries": variant("nothing-is-here")},
        lambda name: nullcontext(),
        14,
        "GH-PULL-NOT-FOUND",
        "nothing-is-here",
        id="no such image",
    ),
    pytest.param(
        {"sources_registries": variant("other-architecture")},
        lambda name: nullcontext(),
        14,
        "GH-IMAGE-ARCH",
        "arm64",
        id="image for another processor",
    ),
    pytest.param(
        {},
        lambda name: faults.owned_by_root(name, "/srv/gpuhost/jupyter/notebooks"),
        14,
        "GH-DATA-OWNER",
        "chown -R 1000:1000 /srv/gpuhost/jupyter/notebooks",
        id="owner of the data",
    ),
    pytest.param(
        {"services_native": ["ollama"], "sources_programs_sha256": {"ollama-linux-amd64.tar.zst": "0" * 64}},
        lambda name: nullcontext(),
        14,  # not 17, which promises that nothing was changed: what unpacks it is there by then
        "GH-DIGEST",
        "ollama-linux-amd64.tar.zst",
        id="program with another digest",
    ),
]


@pytest.mark.parametrize(("wishes", "trouble", "code", "finding", "word"), TROUBLES)
def test_what_goes_wrong_is_told_and_every_container_runs_on(
    host: Host, wishes: dict[str, Any], trouble: Any, code: int, finding: str, word: str
) -> None:
    before = host.containers()
    with trouble(host.lab.name):
        done = host.up(**wishes)
    assert (done.code, finding in done.text, word in done.text) == (code, True, True), done.text
    assert "Traceback" not in done.text
    assert host.containers() == before
    assert userdata.lost(host.lab, EVERY) == []


def test_a_disk_that_gets_full_during_a_pull_is_told_and_the_others_run_on(host: Host) -> None:
    # Variants that were fetched for nothing have the same layers: they go too.
    images = "docker image ls --format '{{.Repository}}:{{.Tag}}' | grep /anythingllm:"
    host.lab.run(f"docker rm --force gpuhost-anythingllm; {images} | xargs docker rmi")
    before = host.containers()
    # Where the engine puts what it fetches, before it unpacks it.
    with faults.small_disk(host.lab.name, "/var/lib/docker/tmp", 1 << 20):
        done = host.up()
    assert (done.code, "GH-DISK-FULL" in done.text) == (14, True), done.text
    assert host.containers() == before
    assert sorted(before) == sorted({*EVERY} - {"anythingllm"})


def test_it_stays_when_containers_are_made_anew_with_other_settings(host: Host) -> None:
    """The one whose container somebody removed as well."""
    before = host.containers()
    host.want(services_ports={"anythingllm": 3901, "jupyter": 3902, "llamacpp": 3903, "ollama": 3904, "openwebui": 3905})
    done = host.up()
    assert done.code == 0, done.text
    after = host.containers()
    assert sorted(after) == sorted(EVERY)
    assert not {row[0] for row in before.values()} & {row[0] for row in after.values()}
    assert userdata.address(host.lab, "ollama").endswith(":3904")
    assert userdata.lost(host.lab, EVERY) == []


def test_it_stays_when_the_host_starts_anew_and_nobody_does_anything(host: Host) -> None:
    before = host.containers()
    host.lab.docker("restart")
    host.comes_back()
    assert {name: row[0] for name, row in host.containers().items()} == {name: row[0] for name, row in before.items()}
    assert userdata.lost(host.lab, EVERY) == []
