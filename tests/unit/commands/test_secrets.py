"""`services.secrets` and `services.rotate`: to a person on a terminal, and for one that there is."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from control.commands import secrets
from control.commands.common import Target
from control.inventory import BadInputError
from control.monitor import program, reach
from control.monitor.program import Way
from control.paths import ROOT


@pytest.mark.parametrize("json_", [True, False])
def test_what_is_no_terminal_gets_nothing_and_no_host_is_asked(
    json_: bool, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(reach, "ways", lambda *_: pytest.fail("a host was asked"))
    assert secrets.show(secrets.Shown(Target("gpu01"))) == 11
    said = " ".join(capsys.readouterr().out.split())
    assert "GH-SECRETS-TERMINAL" in said
    assert "standard output is a pipe or a file" in said


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a person sees on a terminal."""
    seen = io.StringIO()
    monkeypatch.setattr(secrets, "on_terminal", lambda: True)
    monkeypatch.setattr(secrets, "console", lambda: Console(file=seen, width=160, highlight=False))
    return seen


def here(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | str) -> None:
    """The host gpu01 is this machine, and answers so."""
    line = answer if isinstance(answer, str) else json.dumps(answer)
    monkeypatch.setattr(reach, "ways", lambda *_: {"gpu01": Way("gpu01", python=sys.executable)})
    body = f"print({line!r})" if isinstance(answer, dict) else f"import sys; print({line!r}, file=sys.stderr); sys.exit(2)"
    sent = f"{body}\n".encode()
    monkeypatch.setattr(program, "text", lambda *_: b"gpuhost %d\n" % len(sent) + sent)


FOUND = [
    {"service": "jupyter", "name": "token", "value": "shown-to-people"},
    {"service": "anythingllm", "name": "SIG_KEY", "value": "of-programs-alone"},
    {"service": "mok", "name": "password", "value": "typed-at-a-console"},
]


def test_a_person_sees_what_people_type_and_how_much_more_there_is(monkeypatch: pytest.MonkeyPatch, terminal: Any) -> None:
    here(monkeypatch, {"schema": 1, "secrets": FOUND})
    assert secrets.show(secrets.Shown(Target("gpu01"))) == 0
    said = terminal.getvalue()
    assert "shown-to-people" in said
    assert "opens JupyterLab" in said
    assert "typed-at-a-console" in said
    assert "of-programs-alone" not in said
    assert "1 more that only programs use: --all" in said


def test_all_are_all(monkeypatch: pytest.MonkeyPatch, terminal: Any) -> None:
    here(monkeypatch, {"schema": 1, "secrets": FOUND})
    assert secrets.show(secrets.Shown(Target("gpu01"), all=True)) == 0
    assert "of-programs-alone" in terminal.getvalue()


def test_a_host_that_refuses_is_a_finding_and_its_code(monkeypatch: pytest.MonkeyPatch, terminal: Any) -> None:
    here(monkeypatch, "sudo: a password is required")
    assert secrets.show(secrets.Shown(Target("gpu01"))) == 12
    assert "GH-SUDO-PASSWORD" in terminal.getvalue()


def test_the_whole_program_reads_a_host_and_says_nothing_but_to_its_own_output(tmp_path: Path) -> None:
    """As it is sent over a connection, run here for another root folder."""
    folder = tmp_path / "etc/gpuhost/secrets/jupyter"
    folder.mkdir(parents=True)
    (folder / "token").write_text("shown-to-people\n")
    env = tmp_path / "srv/gpuhost/anythingllm/.env"
    env.parent.mkdir(parents=True)
    env.write_text("# mine\nLLM_PROVIDER=ollama\nSIG_KEY='of programs'\nexport JWT_SECRET=other\n")
    seal = tmp_path / "var/lib/gpuhost/seals/services.json"
    seal.parent.mkdir(parents=True)
    items = [{"kind": "file", "path": "/srv/gpuhost/anythingllm/.env", "data": True}, {"kind": "container", "name": "x"}]
    seal.write_text(json.dumps({"items": items}))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from verify import shown_secrets as s; import json;"
        "names = {'anythingllm': ['SIG_KEY', 'JWT_SECRET']};"
        "print(json.dumps([*s.in_files(sys.argv[2]), *s.in_env_files(names, sys.argv[2])]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(ROOT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        {"service": "jupyter", "name": "token", "value": "shown-to-people"},
        {"service": "anythingllm", "name": "SIG_KEY", "value": "of programs"},
        {"service": "anythingllm", "name": "JWT_SECRET", "value": "other"},
    ]


