"""The door: by which names, on which ports, for whom; and what is refused before it would be open too far."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.planner.conftest import Make, ids

RX6600 = "debian-12-rx6600"
BCRYPT = "$2y$05$F5HmK.Yb9AnisT2r7IXL3uweop9MvJvRe6fZJB1EW5AiGIYi9/xs."

#: A door with certificates of a public authority.
PUBLIC = {"gateway_domain": "gpu01.example.org", "gateway_acme_email": "ops+ca@example.org"}


def door(make: Make, *edits: Any, **wishes: Any) -> dict[str, Any]:
    part: dict[str, Any] = make(RX6600, *edits, **{"gateway_enabled": True, **wishes}).roles["gateway"]
    return part


def site(part: dict[str, Any], service: str) -> dict[str, Any]:
    return next(one for one in part["sites"] if one["service"] == service)


def test_without_a_wish_there_is_no_door_and_nothing_of_it(make: Make) -> None:
    part = make(RX6600).roles["gateway"]
    assert (part["enabled"], part["containers"], part["images"], part["ports"]) == (False, [], [], [])


def test_a_wish_for_it_is_enough(make: Make) -> None:
    plan = make(RX6600, gateway_enabled=True)
    assert ids(plan, "refuse") == []
    part = plan.roles["gateway"]
    assert part["home"]["origins"] == ["https://192.0.2.7", "https://gpu01"]
    assert part["default_name"] == "192.0.2.7"
    assert part["users"] == [{"name": "admin", "services": [], "hashed": False}]
    assert part["tls"]["issuer"] == "internal"


def test_every_service_that_runs_has_a_port_of_its_own_and_stays_on_loopback(make: Make) -> None:
    plan = make(RX6600, gateway_enabled=True)
    part = plan.roles["gateway"]
    ports = {one["service"]: one["port"] for one in part["sites"]}
    assert ports == {"ollama": 21434, "anythingllm": 13001, "jupyter": 18888}
    assert part["ports"] == [443, 21434, 13001, 18888]
    published = [port for one in plan.roles["services"]["containers"] for port in one["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert part["containers"][1]["ports"] == [f"{bind}:{n}:{n}" for n in part["ports"] for bind in ("0.0.0.0", "[::]")]
    assert part["containers"][0]["ports"] == []


def test_with_a_domain_every_service_has_a_name_and_all_share_one_port(make: Make) -> None:
    part = door(make, gateway_domain="GPU01.example.org")
    assert part["ports"] == [443]
    assert part["names"] == ["gpu01.example.org"]
    assert site(part, "jupyter")["origins"] == ["https://jupyter.gpu01.example.org"]
    assert part["login"]["cookie_domain"] == "gpu01.example.org"


def test_names_of_the_site_win_and_are_written_as_browsers_write_them(make: Make) -> None:
    part = door(make, gateway_names=["AI.example.org", "[2001:DB8:0::1]", "ai.example.org"])
    assert part["names"] == ["ai.example.org", "2001:db8::1"]
    assert part["login"]["names"] == ["ai.example.org", "[2001:db8::1]"]


def test_only_one_address_can_have_its_certificate_shown_and_that_is_said(make: Make) -> None:
    plan = make(RX6600, gateway_enabled=True, gateway_names=["192.0.2.7", "2001:db8::7", "gpu01"])
    assert "GH-GATEWAY-ADDRESS" in ids(plan, "warn")
    assert plan.roles["verify"]["expected"]["gateway"]["certified"] == ["192.0.2.7", "gpu01"]
    assert "GH-GATEWAY-ADDRESS" not in ids(make(RX6600, gateway_enabled=True))


def test_a_site_may_show_some_services_only_on_other_ports_and_one_address(make: Make) -> None:
    part = door(make, gateway_services=["jupyter"], gateway_ports={"jupyter": 8443}, gateway_bind_addresses=["10.8.0.1"])
    assert [one["service"] for one in part["sites"]] == ["jupyter"]
    assert part["containers"][1]["ports"] == ["10.8.0.1:443:443", "10.8.0.1:8443:8443"]


@pytest.mark.parametrize(
    ("service", "path"),
    [("anythingllm", "/api/env-dump"), ("anythingllm", "/api/migrate"), ("anythingllm", "/api/migrate/*")],
)
def test_what_has_no_login_of_its_own_is_closed(make: Make, service: str, path: str) -> None:
    assert path in site(door(make), service)["closed"]


@pytest.mark.parametrize("path", ["create", "push", "pull", "delete", "copy", "blobs"])
def test_of_ollama_only_what_answers_questions_is_open(make: Make, path: str) -> None:
    only = site(door(make), "ollama")["only"]
    assert {"/api/chat", "/v1/*"} <= set(only)
    assert not [one for one in only if path in one or one in ("/*", "/api/*")]


@pytest.mark.parametrize("path", ["api/create", "api/push", "api/pull", "api/delete", "api/copy", "models"])
def test_open_webui_s_administrators_change_no_model_through_the_door(make: Make, path: str) -> None:
    closed = site(door(make, services_enabled=["openwebui"]), "openwebui")["closed"]
    assert {f"/ollama/{path}", f"/ollama/{path}/*"} <= set(closed)


def test_containers_are_as_confined_as_those_of_services(make: Make) -> None:
    for one in door(make)["containers"]:
        assert (one["cap_drop"], one["security_opts"], one["read_only"]) == (["ALL"], ["no-new-privileges:true"], True)
        assert not one["user"].startswith("0:")
        assert not [mount for mount in one["mounts"] if "docker.sock" in mount["source"]]


def test_the_login_service_is_in_no_network_but_the_gateway_s_own(make: Make) -> None:
    login, proxy = door(make)["containers"]
    assert [one["name"] for one in login["networks"]] == ["gpuhost-gateway"]
    assert [one["name"] for one in proxy["networks"]] == ["gpuhost", "gpuhost-gateway"]


def test_a_hash_that_the_site_gives_is_in_no_plan_and_no_password_is_made(make: Make) -> None:
    part = door(make, gateway_users=[{"name": "alice", "password_hash": BCRYPT}, {"name": "bob", "services": ["jupyter"]}])
    assert BCRYPT not in json.dumps(part)
    assert [one["hashed"] for one in part["users"]] == [True, False]
    made = [one["name"] for one in part["containers"][0]["secrets"]]
    assert made == ["session_key", "alice.key", "bob.password", "bob.key"]


@pytest.mark.parametrize(
    ("wishes", "finding", "seen"),
    [
        ({"gateway_names": ["not a name"]}, "GH-INPUT-GATEWAY", "'not a name'"),
        ({"gateway_domain": "192.0.2.7"}, "GH-INPUT-GATEWAY", "below an address"),
        ({"gateway_acme_email": "ops@example.org"}, "GH-INPUT-GATEWAY", "192.0.2.7"),
        ({"gateway_acme_url": "https://ca.example.org/dir"}, "GH-INPUT-GATEWAY", "gateway_acme_email"),
        ({**PUBLIC, "gateway_port": 8443}, "GH-INPUT-GATEWAY", "gateway_port is 8443"),
        ({**PUBLIC, "gateway_acme_email": "ops"}, "GH-INPUT-GATEWAY", "'ops'"),
        ({**PUBLIC, "gateway_acme_email": "ops@example.org }"}, "GH-INPUT-GATEWAY", "must be an address for mail"),
        ({**PUBLIC, "gateway_acme_url": "http://ca/dir"}, "GH-INPUT-GATEWAY", "'http://ca/dir'"),
        ({**PUBLIC, "gateway_acme_url": "https://ca/dir\n}"}, "GH-INPUT-GATEWAY", "gateway_acme_url"),
        ({"gateway_session_hours": 0}, "GH-INPUT-GATEWAY", "gateway_session_hours is 0"),
        ({"gateway_login_attempts": 0}, "GH-INPUT-GATEWAY", "gateway_login_attempts is 0"),
        ({"gateway_login_pause": -1}, "GH-INPUT-GATEWAY", "gateway_login_pause is -1"),
        ({"gateway_bind_addresses": []}, "GH-INPUT-TYPE", "empty"),
        ({"gateway_bind_addresses": ["eth0"]}, "GH-INPUT-TYPE", "'eth0'"),
        ({"gateway_services": ["openwbui"]}, "GH-INPUT-GATEWAY", "openwbui"),
        ({"gateway_users": [{"name": "Ada Lovelace"}]}, "GH-INPUT-GATEWAY", "'Ada Lovelace'"),
        ({"gateway_users": [{"name": "ada"}, {"name": "ada"}]}, "GH-INPUT-GATEWAY", "listed twice"),
        ({"gateway_users": [{"name": "ada", "services": ["jupiter"]}]}, "GH-INPUT-GATEWAY", "jupiter"),
        ({"gateway_users": [{"name": "ada", "password_hash": "md5-of-it"}]}, "GH-INPUT-GATEWAY", "password_hash"),
        ({"gateway_port": 0}, "GH-INPUT-PORT", "the gateway"),
        ({"gateway_ports": {"jupyter": 443}}, "GH-INPUT-PORT", "both"),
        ({"gateway_ports": {"jupyter": 8099}}, "GH-INPUT-PORT", "jupyter behind the gateway and the gateway's own health"),
        ({"gateway_port": 8099, "gateway_domain": "gpu01.example.org"}, "GH-INPUT-PORT", "the gateway's own health"),
        ({"gateway_ports": {"jupyter": 11434}}, "GH-INPUT-PORT", "ollama and jupyter behind the gateway"),
    ],
)
def test_a_door_that_cannot_be_is_refused(make: Make, wishes: Any, finding: str, seen: str) -> None:
    plan = make(RX6600, gateway_enabled=True, **wishes)
    said = [one.seen for one in plan.findings if one.id == finding and one.level == "refuse"]
    assert any(seen in one for one in said), said
    assert "md5-of-it" not in "".join(said)


def test_a_public_authority_signs_for_a_door_on_its_port(make: Make) -> None:
    plan = make(RX6600, gateway_enabled=True, gateway_acme_url="https://ca.example.org:14000/dir", **PUBLIC)
    assert ids(plan, "refuse") == []


@pytest.mark.parametrize(("asked", "bound"), [(["0.0.0.0", "::"], ["0.0.0.0"]), (["::"], ["::"]), (["::1"], ["::1"])])
def test_without_ipv6_in_the_kernel_every_address_is_every_one_of_ipv4(
    make: Make, asked: list[str], bound: list[str]
) -> None:
    """Docker refuses a container whose port cannot be bound; who asks for IPv6 alone is told so by it."""

    def without(host: dict[str, Any]) -> None:
        host["addresses"]["ipv6"] = False

    part = make(RX6600, without, gateway_enabled=True, gateway_bind_addresses=asked).roles["gateway"]
    assert part["bind"] == bound
    assert make(RX6600, gateway_enabled=True, gateway_bind_addresses=asked).roles["gateway"]["bind"] == asked


def test_a_port_that_only_the_proxy_itself_uses_is_free_on_the_host(make: Make) -> None:
    def taken(host: dict[str, Any]) -> None:
        row = {"address": "0.0.0.0", "port": 8099, "proto": "tcp", "process": "nginx", "pid": 9, "container": None}
        host["ports"].append(row)

    assert ids(make(RX6600, taken, gateway_enabled=True), "refuse") == []
    # Published on 127.0.0.1, and of another container inside.
    assert ids(make(RX6600, gateway_enabled=True, services_ports={"jupyter": 8099}), "refuse") == []


def test_a_port_of_the_door_that_somebody_holds_is_refused_with_the_setting_that_moves_it(make: Make) -> None:
    def taken(host: dict[str, Any]) -> None:
        row = {"address": "0.0.0.0", "port": 443, "proto": "tcp", "process": "nginx", "pid": 9, "container": None}
        host["ports"].append(row)

    plan = make(RX6600, taken, gateway_enabled=True)
    (finding,) = [one for one in plan.findings if one.id == "GH-PORT-TAKEN"]
    assert "nginx" in finding.seen
    assert "gateway_port: 444" in finding.next
    assert "GH-PORT-TAKEN" not in ids(make(RX6600, taken))


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.5"])
def test_services_never_listen_for_others_and_the_way_out_is_the_door(make: Make, bind: str) -> None:
    plan = make(RX6600, services_bind_address=bind)
    (finding,) = [one for one in plan.findings if one.id == "GH-PORT-OPEN"]
    assert finding.level == "refuse"
    assert "gateway_enabled" in finding.next


@pytest.mark.parametrize("bind", ["127.0.0.1", "::1", "127.0.0.9"])
def test_loopback_is_where_they_may(make: Make, bind: str) -> None:
    assert "GH-PORT-OPEN" not in ids(make(RX6600, services_bind_address=bind))


def test_the_checks_know_how_to_find_the_door_and_by_whose_key(make: Make) -> None:
    users = [{"name": "bob", "services": ["jupyter"]}, {"name": "alice"}]
    door = make(RX6600, gateway_enabled=True, gateway_users=users).roles["verify"]["expected"]["gateway"]
    assert door["key"] == "/etc/gpuhost/secrets/gateway/alice.key"
    assert door["ca"] == "/srv/gpuhost/gateway/caddy/caddy/pki/authorities/local/root.crt"
    assert {one["service"]: one["path"] for one in door["sites"]}["anythingllm"] == "/api/ping"
    assert door["containers"][1]["published"][:2] == ["0.0.0.0:443", "[::]:443"]
    assert make(RX6600).roles["verify"]["expected"]["gateway"] is None


def test_the_checks_ask_for_what_only_the_service_s_own_secret_opens(make: Make) -> None:
    """Health pages answer everybody: they would come with any secret that the gateway shows in its users' place."""
    plan = make(RX6600, gateway_enabled=True, services_enabled=["jupyter", "llamacpp", "ollama"])
    asked = {one["service"]: one["path"] for one in plan.roles["verify"]["expected"]["gateway"]["sites"]}
    assert asked == {"jupyter": "/api/status", "llamacpp": "/v1/models", "ollama": "/api/version"}
    health = {one["name"]: one["health"]["path"] for one in plan.roles["verify"]["expected"]["services"]}
    for one in plan.roles["gateway"]["credentials"]:
        assert asked[one["service"]] != health[one["service"]]


