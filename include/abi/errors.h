/* Results of hypercalls: stable, guest-visible, independent of err_t. */
#pragma once

enum { ABI_OK = 0, ABI_ENOSYS = -1, ABI_EPERM = -2, ABI_EINVAL = -3, ABI_EFAULT = -4 };
