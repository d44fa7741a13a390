"""The two containers of the gateway: the proxy, and the service that knows who may pass it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from control.planner import gatewayusers
from control.planner import images as service_images
from control.planner.containers import LABEL, PREFIX_OF_NAMES, literal, secret_path
from control.planner.model import Context
from control.planner.sources import python_index
from verify import places

if TYPE_CHECKING:
    from control.rows import Image

#: Rows of support/images.yml.
PROXY, LOGIN = "gateway", "gateway-login"
#: Users of the containers; nobody on the host has these numbers.
PROXY_USER, LOGIN_USER = 8443, 8444
#: Where the login service listens, inside of its network.
LOGIN_ADDRESS = "gateway-login:8000"
STATE = places.GATEWAY_STATE.rpartition("/")[0]
#: Inside of the proxy: what the engine asks.
HEALTH_PORT = 8099


def data_folder(ctx: Context) -> str:
    """Where certificates and sessions are kept."""
    return f"{str(ctx.wishes['services_data_root']).rstrip('/')}/gateway"


def images(ctx: Context) -> list[dict[str, Any]]:
    """What is pulled, and what is built on it."""
    found = []
    for row in (ctx.table.image(LOGIN), ctx.table.image(PROXY)):
        base = service_images.reference(ctx, _base(ctx, row))
        found.append({"name": base, "service": row.id, "pull": True})
        arguments = {"BASE": base} | ({"PIP_INDEX_URL": python_index(ctx)} if row.id == LOGIN else {})
        assert row.built is not None  # a row of the catalogue of images that gpuhost builds
        build = {"context": row.built.context, "args": arguments}
        found.append({"name": reference(ctx, row), "service": row.id, "build": build})
    return found


def _base(ctx: Context, row: Image) -> Image:
    assert row.built is not None  # see above
    return ctx.table.image(row.built.cpu_base)


def reference(ctx: Context, row: Image) -> str:
    return f"{row.image}:{_base(ctx, row).tag}"


def containers(ctx: Context, part: dict[str, Any]) -> list[dict[str, Any]]:
    """The login service first: the proxy is healthy when it reaches it."""
    return [_login(ctx, part), _proxy(ctx, part)]


def _login(ctx: Context, part: dict[str, Any]) -> dict[str, Any]:
    owner = {"uid": LOGIN_USER, "gid": LOGIN_USER}
    key = {**secret(gatewayusers.SESSION_KEY.name, gatewayusers.SESSION_KEY.length), **owner}
    return {
        **_common(gatewayusers.SERVICE, LOGIN, reference(ctx, ctx.table.image(LOGIN)), LOGIN_USER),
        "networks": [{"name": part["network"], "aliases": [LOGIN]}],
        "ports": [],
        "folders": [{"path": f"{data_folder(ctx)}/login", **owner, "mode": "0700"}],
        "mounts": [
            {"source": f"{places.GATEWAY}/login", "target": "/config", "read_only": True},
            {"source": STATE, "target": "/state", "read_only": True},
            {"source": key["path"], "target": "/run/secrets/session_key", "read_only": True},
            {"source": f"{data_folder(ctx)}/login", "target": "/data", "read_only": False},
        ],
        # Passwords and keys are root's: the login service has hashes, in a file of its own.
        "secrets": [key, *(secret(name) for name in gatewayusers.secret_names(part["users"]))],
        "healthcheck": _healthcheck(
            ["CMD", "python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=5)"]
        ),
        "memory": "512M",
    }


def secret(name: str, length: int = 32) -> dict[str, Any]:
    """A secret of the gateway, in a file of root's."""
    path = secret_path(gatewayusers.SERVICE, name)
    return {"name": name, "path": path, "length": length, "encrypts": False, "uid": 0, "gid": 0, "mode": "0400"}


def _proxy(ctx: Context, part: dict[str, Any]) -> dict[str, Any]:
    owner = {"uid": PROXY_USER, "gid": PROXY_USER}
    published = [f"{literal(bind)}:{port}:{port}" for port in part["ports"] for bind in part["bind"]]
    return {
        **_common("gateway-proxy", PROXY, reference(ctx, ctx.table.image(PROXY)), PROXY_USER),
        "networks": [
            {"name": ctx.parts["services"]["network"], "aliases": [PROXY]},
            {"name": part["network"], "aliases": [PROXY]},
        ],
        "ports": published,
        "folders": [{"path": f"{data_folder(ctx)}/caddy", **owner, "mode": "0700"}],
        "mounts": [
            {"source": f"{places.GATEWAY}/caddy", "target": "/etc/caddy", "read_only": True},
            {"source": f"{data_folder(ctx)}/caddy", "target": "/data", "read_only": False},
        ],
        "secrets": [],
        "healthcheck": _healthcheck(["CMD-SHELL", f"wget -q -O - http://127.0.0.1:{HEALTH_PORT}/ | grep -q ok"]),
        "memory": "512M",
    }


def _common(service: str, name: str, image: str, user: int) -> dict[str, Any]:
    """:param service: what its secrets stand under; the login service's are the gateway's."""
    return {
        "name": f"{PREFIX_OF_NAMES}{name}",
        "service": service,
        "image": image,
        "command": [],
        "user": f"{user}:{user}",
        "units": [],
        "env": {},
        "env_file": None,
        "devices": [],
        "groups": [],
        "cap_drop": ["ALL"],
        "cap_add": [],
        "seccomp": None,
        "security_opts": ["no-new-privileges:true"],
        "read_only": True,
        "tmpfs": ["/tmp"],
        "pids_limit": 256,
        "shm_size": None,
        "restart_policy": "unless-stopped",
        "labels": {LABEL: name},
        "override": None,
        "model_file": None,
    }


def _healthcheck(test: list[str]) -> dict[str, Any]:
    return {"test": test, "interval": "5s", "timeout": "10s", "retries": 6, "start_period": "60s"}
