"""A GPU's troubles in the kernel's log: hangs, resets, faults of its memory, its bus, its heat, its start.

Sources: Linux `drivers/gpu/drm/amd/amdgpu/` (amdgpu_job.c, amdgpu_device.c, gmc_v*.c, amdgpu_ras.c, mes_v1*.c),
`amdkfd/kfd_device_queue_manager.c`, `pm/swsmu/` and `pm/powerplay/` (CTF: critical temperature fault),
`drivers/pci/pcie/aer.c`. Forms of Linux 4.18 to 7.2.
"""

from __future__ import annotations

import re
from typing import Any

#: `priority,sequence,microseconds,flags;text` of /dev/kmsg (kernel `Documentation/ABI/testing/dev-kmsg`).
RECORD = re.compile(r"^\d+,(\d+),(\d+),[^;]*;(.*)$")
PCI = re.compile(r"\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")
#: Who writes about GPUs, and about the bus below them.
DRIVER = re.compile(r"amdgpu|amdkfd|\bkfd\b|\[drm", re.IGNORECASE)
BUS = re.compile(r"AER|PCIe Bus Error")

#: Kind -> what the driver writes. First match wins; a line of none of them is no trouble.
KINDS = (
    ("bus", r"device lost from bus|response:0xFFFFFFFF|AER: .*Uncorrect|PCIe Bus Error: severity=Uncorrect"),
    ("memory", r"\buncorrectable hardware error|\bpoison is (?:created|consumed)|RAS poison consumption|bad page threshold"),
    ("heat", r"over temperature range|Critical Temperature Fault|due to GPU [SH]W CTF"),
    ("start", r"Fatal error during GPU init|hw_init of IP block <\w+> failed"),
    (
        "fault",
        r"\[\w*hub\d*\] (?:no-retry |retry )?page fault|GPU fault detected: |VM fault \(0x|\bprotection fault \(src_id",
    ),
    (
        "hang",
        r"\bring \S+ timeout|Ring \S+ reset failed|qcm fence wait loop timeout|MES(?:\(\d\))? failed to respon[ds]"
        r"|MES ring buffer is full|unrecoverable state",
    ),
    ("reset", r"GPU reset begin|GPU reset(?:\(\d+\))? (?:succeeded|failed)|GPU reset end with ret|GPU Recovery Failed"),
)
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in KINDS)
#: A card that sleeps answers with all bits set, and the driver counts errors that there are not: multiples of this.
NO_ANSWER = 1048560
_COUNT = re.compile(r"\b(\d+) (?:new )?uncorrectable hardware errors? detected")


def parse(text: str) -> dict[str, Any]:
    """`{since_s, events: [{kind, pci, count, first_s, last_s, text}]}`: lines of a kind about one device are one event.

    Seconds since the kernel started. `since_s`: where the log begins, 0 for the start of the kernel; a full buffer loses
    its oldest lines. `pci`: the addresses that the line names. `text`: the first line.
    """
    since: float | None = None
    found: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for line in text.splitlines():
        record = RECORD.match(line)
        if record is None:
            continue
        at, said = int(record[2]) / 1e6, record[3]
        since = (0.0 if record[1] == "0" else at) if since is None else since
        kind = kind_of(said)
        if kind is None:
            continue
        pci = tuple(dict.fromkeys(PCI.findall(said)))
        event = found.setdefault(
            (kind, pci), {"kind": kind, "pci": list(pci), "count": 0, "first_s": at, "last_s": at, "text": said[:300]}
        )
        event.update(count=event["count"] + 1, last_s=at)
    return {"since_s": round(since or 0.0, 1), "events": list(found.values())}


def kind_of(line: str) -> str | None:
    """What a line tells of, None for none of :data:`KINDS`."""
    if not (DRIVER.search(line) or BUS.search(line)):
        return None
    kind = next((kind for kind, pattern in _KINDS if pattern.search(line)), None)
    counted = _COUNT.search(line)
    nothing = kind == "memory" and counted is not None and int(counted[1]) % NO_ANSWER == 0
    return None if nothing else kind
