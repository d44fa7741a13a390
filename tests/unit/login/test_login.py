"""Logging in, being kept out, and what a person is shown."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.login.conftest import ADA, ADA_KEY, BOB, hashed

COOKIE = "__Host-gpuhost"


def log_in(client: Any, name: str = "ada", password: str = ADA, **more: str) -> Any:
    return client.post("/login", {"username": name, "password": password, **more})


def test_the_front_page_wants_a_login_first(client: Any) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=/")
    assert "password" in client.get("/login").content.decode()


def test_after_the_login_the_page_shows_what_the_host_offers_and_how(client: Any) -> None:
    assert log_in(client).status_code == 302
    page = client.get("/").content.decode()
    assert 'href="https://192.0.2.7:18888/"' in page
    assert "https://192.0.2.7:21434" in page
    assert "Radeon RX 6600" in page
    assert "SIMULATED" in page
    assert ADA_KEY not in page


def test_addresses_are_those_of_the_name_by_which_somebody_came(client: Any) -> None:
    client.defaults["HTTP_HOST"] = "[2001:db8::7]"
    log_in(client)
    assert 'href="https://[2001:db8::7]:13000/"' in client.get("/").content.decode()


def test_a_user_sees_only_what_this_user_may_use(client: Any, folder: Path) -> None:
    seen = {"taken_at": time.time(), "services": {"ollama": {"state": "healthy"}, "jupyter": {"state": "healthy"}}}
    (folder / "state" / "state.json").write_text(json.dumps(seen))
    log_in(client, "bob", BOB)
    page = client.get("/").content.decode()
    assert "Ollama" in page
    assert "JupyterLab" not in page
    assert list(client.get("/state").json()["services"]) == ["ollama"]


def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(client: Any) -> None:
    cookie = log_in(client).cookies[COOKIE]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["domain"], cookie["path"]) == (
        True, True, "Lax", "", "/",
    )  # fmt: skip
    assert int(cookie["max-age"]) == 12 * 3600


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("https://192.0.2.7:18888/lab?x=1", "https://192.0.2.7:18888/lab?x=1"),
        ("https://gpu01:13000/", "https://gpu01:13000/"),
        ("https://evil.example/", "/"),
        ("https://192.0.2.7:18889/", "/"),
        ("http://192.0.2.7:18888/", "/"),
        ("//evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_the_way_back_leads_to_the_gateway_s_own_addresses_alone(client: Any, wanted: str, goes_to: str) -> None:
    assert log_in(client, next=wanted)["Location"] == goes_to


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong"), ("nobody", ADA), ("ada", "")])
def test_a_wrong_name_and_a_wrong_password_are_told_alike(client: Any, name: str, password: str) -> None:
    answer = log_in(client, name, password)
    assert answer.status_code == 200
    assert "Name or password is wrong" in answer.content.decode()
    assert COOKIE not in answer.cookies


def test_who_guesses_waits_even_with_the_right_password_and_nobody_else_does(client: Any) -> None:
    for _ in range(3):
        last = log_in(client, password="guess")
    assert last.status_code == 429
    answer = log_in(client)
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert log_in(client, "bob", BOB).status_code == 302
    client.logout()
    client.defaults["HTTP_X_FORWARDED_FOR"] = "198.51.100.10"
    assert log_in(client).status_code == 302


def test_who_tries_many_names_waits_with_every_name_and_other_addresses_do_not(client: Any) -> None:
    for number in range(29):
        assert log_in(client, f"name{number}", "guess").status_code == 200
    assert log_in(client, "one-more", "guess").status_code == 429
    assert log_in(client).status_code == 429
    client.defaults["HTTP_X_FORWARDED_FOR"] = "198.51.100.10"
    assert log_in(client).status_code == 302


def test_a_login_does_not_pay_for_what_its_address_tried_with_other_names(client: Any) -> None:
    for number in range(29):
        log_in(client, f"name{number}", "guess")
    assert log_in(client).status_code == 302
    client.logout()
    assert log_in(client, "one-more", "guess").status_code == 429


def test_a_form_is_small(client: Any) -> None:
    assert log_in(client, next="x" * 20_000).status_code == 400


def test_after_the_pause_the_right_password_counts_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from axes.models import AccessAttempt

    for _ in range(3):
        log_in(client, password="guess")
    assert log_in(client).status_code == 429
    for attempt in AccessAttempt.objects.all():
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=attempt.attempt_time - timedelta(minutes=16))
    assert log_in(client).status_code == 302


def test_a_client_cannot_say_where_it_comes_from(client: Any) -> None:
    from django.test import RequestFactory
    from gateway_login.accounts import address

    said = RequestFactory().get("/", headers={"x-forwarded-for": "203.0.113.1, 198.51.100.9"})
    assert address(said) == "198.51.100.9"


def test_a_login_from_another_page_s_form_is_refused(client: Any) -> None:
    from django.test import Client

    strict = Client(enforce_csrf_checks=True, headers={"host": "192.0.2.7", "x-forwarded-proto": "https"})
    answer = strict.post("/login", {"username": "ada", "password": ADA}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies


def test_logging_out_ends_the_session_on_the_host_too(client: Any) -> None:
    log_in(client)
    session = client.cookies[COOKIE].value
    assert client.post("/logout").status_code == 302
    client.cookies[COOKIE] = session
    assert client.get("/").status_code == 302


def test_a_new_password_ends_the_sessions_of_the_old_one(client: Any, write_users: Callable[..., None]) -> None:
    log_in(client)
    assert client.get("/").status_code == 200
    write_users(ada={"password": hashed("another"), "key": ADA_KEY})
    assert client.get("/").status_code == 302
    assert log_in(client).status_code == 200
    assert log_in(client, password="another").status_code == 302


def test_a_user_who_is_taken_off_the_list_is_out_at_once(client: Any, write_users: Callable[..., None]) -> None:
    log_in(client)
    write_users(bob={"password": hashed(BOB)})
    assert client.get("/").status_code == 302
    assert log_in(client).status_code == 200


FOREIGN = pytest.mark.parametrize(
    "given",
    [
        "$2y$05$F5HmK.Yb9AnisT2r7IXL3uweop9MvJvRe6fZJB1EW5AiGIYi9/xs.",
        "$argon2id$v=19$m=8,t=1,p=1$fDAPyTjkp/FihkhfP8zeSw$WMlmDHxtfyZQMkPvyFPqwawsCbaR6KdL7By3FClWGew",
    ],
    ids=["htpasswd -B", "argon2id"],
)


@FOREIGN
def test_a_hash_that_another_tool_made_opens(client: Any, write_users: Callable[..., None], given: str) -> None:
    write_users(ada={"password": given})
    assert log_in(client, password="other").status_code == 200
    assert log_in(client, password="hunter2").status_code == 302


@FOREIGN
def test_a_restart_ends_no_session_of_a_user_with_a_hash_of_the_site(
    client: Any, write_users: Callable[..., None], given: str
) -> None:
    from gateway_login.accounts import Accounts

    write_users(ada={"password": given})
    log_in(client, password="hunter2")
    Accounts().refresh()
    assert client.get("/").status_code == 200


def test_a_user_without_a_password_cannot_log_in(client: Any, write_users: Callable[..., None]) -> None:
    write_users(ada={"password": "", "key": ADA_KEY})
    assert log_in(client, password="").status_code == 200
    assert log_in(client, password=ADA).status_code == 200


def test_the_key_is_shown_to_its_user_alone_and_only_when_asked_for(client: Any) -> None:
    assert client.post("/key").status_code == 302
    log_in(client)
    assert client.get("/key").status_code == 405
    answer = client.post("/key")
    assert answer.json() == {"key": ADA_KEY}
    assert answer["Cache-Control"] == "no-store"


def test_a_foreign_host_header_is_refused(client: Any) -> None:
    client.defaults["HTTP_HOST"] = "rebound.example"
    assert client.get("/login").status_code == 400


def test_an_old_state_is_not_shown_as_the_present_one(client: Any, folder: Path) -> None:
    seen = {"taken_at": time.time() - 3600, "services": {"jupyter": {"state": "healthy"}}}
    (folder / "state" / "state.json").write_text(json.dumps(seen))
    log_in(client)
    assert client.get("/state").json()["services"] == {}
    assert "healthy" not in client.get("/").content.decode()
    (folder / "state" / "state.json").write_text("{half")
    assert client.get("/").status_code == 200


def test_static_files_are_those_two(client: Any) -> None:
    assert client.get("/static/gateway.css")["Content-Type"] == "text/css"
    assert client.get("/static/settings.py").status_code == 404
    assert client.get("/static/..%2fsettings.py").status_code == 404
