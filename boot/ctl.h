/* Negotiation of one word of VMX controls: wishes and the processor's capabilities in, value
 * out.  SDM Vol. 3D, Appendix "VMX Capability Reporting Facility".  Pure. */
#pragma once
#include "lib/types.h"

/* Bits named in none of them keep their default. */
struct ctl_wish {
    u64 must;   /* cannot live without */
    u64 want;   /* taken if there */
    u64 never;  /* must be 0 */
    u64 toggle; /* starts as 0; must be able to be both, since it is switched at run time */
};

struct ctl_cap {
    u64 must1;    /* bits that cannot be 0 */
    u64 may1;     /* bits that can be 1 */
    u64 default1; /* what software that knows nothing of a bit must leave set */
};

struct ctl {
    u64 value;
    u64 lacking; /* must or toggle, but cannot be 1 */
    u64 forced;  /* never or toggle, but cannot be 0 */
    u64 without; /* want, but cannot be 1 */
};

/* From a pair IA32_VMX_x_CTLS, IA32_VMX_TRUE_x_CTLS (the plain one twice where there is no TRUE
 * one): low half: must be 1; high half: may be 1. */
struct ctl_cap ctl_cap_pair(u64 plain, u64 true_msr);
/* From a 64-bit MSR of allowed-1 bits (IA32_VMX_PROCBASED_CTLS3). */
struct ctl_cap ctl_cap_allowed1(u64 msr);

/* OK; E_NOTSUP: out->lacking and out->forced say why not; E_INVAL: the wish contradicts
 * itself, or the capability does.  *out is always filled. */
err_t ctl_resolve(struct ctl_wish wish, struct ctl_cap cap, struct ctl *out);
