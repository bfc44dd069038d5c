/* Order statistics of a series; see stats.h.  Pure. */
#include "vmm/lab/stats.h"

static void sift_down(u64 *heap, u32 at, u32 count)
{
    const u64 value = heap[at];

    for (u32 child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] > heap[child])
            child++;
        if (heap[child] <= value)
            break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

/* Heapsort: n log n for every order of the samples, in place. */
static void sort(u64 *sample, u32 count)
{
    for (u32 i = count / 2; i > 0; i--)
        sift_down(sample, i - 1, count);
    for (u32 end = count; end > 1; end--) {
        const u64 largest = sample[0];

        sample[0] = sample[end - 1];
        sample[end - 1] = largest;
        sift_down(sample, 0, end - 1);
    }
}

static u64 quantile(const u64 *sorted, u32 count, u32 percent)
{
    const u64 rank = ((u64)count * percent + 99) / 100;

    return sorted[rank == 0 ? 0 : rank - 1];
}

struct lab_summary lab_summarize(u64 *sample, u32 count)
{
    if (count == 0)
        return (struct lab_summary){0};
    sort(sample, count);
    return (struct lab_summary){
        .min = sample[0],
        .median = quantile(sample, count, 50),
        .p99 = quantile(sample, count, 99),
        .max = sample[count - 1],
    };
}
