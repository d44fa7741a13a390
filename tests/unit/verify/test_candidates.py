"""What archives offer, asked through apt: an apt in the test's own folder answers, and tells what it was asked."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from onhost import mirror
from verify import scratch_apt, snapshot
from verify.probes import candidates
from verify.probes.candidates import look_candidates, parse_madison

MADISON = """\
linux-headers-6.1.0-47-amd64 |  6.1.170-3 | http://deb.debian.org/debian bookworm/main amd64 Packages
linux-image-amd64 |  6.1.192-2 | http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
linux-image-amd64 |  6.1.176-1 | https://ada:s3cret@mirror.site/debian bookworm/main amd64 Packages
linux-image-amd64 |  6.1.176-1 | http://deb.debian.org/debian bookworm/main amd64 Packages
     linux | 6.1.176-1 | http://deb.debian.org/debian bookworm/main Sources
"""
NAMES = "linux-headers-6.1.0-47-amd64\nlinux-headers-6.1.0-44-amd64\nlinux-headers-6.1.0-47-cloud-amd64\n"
SOURCE = {"url": "https://mirror.site/debian", "suite": "bookworm", "components": ["main", "contrib"], "key": "99aa"}
IMAGES = [
    {"version": "6.1.192-2", "origin": "http://deb.debian.org/debian-security bookworm-security/main"},
    {"version": "6.1.176-1", "origin": "https://mirror.site/debian bookworm/main"},
]
# What the last call was given, the sources it then had, and the answer that the test put there.
SCRIPT = """#!/bin/sh
PATH=/usr/bin:/bin
here=$(dirname "$0")
for word in "$@"; do
  case $word in
    Dir::Etc::sourceparts=*) cat "${word#*=}"/*.sources "${word#*=}"/*.list 2>/dev/null > "$here/sources";;
  esac
done
echo "$(basename "$0") $*" >> "$here/calls"
case $* in
  *update*) cat "$here/update"; exit $(cat "$here/status");;
  *pkgnames*) cat "$here/names";;
  *madison*) cat "$here/madison";;
esac
"""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an apt whose update is well and which knows :data:`MADISON`."""
    folder = tmp_path / "apt"
    folder.mkdir()
    for name in ("apt-get", "apt-cache"):
        (folder / name).write_text(SCRIPT)
        (folder / name).chmod(0o755)
    for name, text in (("update", ""), ("status", "0"), ("names", NAMES), ("madison", MADISON)):
        (folder / name).write_text(text)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(scratch_apt, "PATH", str(folder))
    monkeypatch.setattr(scratch_apt, "HOSTS_SOURCES", tmp_path / "etc")
    monkeypatch.setattr(scratch_apt, "LISTS", tmp_path / "lists")
    monkeypatch.setattr(scratch_apt.tempfile, "tempdir", str(tmp_path))
    return folder


def test_nobody_asks_apt_unless_names_are_asked_for(apt: Path) -> None:
    assert look_candidates(None) == look_candidates({}) == look_candidates({"names": []}) == {}
    assert not (apt / "calls").exists()


def test_versions_come_newest_first_each_once_with_where_they_are(apt: Path) -> None:
    assert look_candidates({"names": ["linux-image-amd64"]})["linux-image-amd64"] == IMAGES


def test_a_pattern_stands_for_what_archives_have_and_a_name_without_a_version_stands_empty(apt: Path) -> None:
    found = look_candidates({"names": ["linux-headers-*-amd64", "amdgpu-dkms", "linux-modules-*"]})
    assert [name for name, rows in found.items() if rows] == ["linux-headers-6.1.0-47-amd64", "linux-image-amd64"]
    assert {name for name, rows in found.items() if not rows} == {"amdgpu-dkms", "linux-modules-*"}
    calls = (apt / "calls").read_text().splitlines()
    assert calls[1].endswith(" pkgnames linux-headers-")
    assert "linux-headers-6.1.0-44-amd64 linux-headers-6.1.0-47-amd64 linux-headers-6.1.0-47-cloud-amd64" in calls[-1]


def test_the_site_mirror_is_asked_with_its_key_alone_and_nothing_of_it_stays(apt: Path, tmp_path: Path) -> None:
    look_candidates({"names": ["linux-image-amd64"], "sources": [SOURCE], "ca": ["-----BEGIN"], "hosts_own": False})
    text = (apt / "sources").read_text()
    assert text.startswith(
        "Types: deb\nURIs: https://mirror.site/debian\nSuites: bookworm\nComponents: main contrib\nSigned-By: "
    )
    update = (apt / "calls").read_text().splitlines()[0]
    assert "Dir::Etc::sourcelist=/dev/null" in update
    assert "Acquire::https::CAInfo=" in update
    assert [path.name for path in tmp_path.glob("gpuhost-apt-*")] == []


def test_the_hosts_own_sources_count_and_its_lists_spare_a_download(apt: Path, tmp_path: Path) -> None:
    parts, lists = tmp_path / "etc" / "sources.list.d", tmp_path / "lists"
    parts.mkdir(parents=True)
    lists.mkdir()
    (parts / "debian.sources").write_text("Types: deb\nURIs: http://deb.debian.org/debian\n")
    (parts / "gpuhost.sources").write_text("Types: deb\nURIs: https://mirror.site/debian\n")
    for name in ("deb.debian.org_debian_dists_bookworm_InRelease", "deb.debian.org_x_Contents-amd64"):
        (lists / name).write_text("")
    kept = []
    (apt / "apt-get").write_text(
        SCRIPT.replace("case $* in\n", 'ls "$(dirname "$here")"/gpuhost-apt-*/lists > "$here/lists"\ncase $* in\n')
    )
    for sources in ([], [SOURCE]):
        look_candidates({"names": ["linux-image-amd64"], "sources": sources})
        kept.append((apt / "sources").read_text())
        assert (apt / "lists").read_text().split() == ["deb.debian.org_debian_dists_bookworm_InRelease", "partial"]
    assert "deb.debian.org" in kept[0]
    assert "mirror.site" in kept[0]
    assert kept[1].count("mirror.site") == 1


