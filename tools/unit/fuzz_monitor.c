/* Fuzz target for the monitor's ear: any bytes that are typed leave a line that is a text, an echo
 * that a terminal can show, and either an order that its row allows or an error. */
#include "vmm/monitor_parse.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static const struct monitor_names names = {4, {"web", "a", "web2", "7"}};

static void obey(const char *line)
{
    struct monitor_order order;
    char error[MONITOR_ERROR_MAX];
    const bool good = monitor_parse(line, &names, &order, error);

    REQUIRE(memchr(error, 0, sizeof(error)) != NULL);
    REQUIRE(good == (error[0] == '\0'));
    REQUIRE(order.command <= MONITOR_COMMANDS && (good || order.command == MONITOR_COMMANDS));
    if (!good || order.command == MONITOR_COMMANDS) {
        REQUIRE(!good || strspn(line, " ") == strlen(line));
        return;
    }
    for (u32 i = 0; monitor_commands[order.command].args[i]; i++)
        REQUIRE(order.arg[i] <
                (monitor_commands[order.command].args[i] == 'g' ? names.count : 10000u));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct monitor_editor e;
    char echo[MONITOR_ECHO];

    monitor_editor_init(&e);
    for (size_t i = 0; i < size; i++) {
        const bool complete = monitor_editor_type(&e, data[i], echo);

        REQUIRE(memchr(echo, 0, sizeof(echo)) != NULL);
        REQUIRE(e.len <= MONITOR_LINE && strlen(e.line) == e.len);
        for (u32 k = 0; k < e.len; k++)
            REQUIRE(e.line[k] >= 0x20 && e.line[k] < 0x7f);
        if (!complete)
            continue;
        obey(e.line);
        monitor_editor_next(&e);
    }
    return 0;
}
