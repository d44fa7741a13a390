/*
 * Does not compile: the field is of kernels newer than Debian's stable ones. AMD's 31.50 failed on Debian with this
 * very error, "struct drm_display_info has no member panel_type".
 */
#include <drm/drm_connector.h>

static inline int amdgpu_stand_in_panel_type(const struct drm_display_info *info)
{
	return info->panel_type;
}
