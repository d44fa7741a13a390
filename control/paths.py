"""Where things are in this repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROLES_DIR = ROOT / "roles"
INVENTORY_DIR = ROOT / "inventory"
COMMON_INVENTORY = INVENTORY_DIR / "common"
PLAYBOOKS_DIR = ROOT / "playbooks"
REPORTS_DIR = ROOT / "reports"
