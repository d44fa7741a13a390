#!/usr/bin/python
"""Ansible door to :mod:`verify.snapshot`, with the state of gpuhost's own seals, lease and steps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_host_info
short_description: Says what a host is, in one document
description:
  - Looks at the operating system, kernel, GPUs, devices, packages, driver, ROCm, containers, ports and PyTorch environments.
  - Reads files and the engine's socket, changes nothing, and needs only Python 3.9 on the host.
  - Processes are started only by the comparison of units with their seals (C(systemctl show)), for modules packed with zstd
    (C(modinfo)), and by apt for O(candidates).
  - A part that cannot be read holds C(error); the rest still comes. The document is C(verify/schema/snapshot-1.json).
  - Works as a normal user; C(snapshot.needs_root) then lists what root would add.
options:
  network:
    description: Addresses that the host is to be able to reach. They are tried at once, for at most five seconds each.
    type: list
    elements: str
    default: []
  ca_certificates:
    description: Texts of further CA certificates (PEM) to trust for O(network), which the host need not have yet.
    type: list
    elements: str
    default: []
  candidates:
    description:
      - Which versions of packages the archives offer now. The host's own apt is asked, with lists and cache that go again.
      - A name for which no archive has anything stands with an empty list. Where a source does not answer, or is not signed
        as it has to be, the section is an error.
    type: dict
    suboptions:
      names:
        description: Packages, or patterns such as V(linux-image-*).
        type: list
        elements: str
        required: true
      sources:
        description: Archives that the host need not know yet. They take the place of those that gpuhost wrote on the host.
        type: list
        elements: dict
        default: []
        suboptions:
          url:
            description: Its address.
            type: str
            required: true
          suite:
            description: The suite.
            type: str
            required: true
          components:
            description: Its parts.
            type: list
            elements: str
            default: [main]
          architectures:
            description: Empty for the host's own.
            type: list
            elements: str
            default: []
          key:
            description:
              - The public key that must have signed it, in hexadecimal digits of its binary form.
              - None for one that the host trusts already.
            type: str
      ca:
        description: Texts of further CA certificates (PEM) to trust for these.
        type: list
        elements: str
        default: []
      hosts_own:
        description: Whether the sources that the host has count too.
        type: bool
        default: true
  seals:
    description: Whether to compare what gpuhost's roles own with their seals, and to read the lease and the long steps.
    type: bool
    default: true
attributes:
  check_mode:
    description: Looks only, so it does the same in check mode.
    support: full
"""

EXAMPLES = r"""
- name: Look at the host
  gpu_host_info:
  register: host

- name: Look at the host, and whether it reaches the site's mirror with the site's own CA
  gpu_host_info:
    network: ["https://mirror.example.org/debian/dists/trixie/Release"]
    ca_certificates: ["{{ lookup('ansible.builtin.file', 'site-ca.pem') }}"]
    seals: false

- name: Ask what the archives offer for the running kernel
  gpu_host_info:
    candidates:
      names: ["linux-headers-{{ ansible_facts['kernel'] }}", "linux-image-*-amd64"]
    seals: false
"""

RETURN = r"""
snapshot:
  description: The snapshot, schema 1. See docs/snapshot.md.
  returned: always
  type: dict
  sample:
    schema: 1
    simulated: false
    os: {id: debian, version_id: "13", arch: x86_64}
    gpus: [{pci: "0000:03:00.0", vendor_id: "1002", device_id: 73ff, driver: amdgpu, gfx: gfx1032}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.onhost import own_sections
from ansible.module_utils.verify import snapshot

TEXTS = {"type": "list", "elements": "str", "default": []}
TEXT = {"type": "str", "required": True}
SOURCE = {
    "url": TEXT,
    "suite": TEXT,
    "components": {"type": "list", "elements": "str", "default": ["main"]},
    "architectures": TEXTS,
    # A public key.
    "key": {"type": "str", "no_log": False},
}
CANDIDATES = {
    "names": {"type": "list", "elements": "str", "required": True},
    "sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE},
    "ca": TEXTS,
    "hosts_own": {"type": "bool", "default": True},
}


def take(want: dict, extra: dict | None = None) -> dict:
    """The snapshot of this host."""
    return snapshot.take("/", want, extra)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "network": TEXTS,
            "ca_certificates": TEXTS,
            "candidates": {"type": "dict", "options": CANDIDATES},
            "seals": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    asked = module.params
    want = {"network": asked["network"], "ca": asked["ca_certificates"], "candidates": asked["candidates"]}
    taken = own_sections.snapshot(take, want) if asked["seals"] else take(want)
    module.exit_json(changed=False, snapshot=taken)


if __name__ == "__main__":
    main()
