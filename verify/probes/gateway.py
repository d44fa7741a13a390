"""What the gateway's front page shows of this host, as the timer wrote it down last."""

from __future__ import annotations

import json
from typing import Any

from .. import places
from .host import Host


def look_gateway(host: Host) -> dict[str, Any] | None:
    """``taken_at`` in seconds since 1970 and the authority's fingerprint; None where no gateway was ever open."""
    if not host.exists(places.GATEWAY_STATE):
        return None
    said = json.loads(host.text(places.GATEWAY_STATE))
    return {"taken_at": int(said["taken_at"]), "ca_sha256": said.get("ca_sha256") or None}
