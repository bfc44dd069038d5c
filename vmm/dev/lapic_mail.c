/* A local APIC's mailbox; see lapic_mail.h.
 *
 * A poster sets what it brings, then MAIL_WAITING and which word it is in; the taker clears the
 * flags, then takes the words that they named.  So whoever finds MAIL_WAITING set already may go:
 * the taker has yet to look.  Pure. */
#include "vmm/dev/lapic_mail.h"
#include "lib/atomic.h"

#define MAIL_WAITING      BIT32(0)
#define MAIL_NMI          BIT32(1)
#define MAIL_INIT         BIT32(2)
#define MAIL_STARTUP      BIT32(3)
#define MAIL_EXTINT       BIT32(4)
#define MAIL_MODES        (MAIL_NMI | MAIL_INIT | MAIL_STARTUP | MAIL_EXTINT)
#define MAIL_VECTOR_SHIFT 8 /* of the STARTUP */
#define MAIL_VECTOR       (0xffu << MAIL_VECTOR_SHIFT)
#define MAIL_EDGE_SHIFT   16 /* a bit for each word of pir ... */
#define MAIL_LEVEL_SHIFT  20 /* ... and of level */
#define MAIL_WORDS        0xfu

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

static bool post_vector(struct lapic_mail *mail, u8 vector, bool level)
{
    const u32 word = vector / 64;
    const u32 flag = BIT32(word) << (level ? MAIL_LEVEL_SHIFT : MAIL_EDGE_SHIFT);

    atomic_or(&(level ? mail->level : mail->pir)[word], BIT(vector % 64));
    return !(atomic_or(&mail->flags, MAIL_WAITING | flag) & MAIL_WAITING);
}

bool mail_post(struct lapic_mail *mail, const struct apic_message *m)
{
    u32 flags;

    if (m->mode <= DELIVER_LOWEST)
        return post_vector(mail, m->vector, m->level);
    if (with_message(0, m) == 0)
        return false;
    flags = load_acquire(&mail->flags);
    while (!atomic_cmpxchg(&mail->flags, &flags, with_message(flags, m) | MAIL_WAITING))
        ;
    return !(flags & MAIL_WAITING);
}

static inline void take_vectors(u64 bits[4], u32 words, bool level, struct lapic *l)
{
    for (; words; words &= words - 1) {
        const u32 word = (u32)__builtin_ctz(words);

        lapic_accept(l, word, atomic_xchg(&bits[word], 0), level);
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

    take_vectors(mail->pir, flags >> MAIL_EDGE_SHIFT & MAIL_WORDS, false, l);
    /* after: the EOI of a level must not get lost */
    take_vectors(mail->level, flags >> MAIL_LEVEL_SHIFT & MAIL_WORDS, true, l);
    if (flags & MAIL_MODES) {
        take_mode(flags, MAIL_NMI, DELIVER_NMI, l);
        take_mode(flags, MAIL_INIT, DELIVER_INIT, l);
        take_mode(flags, MAIL_STARTUP, DELIVER_STARTUP, l);
        take_mode(flags, MAIL_EXTINT, DELIVER_EXTINT, l);
    }
    return true;
}
