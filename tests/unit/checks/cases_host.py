"""What the host itself is judged by, beyond the rows of the sentences.

Most are edges: a value just on the limit, a part that is not there, two things of which one is well. `tests/mutation` says
which conditions nobody else would miss.
"""

from __future__ import annotations

from typing import Any

from tests.unit.checks.changes import NO_GPUS, OLLAMA, Change, both, on, put
from tests.unit.checks.healthy import KERNEL, KFD, NEWER
from verify.checks.inspection import OVERRIDE
from verify.checks.system import DISK_FREE_BYTES, MEMORY_FREE_BYTES

#: When the plan was written.
WRITTEN = 1_794_000_000.0


def file_of(number: int, **values: Any) -> Change:
    """The module's file under a kernel, the next one (0) or the one that runs (1)."""
    return both(*(put("modules", "amdgpu", "files", number, name, value) for name, value in values.items()))


MODE = ("devices", KFD, "mode")
WORLD = put("access", "devices", 0, "world", True)
CARD = ("cards", 0)

ACCESS = [
    on("access", "others may only run it", put(*MODE, "0661")),
    on("access", "others may run it and the group not write", put(*MODE, "0641")),
    on("access", "open to all by a rule of the host", put(*MODE, "0667"), planned=WORLD),
    on("access", "closed where the host's rule opens it", put(*MODE, "0660"), planned=WORLD),
]

CONTAINERS = [
    on("containers", "no services", planned=put("services", [])),
    on("containers", "none of them there", put("containers", {})),
    on(
        "containers",
        "another image, of which nobody knows the number",
        put("containers", "gpuhost-ollama", "image", "example/other:1"),
        put("containers", "gpuhost-ollama", "image_id", None),
        put("containers", "gpuhost-ollama", "planned_image_id", None),
    ),
    on("containers", "the planned image has no number", put("containers", "gpuhost-ollama", "planned_image_id", None)),
    on(
        "containers",
        "a capability as planned",
        put("containers", "gpuhost-ollama", "cap_add", ["SYS_ADMIN"]),
        planned=put("services", OLLAMA, "cap_add", ["SYS_ADMIN"]),
    ),
    on("containers", "the option's short form", put("containers", "gpuhost-ollama", "security_opt", ["no-new-privileges"])),
    on("containers", "an override set to nothing", put("containers", "gpuhost-ollama", "environment", {OVERRIDE: ""})),
    on(
        "containers",
        "an override that nobody planned",
        put("containers", "gpuhost-llamacpp", "environment", {OVERRIDE: "11.0.0"}),
    ),
]

MEASURED = ("places", "host", "devices", "cuda:0", "measured")
NUMBERS = [
    on(
        "burn",
        "slower, and nothing held it down",
        put(*MEASURED, "endurance", "late", 10.0),
        put(*MEASURED, "endurance", "throttled", {}),
    ),
    on("correctness", "an error just as large as rounding allows", put(*MEASURED, "fft", "error_ratio", 1.0)),
    on("correctness", "no error at all", put(*MEASURED, "fft", "error_ratio", 0.0)),
    on("correctness", "a worst case without a name", put(*MEASURED, "fft", "worst", None)),
    on("correctness", "a loss of nothing", put(*MEASURED, "training", "last", 0.0)),
    on(
        "torch",
        "an error just as large as rounding allows",
        put("places", "host", "computed", "cuda:0", {"ones": {"error_ratio": 0.0}, "tensor": {"error_ratio": 1.0}}),
    ),
]

DRIVER = [
    on("driver", "no driver and no GPU planned", planned=both(put("driver", {}), NO_GPUS)),
    on("driver", "a driver and no GPU planned", planned=NO_GPUS),
    on(
        "driver",
        "no GPU planned, and the processor alone is listed",
        put("nodes", [{"node": 0, "simd_count": 0}]),
        planned=NO_GPUS,
    ),
    on("driver", "nothing is listed", put("nodes", [])),
    on("driver", "the plan names no module", planned=put("driver", "module", None)),
    on(
        "driver",
        "a word of the command line, there and not there",
        planned=put("driver", "parameters", [{"name": "quiet", "value": None}, {"name": "nosmt", "value": None}]),
    ),
    on(
        "driver",
        "an old kernel, which names no target",
        put("nodes", [{"node": 1, "simd_count": 56}]),
        put("gpus", [{"pci": "0000:03:00.0", "driver": "amdgpu", "gfx": "gfx1032"}, {"pci": "0000:0a:00.0", "gfx": None}]),
    ),
    on(
        "driver",
        "one node without a target",
        put("nodes", [{"node": 1, "simd_count": 56, "gfx": "gfx1032"}, {"node": 2, "simd_count": 2, "gfx": None}]),
    ),
]

