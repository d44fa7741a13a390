/* Set by variant.mk; the error reads like that of AMD's 6.2 source on Ubuntu's 6.8.0-44. */
#ifdef AMDGPU_KERNEL_IS_NEWER
static inline int amdgpu_stand_in_payload(void)
{
	return drm_dp_add_payload_part2(NULL, NULL, NULL);
}
#endif
