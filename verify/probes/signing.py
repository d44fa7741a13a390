"""Secure Boot and module signing: what the firmware and shim say, what the kernel enforces, which keys are enrolled."""

from __future__ import annotations

import re
from typing import Any

from ..parsers import der, efi
from .host import Host

EFI = "/sys/firmware/efi"
#: shim's tables as the kernel keeps them since 5.11; only root may read them, and there are no attributes in front.
SHIM_TABLES = f"{EFI}/mok-variables"
LOCKDOWN = "/sys/kernel/security/lockdown"
SIG_ENFORCE = "/sys/module/module/parameters/sig_enforce"
#: Certificate and key that DKMS signs with. Sources: dkms 3 (`prepare_signing`), Ubuntu `update-secureboot-policy`.
KEYS = (
    ("/var/lib/shim-signed/mok/MOK.der", "/var/lib/shim-signed/mok/MOK.priv"),
    ("/var/lib/dkms/mok.pub", "/var/lib/dkms/mok.key"),
)
DKMS_SETTINGS = "/etc/dkms/framework.conf", "/etc/dkms/framework.conf.d/*.conf"


def secure_boot(host: Host) -> str:
    """`on`, `off` (also where shim was told not to validate, which the kernel honours), `setup`: the firmware holds no
    keys and enforces nothing; `none` without UEFI, `unknown` where the variables will not read.

    Source: Linux `include/linux/efi.h` (`efi_get_secureboot_mode`), `drivers/firmware/efi/libstub/secureboot.c`.
    """
    if not host.exists(EFI):
        return "none"
    on = flag(host, "SecureBoot", efi.GLOBAL)
    if on is None:
        return "unknown"
    if flag(host, "SetupMode", efi.GLOBAL):
        return "setup"
    return "on" if on and shim_validates(host) is not False else "off"


def look_signing(host: Host) -> dict[str, Any]:
    """`enforced`: an unsigned module is refused. `shim`: it began this boot, so a key of the host's own can be enrolled."""
    locked = lockdown(host)
    enforce = host.word(SIG_ENFORCE)
    known = enforce is not None or locked is not None
    return {
        "enforced": enforce == "Y" or locked in ("integrity", "confidentiality") if known else None,
        "lockdown": locked,
        "shim": began_by_shim(host),
        "shim_validation": shim_validates(host),
        "keys": keys(host),
    }


def lockdown(host: Host) -> str | None:
    """The level in brackets. Source: kernel_lockdown(7)."""
    found = re.search(r"\[(\w+)\]", host.word(LOCKDOWN) or "")
    return found.group(1) if found else None


def began_by_shim(host: Host) -> bool | None:
    """Whether shim left its lists; None where the firmware's variables are not there to tell."""
    if host.exists(SHIM_TABLES) or mok_files(host):
        return True
    return False if host.names(f"{EFI}/efivars") else None


def shim_validates(host: Host) -> bool | None:
    """False where shim was told (`mokutil --disable-validation`) to check nothing; None where it does not say.

    A variable that outlives a reboot was not written by shim, and the kernel passes it over.
    """
    table = host.content(f"{SHIM_TABLES}/MokSBStateRT")
    if table is not None:
        return table[:1] != b"\1"
    said = variable(host, "MokSBStateRT", efi.SHIM)
    if said is None:
        return None if not mok_files(host) else True
    attributes, value = said
    return bool(attributes & efi.NON_VOLATILE) or value[:1] != b"\1"


def mok_files(host: Host) -> list[str]:
    return list(host.glob(f"{EFI}/efivars/Mok*RT-{efi.SHIM}"))


def keys(host: Host) -> list[dict[str, Any]]:
    """The keys that modules are signed with here; those that are on the host."""
    enrolled, pending = certificate_lists(host, "MokListRT"), certificate_lists(host, "MokNew")
    return [key(host, *paths, enrolled, pending) for paths in key_places(host) if any(map(host.exists, paths))]


def key_places(host: Host) -> list[tuple[str, str]]:
    """Certificate and key by DKMS's own settings first."""
    text = "\n".join(host.word(path) or "" for path in host.glob(*DKMS_SETTINGS))
    said = dict(re.findall(r"""^\s*(mok_certificate|mok_signing_key)=["']?([^"'\s#]+)""", text, re.MULTILINE))
    own = said.get("mok_certificate"), said.get("mok_signing_key")
    return [(own[0], own[1]), *KEYS] if own[0] and own[1] and (own[0], own[1]) not in KEYS else list(KEYS)


def key(
    host: Host, certificate: str, private: str, enrolled: list[bytes] | None, pending: list[bytes] | None
) -> dict[str, Any]:
    """`enrolled`, `pending`: None where the lists, or the certificate, will not read."""
    content = host.content(certificate)
    subject, serial = names(content)
    return {
        "certificate": certificate,
        "key": private if host.exists(private) else None,
        "subject": subject,
        "serial": serial,
        "enrolled": None if content is None or enrolled is None else content in enrolled,
        "pending": None if content is None or pending is None else content in pending,
    }


def names(content: bytes | None) -> tuple[str | None, str | None]:
    try:
        return der.certificate(content or b"")
    except ValueError:
        return None, None


def certificate_lists(host: Host, name: str) -> list[bytes] | None:
    """The certificates in shim's list; empty where there is no such list, None where it will not read.

    A long list goes on in variables with a number behind the name.
    """
    found: list[bytes] = []
    tables = host.glob(f"{SHIM_TABLES}/{name}", f"{SHIM_TABLES}/{name}[0-9]*")
    variables = host.glob(f"{EFI}/efivars/{name}-{efi.SHIM}", f"{EFI}/efivars/{name}[0-9]*-{efi.SHIM}")
    for path, head in [*((path, 0) for path in tables), *((path, 4) for path in variables)]:
        content = host.content(path)
        if content is None and head:
            host.needs_root.add("kernel.signing")
            return None
        found += efi.certificates((content or b"")[head:])
    return found


def flag(host: Host, name: str, vendor: str) -> bool | None:
    said = variable(host, name, vendor)
    return said[1][0] != 0 if said and said[1] else None


def variable(host: Host, name: str, vendor: str) -> tuple[int, bytes] | None:
    return efi.variable(host.content(f"{EFI}/efivars/{name}-{vendor}") or b"")
