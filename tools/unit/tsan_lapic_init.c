/* A processor that gets one INIT after another, and another one that sends to it meanwhile, under
 * ThreadSanitizer: at no moment is a message not for it.  (A STARTUP follows its INIT at once.) */
#include "lib/atomic.h"
#include "lib/types.h"
#include "vmm/dev/lapic.h"
#include "vmm/dev/lapic_msr.h"
#include <pthread.h>
#include <stdio.h>

#define ID     5u
#define ROUNDS 200000u

static struct lapic lapic, other;
static u32 done; /* the processor's INITs */
static u32 sent, missed;

static void *processor(void *unused)
{
    for (u32 i = 0; i < ROUNDS; i++)
        lapic_init(&lapic);
    store_release(&done, 1);
    return unused;
}

/* In xAPIC mode INIT takes the logical ID away. */
static void *sender(void *unused)
{
    const bool x2apic = lapic_mode(&other) == LAPIC_X2APIC;
    const struct apic_message messages[] = {
        {.mode = DELIVER_STARTUP, .destination = ID, .wide = x2apic},
        {.mode = DELIVER_STARTUP, .shorthand = APIC_TO_OTHERS, .wide = x2apic},
        {.mode = DELIVER_NMI, .destination = x2apic ? ~0u : 0xffu, .wide = x2apic},
        {.mode = DELIVER_FIXED, .destination = BIT32(ID), .wide = true, .logical = true},
    };

    for (sent = 0; sent < ROUNDS || !load_acquire(&done); sent++)
        missed += !lapic_is_destination(&lapic, &messages[sent % (x2apic ? 4 : 3)], &other);
    return unused;
}

static u32 together(void)
{
    pthread_t threads[2];

    if (pthread_create(&threads[0], NULL, processor, NULL) != 0 ||
        pthread_create(&threads[1], NULL, sender, NULL) != 0)
        return 1;
    for (u32 i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    return missed;
}

int main(void)
{
    u32 bad = 0;

    printf("1..2\n");
    lapic_reset(&lapic, ID);
    lapic_reset(&other, 0);
    for (u32 mode = 0; mode < 2; mode++) {
        missed = done = 0;
        bad += together() != 0;
        printf("%sok %u - %s mode: %u of %u missed it\n", missed ? "not " : "", mode + 1,
               mode ? "x2APIC" : "xAPIC", missed, sent);
        if (lapic_write_base(&lapic, lapic.base | LAPIC_BASE_EXTD, 0) != OK ||
            lapic_write_base(&other, other.base | LAPIC_BASE_EXTD, 0) != OK)
            return 2;
    }
    return bad != 0;
}