def test_everything_that_the_program_imports_is_sent_with_it() -> None:
    """What the loader runs on a host has no other files: with an argument that is no JSON it comes as far as that."""
    text = program.text(["no json"], secrets._MODULES, secrets._PROGRAM)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program.LOADER], input=text, capture_output=True, check=False, cwd="/"
    )
    said = done.stderr.decode()
    assert "ModuleNotFoundError" not in said
    assert ("JSONDecodeError" in said) if os.geteuid() == 0 else ("only root may read them" in said)


RENEWED = {
    "one by name": (("jupyter", "token", False), ["token"]),
    "all that may change": (("anythingllm", "", False), ["AUTH_TOKEN", "JWT_SECRET"]),
    "forced": (("anythingllm", "SIG_KEY", True), ["SIG_KEY"]),
    "all of them": (("anythingllm", "", True), ["AUTH_TOKEN", "JWT_SECRET", "SIG_KEY", "SIG_SALT"]),
}


@pytest.mark.parametrize("case", RENEWED)
def test_which_secrets_are_made_anew(case: str) -> None:
    (service, name, force), wanted = RENEWED[case]
    assert secrets.to_renew(secrets.Renewed(Target("gpu01"), service, name, force=force)) == wanted


@pytest.mark.parametrize(
    ("service", "name", "finding", "said"),
    [
        ("jupiter", "", "GH-INPUT-UNKNOWN-SERVICE", "nearest is jupyter"),
        ("jupyter", "tokn", "GH-INPUT-UNKNOWN-SECRET", "nearest is token"),
        ("ollama", "", "GH-INPUT-UNKNOWN-SECRET", "ollama has no secret"),
        ("anythingllm", "SIG_KEY", "GH-SECRET-ENCRYPTS", "encrypts keys"),
        ("openwebui", "WEBUI_ADMIN_PASSWORD", "GH-SECRET-INITIAL", "first password"),
        ("openwebui", "remote_key", "GH-SECRET-GIVEN", "opens the provider"),
    ],
)
def test_what_cannot_be_made_anew_is_refused_before_a_host_is_asked(
    service: str, name: str, finding: str, said: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        secrets.to_renew(secrets.Renewed(Target("gpu01"), service, name))
    (found,) = caught.value.findings
    assert found.id == finding
    assert said in f"{found.seen} {found.next}"


def test_in_a_pipe_and_on_a_terminal_the_command_itself() -> None:
    """The whole way from the command line on: refused into a pipe; on a terminal it goes as far as the unknown site."""
    command = [str(ROOT / "gpuhost"), "services", "secrets", "gpu01", "--site", "nowhere"]
    piped = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert (piped.returncode, "GH-SECRETS-TERMINAL" in piped.stdout) == (11, True)
    outer, inner = pty.openpty()
    done = subprocess.Popen(command, stdout=inner, stderr=inner, stdin=inner)
    os.close(inner)
    said: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(outer, 4096):
                said.append(part)
        except OSError:  # how a terminal ends
            pass

    reader = threading.Thread(target=read)
    reader.start()
    assert done.wait(timeout=60) == 10
    reader.join()
    assert b"GH-INPUT-UNKNOWN-SITE" in b"".join(said)
