"""What the proxy is told of a request."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from control.paths import ROLES_DIR
from tests.unit.login.conftest import ADA, ADA_KEY, BOB, BOB_KEY, hashed
from verify.checks import gateway

BROWSER = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "x-forwarded-method": "GET"}


def ask(client: Any, service: str = "jupyter", uri: str = "/lab", **headers: str) -> Any:
    """The proxy's question about a request to a service's own port."""
    port = {"jupyter": 18888, "ollama": 21434, "openwebui": 13000}.get(service, 443)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/verify/{service}", headers={"host": f"192.0.2.7:{port}", "x-forwarded-uri": uri, **named})


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.mark.parametrize("which", ["jupyter", "ollama", "openwebui"])
def test_without_a_login_a_program_is_refused_and_a_person_sent_to_the_login(client: Any, which: str) -> None:
    refused = ask(client, which)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Bearer realm="gpuhost"')
    sent = ask(client, which, "/lab?a=1&b=2", **BROWSER)
    assert sent.status_code == 302
    assert sent["Location"].startswith("https://192.0.2.7/login?next=https%3A%2F%2F192.0.2.7%3A")
    assert sent["Location"].endswith("%2Flab%3Fa%3D1%26b%3D2")


@pytest.mark.parametrize(
    "change", [{"x_forwarded_method": "POST"}, {"sec_fetch_mode": "websocket"}, {"accept": "application/json"}]
)
def test_what_a_page_fetches_is_not_redirected(client: Any, change: dict[str, str]) -> None:
    assert ask(client, **{**{k.replace("-", "_"): v for k, v in BROWSER.items()}, **change}).status_code == 401


def test_with_a_session_the_service_gets_the_user_s_name_and_its_own_secret(client: Any) -> None:
    client.post("/login", {"username": "ada", "password": ADA})
    answer = ask(client)
    assert answer.status_code == 204
    assert answer["X-Gateway-User"] == "ada"
    assert answer["X-Gateway-Authorization"] == "token the-service-s-own"
    assert "X-Gateway-Authorization" not in ask(client, "openwebui")


@pytest.mark.parametrize("header", [f"Bearer {ADA_KEY}", f"token {ADA_KEY}", basic("ada", ADA_KEY), basic("ada", ADA)])
def test_a_program_shows_a_key_or_name_and_password(client: Any, header: str) -> None:
    assert ask(client, "ollama", authorization=header).status_code == 204


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", basic("ada", "wrong"), "Basic %%%", f"Digest {ADA_KEY}"])
def test_anything_else_is_refused(client: Any, header: str) -> None:
    assert ask(client, "ollama", authorization=header).status_code == 401


def test_a_service_with_a_login_of_its_own_keeps_authorization_for_itself(client: Any) -> None:
    assert ask(client, "openwebui", authorization=f"Bearer {ADA_KEY}").status_code == 401
    assert ask(client, "openwebui", authorization=basic("ada", ADA)).status_code == 401
    assert ask(client, "openwebui", x_gateway_key=ADA_KEY, authorization="Bearer its-own").status_code == 204


def test_jupyters_clients_show_the_key_in_the_address_and_others_cannot(client: Any) -> None:
    assert ask(client, "jupyter", f"/api/kernels/1/channels?token={ADA_KEY}").status_code == 204
    assert ask(client, "jupyter", "/lab?token=wrong").status_code == 401
    assert ask(client, "ollama", f"/api/tags?token={ADA_KEY}").status_code == 401


def test_a_user_passes_to_what_this_user_may_use(client: Any) -> None:
    assert ask(client, "ollama", authorization=f"Bearer {BOB_KEY}").status_code == 204
    assert ask(client, "jupyter", authorization=f"Bearer {BOB_KEY}").status_code == 403
    client.post("/login", {"username": "bob", "password": BOB})
    page = ask(client, "jupyter", **BROWSER)
    assert page.status_code == 403
    assert "bob may not use JupyterLab" in page.content.decode()


def test_guessing_over_the_header_is_slowed_down_as_at_the_page(client: Any) -> None:
    for _ in range(3):
        ask(client, "ollama", authorization=basic("ada", "guess"))
    locked = ask(client, "ollama", authorization=basic("ada", ADA))
    assert (locked.status_code, locked["Retry-After"]) == (429, "900")
    assert locked.json() == {"error": "too many failed logins: wait a little"}
    assert client.post("/login", {"username": "ada", "password": ADA}).status_code == 429
    assert ask(client, "ollama", authorization=f"Bearer {ADA_KEY}").status_code == 204


def test_an_empty_key_opens_nothing_for_a_user_without_one(client: Any, write_users: Any) -> None:
    write_users(ada={"password": hashed(ADA), "key": ""})
    assert ask(client, "ollama", authorization="Bearer ").status_code == 401
    assert ask(client, "ollama", x_gateway_key="").status_code == 401


def test_a_service_that_is_not_there_is_nobody_s(client: Any) -> None:
    assert ask(client, "nothing", authorization=f"Bearer {ADA_KEY}").status_code == 404


def test_the_key_s_header_is_one_to_the_proxy_the_login_service_and_the_checks() -> None:
    """Each is in a program of its own: the role's variables, an image, and what runs on the host."""
    from gateway_login.verify import KEY_HEADER

    variables = yaml.safe_load((ROLES_DIR / "gateway" / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert {KEY_HEADER, gateway.KEY_HEADER} == {variables["__gateway_key_header"]}
