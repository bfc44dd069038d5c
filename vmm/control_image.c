/* See control_image.h.  The first tables map its memory at its own addresses in 2 MiB pages; it
 * lies in at most two runs of 1 GiB, since it has 1 GiB at most.  SDM Vol. 3A, "4-Level Paging and
 * 5-Level Paging". */
#include "vmm/control_image.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/gmem.h"

#define TABLES_AT 0x6000ull /* PML4, two page-directory-pointer tables, two page directories */
#define TABLES    5u
#define ENTRIES   512u
#define ENTRY     3ull /* present, writable */
#define LARGE     BIT(7)

_Static_assert(CONTROL_SLOTS_AT + ABI_SLOTS * sizeof(struct abi_request) <= TABLES_AT &&
                   TABLES_AT + TABLES * PAGE_SIZE <= CONTROL_IMAGE_AT,
               "nothing overlaps");

/* Memory that ends in the next 512 GiB would need the second pointer table: entry 0 of it. */
static void build_tables(const struct vm_extent *ram, u64 *tables)
{
    const u64 at = ram->gpa.v + TABLES_AT, first = ram->gpa.v;
    u64 *const pml4 = tables, *const pointers = tables + ENTRIES;
    u64 *const directories = tables + 3 * ENTRIES;

    memset(tables, 0, TABLES * PAGE_SIZE); /* an earlier life has changed them */
    for (u64 page = first; page < first + ram->len; page += LARGE_PAGE_SIZE) {
        const u64 upper = page / (512 * GiB) - first / (512 * GiB);
        const u64 run = page / GiB - first / GiB;

        pml4[page / (512 * GiB)] = (at + (1 + upper) * PAGE_SIZE) | ENTRY;
        pointers[upper * ENTRIES + page / GiB % ENTRIES] = (at + (3 + run) * PAGE_SIZE) | ENTRY;
        directories[run * ENTRIES + page / LARGE_PAGE_SIZE % ENTRIES] = page | ENTRY | LARGE;
    }
}

err_t control_image_plan(const struct vm *vm, struct guest_plan *plan)
{
    const struct boot_info *boot = bootinfo();
    const struct vm_extent *ram = &vm->extent[0];
    u64 *tables = gmem_pointer(vm, (gpa_t){ram->gpa.v + TABLES_AT}, TABLES * PAGE_SIZE);

    if (!tables || ram->len - CONTROL_IMAGE_AT < boot->control_size)
        return E_NOMEM;
    build_tables(ram, tables);
    plan->mode = LOAD_LONG_64;
    plan->cr3 = ram->gpa.v + TABLES_AT;
    plan->gdt = (gpa_t){0};
    plan->gdt_limit = 0;
    plan->rax = plan->rbx = plan->rsi = plan->rsp = 0;
    plan->rdi = ram->gpa.v + CONTROL_INFO_AT;
    plan->rip = ram->gpa.v + CONTROL_IMAGE_AT + boot->control_entry;
    plan->segments = 1;
    plan->segment[0] = (struct guest_segment){
        .to = {ram->gpa.v + CONTROL_IMAGE_AT},
        .from = {boot->control_base},
        .len = boot->control_size,
        .room = boot->control_size,
    };
    return OK;
}
