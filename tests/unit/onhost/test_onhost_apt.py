"""apt: what its words mean, and transactions that take nothing else away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from onhost import apt_locks, dpkg, paths, step_apt
from onhost.apt_output import Status, classify, parse_candidates, parse_simulation, parse_sizes, parse_status
from onhost.finding import FindingError
from onhost.report import Report
from tests.unit.onhost.fake_host import FakeHost
from verify import scratch_apt


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("tools"), "tools")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (
            "dlstatus:1:9.0909:Retrieving file 1 of 12",
            Status("dlstatus", "1", 9.0909, "Retrieving file 1 of 12"),
        ),
        (
            "pmstatus:libc-bin:87.5:Running post-installation trigger libc-bin",
            Status("pmstatus", "libc-bin", 87.5, "Running post-installation trigger libc-bin"),
        ),
        (
            "pmstatus:libdrm2:amd64:12.5:Unpacking libdrm2 (amd64)",
            Status("pmstatus", "libdrm2:amd64", 12.5, "Unpacking libdrm2 (amd64)"),
        ),
        (
            "pmerror:x:50:installed post-installation script",
            Status("pmerror", "x", 50.0, "installed post-installation script"),
        ),
        ("something else", None),
        ("", None),
    ],
)
def test_status_lines(line: str, status: Status | None) -> None:
    assert parse_status(line) == status


@pytest.mark.parametrize(
    ("text", "id", "words"),
    [
        (
            "W: GPG error: https://m trixie InRelease: The following signatures couldn't be verified because the public "
            "key is not available: NO_PUBKEY 9386B48A1A693C5C",
            "GH-APT-SIGNATURE",
            "NO_PUBKEY",
        ),
        ("E: The repository 'https://m trixie InRelease' is not signed.", "GH-APT-SIGNATURE", "not signed"),
        (
            "Err:1 https://m InRelease\n  Sub-process /usr/bin/sqv returned an error code (1), error message is: "
            "Missing key D0F0, which is needed to verify signature.",
            "GH-APT-SIGNATURE",
            "Missing key",
        ),
        ("E: Release file for http://m/InRelease is expired (invalid since 3d).", "GH-APT-SIGNATURE", "expired"),
        ("E: Failed to fetch http://m/a.deb  Hash Sum mismatch", "GH-APT-SIGNATURE", "Hash Sum"),
        ("E: Failed to fetch http://m/a.deb  404  Not Found [IP: 1.2.3.4 80]", "GH-APT-UNREACHABLE", "404"),
        ("W: Failed to fetch http://m/InRelease  Temporary failure resolving 'm'", "GH-APT-UNREACHABLE", "resolving"),
        (
            "Err:1 https://m trixie InRelease\n  Certificate verification failed: The certificate is NOT trusted.",
            "GH-APT-UNREACHABLE",
            "Certificate",
        ),
        ("E: The repository 'http://m x Release' does not have a Release file.", "GH-APT-UNREACHABLE", "Release file"),
        ("Reading package lists...\nE: Unable to locate package rocminof", "GH-APT-NOT-FOUND", "rocminof"),
        ("E: Package 'x' has no installation candidate", "GH-APT-NOT-FOUND", "candidate"),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", "GH-DISK-FULL", "free space"),
        ("dpkg: error: failed to write: No space left on device", "GH-DISK-FULL", "No space"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1", "GH-APT-LOCKED", "lock"),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "GH-DPKG-INTERRUPTED", "interrupted"),
        (
            "The following packages have unmet dependencies:\n a : Depends: b\nE: Unable to correct problems, you have "
            "held broken packages.",
            "GH-APT-FAILED",
            "held broken",
        ),
        ("E: Sub-process /usr/bin/dpkg returned an error code (1)", "GH-APT-FAILED", "Sub-process"),
        ("", "GH-APT-FAILED", "said nothing"),
    ],
)
def test_apt_s_words_become_findings(text: str, id: str, words: str) -> None:
    found, seen = classify(text)
    assert found == id
    assert words in seen


SIMULATION = """Reading package lists...
The following packages will be REMOVED:
  docker-ce
The following NEW packages will be installed:
  docker.io runc
The following packages will be DOWNGRADED:
  containerd libx
