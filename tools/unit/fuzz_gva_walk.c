/* Page tables and control registers from the fuzzer's bytes: the walk agrees with the
 * second walker, and reads no more than one entry per level. */
#include "gva_slow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct setup { /* as the input's bytes lie */
    u64 cr0, cr3, cr4, efer, pdpte[4], gva;
    u8 phys_bits, flags, access;
};

struct memory {
    const u8 *bytes;
    size_t len;
    u32 reads;
};

/* The input repeats without end, so that every table has something in it; none above 4 GiB. */
static bool mem_read(void *ctx, gpa_t gpa, void *out, u32 len)
{
    struct memory *m = ctx;

    m->reads++;
    if ((len != 4 && len != 8) || gpa.v % len)
        abort();
    if (gpa.v >> 32 || m->len < 8)
        return false;
    const size_t slots = m->len / 8;
    memcpy(out, m->bytes + (gpa.v / 8 + gpa.v / 4096) % slots * 8 + gpa.v % 8, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct setup in;
    struct gva_result fast, slow;

    if (size < sizeof in)
        return 0;
    memcpy(&in, data, sizeof in);
    struct memory m = {data + sizeof in, size - sizeof in, 0};
    const struct gva_space s = {
        .cr0 = in.cr0,
        .cr3 = in.cr3,
        .cr4 = in.cr4,
        .efer = in.efer,
        .pdpte = {in.pdpte[0], in.pdpte[1], in.pdpte[2], in.pdpte[3]},
        .phys_bits = (u8)(32 + in.phys_bits % 21),
        .no_1g = in.flags & 1,
        .user = in.flags & 2,
        .ac = in.flags & 4,
        .read = mem_read,
        .ctx = &m,
    };
    const u32 access = in.access % 3;
    const err_t got = gva_walk(&s, in.gva, access, &fast);

    if (m.reads > 5)
        abort();
    if (got != slow_walk(&s, in.gva, access, &slow))
        abort();
    if (got == OK && (fast.gpa.v != slow.gpa.v || fast.page_size != slow.page_size))
        abort();
    if (got == OK && (fast.gpa.v ^ in.gva) % fast.page_size != 0)
        abort();
    if ((got == E_PERM || got == E_NOENT) && fast.fault_error != slow.fault_error)
        abort();
    return 0;
}
