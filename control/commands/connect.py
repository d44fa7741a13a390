"""How people get at JupyterLab: with a browser, and with VS Code's *existing Jupyter server*."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from control.commands import gateway_shown

#: The service, by its id in the catalogue.
SERVICE = "jupyter"
#: Ids on the Visual Studio Marketplace: Python, its notebooks and their renderers, and work on the host itself over SSH.
EXTENSIONS = (
    "ms-python.python",
    "ms-toolsai.jupyter",
    "ms-toolsai.jupyter-keymap",
    "ms-toolsai.jupyter-renderers",
    "ms-vscode-remote.remote-ssh",
)


def ways(host: str, made: Mapping[str, Any]) -> dict[str, Any] | None:
    """Addresses for one host, and how to come by the token; None where it runs no JupyterLab. No secret is in it."""
    containers = made.get("roles", {}).get("services", {}).get("containers", [])
    found = next((one for one in containers if one["service"] == SERVICE), None)
    if found is None or not found["ports"]:
        return None
    address = found["ports"][0].rpartition(":")[0]
    port = address.rpartition(":")[2]
    door = gateway_shown.address(made, SERVICE)
    return {
        "browser": f"http://{address}/lab",
        "vscode": f"http://{address}/",
        "token": f"./gpuhost services secrets {host}",
        # Through the gateway the key of one of its users takes the place of JupyterLab's own token.
        **({"gateway": {"browser": f"{door}/lab", "vscode": f"{door}/?token=KEY"}} if door else {}),
        "ssh": f"ssh -N -L {port}:{address} {host}",
        "extensions": list(EXTENSIONS),
    }


def show(out: Console, host: str, found: Mapping[str, Any]) -> None:
    """The same for a person, each line to be copied."""
    door = found.get("gateway")
    rows = (
        *(
            (("from the network", door["browser"]), ("VS Code there", f"{door['vscode']}  (the key of a user)"))
            if door
            else ()
        ),
        ("browser", found["browser"]),
        ("VS Code", f"{found['vscode']}  (Select Kernel > Existing Jupyter Server…)"),
        ("token", found["token"]),
        ("from elsewhere", found["ssh"]),
        ("extensions", " ".join(f"--install-extension {one}" for one in found["extensions"])),
    )
    out.print(f"\n[bold]JupyterLab on {escape(host)}[/]")
    for name, text in rows:
        command = f"code {text}" if name == "extensions" else text
        out.print(f"  [dim]{name:<16}[/] {escape(command)}", soft_wrap=True)
