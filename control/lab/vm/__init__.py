"""Virtual machines of the lab: hosts with a kernel, a boot loader and a firmware of their own.

What a container host cannot have is real here: reboots, power cuts, kernel modules, Secure Boot, a full ``/boot``. QEMU
runs them, with KVM where a guest boots under it. ``fleet`` brings them up and down, ``machine`` works on one of them.
"""
