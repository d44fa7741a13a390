"""How JupyterLab runs in the container. The token is read from a file, so it is in no argument, address or log."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821 - put there by traitlets, which runs this file

SHORTEST = 16  # characters; Jupyter takes an empty token as "no login at all"

try:
    token = Path(os.environ["JUPYTER_TOKEN_FILE"]).read_text(encoding="utf-8").strip()
except (KeyError, OSError, UnicodeDecodeError) as problem:
    sys.exit(f"JUPYTER_TOKEN_FILE must name a file that user {os.getuid()} may read: {problem!r}")
if len(token) < SHORTEST:
    sys.exit(f"the token in JUPYTER_TOKEN_FILE has {len(token)} characters; it must have at least {SHORTEST}")

c.IdentityProvider.token = token
c.ServerApp.ip = "0.0.0.0"  # of the container; what the host publishes is the host's matter
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0  # another port would be one that nobody published
c.ServerApp.open_browser = False
c.ServerApp.contents_manager_class = "gpuhost_files.LimitedFiles"
c.FileContentsManager.delete_to_trash = False  # there is no trash on the other side of a mount
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
c.LabApp.extension_manager = "readonly"  # this user cannot write into the environment
