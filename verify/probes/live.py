"""Figures of AMD's GPUs that change from moment to moment, from sysfs: every card and APU, without ROCm.

Names and units of the files: Linux `Documentation/gpu/amdgpu/thermal.rst` and `driver-misc.rst`,
`Documentation/hwmon/sysfs-interface.rst`. A card has some of them; what it does not have is None.
"""

from __future__ import annotations

from typing import Any

from ..parsers import gpu_metrics, pp_dpm
from .gpus import AMD, CLASSES, PCI, pci_id
from .host import Host, simulated_part

#: Millidegrees outside of this are no temperature: a sensor that is off.
SANE = range(-40_000, 150_000)


class LiveGpu:
    """One GPU; where its files are is found once."""

    def __init__(self, host: Host, pci: str) -> None:
        self.host, self.pci = host, pci
        self.folder = host.real(f"{PCI}/{pci}")
        driver = host.link(f"{PCI}/{pci}/driver")
        self.driver = driver.rsplit("/", 1)[-1] if driver else None
        self.hwmon = next(host.glob(f"{self.folder}/hwmon/hwmon*"), None)
        self.sensors = {kind: self._labels(kind) for kind in ("temp", "freq")}
        # The limits are the driver's own numbers: reading them wakes nothing.
        limits = {name: self._celsius(path.replace("_input", "_crit")) for name, path in self.sensors["temp"].items()}
        self.head = {
            "pci": pci,
            "device_id": pci_id(host, pci, "device"),
            "revision": pci_id(host, pci, "revision"),
            "driver": self.driver,
            "simulated": host.simulated,
            "temperature_limits": {name: celsius for name, celsius in limits.items() if celsius},
        }

    def _labels(self, kind: str) -> dict[str, str]:
        """What each sensor of a kind measures -> its file. An old kernel labels none: the first is then `edge`, `sclk`."""
        inputs = list(self.host.glob(f"{self.hwmon}/{kind}?_input")) if self.hwmon else []
        usual = {"temp": ("edge", "junction", "mem"), "freq": ("sclk", "mclk")}[kind]
        names = [self.host.word(path.replace("_input", "_label")) or usual[n] for n, path in enumerate(inputs[: len(usual)])]
        return dict(zip(names, inputs))

    def look(self) -> dict[str, Any]:
        """Everything of now. A GPU that sleeps is let sleep: reading its sensors would wake it (kernels before 6.14)."""
        asleep = self.host.word(f"{self.folder}/power/runtime_status") == "suspended"
        return {**self.head, "asleep": asleep, **self._memory(), **({} if asleep else self._sensors())}

    def _memory(self) -> dict[str, int | None]:
        files = {f"{bank}_{part}_bytes": f"mem_info_{bank}_{part}" for bank in ("vram", "gtt") for part in ("used", "total")}
        return {ours: self._number(name) for ours, name in files.items()}

    def _sensors(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "load_percent": self._number("gpu_busy_percent"),
            "memory_load_percent": self._number("mem_busy_percent"),
            "temperatures": {
                name: t for name, path in self.sensors["temp"].items() if (t := self._celsius(path)) is not None
            },
            "power_w": self._watts("power1_average", "power1_input"),
            "power_cap_w": self._watts("power1_cap"),
            "core_mhz": self._clock("sclk"),
            "memory_mhz": self._clock("mclk"),
            "fan_rpm": self._hwmon("fan1_input"),
            "fan_percent": self._fan(),
        }
        return self._completed(found)

    def _completed(self, found: dict[str, Any]) -> dict[str, Any]:
        """With what the firmware's table says where no file did; it is read only then."""
        wanted = ("load_percent", "power_w")
        if self.driver != "amdgpu" or (found["temperatures"] and all(found[name] is not None for name in wanted)):
            return found
        table = gpu_metrics.parse(self.host.content(f"{self.folder}/gpu_metrics") or b"")
        temperatures = {name: float(table[name]) for name in ("edge", "junction", "mem") if name in table}
        further = {name: table.get(name) for name in (*wanted, "memory_load_percent") if found[name] is None}
        return {**found, **further, "temperatures": {**temperatures, **found["temperatures"]}}

    def _number(self, name: str) -> int | None:
        return self.host.number(f"{self.folder}/{name}")

    def _hwmon(self, name: str) -> int | None:
        return self.host.number(f"{self.hwmon}/{name}") if self.hwmon else None

    def _celsius(self, path: str) -> float | None:
        said = self.host.number(path)
        return said / 1000 if said is not None and said in SANE else None

    def _watts(self, *names: str) -> float | None:
        """The first of these files that says something; they count microwatts."""
        said = next((value for name in names if (value := self._hwmon(name)) is not None), None)
        return round(said / 1e6, 1) if said is not None else None

    def _clock(self, name: str) -> int | None:
        """MHz: what the sensor measures, else the level that was chosen."""
        path = self.sensors["freq"].get(name)
        hertz = self.host.number(path) if path else None
        if hertz is not None:
            return round(hertz / 1e6)
        return pp_dpm.parse(self.host.word(f"{self.folder}/pp_dpm_{name}") or "")["mhz"]

    def _fan(self) -> int | None:
        """Per cent of the fan's width of pulses, which counts to 255."""
        said = self._hwmon("pwm1")
        return round(said / 2.55) if said is not None else None


def live_gpus(host: Host) -> list[LiveGpu]:
    """AMD's GPUs by PCI address; those of the simulated tree where there is one."""
    part = simulated_part(host)
    own = [pci for pci in part.names(PCI) if pci_id(part, pci, "vendor") == AMD]
    return [LiveGpu(part, pci) for pci in own if pci_id(part, pci, "class")[:2] in CLASSES]
