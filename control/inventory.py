"""Which hosts a command is for, and what is wrong with what the site wrote, before any host is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from control import findings
from control.findings import Finding
from control.paths import COMMON_INVENTORY, INVENTORY_DIR
from control.wishes import nearest, problems

GROUP = "gpuhost"
LOCAL_SITE = "local"
#: How everything begins that ansible-vault made.
VAULT = "$ANSIBLE_VAULT;"


class BadInputError(Exception):
    """What was asked for cannot be meant; ``findings`` has every problem, not the first."""

    def __init__(self, found: list[Finding]) -> None:
        super().__init__("; ".join(one.seen for one in found))
        self.findings = found


@dataclass(frozen=True)
class Selection:
    """The inventories to hand to Ansible, in the order in which they override each other, and the hosts meant."""

    site: str
    inventories: tuple[Path, ...]
    hosts: tuple[str, ...]
    limited: bool


def select(site: str, host_list: str, scratch: Path) -> Selection:
    """The hosts that ``--site`` and ``--host`` mean.

    :param site: a folder of ``inventory/``; empty means this machine, or the hosts of ``host_list`` alone.
    :param host_list: ``user@gpu01:2222,gpu02``; empty means every host of the site.
    :param scratch: folder in which an inventory for hosts outside any site is written.
    :raises BadInputError: with every problem found.
    """
    asked = [one.strip() for one in host_list.split(",") if one.strip()]
    if host_list and not asked:
        raise BadInputError([findings.make("GH-INPUT-UNKNOWN-HOST", "", f"--host {host_list!r} names no host")])
    if site or not asked:
        return _of_site(site or LOCAL_SITE, asked)
    return _ad_hoc(asked, scratch)


def _of_site(site: str, asked: list[str]) -> Selection:
    folder = INVENTORY_DIR / site
    if Path(site).name != site or not folder.is_dir() or site == COMMON_INVENTORY.name:
        sites = sorted(one.name for one in INVENTORY_DIR.iterdir() if one.is_dir() and one != COMMON_INVENTORY)
        near = nearest(site, sites) or ", ".join(sites)
        raise BadInputError([findings.make("GH-INPUT-UNKNOWN-SITE", "", f"there is no inventory/{site}", near=near)])
    wrong = check_site(folder)
    if wrong:
        raise BadInputError(wrong)
    hosts = _hosts(folder)
    if not hosts:
        seen = f"the group {GROUP} of inventory/{site} has no host"
        raise BadInputError([findings.make("GH-INPUT-EMPTY-GROUP", "", seen, site=site)])
    unknown = [one for one in asked if one not in hosts]
    if unknown:
        raise BadInputError([_unknown_host(one, site, hosts) for one in unknown])
    chosen = tuple(asked) or tuple(hosts)
    return Selection(site, (COMMON_INVENTORY, folder), chosen, bool(asked))


def check_site(folder: Path) -> list[Finding]:
    """Every mistake in the variables that a site's files set: misspelt names, wrong types, files that do not parse."""
    found: list[Finding] = []
    for path in sorted(folder.rglob("*")):
        holds_variables = bool({"group_vars", "host_vars"} & {parent.name for parent in path.parents})
        if not path.is_file() or path.suffix not in (
            (".yml", ".yaml", ".json", "") if holds_variables else (".yml", ".yaml")
        ):
            continue
        where = str(path.relative_to(folder.parent.parent))
        try:
            text = path.read_text(encoding="utf-8")
            # What ansible-vault closed is looked at once it is open, host by host.
            document = None if text.startswith(VAULT) else yaml.load(text, Loader=_InventoryLoader)
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            found.append(findings.make("GH-INPUT-INVENTORY", "", f"{where}: {_yaml_problem(error)}", file=where))
            continue
        if holds_variables and not isinstance(document, (dict, type(None))):
            found.append(findings.make("GH-INPUT-INVENTORY", "", f"{where}: is no mapping of variables", file=where))
        for values in _variable_blocks(path, document):
            found += [_as_finding(problem) for problem in problems(values, where)]
    return found


