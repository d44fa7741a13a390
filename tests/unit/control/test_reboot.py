"""Who may reboot what, and what a person is told instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from control import enrolment, reboot
from control.exitcodes import ExitCode

REASONS = ["the loaded amdgpu is another build"]


@pytest.mark.parametrize(
    ("mode", "confirmed", "own", "words"),
    [
        ("auto", False, False, None),
        ("auto", True, True, None),
        ("auto", False, True, "up --yes"),
        ("never", True, False, "amdgpu_reboot is never"),
        ("never", True, True, "amdgpu_reboot is never"),
    ],
)
def test_a_reboot_is_left_to_a_person_where_it_must_be(mode: str, confirmed: bool, own: bool, words: str | None) -> None:
    found = reboot.objection("gpu01", REASONS, mode, confirmed, own)
    if words is None:
        assert found is None
        return
    assert found is not None
    assert (found.id, found.exit_code) == ("GH-REBOOT-NEEDED", ExitCode.ACT)
    assert words in found.sentence()
    assert REASONS[0] in found.seen
    assert "./gpuhost up" in found.next
    assert "<" not in found.next


def test_this_machine_is_known_by_its_boot() -> None:
    assert reboot.is_this_machine(reboot.BOOT_ID.read_text().strip())
    assert not reboot.is_this_machine("another")


def test_the_last_words_say_what_to_run_afterwards() -> None:
    found = reboot.leaving("localhost", REASONS, 20)
    assert "20 seconds" in found.seen
    assert "./gpuhost up" in found.next


def test_a_slow_host_is_no_failed_one() -> None:
    found = reboot.slow("gpu01", 900, "Timed out waiting for last boot time check")
    assert found.exit_code is ExitCode.STEP_FAILED
    assert "900 to 1800 s" in found.seen
    assert "amdgpu_reboot_timeout" in found.next


@pytest.mark.parametrize(
    ("content", "password", "words"),
    [
        ("console42\n", "console42", None),
        ("", "", "no password"),
        ("two words", "", "no password"),
        ("pässword", "", "no password"),
    ],
)
def test_a_password_has_to_be_typeable(tmp_path: Path, content: str, password: str, words: str | None) -> None:
    path = tmp_path / "password"
    path.write_text(content)
    found, problem = enrolment.password("gpu01", str(path))
    assert found == password
    assert (problem is None) == (words is None)
    if problem and words:
        assert problem.id == "GH-INPUT-FILE"
        assert words in problem.seen
        assert content.strip() == "" or content.strip() not in problem.sentence()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, problem = enrolment.password("gpu01", str(tmp_path / "none"))
    assert problem is not None
    assert "amdgpu_mok_password_file" in problem.next


@pytest.mark.parametrize(("given", "kept"), [("", "/etc/gpuhost/secrets/mok/password"), ("~/mok", None)])
def test_the_steps_for_the_console_are_complete(given: str, kept: str | None) -> None:
    found = enrolment.finding("gpu01", "/var/lib/dkms/mok.pub", given, kept)
    assert found.exit_code is ExitCode.ACT
    for word in ("Enroll MOK", "Continue", "Yes", "Reboot", "./gpuhost up"):
        assert word in found.next
    assert (f"sudo cat {kept}" in found.next) == bool(kept)
    assert given in found.seen
