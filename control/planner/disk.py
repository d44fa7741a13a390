"""What has to be fetched, how much room it takes, and whether each disk has it. What is there does not count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from control.planner import kernels, leftovers, models
from control.planner.images import reference
from control.planner.model import MB, Context, Outcome, in_words
from control.planner.present import missing_images, missing_packages, program_present, venv_present
from control.planner.services import enabled
from control.planner.torch import VENV
from verify import places

if TYPE_CHECKING:
    from control.findings import Finding
    from control.rows import Size

#: Left free on every disk that something is put on.
MARGIN = 500 * MB
IMAGES = "/var/lib/docker"
BOOT = "/boot"
#: Room that a kernel and its initial ramdisk take there, with what is written beside an old one first (Debian 13's generic
#: kernel, generously; the role asks again, of the host's own files).
BOOT_BYTES = 170 * MB
#: The cost of a plan that does nothing.
NOTHING: Mapping[str, Any] = {"download_bytes": 0, "disk_bytes": 0, "reboot": False, "items": []}


@dataclass(frozen=True)
class Known:
    """A size that no row of the table has, in units of 1,000,000 bytes."""

    download_mb: int
    disk_mb: int


#: Headers of one kernel with what they share, and a kernel: measured with apt, Debian 12's 6.1.192.
HEADERS, KERNEL = Known(15, 70), Known(75, 405)
#: Estimates: AMD's driver with its firmware, and what a build takes below /var/lib/dkms until it is done.
DRIVER, BUILD_MB = Known(60, 700), 2500


@dataclass(frozen=True)
class Item:
    """Something to fetch: for what, where it ends up, and how large it is. ``model``: its name, of a language model."""

    name: str
    path: str
    size: Size | Known | None
    reserve_mb: int = 0
    model: str = ""

    @property
    def download(self) -> int:
        return (self.size.download_mb if self.size else 0) * MB

    @property
    def disk(self) -> int:
        return ((self.size.disk_mb if self.size else 0) + self.reserve_mb) * MB


def decide(ctx: Context) -> Outcome:
    """``part`` is the plan's ``cost``."""
    wanted = list(_items(ctx))
    left_out = _left_out(ctx, wanted)
    items = [item for item in wanted if item not in left_out]
    cost = {
        "download_bytes": sum(item.download for item in items),
        "disk_bytes": sum(item.disk for item in items),
        "reboot": bool(ctx.parts["amdgpu"]["reboots"]) and ctx.wishes["amdgpu_reboot"] != "never",
        "items": [{"name": item.name, "download_bytes": item.download, "disk_bytes": item.disk} for item in items],
    }
    return Outcome(cost, findings=_too_small(ctx, wanted, left_out))


def without_room(ctx: Context) -> list[str]:
    """The models that a run about certain models leaves out, so that the others can come."""
    return [item.model for item in _left_out(ctx, list(_items(ctx)))]


def _left_out(ctx: Context, items: list[Item]) -> list[Item]:
    """Of a run about certain models the largest, until the disk has room for the others.

    Nothing of any other run: what a host is to become comes as a whole, or not at all.
    """
    kept = sorted(items, key=lambda item: item.disk)
    gone: list[Item] = []
    while ctx.models and kept and _short_of(ctx, kept):
        gone.append(kept.pop())
    return gone


def _items(ctx: Context) -> Iterator[Item]:
    if ctx.models:
        # The run brings these and nothing else.
        yield from _models(ctx)
        return
    missing = missing_packages(ctx)
    for group in ctx.system.packages.values():
        if missing & set(group.names):
            yield Item(", ".join(group.names), "/usr", group)
    yield from _driver(ctx, missing)
    yield from _rocm(ctx, missing)
    yield from _torch(ctx, missing)
    for image in missing_images(ctx):
        yield Item(image["name"], IMAGES, _image_size(ctx, image))
    yield from _programs(ctx)
    yield from _data(ctx)


def _data(ctx: Context) -> Iterator[Item]:
    """The services' data on a new host, and the models that it does not have; where those are known, nothing is guessed."""
    known = list(_models(ctx))
    place, sized = models.server(ctx), bool(known) or _all_here(ctx)
    present = {container["name"] for container in ctx.mapping("engine").get("containers") or []}
    present |= {unit["name"] for unit in ctx.parts["services"]["units"] if program_present(ctx, unit)}
    for service in enabled(ctx)[0]:
        if f"gpuhost-{service.id}" not in present and not (sized and place and service.id == place.row.id):
            yield Item(f"data of {service.name}", ctx.wishes["services_data_root"], None, service.reserve_disk_mb)
    yield from known


