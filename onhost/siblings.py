"""The parts of :mod:`verify` that are needed here, found inside an Ansible module as well as in a folder."""

from __future__ import annotations

try:
    from ansible.module_utils.verify import engine, model_names, model_store, openwebui, places, scratch_apt
except ImportError:
    from verify import engine, model_names, model_store, openwebui, places, scratch_apt

Engine = engine.Engine
EngineError = engine.EngineError

__all__ = ["Engine", "EngineError", "engine", "model_names", "model_store", "openwebui", "places", "scratch_apt"]
