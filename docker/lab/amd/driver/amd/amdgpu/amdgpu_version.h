/* In a file of its own beside the source: with it, srcversion differs from release to release. */
#define AMDGPU_VERSION "@MODULE_VERSION@"
