"""Which entry GRUB boots next, out of its generated `grub.cfg` and its environment block.

Source: GRUB manual, "The GRUB environment block", "default"; grub-core/normal/menu.c (`get_entry_number`).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field

ENTRY = re.compile(r"^\s*(menuentry|submenu)\s.*\{\s*$")


@dataclass
class Entry:
    """One line of the menu; `kernel` is the path in its `linux` command, None for a submenu and for other systems."""

    title: str
    id: str | None = None
    kernel: str | None = None
    submenu: bool = False
    entries: list[Entry] = field(default_factory=list)


def environment(text: str) -> dict[str, str]:
    """The variables that GRUB itself keeps over a boot (`grubenv`)."""
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def menu(text: str) -> list[Entry]:
    """The entries in their order."""
    top = Entry("", submenu=True)
    open_blocks: list[Entry] = [top]
    for line in text.splitlines():
        if ENTRY.match(line):
            entry = heading(line)
            open_blocks[-1].entries.append(entry)
            open_blocks.append(entry)
        elif re.match(r"^\s*function\s.*\{\s*$", line):
            open_blocks.append(Entry(""))
        elif line.strip() == "}" and len(open_blocks) > 1:
            open_blocks.pop()
        elif found := re.match(r"^\s*linux(?:16|efi)?\s+(\S+)", line):
            open_blocks[-1].kernel = open_blocks[-1].kernel or found.group(1).strip("'\"")
    return top.entries


def heading(line: str) -> Entry:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    id = next((after for word, after in zip(words, words[1:]) if word in ("$menuentry_id_option", "--id")), None)
    return Entry(words[1], id, submenu=words[0] == "submenu")


def chosen(text: str, env: dict[str, str]) -> str:
    """What `default` is at the next boot: a number, title or id, with `>` before what is inside a submenu."""
    said = re.findall(r"""^\s*set default=(?:["']([^"']*)["']|(\S*))""", text, re.MULTILINE)
    values = [value or bare for value, bare in said]
    if "${next_entry}" in values and env.get("next_entry"):
        return env["next_entry"]
    own = [value for value in values if value != "${next_entry}"]
    value = own[-1] if own else "0"
    return env.get("saved_entry") or "0" if value == "${saved_entry}" else value or "0"


def booted(entries: list[Entry], choice: str) -> Entry | None:
    """The entry that the choice leads to; the first of a menu where there is none such, as GRUB does.

    None where it ends at a submenu, which waits for a person.
    """
    first, _, rest = choice.partition(">")
    if not entries:
        return None
    entry = pick(entries, first) or entries[0]
    if entry.submenu:
        return booted(entry.entries, rest) if rest else None
    return entry


def pick(entries: list[Entry], name: str) -> Entry | None:
    if name.isdigit():
        return entries[int(name)] if int(name) < len(entries) else None
    return next((entry for entry in entries if name in (entry.title, entry.id)), None)
