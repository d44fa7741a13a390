"""A vendor's apt repository for one host: its address, its key and its pin, or the site's mirror in its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from control.planner.model import Context
from onhost import openpgp

if TYPE_CHECKING:
    from control.rows import Repository


def entry(ctx: Context, repository_id: str, directory: str | None) -> dict[str, Any]:
    """The document REPOSITORY of docs/architecture.md.

    :param directory: the folder of the release that is wanted, where the repository has one for each.
    :raises KeyError: the table has no such repository, or the system's row does not say what it is called there.
    """
    row = ctx.table.repository(repository_id)
    here = ctx.system.vendor[row.vendor]
    words = {"directory": directory or "", "directory_name": here.directory_name, "suite": here.suite}
    base = _mirror(ctx, row) or row.base_url
    return {
        "name": row.id,
        "url": f"{base.rstrip('/')}/{row.path.format(**words)}".rstrip("/"),
        "suite": row.suite.format(**words),
        "components": list(row.components),
        "architectures": list(row.architectures),
        "key": _key(ctx, row),
        "pin": {"origin": row.pin.origin, "priority": row.pin.priority} if row.pin else None,
    }


def release_file(repository: Mapping[str, Any]) -> str:
    """The address that tells whether a repository can be reached and has the suite."""
    return f"{repository['url']}/dists/{repository['suite']}/Release"


def _mirror(ctx: Context, row: Repository) -> str:
    return str(ctx.wishes[row.mirror]) if row.mirror else ""


def _key(ctx: Context, row: Repository) -> dict[str, Any]:
    """The vendor's key; a site's own signs its own mirrors only."""
    if _mirror(ctx, row) and ctx.wishes["sources_amd_key"]:
        fingerprint = openpgp.normalised(str(ctx.wishes["sources_amd_key_fingerprint"]))
        return {"url": None, "src": ctx.wishes["sources_amd_key"], "fingerprint": fingerprint}
    key = ctx.table.key(row.key)
    return {"url": key.url, "src": None, "fingerprint": key.fingerprint}
