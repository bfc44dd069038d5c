/* See random.h.  SDM Vol. 2, "RDSEED"; Vol. 1, "Random Number Generator Instructions". */
#include "control/served/random.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/device_text.h"
#include "control/virtio/rng.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LEAF_FEATURES 7u
#define EBX_RDSEED    BIT32(18)
#define TRIES         32u /* for a word: others use the source, too */
#define RETRY_MS      1u  /* later, if it still had nothing */

struct served_random {
    struct served_device device;
    struct virtio_rng rng;
};

#define PAGES (ALIGN_UP(sizeof(struct served_random), PAGE_SIZE) / PAGE_SIZE)

/* ------------------------------------------------------------ the processor's */

static u32 cpuid_ebx(u32 leaf, u32 *highest)
{
    u32 a = leaf, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    *highest = a;
    return b;
}

static bool has_rdseed(void)
{
    u32 highest;

    (void)cpuid_ebx(0, &highest);
    return highest >= LEAF_FEATURES && (cpuid_ebx(LEAF_FEATURES, &highest) & EBX_RDSEED);
}

static bool seed(u64 *word)
{
    bool good = false;

    for (u32 i = 0; i < TRIES && !good; i++) {
        if (i)
            __builtin_ia32_pause();
        __asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(good) : : "cc");
    }
    return good;
}

/* ------------------------------------------------------------ the device's */

static void retry(void *ctx)
{
    struct served_random *const s = ctx;

    virtio_kick(&s->rng.v, 0);
}

static u32 source(void *ctx, void *to, u32 len)
{
    u32 done = 0;
    u64 word;

    while (done < len && seed(&word)) {
        const u32 now = MIN(len - done, (u32)sizeof(word));

        memcpy((u8 *)to + done, &word, now);
        done += now;
    }
    if (done == 0) {
        loop_forget(retry, ctx);
        if (loop_at(time_now() + time_ms(RETRY_MS), retry, ctx) != OK)
            say("a guest's rng waits until its driver asks again: too many timers");
    }
    return done;
}

static void close(struct served_device *d)
{
    struct served_random *const s = CONTAINER_OF(d, struct served_random, device);

    virtio_reset(&s->rng.v);
    loop_forget(retry, s);
    memory_pages_free(s, PAGES);
}

struct served_device *random_open(const char *text, const char *guest, const struct grant *grant)
{
    struct served_random *const s = memory_pages(PAGES);
    const char *why = "no memory; a larger control_memory helps";

    if (!s || switch_text_parse(text, &why) != OK ||
        virtio_rng_init(&s->rng, grant, "rng0", has_rdseed() ? source : NULL, s, &why) != OK) {
        say("guest %s: rng = %s: %s", guest, text, why);
        if (s)
            memory_pages_free(s, PAGES);
        return NULL;
    }
    (void)fmt_buf(s->device.name, sizeof(s->device.name), "rng0");
    s->device.v = &s->rng.v;
    s->device.close = close;
    say("guest %s: rng0: RDSEED", guest);
    return &s->device;
}
