"""The site `lab` is one that Ansible and OpenSSH understand."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from control.lab import inventory
from control.lab.spec import HostSpec
from control.paths import ROLES_DIR

SPACED = Path("/home/a user/gpuhost clone/.lab")
ADDRESSES = {"gpuhost-lab-1": "10.213.77.11", "gpuhost-lab-2": "10.213.77.12"}
FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
AMD_FINGERPRINT = "76543210FEDCBA9876543210FEDCBA9876543210"


def group() -> dict:
    return inventory.hosts([HostSpec(1, 12), HostSpec(2, 13, None)], ADDRESSES, SPACED)["gpuhost"]


def test_every_host_is_in_the_group_gpuhost_with_its_address() -> None:
    assert {name: one["ansible_host"] for name, one in group()["hosts"].items()} == ADDRESSES


def test_debian_12_takes_wheels_and_debian_13_the_distributions_pytorch() -> None:
    assert [one["pytorch_build"] for one in group()["hosts"].values()] == ["cpu", "distro"]


def test_a_host_without_a_gpu_is_not_wished_to_be_cpu_only() -> None:
    assert "preflight_cpu_only" not in group()["hosts"]["gpuhost-lab-2"]


def test_a_path_with_spaces_reaches_openssh_whole() -> None:
    words = shlex.split(group()["vars"]["ansible_ssh_common_args"])
    assert words[:2] == ["-o", f'UserKnownHostsFile="{SPACED}/known_hosts"']
    done = subprocess.run(["ssh", *words, "-G", "host"], capture_output=True, text=True, check=True)
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said["userknownhostsfile"] == f"{SPACED}/known_hosts"
    assert said["stricthostkeychecking"] in ("true", "yes")


def test_every_wish_is_a_variable_of_a_role() -> None:
    known = {
        name
        for path in ROLES_DIR.glob("*/meta/argument_specs.yml")
        for name in yaml.safe_load(path.read_text())["argument_specs"]["main"].get("options", {})
    }
    wishes = {*inventory.wishes(SPACED, FINGERPRINT, AMD_FINGERPRINT), "pytorch_build"}
    assert wishes <= known


def test_every_source_is_the_mirror() -> None:
    wishes = inventory.wishes(SPACED, FINGERPRINT, AMD_FINGERPRINT)
    urls = [wishes["sources_apt_url"], wishes["sources_python_index"], wishes["sources_torch_index"]]
    urls += wishes["sources_registry_mirrors"]
    urls += wishes["sources_programs"].values()
    assert all(url.startswith("https://gpuhost-lab-mirror") for url in urls)
    assert wishes["sources_apt_key_fingerprint"] == FINGERPRINT


def test_what_is_written_is_read_back_and_an_equal_file_is_left_alone(tmp_path: Path) -> None:
    wishes = inventory.wishes(SPACED, FINGERPRINT, AMD_FINGERPRINT)
    inventory.write(tmp_path, {"gpuhost": group()}, wishes)
    path = tmp_path / "group_vars" / "all" / "lab.yml"
    assert yaml.safe_load(path.read_text()) == wishes
    before = path.stat().st_mtime_ns
    inventory.write(tmp_path, {"gpuhost": group()}, wishes)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("word", ["PRIVATE", "secret"])
def test_the_inventory_holds_paths_and_no_secrets(word: str) -> None:
    assert word not in yaml.safe_dump([group(), inventory.wishes(SPACED, FINGERPRINT, AMD_FINGERPRINT)])


def test_programs_of_the_mirror_have_digests_of_their_own() -> None:
    digests = {"ollama-linux-amd64.tar.zst": "a" * 64}
    assert inventory.wishes(SPACED, FINGERPRINT, AMD_FINGERPRINT, digests)["sources_programs_sha256"] == digests
