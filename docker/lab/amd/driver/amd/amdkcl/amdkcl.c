// SPDX-License-Identifier: GPL-2.0
/*
 * gpuhost lab STAND-IN for AMD's kernel compatibility layer: amdgpu depends on it, as AMD's does, so that two modules
 * are built, signed, found by depmod and loaded in order. It has no code of AMD's.
 */
#include <linux/module.h>

const char *amdkcl_stand_in(void);

const char *amdkcl_stand_in(void)
{
	return "gpuhost lab STAND-IN";
}
EXPORT_SYMBOL_GPL(amdkcl_stand_in);

MODULE_DESCRIPTION("gpuhost lab STAND-IN");
MODULE_LICENSE("GPL");
