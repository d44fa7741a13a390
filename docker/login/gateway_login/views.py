"""Logging in and out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .sites import gateway


class Login(LoginView):
    """Name and password; then back to where the person wanted to go, if that is here."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def get_success_url_allowed_hosts(self) -> set[str]:
        return {urlsplit(address).netloc for address in gateway().every_origin()}


class Logout(LogoutView):
    next_page = "/login?out"


def locked(request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None) -> HttpResponse:
    """Too many failures: this is said, and nothing was tried; to a program in its own language."""
    said = response is not None and response.headers.get("Content-Type") == "application/json"
    answer = response if response is not None and said else render(request, "locked.html", status=429)
    answer["Retry-After"] = str(gateway().pause_minutes * 60)
    return answer


def stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page was open too long, or the form came from somewhere else."""
    return render(request, "stale.html", status=403)
