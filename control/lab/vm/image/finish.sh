#!/bin/bash
# What can only be done by the machine itself, once, with its disk under it: bash runs it there as root.
set -euo pipefail

# Shim, GRUB and MokManager, at their own place and at the one where firmware without boot entries looks.
grub-install --target=x86_64-efi --efi-directory=/boot/efi --force-extra-removable --no-nvram --uefi-secure-boot
# And the same again when the package is upgraded.
echo 'grub-efi-amd64 grub2/force_efi_extra_removable boolean true' | debconf-set-selections
update-grub
