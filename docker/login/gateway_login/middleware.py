"""Before every request: the users are those that the host's role wrote last."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .accounts import accounts


def known_users(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A changed password counts from the next request on, and ends the sessions that the old one began."""

    def answer(request: HttpRequest) -> HttpResponse:
        accounts.refresh()
        return get_response(request)

    return answer
