# Nothing special: it builds.
VARIANT_BEFORE :=
VARIANT_CFLAGS :=
