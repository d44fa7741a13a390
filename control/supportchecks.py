"""What the rows of the truth table must not say against each other. One sentence per mistake, with file, row and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.version import Version

#: file's lists by name, as control.supportfiles reads them.
Lists = dict[str, list[Any]]

#: What the planner can fill into the texts of a service row.
PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([a-z_]+))?\}")
PLAIN_PLACEHOLDERS = (
    *("admin_email", "context", "data", "embedding_model", "listen", "model", "origins", "port", "upload_max_mb", "verify"),
)
#: Only for a service that loads a model from a file.
MODEL_PLACEHOLDERS = ("model_file", "model_name")
#: Where a list stands that has no file of its own name.
_FILE = {
    "targets": "gpus",
    "kernel_fixes": "drivers",
    "elsewhere": "systems",
    "keys": "repositories",
    "quantisations": "models",
}
_NEEDED_TORCH = {
    "rocm": ("rocm", "requirement", "index_url", "python", "targets"),
    "cpu": ("requirement", "index_url", "python"),
    "distro": ("system", "packages"),
}
_NEEDED_DRIVER = {
    "inbox": (),
    "dkms": ("version", "directory", "kernel_base", "packages", "firmware", "rocm", "repository", "released"),
}


def across(lists: Lists) -> list[str]:
    """Every mistake that one row alone does not show."""
    problems = [problem for check in (_dangling, _incomplete, _services, _targets, _rates) for problem in check(lists)]
    # What follows compares rows that are there: it would stumble over those that are not.
    return problems or [problem for check in (_ranges, _both_ways, _repositories) for problem in check(lists)]


def _where(name: str, row: Any) -> str:
    key = getattr(row, "id", None) or getattr(row, "gfx", "") if name != "gpus" else row.device
    return f"support/{_FILE.get(name, name)}.yml {name} {key!r}"


def _dangling(lists: Lists) -> Iterator[str]:
    """Names that no row has."""
    known = {name: {getattr(row, "id", None) for row in found} for name, found in lists.items()}
    known["targets"] = {row.gfx for row in lists["targets"]}
    for name, row, key, kind, names in _references(lists):
        for one in names:
            if one and one not in known[kind]:
                yield f"{_where(name, row)}: {key}: no row {one!r} in {kind}"


def _rates(lists: Lists) -> Iterator[str]:
    """Floors of products that there are not, or of one product twice."""
    known = {product.name for gpu in lists["gpus"] for product in gpu.revisions.values()}
    rated: set[str] = set()
    for row in lists["rates"]:
        for name in row.products:
            if name not in known:
                yield f"{_where('rates', row)}: products: no GPU is called {name!r}"
            if name in rated:
                yield f"{_where('rates', row)}: products: {name!r} has a row already"
            rated.add(name)


def _references(lists: Lists) -> Iterator[tuple[str, Any, str, str, Iterable[str | None]]]:
    """Every place where a row names others: list, row, key, the list that is meant, the names."""
    for gpu in lists["gpus"]:
        yield "gpus", gpu, "gfx", "targets", [gpu.gfx]
    for repository in lists["repositories"]:
        yield "repositories", repository, "key", "keys", [repository.key]
    for driver in lists["drivers"]:
        yield "drivers", driver, "systems", "systems", driver.systems
        yield "drivers", driver, "repository", "repositories", [driver.repository]
    for rocm in lists["rocm"]:
        yield "rocm", rocm, "systems", "systems", rocm.systems
        yield "rocm", rocm, "repositories", "repositories", rocm.repositories
        yield "rocm", rocm, "targets", "targets", rocm.targets
        yield "rocm", rocm, "built_targets", "targets", rocm.built_targets
    for torch in lists["torch"]:
        yield "torch", torch, "system", "systems", [torch.system]
        yield "torch", torch, "targets", "targets", torch.targets
    for image in lists["images"]:
        yield "images", image, "targets", "targets", [*image.targets, *image.integrated_default]
        yield "images", image, "built", "images", [image.built.gpu_base, image.built.cpu_base] if image.built else []
    for program in lists["programs"]:
        yield "programs", program, "kernels", "images", [program.kernels]
    for service in lists["services"]:
        yield "services", service, "native", "programs", [service.native.program] if service.native else []
        yield "services", service, "image", "images", [service.image]
        yield "services", service, "needs", "services", service.needs
        yield "services", service, "uses", "services", service.uses
        yield "services", service, "model_file", "services", [service.model_file.store] if service.model_file else []
        instead = service.fallback
        yield "services", service, "fallback", "images", [instead.vulkan, instead.cpu] if instead else []


def _incomplete(lists: Lists) -> Iterator[str]:
    """Rows that lack what their kind needs."""
    for name, kind, needed in (("torch", "build", _NEEDED_TORCH), ("drivers", "kind", _NEEDED_DRIVER)):
        for row in lists[name]:
            for key in needed[getattr(row, kind)]:
                if not getattr(row, key):
                    yield f"{_where(name, row)}: {key}: missing for {kind} {getattr(row, kind)!r}"
    for row in lists["rocm"]:
        if row.stream != "distro" and not (row.repositories and row.driver and row.targets and row.built_targets):
            yield f"{_where('rocm', row)}: repositories, driver, targets, built_targets: AMD's own ROCm needs each of them"
    for image in lists["images"]:
        if (image.built is None) == (image.tag is None):
            yield f"{_where('images', image)}: has to have a tag, or to be built, and not both"


def _services(lists: Lists) -> Iterator[str]:
    """Placeholders in a service row that the planner cannot fill."""
    services = {row.id for row in lists["services"]}
    for service in lists["services"]:
        secrets = {secret.name for secret in service.secrets}
        if service.openai and service.openai.key not in secrets:
            yield f"{_where('services', service)}: openai: no secret of it is called {service.openai.key!r}"
        plain = {*PLAIN_PLACEHOLDERS, *(MODEL_PLACEHOLDERS if service.model_file else ())}
        for name, argument in PLACEHOLDER.findall(service.model_dump_json()):
            known = {"address": services, "secret": secrets}.get(name)
            if (known is not None and argument in known) or (name in plain and not argument):
                continue
            text = f"{name}:{argument}" if argument else name
            yield f"{_where('services', service)}: {{{text}}} means nothing to the planner"


def _targets(lists: Lists) -> Iterator[str]:
    """AMD's lists: the products of a target, and the span of releases that they make."""
    for target in lists["targets"]:
        sold = {
            product.name
            for gpu in lists["gpus"]
            if gpu.gfx == target.gfx and gpu.listed
            for product in gpu.revisions.values()
        }
        for name in sorted(set(target.listed) - sold):
            yield f"{_where('targets', target)}: listed: no GPU of {target.gfx} is called {name!r}"
        first = min(target.listed.values(), key=Version, default=None)
        if first != (target.rocm.min if target.rocm else None):
            yield f"{_where('targets', target)}: rocm: must begin with {first}, the first release in `listed`"


