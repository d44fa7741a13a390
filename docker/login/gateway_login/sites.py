"""What the gateway offers, as the host's role wrote it: names, ports, services and where each is reached."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Folders that are mounted into the container.
CONFIG = Path(os.environ.get("GATEWAY_CONFIG", "/config"))
DATA = Path(os.environ.get("GATEWAY_DATA", "/data"))
STATE = Path(os.environ.get("GATEWAY_STATE", "/state"))
SECRETS = Path(os.environ.get("GATEWAY_SECRETS", "/run/secrets"))


@dataclass(frozen=True)
class Site:
    """One service behind the gateway.

    :param host: its own name, or None where it has the gateway's names and a port of its own.
    :param own_login: Authorization is the service's; else it is the gateway's.
    :param query_token: also takes the key as ``?token=``, as Jupyter's clients send it.
    """

    service: str
    title: str
    kind: str
    port: int
    host: str | None
    own_login: bool
    query_token: bool
    api: str

    def origin(self, host: str) -> str:
        """Its address for somebody who reached the gateway as ``host`` (without a port)."""
        return origin(self.host or host, self.port)


def origin(host: str, port: int) -> str:
    """An address with https; the port is left out where it is https's own."""
    return f"https://{host}" if port == 443 else f"https://{host}:{port}"


@dataclass(frozen=True)
class Gateway:
    """The whole configuration."""

    title: str
    names: tuple[str, ...]
    port: int
    cookie_domain: str | None
    session_hours: int
    attempts: int
    pause_minutes: int
    own_ca: bool
    simulated: bool
    gpus: tuple[str, ...]
    sites: dict[str, Site]

    @property
    def origins(self) -> list[str]:
        """Addresses of the page itself, one for each name."""
        return [origin(name, self.port) for name in self.names]

    def every_origin(self) -> list[str]:
        """Addresses of the page and of every service, by every name."""
        return [*self.origins, *(site.origin(name) for site in self.sites.values() for name in self.names)]


@cache
def gateway() -> Gateway:
    """What ``gateway.json`` says. The container is made anew when that changes."""
    said: dict[str, Any] = json.loads((CONFIG / "gateway.json").read_text(encoding="utf-8"))
    sites = [Site(**site) for site in said["sites"]]
    lists = {key: tuple(said[key]) for key in ("names", "gpus")}
    return Gateway(**{**said, **lists, "sites": {site.service: site for site in sites}})
