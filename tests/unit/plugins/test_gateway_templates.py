"""The proxy's configuration as Ansible renders it: what stands in it for which plan. Caddy itself judges it on the hosts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from control import planner, support
from control.paths import ROLES_DIR
from tests.unit.planner.conftest import snapshot, wishes

ROLE = ROLES_DIR / "gateway"


def rendered(**wished: Any) -> str:
    plan = planner.plan(
        snapshot("debian-12-rx6600"), wishes(gateway_enabled=True, **wished), support.load(), "gpu01"
    ).as_dict()
    variables = DataLoader().load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True)
    templar = Templar(loader=DataLoader(), variables={**variables, "gpuhost_plan": plan})
    template = trust_as_template((ROLE / "templates" / "Caddyfile.j2").read_text(encoding="utf-8"))
    return str(templar.template(template))


def block(text: str, title: str) -> str:
    """What stands under a service's name, up to the next."""
    return text.split(f"# {title}\n", 1)[1].split("\n}\n", 1)[0]


def test_every_brace_is_closed_and_nothing_is_left_to_fill_in() -> None:
    text = rendered()
    assert text.count("{") == text.count("}")
    assert "{{" not in text
    assert "None" not in text


def test_a_request_is_judged_in_order_origin_login_path() -> None:
    ollama = block(rendered(), "Ollama")
    order = ("@foreign_origin", "@foreign_page", "rewrite /verify/ollama", "respond @closed", "respond @not_open")
    places = [ollama.index(word) for word in (*order, "reverse_proxy ollama:")]
    assert places == sorted(places)


@pytest.mark.parametrize("title", ["Ollama", "JupyterLab", "AnythingLLM"])
def test_nothing_but_204_lets_a_request_pass(title: str) -> None:
    text = block(rendered(), title)
    assert "\tforward_auth " not in text  # it takes every 2xx for a yes
    assert re.findall(r"@\w+ status (\w+)\n\s+handle_response (@\w+) \{\n\s+(\w+)", text) == [
        ("204", "@passed", "request_header"),
        ("2xx", "@no_answer", "respond"),
    ]


def test_only_a_service_without_a_login_of_its_own_has_authorization_taken() -> None:
    text = rendered()
    assert "request_header Authorization {rp.header.X-Gateway-Authorization}" in block(text, "JupyterLab")
    assert "header_up -Authorization" in block(text, "Ollama")
    assert "Authorization" not in block(text, "AnythingLLM")


def test_an_open_websocket_lasts_no_longer_than_a_login() -> None:
    assert rendered(gateway_session_hours=8).count("stream_timeout 8h") == 3


@pytest.mark.parametrize("title", ["Ollama", "JupyterLab", "AnythingLLM"])
def test_no_service_sees_or_sets_the_gateway_s_cookie_and_tokens_come_at_once(title: str) -> None:
    text = block(rendered(), title)
    assert "flush_interval -1" in text
    cookies = re.findall(r'header_(?:up Cookie|down Set-Cookie) "([^"]+)"', text)
    assert re.sub(cookies[0], "", "a=1; __Host-gpuhost=secret; __Host-gpuhost-csrf=x; b=2") == "a=1; b=2"
    assert re.sub(cookies[0], "", "a=1; __Secure-gpuhost=secret") == "a=1; "
    assert re.match(cookies[1], "__Host-gpuhost=planted; Path=/")


@pytest.mark.parametrize("title", ["Ollama", "JupyterLab", "AnythingLLM"])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a=1; Path=/", "a=1; Path=/; Secure"),
        ("a=1; secure", "a=1; Secure"),
        ("a=1; Secure; HttpOnly", "a=1; HttpOnly; Secure"),
        ("a=insecure; Path=/secure", "a=insecure; Path=/secure; Secure"),
        ("__Host-gpuhost=planted; Path=/", "refused-__Host-gpuhost=planted; Path=/; Secure"),
    ],
)
def test_cookies_of_services_go_over_tls_alone(title: str, sent: str, kept: str) -> None:
    """Go's expressions and Python's mean the same here."""
    for what, instead in re.findall(r'header_down Set-Cookie "([^"]+)" "([^"]+)"', block(rendered(), title)):
        sent = re.sub(what, instead.replace("$0", r"\g<0>").replace("$1", r"\1"), sent)
    assert sent == kept


def test_a_form_is_whole_and_small_before_the_login_service_hears_of_it() -> None:
    """Its threads answer for every request to a service, too: a stranger's slow form must hold none of them."""
    home = block(rendered(), "The front page and the login.")
    assert re.search(
        r"request_body \{\s+max_size 64KB\s+read_timeout 10s\s+\}\s+reverse_proxy \S+ \{\s+request_buffers 64KB", home
    )


def test_no_log_has_what_opens_a_service() -> None:
    """Errors go to the default log, requests to that of their site: both leave out the same."""
    text = rendered()
    logs = re.findall(r"\tlog [^{]*\{\n(.*?)\n\t\}", text, re.DOTALL)
    assert len(logs) == 2
    left_out = [
        "uri query",
        "replace token",
        "replace next",
        "headers>Referer",
        "headers>X-Gateway-Key",
        "resp_headers>Location",
    ]
    for log in logs:
        assert [one for one in left_out if one not in log] == []


def test_every_port_has_an_answer_for_foreign_names() -> None:
    text = rendered()
    assert re.findall(r"^https://:(\d+) \{", text, re.MULTILINE) == ["443", "21434", "13001", "18888"]
    assert text.count("421") == 4


def test_with_a_public_authority_nothing_listens_on_port_80_and_browsers_are_told_to_stay() -> None:
    text = rendered(
        gateway_domain="gpu01.example.org", gateway_acme_email="ops@example.org", gateway_acme_url="https://ca/dir"
    )
    assert "disable_http_challenge" in text
    assert "dir https://ca/dir" in text
    assert "Strict-Transport-Security" in text
    assert "tls internal" not in text
    assert "https://jupyter.gpu01.example.org {" in text
    assert "Strict-Transport-Security" not in rendered()
