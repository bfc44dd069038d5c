/* The board: everything of a guest's PC that is not a processor or memory -- the
 * device models of vmm/dev/ wired together, and the port table (vmm/policy/io.c).
 * Pure: time comes in as an argument (host TSC ticks), characters and wishes go out
 * through struct board_host.  Owner: struct vm; lock: the vm's. */
#pragma once
#include "lib/types.h"
#include "vmm/dev/fwports.h"
#include "vmm/dev/i8042.h"
#include "vmm/dev/ioapic.h"
#include "vmm/dev/pci_ports.h"
#include "vmm/dev/pic.h"
#include "vmm/dev/pit.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/uart.h"

/* What the guest asked of its machine; the caller acts and clears it. */
enum board_wish { BOARD_NOTHING, BOARD_POWER_OFF, BOARD_RESET, BOARD_DEBUG_EXIT };

struct board_host {
    void *ctx;
    /* Take one character of the guest's COM1; called only while tx_room() was true. */
    void (*tx)(void *ctx, u8 byte);
    bool (*tx_room)(void *ctx);
    /* What the guest wrote to LEDGER_PORT; NULL: it has no such port. */
    void (*mark)(void *ctx, u32 value);
};

struct board {
    u64 tsc_hz;
    struct board_host host;
    u16 debug_exit_port; /* 0: none */
    struct pic_pair pic;
    struct ioapic ioapic;
    struct pit pit;
    struct rtc rtc;
    struct uart com1;
    struct i8042 i8042;
    struct pm pm;
    struct pci_ports pci;
    struct fwports fw; /* ports 0x92, 0xcf9, 0x80, debug exit */
    u64 deadline;      /* TSC when board_tick() is next due; ~0: never; 0: a message waits */
    enum board_wish wish;
    u32 wish_value; /* BOARD_DEBUG_EXIT: the byte */
    u64 refused;    /* accesses to ports without a row */
};

/* wall_time: seconds since 1970 UTC at `now`; memory: bytes of RAM (for CMOS). */
void board_init(struct board *b, const struct board_host *host, u64 tsc_hz, u64 now, u64 wall_time,
                u64 memory, u16 debug_exit_port);
void board_reset(struct board *b, u64 now);

/* size 1, 2 or 4. A port without a row reads as ones, takes writes in silence, and
 * both return false: refused, for the caller to count and trace. */
bool board_port_read(struct board *b, u16 port, u8 size, u64 now, u32 *value);
bool board_port_write(struct board *b, u16 port, u8 size, u32 value, u64 now);
/* After an access to a model that went past these two: what is an enum io_after. */
void board_settle(struct board *b, u8 what);

void board_tick(struct board *b, u64 now);          /* runs what is due; sets deadline anew */
void board_console_input(struct board *b, u8 byte); /* call only if board_console_room() */
bool board_console_room(const struct board *b);
void board_console_drained(struct board *b, u64 now); /* tx_room() may be true again */

static inline bool board_irq_pending(const struct board *b)
{
    return b->pic.intr;
}
/* Interrupt lines that no model has, bit n: line n of the 8259s (below 16) and of the I/O APIC. */
#define BOARD_FREE_LINES 0xffdce8u
void board_set_lines(struct board *b, u32 levels);
/* Whether the guest wants to hear of it; a glimpse, if the board is not the caller's. */
bool board_has_power_button(const struct board *b);
void board_press_power_button(struct board *b, u64 now);
u8 board_irq_ack(struct board *b); /* the INTA cycle: gives the vector, moves IRR to ISR */

/* Registers of the I/O APIC; EOI messages to it, and its own, which go to local APICs: to be taken
 * after board_tick(), until there is none. */
u32 board_ioapic_read(const struct board *b, u32 offset);
void board_ioapic_write(struct board *b, u32 offset, u32 value);
void board_eoi(struct board *b, u8 vector);
bool board_take_message(struct board *b, struct apic_message *m);