@pytest.mark.parametrize(
    ("said", "madison", "sources", "error"),
    [
        ("E: Failed to fetch https://mirror.site/debian/dists/bookworm/InRelease  404", MADISON, [SOURCE], "404"),
        ("W: GPG error: https://mirror.site/debian bookworm InRelease: NO_PUBKEY 0701EACD", MADISON, [SOURCE], "NO_PUBKEY"),
        ("E: Failed to fetch https://other.site/x  404", "", [], "other.site"),
        ("", "", [], "said nothing"),
    ],
)
def test_a_source_that_fails_is_an_error_where_it_was_asked_about_or_nothing_is_left(
    apt: Path, said: str, madison: str, sources: list[dict[str, str]], error: str
) -> None:
    for name, text in (("status", "100"), ("update", said + "\n"), ("madison", madison)):
        (apt / name).write_text(text)
    with pytest.raises(RuntimeError, match=error):
        look_candidates({"names": ["linux-image-amd64"], "sources": sources})


def test_somebody_elses_archive_that_is_down_takes_nothing_away(apt: Path) -> None:
    (apt / "status").write_text("100")
    (apt / "update").write_text("E: Failed to fetch https://download.example.org/dists/stable/InRelease  503\n")
    assert look_candidates({"names": ["linux-image-amd64"], "sources": [SOURCE]})["linux-image-amd64"] == IMAGES


def test_a_password_in_the_error_stays_on_the_host(apt: Path) -> None:
    (apt / "status").write_text("100")
    (apt / "update").write_text("E: Failed to fetch https://ada:s3cret@mirror.site/debian/x  401 Unauthorized\n")
    (apt / "madison").write_text("")
    with pytest.raises(RuntimeError, match="401") as caught:
        look_candidates({"names": ["linux-image-amd64"]})
    assert "s3cret" not in str(caught.value)


def test_an_apt_that_does_not_answer_is_stopped(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (apt / "apt-get").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (apt / "madison").write_text("")
    monkeypatch.setattr(candidates, "UPDATE_S", 0.2)
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match=r"no answer within 0\.2 s"):
        look_candidates({"names": ["linux-image-amd64"]})
    assert time.monotonic() - begun < 10


def test_a_system_without_apt_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="no apt"):
        look_candidates({"names": ["linux-image-amd64"]})


def test_the_snapshot_holds_what_was_asked_for_and_an_error_in_its_place(apt: Path) -> None:
    asked = {"candidates": {"names": ["linux-image-amd64"]}}
    assert snapshot.take("/", asked)["candidates"] == {**parse_madison(MADISON)}
    (apt / "apt-get").unlink()
    said = snapshot.take("/", asked)["candidates"]
    assert json.dumps(said).startswith('{"error": "RuntimeError: this system has no apt')


@pytest.mark.parametrize(
    ("status", "said", "finding"),
    [
        ("0", "Hit:1 https://mirror.site/debian bookworm InRelease", None),
        ("100", "E: The repository 'https://mirror.site/debian bookworm InRelease' is not signed.", "GH-APT-SIGNATURE"),
        ("100", "E: Failed to fetch https://mirror.site/x  Could not connect to mirror.site", "GH-APT-UNREACHABLE"),
    ],
)
def test_a_mirror_is_judged_by_its_release_file_before_it_is_trusted(
    apt: Path, status: str, said: str, finding: str | None
) -> None:
    (apt / "status").write_text(status)
    (apt / "update").write_text(said + "\n")
    problem = mirror.problem("https://mirror.site/debian", "bookworm", b"\x99", [])
    assert (problem and problem["id"]) == finding
    (call,) = (apt / "calls").read_text().splitlines()
    assert "Acquire::IndexTargets::deb::Packages::DefaultEnabled=false" in call
    assert "Signed-By: " in (apt / "sources").read_text()
