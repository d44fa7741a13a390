"""The record of a host, for reading, for programs and for a report of a fault: and no secret in any of them."""

from __future__ import annotations

import json
import re
import stat
import tarfile
from pathlib import Path

import pytest

from tests.lab.conftest import SITE, Fleet, gpuhost

pytestmark = pytest.mark.lab

CANARY = "hf_aKiT7dWq0zXcVbNm4LpRsYuE2gHj"


def test_a_record_is_read_by_people_and_programs(fleet: Fleet) -> None:
    host = fleet.debian13
    shown = gpuhost("info", "--site", SITE, "--host", host.name)
    assert shown.code == 0, shown.text
    for words in (
        "SIMULATED the GPU of this host is a simulation of the lab",
        "Debian GNU/Linux 13",
        "Radeon RX 6600",
        "/dev/kfd root:render 0660",
        "rocminfo exit status",
        "built for processors alone; asked as gpuhost",
        "ones, tensor, matmul, conv are right",
        "gpuhost-ollama",
    ):
        assert words in shown.text, words
    assert "Traceback" not in shown.text
    done = gpuhost("info", "--site", SITE, "--host", host.name, "--json")
    document = done.document
    record, snapshot = document["records"][host.name], document["examined"][host.name]["snapshot"]
    assert record["tools"]["rocminfo"]["rc"] is not None
    assert [gpu["device_id"] for gpu in snapshot["gpus"] if gpu["amd"]] == ["73ff"]
    assert record["torch"][0]["seen"]["computed"]["cpu"]["matmul"]["error_ratio"] <= 1
    assert record["torch"][0]["seen"]["stopped"] == ""


def test_the_plan_of_a_recorded_host_is_that_of_the_host(fleet: Fleet, tmp_path: Path) -> None:
    saved = tmp_path / "host.json"
    saved.write_text(gpuhost("info", "--site", SITE, "--host", fleet.debian13.name, "--json").out)
    planned = gpuhost("plan", "--snapshot", str(saved), "--json")
    assert planned.code == 0, planned.text


def test_the_bundle_has_all_that_explains_a_fault_and_no_secret(fleet: Fleet, tmp_path: Path) -> None:
    host, path = fleet.debian13, tmp_path / "gpu.tar.gz"
    tokens = host.run("for f in /etc/gpuhost/secrets/*/*; do cat $f; echo; done; "
                      "grep -hoE '^(JWT_SECRET|SIG_[A-Z]+)=.*' /srv/gpuhost/anythingllm/.env")  # fmt: skip
    secrets = [line.split("=", 1)[-1].strip("'\"\n ") for line in tokens.splitlines() if line.strip()]
    assert len(secrets) >= 4
    host.run(f"printf '# access_token={CANARY}\noptions amdgpu gpu_recovery=1\n' > /etc/modprobe.d/canary.conf")
    try:
        done = gpuhost("info", "--site", SITE, "--host", host.name, "--bundle", str(path))
    finally:
        host.run("rm /etc/modprobe.d/canary.conf")
    assert done.code == 0, done.text
    assert "look through it before you send it" in done.text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers() if one.isfile()}
        texts = {
            name.partition("/")[2]: stream.read().decode("utf-8", "replace") for name, stream in files.items() if stream
        }
    below = {name.partition("/")[2] for name in texts}
    assert {"snapshot.json", "plan.json", "record.json", "tools/rocminfo.txt", "host/etc/modprobe.d/canary.conf"} <= below
    assert any(name.startswith("last-run/") for name in below)
    assert any(name.startswith("host/var/lib/gpuhost/seals/") for name in below)
    everything = "\n".join(texts.values())
    assert not [one for one in [*secrets, CANARY] if one in everything]
    kept = next(text for name, text in texts.items() if name.endswith("modprobe.d/canary.conf"))
    assert kept == "# access_token=<removed>\noptions amdgpu gpu_recovery=1\n"
    snapshot = next(json.loads(text) for name, text in texts.items() if name.endswith("/snapshot.json"))
    assert snapshot["simulated"]
    assert re.search(r"^\$ rocminfo\n", next(text for name, text in texts.items() if name.endswith("tools/rocminfo.txt")))