def _models(ctx: Context) -> Iterator[Item]:
    """The models that are to come; nothing as long as nobody was asked, or the size of one is not known."""
    place, found = models.server(ctx), _asked_models(ctx)
    if place is None or any(one["missing_bytes"] is None for one in found):
        return
    for one in found:
        if one["missing_bytes"]:
            size = -(-one["missing_bytes"] // MB)
            yield Item(f"model {one['name']}", place.folder, Known(size, size), model=one["name"])


def _asked_models(ctx: Context) -> list[dict[str, Any]]:
    found = [one for one in models.figures(ctx) if one["asked"] and not one["preset"]]
    return [one for one in found if one["problem"] not in models.REFUSED]


def _all_here(ctx: Context) -> bool:
    found = _asked_models(ctx)
    return bool(found) and all(one["missing_bytes"] == 0 for one in found)


def _driver(ctx: Context, missing: set[str]) -> Iterator[Item]:
    """AMD's driver, the headers that it is built with, and a newer kernel where the plan has one."""
    part = ctx.parts["amdgpu"]
    for release in part["kernels"]:
        names = ctx.system.kernel_packages
        if names.headers.format(release=release) in missing:
            yield Item(f"headers of {release}", "/usr", HEADERS)
        if names.image.format(release=release) in missing:
            yield Item(f"kernel {release}", "/usr", KERNEL)
    if part["driver"] == "dkms" and missing & set(leftovers.driver_names(ctx, part["packages"])):
        yield Item(f"AMD's driver {part['version']}", "/usr", None if ctx.simulated else DRIVER)
        yield Item("its build", "/var/lib/dkms", None, 0 if ctx.simulated else BUILD_MB)


def _rocm(ctx: Context, missing: set[str]) -> Iterator[Item]:
    part = ctx.parts["rocm"]
    row = next((row for row in ctx.table.rocm if row.id == part["row"]), None)
    if row and missing & set(part["packages"]):
        full = row.packages.full if part["level"] == "full" else None
        yield Item(f"ROCm {row.version} ({part['level']})", str(part["prefix"]), full or row.packages.runtime)


def _torch(ctx: Context, missing: set[str]) -> Iterator[Item]:
    row = next((row for row in ctx.table.torch if row.id == ctx.parts["pytorch"]["row"]), None)
    if row and row.packages and missing & set(row.packages):
        yield Item("PyTorch", "/usr", row.size)
    elif row and row.requirement and not venv_present(ctx):
        yield Item("PyTorch", VENV, row.size)


def _programs(ctx: Context) -> Iterator[Item]:
    """Programs of services on the host itself. Their archives lie beside what is unpacked of them until that is done."""
    for unit in ctx.parts["services"]["units"]:
        if program_present(ctx, unit):
            continue
        row = ctx.table.program(unit["program"])
        size = row.stand_in if ctx.simulated and row.stand_in else row.size
        yield Item(f"{row.id} {row.version}", unit["folder"], size)
        yield Item("its archives", places.STATE, None, size.download_mb)


def _image_size(ctx: Context, image: Mapping[str, Any]) -> Size | None:
    """The size of an image; in the lab that of its stand-in, which is what is fetched there."""
    for row in ctx.table.images:
        built = row.built is not None and "build" in image and image["name"].rpartition(":")[0] == row.image
        if built or (row.tag and reference(ctx, row) == image["name"]):
            return row.stand_in if ctx.simulated and row.stand_in else row.size
    return None


def _too_small(ctx: Context, items: list[Item], left_out: list[Item]) -> list[Finding]:
    """What does not fit where; ``/boot`` apart, where it is a file system of its own."""
    found = []
    for mount, (wanted, free) in _short_of(ctx, items).items():
        seen = f"{mount} needs {in_words(wanted)} and has {in_words(free)} free"
        if left_out:
            names = " and ".join(item.model for item in left_out)
            seen += f"; {names} {'stays' if len(left_out) == 1 else 'stay'} away"
        found.append(ctx.finding("GH-DISK-SMALL", seen, mount=mount, missing=in_words(wanted - free)))
    return [*found, *_boot_too_small(ctx)]


def _short_of(ctx: Context, items: list[Item]) -> dict[str, tuple[int, int]]:
    """Mounts without room for what is put on them: what that takes with the margin, and what is free."""
    mounts = _mounts(ctx)
    need: dict[str, int] = {}
    for item in items:
        mount = _mount_of(item.path, list(mounts))
        need[mount] = need.get(mount, MARGIN) + item.disk
    return {
        mount: (wanted, mounts[mount]["free_bytes"])
        for mount, wanted in need.items()
        if mount in mounts and wanted > mounts[mount]["free_bytes"]
    }


def _mounts(ctx: Context) -> dict[str, Mapping[str, Any]]:
    """The mounts whose free room is known."""
    return {row["mount"]: row for row in ctx.rows("disk") if row.get("free_bytes") is not None}


def _boot_too_small(ctx: Context) -> list[Finding]:
    part, mounts = ctx.parts["amdgpu"], _mounts(ctx)
    image = ctx.system.kernel_packages.image
    new = [one for one in part["kernels"] if image.format(release=one) in part["kernel_packages"]]
    anew = _initial_disks(ctx, [one for one in part["kernels"] if one not in new])
    # Initial ramdisks are made one after the other, each beside the old one, which goes then.
    need = (len(new) + bool(anew)) * BOOT_BYTES
    if BOOT not in mounts or mounts[BOOT]["free_bytes"] >= need:
        return []
    free = mounts[BOOT]["free_bytes"]
    what = [*new, *(f"the initial ramdisk of {one}" for one in anew)]
    seen = f"{BOOT} needs {in_words(need)} for {', '.join(what)} and has {in_words(free)} free"
    return [ctx.finding("GH-BOOT-SMALL", seen, mount=BOOT, missing=in_words(need - free))]


def _initial_disks(ctx: Context, releases: list[str]) -> list[str]:
    """The kernels on the host whose initial ramdisk is made anew: AMD's driver is built, or installed again, for them."""
    part = ctx.parts["amdgpu"]
    if part["driver"] != "dkms":
        return []
    exchanged = bool(missing_packages(ctx) & set(leftovers.driver_names(ctx, part["packages"])))
    return [one for one in releases if exchanged or not kernels.built(ctx, one, part["source"])]


def _mount_of(path: str, mounts: list[str]) -> str:
    """The mount that holds ``path``: the longest one that it lies under."""
    holding = [mount for mount in mounts if mount == "/" or path == mount or path.startswith(f"{mount}/")]
    return max(holding, key=len, default="/")
