/* See console_irq.h. */
#include "vmm/console_irq.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/uart.h"
#include "lib/atomic.h"
#include "vmm/console.h"
#include "vmm/outlet.h"

#define TRIES_A_SECOND 1000u /* the transmitter is empty now: its interrupt comes at once */

/* By the PC's convention; a machine that has it otherwise does not pass the test. */
static const u8 line_of_com[UART_PORTS] = {4, 3, 4, 3};

static bool has_come;

static void came(void)
{
    has_come = true;
    console_wake(0);
}

static bool has_interrupt(u16 base, u32 line)
{
    const u64 end = rdtsc() + tsc_hz / TRIES_A_SECOND;

    has_come = false;
    apic_route_line(line, APIC_VECTOR_SERIAL);
    uart_set_interrupt(base, UART_ON_EMPTY_TRANSMITTER);
    while (!READ_ONCE(has_come) && rdtsc() < end)
        apic_wait_until(end);
    uart_set_interrupt(base, UART_SILENT);
    if (!READ_ONCE(has_come))
        apic_mask_line(line);
    return READ_ONCE(has_come);
}

void console_irq_start(void)
{
    u32 lines = 0;

    trap_set_handler(APIC_VECTOR_SERIAL, came);
    for (u32 com = 0; com < UART_PORTS; com++) {
        const u32 n = outlet_of_com(com), line = line_of_com[com];

        if (n == OUTLET_NONE)
            continue;
        if ((lines & BIT32(line)) || !has_interrupt(outlet[n].port, line)) {
            log_info("console: COM%u cannot interrupt: the ports are looked at", com + 1);
            return;
        }
        lines |= BIT32(line);
    }
    for (u32 n = 0; n < BOOT_UARTS_MAX; n++)
        if (outlet[n].exists)
            uart_set_interrupt(outlet[n].port, UART_ON_RECEIPT);
    console_is_told();
}
