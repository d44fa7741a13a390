"""How the login service is started: gunicorn's own options decide what a request may say of itself."""

from __future__ import annotations

import os
from typing import Any

import pytest


@pytest.fixture
def settings(service: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What gunicorn makes of the words that it is started with."""
    from gateway_login import __main__ as start
    from gunicorn.app.wsgiapp import WSGIApplication

    words: list[str] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: words.extend(argv))
    start.main()
    monkeypatch.setattr("sys.argv", words)
    return WSGIApplication().cfg


def test_no_header_says_where_an_address_begins(settings: Any) -> None:
    assert settings.forwarder_headers == []
    assert settings.header_map == "drop"
