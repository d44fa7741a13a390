"""Command lines as people type them, and what Invoke is handed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from invoke import Collection, Context, task

from control import program
from control.paths import ROOT
from control.words import MissingWordsError, spelled_out, takes


def commands() -> Collection:
    @task(auto_shortflags=False)
    def show(c: Context, site: str = "") -> None:
        """Show services."""

    @takes("host", "service", "[name]")
    @task(auto_shortflags=False)
    def rotate(c: Context, host: str = "", service: str = "", name: str = "", site: str = "", force: bool = False) -> None:
        """Make new ones."""

    @takes("models...")
    @task(auto_shortflags=False, iterable=["models"])
    def pull(c: Context, models: list[str], host: str = "") -> None:
        """Fetch models."""

    services = Collection("services")
    services.add_task(show, default=True)
    services.add_task(rotate)
    return Collection(services, Collection("models", pull))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("services", "services"),
        ("services --site lab", "services --site lab"),
        ("services rotate gpu01 jupyter", "services.rotate --host=gpu01 --service=jupyter"),
        ("services.rotate gpu01 jupyter token", "services.rotate --host=gpu01 --service=jupyter --name=token"),
        ("services.rotate --site lab gpu01 jupyter", "services.rotate --site lab --host=gpu01 --service=jupyter"),
        ("services.rotate --force gpu01 jupyter", "services.rotate --force --host=gpu01 --service=jupyter"),
        ("models pull a:1b b --host gpu01", "models.pull --models=a:1b --models=b --host gpu01"),
        ("services rotate --help", "services.rotate --help"),
        ("services nothing", "services nothing"),
        ("", ""),
    ],
)
def test_words_become_the_options_that_they_stand_for(typed: str, read: str) -> None:
    assert spelled_out(typed.split(), commands()) == read.split()


def test_an_option_takes_the_place_of_its_word() -> None:
    line = spelled_out(["services.rotate", "gpu01", "--service", "jupyter"], commands())
    assert line == ["services.rotate", "--host=gpu01", "--service", "jupyter"]


def test_a_word_that_is_missing_is_named() -> None:
    with pytest.raises(MissingWordsError, match=r"services\.rotate needs HOST and SERVICE"):
        spelled_out(["services", "rotate"], commands())
    with pytest.raises(MissingWordsError, match=r"models\.pull needs MODELS"):
        spelled_out(["models.pull"], commands())


Typed = Callable[[str], tuple[int, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command line: its exit code, and all that it said."""
    import tasks

    monkeypatch.setattr(tasks, "ns", commands())

    def run(line: str) -> tuple[int, str]:
        code = program.main(line.split())
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_what_is_wrong_with_words_is_bad_input_with_the_way_to_help(typed: Typed) -> None:
    assert typed("services rotate gpu01") == (
        10,
        "gpuhost: services.rotate needs SERVICE\nHelp:  ./gpuhost services.rotate --help\n",
    )
    code, said = typed("services rotat gpu01")
    assert (code, "Did you mean: services.rotate" in said) == (10, True)


def test_help_names_the_words_and_the_list_the_namespaces_own_command(typed: Typed) -> None:
    code, said = typed("services rotate --help")
    assert (code, said.splitlines()[0]) == (0, "Usage: ./gpuhost services.rotate HOST SERVICE [NAME]")
    listed = [line.split()[0] for line in typed("--list")[1].splitlines()[2:] if line.strip()]
    assert listed == ["services", "services.rotate", "models.pull"]


def test_the_help_of_a_command_that_takes_words_says_what_its_options_are() -> None:
    # In a process of its own: Invoke tells each of these texts once.
    code = "from control import program; program.main(['models', 'pull', '--help'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    said = " ".join(done.stdout.split())
    assert said.startswith("Usage: ./gpuhost models.pull MODEL... ")
    assert "--site=STRING The hosts of this folder of inventory/" in said
    assert "--model A model as Ollama names it" in said


@pytest.mark.parametrize("typed", ["models pull llama3.2 gemma:2b --site lab", "models.pull --site lab llama3.2 gemma:2b"])
def test_models_are_named_one_after_the_other(typed: str) -> None:
    import tasks

    line = spelled_out(typed.split(), tasks.ns)
    assert line[0] == "models.pull"
    assert sorted(line[1:]) == ["--model=gemma:2b", "--model=llama3.2", "--site", "lab"]
