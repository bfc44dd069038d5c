/* Says which VM-entry rules the VMCSs in a log break.
 *
 *     explain LOG        LOG: what hv.elf wrote, "-" for the standard input
 *
 * Exit status: 0, each dump was judged; 1, there is none, or one is not well made; 2, usage. */
#include "tools/explain/dump_read.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct told {
    const char *log;
    u32 dumps, errors;
};

static const char *const field_name[VMCS_FIELDS] = {
#define VMCS_ALL(encoding, name) #name,
#include "vmx/vmcs_fields.def"
};

static void say_rule(void *ctx, const struct vmcs_rule *rule, const struct vmcs_image *i)
{
    (void)ctx;
    printf("  violated: %s (SDM Vol. 3C, \"%s\")\n", rule->name, rule->section);
    for (u32 n = 0; n < rule->field_count; n++)
        printf("      %s = 0x%llx\n", field_name[rule->field[n]],
               (unsigned long long)i->field[rule->field[n]]);
}

static void explain(void *ctx, u32 line, u32 cpu, const struct vmcs_image *image)
{
    struct told *told = ctx;

    told->dumps++;
    printf("%s:%u: the VMCS of CPU %u\n", told->log, line, cpu);

    const u32 violated = vmx_check_image(image, say_rule, NULL);

    if (violated == 0)
        printf("  no rule that is known here is violated; those that are not: "
               "tools/explain/check.h\n");
    else
        printf("  rules violated: %u\n", violated);
}

static void complain(void *ctx, u32 line, const char *what)
{
    struct told *told = ctx;

    told->errors++;
    fprintf(stderr, "%s:%u: %s\n", told->log, line, what);
}

static void read_all(struct dump_reader *r, FILE *log)
{
    char *line = NULL;
    size_t room = 0;

    for (ssize_t len; (len = getline(&line, &room, log)) >= 0;)
        dump_read_line(r, line, (size_t)len - (len > 0 && line[len - 1] == '\n'));
    dump_read_end(r);
    free(line);
}

int main(int argc, char **argv)
{
    static struct dump_reader reader;

    if (argc != 2) {
        fprintf(stderr, "usage: explain LOG   (\"-\": the standard input)\n");
        return 2;
    }

    struct told told = {.log = argv[1]};
    FILE *const log = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");

    if (!log) {
        perror(argv[1]);
        return 1;
    }
    reader.to = (struct dump_listener){.dump = explain, .error = complain, .ctx = &told};
    read_all(&reader, log);
    if (ferror(log)) {
        perror(argv[1]);
        told.errors++;
    }
    fclose(log);
    if (told.dumps + told.errors == 0)
        complain(&told, reader.line,
                 "the log has no line "
                 "with LINTEL-ENTRY: no entry failed in it");
    return told.errors ? 1 : 0;
}