0 upgraded, 2 newly installed, 2 downgraded, 1 to remove and 0 not upgraded.
Remv docker-ce [5:27.0]
Inst runc (1.1.5+ds1-1 Debian:12.5/stable [amd64])
Inst docker.io (20.10.24 Debian:12.5/stable [amd64])
Inst containerd [1.7.0] (1.6.20 Debian:12.5/stable [amd64])
Conf runc (1.1.5+ds1-1 Debian:12.5/stable [amd64])
"""


def test_a_simulation_is_read_as_what_comes_goes_and_shrinks() -> None:
    plan = parse_simulation(SIMULATION)
    assert (plan.new, plan.upgraded) == (["runc", "docker.io"], ["containerd"])
    assert (plan.removed, plan.downgraded) == (["docker-ce"], ["containerd", "libx"])


def test_download_sizes_are_summed() -> None:
    text = "'http://m/a.deb' a_1_amd64.deb 1200 SHA256:1\n'http://m/b.deb' b_1_amd64.deb 34 SHA256:2\nnoise 9\n"
    assert parse_sizes(text) == 1234


def test_a_loss_is_refused_before_anything_changes(host: FakeHost, report: Report) -> None:
    host.say("simulation", SIMULATION)
    with pytest.raises(FindingError, match="remove docker-ce, downgrade containerd") as caught:
        step_apt.run({"packages": ["docker.io"]}, report)
    assert caught.value.id == "GH-APT-REMOVES"
    assert not [call for call in host.noted("apt") if " -s " not in f" {call} " and " update " not in f" {call} "]


def test_a_loss_that_was_agreed_to_is_no_reason_to_refuse(host: FakeHost, report: Report) -> None:
    host.say("simulation", "Remv docker-ce [5:27.0]\nInst docker.io (20 Debian [amd64])\n")
    step_apt.run({"packages": ["docker.io"], "remove_allowed": ["docker-ce"]}, report)
    assert "--no-remove" not in host.noted("apt")[-1]


def test_the_transaction_waits_for_locks_keeps_configuration_and_removes_nothing(host: FakeHost, report: Report) -> None:
    step_apt.run({"packages": ["tool"]}, report)
    words = host.noted("apt")[-1].split()
    for option in ("--no-remove", "--no-install-recommends", "DPkg::Lock::Timeout=600", "Dpkg::Options::=--force-confold"):
        assert option in words
    assert not [word for word in words if "unsafe" in word]


def test_a_transaction_trusts_the_sites_authorities_where_the_host_has_no_trust_store(
    host: FakeHost, report: Report, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch_apt, "SYSTEM_AUTHORITIES", str(root / "none.crt"))
    (root / "site.crt").write_text("the site's\n")
    step_apt.run({"packages": ["tool"], "ca": ["/site.crt"]}, report)
    told = [[word for word in call.split() if word.startswith("Acquire::https::CAInfo=")] for call in host.noted("apt")]
    asking = [words for words, call in zip(told, host.noted("apt"), strict=True) if "--print-uris" not in call]
    assert asking
    assert all(asking)
    assert set(host.noted("authorities")) == {"the site's"}
    assert not Path(asking[0][0].partition("=")[2]).exists()


def test_a_transaction_of_a_host_without_such_authorities_is_told_of_none(host: FakeHost, report: Report) -> None:
    step_apt.run({"packages": ["tool"]}, report)
    assert "CAInfo" not in " ".join(host.noted("apt"))


def test_a_source_of_ours_that_fails_stops_the_step(host: FakeHost, report: Report, root: Path) -> None:
    lists = root / "etc" / "apt" / "sources.list.d"
    lists.mkdir(parents=True)
    (lists / "gpuhost.sources").write_text("Types: deb\nURIs: https://mirror.site/debian\nSuites: trixie\n")
    host.say("update", "W: GPG error: https://mirror.site/debian trixie InRelease: NO_PUBKEY 0701EACD\n")
    with pytest.raises(FindingError, match="NO_PUBKEY") as caught:
        step_apt.run({"packages": ["tool"]}, report)
    assert caught.value.id == "GH-APT-SIGNATURE"
    assert "tool" not in dpkg.installed()


def test_a_foreign_source_that_fails_does_not(host: FakeHost, report: Report) -> None:
    host.say("update", "W: Failed to fetch https://elsewhere/InRelease  404  Not Found\n")
    assert step_apt.run({"packages": ["tool"]}, report)["installed"] == ["tool"]


def test_a_package_that_cannot_be_found_names_the_source_that_failed(host: FakeHost, report: Report) -> None:
    host.say("update", "E: Failed to fetch https://elsewhere/InRelease  404  Not Found\n")
    host.say("simulation", "E: Unable to locate package tool\n")
    host.say("simulation.rc", "100")
    with pytest.raises(FindingError, match="elsewhere") as caught:
        step_apt.run({"packages": ["tool"]}, report)
    assert caught.value.id == "GH-APT-UNREACHABLE"


@pytest.mark.parametrize("name", ["--allow-unauthenticated", "a b", "a;b", "A"])
def test_an_option_is_no_package(host: FakeHost, report: Report, name: str) -> None:
    with pytest.raises(FindingError, match="no package"):
        step_apt.run({"packages": [name]}, report)
    assert host.noted("apt") == []


@pytest.mark.parametrize(
    ("asked", "needed"),
    [("rocminfo", False), ("rocminfo=5.2.3-2", False), ("rocminfo=1.0.0.70204-93", True), ("rocm-core", True)],
)
def test_another_version_than_the_one_asked_for_is_as_good_as_none(root: Path, asked: str, needed: bool) -> None:
    assert step_apt.needed({"packages": [asked]}) is needed


POLICY = """rocm-core:
  Installed: 7.2.3
  Candidate: 7.2.4.70204-93~24.04
  Version table:
     7.2.4.70204-93~24.04 600
