#!/usr/bin/python
"""Ansible door to :mod:`onhost.model_cache`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpuhost_model_cache
short_description: Opens the site's model cache for one host, and closes it after it
description:
  - Runs on the host that is the cache. It hands out the models that were asked for, reads only, over TLS, to hosts whose
    certificate the control node brought; it ends when the last of them is done, or when nobody asks for ten minutes.
options:
  state:
    description:
      - C(known) tells which of the models the cache does not have itself, and what stands in the way of fetching them.
      - C(offered) opens it for one more host.
      - C(closed) takes the host away again.
    type: str
    required: true
    choices: [known, offered, closed]
  host:
    description: The host that asks, as the inventory calls it.
    type: str
    required: true
  models:
    description: What it asks for.
    type: list
    elements: str
    default: []
  owner:
    description: For C(known), the run that asks, as M(gpuhost_lease) takes it.
    type: dict
    default: {}
  certificate:
    description: The certificate (PEM) that it will show.
    type: str
    default: ""
  addresses:
    description: Names or addresses at which other hosts reach this one, the best first.
    type: list
    elements: str
    default: []
  routed:
    description: Where none of O(addresses) will do, the address at which the host's default route begins does.
    type: bool
    default: false
  port:
    description: Where it listens.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Have the cache offer a model
  gpuhost_model_cache:
    state: offered
    host: gpu02
    models: ["llama3.2:1b"]
    certificate: "{{ key.certificate }}"
    addresses: [gpu01.example.org]
    port: 11440
  delegate_to: gpu01
"""

RETURN = r"""
known:
  description:
    - C(url) and C(folder) of the cache's own Ollama, and C(missing); C(free_bytes) of the disk of that folder; C(at_work),
      the steps that run; C(lease), the lease of the cache, and C(held), who else has it, or an empty text.
  returned: for C(known)
  type: dict
offer:
  description: C(url) of the cache and the C(certificate) that it shows.
  returned: for C(offered)
  type: dict
problem:
  description: Why the cache is of no use, or an empty text.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import model_cache
from ansible.module_utils.onhost.finding import FindingError


def act(asked: dict) -> dict:
    """What the module returns."""
    if asked["state"] == "closed":
        model_cache.close(asked["host"])
        return {}
    if asked["state"] == "known":
        return {"known": model_cache.lacking(asked["models"], asked["owner"])}
    where = (asked["addresses"], asked["port"], asked["routed"])
    return {"offer": model_cache.offer(asked["models"], asked["host"], asked["certificate"], *where)}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "required": True, "choices": ["known", "offered", "closed"]},
            "host": {"type": "str", "required": True},
            "models": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "dict", "default": {}},
            "certificate": {"type": "str", "default": ""},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "routed": {"type": "bool", "default": False},
            "port": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False, problem="")
    try:
        module.exit_json(changed=False, problem="", **act(module.params))
    except FindingError as error:
        module.exit_json(changed=False, problem=error.seen)


if __name__ == "__main__":
    main()
