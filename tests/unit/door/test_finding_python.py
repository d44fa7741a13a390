"""The shell half of the door, on a PATH of its own where every tool is a stand-in of a few lines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from control.paths import ROOT

#: A Python that answers what `gpuhost` asks (new enough? able to make environments?), else says what it starts.
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) {new_enough} ;;
    *ensurepip*) [ -e {venv_there} ] ;;
    --version) echo "Python 3.8.10" ;;
    *) echo "{name} started: $*" ;;
esac
"""
#: Notes what it is asked; `install` makes the module venv appear.
APT_GET = """#!/bin/sh
echo "apt-get $*" >> {notes}
case "$*" in *install*) touch {marker} ;; esac
"""
NEEDED = ("sh", "dirname", "readlink", "sed", "head", "tail", "touch")


class Machine:
    """A folder that is the whole PATH of a start, beside a copy of the script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.repository = folder / "a repository"
        self.repository.mkdir()
        shutil.copy(ROOT / "gpuhost", self.repository)
        self.marker = folder / "venv-there"
        self.notes = folder / "notes"
        for name in NEEDED:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        self.user(0)

    def tool(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def user(self, number: int) -> None:
        self.tool("id", f"#!/bin/sh\necho {number}\n")

    def python(self, name: str, new_enough: bool = True, with_venv: bool = True) -> None:
        there = self.folder if with_venv else self.marker
        result = "exit 0" if new_enough else "exit 1"
        self.tool(name, PYTHON.format(name=name, new_enough=result, venv_there=there))

    def apt(self, offers: str = "python3.11-venv", depends: str = "") -> None:
        self.tool("apt-get", APT_GET.format(notes=self.notes, marker=self.marker))
        depends_line = f"  Depends: {depends}" if depends else ""
        answers = f'"depends "*) echo "{depends_line}" ;; "show {offers}") ;; *) exit 100 ;;'
        self.tool("apt-cache", f'#!/bin/sh\ncase "$1 $2" in {answers} esac\n')

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.repository / "gpuhost"), *arguments],
            env={"PATH": str(self.bin)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_python3_is_taken_where_it_will_do(machine: Machine) -> None:
    machine.python("python3")
    machine.python("python3.12")
    done = machine.start("plan", "--host", "a b")
    assert done.stdout == f"python3 started: -I {machine.repository}/control/door.py plan --host a b\n"


def test_a_newer_python_is_found_beside_one_that_is_too_old(machine: Machine) -> None:
    machine.python("python3", new_enough=False)
    machine.python("python3.11")
    assert machine.start().stdout.startswith("python3.11 started")


def test_a_name_on_the_path_with_nothing_behind_it_is_passed_over(machine: Machine) -> None:
    machine.tool("python3", "#!/bin/sh\nexit 127\n")
    machine.python("python3.13")
    assert machine.start().stdout.startswith("python3.13 started")


@pytest.mark.parametrize(("python", "package"), [("python3", "python3-venv"), ("python3.12", "python3.12-venv")])
def test_as_root_a_missing_venv_is_installed_with_apt_after_saying_so(machine: Machine, python: str, package: str) -> None:
    machine.python(python, with_venv=False)
    machine.apt()
    done = machine.start("plan")
    assert f"installing {package} with apt" in done.stderr
    assert done.stdout.startswith(f"{python} started")
    assert machine.notes.read_text().splitlines()[-1].endswith(f"install --no-install-recommends {package}")


def test_as_root_a_missing_python_is_installed_in_the_version_that_apt_offers(machine: Machine) -> None:
    machine.python("python3", new_enough=False)
    machine.apt(offers="python3.11-venv", depends="python3.10-venv")
    machine.start()
    assert machine.notes.read_text().splitlines()[-1].endswith("python3.11 python3.11-venv")


def test_the_distributions_own_python3_is_preferred_where_it_is_new_enough(machine: Machine) -> None:
    machine.apt(depends="python3.13-venv")
    machine.start()
    assert machine.notes.read_text().splitlines()[-1].endswith("install --no-install-recommends python3-venv")


def test_a_normal_user_gets_the_command_to_type_and_nothing_is_installed(machine: Machine) -> None:
    machine.user(1000)
    machine.python("python3", with_venv=False)
    machine.apt()
    done = machine.start("up")
    assert done.returncode == 10
    assert "sudo apt-get update && sudo apt-get install python3-venv" in done.stderr
    assert not machine.notes.exists()


def test_python_that_is_too_old_is_named_with_what_to_install(machine: Machine) -> None:
    machine.user(1000)
    machine.python("python3", new_enough=False)
    machine.apt(offers="nothing")
    done = machine.start("up")
    assert done.returncode == 10
    assert "no Python 3.11 or newer was found (Python 3.8.10)" in done.stderr
    assert "python3.11 python3.11-venv" in done.stderr
    assert "universe" in done.stderr


def test_without_apt_and_without_python_the_way_on_is_still_said(machine: Machine) -> None:
    done = machine.start("up")
    assert done.returncode == 10
    assert "dnf install python3" in done.stderr


def test_a_failing_apt_is_quoted_and_ends_the_start(machine: Machine) -> None:
    machine.python("python3", with_venv=False)
    machine.tool("apt-get", "#!/bin/sh\necho 'E: Could not resolve deb.example'\nexit 100\n")
    done = machine.start("up")
    assert done.returncode == 14
    assert "E: Could not resolve deb.example" in done.stderr


def test_a_symlink_to_the_script_finds_the_repository(machine: Machine) -> None:
    machine.python("python3")
    link = machine.folder / "links" / "gpuhost"
    link.parent.mkdir()
    link.symlink_to("../a repository/gpuhost")
    second = machine.folder / "gh"
    second.symlink_to(link)
    done = subprocess.run([str(second)], env={"PATH": str(machine.bin)}, capture_output=True, text=True, check=True)
    assert f"{machine.repository}/control/door.py" in done.stdout
