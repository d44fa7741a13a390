"""Where gpuhost's own things are on a target, for all that looks there, changes it (:mod:`onhost.paths`) or plans for it."""

from __future__ import annotations

#: What the site decided: expected values and secrets.
ETC = "/etc/gpuhost"
#: Everything that gpuhost remembers on a host.
STATE = "/var/lib/gpuhost"
#: Programs: the checks, the environment with PyTorch.
OPT = "/opt/gpuhost"
#: Users' data, unless the site puts it elsewhere.
DATA = "/srv/gpuhost"

#: What the host is checked against.
EXPECTED = f"{ETC}/expected.json"
SECRETS = f"{ETC}/secrets"
#: What containers' stamps of their secrets are made with.
STAMP_KEY = f"{STATE}/secrets.key"

#: The gateway: what it is told, and what its front page shows of the services.
GATEWAY = f"{ETC}/gateway"
GATEWAY_STATE = f"{STATE}/gateway/state.json"
