"""The package index holds what a host of another Python needs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from control.lab import closure, wheels
from control.lab.wheels import WheelSet

LOCK = """\
# made by a tool
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
tomli==2.5.0 ; python_full_version < '3.11'  # via pytest
-r other.txt
--index-url https://example.org

jedi==0.20.1
"""


def test_requirements_are_read_without_hashes_comments_and_options() -> None:
    assert wheels.requirement_lines(LOCK) == ["anyio==4.16.0", "tomli==2.5.0 ; python_full_version < '3.11'", "jedi==0.20.1"]


@pytest.mark.parametrize(
    ("python", "wanted"),
    [("3.10", ["anyio", "tomli==2.5.0"]), ("3.11", ["anyio"])],
)
def test_a_condition_is_asked_of_the_hosts_python_not_of_this_one(python: str, wanted: list[str]) -> None:
    assert closure.applying(["anyio", "tomli==2.5.0 ; python_full_version < '3.11'"], python) == wanted


WORLD = {
    "app": ["lib[fast]>=1", "old; python_version < '3.12'", "testing; extra == 'test'"],
    "lib": ["speed>2; extra == 'fast'", "app"],
    "old": [],
}


@pytest.mark.parametrize(
    ("python", "there", "wanted"),
    [
        ("3.11", {"app", "lib", "old"}, ["speed>2"]),
        ("3.11", {"app", "lib"}, ["old", "speed>2"]),
        ("3.13", {"app", "lib"}, ["speed>2"]),
        ("3.11", set(), ["app==1"]),
    ],
)
def test_what_no_wheel_is_there_for_is_found_through_all_that_depends_on_it(
    python: str, there: set[str], wanted: list[str]
) -> None:
    assert closure.missing(["app==1"], python, lambda name: WORLD[name] if name in there else None) == wanted


def test_a_project_with_everything_there_lacks_nothing() -> None:
    assert closure.missing(["old"], "3.11", WORLD.get) == []


def wheel(folder: Path, name: str, *depends: str) -> None:
    with zipfile.ZipFile(folder / name, "w") as archive:
        lines = "".join(f"Requires-Dist: {one}\n" for one in depends)
        archive.writestr("x.dist-info/METADATA", f"Metadata-Version: 2.1\nName: x\n{lines}\nbody\n")


def test_a_wheel_for_another_python_is_no_wheel_for_this_one(tmp_path: Path) -> None:
    wheel(tmp_path, "numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl")
    wheel(tmp_path, "cryptography-50.0.2-cp311-abi3-manylinux_2_34_x86_64.whl", "cffi>=2")
    wheel(tmp_path, "typing_extensions-4.16.0-py3-none-any.whl")
    assert closure.missing(["numpy", "cryptography", "typing-extensions"], "3.13",
                           closure.wheel_metadata(tmp_path, "3.13")) == ["cffi>=2", "numpy"]  # fmt: skip


def test_the_index_is_as_pep_503_wants_it(tmp_path: Path) -> None:
    files, simple = tmp_path / "files", tmp_path / "simple"
    files.mkdir()
    for name in ("Foo_Bar-1.0-py3-none-any.whl", "foo_bar-1.1-py3-none-any.whl", "b-1-py3-none-any.whl"):
        (files / name).write_bytes(name.encode())
    assert wheels.write_index(files, simple) == 2
    assert '<a href="b/">b</a>' in (simple / "index.html").read_text()
    page = (simple / "foo-bar" / "index.html").read_text()
    assert page.count("../../files/") == 2
    assert "#sha256=" in page


def test_a_file_name_with_a_plus_survives_in_a_page() -> None:
    page = wheels.project_page("torch", {"torch-2.13.0+cpu-cp311.whl": "ab"})
    assert 'href="../../files/torch-2.13.0%2Bcpu-cp311.whl#sha256=ab"' in page


def test_a_long_set_is_named_by_its_first() -> None:
    assert str(WheelSet("3.11", ("a", "b"))) == "a, b"
    assert str(WheelSet("3.11", tuple("abcdefg"))) == "a, b, c, d, 3 more"
