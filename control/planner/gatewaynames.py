"""By which names the gateway is reached: a certificate is made for each, and no other is answered."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from control.planner.model import Context

if TYPE_CHECKING:
    from control.findings import Finding

#: A name as DNS has it, one label or several.
_DNS = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")

#: Without what would mean something else in the proxy's configuration.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_DIRECTORY = re.compile(r"https://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~%/?=&-]*)?")


@dataclass(frozen=True)
class Names:
    """``home``: those of the front page; ``all``: those by which services are reached too. ``domain``: each has its own.

    ``default``: the one whose certificate somebody gets who comes by an address, and so names none.
    """

    all: tuple[str, ...]
    domain: str | None

    @property
    def home(self) -> tuple[str, ...]:
        return (self.domain,) if self.domain else self.all

    @property
    def default(self) -> str:
        addresses = [name for name in self.all if is_address(name)]
        return next(iter([*(one for one in addresses if ":" not in one), *addresses, *self.all]), "localhost")


def decide_names(ctx: Context) -> tuple[Names, list[Finding]]:
    """The names that the site gives, else those that the host has by itself."""
    domain = str(ctx.wishes["gateway_domain"]).lower() or None
    given = [str(name).strip("[]").lower() for name in ctx.wishes["gateway_names"]]
    found = [domain] if domain else (given or own_names(ctx))
    names = Names(tuple(dict.fromkeys(_plain(name) for name in found)), domain)
    return names, [*_wrong(ctx, names), *_addresses(ctx), *_silent(ctx, names)]


def own_names(ctx: Context) -> list[str]:
    """An address of the host, its own name, and the one that the inventory calls it by.

    One address: who comes by an address names none in the handshake, so that only one can have its certificate shown.
    """
    section = ctx.mapping("addresses")
    found = [str(one["address"]) for one in section.get("addresses") or []]
    addresses = [ctx.host] if is_address(ctx.host) else found[:1]
    named = [name.lower() for name in (str(section.get("hostname") or ""), ctx.host)]
    return [*addresses, *(name for name in named if _DNS.fullmatch(name) and name != "localhost" and not is_address(name))]


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _plain(name: str) -> str:
    """An address in the form in which browsers write it."""
    return str(ipaddress.ip_address(name)) if is_address(name) else name


def _wrong(ctx: Context, names: Names) -> list[Finding]:
    found = [
        ctx.finding("GH-INPUT-GATEWAY", f"{name!r} is neither a name as DNS has it nor an address")
        for name in names.all
        if not is_address(name) and not _DNS.fullmatch(name)
    ]
    if names.domain and is_address(names.domain):
        found.append(ctx.finding("GH-INPUT-GATEWAY", f"gateway_domain is {names.domain}: no name can be below an address"))
    if not names.all:
        found.append(ctx.finding("GH-INPUT-GATEWAY", "this host has no address and no name: gateway_names must have one"))
    return [*found, *(ctx.finding("GH-INPUT-GATEWAY", seen) for seen in _acme(ctx, names))]


def _acme(ctx: Context, names: Names) -> list[str]:
    """Why no authority that speaks ACME would sign: it comes to port 443 (RFC 8737), its directory is https (RFC 8555)."""
    email, url, number = (
        str(ctx.wishes["gateway_acme_email"]),
        str(ctx.wishes["gateway_acme_url"]),
        ctx.wishes["gateway_port"],
    )
    if not email:
        return ["gateway_acme_url is given without gateway_acme_email"] if url else []
    odd = [name for name in names.all if is_address(name) or "." not in name]
    seen = [f"no public authority signs a certificate for {name}" for name in odd]
    if number != 443:
        seen.append(f"gateway_port is {number}: with gateway_acme_email it must be 443, where the authority looks")
    if not _EMAIL.fullmatch(email):
        seen.append(f"gateway_acme_email is {email!r}, must be an address for mail")
    if url and not _DIRECTORY.fullmatch(url):
        seen.append(f"gateway_acme_url is {url!r}, must be an address with https://")
    return seen


def _silent(ctx: Context, names: Names) -> list[Finding]:
    """Addresses whose certificate nobody can be shown."""
    others = [name for name in names.all if is_address(name) and name != names.default]
    return [ctx.finding("GH-GATEWAY-ADDRESS", f"{', '.join(others)} besides {names.default}")] if others else []


def bound(ctx: Context) -> tuple[str, ...]:
    """The addresses to listen on. ``::`` is none in a kernel without IPv6: the engine would refuse the container."""
    listed = tuple(str(one) for one in ctx.wishes["gateway_bind_addresses"])
    usable = tuple(one for one in listed if one != "::" or ctx.mapping("addresses").get("ipv6") is not False)
    return usable or listed


def _addresses(ctx: Context) -> list[Finding]:
    """Addresses to listen on that are none."""
    listed: list[Any] = list(ctx.wishes["gateway_bind_addresses"])
    seen = [f"gateway_bind_addresses has {one!r}, must be IP addresses" for one in listed if not is_address(str(one))]
    if not listed:
        seen.append("gateway_bind_addresses is empty: nobody could reach the gateway")
    return [ctx.finding("GH-INPUT-TYPE", one, variable="gateway_bind_addresses") for one in seen]
