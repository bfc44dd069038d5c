/* See env.h. */
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/smp.h"

#define IRQS_MAX       48u
#define VEC_MESSAGE    0x40u /* and those behind it */
#define LINES          16u
#define ELCR           0x4d0 /* edge and level, of both 8259s */
#define MESSAGE_BASE   0xfee00000ull
#define APIC_TPR       0x080u
#define APIC_LVT_TIMER 0x320u
#define APIC_LINT0     0x350u
#define LVT_MASKED     0x10000u
#define LVT_EXTINT     0x700u
#define SVR_ENABLED    0x1ffu
#define LOG_MAX        200u
#define BLOCKS_MAX     128u
#define LINE_NONE      0xffffffffu

/* Where an interrupt comes in; its number is the position and one. */
struct input {
    struct io_irq *irq; /* NULL: free */
    u32 line;
};

static struct input input[IRQS_MAX];
static volatile bool line_pending[LINES], message_pending[IRQS_MAX];
static struct io_dma block[BLOCKS_MAX]; /* sorted by address */
static u32 blocks;

/* ------------------------------------------------------------ registers */

static u32 env_read(const struct io_window *w, u32 offset, u32 width)
{
    const u64 at = w->at + offset;

    if (w->ports)
        return width == 1 ? inb((u16)at) : width == 2 ? inw((u16)at) : inl((u16)at);
    return width == 1 ? *(volatile u8 *)at : width == 2 ? *(volatile u16 *)at : *(volatile u32 *)at;
}

static void env_write(const struct io_window *w, u32 offset, u32 width, u32 value)
{
    const u64 at = w->at + offset;

    if (w->ports && width == 1)
        outb((u16)at, (u8)value);
    else if (w->ports && width == 2)
        outw((u16)at, (u16)value);
    else if (w->ports)
        outl((u16)at, value);
    else if (width == 1)
        *(volatile u8 *)at = (u8)value;
    else if (width == 2)
        *(volatile u16 *)at = (u16)value;
    else
        *(volatile u32 *)at = value;
}

static err_t env_map(struct io_env *e, u64 bus, u32 len, struct io_window *w)
{
    if (!page_map_high(bus, len))
        return E_NOMEM;
    *w = (struct io_window){.env = e, .at = bus, .len = len};
    return OK;
}

static err_t env_ports(struct io_env *e, u16 first, u32 len, struct io_window *w)
{
    *w = (struct io_window){.env = e, .at = first, .len = len, .ports = true};
    return OK;
}

/* ------------------------------------------------------------ memory */

static err_t env_dma_alloc(struct io_env *e, u32 len, u32 align, u64 bus_last, struct io_dma *dma)
{
    const u64 base = cmdline_number("dma=", 0), room = cmdline_number("dma_bytes=", 0);
    const u64 step = MAX((u64)align, 64ull);
    u64 at = ALIGN_UP(base, step);
    u32 i = 0;

    (void)e;
    if (len == 0 || base == 0 || blocks == BLOCKS_MAX)
        return E_NOMEM;
    for (; i < blocks && at + len > block[i].bus; i++)
        at = ALIGN_UP(block[i].bus + block[i].len, step);
    if (at + len > base + room || at + len - 1 > bus_last)
        return E_NOMEM;
    memmove(&block[i + 1], &block[i], (blocks - i) * sizeof(block[0]));
    *dma = block[i] = (struct io_dma){(void *)at, at, len};
    blocks++;
    memset(dma->at, 0, len);
    return OK;
}

static void env_dma_free(struct io_env *e, const struct io_dma *dma)
{
    (void)e;
    for (u32 i = 0; i < blocks; i++)
        if (block[i].bus == dma->bus) {
            memmove(&block[i], &block[i + 1], (blocks - i - 1) * sizeof(block[0]));
            blocks--;
            return;
        }
    FAIL("DMA memory at 0x%llx is freed, but was not allocated", (unsigned long long)dma->bus);
}

u64 env_dma_used(void)
{
    u64 sum = 0;

    for (u32 i = 0; i < blocks; i++)
        sum += block[i].len;
    return sum;
}

/* ------------------------------------------------------------ time */

static u64 env_now(struct io_env *e)
{
    (void)e;
    return rdtsc() / MAX(machine.tsc_hz / 1000000, 1ull);
}

static void env_delay(struct io_env *e, u32 us)
{
    const u64 end = env_now(e) + us;

    while (env_now(e) < end)
        cpu_pause();
}

/* ------------------------------------------------------------ interrupts */

