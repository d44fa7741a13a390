"""The signing key: handed in once, never again while it waits, and never for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onhost import mok, paths
from onhost.finding import FindingError

# Keeps the firmware's lists as files: $FAKE/enrolled and $FAKE/new.
MOKUTIL = """#!/bin/sh
echo "$*" >> "$FAKE/calls"
if [ -e "$FAKE/no-efi" ]; then echo "EFI variables are not supported on this system" >&2; exit 1; fi
case $1 in
  --test-key)
    if [ -e "$FAKE/enrolled" ]; then echo "$2 is already enrolled"; exit 1; fi
    if [ -e "$FAKE/new" ]; then echo "$2 is already in the enrollment request"; exit 1; fi
    echo "$2 is not enrolled";;
  --import) cat > "$FAKE/password"; touch "$FAKE/new";;
esac
"""
OPENSSL = """#!/bin/sh
echo "openssl $*" >> "$FAKE/calls"
while [ $# -gt 0 ]; do case $1 in -keyout|-out) echo made > "$2";; esac; shift; done
"""
CERTIFICATE = mok.DKMS[0]


@pytest.fixture
def fake(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fake"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("mokutil", MOKUTIL), ("openssl", OPENSSL)):
        script = folder / "bin" / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    # The tests' own user owns what root owns on a host.
    monkeypatch.setattr(mok.secrets, "_exists", lambda path, *_: path.exists())
    monkeypatch.setattr(mok.secrets, "_create", create)
    return folder


def create(path: Path, data: bytes, *_: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def calls(fake: Path, word: str) -> int:
    path = fake / "calls"
    return sum(word in line for line in path.read_text().splitlines()) if path.exists() else 0


def reboot(root: Path, fake: Path, name: str, enrolled: bool = False) -> None:
    """MokManager was there: whatever the person did, the request is gone afterwards."""
    (root / "proc/sys/kernel/random/boot_id").write_text(f"{name}\n")
    (fake / "new").unlink(missing_ok=True)
    if enrolled:
        (fake / "enrolled").touch()


def test_a_key_is_made_handed_in_and_waits(fake: Path, root: Path) -> None:
    found = mok.ensure(None, None)
    assert found == {"state": "pending", "certificate": CERTIFICATE, "password_file": mok.PASSWORD, "changed": True}
    password = paths.under(mok.PASSWORD).read_text()
    assert len(password) == mok.LENGTH
    assert set(password) <= set(mok.ALPHABET)
    # Twice, since mokutil asks for it again; and by its input, since every user can read arguments.
    assert (fake / "password").read_text() == f"{password}\n{password}\n"
    assert password not in (fake / "calls").read_text()


def test_what_waits_is_not_handed_in_again(fake: Path, root: Path) -> None:
    mok.ensure(None, None)
    again = mok.ensure(None, None)
    assert (again["state"], again["changed"]) == ("pending", False)
    assert again["password_file"] == mok.PASSWORD
    assert calls(fake, "--import") == 1


def test_after_the_enrolment_nothing_of_it_is_left(fake: Path, root: Path) -> None:
    mok.ensure(None, None)
    reboot(root, fake, "boot-2", enrolled=True)
    assert mok.ensure(None, None) == {
        "state": "enrolled", "certificate": CERTIFICATE, "password_file": None, "changed": False
    }  # fmt: skip
    assert not paths.under(mok.PASSWORD).exists()
    assert not paths.enrolments().exists()


def test_whoever_never_enrols_it_is_told_and_the_host_is_left_alone(fake: Path, root: Path) -> None:
    for number in range(mok.LIMIT):
        assert mok.ensure(None, None)["state"] == "pending"
        reboot(root, fake, f"boot-{number + 2}")
    with pytest.raises(FindingError, match=f"handed in {mok.LIMIT} times") as caught:
        mok.ensure(None, None)
    assert caught.value.id == "GH-MOK-LOOP"
    assert calls(fake, "--import") == mok.LIMIT


def test_a_password_of_the_sites_own_is_used_and_not_kept(fake: Path, root: Path) -> None:
    found = mok.ensure(None, None, password="console42")
    assert found["password_file"] is None
    assert (fake / "password").read_text() == "console42\nconsole42\n"
    assert not paths.under(mok.PASSWORD).exists()


def test_without_efi_it_is_said_that_no_key_can_be_handed_in(fake: Path, root: Path) -> None:
    (fake / "no-efi").touch()
    with pytest.raises(FindingError, match="EFI variables are not supported") as caught:
        mok.ensure(None, None)
    assert caught.value.id == "GH-MOK-FAILED"
    assert calls(fake, "--import") == 0


def test_ubuntu_keeps_its_key_elsewhere(fake: Path, root: Path) -> None:
    (root / "etc/os-release").write_text("ID=ubuntu\nID_LIKE=debian\n")
    (root / "var/lib/shim-signed/mok").mkdir(parents=True)
    (root / mok.UBUNTU[0].lstrip("/")).write_text("there")
    assert mok.ensure(None, None)["certificate"] == mok.UBUNTU[0]


def test_a_question_changes_nothing(fake: Path, root: Path) -> None:
    assert mok.ensure(None, None, check=True)["state"] == "needed"
    assert calls(fake, "openssl") + calls(fake, "--import") == 0


@pytest.mark.parametrize(
    ("output", "state"),
    [
        ("/var/lib/dkms/mok.pub is not enrolled", "needed"),
        ("/var/lib/dkms/mok.pub is already enrolled", "enrolled"),
        ("SKIP: /var/lib/dkms/mok.pub is already enrolled", "enrolled"),
        ("/var/lib/dkms/mok.pub is already in the enrollment request", "pending"),
    ],
)
def test_mokutil_s_words(output: str, state: str) -> None:
    assert mok.told(output) == state
