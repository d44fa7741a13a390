"""Session tokens of single-user mode: JSON Web Tokens signed with JWT_SECRET."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

DAYS_30 = 30 * 86400


def make(secret: str, seconds: int = DAYS_30) -> str:
    """A token that holds for `seconds`."""
    head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    now = int(time.time())
    claims = _encode(json.dumps({"iat": now, "exp": now + seconds}).encode())
    return f"{head}.{claims}.{_sign(f'{head}.{claims}', secret)}"


def valid(token: str, secret: str) -> bool:
    """Whether the token was signed with `secret` and still holds."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _sign(signed, secret).encode()):
        return False
    claims = signed.partition(".")[2]
    return bool(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"] > time.time())


def _sign(text: str, secret: str) -> str:
    return _encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
