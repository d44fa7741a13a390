"""What the image build contexts promise: to the catalogue, to the truth table, and about what they are."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from control import support
from control.planner import gatewaycontainers

DOCKER = Path(__file__).parents[3] / "docker"
JUPYTER = DOCKER / "jupyter"
STAND_INS = sorted(path.parent for path in (DOCKER / "lab").glob("*/build.yml"))


def dockerfile(folder: Path) -> list[tuple[str, str]]:
    """Instruction and arguments, continued lines joined, comments gone."""
    text = re.sub(r"^\s*#.*\n", "", (folder / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def arguments(folder: Path, instruction: str) -> list[str]:
    return [rest for word, rest in dockerfile(folder) if word == instruction]


def environment(folder: Path) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in arguments(folder, "ENV") for pair in line.split())


def pins() -> dict[str, Version]:
    lines = [line for line in (JUPYTER / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    return {(name := line.split("=="))[0]: Version(name[1]) for line in lines}


@pytest.mark.parametrize("folder", STAND_INS, ids=lambda folder: folder.name)
def test_a_stand_in_says_what_it_is_and_starts_from_what_the_lab_gives_it(folder: Path) -> None:
    recipe = yaml.safe_load((folder / "build.yml").read_text())
    assert "stand-in" in recipe["labels"]["org.gpuhost.stand-in"]
    assert recipe["stand_in_for"]
    given = {"BASE", *recipe.get("more_bases", {})}
    stages = {line.split(" AS ")[1] for line in arguments(folder, "FROM") if " AS " in line}
    used = {line.split(" AS ")[0] for line in arguments(folder, "FROM")}
    assert used <= {f"${{{name}}}" for name in given} | stages
    assert ("wheels" in recipe) == any(line.startswith("wheels ") for line in arguments(folder, "COPY"))


def test_every_stand_in_is_of_an_image_that_the_truth_table_knows() -> None:
    stood_for = {yaml.safe_load((folder / "build.yml").read_text())["image"].partition(":")[0] for folder in STAND_INS}
    assert stood_for <= {row.image for row in support.load().images if row.built is None}


def test_the_stand_ins_carry_the_python_and_pytorch_of_the_truth_table() -> None:
    table = support.load()
    recipes = {folder.name: yaml.safe_load((folder / "build.yml").read_text()) for folder in STAND_INS}
    python = table.image("python-slim").python
    assert recipes["python"]["image"].startswith(f"python:{python}-")
    assert {recipe["wheels"]["python"] for recipe in recipes.values() if "wheels" in recipe} == {python}
    torch = next(row for row in table.torch_rows("cpu"))
    assert torch.requirement in recipes["rocm-pytorch"]["wheels"]["requirements"]
    assert torch.index_url == recipes["rocm-pytorch"]["wheels"]["extra_index_url"]


def test_the_jupyter_image_is_what_its_row_of_the_catalogue_mounts_and_asks() -> None:
    row = next(row for row in support.load().services() if row.id == "jupyter")
    targets = {mount.target for mount in row.mounts}
    assert set(arguments(JUPYTER, "WORKDIR")) <= targets
    assert arguments(JUPYTER, "EXPOSE") == [str(row.port)]
    assert arguments(JUPYTER, "USER")[-1] == f"{row.user.uid}:{row.user.gid}"
    assert environment(JUPYTER)["JUPYTER_TOKEN_FILE"] == row.env["JUPYTER_TOKEN_FILE"]
    assert row.env["JUPYTER_TOKEN_FILE"] in targets


def test_no_argument_reaches_the_stage_that_is_shipped() -> None:
    shipped = dockerfile(JUPYTER)
    last = max(index for index, (word, _) in enumerate(shipped) if word == "FROM")
    assert "ARG" not in {word for word, _ in shipped[last:]}
    assert not re.search(r"\bapt(-get)?\b", " ".join(rest for _, rest in shipped))
    assert "PYTHONPATH" not in environment(JUPYTER)


def test_the_certificates_that_come_with_the_tree_are_none() -> None:
    assert (JUPYTER / "site-ca.crt").read_bytes() == b""


def test_one_version_of_each_package_fits_every_python() -> None:
    text = (JUPYTER / "requirements.txt").read_text()
    assert ";" not in text
    asked = [
        Requirement(line)
        for line in (JUPYTER / "requirements.in").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    for one in asked:
        assert pins()[one.name] in one.specifier
    assert {one.name for one in asked} >= {"jupyterlab", "jupyter-server", "ipykernel", "ollama"}
    assert "torch" not in pins()
    assert "numpy" not in pins()


def test_the_shell_of_the_install_script_is_sound() -> None:
    done = subprocess.run(["sh", "-n", str(JUPYTER / "install.sh")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Settings(SimpleNamespace):
    """What traitlets hands to a configuration file: an object whose parts come into being when named."""

    def __getattr__(self, name: str) -> Settings:
        made = Settings()
        setattr(self, name, made)
        return made


def configured() -> Settings:
    settings = Settings()
    runpy.run_path(str(JUPYTER / "jupyter_server_config.py"), {"get_config": lambda: settings})
    return settings


def test_jupyter_takes_its_token_from_the_file_and_only_from_there(tmp_path: Path, monkeypatch: Any) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-the-host-0123456789\n")
    monkeypatch.setenv("JUPYTER_TOKEN_FILE", str(token))
    settings = configured()
    assert settings.IdentityProvider.token == "a-token-of-the-host-0123456789"
    assert settings.ServerApp.port_retries == 0
    source = ast.parse((JUPYTER / "jupyter_server_config.py").read_text())
    assert not [node for node in ast.walk(source) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "must name a file"), ("", "has 0 characters"), ("\n", "has 0 characters"), ("short", "has 5 characters")],
)
def test_jupyter_does_not_start_without_a_token(tmp_path: Path, monkeypatch: Any, content: Any, says: str) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
    monkeypatch.setenv("JUPYTER_TOKEN_FILE", str(token))
    with pytest.raises(SystemExit, match=says):
        configured()


def test_the_proxy_s_program_asks_for_no_capability_and_runs_as_the_planned_user() -> None:
    (made,) = [line for line in arguments(DOCKER / "gateway", "RUN") if "caddy" in line]
    assert "cat /usr/bin/caddy > /usr/local/bin/caddy" in made, "a copy may keep the capability of the file"
    assert arguments(DOCKER / "gateway", "CMD") == [
        '["/usr/local/bin/caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'
    ]
    assert arguments(DOCKER / "gateway", "USER")[-1] == f"{gatewaycontainers.PROXY_USER}:{gatewaycontainers.PROXY_USER}"


def test_the_login_service_is_pinned_and_runs_as_the_planned_user_where_the_proxy_looks_for_it() -> None:
    lines = [line for line in (DOCKER / "login" / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in lines)
    user = f"{gatewaycontainers.LOGIN_USER}:{gatewaycontainers.LOGIN_USER}"
    assert arguments(DOCKER / "login", "USER") == ["root", user]
    port = gatewaycontainers.LOGIN_ADDRESS.rpartition(":")[2]
    assert arguments(DOCKER / "login", "EXPOSE") == [port]
    assert f'LISTEN = "0.0.0.0:{port}"' in (DOCKER / "login" / "gateway_login" / "__main__.py").read_text()


def test_the_lab_s_caddy_is_of_the_version_that_the_table_pins_and_has_the_official_image_s_trap() -> None:
    recipe = yaml.safe_load((DOCKER / "lab" / "caddy" / "build.yml").read_text())
    assert recipe["image"] == support.load().image("caddy").reference
    assert "setcap cap_net_bind_service=+ep /usr/bin/caddy" in arguments(DOCKER / "lab" / "caddy", "RUN")
