"""The door as somebody on the network meets it: certificates, refusals without a login, closed paths, the way in."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..result import Result, judged, unverifiable
from .context import Context

SECONDS = 10
HTTPS = 443
#: Names that no host has (RFC 2606).
FOREIGN = "rebound.example"
#: How gateway and services answer whom they do not know.
REFUSALS = (401, 403)
KEY_HEADER = "X-Gateway-Key"
#: Where this host reaches what listens on every address.
REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """What the gateway answers to each name, and for each service to whom; ``None`` where there is no gateway."""
    door = expected.get("gateway")
    if not door:
        return {"gateway": None}
    ca, key, missing = _readable(door)
    if missing:
        return {"gateway": {"missing": missing}}
    asker = Asker(door, ca)
    home = door["home"]
    return {
        "gateway": {
            "certificates": {name: asker.certificate(name) for name in door["certified"]},
            "page": asker.ask(home, "/", {"Accept": "text/html"}),
            "foreign_host": asker.ask(home, "/", {"Host": FOREIGN}),
            "foreign_origin": asker.ask(home, "/login", {"Origin": f"https://{FOREIGN}"}),
            "services": {site["service"]: _service(site, asker, key) for site in door["sites"]},
        }
    }


def _readable(door: Mapping[str, Any]) -> tuple[str | None, str, str]:
    """The authority's certificate, a key that opens every service, and what of them only root could read."""
    try:
        ca = Path(door["ca"]).read_text(encoding="ascii") if door["ca"] else None
        return ca, Path(door["key"]).read_text(encoding="ascii").strip(), ""
    except PermissionError as error:
        return None, "", str(error.filename)
    except OSError:
        return "", "", ""


def _service(site: Mapping[str, Any], asker: Asker, key: str) -> dict[str, Any]:
    with_key = {KEY_HEADER: key}
    return {
        "stranger": asker.ask(site["origin"], site["path"]),
        "known": asker.ask(site["origin"], site["path"], with_key),
        "closed": {path: asker.ask(site["origin"], path, with_key)["status"] for path in site["closed"]},
    }


