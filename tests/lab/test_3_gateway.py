"""The door: what a second machine on the network reaches through it, and what it does not."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import docker
import pytest
import requests

from control.lab import names, network
from tests.lab.browser import log_in, trusting
from tests.lab.conftest import ROOT, SITE, Done, Fleet, LabHost, gpuhost, host_variables
from tests.lab.outsider import Outsider, addresses

pytestmark = pytest.mark.lab

WISHES = """gateway_enabled: true
services_enabled: [ollama, llamacpp, anythingllm, jupyter, openwebui]
gateway_login_attempts: 3
gateway_users:
  - {name: alice}
  - {name: bob, services: [ollama]}
"""
CA = "/srv/gpuhost/gateway/caddy/caddy/pki/authorities/local/root.crt"


@dataclass(frozen=True)
class Door:
    """A host whose door is open, and what its users know."""

    host: LabHost
    up: Done
    ipv4: str
    ipv6: str
    ca: Path
    secrets: dict[str, str]
    sites: dict[str, dict[str, Any]]
    wishes: Path

    def close(self) -> Done | None:
        """What the host ran before the door was opened; None where that is so already."""
        if not self.wishes.exists():
            return None
        self.wishes.unlink()
        return gpuhost("up", "--site", SITE, "--host", self.host.name, "--json")

    @property
    def home(self) -> str:
        return f"https://{self.ipv4}"

    def site(self, service: str) -> str:
        return str(self.sites[service]["origins"][0])

    def get(self, url: str, **more: Any) -> requests.Response:
        """A request over TLS that is verified against the host's own authority; redirects are not followed."""
        return requests.get(url, verify=str(self.ca), timeout=30, allow_redirects=False, **more)

    def log_in(self, name: str = "alice") -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # this machine's own authorities, where it names some, would take the place of the host's
        session.verify = str(self.ca)
        page = session.get(f"{self.home}/login", timeout=30)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        answer = session.post(
            f"{self.home}/login",
            {"username": name, "password": self.secrets[f"{name}.password"], "csrfmiddlewaretoken": token[1]},
            headers={"Referer": f"{self.home}/login", "Origin": self.home},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return session

    def key(self, name: str = "alice") -> dict[str, str]:
        return {"X-Gateway-Key": self.secrets[f"{name}.key"]}


@pytest.fixture(scope="module")
def outsider(fleet: Fleet) -> Iterator[Outsider]:
    other = Outsider(docker.from_env())
    yield other
    other.remove()


@pytest.fixture(scope="module")
def door(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """The first host with its door open; closed again afterwards, for the tests that come."""
    host = fleet.debian12
    wishes = host_variables(host, WISHES)
    up = gpuhost("up", "--site", SITE, "--host", host.name, "--json")
    assert up.code == 0, up.text
    where = addresses(docker.from_env().containers.get(host.name))
    ca = tmp_path_factory.mktemp("door") / "ca.crt"
    ca.write_text(host.run(f"cat {CA}"))
    listed = host.run("cd /etc/gpuhost/secrets/gateway && for f in *; do echo $f $(cat $f); done").split()
    plan = json.loads((Path(up.document["log"]).parent / "hosts" / f"{host.name}.json").read_text())["plan"]
    sites = {site["service"]: site for site in plan["roles"]["gateway"]["sites"]}
    secrets = dict(zip(listed[::2], listed[1::2], strict=True))
    opened = Door(host, up, **where, ca=ca, secrets=secrets, sites=sites, wishes=wishes)
    yield opened
    closed = opened.close()
    assert closed is None or closed.code == 0, closed and closed.text


def test_before_the_door_is_open_only_ssh_answers(fleet: Fleet, outsider: Outsider) -> None:
    where = addresses(docker.from_env().containers.get(fleet.debian13.name))
    assert outsider.open_ports(where["ipv4"]) == [22]
    assert not network.has_ipv6() or outsider.open_ports(where["ipv6"]) == [22]


@pytest.mark.parametrize("which", ["debian12", "debian13"])
def test_what_is_published_on_loopback_stays_there_whatever_the_engine(fleet: Fleet, outsider: Outsider, which: str) -> None:
    """moby#45610: by the container's own address, and by a packet to 127.0.0.1 that comes over the wire."""
    host: LabHost = getattr(fleet, which)
    where = "docker inspect -f '{{(index .NetworkSettings.Networks \"gpuhost\").IPAddress}}' gpuhost-jupyter"

    def reached() -> list[bool]:
        return [wire.reaches(host.run(where).strip(), 8888), wire.reaches_loopback(8888)]

    with outsider.wired(docker.from_env().containers.get(host.name)) as wire:
        assert reached() == [False, False]
        host.run("systemctl restart docker && until docker exec gpuhost-jupyter true; do sleep 1; done")
        assert reached() == [False, False]
        host.run("systemctl stop gpuhost-loopback")
        try:
            assert reached() == [True, True], "without the rules it was closed too: this proves nothing"
        finally:
            host.run("systemctl start gpuhost-loopback")
        assert reached() == [False, False]


def test_the_run_proves_the_door(door: Door) -> None:
    results = json.loads((ROOT / door.up.document["report"]["json"]).read_text())
    text = json.dumps(results)
    assert results["hosts"][door.host.name]["counts"]["fail"] == 0
    for check in ("gateway.certificate", "gateway.ollama.closed", "gateway.jupyter.refuses", "exposure.network.listeners"):
        assert check in text


def test_only_ssh_and_the_gateway_answer(door: Door, outsider: Outsider) -> None:
    planned = sorted({22, 443, *(site["port"] for site in door.sites.values())})
    assert outsider.open_ports(door.ipv4) == planned
    assert not network.has_ipv6() or outsider.open_ports(door.ipv6) == planned


def test_without_a_login_every_path_of_every_service_is_refused(door: Door) -> None:
    for service, site in door.sites.items():
        paths = ["/", "/api", "/lab", "/v1/models", *(path.rstrip("*") for path in [*site["closed"], *site["only"]])]
        for path in paths:
            for method in ("GET", "POST", "DELETE", "OPTIONS"):
                answer = requests.request(
                    method, f"{door.site(service)}{path}", verify=str(door.ca), timeout=30, allow_redirects=False
                )
                assert answer.status_code == 401, (service, method, path)
        person = door.get(door.site(service), headers={"Accept": "text/html"})
        assert person.status_code == 302
        assert person.headers["Location"].startswith(f"{door.home}/login?next=")


def test_a_foreign_host_and_a_foreign_origin_are_refused_with_a_login_too(door: Door) -> None:
    session = door.log_in()
    for service in door.sites:
        url = door.site(service)
        assert session.get(url, headers={"Host": "rebound.example"}, timeout=30).status_code == 421
        for origin in ("https://evil.example", "null", door.home, door.site("ollama" if service != "ollama" else "jupyter")):
            assert session.get(url, headers={"Origin": origin}, timeout=30).status_code == 403, (service, origin)
        fetched = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert session.get(url, headers=fetched, timeout=30).status_code == 403


def test_dangerous_paths_are_closed_to_users_too(door: Door) -> None:
    for service, site in door.sites.items():
        for path in site["closed"]:
            for spelled in {path.rstrip("*"), path.rstrip("*").upper(), path.rstrip("*").replace("/", "//", 1)}:
                url = f"{door.site(service)}{spelled}"
                answer = requests.post(url, headers=door.key(), verify=str(door.ca), timeout=30, allow_redirects=False)
                assert answer.status_code == 403, (service, spelled)
    assert door.get(f"{door.site('ollama')}/api/something-new", headers=door.key()).status_code == 403
    assert door.get(f"{door.site('ollama')}/api/tags", headers=door.key()).status_code == 200


def test_certificates_hold_for_the_host_s_own_authority_and_no_other(door: Door) -> None:
    trusting = ssl.create_default_context(cafile=str(door.ca))
    for address in filter(None, (door.ipv4, door.ipv6)):
        plain = socket.create_connection((address, 443), timeout=10)
        with plain, trusting.wrap_socket(plain, server_hostname=door.host.name) as line:
            assert (("DNS", door.host.name),) == line.getpeercert()["subjectAltName"]  # type: ignore[index] # it was verified
            assert line.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(door.home, verify=str(names.CA_CERTIFICATE), timeout=10)
    assert door.get(f"{door.home}/ca.crt").text.strip() == door.ca.read_text().strip()
    plain_http = requests.get(f"http://{door.ipv4}:443/x", timeout=10, allow_redirects=False)
    assert urlsplit(plain_http.headers["Location"]).scheme == "https"


def test_pages_carry_the_headers_that_protect_them_and_none_that_tell(door: Door) -> None:
    session = door.log_in()
    for url in (door.home, door.site("jupyter"), door.site("anythingllm")):
        headers = session.get(url, timeout=30).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors" in headers["Content-Security-Policy"]
        assert not {"Server", "Via", "X-Powered-By"} & set(headers), url


def test_the_login_at_the_gateway_is_not_the_services_to_see(door: Door) -> None:
    """Asked of a notebook server's own request log: what came to it."""
    session = door.log_in()
    assert session.get(f"{door.site('jupyter')}/api/status", timeout=30).status_code == 200
    logs = door.host.run("for c in gateway gateway-login jupyter; do docker logs gpuhost-$c 2>&1; done")
    for secret in [*door.secrets.values(), session.cookies["__Host-gpuhost"]]:
        assert secret not in logs


def test_the_proxy_s_errors_do_not_tell_keys_either(door: Door) -> None:
    """A service that is not there: Caddy logs the request with the error."""
    key, jupyter = door.secrets["alice.key"], door.site("jupyter")
    door.host.run("docker stop gpuhost-jupyter")
    try:
        shown: list[dict[str, Any]] = [
            {"params": {"token": key}},
            {"headers": door.key()},
            {"headers": {**door.key(), "Referer": f"{jupyter}/?token={key}"}},
        ]
        assert [door.get(f"{jupyter}/api", **one).status_code for one in shown] == [502, 502, 502]
        door.get(f"{door.site('ollama')}/?token={key}", headers={"Accept": "text/html"})
    finally:
        healthy = "docker inspect -f '{{.State.Health.Status}}' gpuhost-jupyter | grep -qx healthy"
        door.host.run(f"docker start gpuhost-jupyter && until {healthy}; do sleep 1; done")
    logs = door.host.run("docker logs gpuhost-gateway 2>&1")
    assert '"logger":"http.log.error' in logs
    assert key not in logs


def test_a_user_has_what_this_user_may_use(door: Door) -> None:
    assert door.get(f"{door.site('ollama')}/api/version", headers=door.key("bob")).status_code == 200
    assert door.get(f"{door.site('jupyter')}/api", headers=door.key("bob")).status_code == 403


def test_guessing_is_slowed_down_and_the_others_go_on(door: Door) -> None:
    guess = {"auth": ("bob", "guess")}
    said = [door.get(f"{door.site('ollama')}/api/version", **guess).status_code for _ in range(4)]
    assert said[0] == 401
    assert said[-1] == 429
    right = ("bob", door.secrets["bob.password"])
    assert door.get(f"{door.site('ollama')}/api/version", auth=right).status_code == 429
    assert door.get(f"{door.site('ollama')}/api/version", headers=door.key("bob")).status_code == 200
    door.log_in("alice")


def test_tokens_come_one_by_one_through_the_door(door: Door) -> None:
    """The real client of Ollama. The lab's model is quick: that parts come apart has to show in one answer of several."""
    import ollama

    shown = {"Authorization": f"Bearer {door.secrets['alice.key']}"}
    client = ollama.Client(door.site("ollama"), headers=shown, verify=str(door.ca))
    bursts = []
    for number in range(8):
        came, done = [], []
        for part in client.generate(names.MODEL, f"Count from {number}:", stream=True, options={"num_predict": 64}):
            came.append(time.monotonic())
            done.append(part.done)
        assert done[-1]
        assert len(came) > 5
        bursts.append(1 + sum(after - before > 0.002 for before, after in pairwise(came)))
    # What is held back until the end comes in one burst, every time.
    assert max(bursts) >= 3, bursts


def test_llama_cpp_answers_the_client_of_openai_word_by_word(door: Door) -> None:
    """The user's key, and not that of llama.cpp, which the gateway shows in its place."""
    import openai

    def client(key: str) -> openai.OpenAI:
        web = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=str(door.ca)))
        return openai.OpenAI(base_url=f"{door.site('llamacpp')}/v1", api_key=key, http_client=web, max_retries=0)

    known = client(door.secrets["alice.key"])
    model = known.models.list().data[0].id
    question: Any = [{"role": "user", "content": "Name three colours."}]
    parts = [part.choices[0].delta.content for part in known.chat.completions.create(
        model=model, messages=question, max_tokens=32, stream=True
    )]  # fmt: skip
    assert len([part for part in parts if part]) > 5, parts
    with pytest.raises(openai.AuthenticationError):
        client(door.host.run("cat /etc/gpuhost/secrets/llamacpp/api_key").strip()).models.list()
    for path in ("/slots", "/props", "/lora-adapters", "/metrics"):
        assert door.get(f"{door.site('llamacpp')}{path}", headers=door.key()).status_code == 403, path


