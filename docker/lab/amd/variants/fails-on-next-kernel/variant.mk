# Builds for the kernel that runs and for older ones; for a newer one it fails, as AMD's source does on kernels that came
# after it.
NEWEST := $(shell printf '%s\n' "$(KERNELVER)" "$$(uname -r)" | sort --version-sort | tail -n 1)
VARIANT_BEFORE :=
VARIANT_CFLAGS := $(if $(filter-out $(shell uname -r),$(NEWEST)),-DAMDGPU_KERNEL_IS_NEWER)
