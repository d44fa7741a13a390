"""Secrets: where they belong and nowhere else, however much is logged; shown to a person; and new ones on demand."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from tests.lab.conftest import ROOT, SITE, Fleet, LabHost, gpuhost, host_variables

pytestmark = pytest.mark.lab

#: Where secrets belong on a host, and what is the services' own business.
BELONG = ("/etc/gpuhost/secrets", "/srv/gpuhost", "/var/lib/docker/overlay2", "/var/lib/docker/volumes")


def test_the_planted_secrets_are_at_work(fleet: Fleet) -> None:
    host, values = fleet.debian13, fleet.planted.values
    assert len(fleet.planted.every) >= 7
    assert host.run("cat /etc/gpuhost/secrets/jupyter/token").strip() == values["jupyter"]["token"]
    assert f"SIG_KEY={values['anythingllm']['SIG_KEY']}\n" in host.run("cat /srv/gpuhost/anythingllm/.env")
    assert jupyter(host, values["jupyter"]["token"]) == 200


def jupyter(host: LabHost, token: str) -> int:
    """How JupyterLab answers who shows this token. The token goes in on standard input: nobody else may see it either."""
    ask = f"""
import urllib.error, urllib.request
request = urllib.request.Request("http://127.0.0.1:8888/api/contents", headers={{"Authorization": "token " + {token!r}}})
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
    command = ["docker", "exec", "-i", host.name, "python3", "-"]
    return int(subprocess.run(command, input=ask, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_what_is_said_and_written_here_has_none_of_them(fleet: Fleet) -> None:
    log = ROOT / fleet.first_up.document["log"]
    assert "EXEC" in log.read_text(), "this was not the loudest run"
    assert fleet.planted.found_in(fleet.first_up.out + fleet.first_up.err) == []
    written = [path for path in log.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    kinds = {path.relative_to(log.parent).parts[0] for path in written}
    assert kinds >= {"ansible.log", "events.jsonl", "hosts", "results", "report.html", "results.json", "junit.xml"}
    assert {
        path.name: found for path in written if (found := fleet.planted.found_in(path.read_text(errors="replace")))
    } == {}


def test_no_command_line_had_one_of_them(fleet: Fleet) -> None:
    assert any("ansible-playbook" in line for line in fleet.planted.seen)
    assert any("jupyter" in line for line in fleet.planted.seen), "the services' own were not seen"
    assert [found for line in fleet.planted.seen if (found := fleet.planted.found_in(line))] == []


def test_a_report_of_a_fault_has_none_of_them(fleet: Fleet, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.tar.gz"
    done = gpuhost("info", "--site", SITE, "--host", fleet.debian13.name, "--bundle", str(bundle))
    assert done.code == 0, done.text
    with tarfile.open(bundle) as archive:
        texts = [stream.read().decode(errors="replace") for one in archive if (stream := archive.extractfile(one))]
    assert len(texts) > 10
    assert fleet.planted.found_in("\0".join([*texts, done.out, done.err])) == []


def test_on_the_host_they_are_where_they_belong_and_nowhere_else(fleet: Fleet) -> None:
    host = fleet.debian13
    look = "grep --recursive --text --fixed-strings --files-with-matches --file=- --devices=skip"
    places = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
    # Patterns come on standard input: a command line would be one more place.
    command = ["docker", "exec", "-i", host.name, "bash", "-c", f"{look} {places}"]
    found = subprocess.run(command, input="\n".join(fleet.planted.forms), capture_output=True, text=True, timeout=300)
    paths = found.stdout.splitlines()
    assert "/etc/gpuhost/secrets/jupyter/token" in paths, found.stderr
    assert [path for path in paths if not path.startswith(BELONG)] == []
    told = host.run("journalctl --no-pager --output=export --all | strings; docker inspect $(docker ps -aq)")
    told += host.run("for one in $(docker images -q); do docker history --no-trunc $one; docker inspect $one; done")
    told += host.run("for one in $(docker ps -aq); do docker logs $one 2>&1; done; ps axww -o args")
    assert fleet.planted.found_in(told) == []


def test_they_are_shown_on_a_terminal(fleet: Fleet) -> None:
    command = [str(ROOT / "gpuhost"), "services", "secrets", fleet.debian13.name, "--site", SITE, "--all"]
    code, said = on_terminal(command)
    assert code == 0, said
    assert set(fleet.planted.found_in(said)) >= {"jupyter/token", "anythingllm/SIG_KEY"}
    piped = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert (piped.returncode, "GH-SECRETS-TERMINAL" in piped.stdout) == (11, True)
    assert "secrets were shown to gpuhost" in fleet.debian13.run("journalctl --no-pager -t gpuhost")


def on_terminal(command: list[str]) -> tuple[int, str]:
    """A command's exit code and all that a person sees of it."""
    outer, inner = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    process = subprocess.Popen(command, stdout=inner, stderr=inner, stdin=inner, cwd=ROOT, env=environment)
    os.close(inner)
    parts: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(outer, 4096):
                parts.append(part)
        except OSError:  # so a terminal ends
            pass

    reader = threading.Thread(target=read)
    reader.start()
    code = process.wait(timeout=120)
    reader.join()
    return code, b"".join(parts).decode(errors="replace")


@pytest.fixture(scope="module")
def renewed(fleet: Fleet) -> tuple[LabHost, str]:
    """JupyterLab's token was made anew on a host that made its own; the one before."""
    host = fleet.debian12
    before = host.run("cat /etc/gpuhost/secrets/jupyter/token").strip()
    assert jupyter(host, before) == 200
    done = gpuhost("services", "rotate", host.name, "jupyter", "--site", SITE, "--json")
    assert done.code == 0, done.text
    assert done.document["renewed"] == {"jupyter": ["token"]}
    return host, before


def test_a_new_token_opens_and_the_old_one_does_not(renewed: tuple[LabHost, str]) -> None:
    host, before = renewed
    now = host.run("cat /etc/gpuhost/secrets/jupyter/token").strip()
    assert (len(now), now != before) == (48, True)
    assert (jupyter(host, now), jupyter(host, before)) == (200, 403)
    assert host.run("stat -c '%a %u' /etc/gpuhost/secrets/jupyter/token").split() == ["400", "1000"]


def test_after_it_the_host_is_as_planned(renewed: tuple[LabHost, str]) -> None:
    host, _ = renewed
    done = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    outcome = done.document["hosts"][host.name]
    assert (done.code, outcome["due"], outcome["changed"]) == (0, {}, 0)


def test_what_cannot_be_made_anew_is_refused(fleet: Fleet) -> None:
    given = gpuhost("services.rotate", fleet.debian13.name, "jupyter", "token", "--site", SITE)
    assert (given.code, "GH-SECRET-GIVEN" in given.text) == (11, True), given.text
    encrypts = gpuhost("services.rotate", fleet.debian12.name, "anythingllm", "SIG_KEY", "--site", SITE)
    assert (encrypts.code, "GH-SECRET-ENCRYPTS" in encrypts.text) == (11, True), encrypts.text


def test_the_sites_other_value_takes_the_place_of_the_one_before(fleet: Fleet) -> None:
    host = fleet.debian12
    path = host_variables(host, "services_secrets: {jupyter: {token: of-the-site-now-and-plain-to-read}}")
    try:
        plan = gpuhost("plan", "--site", SITE, "--host", host.name, "--json")
        assert plan.document["hosts"][host.name]["due"]["services"] == "the site gives other secrets: jupyter/token"
        done = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
        assert (done.code, list(done.document["hosts"][host.name]["due"])) == (0, ["services", "verify"]), done.text
        assert jupyter(host, "of-the-site-now-and-plain-to-read") == 200
        assert json.dumps(done.document).count("of-the-site-now") == 0
    finally:
        path.unlink()