def _ranges(lists: Lists) -> Iterator[str]:
    """Ranges that end before they begin, or that no row is inside of."""
    versions = {
        "drivers": [row.version for row in lists["drivers"] if row.version],
        "rocm": [row.version for row in lists["rocm"] if row.stream != "distro"],
    }
    for name, key, other in (("rocm", "driver", "drivers"), ("drivers", "rocm", "rocm"), ("targets", "rocm", "rocm")):
        for row in lists[name]:
            span = getattr(row, key)
            if span is None:
                continue
            if span.max and Version(span.max) < Version(span.min):
                yield f"{_where(name, row)}: {key}: ends before it begins"
            elif name != "drivers" and not any(span.holds(version) for version in versions[other]):
                yield f"{_where(name, row)}: {key}: no row of {other} is from {span.min} to {span.max or 'the newest'}"


def _both_ways(lists: Lists) -> Iterator[str]:
    """Driver and ROCm name each other's ranges; ROCm and target name each other's support. Both have to agree."""
    vendor = [row for row in lists["rocm"] if row.stream != "distro"]
    for rocm in vendor:
        for driver in (row for row in lists["drivers"] if row.version):
            mine, theirs = rocm.driver.holds(driver.version), driver.rocm.holds(rocm.version)
            if mine != theirs:
                says = f"{'includes' if mine else 'leaves out'} {driver.version}, whose own range does the opposite"
                yield f"{_where('rocm', rocm)}: driver: {says}"
        listed = {row.gfx for row in lists["targets"] if row.rocm and row.rocm.holds(rocm.version)}
        for gfx in sorted(listed ^ set(rocm.targets)):
            says = "is missing" if gfx in listed else "is there"
            yield f"{_where('rocm', rocm)}: targets: {gfx} {says}, against the target's own range in gpus.yml"
        for gfx in sorted(set(rocm.targets) - set(rocm.built_targets)):
            yield f"{_where('rocm', rocm)}: built_targets: {gfx} is missing, which AMD lists"


def _repositories(lists: Lists) -> Iterator[str]:
    """What a repository needs to have an address for each row and each system that uses it."""
    repositories = {row.id: row for row in lists["repositories"]}
    systems = {row.id: row for row in lists["systems"]}
    vendors = {row.vendor for row in lists["repositories"]}
    for system in lists["systems"]:
        for name in sorted(set(system.vendor) - vendors):
            yield f"{_where('systems', system)}: vendor: no repository has vendor {name!r}"
    users = [("drivers", row, [row.repository] if row.repository else []) for row in lists["drivers"]]
    users += [("rocm", row, row.repositories) for row in lists["rocm"]]
    for name, row, used in users:
        for repository in (repositories[one] for one in used):
            if "{directory}" in repository.path and not row.directory:
                yield f"{_where(name, row)}: directory: missing; the repository {repository.id!r} has one per release"
            for system in (systems[one] for one in row.systems):
                if repository.vendor not in system.vendor:
                    says = f"{system.id!r} has no vendor {repository.vendor!r}, whose repository it needs"
                    yield f"{_where(name, row)}: systems: {says}"
