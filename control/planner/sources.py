"""Where the host fetches from: CAs, the site's mirror, and the addresses that a run has to reach."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from control.planner import repositories
from control.planner.model import Context, Decision, Outcome
from control.planner.present import missing_images, missing_packages, program_present, venv_present

if TYPE_CHECKING:
    from control.findings import Finding

PYPI = "https://pypi.org/simple"
DOCKER_HUB = "https://registry-1.docker.io"

_NETWORK = {
    "dns": "GH-NET-DNS",
    "tls": "GH-NET-TLS",
    "refused": "GH-NET-REFUSED",
    "timeout": "GH-NET-TIMEOUT",
    "http": "GH-NET-HTTP",
    "signature": "GH-APT-SIGNATURE",
}


def python_index(ctx: Context) -> str:
    """The package index that pip uses for everything but PyTorch's own wheels."""
    return str(ctx.wishes["sources_python_index"] or PYPI)


def decide(ctx: Context) -> Outcome:
    """The part of the role ``sources``, and what the network probe found wrong."""
    apt, found = _apt(ctx), network(ctx)
    certificates = _certificates(ctx.wishes["sources_ca_certificates"])
    # What makes a trust store of them, which a bare system may lack.
    packages = ctx.system.packages["certificates"].names if certificates else []
    part = {"ca_certificates": certificates, "packages": list(packages), "apt": apt}
    if not apt:
        return Outcome(part, [Decision("packages", "the host's own sources", "no mirror is set", "sources.own")], found)
    reason = "sources_apt_url is set; its key has the pinned fingerprint"
    return Outcome(part, [Decision("packages", apt["url"], reason, "sources.mirror")], found)


def _certificates(paths: list[str]) -> list[dict[str, str]]:
    """Each CA with a name that is safe as a file name and its own."""
    found: dict[str, str] = {}
    for path in paths:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", PurePath(path).stem)
        while name in found:
            name += "-2"
        found[name] = path
    return [{"name": name, "src": path} for name, path in found.items()]


def _apt(ctx: Context) -> dict[str, Any] | None:
    wishes = ctx.wishes
    if not wishes["sources_apt_url"]:
        return None
    return {
        "url": wishes["sources_apt_url"].rstrip("/"),
        "suite": wishes["sources_apt_suite"] or ctx.system.codename,
        "components": list(wishes["sources_apt_components"]),
        "key_src": wishes["sources_apt_key"],
        "fingerprint": wishes["sources_apt_key_fingerprint"],
    }


def network(ctx: Context) -> list[Finding]:
    """One finding per address that the host does not reach."""
    return [
        ctx.finding(_NETWORK.get(row.get("kind") or "", "GH-NET-TIMEOUT"), f"{row['url']}: {row.get('error')}")
        for row in ctx.rows("network")
        if not row.get("ok")
    ]


def needs_urls(ctx: Context) -> list[str]:
    """What has to be reachable for the parts of the plan that still have to be fetched."""
    urls: list[str] = []
    images = missing_images(ctx)
    pip_on_host = ctx.parts["pytorch"]["requirements"] and not venv_present(ctx)
    missing = missing_packages(ctx)
    if missing:
        urls += _release_files(ctx)
    urls += _vendors(ctx, missing)
    urls += _registries(ctx, [image["name"] for image in images if image.get("pull")])
    for unit in ctx.parts["services"]["units"]:
        urls += [] if program_present(ctx, unit) else [one["url"] for one in unit["archives"]]
    if pip_on_host:
        urls += map(_folder, [ctx.parts["pytorch"]["index_url"], *ctx.parts["pytorch"]["extra_index_urls"]])
    for image in images:
        args = (image.get("build") or {}).get("args", {})
        urls += [_folder(args[name]) for name in ("PIP_INDEX_URL", "TORCH_INDEX_URL") if args.get(name)]
    return list(dict.fromkeys(urls))


def _registries(ctx: Context, names: list[str]) -> list[str]:
    """Where the images of these names are asked for."""
    from control.planner.images import registry_of

    found = list(dict.fromkeys(registry_of(name) for name in names))
    mirrors = ctx.wishes["sources_registry_mirrors"] or [DOCKER_HUB]
    return [f"{url.rstrip('/')}/v2/" for registry in found for url in ([f"https://{registry}"] if registry else mirrors)]


def _folder(url: str) -> str:
    """An index answers at its folder, with a slash at the end."""
    return url if url.endswith("/") else f"{url}/"


def _vendors(ctx: Context, missing: set[str]) -> list[str]:
    """Release files and keys of the repositories that a role still has to fetch from."""
    urls = []
    for part in (ctx.parts["amdgpu"], ctx.parts["rocm"]):
        if not missing & set(part.get("packages") or []):
            continue
        for repository in part.get("repositories") or []:
            urls += [repositories.release_file(repository), *filter(None, [repository["key"]["url"]])]
    return urls


def _release_files(ctx: Context) -> list[str]:
    """The Release file of the site's mirror, else of the host's own source for its release."""
    apt = ctx.parts["sources"]["apt"]
    if apt:
        return [f"{apt['url']}/dists/{apt['suite']}/Release"]
    # A vendor's source may serve the same release name; the system's own also has its updates.
    suites: dict[str, set[str]] = {}
    for source in ctx.mapping("apt").get("sources") or []:
        for uri in source.get("uris") or []:
            suites.setdefault(uri.rstrip("/"), set()).update(source.get("suites") or [])
    codename = ctx.system.codename
    own = [uri for uri, found in suites.items() if uri.startswith("http") and {codename, f"{codename}-updates"} <= found]
    return [f"{uri}/dists/{codename}/Release" for uri in own[:1]]
