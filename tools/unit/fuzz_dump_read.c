/* Fuzz target for the reader of VMCS dumps: of any bytes it makes images that the rules can judge,
 * and tells each line at most two things. */
#include "tools/explain/dump_read.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct dump_reader reader;
static u32 told_in_line;

static void on_dump(void *ctx, u32 line, u32 cpu, const struct vmcs_image *image)
{
    (void)ctx;
    if (line == 0 || line >= reader.line || cpu >= DUMP_CPUS || !image->caps)
        abort();
    if (vmx_check_image(image, NULL, NULL) > VMCS_FIELDS * 4)
        abort();
    told_in_line++;
}

static void on_error(void *ctx, u32 line, const char *what)
{
    (void)ctx;
    if (line == 0 || line > reader.line || !what)
        abort();
    told_in_line++;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    memset(&reader, 0, sizeof(reader));
    reader.to = (struct dump_listener){.dump = on_dump, .error = on_error};
    while (size > 0) {
        const u8 *const end = memchr(data, '\n', size);
        const size_t len = end ? (size_t)(end - data) : size;

        told_in_line = 0;
        dump_read_line(&reader, (const char *)data, len);
        if (told_in_line > 2) /* that a dump has no end, and that the next one begins badly */
            abort();
        data += len + (end != NULL);
        size -= len + (end != NULL);
    }
    dump_read_end(&reader);
    return 0;
}
