"""The kernel module: taken by the kernel, the planned one, the installed one, and there for the next kernel too."""

from __future__ import annotations

import re
from typing import Any

from ..result import Result, compare, failed, judged, passed, unverifiable

ACCEPTED, LOADED, SIGNED = "driver.module.accepted", "driver.module.loaded", "driver.module.signed"
LOG = "sudo dmesg | grep -iE 'amdgpu|kfd'"
NAMES = {"inbox": "the kernel's own", "dkms": "AMD's own, built by DKMS"}
NO_SHIM = "Start the kernel without module.sig_enforce=1, or take the kernel's own driver: set `amdgpu_driver: inbox`."
#: DKMS says `installed` of a module that the kernel may refuse: that word is kept for one that works.
WORDS = {"installed": "in place", "built": "built, not in place", "added": "not built", "broken": "without its source"}
AGAIN = "Run `gpuhost up` again."
BELOW = "this host is a container: the module's file is on the machine below"


def judge(seen: dict[str, Any], wanted: dict[str, Any]) -> list[Result]:
    """Everything about the module itself; pure. What it is loaded under belongs to the machine below in a container."""
    name = wanted.get("module") or "amdgpu"
    module = seen["modules"].get(name) or {}
    results = [_accepted(seen, name, module), _loaded(name, module)]
    if wanted.get("source") in NAMES:
        results.append(_source(name, module, wanted["source"]))
    results.append(_current(seen, name, module))
    if wanted.get("signed"):
        results.append(_signed(seen, name, module))
    if seen["container"]:
        return results
    dkms = wanted.get("source") == "dkms"
    results += [_built(release, seen, wanted) for release in _may_boot(seen, wanted) if dkms]
    if wanted.get("source") in NAMES:
        results.append(_next(seen, wanted))
    return results


def built_id(release: str) -> str:
    """The check of one kernel."""
    return f"driver.{as_part(release)}.built"


def as_part(name: str) -> str:
    """A name inside an id: dots stand between an id's parts alone."""
    return re.sub(r"[^\w@-]", "-", name)


def _accepted(seen: dict[str, Any], name: str, module: dict[str, Any]) -> Result:
    wanted = "the kernel takes it"
    if module.get("loaded"):
        return passed(ACCEPTED, seen=wanted, wanted=wanted)
    line = _refusal(seen, name)
    if line:
        why, step = _refused(seen, name)
        return failed(ACCEPTED, seen=line, wanted=wanted, why=f"The kernel refuses {name}: “{line}”. {why}", next=step)
    if not seen["log_read"]:
        return unverifiable(ACCEPTED, "only root may read the kernel's log, where a refusal would stand", wanted=wanted)
    return passed(ACCEPTED, seen=wanted, wanted=wanted)


def _refusal(seen: dict[str, Any], name: str) -> str | None:
    """The kernel's line about this module. One that names none is about it where its file is one to be refused."""
    own = _file(seen, name, seen["release"]) or {"in_tree": True}
    refusable = not own["in_tree"] and not _key(seen["signing"], own).get("enrolled")
    lines = [row["why"] for row in seen["rejected"] if row["module"] == name]
    lines += [row["why"] for row in seen["rejected"] if row["module"] is None and refusable]
    return lines[-1] if lines else None


def _refused(seen: dict[str, Any], name: str) -> tuple[str, str]:
    """Why the kernel does not take it, and what to do."""
    own, signing = _file(seen, name, seen["release"]) or {}, seen["signing"]
    rule = _rule(seen)
    if rule is None:
        return "It was built for another kernel.", AGAIN
    if not own.get("signer"):
        return f"{rule}, and this module is not signed.", f"{AGAIN} It signs the module and says how its key is enrolled."
    key = _key(signing, own)
    if key.get("pending"):
        why = f"{rule}; the key that signed it (“{own['signer']}”) waits to be enrolled."
        return why, "Reboot, and at the console choose “Enroll MOK” in the blue screen that comes before the system."
    why = f"{rule}, and the key that signed it (“{own['signer']}”) is not enrolled."
    if not signing.get("shim"):
        return f"{why} Without shim no key can be enrolled.", NO_SHIM
    certificate = key.get("certificate")
    step = f"sudo mokutil --import {certificate}; reboot; “Enroll MOK” at the console." if certificate else AGAIN
    return why, step