def test_a_host_that_tells_no_address_needs_names(make: Make) -> None:
    def silent(host: dict[str, Any]) -> None:
        host["addresses"] = {"error": "unreadable"}

    part = door(make, silent)
    assert part["names"] == ["gpu01"]
    assert part["default_name"] == "gpu01"


def test_its_images_are_counted_before_anything_is_fetched(make: Make) -> None:
    names = [item["name"] for item in make(RX6600, gateway_enabled=True).cost["items"]]
    assert {"caddy:2.11.4", "gpuhost/gateway:2.11.4"} <= set(names)
    assert len(names) == len(set(names))
    assert "caddy:2.11.4" not in [item["name"] for item in make(RX6600).cost["items"]]


def test_open_webui_knows_the_pages_of_the_door_as_its_own(make: Make) -> None:
    """It refuses WebSockets of other origins; and nobody makes an account in it over the network."""
    plan = make(RX6600, gateway_enabled=True, services_enabled=["openwebui"])
    (one,) = [one for one in plan.roles["services"]["containers"] if one["service"] == "openwebui"]
    behind = site(plan.roles["gateway"], "openwebui")
    assert behind["origins"] == ["https://192.0.2.7:13000", "https://gpu01:13000"]
    assert one["env"]["CORS_ALLOW_ORIGIN"].split(";") == [
        "http://127.0.0.1:3000",
        "http://localhost:3000",
        *behind["origins"],
    ]
    assert (behind["kind"], behind["own_login"], behind["credential"]) == ("page", True, False)
    assert "/api/v1/auths/signup" in behind["closed"]
    closed = make(RX6600, gateway_enabled=True, services_enabled=["openwebui"], gateway_services=["ollama"])
    (one,) = [one for one in closed.roles["services"]["containers"] if one["service"] == "openwebui"]
    assert "https" not in one["env"]["CORS_ALLOW_ORIGIN"]


def test_ollama_on_the_host_itself_is_reached_by_the_name_that_it_answers_to(make: Make) -> None:
    plan = make(RX6600, gateway_enabled=True, services_enabled=["ollama"], services_native=["ollama"])
    behind = site(plan.roles["gateway"], "ollama")
    assert (behind["upstream"], behind["on_host"]) == ("ollama.internal:11434", True)
    (unit,) = plan.roles["services"]["units"]
    assert "gpuhost-ollama-bridge.socket" in unit["files"]
