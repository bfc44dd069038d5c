/* Any bytes as a guest's plan: what is accepted writes each byte of the guest's RAM at most once,
 * reads the loader's memory alone, and has registers that make a VM entry.  Judged by a map of
 * pages and by ranges of the machine, not as guest_plan.c does it. */
#include "fuzz_input.h"
#include "lib/mem.h"
#include "tools/unit/plan_world.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Mostly near an edge that matters, sometimes anything. */
static u64 number(void)
{
    static const u64 edges[] = {0,
                                1,
                                PAGE_SIZE,
                                0x10000,
                                VM_LOW_END,
                                VM_HIGH_ROM,
                                MiB,
                                WORLD_LOW_RAM,
                                WORLD_FROM,
                                WORLD_FROM + WORLD_LEN,
                                WORLD_FROM + WORLD_LEN + 2 * PAGE_SIZE,
                                4 * GiB,
                                WORLD_HIGH_RAM + WORLD_HIGH_LEN,
                                1ull << 52,
                                ~0ull};
    const u8 how = next();
    u64 value = edges[how % ARRAY_LEN(edges)];

    if (how & 0x80)
        value += (u64)next() << 8 | next();
    if (how & 0x40)
        value -= next();
    return value;
}

static u64 small(void)
{
    return next() & 1 ? number() : (u64)next() << 4;
}

static bool in_ram(u64 gpa)
{
    return gpa < VM_LOW_END || (gpa >= VM_HIGH_ROM && gpa < WORLD_LOW_RAM) ||
           (gpa >= WORLD_HIGH_RAM && gpa < WORLD_HIGH_RAM + WORLD_HIGH_LEN);
}

static bool is_loaders(u64 hpa)
{
    return (hpa >= WORLD_FROM && hpa < WORLD_FROM + WORLD_LEN) ||
           (hpa >= WORLD_FROM + WORLD_LEN + PAGE_SIZE &&
            hpa < WORLD_FROM + WORLD_LEN + 2 * PAGE_SIZE);
}

static void check_segment(const struct guest_plan *plan, u32 n)
{
    const struct guest_segment *s = &plan->segment[n];
    const u64 last = s->to.v + (s->room - 1);

    require(s->room != 0 && s->len <= s->room && last >= s->to.v);
    /* One byte a page, and both ends: the edges of RAM are edges of pages. */
    for (u64 at = s->to.v; at < last; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
        require(in_ram(at));
    require(in_ram(last));
    if (s->len != 0)
        require(is_loaders(s->from.v) && is_loaders(s->from.v + s->len - 1) && s->len <= WORLD_LEN);
    for (u32 i = 0; i < n; i++) {
        const struct guest_segment *other = &plan->segment[i];

        require(other->to.v + (other->room - 1) < s->to.v || last < other->to.v);
    }
}

static void check(const struct guest_plan *plan)
{
    require(plan->reason[0] == 0 && plan->segments <= LOAD_SEGMENTS_MAX);
    for (u32 i = 0; i < plan->segments; i++)
        check_segment(plan, i);
    require(plan->rip < 4 * GiB && in_ram(plan->rip));
    require(plan->gdt_limit >= 0x1f && in_ram(plan->gdt.v) &&
            in_ram(plan->gdt.v + plan->gdt_limit));
    if (plan->mode == LOAD_LONG_64)
        require(plan->cr3 % PAGE_SIZE == 0 && in_ram(plan->cr3));
    else
        require(plan->mode == LOAD_PROTECTED_32 && plan->cr3 == 0 &&
                (plan->rsp | plan->rax | plan->rbx | plan->rsi | plan->rdi) <= 0xffffffffu);
}

static void change(struct guest_plan *plan)
{
    u64 *const registers[] = {&plan->rip, &plan->rsp, &plan->rax,   &plan->rbx,
                              &plan->rsi, &plan->rdi, &plan->gdt.v, &plan->cr3};
    const u8 what = next();

    if (what < LOAD_SEGMENTS_MAX) {
        plan->segment[what] = (struct guest_segment){{number()}, {number()}, small(), small()};
        plan->segments = MAX(plan->segments, what + 1u);
    } else if (what < 0x80) {
        *registers[what % ARRAY_LEN(registers)] = number();
    } else if (what < 0x90) {
        plan->mode = next() % 3;
    } else if (what < 0xa0) {
        plan->gdt_limit = (u16)number();
    } else if (what < 0xa8) {
        plan->segments = (u32)number();
    } else if (what < 0xac) {
        memset(plan->reason, next(), sizeof(plan->reason) - (next() & 1));
    } else {
        plan->cr3 &= plan->mode == LOAD_LONG_64 ? ~(PAGE_SIZE - 1) : 0;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct guest_plan plan;
    const char *fault;

    world_make();
    input = data;
    input_left = size;
    plan = world_plan();
    while (input_left)
        change(&plan);
    fault = guest_plan_fault(&plan, &vm, &info);
    if (!fault)
        check(&plan);
    else
        require(fault[0] != 0 && strnlen(fault, LOAD_REASON_MAX) < LOAD_REASON_MAX);
    return 0;
}