rocminfo:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_candidates_are_what_a_source_offers() -> None:
    assert parse_candidates(POLICY) == {"rocm-core": "7.2.4.70204-93~24.04"}


def test_nothing_goes_before_what_takes_its_place_can_be_had(host: FakeHost, report: Report) -> None:
    host.say("policy", POLICY)
    with pytest.raises(FindingError, match="no source offers rocminfo, rocm-gone") as caught:
        step_apt.run_remove({"packages": ["rocminfo"], "instead": ["rocm-core", "rocminfo", "rocm-gone"]}, report)
    assert caught.value.id == "GH-APT-NOT-FOUND"
    assert not [call for call in host.noted("apt") if " purge " in f" {call} "]
    host.say("simulation", "Purg rocminfo [5.2.3-2]\n")
    step_apt.run_remove({"packages": ["rocminfo"], "instead": ["rocm-core"]}, report)
    assert host.noted("apt")[-1].endswith("purge -y rocminfo")


def test_what_dpkg_left_half_done_is_seen(root: Path) -> None:
    assert dpkg.interrupted() == []
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/updates/0003").touch()
    assert dpkg.interrupted() == ["dpkg"]
    status = root / "var/lib/dpkg/status"
    status.write_text(
        status.read_text().replace(
            "Status: install ok installed\nVersion: 5.2.3-2", "Status: install ok half-configured\nVersion: 5.2.3-2"
        )
    )
    assert dpkg.interrupted() == ["rocminfo"]
    assert step_apt.needed({"packages": ["rocminfo"]})


@pytest.mark.parametrize(
    ("ours", "kept"),
    [
        (["rocminfo", "libhsa-runtime64-1"], {}),
        (["libhsa-runtime64-1"], {"libhsa-runtime64-1": "rocminfo"}),
        (["libc6", "rocminfo", "libhsa-runtime64-1"], {"libc6": "base-files"}),
    ],
)
def test_only_what_nobody_else_needs_may_go(root: Path, ours: list[str], kept: dict[str, str]) -> None:
    assert dpkg.needed_by_others(ours) == kept


def test_an_alternative_of_somebody_else_s_keeps_nothing_of_ours(root: Path) -> None:
    status = root / "var/lib/dpkg/status"
    more = "Package: {}\nStatus: install ok installed\nVersion: 1\n{}\n"
    status.write_text(
        "\n".join(
            [
                more.format("wants", "Depends: mta | exim4\n"),
                more.format("exim4", "Provides: mta\n"),
                more.format("ours", "Provides: mta\n"),
            ]
        )
    )
    assert dpkg.needed_by_others(["ours"]) == {}
    assert dpkg.needed_by_others(["ours", "exim4"]) == {"exim4": "wants"}


def test_the_holder_of_a_lock_is_named(root: Path, report: Report) -> None:
    lock = root / "var/lib/dpkg/lock-frontend"
    lock.touch()
    assert apt_locks.holder() == ""
    code = (
        "import fcntl, sys; lock = open(sys.argv[1], 'r+'); fcntl.lockf(lock, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert f"(pid {other.pid})" in apt_locks.holder()
        with pytest.raises(FindingError, match=f"pid {other.pid}") as caught:
            apt_locks.wait_until_free(report, limit=0, pause=0)
        assert caught.value.id == "GH-APT-LOCKED"
        other.communicate(b"")
    apt_locks.wait_until_free(report, limit=0, pause=0)
