/* A local APIC's mailbox; see lapic_mail.h.
 *
 * A poster sets what it brings, then MAIL_WAITING; the taker clears MAIL_WAITING, then takes all
 * that is set.  So whoever finds MAIL_WAITING set already may go: the taker has yet to look.  Pure.
 */
#include "vmm/dev/lapic_mail.h"
#include "lib/atomic.h"

#define MAIL_WAITING      BIT32(0)
#define MAIL_NMI          BIT32(1)
#define MAIL_INIT         BIT32(2)
#define MAIL_STARTUP      BIT32(3)
#define MAIL_EXTINT       BIT32(4)
#define MAIL_VECTOR_SHIFT 8 /* of the STARTUP */
#define MAIL_VECTOR       (0xffu << MAIL_VECTOR_SHIFT)

/* INIT makes an earlier STARTUP void; of several STARTUPs the first counts. */
static u32 with_message(u32 flags, const struct apic_message *m)
{
    switch (m->mode) {
    case DELIVER_NMI: return flags | MAIL_NMI;
    case DELIVER_INIT: return (flags & ~(MAIL_STARTUP | MAIL_VECTOR)) | MAIL_INIT;
    case DELIVER_STARTUP:
        return flags & MAIL_STARTUP ? flags
                                    : flags | MAIL_STARTUP | (u32)m->vector << MAIL_VECTOR_SHIFT;
    case DELIVER_EXTINT: return flags | MAIL_EXTINT;
    default: return flags;
    }
}

bool mail_post(struct lapic_mail *mail, const struct apic_message *m)
{
    u32 flags = load_acquire(&mail->flags);

    if (m->mode <= DELIVER_LOWEST) {
        u64 *bits = m->level ? mail->level : mail->pir;

        atomic_or(&bits[m->vector / 64], BIT(m->vector % 64));
    } else if (with_message(0, m) == 0) {
        return false;
    }
    while (!atomic_cmpxchg(&mail->flags, &flags, with_message(flags, m) | MAIL_WAITING))
        ;
    return !(flags & MAIL_WAITING);
}

static void take_vectors(u64 bits[4], bool level, struct lapic *l)
{
    for (u32 i = 0; i < 4; i++) {
        if (!load_acquire(&bits[i]))
            continue;
        for (u64 left = atomic_xchg(&bits[i], 0); left; left &= left - 1)
            lapic_message(
                l, &(struct apic_message){.vector = (u8)(i * 64 + (u32)__builtin_ctzll(left)),
                                          .level = level});
    }
}

static void take_mode(u32 flags, u32 bit, enum apic_delivery mode, struct lapic *l)
{
    if (flags & bit)
        lapic_message(l, &(struct apic_message){.mode = (u8)mode,
                                                .vector = (u8)(flags >> MAIL_VECTOR_SHIFT)});
}

bool mail_take(struct lapic_mail *mail, struct lapic *l)
{
    if (likely(!load_acquire(&mail->flags)))
        return false;
    const u32 flags = atomic_xchg(&mail->flags, 0);

    take_vectors(mail->pir, false, l);
    take_vectors(mail->level, true, l); /* after: the EOI of a level must not get lost */
    if (flags & ~MAIL_WAITING) {
        take_mode(flags, MAIL_NMI, DELIVER_NMI, l);
        take_mode(flags, MAIL_INIT, DELIVER_INIT, l);
        take_mode(flags, MAIL_STARTUP, DELIVER_STARTUP, l);
        take_mode(flags, MAIL_EXTINT, DELIVER_EXTINT, l);
    }
    return true;
}
