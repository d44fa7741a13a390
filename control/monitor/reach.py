"""How Ansible would reach each host, asked of Ansible itself: the same inventory, the same options of ssh.

Runs in a process of its own (:func:`ways`), because Ansible reads its configuration once, when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from control import findings
from control.inventory import BadInputError, Selection
from control.monitor.program import Way
from control.paths import ROOT

#: Before Ansible's own, and so instead of them: nobody is asked anything, a host that is gone is known to be in seconds, and
#: a connection that Ansible keeps open for others is left alone.
OPTIONS = {
    "BatchMode": "yes",
    "ControlMaster": "no",
    "ControlPath": "none",
    "LogLevel": "ERROR",
    "ServerAliveInterval": "2",
    "ServerAliveCountMax": "3",
}


def ways(selection: Selection, vault_password: str | None = None) -> dict[str, Way]:
    """The way to each host of the selection.

    :param vault_password: opens the site's encrypted variables, where Ansible is not told of a password itself.
    :raises BadInputError: where Ansible cannot read the inventory.
    """
    asked = {
        "inventories": [str(path) for path in selection.inventories],
        "hosts": list(selection.hosts),
        "vault_password": vault_password,
    }
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise BadInputError([findings.make("GH-INPUT-INVENTORY", "", lines[-1], file=selection.site or "--host")])
    answer = json.loads(done.stdout)
    return {host: Way(**{**way, "prefix": tuple(way["prefix"])}) for host, way in answer.items()}


def _answer(inventories: Sequence[str], hosts: Sequence[str], vault_password: str | None) -> dict[str, dict[str, Any]]:
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar
    from ansible.vars.manager import VariableManager

    init_plugin_loader()
    loader = DataLoader()
    _unlock(loader, vault_password)
    inventory = InventoryManager(loader=loader, sources=list(inventories))
    manager = VariableManager(loader=loader, inventory=inventory)
    found = {}
    for name in hosts:
        variables = manager.get_vars(host=inventory.get_host(name))
        templar = Templar(loader=loader, variables=variables)
        try:
            given = {key: templar.template(value) for key, value in variables.items() if key.startswith("ansible_")}
            found[name] = _way(name, {**variables, **given})
        except AnsibleError as error:
            found[name] = {"host": name, "prefix": [], "problem": str(error)}
    return found


def _unlock(loader: Any, vault_password: str | None) -> None:
    """What is encrypted can be read: with the password that was typed, or as Ansible is told by its own settings."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.parsing.vault import VaultSecret

    listed = [*constants.DEFAULT_VAULT_IDENTITY_LIST]
    known = CLI.setup_vault_secrets(loader, vault_ids=listed, auto_prompt=False) or []
    if vault_password is not None:
        known = [*known, (constants.DEFAULT_VAULT_IDENTITY, VaultSecret(vault_password.encode()))]
    loader.set_vault_secrets(known)


def _way(name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    from ansible.module_utils.parsing.convert_bool import boolean

    way: dict[str, Any] = {"host": name, "prefix": [], "sudo": boolean(variables.get("ansible_become", False), strict=False)}
    python = str(variables.get("ansible_python_interpreter", ""))
    # `auto` and its relatives would cost a look of their own.
    way["python"] = python if python.startswith("/") else "python3"
    kind = variables.get("ansible_connection", "ssh")
    if variables.get("ansible_become_method", "sudo") != "sudo":
        way["problem"] = f"ansible_become_method is {variables['ansible_become_method']}: this command knows sudo alone"
    elif kind in ("ssh", "smart", "ansible.builtin.ssh"):
        way |= {"prefix": _ssh(name, variables)}
        if variables.get("ansible_password") or variables.get("ansible_ssh_pass"):
            way["problem"] = "a password is set for ssh: this command needs a key"
    elif kind not in ("local", "ansible.builtin.local"):
        way["problem"] = f"ansible_connection is {kind}: this command knows ssh and local"
    return way


def _ssh(name: str, variables: Mapping[str, Any]) -> list[str]:
    """Ansible's own command line, ours before it. Ansible offers no public way to ask for it; a test holds this one."""
    from ansible.playbook.play_context import PlayContext
    from ansible.plugins.loader import connection_loader

    context = PlayContext()
    context.remote_addr = str(variables.get("ansible_host", name))
    plugin = connection_loader.get("ssh", context)
    plugin.set_options(var_options={**variables, "inventory_hostname": name})
    built = [part.decode() for part in plugin._build_command("ssh", "ssh")]
    ours = [word for option, value in OPTIONS.items() for word in ("-o", f"{option}={value}")]
    return [built[0], "-T", *ours, *built[1:], str(plugin.get_option("host") or context.remote_addr)]


if __name__ == "__main__":
    said = json.load(sys.stdin)
    json.dump(_answer(said["inventories"], said["hosts"], said["vault_password"]), sys.stdout)
