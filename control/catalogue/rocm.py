"""ROCm and PyTorch."""

from __future__ import annotations

from control.catalogue.entry import Entry, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-TORCH-PYTHON",
            "No PyTorch wheel for the host's Python",
            "pip would find nothing to install",
            "set pytorch_build to {choice}; the JupyterLab container brings its own Python",
        ),
        (
            "GH-TORCH-TARGET",
            "No PyTorch wheel for the GPU",
            "a wheel without kernels for the target fails at the first kernel, not at import",
            "set pytorch_build to cpu, or none",
        ),
        (
            "GH-TORCH-NONE",
            "PyTorch of that build does not exist for the system",
            "there is no row for it in the truth table",
            "set pytorch_build to auto",
        ),
        (
            "GH-ROCM-NONE",
            "ROCm of that stream does not exist for the system",
            "there is no row for it in the truth table",
            "[set {near}; or ]set rocm_stream to auto",
        ),
        (
            "GH-ROCM-VERSION",
            "ROCm of that release does not exist for the system",
            "there is no row for it in the truth table",
            "[set {near}; ]`./gpuhost support` lists the releases of each system",
        ),
        (
            "GH-ROCM-TARGET",
            "ROCm of that release has no kernels for the GPU",
            "programs would fail at their first kernel, not when they start",
            "[set {near}; or ]set rocm_stream to auto: containers and wheels bring their own ROCm",
        ),
        (
            "GH-ROCM-DRIVER",
            "ROCm and driver that do not go together",
            "AMD supports a driver with the releases of about a year around it; outside, programs hang or fail",
            "[set {choice}, or ]set rocm_stream to auto",
        ),
    ),
    *warnings(
        (
            "GH-ROCM-MISMATCH",
            "ROCm and driver on the host do not go together",
            "AMD supports a driver with the releases of about a year around it; outside, programs hang or fail",
            "[set {choice}; or ]take the ROCm out that nobody uses; containers and wheels bring their own",
        ),
        (
            "GH-ROCM-REPLACES",
            "Installed ROCm packages give way",
            "AMD's streams and releases exclude each other, and programs that are linked to the old ones need the new",
            "nothing to do if this is what you want; otherwise set rocm_stream to auto, which keeps what is there",
        ),
    ),
)
