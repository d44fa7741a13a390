#!/usr/bin/python
"""Ansible door to :mod:`verify.probes.models`, with what gpuhost remembers of models."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_model_info
short_description: Says what language models are made of, before they are fetched
description:
  - Asks the registry that each name means, from this host and through the proxy that it has, for the model's manifest, its
    configuration and the head of its file. No weights are fetched. What is in the folder already is read there.
options:
  folder:
    description: Ollama's folder of models. It need not be there.
    type: path
    required: true
  models:
    description: Names as Ollama takes them.
    type: list
    elements: str
    default: []
  ca_certificates:
    description: Texts of further CA certificates (PEM) to trust, which the host need not have yet.
    type: list
    elements: str
    default: []
  url:
    description: Where Ollama answers on this host. Given, every model that is here is described as well.
    type: str
    default: ""
attributes:
  check_mode:
    description: Looks only, so it does the same in check mode.
    support: full
"""

EXAMPLES = r"""
- name: Ask what a model takes
  gpuhost_model_info:
    folder: /srv/gpuhost/ollama/models
    models: ["llama3.2:1b"]
"""

RETURN = r"""
models:
  description:
    - C(asked), each model that was asked about; C(here), the names of those that are in the folder.
    - Only with O(url), C(described), what those are made of; C(whose), how gpuhost brought each or V(theirs); C(loaded),
      what Ollama has in memory; C(error), why it could not be asked.
  returned: always
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import models
from ansible.module_utils.onhost.ollama import Ollama, OllamaError
from ansible.module_utils.verify import model_store
from ansible.module_utils.verify.probes.models import look_here, look_models


def inventory(folder: str, url: str) -> dict:
    """Everything about the models that are here."""
    described = look_here(folder)
    prefix = len(model_store.DIGEST)
    whose = {name: models.how(name, (one.get("digest") or "")[prefix:]) for name, one in described.items()}
    try:
        return {"described": described, "whose": whose, "loaded": Ollama(url).loaded()}
    except OllamaError as error:
        return {"described": described, "whose": whose, "loaded": [], "error": error.message}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "models": {"type": "list", "elements": "str", "default": []},
            "ca_certificates": {"type": "list", "elements": "str", "default": []},
            "url": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    found = {
        "asked": look_models(asked["models"], asked["folder"], asked["ca_certificates"]),
        "here": model_store.Store(asked["folder"]).names(),
    }
    if asked["url"]:
        found.update(inventory(asked["folder"], asked["url"]))
    module.exit_json(changed=False, models=found)


if __name__ == "__main__":
    main()
