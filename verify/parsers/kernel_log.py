"""Refused kernel modules in the kernel's log.

Sources: Linux `kernel/module/signing.c` ("Loading of %s is rejected"), `security/lockdown/lockdown.c`,
`kernel/module/main.c` and `version.c` (version magic, symbols); kmod and systemd name the module, with errno's text.
"module verification failed … tainting kernel" is none of them: there the module was loaded.
"""

from __future__ import annotations

import re

#: `priority,sequence,microseconds,flags;text` of /dev/kmsg (kernel `Documentation/ABI/testing/dev-kmsg`).
RECORD = re.compile(r"^\d+,\d+,\d+,[^;]*;")
ERRNO = "Key was rejected by service|Required key not available|Invalid module format|Exec format error"
REFUSALS = (
    re.compile(r"^(?P<module>)Loading of .+ is rejected$"),
    re.compile(r"^(?P<module>)Lockdown: \S+: .*module.* is restricted;.*$"),
    re.compile(r"^(?P<module>\w+): version magic '.*' should be '.*'$"),
    re.compile(r"^(?P<module>\w+): disagrees about version of symbol \S+$"),
    re.compile(rf"(?:could not|[Ff]ailed to) insert (?:module )?'(?P<module>[\w-]+)': (?:{ERRNO})"),
)


def parse(text: str) -> list[dict[str, str | None]]:
    """`[{module, why}]` in the log's order, each once; `module` is None where the kernel does not name it."""
    found: dict[tuple[str | None, str], None] = {}
    for line in text.splitlines():
        said = RECORD.sub("", line).strip()
        refusal = next(filter(None, (pattern.search(said) for pattern in REFUSALS)), None)
        if refusal:
            found[(refusal["module"].replace("-", "_") or None, said)] = None
    return [{"module": module, "why": why} for module, why in found]
