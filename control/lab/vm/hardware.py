"""The machine that QEMU is told to be. Pure: command lines, and files by their names in the machine's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from control.lab import digest
from control.lab.vm import sockets
from control.lab.vm.tools import EMULATOR, FIRMWARE

DISK = "disk.qcow2"
#: The firmware's variables: boot entries, Secure Boot's keys and the machine owner's.
VARIABLES = "efivars.fd"
MEMORY = "memory.zst"
CONSOLE = "console.log"
PID = "qemu.pid"
LINK = "nic0"
_CPUS = 2
#: Without nested virtualisation, whose modules would load for nothing, and with the page tables that servers have.
_CPU = {"kvm": "host", "tcg": "max,-svm,-la57"}
_ACCELERATOR = {"kvm": "kvm", "tcg": "tcg,thread=multi"}


@dataclass(frozen=True)
class Hardware:
    """All that a saved memory depends on: it loads only into a machine that is equal in this.

    :param accelerator: ``kvm`` or ``tcg``.
    :param emulator: QEMU's release.
    """

    accelerator: str
    memory_mib: int
    secure_boot: bool = False
    emulator: str = ""

    @property
    def key(self) -> str:
        return digest.of(self.command(port=0), self.emulator)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def firmware(self) -> Path:
        return FIRMWARE / f"OVMF_CODE_4M{'.secboot' if self.secure_boot else ''}.fd"

    @property
    def fresh_variables(self) -> Path:
        """Variables of a firmware that was never started; with Microsoft's keys where it is to verify what it boots."""
        return FIRMWARE / f"OVMF_VARS_4M{'.ms' if self.secure_boot else ''}.fd"

    def command(self, port: int, incoming: bool = False) -> list[str]:
        """QEMU's command line, for a process that runs in the machine's folder.

        :param port: of 127.0.0.1, that leads to the machine's SSH.
        :param incoming: wait for a memory to be loaded.
        """
        # Writes are in this machine's page cache as soon as the guest's device took them, and outlive QEMU. What a
        # power cut takes is the guest's own unwritten pages; flushes of this machine's disk would change nothing.
        disk = {
            "driver": "qcow2", "node-name": "disk", "discard": "unmap", "cache": {"no-flush": True},
            "file": {"driver": "file", "filename": DISK, "cache": {"no-flush": True}},
        }  # fmt: skip
        words = [
            EMULATOR, "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none",
            "-machine", f"q35,vmport=off,sata=off,smbus=off,usb=off,smm={'on' if self.secure_boot else 'off'}",
            "-accel", _ACCELERATOR[self.accelerator], "-cpu", _CPU[self.accelerator],
            "-smp", str(_CPUS), "-m", str(self.memory_mib),
            "-blockdev", json.dumps(disk), "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            # Without iPXE (romfile): the firmware would try to boot from the network.
            "-netdev", f"user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:{port}-:22",
            "-device", f"virtio-net-pci,netdev=net0,id={LINK},romfile=",
            "-device", "virtio-rng-pci",
            "-chardev", f"socket,id=console,path={sockets.CONSOLE},server=on,wait=off,logfile={CONSOLE},logappend=on",
            "-serial", "chardev:console",
            "-qmp", f"unix:{sockets.MONITOR},server=on,wait=off", "-pidfile", PID,
        ]  # fmt: skip
        return [*words, *self._firmware(), *(["-incoming", "defer"] if incoming else [])]

    def _firmware(self) -> list[str]:
        # Only code in system management mode may then write variables that Secure Boot rests on.
        guarded = ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
        return [
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self.firmware}",
            "-drive", f"if=pflash,unit=1,format=raw,file={VARIABLES}",
            *(guarded if self.secure_boot else []),
        ]  # fmt: skip