NOT_LOADED = put("modules", "amdgpu", "loaded", False)
MODULES = [
    on("driver", "no module at all", put("modules", {})),
    on("driver", "no source planned", planned=put("driver", "source", "none")),
    on("driver", "signatures are nobody's business", planned=put("driver", "signed", False)),
    on("driver", "a container", put("container", "docker")),
    on("driver", "a container without the module's file", put("container", "docker"), put("modules", "amdgpu", "files", [])),
    on("driver", "no file, and no container", put("modules", "amdgpu", "files", [])),
    on(
        "driver",
        "the kernel's own, as planned",
        put("modules", "amdgpu", "in_tree", True),
        file_of(0, in_tree=True),
        file_of(1, in_tree=True),
        planned=put("driver", "source", "inbox"),
    ),
    on("driver", "not loaded, and the log says nothing", NOT_LOADED),
    on("driver", "not loaded, and nobody may read the log", NOT_LOADED, put("log_read", False)),
    on(
        "driver",
        "locked down without Secure Boot",
        NOT_LOADED,
        put("secure_boot", "off"),
        put("signing", "keys", 0, "enrolled", False),
        put("signing", "lockdown", "confidentiality"),
    ),
    on("driver", "not loaded, signed with an enrolled key", NOT_LOADED, put("signing", "enforced", True)),
    on(
        "driver", "not loaded, its signer not known to the firmware", NOT_LOADED, put("signing", "keys", 0, "enrolled", None)
    ),
    on(
        "driver",
        "not loaded, of the kernel's own, without a signature",
        NOT_LOADED,
        file_of(1, in_tree=True, signer=None, signer_serial=None),
    ),
    on(
        "driver",
        "a kernel that runs and is no longer installed",
        put("installed", [{"release": NEWER, "image": True}, {"release": KERNEL, "image": False}]),
    ),
    on(
        "driver",
        "a kernel whose image is gone",
        put("installed", [{"release": NEWER, "image": False}, {"release": KERNEL, "image": True}]),
    ),
    on("driver", "no kernel was built for", planned=put("driver", "kernels", None)),
    on("driver", "nothing of DKMS planned but its name", planned=put("driver", "dkms", None)),
    on(
        "driver",
        "neither DKMS nor a module's name planned",
        planned=both(put("driver", "dkms", None), put("driver", "module", None)),
    ),
    on(
        "driver",
        "added for every kernel, and installed for none",
        put("dkms", [{"module": "amdgpu", "version": "6.16.13-1", "kernel": None, "state": "added"}]),
    ),
    on(
        "driver",
        "built for every kernel and for one",
        put(
            "dkms",
            [
                {"module": "amdgpu", "version": "6.16.13-1", "kernel": None, "state": "added"},
                {"module": "amdgpu", "version": "6.16.13-1", "kernel": KERNEL, "state": "built"},
            ],
        ),
    ),
    on("driver", "a file that could not be read", file_of(0, in_tree=None), file_of(1, in_tree=None)),
    on(
        "driver",
        "two states of one kernel",
        put(
            "dkms",
            [
                {"module": "amdgpu", "version": "6.16.13-1", "kernel": KERNEL, "state": "built"},
                {"module": "amdgpu", "version": "6.16.13-1", "kernel": KERNEL, "state": "installed"},
                {"module": "amdgpu", "version": "6.16.13-1", "kernel": NEWER, "state": "strange"},
            ],
        ),
    ),
    on(
        "driver",
        "the next kernel has the module of its own",
        file_of(0, in_tree=True),
        planned=put("driver", "source", "inbox"),
    ),
    on(
        "driver",
        "the next kernel has no module",
        put("modules", "amdgpu", "files", []),
        planned=put("driver", "source", "inbox"),
    ),
    on(
        "driver",
        "the plan names neither module nor where the next comes from",
        file_of(0, in_tree=True),
        planned=both(put("driver", "source", "inbox"), put("driver", "module", None)),
    ),
]


def event(kind: str, last: float, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "count": 2, "last_s": last, "pci": ["0000:03:00.0"], "text": f"{kind} at {last:g}", **values}


LINK = {"gt_s": 2.5, "could_gt_s": 16.0, "gb_s": 2.0, "at": "0000:03:00.0"}
HEALTH = [
    on("health", "the card is not there", put("cards", [])),
    on(
        "health",
        "the narrowest link is not that of the fewest lanes",
        put(
            *CARD,
            "links",
            [
                {**LINK, "lanes": 4, "could_lanes": 4, "card_lanes": 4},
                {**LINK, "lanes": 8, "could_lanes": 16, "card_lanes": 16},
            ],
        ),
    ),
    on("health", "a clock that nobody tells", put(*CARD, "core_mhz", None)),
    on("health", "a block that counts no corrected errors", put(*CARD, "memory_errors", {"umc": {"ue": 2}, "sdma": {}})),
    on("health", "both kinds of lost transfers", put(*CARD, "bus_errors", {"fatal": 1, "nonfatal": 1})),
    on(
        "health", "twice, the last two minutes ago", put("log", "events", [event("hang", 86_280.0), event("hang", 80_000.0)])
    ),
    on("health", "just less than two minutes ago", put("log", "events", [event("hang", 86_281.0)])),
    on("health", "an hour and some ago", put("log", "events", [event("hang", 82_000.0)])),
    on("health", "two hours ago", put("log", "events", [event("hang", 79_200.0)])),
    on("health", "of a card whose way is not known", put(*CARD, "way", []), put("log", "events", [event("hang", 86_281.0)])),
    on("health", "of another card", put("log", "events", [event("hang", 86_281.0, pci=["0000:44:00.0"])])),
]

SYSTEM = [
    on("system", "simulated by the plan alone", planned=put("simulated", True)),
    on("system", "a clock at the second of the plan", put("now", WRITTEN)),
    on("system", "a clock a second before the plan", put("now", WRITTEN - 1)),
    on("system", "a clock two seconds before the plan", put("now", WRITTEN - 2)),
    on(
        "system",
        "a disk with just enough",
        put("disk", [{"mount": "/", "total_bytes": 100 << 30, "free_bytes": DISK_FREE_BYTES}]),
    ),
    on(
        "system",
        "a disk that is no larger than what has to be free",
        put("disk", [{"mount": "/boot", "total_bytes": DISK_FREE_BYTES, "free_bytes": 0}]),
    ),
    on("system", "just enough memory", put("memory", "available_bytes", MEMORY_FREE_BYTES)),
]

CASES = [*ACCESS, *CONTAINERS, *NUMBERS, *DRIVER, *MODULES, *HEALTH, *SYSTEM]
