/* The interrupt descriptor table, the same for every CPU.
 * SDM Vol. 3A, "Interrupt and Exception Handling". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/trap.h"

#define VECTORS       256u
#define VECTOR_DEVICE 32u
#define STUB_SIZE     16u

/* SDM Vol. 3A, "64-Bit Mode IDT" */
struct gate {
    u16 offset_0;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset_16;
    u32 offset_32;
    u32 reserved;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit interrupt gate");

#define GATE_PRESENT_INTERRUPT 0x8e /* present, DPL 0, interrupt gate: IF is cleared */

extern const u8 isr_stubs[VECTORS * STUB_SIZE];
static struct gate idt[VECTORS] __attribute__((aligned(16)));

/* What must not trust the stack that it interrupts.  Default: the current stack. */
static const u8 ist_of[VECTOR_DEVICE] = {
    [VEC_DB] = IST_DB,
    [VEC_NMI] = IST_NMI,
    [VEC_DF] = IST_DF,
    [VEC_MC] = IST_MC,
};

static void idt_fill(void)
{
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        const u64 stub = (u64)(isr_stubs + vector * STUB_SIZE);

        idt[vector] = (struct gate){
            .offset_0 = (u16)stub,
            .selector = SEL_CODE,
            .ist = vector < VECTOR_DEVICE ? ist_of[vector] : IST_NONE,
            .type = GATE_PRESENT_INTERRUPT,
            .offset_16 = (u16)(stub >> 16),
            .offset_32 = (u32)(stub >> 32),
        };
    }
}

void trap_init(void)
{
    struct cpu_tables *const t = &this_cpu()->tables;

    idt_fill(); /* the same bytes for every CPU */
    t->idt_limit = sizeof(idt) - 1;
    t->idt_base = (u64)idt;

    const struct descriptor_ptr idtr = {t->idt_limit, t->idt_base};

    lidt(&idtr);
}
