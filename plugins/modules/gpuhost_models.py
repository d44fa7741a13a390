#!/usr/bin/python
"""Ansible door to :mod:`onhost.presets` and :mod:`onhost.models`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_models
short_description: Makes presets of models, and takes models away
description:
  - Asks the Ollama of this host. Models are fetched by long steps (M(gpuhost_step), kind C(model)), which the action plugin
    of the same name starts and follows for each of O(models) before it calls this module.
  - What somebody else made stays. A preset that somebody replaced is kept under another name before it is made again.
options:
  server:
    description: Where Ollama answers on this host, and its folder of models. Without one there is nothing to do.
    type: dict
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
    description: Models that are to be there, as Ollama lists them.
    type: list
    elements: str
    default: []
  presets:
    description:
      - Presets that are to be there. Those that gpuhost made before and that are not among them go.
      - Left out, presets stay as they are.
    type: list
    elements: dict
    suboptions:
      name:
        description: Its name with a tag.
        type: str
        required: true
      from:
        description: The model that it is made of.
        type: str
        required: true
      system:
        description: The system prompt; empty for the model's own.
        type: str
        default: ""
      parameters:
        description: Ollama's parameters by their names.
        type: dict
        default: {}
  absent:
    description: Names or patterns of models that are to go. One that gpuhost did not bring goes only by its whole name.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Have a model and a variant of it
  gpuhost_models:
    server: {url: "http://127.0.0.1:11434", folder: /srv/gpuhost/ollama/models}
    models: ["llama3.2:1b"]
    presets:
      - {name: "careful:latest", from: "llama3.2:1b", system: "Answer briefly.", parameters: {temperature: 0.2}}
"""

RETURN = r"""
made:
  description: Presets that were made.
  returned: always
  type: list
set_aside:
  description: Names under which what somebody put in the place of a preset was kept.
  returned: always
  type: list
removed:
  description: Models and presets of gpuhost's that went.
  returned: always
  type: list
theirs:
  description: Models of somebody else that went because their whole name was given.
  returned: always
  type: list
kept:
  description: Models of somebody else that a pattern or a shortened name meant.
  returned: always
  type: list
absent:
  description: What was to go and was not there, each with names that are like it.
  returned: always
  type: dict
problems:
  description: C(id) and C(seen) of the findings about presets that could not be made.
  returned: always
  type: list
gpuhost_finding:
  description: Why nothing could be done.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import model_records, models, paths, presets
from ansible.module_utils.onhost.ollama import Ollama, OllamaError
from ansible.module_utils.verify import model_store

PRESET = {
    "name": {"type": "str", "required": True},
    "from": {"type": "str", "required": True},
    "system": {"type": "str", "default": ""},
    "parameters": {"type": "dict", "default": {}},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {
                "type": "dict",
                "options": {"url": {"type": "str", "required": True}, "folder": {"type": "path", "required": True}},
            },
            "models": {"type": "list", "elements": "str", "default": []},
            "presets": {"type": "list", "elements": "dict", "options": PRESET},
            "absent": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    asked = module.params
    made, gone = presets.Outcome(), models.Removal()
    try:
        if asked["server"]:
            server = Ollama(asked["server"]["url"])
            if not module.check_mode:
                model_records.note_server(asked["server"]["url"], asked["server"]["folder"])
            if asked["absent"]:
                gone = models.remove(server, asked["absent"], module.check_mode)
            if asked["presets"] is not None:
                store = model_store.Store(paths.under(asked["server"]["folder"]))
                made = presets.apply(server, store, asked["presets"], module.check_mode)
    except OllamaError as error:
        finding = {"id": "GH-MODEL-SERVER", "seen": error.message}
        module.fail_json(msg=error.message, gpuhost_finding=finding)
    module.exit_json(
        changed=made.changed or gone.changed,
        made=made.made,
        set_aside=made.set_aside,
        removed=[*gone.removed, *made.removed],
        theirs=gone.theirs,
        kept=gone.kept,
        absent=gone.absent,
        problems=made.problems,
    )


if __name__ == "__main__":
    main()
