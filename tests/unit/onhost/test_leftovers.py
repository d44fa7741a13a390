"""What AMD's installer left is cleaned, nothing else is touched, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from onhost import backups, leftovers, paths

ROCM_LIST = "deb [arch=amd64 signed-by=/etc/apt/keyrings/rocm.gpg] https://repo.radeon.com/rocm/apt/6.4.1 noble main\n"
AMDGPU_LIST = (
    "deb https://repo.radeon.com/amdgpu/6.4.1/ubuntu noble main\n#deb-src https://repo.radeon.com/amdgpu/6.4.1/ubuntu x y\n"
)
PIN = "Package: *\nPin: release o=repo.radeon.com\nPin-Priority: 600\n"
#: As the guide's two `echo … | tee -a` leave it behind a default file.
ADDUSER = '# /etc/adduser.conf\n#EXTRA_GROUPS="users"\n#ADD_EXTRA_GROUPS=0\n'
GUIDE = "ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS=video\nEXTRA_GROUPS=render\n"

CORE = "Types: deb\nURIs: https://stable.repo.amd.com/rocm/core/packages/ubuntu2404/\nSuites: stable\n"
OTHERS = [f"Types: deb\nURIs: http://{name}.example/\nSuites: x\n" for name in "ab"]

#: (path, kind, before, after); after None: the file is gone.
CASES = {
    "a list": ("/etc/apt/sources.list.d/rocm.list", "source", ROCM_LIST, None),
    "the driver's list, comment included": ("/etc/apt/sources.list.d/amdgpu.list", "source", AMDGPU_LIST, None),
    "a line among others": (
        "/etc/apt/sources.list",
        "source",
        f"deb http://deb.debian.org/debian trixie main\n{ROCM_LIST}# mine\n",
        "deb http://deb.debian.org/debian trixie main\n# mine\n",
    ),
    "deb822": (
        "/etc/apt/sources.list.d/amdrocm-stable.sources",
        "source",
        f"X-Repo-Id: amdrocm-stable\n{CORE}",
        None,
    ),
    "a stanza among others": (
        "/etc/apt/sources.list.d/all.sources",
        "source",
        "\n".join([OTHERS[0], CORE, OTHERS[1]]),
        "\n".join(OTHERS),
    ),
    "the pin": ("/etc/apt/preferences.d/rocm-pin-600", "pin", PIN, None),
    "a pin among others": (
        "/etc/apt/preferences",
        "pin",
        f"Package: vim\nPin: version 9.*\nPin-Priority: 700\n\n{PIN}",
        "Package: vim\nPin: version 9.*\nPin-Priority: 700",
    ),
    "a key": ("/etc/apt/keyrings/rocm.gpg", "key", "\x98\x01", None),
    "the linker's path": ("/etc/ld.so.conf.d/rocm.conf", "linker", "/opt/rocm/lib\n/opt/rocm/lib64\n", None),
    "a path among others": (
        "/etc/ld.so.conf.d/local.conf", "linker", "/opt/rocm-6.4.1/lib\n/opt/mine/lib\n", "/opt/mine/lib\n",
    ),
    "the guide's groups": ("/etc/adduser.conf", "extra_groups", ADDUSER + GUIDE, ADDUSER),
    "the guide's groups in one": (
        "/etc/adduser.conf", "extra_groups", ADDUSER + 'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="video render"\n', ADDUSER,
    ),
    "the guide's groups behind a site's own": (
        "/etc/adduser.conf",
        "extra_groups",
        f'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="audio plugdev"\n{GUIDE}',
        'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="audio plugdev"\nADD_EXTRA_GROUPS=1\n',
    ),
    "a site's own groups": (
        "/etc/adduser.conf",
        "extra_groups",
        'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="audio video"\n',
        'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="audio video"\n',
    ),
}  # fmt: skip


def put(root: Path, path: str, text: str) -> Path:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def planned(*found: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"path": path, "kind": kind} for path, kind in found]


@pytest.mark.parametrize(("path", "kind", "before", "after"), CASES.values(), ids=CASES)
def test_the_leftover_goes_and_the_rest_stays(root: Path, path: str, kind: str, before: str, after: str | None) -> None:
    file = put(root, path, before)
    file.chmod(0o640)
    outcome = leftovers.clean("rocm", planned((path, kind)))
    assert (file.read_text() if file.exists() else None) == after
    if after == before:
        assert (outcome.cleaned, outcome.backup, paths.backup().exists()) == ([], "", False)
        return
    assert outcome.cleaned == [path]
    kept = root / outcome.backup.lstrip("/") / path.lstrip("/")
    assert kept.read_text() == before
    assert kept.stat().st_mode & 0o777 == 0o640
    assert after is None or file.stat().st_mode & 0o777 == 0o640
    assert leftovers.clean("rocm", planned((path, kind))).cleaned == []


def test_only_root_gets_into_a_backup_and_it_says_what_it_holds(root: Path) -> None:
    put(root, "/etc/apt/sources.list.d/rocm.list", ROCM_LIST)
    put(root, "/etc/apt/preferences.d/rocm-pin-600", PIN)
    wanted = planned(("/etc/apt/sources.list.d/rocm.list", "source"), ("/etc/apt/preferences.d/rocm-pin-600", "pin"))
    folder = root / leftovers.clean("rocm", wanted).backup.lstrip("/")
    assert {path.stat().st_mode & 0o777 for path in (paths.backup(), folder)} == {0o700}
    manifest = folder / "manifest.json"
    assert manifest.stat().st_mode & 0o777 == 0o600
    document = json.loads(manifest.read_text())
    assert (document["role"], [one["path"] for one in document["files"]]) == ("rocm", [one["path"] for one in wanted])
    assert backups.of_role("rocm") == {f"/{folder.relative_to(root)}": [one["path"] for one in wanted]}
    assert backups.of_role("amdgpu") == {}


def test_a_second_cleaning_gets_a_folder_of_its_own(root: Path) -> None:
    found = []
    for text in (ROCM_LIST, ROCM_LIST.replace("6.4.1", "6.4.2")):
        file = put(root, "/etc/apt/sources.list.d/rocm.list", text)
        found.append(leftovers.clean("rocm", planned(("/etc/apt/sources.list.d/rocm.list", "source"))).backup)
        assert not file.exists()
    kept = [(root / folder.lstrip("/") / "etc/apt/sources.list.d/rocm.list").read_text() for folder in found]
    assert kept == [ROCM_LIST, ROCM_LIST.replace("6.4.1", "6.4.2")]


def test_what_the_plan_does_not_list_stays(root: Path) -> None:
    rocm, amdgpu = (put(root, f"/etc/apt/sources.list.d/{name}.list", ROCM_LIST) for name in ("rocm", "amdgpu"))
    leftovers.clean("rocm", planned(("/etc/apt/sources.list.d/rocm.list", "source")))
    assert (rocm.exists(), amdgpu.exists()) == (False, True)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/etc/passwd", "source"), ("/etc/apt/sources.list.d/gpuhost-rocm.sources", "source"), ("/etc/passwd", "key")],
)
def test_what_is_no_leftover_stays_whatever_a_plan_says(root: Path, path: str, kind: str) -> None:
    file = put(root, path, "Types: deb\nURIs: https://repo.radeon.com/rocm\nSuites: x\n")
    assert leftovers.clean("rocm", planned((path, kind))).cleaned == []
    assert file.exists()


def test_asking_changes_nothing(root: Path) -> None:
    file = put(root, "/etc/apt/sources.list.d/rocm.list", ROCM_LIST)
    wanted = planned(("/etc/apt/sources.list.d/rocm.list", "source"))
    assert leftovers.clean("rocm", wanted, check=True).cleaned == ["/etc/apt/sources.list.d/rocm.list"]
    assert (file.read_text(), paths.backup().exists()) == (ROCM_LIST, False)


def test_packages_are_left_to_a_package_step(root: Path) -> None:
    assert leftovers.clean("rocm", planned(("amdgpu-install", "package"))).cleaned == []


def test_of_a_link_only_the_link_goes(root: Path) -> None:
    target = put(root, "/srv/shared/rocm.list", ROCM_LIST)
    link = root / "etc/apt/sources.list.d/rocm.list"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../srv/shared/rocm.list")
    outcome = leftovers.clean("rocm", planned(("/etc/apt/sources.list.d/rocm.list", "source")))
    assert (link.is_symlink(), target.read_text()) == (False, ROCM_LIST)
    kept = root / outcome.backup.lstrip("/") / "etc/apt/sources.list.d/rocm.list"
    assert (kept.is_symlink(), kept.with_name(f"rocm.list{backups.CONTENT}").read_text()) == (True, ROCM_LIST)


def test_a_link_without_leftovers_stays_a_link_and_bytes_stay_bytes(root: Path) -> None:
    target = put(root, "/srv/adduser.conf", 'ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS="audio video"\n')
    link = root / "etc/adduser.conf"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../srv/adduser.conf")
    assert leftovers.clean("rocm", planned(("/etc/adduser.conf", "extra_groups"))).cleaned == []
    assert link.is_symlink()
    target.write_bytes(b"# caf\xe9\n" + GUIDE.encode())
    assert leftovers.clean("rocm", planned(("/etc/adduser.conf", "extra_groups"))).cleaned == ["/etc/adduser.conf"]
    assert (link.is_symlink(), link.read_bytes()) == (False, b"# caf\xe9\n")


def test_a_link_to_more_than_leftovers_becomes_a_file_with_the_rest(root: Path) -> None:
    theirs = "deb http://deb.debian.org/debian trixie main\n"
    target = put(root, "/srv/shared/sources.list", theirs + ROCM_LIST)
    target.chmod(0o640)
    link = root / "etc/apt/sources.list"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("../../srv/shared/sources.list")
    wanted = planned(("/etc/apt/sources.list", "source"))
    outcome = leftovers.clean("rocm", wanted)
    assert (link.is_symlink(), link.read_text(), link.stat().st_mode & 0o777) == (False, theirs, 0o640)
    assert target.read_text() == theirs + ROCM_LIST, "others may read what the link led to"
    kept = root / outcome.backup.lstrip("/") / "etc/apt/sources.list"
    assert kept.is_symlink()
    assert kept.with_name(f"sources.list{backups.CONTENT}").read_text() == theirs + ROCM_LIST
    assert leftovers.clean("rocm", wanted).cleaned == []
