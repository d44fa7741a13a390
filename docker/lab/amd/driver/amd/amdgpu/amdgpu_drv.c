// SPDX-License-Identifier: GPL-2.0
/*
 * gpuhost lab STAND-IN for AMD's amdgpu. It drives no GPU and has no code of AMD's. What is real: it is built by dkms
 * against a kernel's headers, has a version (in-tree amdgpu has none), and makes /dev/kfd in the class that udev's own
 * rules give to the group render.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>

#include "amdgpu_variant.h"
#include "amdgpu_version.h"

static int kfd_major;
static struct class kfd_class = {
	.name = "kfd",
};

/* It opens, as the real one does where it knows of no GPU, and the module cannot go while a program has it open. */
static const struct file_operations kfd_operations = {
	.owner = THIS_MODULE,
};

static int __init amdgpu_init(void)
{
	struct device *kfd;
	int problem;

	kfd_major = register_chrdev(0, "kfd", &kfd_operations);
	if (kfd_major < 0)
		return kfd_major;
	problem = class_register(&kfd_class);
	if (problem)
		goto no_class;
	kfd = device_create(&kfd_class, NULL, MKDEV(kfd_major, 0), NULL, "kfd");
	if (IS_ERR(kfd)) {
		problem = PTR_ERR(kfd);
		goto no_device;
	}
	pr_info("amdgpu: version %s, gpuhost lab STAND-IN: there is no GPU behind it\n", AMDGPU_VERSION);
	return 0;

no_device:
	class_unregister(&kfd_class);
no_class:
	unregister_chrdev(kfd_major, "kfd");
	return problem;
}

static void __exit amdgpu_exit(void)
{
	device_destroy(&kfd_class, MKDEV(kfd_major, 0));
	class_unregister(&kfd_class);
	unregister_chrdev(kfd_major, "kfd");
}

module_init(amdgpu_init);
module_exit(amdgpu_exit);

MODULE_AUTHOR("gpuhost");
MODULE_DESCRIPTION("gpuhost lab STAND-IN");
MODULE_LICENSE("GPL");
MODULE_VERSION(AMDGPU_VERSION);
