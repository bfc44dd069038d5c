/* Decoders of what the processor packs into exit qualifications and interruption information.
 * SDM Vol. 3C, "Basic VM-Exit Information", "Information for VM Exits Due to Vectored Events",
 * "VM-Entry Controls for Event Injection".  Pure. */
#pragma once
#include "lib/types.h"

/* ---- interruption information: VM-entry, VM-exit and IDT-vectoring have one format */

#define INTR_INFO_VECTOR     0xffu
#define INTR_INFO_ERROR_CODE BIT32(11) /* an error code is valid, or is to be delivered */
#define INTR_INFO_NMI_IRET   BIT32(12) /* VM exit: NMI unblocking due to IRET */
#define INTR_INFO_VALID      BIT32(31)

enum intr_type {
    INTR_EXTERNAL = 0,
    INTR_NMI = 2,
    INTR_HARDWARE_EXCEPTION = 3,
    INTR_SOFTWARE_INTERRUPT = 4,   /* INT n */
    INTR_PRIVILEGED_EXCEPTION = 5, /* INT1 */
    INTR_SOFTWARE_EXCEPTION = 6,   /* INT3, INTO */
    INTR_OTHER_EVENT = 7,
};

static inline u32 intr_info_type(u32 info)
{
    return info >> 8 & 7;
}

static inline u32 intr_info(enum intr_type type, u32 vector, bool error_code)
{
    return INTR_INFO_VALID | (error_code ? INTR_INFO_ERROR_CODE : 0) | (u32)type << 8 |
           (vector & INTR_INFO_VECTOR);
}

/* ---- EXIT_CR_ACCESS: Table "Exit Qualification for Control-Register Accesses" */

enum qual_cr_access { QUAL_MOV_TO_CR, QUAL_MOV_FROM_CR, QUAL_CLTS, QUAL_LMSW };

struct qual_cr {
    u8 cr;
    u8 access; /* enum qual_cr_access */
    u8 greg;   /* MOV: enum greg */
    bool lmsw_memory;
    u16 lmsw_source;
};

static inline struct qual_cr qual_cr(u64 qual)
{
    return (struct qual_cr){
        .cr = qual & 15,
        .access = qual >> 4 & 3,
        .lmsw_memory = qual >> 6 & 1,
        .greg = qual >> 8 & 15,
        .lmsw_source = (u16)(qual >> 16),
    };
}

/* ---- EXIT_DR_ACCESS: "Exit Qualification for MOV DR" */

struct qual_dr {
    u8 dr;
    bool read; /* MOV from the debug register */
    u8 greg;   /* enum greg */
};

static inline struct qual_dr qual_dr(u64 qual)
{
    return (struct qual_dr){
        .dr = qual & 7,
        .read = qual >> 4 & 1,
        .greg = qual >> 8 & 15,
    };
}

/* ---- EXIT_IO: "Exit Qualification for I/O Instructions" */

struct qual_io {
    u16 port;
    u8 size; /* bytes: 1, 2, 4; 0 for what is no size */
    bool in, string, rep, immediate;
};

static inline __attribute__((always_inline)) struct qual_io qual_io(u64 qual)
{
    const u8 size = (u8)((qual & 7) + 1);

    return (struct qual_io){
        .port = (u16)(qual >> 16),
        .size = size == 1 || size == 2 || size == 4 ? size : 0,
        .in = qual >> 3 & 1,
        .string = qual >> 4 & 1,
        .rep = qual >> 5 & 1,
        .immediate = qual >> 6 & 1,
    };
}

/* ---- EXIT_EPT_VIOLATION: "Exit Qualification for EPT Violations" */

struct qual_ept {
    bool read, write, fetch;             /* what the access was */
    bool readable, writable, executable; /* what the translation allowed */
    bool linear_valid;                   /* exit.gla is valid */
    bool final;                          /* the access itself, not a walk of the guest's paging */
    bool nmi_iret;                       /* NMI unblocking due to IRET */
};

static inline struct qual_ept qual_ept(u64 qual)
{
    return (struct qual_ept){
        .read = qual & 1,
        .write = qual >> 1 & 1,
        .fetch = qual >> 2 & 1,
        .readable = qual >> 3 & 1,
        .writable = qual >> 4 & 1,
        .executable = qual >> 5 & 1,
        .linear_valid = qual >> 7 & 1,
        .final = (qual >> 7 & 1) && (qual >> 8 & 1), /* bit 8 is defined only if bit 7 is set */
        .nmi_iret = qual >> 12 & 1,
    };
}

/* ---- #DB: "Exit Qualification for Debug Exceptions": what DR6 would say */

struct qual_debug {
    u8 breakpoints;      /* B3-B0 */
    bool bus_lock;       /* 1: a bus lock */
    bool debug_register; /* BD */
    bool single_step;    /* BS */
    bool rtm;
};

static inline struct qual_debug qual_debug(u64 qual)
{
    return (struct qual_debug){
        .breakpoints = qual & 15,
        .bus_lock = qual >> 11 & 1,
        .debug_register = qual >> 13 & 1,
        .single_step = qual >> 14 & 1,
        .rtm = qual >> 16 & 1,
    };
}

/* ---- EXIT_TASK_SWITCH: "Exit Qualification for Task Switches" */

enum qual_task_source { QUAL_TASK_CALL, QUAL_TASK_IRET, QUAL_TASK_JMP, QUAL_TASK_GATE };

struct qual_task {
    u16 selector; /* of the TSS to be switched to */
    u8 source;    /* enum qual_task_source */
};

static inline struct qual_task qual_task(u64 qual)
{
    return (struct qual_task){.selector = (u16)qual, .source = qual >> 30 & 3};
}
