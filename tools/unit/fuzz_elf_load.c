/* Any bytes as hv.elf: a plan that is accepted can be carried out without a further check. */
#include "boot/elf_load.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_plan(const struct elf_plan *p, const u8 *image, size_t size)
{
    static u8 block[ELF_SPAN_MAX];
    bool entry_found = false;
    u64 end = p->virt;

    require(p->count >= 1 && p->count <= ELF_SEGMENTS_MAX);
    require(p->virt >= 0xffffffff80000000ull && IS_ALIGNED(p->virt, LARGE_PAGE_SIZE));
    require(p->span <= ELF_SPAN_MAX && IS_ALIGNED(p->span, PAGE_SIZE));
    require(p->virt + p->span > p->virt);
    for (u32 i = 0; i < p->count; i++) {
        const struct elf_segment *s = &p->segment[i];

        require(s->virt >= end && IS_ALIGNED(s->virt, PAGE_SIZE));
        end = s->virt + s->mem_size;
        require(end > s->virt && end <= p->virt + p->span);
        require(s->file_size <= s->mem_size);
        require(!(s->writable && s->executable));
        if (s->executable && p->entry >= s->virt && p->entry < s->virt + s->file_size)
            entry_found = true;
        require(s->file_offset <= size && s->file_size <= size - s->file_offset);
        memcpy(block + (s->virt - p->virt), image + s->file_offset, s->file_size);
    }
    require(entry_found);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    /* The first bytes of every good file, or the fuzzer would look for them for ever. */
    static const u8 start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1,  0, 0, 0, 0, 0,
                               0,    0,   0,   0,   2, 0, 62, 0, 1, 0, 0, 0};
    u8 *image = malloc(size ? size : 1);
    const char *reason = NULL;
    struct elf_plan plan;

    if (size != 0)
        memcpy(image, data, size);
    if (size > 64 && data[size - 1] % 8 != 0) {
        memcpy(image, start, sizeof(start));
        image[52] = 64;
        image[54] = 56;
        image[53] = image[55] = 0;
    }
    if (elf_plan(image, size, &plan, &reason) == OK)
        check_plan(&plan, image, size);
    else
        require(reason != NULL);
    free(image);
    return 0;
}