def _rule(seen: dict[str, Any]) -> str | None:
    """What makes the kernel take signed modules only; None where nothing does."""
    signing = seen["signing"]
    if seen["secure_boot"] == "on":
        return "Secure Boot is on"
    if signing.get("lockdown") in ("integrity", "confidentiality"):
        return f"The kernel is locked down ({signing['lockdown']})"
    return "The kernel was started with module.sig_enforce=1" if signing.get("enforced") else None


def _key(signing: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
    """The host's own key that made the file's signature."""
    serial = file.get("signer_serial")
    rows: list[dict[str, Any]] = signing.get("keys") or []
    return next((row for row in rows if serial and row.get("serial") == serial), {})


def _file(seen: dict[str, Any], name: str, release: str | None) -> dict[str, Any] | None:
    """What modprobe would take under a kernel, None for nothing."""
    rows: list[dict[str, Any]] = (seen["modules"].get(name) or {}).get("files") or []
    return next((row for row in rows if row.get("release") == release), None)


def _loaded(name: str, module: dict[str, Any]) -> Result:
    return judged(
        LOADED,
        bool(module.get("loaded")),
        seen="loaded" if module.get("loaded") else "not loaded",
        wanted="loaded",
        why=f"The kernel module {name} is not loaded, so no program can reach the GPU.",
        next=f"sudo modprobe {name}; {LOG}",
        needs=(ACCEPTED,),
    )


def _source(name: str, module: dict[str, Any], wanted: str) -> Result:
    in_tree = module.get("in_tree")
    found = None if in_tree is None else "inbox" if in_tree else "dkms"
    return compare(
        "driver.module.source",
        seen=found,
        wanted=wanted,
        why=f"The {name} that is loaded is {NAMES.get(str(found), 'unknown')}, and the plan is for {NAMES[wanted]}: "
        "what was proven for the one need not hold for the other.",
        next="Reboot the host, so that the installed module is the one that is loaded; then run `gpuhost verify` again.",
        needs=(LOADED,),
    )


def _current(seen: dict[str, Any], name: str, module: dict[str, Any]) -> Result:
    """The loaded module and the file are one build where their `srcversion` is one (kernel: modpost, MODULE_INFO)."""
    id, file = "driver.module.current", _file(seen, name, seen["release"])
    if not module.get("files") and seen["container"]:
        return unverifiable(id, BELOW)
    if file is None:
        why = f"The running kernel {seen['release']} has no {name} that could be loaded: after a reboot there is no driver."
        return failed(id, seen="no file", wanted="the module that runs", why=why, next=AGAIN, needs=(LOADED,))
    running, there = _build(module), _build(file)
    if there is None:
        why = f"{file['file']} could not be read: it is cut short, or kmod's modinfo is not there"
        return unverifiable(id, why, seen=running, wanted="the installed module", next=AGAIN)
    return compare(
        id,
        seen=running,
        wanted=there,
        why=f"{name} was installed anew ({there}) and the old module still runs ({running}).",
        next=f"Reboot the host; where nothing uses the GPU `sudo modprobe -r {name} && sudo modprobe {name}` does too.",
        needs=(LOADED,),
    )


def _build(module: dict[str, Any]) -> str | None:
    """What tells one build from another. A kernel built without srcversion has none for modules of its own."""
    if module.get("srcversion"):
        return f"srcversion {module['srcversion']}"
    return None if module.get("in_tree") is None else NAMES["inbox" if module["in_tree"] else "dkms"]


def _signed(seen: dict[str, Any], name: str, module: dict[str, Any]) -> Result:
    file, wanted = _file(seen, name, seen["release"]) or {}, "signed with an enrolled key"
    if file.get("in_tree") or (module.get("loaded") and file.get("signer")):
        return passed(SIGNED, seen=wanted, wanted=wanted)
    if not file and seen["container"]:
        return unverifiable(SIGNED, BELOW, wanted=wanted)
    if not file.get("signer"):
        why = f"The {name} of {seen['release']} is not signed, and this kernel takes signed modules only."
        needs = (ACCEPTED, built_id(str(seen["release"])))
        return failed(SIGNED, seen="not signed", wanted=wanted, why=why, next=AGAIN, needs=needs)
    key = _key(seen["signing"], file)
    if key.get("enrolled") is None and key:
        return unverifiable(SIGNED, "the firmware's list of keys could not be read", seen=file["signer"], wanted=wanted)
    why, step = _refused(seen, name)
    found = f"signed by {file['signer']}, {'enrolled' if key.get('enrolled') else 'not enrolled'}"
    return judged(SIGNED, bool(key.get("enrolled")), seen=found, wanted=wanted, why=why, next=step, needs=(ACCEPTED,))


def _may_boot(seen: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Of the kernels that the driver was built for, those that are still installed."""
    there = {row["release"] for row in seen["installed"] if row.get("image") or row["release"] == seen["release"]}
    return [release for release in wanted.get("kernels") or [] if release in there]


def _built(release: str, seen: dict[str, Any], wanted: dict[str, Any]) -> Result:
    found, ok = _state(release, seen, wanted)
    source = wanted.get("dkms") or {}
    when = "runs" if release == seen["release"] else "boots next" if release == seen["boot"].get("next") else "may boot"
    name, version = source.get("name") or wanted.get("module") or "amdgpu", source.get("version_prefix") or ""
    return judged(
        built_id(release),
        ok,
        seen=found,
        wanted=f"{name} {version} {WORDS['installed']}".replace("  ", " "),
        why=f"{release} {when}, and AMD's driver is not in place for it ({found}): "
        "it starts with the kernel's own driver, or with none.",
        next=f"Run `gpuhost up` again; the compiler's words are below /var/lib/dkms/{name}/, in make.log.",
    )


def _state(release: str, seen: dict[str, Any], wanted: dict[str, Any]) -> tuple[str, bool]:
    """What DKMS and the disk have for one kernel, in words, and whether that is the planned driver."""
    source = wanted.get("dkms") or {}
    name, prefix = source.get("name") or wanted.get("module") or "amdgpu", source.get("version_prefix") or ""
    rows = [row for row in seen["dkms"] if row["module"] == name and row["kernel"] in (release, None)]
    row = next(iter(sorted(rows, key=lambda row: (row["state"] != "installed", row["kernel"] is None))), None)
    if row is None:
        return "not known to DKMS", False
    said = f"{row['version']} {WORDS.get(row['state'], row['state'])}"
    if row["state"] != "installed" or not row["version"].startswith(prefix):
        return said, False
    file = _file(seen, wanted.get("module") or "amdgpu", release)
    if file is None or file.get("in_tree"):
        return f"{said}, but modprobe takes {file['file'] if file else 'nothing'}", False
    if file.get("in_tree") is None:
        return f"{said}, but {file['file']} could not be read", False
    return said, True


def _next(seen: dict[str, Any], wanted: dict[str, Any]) -> Result:
    id, release = "driver.boot.next", seen["boot"].get("next")
    if not release:
        return unverifiable(id, "which kernel boots next could not be told from the boot loader's files")
    if wanted["source"] == "dkms":
        found, ok = _state(release, seen, wanted)
    else:
        file = _file(seen, wanted.get("module") or "amdgpu", release)
        found, ok = file["file"] if file else "no module", bool(file and file.get("in_tree") is not False)
    return judged(
        id,
        ok,
        seen=f"{release}: {found}",
        wanted=f"a kernel with {NAMES[wanted['source']]} driver",
        why=f"The next boot starts {release}, which does not have the planned driver ({found}).",
        next=f"{AGAIN} Until then keep the kernel that runs: `uname -r`.",
        needs=(built_id(release),),
    )
