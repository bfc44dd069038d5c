/* Reading a histogram; see hist.h.  Pure. */
#include "vmm/hist.h"

u64 hist_bucket_first(u32 bucket)
{
    const u32 group = bucket >> HIST_SUB_BITS;

    if (group == 0)
        return bucket;
    return (u64)((bucket & (BIT32(HIST_SUB_BITS) - 1)) | BIT32(HIST_SUB_BITS)) << (group - 1);
}

u64 hist_count(const struct hist *h)
{
    u64 count = 0;

    for (u32 i = 0; i < HIST_BUCKETS; i++)
        count += h->bucket[i];
    return count;
}

u64 hist_quantile(const struct hist *h, u32 permille)
{
    const u64 count = hist_count(h);
    const u64 rank = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;
    u64 seen = 0;

    for (u32 i = 0; i < HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen && seen >= rank)
            return hist_bucket_first(i);
    }
    return 0;
}