def _hosts(folder: Path) -> dict[str, dict[str, Any]]:
    """Hosts of the group with their own variables, as Ansible itself resolves groups, ranges and patterns."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader

    try:
        manager = InventoryManager(loader=DataLoader(), sources=[str(COMMON_INVENTORY), str(folder)])
    except Exception as error:  # Ansible raises several kinds; each means that the site's files cannot be read
        raise BadInputError([findings.make("GH-INPUT-INVENTORY", "", str(error), file=str(folder.name))]) from error
    return {host.get_name(): host.get_vars() for host in manager.list_hosts(GROUP)}


def _ad_hoc(asked: list[str], scratch: Path) -> Selection:
    hosts: dict[str, dict[str, Any]] = {}
    for one in asked:
        user, _, rest = one.rpartition("@")
        name, _, port = rest.partition(":")
        if not name or (port and not port.isdigit()):
            raise BadInputError([findings.make("GH-INPUT-UNKNOWN-HOST", "", f"{one!r} is not [user@]host[:port]")])
        variables: dict[str, Any] = {"ansible_host": name}
        if user:
            variables["ansible_user"] = user
        if port:
            variables["ansible_port"] = int(port)
        # Several machines behind one address differ by their port.
        hosts[name if name not in hosts else f"{name}-{port or 22}"] = variables
    folder = scratch / "inventory"
    folder.mkdir(parents=True, exist_ok=True)
    document = {GROUP: {"hosts": hosts}}
    # JSON is YAML: Ansible's yaml plugin reads it, and nothing in a name can break out of it.
    (folder / "hosts.yml").write_text(json.dumps(document, indent=1), encoding="utf-8")
    return Selection("", (COMMON_INVENTORY, folder), tuple(hosts), False)


def _unknown_host(name: str, site: str, hosts: dict[str, Any]) -> Finding:
    near = nearest(name, hosts) or ", ".join(sorted(hosts))
    return findings.make("GH-INPUT-UNKNOWN-HOST", "", f"{name} is no host of inventory/{site}", near=near)


def _as_finding(problem: Any) -> Finding:
    seen = f"{problem.where}: "
    if problem.kind == "type":
        return findings.make("GH-INPUT-TYPE", "", f"{seen}{problem.variable} {problem.seen}", variable=problem.variable)
    near = problem.near or "a name from roles/*/defaults/main.yml"
    return findings.make("GH-INPUT-UNKNOWN-VARIABLE", "", seen + problem.seen, variable=problem.variable, near=near)


def _variable_blocks(path: Path, document: Any) -> list[dict[str, Any]]:
    """The mappings of variables in one file: the whole file under group_vars or host_vars, else every vars block."""
    if not isinstance(document, dict):
        return []
    if {"group_vars", "host_vars"} & {parent.name for parent in path.parents}:
        return [document]
    return [block for group in document.values() for block in _group_blocks(group)]


def _group_blocks(group: Any) -> list[dict[str, Any]]:
    """The variables of a group, of its hosts, and of its children, as they stand in an inventory file."""
    if not isinstance(group, dict):
        return []
    own = [group.get("vars"), *_values(group.get("hosts"))]
    nested = [block for child in _values(group.get("children")) for block in _group_blocks(child)]
    return [block for block in own if isinstance(block, dict)] + nested


def _values(mapping: Any) -> list[Any]:
    return list(mapping.values()) if isinstance(mapping, dict) else []


def _yaml_problem(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else problem


class _InventoryLoader(yaml.SafeLoader):
    """Reads what Ansible reads: encrypted and unsafe values are kept out of our sight, as templates."""


def _opaque(_loader: yaml.SafeLoader, _node: yaml.Node) -> str:
    return "{{ not for us to read }}"


_InventoryLoader.add_constructor("!vault", _opaque)
_InventoryLoader.add_constructor("!unsafe", _opaque)
