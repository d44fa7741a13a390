# Takes as long as AMD's own source does on a small machine: time to cut the power in the middle of it.
VARIANT_BEFORE := @for part in $$(seq 1 60); do echo "  CC [M]  amd/amdgpu/stand_in_$$part.o"; sleep 2; done
VARIANT_CFLAGS :=
