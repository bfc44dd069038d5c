/* Results of hypercalls: stable, guest-visible, independent of err_t. */
#pragma once

enum {
    ABI_OK = 0,
    ABI_ENOSYS = -1, /* no such call                                     */
    ABI_EPERM = -2,  /* no right to                                      */
    ABI_EINVAL = -3, /* an argument that is never right                  */
    ABI_EFAULT = -4, /* an address that is not the caller's memory       */
    ABI_EEXIST = -5, /* there already, or something else is there        */
    ABI_ENOENT = -6, /* no such partition, request, grant, mapping       */
    ABI_ENOMEM = -7, /* a table is full, or no memory for a page table   */
};
