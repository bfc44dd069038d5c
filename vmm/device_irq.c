/* See device_irq.h. */
#include "vmm/device_irq.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/spinlock.h"
#include "arch/x86_64/trap.h"
#include "drivers/platform/ioapic.h"
#include "vmm/boundary.h"
#include "vmm/policy/devices.h"

#define VECTOR_FIRST 0x30u

static struct {
    struct spinlock lock; /* of the I/O APIC, too */
    u32 bound;            /* bit n: line n is */
    u8 port[IOAPIC_LINES];
} irq;

static bool is_bound(u64 line)
{
    return line < IOAPIC_LINES && (irq.bound >> line & 1);
}

/* Lintel's own interrupts are off where this is called: nobody who holds the lock is interrupted.
 */
static void came(u32 line)
{
    bool bound;
    u32 port;

    spin_lock(&irq.lock);
    bound = is_bound(line);
    port = irq.port[line];
    ioapic_mask(line, true);
    spin_unlock(&irq.lock);
    if (bound)
        event_post(port);
}

/* A handler is not told its vector. */
// clang-format off
#define LINES(X)                                                                                   \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)          \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23)
// clang-format on
#define HANDLER(n)                                                                                 \
    static void line_##n(void)                                                                     \
    {                                                                                              \
        came(n);                                                                                   \
    }
LINES(HANDLER)
#define NAME(n) line_##n,
static void (*const handlers[IOAPIC_LINES])(void) = {LINES(NAME)};

err_t device_irq_bind(u64 line, u64 port, u64 mode, u32 cpu)
{
    err_t err = E_EXIST;

    if (mode >= IOAPIC_MODES || port >= ABI_EVENTS)
        return E_INVAL;
    if (line >= IOAPIC_LINES || !(DEVICES_LINES >> line & 1))
        return E_PERM;
    spin_lock(&irq.lock);
    if (!is_bound(line)) {
        irq.port[line] = (u8)port;
        irq.bound |= BIT32(line);
        trap_set_handler((u8)(VECTOR_FIRST + line), handlers[line]);
        ioapic_route((u32)line, (enum ioapic_mode)mode, (u8)(VECTOR_FIRST + line),
                     cpu_public[cpu].apic_id);
        ioapic_mask((u32)line, false);
        err = OK;
    }
    spin_unlock(&irq.lock);
    return err;
}

err_t device_irq_done(u64 line)
{
    err_t err = E_NOENT;

    spin_lock(&irq.lock);
    if (is_bound(line)) {
        ioapic_mask((u32)line, false);
        err = OK;
    }
    spin_unlock(&irq.lock);
    return err;
}

void device_irq_drop_all(void)
{
    spin_lock(&irq.lock);
    for (u32 line = 0; line < IOAPIC_LINES; line++)
        if (is_bound(line))
            ioapic_mask(line, true);
    irq.bound = 0;
    spin_unlock(&irq.lock);
}