def test_a_document_goes_up_to_anythingllm_as_its_api_documents(door: Door) -> None:
    """A person's login at the gateway, and AnythingLLM's own behind it; then a program with the keys of both."""
    base = door.site("anythingllm")
    person = door.log_in()
    settings = door.host.run("cat /srv/gpuhost/anythingllm/.env")
    password = re.search(r"^AUTH_TOKEN=['\"]?([^'\"\n]+)", settings, re.MULTILINE)
    assert password
    own = {"Origin": base}
    token = person.post(f"{base}/api/request-token", json={"password": password[1]}, headers=own, timeout=30).json()["token"]
    own["Authorization"] = f"Bearer {token}"
    key = person.post(f"{base}/api/system/generate-api-key", json={}, headers=own, timeout=30).json()["apiKey"]["secret"]
    text = f"The door is green. {time.time()}"

    def upload(shown: dict[str, str]) -> requests.Response:
        file = {"file": ("plan.txt", text)}
        return requests.post(f"{base}/api/v1/document/upload", files=file, headers=shown, verify=str(door.ca), timeout=60)

    came = upload({**door.key(), "Authorization": f"Bearer {key}"})
    assert came.json()["success"], came.text
    kept = f"/srv/gpuhost/anythingllm/documents/{came.json()['documents'][0]['location']}"
    assert json.loads(door.host.run(f"cat '{kept}'"))["pageContent"] == text
    assert upload(door.key()).status_code == 403
    assert upload({"Authorization": f"Bearer {key}"}).status_code == 401


