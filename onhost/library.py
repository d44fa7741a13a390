"""The code that long steps run, put on the host as plain files."""

from __future__ import annotations

import sys
from types import ModuleType

from . import (
    apt_locks,
    apt_output,
    apt_work,
    boot_space,
    clock,
    dkms,
    dkms_build,
    dpkg,
    driver_package,
    files,
    finding,
    image_reference,
    kernel_hook,
    kernel_records,
    kinds,
    model_check,
    model_copy,
    model_records,
    model_server,
    ollama,
    paths,
    process,
    report,
    requirements,
    runner,
    siblings,
    step_apt,
    step_archive,
    step_build,
    step_dkms,
    step_model,
    step_pip,
    step_pull,
    venvs,
)

# Ansible packs only what is imported: each module that a unit needs stands in this list.
MODULES: tuple[ModuleType, ...] = (
    sys.modules[__package__],
    apt_locks,
    apt_output,
    apt_work,
    boot_space,
    clock,
    dkms,
    dkms_build,
    dpkg,
    driver_package,
    files,
    finding,
    image_reference,
    kernel_hook,
    kernel_records,
    kinds,
    model_check,
    model_copy,
    model_records,
    model_server,
    ollama,
    paths,
    process,
    report,
    requirements,
    runner,
    siblings,
    step_apt,
    step_archive,
    step_build,
    step_dkms,
    step_model,
    step_pip,
    step_pull,
    venvs,
    siblings.engine,
    siblings.model_names,
    siblings.model_store,
    siblings.openwebui,
    siblings.places,
    siblings.scratch_apt,
    sys.modules[siblings.engine.__package__],
)


def install() -> None:
    """The library's folder holds the modules of :data:`MODULES` as they are here."""
    for module in MODULES:
        path = paths.library() / _file_of(module)
        data = source(module)
        if not path.is_file() or path.read_bytes() != data:
            files.write(path, data, mode=0o644)


def source(module: ModuleType) -> bytes:
    """The text of a module, also when it was imported out of the archive that Ansible sends."""
    loader = module.__spec__.loader if module.__spec__ else None
    text = loader.get_source(module.__name__) if loader and hasattr(loader, "get_source") else None
    if text is None:
        raise OSError(f"the source of {module.__name__} is not to be had from {loader!r}")
    return str(text).encode()


def _file_of(module: ModuleType) -> str:
    """``onhost/steps.py`` for ``onhost.steps`` and for ``ansible.module_utils.onhost.steps``."""
    name = module.__name__
    prefix = "ansible.module_utils."
    short = (name[len(prefix) :] if name.startswith(prefix) else name).replace(".", "/")
    return f"{short}/__init__.py" if hasattr(module, "__path__") else f"{short}.py"
