"""Compares what somebody typed with the hash that the host's role wrote."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.http import HttpRequest


class AsWritten(ModelBackend):
    """The hash stays as the role wrote it: Django would make one of its own at a login, and sessions hang on the hash.

    The file has the old one still, so that the next start would put it back and end every session begun meanwhile.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None:
            make_password(password)  # an unknown user takes as long as a known one
            return None
        return user if check_password(password, user.password) and self.user_can_authenticate(user) else None