static void mask_line(u32 line)
{
    const u16 port = line < 8 ? PIC1_DATA : PIC2_DATA;

    outb(port, (u8)(inb(port) | BIT32(line % 8)));
}

static void on_line(struct frame *f)
{
    const u32 line = (u32)f->vector - VEC_IRQ0;

    line_pending[line] = true;
    mask_line(line);
    pic_eoi(line);
    apic_put(APIC_EOI,
             0); /* the firmware's timer, which may still be pending, has one of these vectors */
}

static void on_message(struct frame *f)
{
    message_pending[f->vector - VEC_MESSAGE] = true;
    apic_put(APIC_EOI, 0);
}

static err_t attach(struct io_irq *irq, u32 line)
{
    for (u32 i = 0; i < IRQS_MAX; i++)
        if (input[i].irq == NULL) {
            input[i] = (struct input){irq, line};
            message_pending[i] = false;
            irq->id = i + 1;
            irq->address = MESSAGE_BASE | (cpuid(1, 0).ebx >> 24) << 12;
            irq->data = VEC_MESSAGE + i;
            return OK;
        }
    return E_NOMEM;
}

static err_t env_irq_line(struct io_env *e, u32 line, bool level, struct io_irq *irq)
{
    (void)e;
    if (line >= LINES)
        return E_NOENT;
    if (attach(irq, line) != OK)
        return E_NOMEM;
    if (level)
        outb((u16)(ELCR + line / 8), (u8)(inb((u16)(ELCR + line / 8)) | BIT32(line % 8)));
    pic_unmask(line);
    return OK;
}

static err_t env_irq_message(struct io_env *e, struct io_irq *irq)
{
    (void)e;
    return attach(irq, LINE_NONE);
}

static void env_irq_free(struct io_env *e, struct io_irq *irq)
{
    (void)e;
    input[irq->id - 1].irq = NULL;
}

static void dispatch_lines(void)
{
    for (u32 line = 0; line < LINES; line++) {
        bool wanted = false;

        if (!line_pending[line])
            continue;
        line_pending[line] = false;
        for (u32 i = 0; i < IRQS_MAX; i++)
            if (input[i].irq != NULL && input[i].line == line) {
                input[i].irq->count++;
                (void)input[i].irq->handler(input[i].irq->arg);
                wanted = true;
            }
        if (wanted)
            pic_unmask(line);
    }
}

void env_turn(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory"); /* they come behind the NOP */
    dispatch_lines();
    for (u32 i = 0; i < IRQS_MAX; i++) {
        struct io_irq *irq = input[i].irq;

        if (!message_pending[i])
            continue;
        message_pending[i] = false;
        if (irq == NULL || input[i].line != LINE_NONE)
            continue;
        irq->count++;
        (void)irq->handler(irq->arg);
    }
}

bool env_wait(const volatile u64 *done, u64 want, u32 ms, void (*poll)(void *), void *arg)
{
    const u64 end = io_now(&env) + (u64)ms * 1000;

    while (*done < want && io_now(&env) < end) {
        env_turn();
        if (poll != NULL)
            poll(arg);
    }
    return *done >= want;
}

void env_begin(void)
{
    for (u32 line = 0; line < LINES; line++)
        on_vector(VEC_IRQ0 + line, on_line);
    for (u32 i = 0; i < IRQS_MAX; i++)
        on_vector(VEC_MESSAGE + i, on_message);
    apic_put(APIC_SVR, SVR_ENABLED);
    apic_put(APIC_TPR, 0);
    apic_put(APIC_LVT_TIMER, LVT_MASKED);
    apic_put(APIC_LINT0, LVT_EXTINT);
    for (u32 i = 0; i < IRQS_MAX; i++)
        if (input[i].irq != NULL && input[i].line != LINE_NONE)
            pic_unmask(input[i].line);
}

/* ------------------------------------------------------------ the log */

static void env_log(struct io_env *e, enum io_log level, const char *format, va_list args)
{
    char line[LOG_MAX];

    (void)e;
    (void)level;
    (void)fmt_vbuf(line, sizeof(line), format, args);
    say("# log: %s\n", line);
}

static const struct io_env_ops ops = {.read = env_read,
                                      .write = env_write,
                                      .map = env_map,
                                      .ports = env_ports,
                                      .dma_alloc = env_dma_alloc,
                                      .dma_free = env_dma_free,
                                      .now = env_now,
                                      .delay = env_delay,
                                      .irq_line = env_irq_line,
                                      .irq_message = env_irq_message,
                                      .irq_free = env_irq_free,
                                      .log = env_log};

struct io_env env = {.ops = &ops};
