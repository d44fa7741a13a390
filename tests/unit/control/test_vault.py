"""A site's encrypted variables: found, opened by whoever has the password, and refused with a finding otherwise."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control import inventory, vault
from control.inventory import BadInputError
from control.passwords import Passwords

PASSWORD = "hunter22"


@pytest.fixture(scope="module", autouse=True)
def no_password_is_configured() -> Iterator[None]:
    """Whoever runs the tests may have told Ansible of a password: here the test alone says which there is."""
    with pytest.MonkeyPatch.context() as patch:
        for name in vault.CONFIGURED:
            patch.delenv(name, raising=False)
        yield


def closed(text: str) -> str:
    """The text as ansible-vault writes it."""
    tool = str(Path(sys.executable).with_name("ansible-vault"))
    with Passwords(vault=PASSWORD).handed() as (words, handles):
        command = [tool, "encrypt", *words, "--output", "-"]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True, pass_fds=handles).stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that is encrypted as a whole, and one with an encrypted value."""
    folder = tmp_path_factory.mktemp("inventory") / "here"
    (folder / "group_vars" / "all").mkdir(parents=True)
    (folder / "hosts.yml").write_text("gpuhost: {hosts: {gpu01: {}}}\n")
    (folder / "group_vars" / "all" / "vault.yml").write_text(closed("services_secrets: {jupyter: {token: planted}}\n"))
    inline = closed("planted").replace("\n", "\n      ")
    text = f"services_secrets:\n  jupyter:\n    token: !vault |\n      {inline}\nservces_enabled: []\n"
    (folder / "group_vars" / "all" / "site.yml").write_text(text)
    return folder


def test_a_file_that_is_closed_is_no_mistake_and_beside_it_everything_is_still_read(site: Path) -> None:
    assert [one.id for one in inventory.check_site(site)] == ["GH-INPUT-UNKNOWN-VARIABLE"]


def test_both_kinds_are_found(site: Path) -> None:
    ((where, text),) = vault.texts(site).values()
    assert where.endswith("here/group_vars/all/site.yml")
    assert text.startswith("$ANSIBLE_VAULT;1.1;AES256")
    (site / "group_vars" / "all" / "site.yml").rename(site / "away")
    try:
        ((where, _),) = vault.texts(site / "group_vars").values()
        assert where.endswith("vault.yml")
    finally:
        (site / "away").rename(site / "group_vars" / "all" / "site.yml")


def test_without_a_password_and_a_terminal_it_is_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(BadInputError) as caught:
        vault.password([site], {})
    (found,) = caught.value.findings
    assert found.id == "GH-INPUT-VAULT"
    assert "group_vars/all/site.yml is encrypted, and no password is given" in found.seen


class Terminal:
    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        """What getpass is not asked for here."""


@pytest.mark.parametrize("typed", [PASSWORD, "another"])
def test_on_a_terminal_it_asks_and_the_password_is_tried(site: Path, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed)
    if typed == PASSWORD:
        assert vault.password([site], dict(os.environ)) == PASSWORD
        return
    with pytest.raises(BadInputError) as caught:
        vault.password([site], dict(os.environ))
    (found,) = caught.value.findings
    assert "ecryption failed" in found.seen
    assert "planted" not in found.seen


def test_where_ansible_knows_the_password_nobody_is_asked(site: Path, tmp_path: Path) -> None:
    kept = tmp_path / "password"
    kept.write_text(f"{PASSWORD}\n")
    assert vault.password([site], {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(kept)}) is None


def test_a_site_without_anything_encrypted_needs_no_password(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("gpuhost: {hosts: {gpu01: {}}}\n")
    assert vault.password([tmp_path], {}) is None
