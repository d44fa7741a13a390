"""Hosts are resolved, and mistakes told, before any host is asked."""

from pathlib import Path

import pytest

from control import inventory
from control.inventory import BadInputError, select


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site called `mine` with two hosts, in a repository of its own."""
    common = tmp_path / "inventory" / "common"
    common.mkdir(parents=True)
    (common / "hosts.yml").write_text("gpuhost:\n  hosts: {}\n")
    folder = tmp_path / "inventory" / "mine"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text("gpuhost:\n  hosts:\n    gpu01:\n      rocm_stream: none\n    gpu02: {}\n")
    monkeypatch.setattr(inventory, "INVENTORY_DIR", tmp_path / "inventory")
    monkeypatch.setattr(inventory, "COMMON_INVENTORY", common)
    return folder


def ids(caught: pytest.ExceptionInfo[BadInputError]) -> list[str]:
    return [one.id for one in caught.value.findings]


def test_a_site_means_all_its_hosts_and_common_comes_first(site: Path, tmp_path: Path) -> None:
    chosen = select("mine", "", tmp_path)
    assert chosen.hosts == ("gpu01", "gpu02")
    assert [path.name for path in chosen.inventories] == ["common", "mine"]
    assert not chosen.limited


def test_hosts_of_a_site_limit_the_run(site: Path, tmp_path: Path) -> None:
    chosen = select("mine", "gpu02", tmp_path)
    assert (chosen.hosts, chosen.limited) == (("gpu02",), True)


def test_hosts_outside_any_site_get_an_inventory_of_their_own(site: Path, tmp_path: Path) -> None:
    chosen = select("", "admin@gpu07:2222,gpu08", tmp_path / "run")
    assert chosen.hosts == ("gpu07", "gpu08")
    text = (tmp_path / "run" / "inventory" / "hosts.yml").read_text()
    assert '"ansible_user": "admin"' in text
    assert '"ansible_port": 2222' in text


def test_an_unknown_site_is_told_with_the_nearest(site: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        select("mime", "", tmp_path)
    assert ids(caught) == ["GH-INPUT-UNKNOWN-SITE"]
    assert "mine" in caught.value.findings[0].next


def test_every_unknown_host_is_told_at_once(site: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        select("mine", "gpu1,gpu02,nowhere", tmp_path)
    assert ids(caught) == ["GH-INPUT-UNKNOWN-HOST"] * 2


@pytest.mark.parametrize("hosts", [",", "user@", "host:port"])
def test_a_host_list_that_means_nothing_is_refused(site: Path, tmp_path: Path, hosts: str) -> None:
    with pytest.raises(BadInputError) as caught:
        select("", hosts, tmp_path)
    assert ids(caught) == ["GH-INPUT-UNKNOWN-HOST"]


def test_an_empty_group_is_refused(site: Path, tmp_path: Path) -> None:
    (site / "hosts.yml").write_text("gpuhost:\n  hosts: {}\n")
    with pytest.raises(BadInputError) as caught:
        select("mine", "", tmp_path)
    assert ids(caught) == ["GH-INPUT-EMPTY-GROUP"]


def test_all_mistakes_of_all_files_are_told_with_file_and_name(site: Path, tmp_path: Path) -> None:
    (site / "group_vars" / "all.yml").write_text("rocm_strean: auto\nservices_enabled: ollama\n")
    (site / "hosts.yml").write_text("gpuhost:\n  hosts:\n    gpu01: {amdgpu_drver: inbox}\n  vars: {pytorch_build: fast}\n")
    with pytest.raises(BadInputError) as caught:
        select("mine", "", tmp_path)
    seen = " ".join(one.seen for one in caught.value.findings)
    assert len(caught.value.findings) == 4
    for part in ("inventory/mine/group_vars/all.yml", "rocm_strean", "services_enabled", "amdgpu_drver", "pytorch_build"):
        assert part in seen


def test_a_file_that_does_not_parse_is_told_with_its_line(site: Path, tmp_path: Path) -> None:
    (site / "group_vars" / "all.yml").write_text("a: 1\nb: [\n")
    with pytest.raises(BadInputError) as caught:
        select("mine", "", tmp_path)
    assert ids(caught) == ["GH-INPUT-INVENTORY"]
    assert "line 3" in caught.value.findings[0].seen


def test_encrypted_values_are_left_to_ansible(site: Path, tmp_path: Path) -> None:
    (site / "group_vars" / "all.yml").write_text("sources_apt_url: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n")
    assert select("mine", "", tmp_path).hosts == ("gpu01", "gpu02")


def test_machines_behind_one_address_are_told_apart_by_their_port(site: Path, tmp_path: Path) -> None:
    assert select("", "ada@gw:2201,ada@gw:2202", tmp_path / "run").hosts == ("gw", "gw-2202")


@pytest.mark.parametrize("name", ["../mine", "/etc", "mine/.."])
def test_a_path_is_no_site(site: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError) as caught:
        select(name, "", tmp_path)
    assert ids(caught) == ["GH-INPUT-UNKNOWN-SITE"]


def test_a_file_of_variables_that_is_none_is_told(site: Path, tmp_path: Path) -> None:
    (site / "group_vars" / "all.yml").write_text("- a list\n")
    with pytest.raises(BadInputError) as caught:
        select("mine", "", tmp_path)
    assert ids(caught) == ["GH-INPUT-INVENTORY"]
