"""What every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from .sites import gateway


def common(request: HttpRequest) -> dict[str, Any]:
    return {"gateway": gateway()}
