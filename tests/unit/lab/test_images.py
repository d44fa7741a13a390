"""Images are known by what they are made from, and made in order."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from control import support
from control.lab import build, digest, recipes, registry
from control.lab.errors import LabError
from control.lab.recipes import Base, StandIn
from control.lab.wheels import WheelSet

BUILD_YML = """\
image: vendor/thing:1
stand_in_for: one sentence
base: {suite: forky, include: [python3]}
more_bases: {OTHER: {folder: python}}
wheels: {python: "3.11", requirements: [gguf==0.19.0]}
labels: {org.gpuhost.stand-in: "a stand-in for vendor/thing:1"}
args: {N: 1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    thing = tmp_path / "thing"
    thing.mkdir()
    (thing / "build.yml").write_text(BUILD_YML)
    (thing / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\n")
    return thing


def test_a_recipe_says_all_that_its_file_says(folder: Path) -> None:
    assert recipes.read(folder) == StandIn(
        "thing", folder, ("vendor/thing:1",), "one sentence",
        {"BASE": Base("forky", ("python3",)), "OTHER": "python"}, WheelSet("3.11", ("gguf==0.19.0",)),
        {"org.gpuhost.stand-in": "a stand-in for vendor/thing:1"}, {"N": "1"},
    )  # fmt: skip


@pytest.mark.parametrize("dropped", ["image:", "stand_in_for:", "base:", "labels:"])
def test_a_recipe_that_lacks_something_is_refused_with_its_file(folder: Path, dropped: str) -> None:
    path = folder / "build.yml"
    path.write_text("".join(line for line in BUILD_YML.splitlines(True) if not line.startswith(dropped)))
    with pytest.raises(LabError) as failure:
        recipes.read(folder)
    assert str(path) in failure.value.seen


def tag(folder: Path, bases: Mapping[str, str] | None = None) -> str:
    return recipes.stand_in_tag(recipes.read(folder), bases or {"BASE": "a:1"})


def test_the_same_recipe_gives_the_same_tag(folder: Path) -> None:
    assert tag(folder) == tag(folder)
    assert tag(folder).startswith("gpuhost-lab-image/thing:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Dockerfile", "ARG BASE\nFROM ${BASE}\nRUN true\n"),
        ("new file", ""),
        ("build.yml", BUILD_YML.replace("N: 1", "N: 2")),
        ("build.yml", BUILD_YML.replace("0.19", "0.20")),
    ],
)
def test_any_change_in_the_folder_gives_another_tag(folder: Path, name: str, text: str) -> None:
    before = tag(folder)
    (folder / name).write_text(text)
    assert tag(folder) != before


def test_another_base_gives_another_tag(folder: Path) -> None:
    assert tag(folder, {"BASE": "a:1"}) != tag(folder, {"BASE": "a:2"})


def test_compiled_python_does_not_count(folder: Path) -> None:
    before = tag(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert tag(folder) == before


def test_a_file_that_becomes_executable_counts(folder: Path) -> None:
    before = tag(folder)
    (folder / "Dockerfile").chmod(0o755)
    assert tag(folder) != before


def test_two_stand_ins_with_equal_bases_share_one() -> None:
    assert Base("trixie", ("b", "a")).tag == Base("trixie", ("a", "b")).tag
    assert len({Base("trixie", ("a",)).tag, Base("trixie", ("a",), "apt").tag, Base("forky", ("a",)).tag}) == 3


def test_parts_of_a_digest_do_not_run_into_each_other() -> None:
    assert digest.of("ab", "c") != digest.of("a", "bc")


def test_every_recipe_of_the_repository_can_be_read_and_says_what_it_stands_in_for() -> None:
    found = recipes.stand_ins()
    assert {"ollama", "anythingllm", "python", "rocm-pytorch"} <= set(found)
    for recipe in found.values():
        assert recipe.stand_in_for
        assert all(base in found for base in recipe.bases.values() if isinstance(base, str))


def test_every_image_that_is_pulled_has_a_stand_in_under_its_very_name() -> None:
    table = support.load()
    used = {service.image for service in table.services()}
    used |= {base for row in table.images if row.built for base in (row.built.gpu_base, row.built.cpu_base)}
    known = [f"{row.image}:{row.tag}" for row in table.images if row.tag and row.id in used]
    assert known
    offered = {name for recipe in recipes.stand_ins().values() for name in recipes.answers_for(recipe, known)}
    assert set(known) <= offered


@pytest.mark.parametrize(
    ("name", "path"),
    [("python:3.11", "library/python:3.11"), ("ollama/ollama:rocm", "ollama/ollama:rocm")],
)
def test_official_images_lie_below_library(name: str, path: str) -> None:
    assert registry.on_docker_io(name) == path


def test_the_mirror_takes_every_part_from_its_own_image() -> None:
    parts = {"apt-12": "apt:1", "wheels": "pypi:1", "registry-x": "registry:1", "release": "release:1"}
    text = build.mirror_dockerfile("server:1", parts)
    assert text.splitlines()[:5] == [
        "FROM server:1",
        "COPY --from=apt:1 /srv/debian /srv/debian",
        "COPY --from=pypi:1 /srv/pypi /srv/pypi",
        "COPY --from=registry:1 /var/lib/gpuhost-lab-registry /var/lib/gpuhost-lab-registry",
        "COPY --from=release:1 /srv/ollama /srv/ollama",
    ]


def test_a_job_starts_when_those_it_needs_are_done_and_gets_their_results() -> None:
    got: dict[str, dict[str, str]] = {}

    def job(name: str) -> build.Job:
        def run(done: Mapping[str, str]) -> str:
            got[name] = dict(done)
            return name.upper()

        return run

    done = build.run_all({"c": ({"a", "b"}, job("c")), "a": (set(), job("a")), "b": ({"a"}, job("b"))})
    assert done == {"a": "A", "b": "B", "c": "C"}
    assert got == {"a": {}, "b": {"a": "A"}, "c": {"a": "A", "b": "B"}}


def test_jobs_that_do_not_need_each_other_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=5)

    def job(_: Mapping[str, str]) -> str:
        both.wait()
        return ""

    assert set(build.run_all({"a": (set(), job), "b": (set(), job)})) == {"a", "b"}


def test_the_first_failure_is_raised_and_nothing_that_needs_it_starts() -> None:
    started: list[str] = []

    def fails(_: Mapping[str, str]) -> str:
        raise LabError("broken", "", "")

    def follows(_: Mapping[str, str]) -> str:
        started.append("follows")
        return ""

    with pytest.raises(LabError, match="broken"):
        build.run_all({"a": (set(), fails), "b": ({"a"}, follows)})
    assert started == []
