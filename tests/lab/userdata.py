"""What users leave in each service, by its own means where it has them, and whether it is still there and of use."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from control.lab import names
from tests.lab.conftest import LabHost

DATA = "/srv/gpuhost"
MINE = "made by a user"
MODELS = f"{DATA}/ollama/models/manifests/registry.ollama.ai/library"


@dataclass(frozen=True)
class Kept:
    """``put`` leaves something in a service; ``there`` is what the service says of it, or what stands in its way."""

    put: Callable[[LabHost], object]
    there: Callable[[LabHost], bool]


def put(host: LabHost, services: Iterable[str]) -> None:
    """Each of these services has something of a user's."""
    for service in services:
        KEPT[service].put(host)


def lost(host: LabHost, services: Iterable[str]) -> list[str]:
    """Services that no longer have, or cannot use, what a user left in them."""
    return [service for service in services if not KEPT[service].there(host)]


# JupyterLab: a notebook, through its API.

_NOTEBOOK = f"""
import json, sys, urllib.request
token = open("/run/secrets/jupyter_token").read().strip()
body = json.dumps({{"type": "file", "format": "text", "content": {MINE!r}}}).encode() if sys.argv[1] == "PUT" else None
headers = {{"Authorization": "token " + token, "Content-Type": "application/json"}}
asked = urllib.request.Request("http://127.0.0.1:8888/api/contents/mine.txt", body, headers, method=sys.argv[1])
print(json.load(urllib.request.urlopen(asked, timeout=20)).get("content"))
"""


def _notebook(host: LabHost, method: str) -> str:
    return _python_in(host, "gpuhost-jupyter", _NOTEBOOK, method)


# AnythingLLM: a row of its database and a document beside it; and its login still opens.

_DATABASE = f"""
import json, os, sqlite3, sys, urllib.request
found = sqlite3.connect("/app/server/storage/anythingllm.db")
if sys.argv[1] == "put":
    found.execute("INSERT OR REPLACE INTO system_settings VALUES ('mine', {MINE!r})")
    found.commit()
    os.makedirs("/app/server/storage/documents/custom-documents", exist_ok=True)
    open("/app/server/storage/documents/custom-documents/mine.json", "w").write({MINE!r})
lines = (line.strip().partition("=")[::2] for line in open("/app/server/.env"))
password = next(value.strip("'\\"") for name, value in lines if name == "AUTH_TOKEN")
body = json.dumps({{"password": password}}).encode()
login = urllib.request.Request("http://127.0.0.1:3001/api/request-token", body, {{"Content-Type": "application/json"}})
valid = json.load(urllib.request.urlopen(login, timeout=20))["valid"]
rows = found.execute("SELECT value FROM system_settings WHERE label = 'mine'").fetchall()
kept = open("/app/server/storage/documents/custom-documents/mine.json").read()
print(rows == [({MINE!r},)] and kept == {MINE!r} and valid)
"""


# Ollama: a model under a name of the user's own, which is a copy of its manifest; asked for a text where it runs.


def _copy_model(host: LabHost) -> None:
    host.run(f"cp -aT {MODELS}/{names.MODEL} {MODELS}/mine")


def _model_answers(host: LabHost) -> bool:
    code = f"""
import json, sys, urllib.request
def ask(path, body=None):
    asked = urllib.request.Request(sys.argv[1] + path, json.dumps(body).encode() if body else None)
    return json.load(urllib.request.urlopen(asked, timeout=60))
listed = [one["name"] for one in ask("/api/tags")["models"]]
said = ask("/api/generate", {{"model": "mine", "prompt": "one", "stream": False, "options": {{"num_predict": 2}}}})
print("mine:latest" in listed and "{names.MODEL}:latest" in listed and bool(said["response"]))
"""
    return host.run(f"python3 -c {shlex.quote(code)} {address(host, 'ollama')}", check=False).strip() == "True"


def address(host: LabHost, service: str) -> str:
    """Where a service answers on the host, as the checks of the last run have it."""
    expected: dict[str, Any] = json.loads(host.run("cat /etc/gpuhost/expected.json"))
    return str(next(row["url"] for row in expected["services"] if row["name"] == service))


# llama.cpp: it keeps nothing but models that somebody put beside its own; and it answers with its key.

_LLAMA = """curl -fsS -H "Authorization: Bearer $(cat /run/secrets/api_key)" http://127.0.0.1:8080/v1/models"""


def _llama_answers(host: LabHost) -> bool:
    listed = host.run(f"docker exec gpuhost-llamacpp sh -c {shlex.quote(_LLAMA)}", check=False)
    return names.MODEL in listed and host.run(f"cat {DATA}/llamacpp/mine.gguf", check=False) == MINE


# Open WebUI: a chat, through its API, as the administrator whose account was made at its first start.

CHAT = f"""
import json, sys, urllib.error, urllib.request
def ask(path, body=None, token=""):
    data = json.dumps(body).encode() if body is not None else None
    headers = {{"Content-Type": "application/json", **({{"Authorization": "Bearer " + token}} if token else {{}})}}
    try:
        asked = urllib.request.Request("http://127.0.0.1:3000" + path, data, headers)
        with urllib.request.urlopen(asked, timeout=120) as said:
            return said.status, said.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
def login():
    lines = (line.strip().partition("=")[::2] for line in open("/app/.env"))
    values = {{name: value.strip("'\\"") for name, value in lines}}
    who = {{"email": values["WEBUI_ADMIN_EMAIL"], "password": values["WEBUI_ADMIN_PASSWORD"]}}
    return json.loads(ask("/api/v1/auths/signin", who)[1])["token"]
if sys.argv[1] == "put":
    ask("/api/v1/chats/new", {{"chat": {{"title": {MINE!r}, "messages": []}}}}, login())
if sys.argv[1] == "there":
    print({MINE!r} in ask("/api/v1/chats/", token=login())[1])
"""


def open_webui(host: LabHost, word: str, more: str = "") -> str:
    """What a program inside Open WebUI's container prints; it has ``ask`` and ``login``."""
    return _python_in(host, "gpuhost-openwebui", CHAT + more, word)


def _python_in(host: LabHost, container: str, code: str, *words: str) -> str:
    return host.run(f"docker exec {container} python3 -c {shlex.join([code, *words])}", check=False).strip()


KEPT: dict[str, Kept] = {
    "anythingllm": Kept(
        lambda host: _python_in(host, "gpuhost-anythingllm", _DATABASE, "put"),
        lambda host: _python_in(host, "gpuhost-anythingllm", _DATABASE, "there") == "True",
    ),
    "jupyter": Kept(lambda host: _notebook(host, "PUT"), lambda host: _notebook(host, "GET") == MINE),
    "llamacpp": Kept(lambda host: host.run(f"printf '{MINE}' > {DATA}/llamacpp/mine.gguf"), _llama_answers),
    "ollama": Kept(_copy_model, _model_answers),
    "openwebui": Kept(
        lambda host: open_webui(host, "put"),
        lambda host: open_webui(host, "there") == "True",
    ),
}