def test_a_program_that_shows_nothing_or_another_key_gets_nothing(door: Door) -> None:
    import ollama

    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(ollama.ResponseError, match="log in first"):
            ollama.Client(door.site("ollama"), headers=headers, verify=str(door.ca)).list()


def test_a_kernel_answers_over_a_websocket_through_the_door(door: Door) -> None:
    """As VS Code connects: the key in the address, and no cookie."""
    key = door.secrets["alice.key"]
    base = door.site("jupyter")
    kernel = requests.post(f"{base}/api/kernels", headers={"Authorization": f"token {key}"}, verify=str(door.ca), timeout=60)
    assert kernel.status_code == 201, kernel.text
    where = urlsplit(base)
    plain = socket.create_connection((door.ipv4, where.port), timeout=30)
    context = ssl.create_default_context(cafile=str(door.ca))
    with plain, context.wrap_socket(plain, server_hostname=where.hostname) as line:
        path = f"/api/kernels/{kernel.json()['id']}/channels?token={key}"
        asked = {"Host": where.netloc, "Origin": base, "Upgrade": "websocket", "Connection": "Upgrade"}
        asked |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA=="}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
        line.sendall("\r\n".join(lines).encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 101")
    foreign = http.client.HTTPSConnection(door.ipv4, where.port, context=context, timeout=30)
    foreign.request("GET", path, headers={"Origin": "https://evil.example", "Upgrade": "websocket", "Connection": "Upgrade"})
    assert foreign.getresponse().status == 403


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_front_page_shows_what_there_is_and_fits(door: Door, tmp_path: Path, width: int, scheme: str) -> None:
    with trusting(door.ca, tmp_path, viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(door.home)
        log_in(page, door.home, "alice", door.secrets["alice.password"])
        page.wait_for_selector("[data-service=jupyter] .state.healthy")
        assert "SIMULATED" in page.inner_text("body")
        assert "STAND-IN" in page.inner_text("[data-service=ollama]")
        assert page.get_attribute("[data-service=jupyter] a", "href") == f"{door.site('jupyter')}/"
        fingerprint = door.host.run(f"openssl x509 -in {CA} -noout -fingerprint -sha256").strip().rpartition("=")[2]
        assert page.text_content("#fingerprint") == fingerprint
        page.click("summary:has-text('Your key')")
        page.click("text=Show my key")
        page.wait_for_selector("#shown-key:not(:empty)")
        assert page.text_content("#shown-key") == door.secrets["alice.key"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
        assert problems == []
        page.screenshot(path=str(shots() / f"gateway-{width}-{scheme}.png"), full_page=True)


def shots() -> Path:
    """Where screenshots are left for a person to look at."""
    folder = ROOT / "reports" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_person_logs_in_and_runs_a_notebook_cell(door: Door, tmp_path: Path) -> None:
    """From the address of JupyterLab over the login back to it, and a kernel that computes over its WebSocket."""
    with trusting(door.ca, tmp_path, viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{door.site('jupyter')}/lab?reset")
        assert page.url.startswith(f"{door.home}/login?next=")
        log_in(page, door.home, "alice", door.secrets["alice.password"])
        assert page.url.startswith(door.site("jupyter"))
        page.click(".jp-LauncherCard[title*='Python 3'] >> nth=0")
        # A kernel that is not there yet forgets what it is asked.
        page.wait_for_selector("text=/Python 3.*Idle/")
        page.click(".jp-Notebook .jp-Cell .cm-content")
        page.keyboard.type("print(6 * 7, 'by a kernel')")
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".jp-OutputArea-output:has-text('42 by a kernel')")


#: What the newest answer on Open WebUI's page has grown to, each time that it grew.
WATCH = """() => {
    window.grown = [];
    new MutationObserver(() => {
        const said = [...document.querySelectorAll("#response-content-container")].at(-1);
        const length = said ? said.textContent.trim().length : 0;
        if (length > (window.grown.at(-1) ?? 0)) window.grown.push(length);
    }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
#: As Open WebUI's own pages ask its API (release 0.12.4: src/lib/apis).
ASK = """async ([path, body]) => {
    const headers = {Authorization: `Bearer ${localStorage.token}`, "Content-Type": "application/json"};
    const asked = body ? {method: "POST", headers, body: JSON.stringify(body)} : {headers};
    const answer = await fetch(path, asked);
    if (!answer.ok) throw new Error(`${path}: HTTP ${answer.status}: ${await answer.text()}`);
    return await answer.json();
}"""
#: A short answer, and no questions to the model but the one of the test; nor news of the release over the page.
QUIET = {
    "params": {"max_tokens": 128},
    "title": {"auto": False},
    "autoTags": False,
    "autoFollowUps": False,
    "showChangelog": False,
}


def test_a_person_chats_in_open_webui_with_llama_cpp_word_by_word(door: Door, tmp_path: Path) -> None:
    """The login at the door, then Open WebUI's own; the answer comes over its WebSocket and grows on the page."""
    base, frames = door.site("openwebui"), list[str]()

    def listen(line: Any) -> None:
        line.on(
            "framereceived", lambda said: frames.append(said if isinstance(said, str) else said.decode("utf-8", "replace"))
        )

    with trusting(door.ca, tmp_path, viewport={"width": 1280, "height": 900}) as page:
        page.on("websocket", listen)
        page.goto(base)
        assert page.url.startswith(f"{door.home}/login?next=")
        log_in(page, door.home, "alice", door.secrets["alice.password"])
        log_in_to_open_webui(page, door)
        page.evaluate(ASK, ["/api/v1/users/user/settings/update", {"ui": QUIET}])
        listed = page.evaluate(ASK, ["/api/models", None])["data"]
        (model,) = [one["id"] for one in listed if one["owned_by"] == "openai"]
        page.goto(f"{base}/?model={quote(model, safe='')}")
        page.wait_for_selector("#chat-input")
        page.evaluate(WATCH)
        page.click("#chat-input")
        page.keyboard.type("Name three colours.")
        page.click("#send-message-button")
        complete = _until_complete(page, frames)
        page.wait_for_function("window.grown.length > 0")
        parts = [said for said in frames if "response.output_text.delta" in said]
        assert len(parts) > 5, frames
        assert len(page.evaluate("window.grown")) > 1, (page.evaluate("window.grown"), complete)
        page.screenshot(path=str(shots() / "gateway-open-webui.png"))


#: The last event of an answer (backend/open_webui/utils/middleware.py).
COMPLETE = re.compile(r'chat:completion.*"done":\s*true', re.DOTALL)


def _until_complete(page: Any, frames: list[str]) -> str:
    """The event that ends the answer."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if done := next((said for said in frames if COMPLETE.search(said)), None):
            return done
        page.wait_for_timeout(100)  # events are told of meanwhile
    raise AssertionError(f"no end of an answer within two minutes: {frames[-5:]}; {page.inner_text('body')[-500:]}")


def log_in_to_open_webui(page: Any, door: Door) -> None:
    """As the administrator who was made before the port opened."""
    settings = door.host.run("cat /srv/gpuhost/openwebui/.env")
    known = dict(re.findall(r"^(WEBUI_ADMIN_\w+)=['\"]?([^'\"\n]+)", settings, re.MULTILINE))
    page.fill("#email", known["WEBUI_ADMIN_EMAIL"])
    page.fill("#password", known["WEBUI_ADMIN_PASSWORD"])
    page.press("#password", "Enter")
    page.wait_for_function("localStorage.token")
    page.wait_for_selector("#chat-input")


def test_a_wrong_password_is_told_on_the_page(door: Door, tmp_path: Path) -> None:
    with trusting(door.ca, tmp_path) as page:
        page.goto(door.home)
        page.fill("#id_username", "nobody")
        page.fill("#id_password", "guess")
        page.click("button[type=submit]")
        page.wait_for_selector("[role=alert]:has-text('Name or password is wrong')")


def test_every_container_is_confined(door: Door) -> None:
    containers = door.host.run("docker ps --format '{{.Names}}'").split()
    assert {"gpuhost-gateway", "gpuhost-gateway-login", "gpuhost-jupyter", "gpuhost-ollama"} <= set(containers)
    for name in containers:
        seen = json.loads(door.host.run(f"docker inspect {name}"))[0]
        host, state = seen["HostConfig"], door.host.run(f"cat /proc/$(docker inspect -f '{{{{.State.Pid}}}}' {name})/status")
        facts = dict(line.split(":\t", 1) for line in state.splitlines() if ":\t" in line)
        assert not host["Privileged"], name
        assert not host["CapAdd"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not [one for one in host["SecurityOpt"] or [] if "unconfined" in one], name
        assert host["NetworkMode"] not in ("host", "none"), name
        assert "docker.sock" not in json.dumps(seen["Mounts"]), name
        assert facts["Uid"].split()[0] != "0", name
        assert int(facts["CapBnd"], 16) == int(facts["CapEff"], 16) == 0, name
        assert (facts["Seccomp"], facts["NoNewPrivs"]) == ("2", "1"), name


REFUSED = re.compile(r"not permitted|denied|must be superuser|No such|read-only", re.IGNORECASE)


@pytest.mark.parametrize(
    "attempt",
    [
        "unshare --user true",
        "unshare --mount true",
        "unshare --net true",
        "mount -t tmpfs none /tmp",
        "mount --bind /etc /tmp",
        "mknod /tmp/disk b 8 0",
        "chroot / true",
        "cat /dev/mem",
        "sh -c 'echo x > /proc/sys/kernel/core_pattern'",
    ],
)
def test_what_would_lead_out_of_a_container_is_refused_in_each(door: Door, attempt: str) -> None:
    for name in door.host.run("docker ps --format '{{.Names}}'").split():
        done = door.host.run(f"docker exec {name} {attempt} > /tmp/said 2>&1; echo $?; cat /tmp/said").split("\n", 1)
        assert done[0] not in ("0", "127"), (name, attempt, done[1])
        assert REFUSED.search(done[1]), (name, attempt, done[1])


def test_no_container_has_a_device_that_is_not_planned_for_it(door: Door) -> None:
    for name in door.host.run("docker ps --format '{{.Names}}'").split():
        planned = json.loads(door.host.run(f"docker inspect -f '{{{{json .HostConfig.Devices}}}}' {name}")) or []
        nodes = door.host.run(f"docker exec {name} sh -c 'ls /dev; ls /dev/dri 2>/dev/null; true'").split()
        found = {node for node in nodes if node == "kfd" or node.startswith(("renderD", "card"))}
        assert found == {one["PathOnHost"].rsplit("/", 1)[-1] for one in planned}, name


def test_a_root_file_system_can_be_written_only_where_the_image_needs_it(door: Door) -> None:
    read_only = {
        name
        for name in door.host.run("docker ps --format '{{.Names}}'").split()
        if door.host.run(f"docker inspect -f '{{{{.HostConfig.ReadonlyRootfs}}}}' {name}").strip() == "true"
    }
    assert {"gpuhost-gateway", "gpuhost-gateway-login", "gpuhost-ollama"} <= read_only


def test_the_tunnel_leads_to_every_service_and_ends_with_ctrl_c(door: Door) -> None:
    command = [str(ROOT / "gpuhost"), "services", "--tunnel", "--site", SITE, "--host", door.host.name, "--json"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 8888))
        taken.listen()
        pipe = subprocess.PIPE
        # As on a terminal, also where these tests run in the background: there Ctrl-C is ignored, and that is inherited.
        tunnel = subprocess.Popen(
            command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        try:
            assert tunnel.stdout is not None
            text = ""
            while not text.rstrip().endswith("\n}") and tunnel.poll() is None:
                text += tunnel.stdout.readline()
            urls = {one["service"]: one["url"] for one in json.loads(text)["forwards"]}
            assert urls["jupyter"] != "http://127.0.0.1:8888"
            assert requests.get(f"{urls['jupyter']}/api", timeout=30).json()["version"]
            assert requests.get(f"{urls['ollama']}/api/version", timeout=30).json()["version"]
            child = subprocess.run(
                ["pgrep", "-P", str(tunnel.pid), "-f", "ExitOnForwardFailure"], capture_output=True, text=True
            ).stdout.split()
            assert child
        finally:
            os.kill(tunnel.pid, signal.SIGINT)
            tunnel.wait(timeout=30)
    assert tunnel.returncode == 0
    assert not Path(f"/proc/{child[0]}").exists()
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(urls["jupyter"], timeout=5)


def test_the_door_is_there_again_after_a_reboot_with_the_same_authority(door: Door) -> None:
    door.host.docker("restart")
    healthy = "docker inspect -f '{{.State.Health.Status}}' gpuhost-gateway | grep -q ^healthy"
    door.host.run(f"for i in $(seq 60); do {healthy} && exit; sleep 1; done; false")
    assert door.get(f"{door.home}/ca.crt").text.strip() == door.ca.read_text().strip()
    assert door.get(f"{door.site('ollama')}/api/version", headers=door.key()).status_code == 200
    assert "table inet gpuhost" in door.host.run("nft list tables").splitlines()


def test_a_closed_door_leaves_nothing_but_its_authority(door: Door, outsider: Outsider) -> None:
    """The last one: the host is then as the tests found it."""
    closed = door.close()
    assert closed is not None
    assert closed.code == 0, closed.text
    assert outsider.open_ports(door.ipv4) == [22]
    assert not network.has_ipv6() or outsider.open_ports(door.ipv6) == [22]
    left = door.host.run("docker ps -a --format '{{.Names}}'; docker network ls --format '{{.Name}}'")
    assert "gpuhost-gateway" not in left
    assert not door.host.run("ls /etc/gpuhost/gateway /etc/systemd/system/gpuhost-gateway* 2>/dev/null", check=False)
    assert door.host.run(f"cat {CA}") == door.ca.read_text()
