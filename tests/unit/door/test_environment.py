"""When an environment counts as complete, and when it is only brought up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from control import environment


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a complete environment."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    interpreter = tmp_path / "python3.11"
    interpreter.touch(mode=0o755)
    (tmp_path / ".venv/bin/python").symlink_to(interpreter)
    (tmp_path / "docker/login").mkdir(parents=True)
    (tmp_path / "docker/login/requirements.txt").write_text("c==1\n")
    (tmp_path / "requirements.txt").write_text("a==1\n")
    (tmp_path / "requirements-dev.txt").write_text("-r requirements.txt\nb==1\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "PYTHON": tmp_path / ".venv/bin/python",
        "LOCK": tmp_path / ".venv.lock",
        "LOG": tmp_path / ".venv.log",
    }.items():
        monkeypatch.setattr(environment, name, value)
    for purpose in environment.REQUIREMENTS:
        stamp(tmp_path, purpose).write_text(environment.stamp_text(purpose, str(interpreter)))
    return tmp_path


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What :func:`environment.make` does, instead of doing it."""
    done: list[str] = []
    monkeypatch.setattr(environment, "_create", lambda: done.append("create"))
    monkeypatch.setattr(environment, "_install", lambda purpose: done.append(f"install {purpose}"))
    monkeypatch.setattr(environment, "_compile", lambda: done.append("compile"))
    return done


def stamp(place: Path, purpose: str) -> Path:
    return place / ".venv" / f"gpuhost-{purpose}.stamp"


def test_a_complete_environment_is_ready_for_both_purposes(place: Path) -> None:
    assert environment.ready("run")
    assert environment.ready("dev")


def test_without_its_stamp_nothing_is_ready(place: Path) -> None:
    stamp(place, "run").unlink()
    assert not environment.ready("run")


@pytest.mark.parametrize(("changed", "ready"), [("requirements.txt", ()), ("requirements-dev.txt", ("run",))])
def test_changed_pins_end_readiness_for_those_who_need_them(place: Path, changed: str, ready: tuple[str, ...]) -> None:
    with (place / changed).open("a") as file:
        file.write("c==1\n")
    assert tuple(purpose for purpose in ("run", "dev") if environment.ready(purpose)) == ready


def test_a_moved_repository_is_not_ready_since_its_scripts_name_the_old_place(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "ROOT", place.parent)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (place.parent / name).write_text((place / name).read_text())
    assert not environment.ready("run")


def test_an_exchanged_python_is_not_ready(place: Path) -> None:
    other = place / "python3.12"
    other.touch(mode=0o755)
    (place / ".venv/bin/python").unlink()
    (place / ".venv/bin/python").symlink_to(other)
    assert not environment.ready("run")


def test_nothing_is_done_where_all_is_there(place: Path, steps: list[str]) -> None:
    environment.make("dev")
    assert steps == []


def test_developers_tools_come_on_top_of_what_is_there(place: Path, steps: list[str]) -> None:
    stamp(place, "dev").unlink()
    environment.make("dev")
    assert steps == ["install dev", "compile"]
    assert environment.ready("dev")
    assert environment.ready("run")


def test_changed_requirements_do_not_make_a_new_environment(place: Path, steps: list[str]) -> None:
    (place / "requirements.txt").write_text("a==2\n")
    environment.make()
    assert steps == ["install run", "compile"]


@pytest.mark.parametrize("damage", ["no stamp", "no interpreter", "from another place"])
def test_what_cannot_be_trusted_is_made_anew(place: Path, steps: list[str], damage: str) -> None:
    if damage == "no stamp":
        stamp(place, "run").unlink()
    elif damage == "no interpreter":
        (place / "python3.11").unlink()
        (place / "requirements.txt").write_text("a==2\n")
    else:
        stamp(place, "run").write_text(environment.stamp_text("run", "/another/python"))
    environment.make()
    assert steps == ["create", "install run", "compile"]


def test_a_failure_leaves_no_stamp(place: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(purpose: str) -> None:
        raise environment.NotReadyError(environment.Trouble("seen", "why", "next"))

    monkeypatch.setattr(environment, "_install", fail)
    (place / "requirements.txt").write_text("a==2\n")
    with pytest.raises(environment.NotReadyError):
        environment.make()
    assert not stamp(place, "run").exists()
    assert not stamp(place, "dev").exists()


def test_a_folder_that_cannot_be_written_is_said_with_the_way_on(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "LOCK", place / "no such folder" / ".venv.lock")
    (place / "requirements.txt").write_text("a==2\n")
    with pytest.raises(environment.NotReadyError) as caught:
        environment.make()
    assert str(place) in caught.value.trouble.seen
    assert "owner" in caught.value.trouble.next


def test_the_output_of_a_failed_step_is_read_for_its_cause(place: Path) -> None:
    script = "echo 'ERROR: [Errno 28] No space left on device'; exit 1"
    with pytest.raises(environment.NotReadyError) as caught:
        environment._run(["/bin/sh", "-c", script], "Installing", environment.Progress(total=1))
    assert "the disk is full" in caught.value.trouble.seen
    assert "No space left" in (place / ".venv.log").read_text()
