#!/usr/bin/python
"""Ansible door to :mod:`onhost.peer_keys`: with what this host shows the site's model cache who it is."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_model_key
short_description: Gives this host a key for the site's model cache
description:
  - The key is made here, holds for a day, belongs to whom Ollama's folder of models belongs to, and never leaves the host.
    The certificate is no secret.
options:
  server:
    description: Where Ollama answers on this host, and its folder of models.
    type: dict
    required: true
    suboptions:
      url:
        description: Its address.
        type: str
        required: true
      folder:
        description: Its folder of models.
        type: path
        required: true
  models:
    description: Models that are wanted here.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Have a key for the model cache
  gpuhost_model_key:
    server: {url: "http://127.0.0.1:11434", folder: /srv/gpuhost/ollama/models}
    models: ["llama3.2:1b"]
"""

RETURN = r"""
missing:
  description: Which of the models are not here. Where none is missing, no key is made.
  returned: always
  type: list
certificate:
  description: The certificate (PEM), or an empty text.
  returned: always
  type: str
key_folder:
  description: Where key and certificate are on the host.
  returned: always
  type: str
problem:
  description: Why there is no key, or an empty text.
  returned: always
  type: str
"""

import platform

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import paths, peer_keys
from ansible.module_utils.onhost.finding import FindingError
from ansible.module_utils.onhost.ollama import Ollama, OllamaError


def key(folder: str, models: list, url: str) -> dict:
    """What the module returns."""
    keys = paths.runtime() / "model-key"
    nothing = {"missing": [], "certificate": "", "key_folder": str(keys), "problem": ""}
    try:
        there = Ollama(url).models()
        missing = [name for name in models if name not in there]
        if not missing:
            return nothing
        owner = paths.under(folder).stat()
        certificate = peer_keys.ensure(keys, platform.node() or "host", owner.st_uid, owner.st_gid)
    except (OllamaError, FindingError, OSError) as error:
        return {**nothing, "problem": getattr(error, "seen", "") or str(error)}
    return {**nothing, "missing": missing, "certificate": certificate}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {
                "type": "dict",
                "required": True,
                "options": {"url": {"type": "str", "required": True}, "folder": {"type": "path", "required": True}},
            },
            "models": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    if module.check_mode:
        module.exit_json(changed=False, missing=[], certificate="", key_folder="", problem="")
    server = asked["server"]
    module.exit_json(changed=False, **key(server["folder"], asked["models"], server["url"]))


if __name__ == "__main__":
    main()
