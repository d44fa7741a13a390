"""From inside each other container: the name of Ollama resolves and Ollama answers there."""

from __future__ import annotations

import json
from typing import Any

from ..engine import EngineError
from ..result import Result, judged
from .context import Context

PROVIDER = "ollama"

SECONDS = 15

_PYTHON = """
import json, socket, sys, urllib.request
url, host = sys.argv[1:]
try:
    socket.getaddrinfo(host, 0)
except OSError as error:
    print(json.dumps({"resolved": False, "error": str(error)})); sys.exit()
try:
    get = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=8)
    print(json.dumps({"resolved": True, "body": get.read(400).decode("utf-8", "replace")}))
except Exception as error:
    print(json.dumps({"resolved": True, "error": str(error)}))
"""

_NODE = """
const [url, host] = process.argv.slice(1), say = (o) => console.log(JSON.stringify(o));
require("dns").lookup(host, (error) => error ? say({resolved: false, error: error.code})
  : fetch(url, {signal: AbortSignal.timeout(8000)}).then((r) => r.text())
      .then((body) => say({resolved: true, body: body.slice(0, 400)}))
      .catch((e) => say({resolved: true, error: String((e.cause && e.cause.code) || e)})));
"""

# curl's exit statuses: 6 could not resolve, 7 could not connect (curl(1)).
_CURL = """
body=$(curl -sS --noproxy '*' --max-time 8 "$1" 2>&1); rc=$?
case $rc in 0) word=ok;; 6) word=unresolved;; *) word=error;; esac
printf '%s %s' "$word" "$body"
"""


def askers(url: str, host: str) -> list[list[str]]:
    """The commands that can ask from inside, in the order they are tried; an image has one of them."""
    return [
        ["python3", "-c", _PYTHON, url, host],
        ["node", "-e", _NODE, "--", url, host],
        ["sh", "-c", "command -v curl >/dev/null || exit 127" + _CURL, "sh", url],
    ]


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Per container that is not Ollama's own: what asking Ollama from inside it gave."""
    services = expected.get("services") or []
    provider = next((row for row in services if row["name"] == PROVIDER), None)
    if provider is None:
        return {"address": None, "from": {}}
    inspected = ctx.container(provider["container"])
    host, port = _name_inside(provider, inspected), _port_inside(inspected)
    address = f"http://{host}:{port}/api/version"
    others = [row for row in services if row["name"] != PROVIDER]
    return {
        "address": address,
        "from": {row["name"]: ask(row["container"], address, host, ctx) for row in others},
    }


def _name_inside(provider: dict[str, Any], inspected: dict[str, Any]) -> str:
    """The name that the applications use: the service's own where the network knows it, else the container's."""
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    known = {alias for network in networks.values() for alias in network.get("Aliases") or []}
    name = provider["name"] if provider["name"] in known else provider["container"]
    return str(name)


def _port_inside(inspected: dict[str, Any]) -> int:
    bindings = (inspected.get("HostConfig") or {}).get("PortBindings") or {}
    # 11434 is what the image listens on (ollama docs/docker.mdx); it stands in only when the container is
    # gone.
    return int(next(iter(bindings), "11434/tcp").partition("/")[0])


def ask(container: str, url: str, host: str, ctx: Context) -> dict[str, Any]:
    """``{"resolved", "body"}`` or ``{"resolved", "error"}``; ``resolved`` is ``None`` when it could not be
    asked.
    """
    for argv in askers(url, host):
        try:
            code, out, err = ctx.engine.exec(container, argv, timeout=SECONDS)
        except EngineError as error:
            if "executable file not found" in error.message or "no such file" in error.message.lower():
                continue
            return {"resolved": None, "error": error.message}
        if code in (126, 127):
            continue
        return read(out) if out.strip() else {"resolved": None, "error": err.strip()[-200:] or f"exit status {code}"}
    return {"resolved": None, "error": "the image has neither python3, node nor curl"}


def read(out: str) -> dict[str, Any]:
    """The answer of one of the askers; pure."""
    word, _, rest = out.strip().partition(" ")
    if word in ("ok", "unresolved", "error"):
        return {"resolved": word != "unresolved", **({"body": rest} if word == "ok" else {"error": rest})}
    try:
        said: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    except ValueError:
        return {"resolved": None, "error": out.strip()[-200:]}
    return said


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """One answer per other container. Ollama being down is Ollama's failure, not the wiring's."""
    rows = {row["name"]: row for row in expected.get("services") or []}
    return [_wired(rows[name], saw, seen["address"], rows[PROVIDER]["container"]) for name, saw in seen["from"].items()]


def _wired(row: dict[str, Any], saw: dict[str, Any], address: str, provider: str) -> Result:
    body = str(saw.get("body") or "")
    if saw["resolved"] is False:
        said, why = f"the name {provider} does not resolve", "the two containers are not on one network"
    elif saw["resolved"] is None:
        said, why = str(saw.get("error")), "it could not be asked from inside"
    else:
        said = str(saw.get("error") or body[:120])
        why = (
            "the name resolves, but Ollama does not answer there" if saw.get("error") else "what answers there is not Ollama"
        )
    return judged(
        f"wiring.{row['name']}.ollama",
        saw["resolved"] is True and '"version"' in body,
        seen=body[:120] if '"version"' in body else said,
        wanted=f"Ollama's version from {address}",
        why=f"From inside {row['container']} Ollama cannot be used: {why} ({said}). {row['name']} has no model then.",
        next=f"docker network inspect $(docker inspect --format '{{{{range $n, $_ := "
        f".NetworkSettings.Networks}}}}{{{{$n}}}}{{{{end}}}}' "
        f"{row['container']}); then run `gpuhost up` again.",
        needs=(
            f"containers.{row['name']}.running",
            f"containers.{PROVIDER}.running",
            f"services.{PROVIDER}.answers",
        ),
    )
