"""From inside each container: the names of the services that it calls resolve, and they answer there."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from ..engine import EngineError
from ..result import Result, judged
from .context import Context
from .pages import healthy
from .running import is_unit, known_as, running

SECONDS = 15
#: So many characters of an answer are shown.
SHOWN = 120

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
    """Per container and service that it calls: what asking that service from inside it gave."""
    services = {row["name"]: row for row in expected.get("services") or []}
    called = {name for row in services.values() for name in row.get("calls") or []}
    inspected = {name: {} if is_unit(services[name]) else ctx.container(services[name]["container"]) for name in called}
    addresses = {name: _address(services[name], inspected[name]) for name in called}
    return {
        "addresses": addresses,
        "from": {
            row["name"]: {
                name: ask(row["container"], addresses[name], str(urlsplit(addresses[name]).hostname), ctx)
                for name in row.get("calls") or []
            }
            for row in services.values()
            if not is_unit(row)
        },
    }


def _address(provider: dict[str, Any], inspected: dict[str, Any]) -> str:
    """The health page of a service as others see it: by the service's own name where the network knows it, else the
    container's; of one on the host itself, by the name that the containers are told.
    """
    if is_unit(provider):
        return f"http://{known_as(provider)[0]}:{provider['port']}{provider['health']['path']}"
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    known = {alias for network in networks.values() for alias in network.get("Aliases") or []}
    name = provider["name"] if provider["name"] in known else provider["container"]
    bindings = (inspected.get("HostConfig") or {}).get("PortBindings") or {}
    # The published one stands in only when the container is gone.
    port = next(iter(bindings), f"{urlsplit(provider['url']).port}/tcp").partition("/")[0]
    return f"http://{name}:{port}{provider['health']['path']}"


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
    """One answer per container and service that it calls. That one being down is its own failure, not the wiring's."""
    rows = {row["name"]: row for row in expected.get("services") or []}
    return [
        _wired(rows[name], saw, seen["addresses"][provider], rows[provider])
        for name, called in seen["from"].items()
        for provider, saw in called.items()
    ]


def _wired(row: dict[str, Any], saw: dict[str, Any], address: str, provider: dict[str, Any]) -> Result:
    body = str(saw.get("body") or "")
    well = saw["resolved"] is True and healthy(provider["health"], body)
    if saw["resolved"] is False:
        said, why = f"the name {provider['name']} does not resolve", "the two containers are not on one network"
    elif saw["resolved"] is None:
        said, why = str(saw.get("error")), "it could not be asked from inside"
    else:
        said = str(saw.get("error") or body[:SHOWN])
        why = (
            f"the name resolves, but {provider['name']} does not answer there"
            if saw.get("error")
            else f"what answers there is not {provider['name']}"
        )
    return judged(
        f"wiring.{row['name']}.{provider['name']}",
        well,
        seen=said,
        wanted=f"{provider['name']} at {address}",
        why=f"From inside {row['container']} {provider['name']} cannot be used: {why} ({said}). {row['name']} gets no "
        "answers from it then.",
        next=f"docker network inspect $(docker inspect --format '{{{{range $n, $_ := "
        f".NetworkSettings.Networks}}}}{{{{$n}}}}{{{{end}}}}' "
        f"{row['container']}); then run `gpuhost up` again.",
        needs=(
            running(row),
            running(provider),
            f"services.{provider['name']}.answers",
        ),
    )
