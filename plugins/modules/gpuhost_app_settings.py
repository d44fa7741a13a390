#!/usr/bin/python
"""Ansible door to :mod:`onhost.openwebui`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_app_settings
short_description: Sets what an application keeps in its own database, through its API
description:
  - Only what the plan has a word on; what the application's administrators added stays.
  - Keys are read from files on this host. None is in what the module is told, or in what it says.
options:
  api:
    description: Whose API it is.
    type: str
    choices: [openwebui]
    required: true
  url:
    description: Where it answers on this host.
    type: str
    required: true
  container:
    description: Its container.
    type: str
    required: true
  env_file:
    description: Its settings file, with the key that signs its logins.
    type: path
    required: true
  wanted:
    description: The settings, as in the plan (docs/architecture.md).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Connect Open WebUI
  gpuhost_app_settings:
    api: openwebui
    url: "http://127.0.0.1:3000"
    container: gpuhost-openwebui
    env_file: /srv/gpuhost/openwebui/.env
    wanted: {sign_up: false, role: pending, ollama: ["http://ollama:11434"], openai: [], embedding: "ollama: bge-m3"}
"""

RETURN = r"""
set:
  description: Names of the settings that were otherwise.
  returned: success
  type: list
gpuhost_finding:
  description: Why they could not be set.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import openwebui
from ansible.module_utils.onhost.siblings import openwebui as api


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "api": {"type": "str", "choices": ["openwebui"], "required": True},
            "url": {"type": "str", "required": True},
            "container": {"type": "str", "required": True},
            "env_file": {"type": "path", "required": True},
            "wanted": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    try:
        other = openwebui.apply(module.params, module.check_mode)
    except api.OpenWebUIError as error:
        finding = {"id": "GH-APP-SETTINGS", "seen": f"{module.params['container']}: {error.message}"}
        module.fail_json(msg=finding["seen"], gpuhost_finding=finding)
    module.exit_json(changed=bool(other), set=other)


if __name__ == "__main__":
    main()
