"""Breaking one thing turns the right check red with a useful sentence, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.conftest import SITE, Done, Fleet, LabHost, gpuhost

pytestmark = pytest.mark.lab


def verify(host: LabHost) -> Done:
    return gpuhost("verify", "--site", SITE, "--host", host.name, "--json")


def checks(done: Done) -> dict[str, dict[str, Any]]:
    """Results of the one host by id."""
    hosts = done.document["hosts"]
    entry = next(iter(hosts.values())) if isinstance(hosts, dict) else hosts[0]
    return {one["id"]: one for one in entry["results"]}


@contextmanager
def broken(host: LabHost, break_it: str, mend_it: str) -> Iterator[None]:
    host.run(break_it)
    try:
        yield
    finally:
        host.run(mend_it)


def test_a_sound_host_has_many_checks_and_none_fails(fleet: Fleet) -> None:
    done = verify(fleet.debian13)
    found = checks(done)
    assert done.code == 0, done.text[-3000:]
    assert len(found) >= 30
    assert not [one for one in found.values() if one["status"] == "fail"]


def test_nothing_about_a_simulated_gpu_reads_as_a_pass(fleet: Fleet) -> None:
    about_gpu = {key: one for key, one in checks(verify(fleet.debian13)).items() if key.startswith("driver.")}
    assert about_gpu
    assert {one["status"] for one in about_gpu.values()} == {"unverifiable"}


@pytest.mark.parametrize(
    ("break_it", "mend_it", "subject", "said"),
    [
        ("docker stop gpuhost-ollama", "docker start gpuhost-ollama; sleep 8", "ollama", "not running"),
        ("chgrp root /dev/kfd", "chgrp render /dev/kfd", "access", "/dev/kfd"),
        (
            "docker cp gpuhost-anythingllm:/app/server/public/index.html /tmp/page.html;"
            " echo '<html><title>502 Bad Gateway</title></html>' > /tmp/bad.html;"
            " docker cp /tmp/bad.html gpuhost-anythingllm:/app/server/public/index.html",
            "docker cp /tmp/page.html gpuhost-anythingllm:/app/server/public/index.html",
            "anythingllm",
            "page",
        ),
    ],
    ids=["Ollama stopped", "device group broken", "AnythingLLM shows an error page"],
)
def test_one_broken_thing_is_one_cause(fleet: Fleet, break_it: str, mend_it: str, subject: str, said: str) -> None:
    host = fleet.debian12
    with broken(host, break_it, mend_it):
        done = verify(host)
        failed = [one for one in checks(done).values() if one["status"] == "fail"]
    assert done.code == 15, done.text[-2000:]
    assert failed, "something was broken and nothing is red"
    assert all(subject in one["id"] for one in failed), [one["id"] for one in failed]
    assert said in " ".join(f"{one['why']} {one['seen']}" for one in failed)
    assert all(one["next"] for one in failed)
    assert verify(host).code == 0, "after mending everything is well again"
