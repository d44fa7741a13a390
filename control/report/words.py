"""What the things of a report are called."""

from __future__ import annotations

from typing import NamedTuple

#: The areas of the checks; the first part of a result's id.
AREAS = {
    "system": "System",
    "access": "Device access",
    "driver": "Driver",
    "health": "Health of the cards",
    "rocm": "ROCm tools",
    "containers": "Containers",
    "units": "Services on the host",
    "services": "Services",
    "models": "Models",
    "exposure": "Open to the network",
    "gateway": "Gateway",
    "wiring": "Wiring",
    "generate": "Ollama at work",
    "torch": "PyTorch",
    "speed": "Speed of Ollama",
    "correctness": "Right numbers",
    "memory": "GPU memory",
    "rate": "Rates",
    "peers": "Between GPUs",
    "burn": "Endurance",
}

#: :mod:`verify.facts`; those of one kind are called by what comes before their first dot.
FACTS = {
    "system": "System",
    "kernel": "Kernel",
    "parameters": "Kernel parameters",
    "driver": "GPU driver",
    "driver_package": "Driver package",
    "firmware": "GPU firmware",
    "rocm": "ROCm",
    "engine": "Docker Engine",
    "cpu": "Processor",
    "memory": "Memory",
    "gpus": "Number of AMD GPUs",
    "simulated": "Its GPU is",
    "gpu": "GPU",
    "torch": "PyTorch",
    "image": "Image of",
    "version": "Version of",
}

RATES = {
    "memory": "Copies in its own memory",
    "to_device": "Transfers to the device",
    "from_device": "Transfers from the device",
    "launch": "Launches of small kernels",
    "all_reduce": "All-reduce over all GPUs",
    "copies": "Copies to other GPUs",
    "tokens": "Tokens generated",
    "prompt": "Tokens of a prompt read",
    "endurance": "Products under lasting load",
}


class Measured(NamedTuple):
    """A rate's id taken apart: ``rate.host.gpu0.memory``. ``device`` is empty where the id names none."""

    area: str
    place: str
    device: str
    name: str

    @property
    def heading(self) -> str:
        """What was measured: ``Products in float16``."""
        if self.name.startswith("gemm_"):
            return f"Products in {self.name.removeprefix('gemm_')}"
        plain = self.name.replace("_", " ").replace(".", " ")
        return RATES.get(self.name) or f"{plain[:1].upper()}{plain[1:]}"


def measured(id: str) -> Measured:
    """The parts of a rate's id."""
    area, _, rest = id.partition(".")
    place, _, rest = rest.partition(".")
    device, _, name = rest.partition(".")
    return Measured(area, place, device, name) if name else Measured(area, place, "", device)


def place(name: str) -> str:
    """``on the host``, ``in gpuhost-jupyter``."""
    return "on the host" if name == "host" else f"in {name}"


def fact(id: str) -> str:
    """What a fact is called: ``Kernel``, ``Image of ollama``, ``PyTorch in gpuhost-jupyter``."""
    kind, _, which = id.partition(".")
    return f"{FACTS.get(kind, kind)} {place(which) if kind == 'torch' else which}".strip()