class Asker:
    """Asks the gateway from the host itself, as any of its names."""

    def __init__(self, door: Mapping[str, Any], ca: str | None) -> None:
        bind = str(door["bind"][0])
        self.address = REACHED_AT.get(bind, bind)
        self.port = urlsplit(door["home"]).port or HTTPS
        self.context = ssl.create_default_context(cadata=ca) if ca else ssl.create_default_context()

    def certificate(self, name: str) -> str:
        """What is wrong with the certificate for a name; empty when nothing is."""
        host = f"[{name}]" if ":" in name else name
        return str(self.ask(f"https://{host}:{self.port}", "/")["error"])

    def ask(self, origin: str, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """``{status, location, error}``; status 0 and the error where no answer came over a connection that is trusted."""
        where = urlsplit(origin)
        try:
            plain = socket.create_connection((self.address, where.port or HTTPS), timeout=SECONDS)
            with plain, self.context.wrap_socket(plain, server_hostname=where.hostname) as line:
                return _exchange(line, path, {"Host": where.netloc, **(headers or {})})
        except (OSError, ValueError, http.client.HTTPException) as error:
            return {"status": 0, "location": "", "error": str(error) or type(error).__name__}


def _exchange(line: ssl.SSLSocket, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("gateway")
    connection.sock = line
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**headers, "Connection": "close"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read(1 << 16)
    return {"status": answer.status, "location": answer.getheader("Location", ""), "error": ""}


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """One result for each name, each service, and each thing that must be refused."""
    door, saw = expected.get("gateway"), seen["gateway"]
    if not door:
        return []
    if "missing" in saw:
        why = f"only root can read {saw['missing']}"
        return [unverifiable("gateway.page.asks_for_login", why, wanted="a login", next="Run it with sudo.")]
    results = [*(_certificate(name, wrong, door) for name, wrong in saw["certificates"].items()), *_page(saw, door)]
    for site in door["sites"]:
        results += _site(site, saw["services"][site["service"]])
    return results


def _certificate(name: str, wrong: str, door: Mapping[str, Any]) -> Result:
    authority = "this host's own authority" if door["ca"] else "a public authority"
    return judged(
        f"gateway.certificate.{slug(name)}",
        not wrong,
        seen=wrong or f"valid for {name}",
        wanted=f"valid for {name}, signed by {authority}",
        why=f"Who comes as {name} gets no certificate that {authority} vouches for ({wrong}): browsers warn, programs "
        "refuse.",
        next="docker logs --tail 50 gpuhost-gateway",
        needs=("containers.gateway.running",),
    )


def slug(name: str) -> str:
    """A name as part of an id, where points and colons mean something else."""
    return name.replace(".", "-").replace(":", "-")


_RUNS = ("containers.gateway.running", "containers.gateway-login.running")
_AGAIN = "Run `gpuhost up` again."


def _page(saw: Mapping[str, Any], door: Mapping[str, Any]) -> list[Result]:
    page, host, origin = saw["page"], saw["foreign_host"], saw["foreign_origin"]
    return [
        judged(
            "gateway.page.asks_for_login",
            page["status"] == 302 and "/login" in page["location"],
            seen=_said(page),
            wanted="HTTP 302 to the login",
            why=f"The front page at {door['home']} does not send people to the login, but answers {_said(page)}.",
            next="docker logs --tail 50 gpuhost-gateway-login",
            needs=_RUNS,
        ),
        judged(
            "gateway.host.refused",
            host["status"] == 421,
            seen=_said(host),
            wanted="HTTP 421",
            why=f"The gateway answers to a name that is not this host's ({_said(host)}): a web page that makes a name of "
            "its own point here could read what its visitors may.",
            next=_AGAIN,
            needs=_RUNS,
        ),
        judged(
            "gateway.origin.refused",
            origin["status"] == 403,
            seen=_said(origin),
            wanted="HTTP 403",
            why=f"The gateway takes requests that another site's page sends ({_said(origin)}): that page acts as its "
            "visitor.",
            next=_AGAIN,
            needs=_RUNS,
        ),
    ]


def _said(answer: Mapping[str, Any]) -> str:
    return f"HTTP {answer['status']}" if answer["status"] else str(answer["error"])


def _site(site: Mapping[str, Any], saw: Mapping[str, Any]) -> list[Result]:
    name, stranger, known = site["service"], saw["stranger"], saw["known"]
    open_paths = sorted(path for path, status in saw["closed"].items() if status != 403)
    results = [
        judged(
            f"gateway.{name}.refuses",
            stranger["status"] == 401,
            seen=_said(stranger),
            wanted="HTTP 401",
            why=f"Without a login {site['origin']} answers {_said(stranger)}: everybody on the network reaches {name}."
            if 0 < stranger["status"] < 400
            else f"Without a login {site['origin']} answers {_said(stranger)}, and not the refusal (401) that it should.",
            next=_AGAIN,
            needs=_RUNS,
        ),
        judged(
            f"gateway.{name}.opens",
            known["status"] == 200,
            seen=_said(known),
            wanted="HTTP 200",
            why=f"With a user's key {site['origin']}{site['path']} answers {_said(known)}: nobody can use {name} from the "
            "network.",
            # A secret of the service that became another one behind the gateway's back.
            next="Run `gpuhost up --full`: it shows the gateway every secret and key as they are now."
            if known["status"] in REFUSALS
            else "docker logs --tail 50 gpuhost-gateway",
            needs=(*_RUNS, f"containers.{name}.running", f"services.{name}.answers"),
        ),
    ]
    if site["closed"]:
        results.append(
            judged(
                f"gateway.{name}.closed",
                not open_paths,
                seen=open_paths or "each of them answers HTTP 403",
                wanted=list(site["closed"]),
                why=f"Users reach {', '.join(open_paths)} of {name} from the network: with that they change the host or "
                "read its settings.",
                next=_AGAIN,
                needs=(*_RUNS, f"gateway.{name}.opens"),
            )
        )
    return results
