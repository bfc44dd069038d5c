/* The ledger: a guest marks where an operation begins and ends, and Lintel counts the VM exits in
 * between, by reason (docs/ledger.md).  There are two kinds of marks: the hypercalls ledger_begin
 * and ledger_end, and an OUT to LEDGER_PORT, which a user program can do after ioperm().  Both are
 * refused, and the port is nobody's, unless the guest's section of lintel.conf says `ledger = on`.
 */
#pragma once
#include "lib/types.h"

enum ledger_op {
#define LEDGER_OP(number, name, text) LEDGER_OP_##name = (number),
#include "abi/ledger.def"
    LEDGER_OPS = 32, /* room for more */
};

/* Not a port of any PC's chip set; nothing answers there on the bare machine. */
#define LEDGER_PORT 0x700u

/* What is written there, as a byte or as a double word:
 * bits 6:0 operation, bit 7: end, bits 31:8 (end): how many there were; 0 means one. */
#define LEDGER_OP_MASK     0x7fu
#define LEDGER_END         0x80u
#define LEDGER_TIMES_SHIFT 8u
#define LEDGER_TIMES_MAX   0xffffffu
