"""Ansible module: a service's folder has links to the file of the model that it loads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_model_file
short_description: Point a service at the file of its model
description:
  - For a program that loads one model from a file. The file stays where it is, in Ollama's store or anywhere on the host.
options:
  model:
    description: The model's name in the store, or its path.
    type: str
    required: true
  store:
    description: The folder of models of Ollama, where the model is named and not given by its path.
    type: path
  links:
    description: What is made. A link without C(target) points at the model's file in O(store).
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: The link.
        type: path
        required: true
      target:
        description: The file that it points at.
        type: path
  uid:
    description: The user of the service.
    type: int
    required: true
  gid:
    description: The group of the service.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Point llama.cpp at a model of the store
  gpuhost_model_file:
    model: llama3.2:1b
    store: /srv/gpuhost/ollama/models
    links:
      - path: /srv/gpuhost/llamacpp/model.gguf
    uid: 8080
    gid: 8080
"""

RETURN = r"""
gpuhost_finding:
  description: Why the model cannot be loaded.
  returned: failed
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import model_files
from ansible.module_utils.onhost.finding import FindingError


def main() -> None:
    link = {"path": {"type": "path", "required": True}, "target": {"type": "path"}}
    module = AnsibleModule(
        argument_spec={
            "model": {"type": "str", "required": True},
            "store": {"type": "path"},
            "links": {"type": "list", "elements": "dict", "required": True, "options": link},
            "uid": {"type": "int", "required": True},
            "gid": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    try:
        changed = model_files.ensure(
            asked["links"], asked["model"], asked["store"], asked["uid"], asked["gid"], check=module.check_mode
        )
    except FindingError as problem:
        module.fail_json(msg=problem.seen, gpuhost_finding=problem.as_dict())
    module.exit_json(changed=changed)


if __name__ == "__main__":
    main()
