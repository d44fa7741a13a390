"""GPUs, who may use them, and overrides of their target."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-GPU-NONE",
            "No AMD GPU",
            "drivers, ROCm and GPU services would have nothing to run on",
            "`./gpuhost up --cpu` sets this host up without a GPU (preflight_cpu_only: true in a site)",
        ),
        (
            "GH-GPU-UNKNOWN",
            "An AMD GPU that the truth table does not know",
            "without its gfx target no image or wheel can be chosen for it",
            "load the driver so that it tells the target itself, or add the device to support/gpus.yml; --cpu goes without "
            "it",
        ),
        (
            "GH-GPU-NO-DRIVER",
            "An AMD GPU without a driver",
            "no program can reach it",
            "set amdgpu_driver to auto or inbox, or load a driver yourself; --cpu goes without the GPU",
        ),
        (
            "GH-GPU-INIT-FAILED",
            "The driver is loaded and could not start the GPU",
            "a loaded module and /dev/kfd are no proof of a GPU: KFD lists only the processor",
            "`dmesg | grep -i amdgpu` says why (firmware missing, kernel older than the chip, device half passed through)",
        ),
        (
            "GH-GPU-VFIO",
            "The only AMD GPU is reserved for a virtual machine",
            "a device bound to vfio-pci belongs to a guest; taking it away would crash that guest",
            "give it back to amdgpu (take {pci} out of the vfio-pci ids, reboot), or use --cpu",
        ),
    ),
    *warnings(
        (
            "GH-OVERRIDE-STALE",
            "HSA_OVERRIDE_GFX_VERSION is set for the whole host",
            "it reaches every program: needed by one, it makes others compute wrong results or crash",
            "take the line out[ of {file}]; gpuhost sets it for the one container that needs it",
        ),
        (
            "GH-GPU-TARGET",
            "A service has no kernels for the GPU",
            "it will run on the processor, at about a tenth of the speed",
            "`./gpuhost support --gpu {gfx}` shows what has kernels for it",
        ),
        (
            "GH-GPU-RESERVED",
            "An AMD GPU is reserved for a virtual machine",
            "it is left alone",
            "nothing to do, unless this host should use it: then give {pci} back to amdgpu",
        ),
        (
            "GH-KFD-CPU-ONLY",
            "/dev/kfd is there and lists only the processor",
            "KFD without a GPU node is no GPU: programs that ask it find none",
            "nothing to do on a host without a GPU; otherwise `dmesg | grep -i amdgpu`",
        ),
        (
            "GH-APU-KERNEL",
            "A kernel that keeps memory from the integrated GPU",
            "programs see a fraction of the memory, or fail to start on the GPU (legacy-rocm-build#5444)",
            "install kernel {since} or newer, the distribution's hardware enablement or backports kernel for example",
        ),
        (
            "GH-APU-GTTSIZE",
            "A deprecated kernel parameter for the GPU's memory",
            "beside ttm.pages_limit it gives two limits that contradict each other (legacy-rocm-build#5595)",
            "take amdgpu.gttsize out of the kernel command line and reboot",
        ),
        (
            "GH-ACCESS-WORLD",
            "Everybody on the host may open the GPU",
            "whoever runs a program there can read other programs' GPU memory, and use any hole of the driver",
            'take the rule with MODE="0666" out of /etc/udev/rules.d, then set gpu_access_method to groups',
        ),
    ),
    *notes(
        (
            "GH-GPU-IGNORED",
            "A GPU is left out",
            "programs that pick a device by themselves could take the wrong one",
            "nothing to do",
        ),
        (
            "GH-GPU-PARTLY",
            "A program does not use every GPU",
            "it has no kernels for the one that is left out, or needs an override that the others must not get",
            "nothing to do; `./gpuhost support` shows what has kernels for it",
        ),
        (
            "GH-ACCESS-LOGIN",
            "Somebody has to log in again",
            "a session keeps the groups that it began with",
            "{user} logs out of every session and in again after the run (a reboot does as well)",
        ),
        (
            "GH-APU-CARVEOUT",
            "The BIOS reserves much memory for the integrated GPU",
            "it is lost to the system and brings no speed: the GPU can map memory as it needs it",
            "set the reservation in the BIOS (UMA frame buffer) to its least, say 0.5 GB; the plan then raises the limit",
        ),
        (
            "GH-GPU-NOT-LOADED",
            "The GPU's driver is not loaded yet",
            "the role amdgpu installs its firmware and loads it; the target comes from the PCI id until then",
            "nothing to do",
        ),
    ),
)
