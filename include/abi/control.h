/* What the microkernel and the control partition share: the info page with its events, the request
 * slots, and the structs that hypercalls read and write (docs/abi.md).
 *
 * The control partition is 64-bit code, entered with paging on: its memory is mapped at its own
 * physical addresses, RWX in 2 MiB pages, for as long as it takes to build tables of its own.
 * Interrupts are off, and none ever comes: what happens is told by events.  RDI = address of struct
 * abi_info, RSP = 0.  Its guest-physical addresses are physical ones, for DMA.  When it dies, its
 * next life gets the same memory as the last one has left it, but for the image with its bss and
 * the info page: devices may still write there, and it may have kept something.
 *
 * What lies in its memory is its own to write: the microkernel believes nothing there but what it
 * asks for, and nothing that it has written itself. */
#pragma once
#include "lib/types.h"

#define ABI_INFO_MAGIC  0x4c4f52544e4f4354ull
#define ABI_VERSION     1u
#define ABI_REVISION    8u
#define ABI_EVENTS      256u  /* event ports */
#define ABI_SLOTS       256u  /* request slots, one for each virtual CPU of a served guest */
#define ABI_DEVICES_MAX 512u  /* bytes of text about a guest's devices */
#define ABI_CONSOLE_MAX 256u  /* bytes of a console in one call */
#define ABI_LOG_MAX     512u  /* bytes of Lintel's log in one call */
#define ABI_VCPUS_MAX   8u    /* virtual CPUs of a partition */
#define ABI_NAME_MAX    32u   /* bytes of a guest's name, */
#define ABI_PATH_MAX    128u  /*   of a file's, */
#define ABI_CMDLINE_MAX 1024u /* of a command line; terminators included */
#define ABI_EXITS       80u   /* exit reasons (abi/exit_reasons.def) are below this */
#define ABI_TRACE_MAX   64u   /* records of a trace ring in one call */
#define ABI_TYPED_MAX   16u   /* of what was typed at a keyboard */
#define ABI_WORDS(bits) ((bits) / 64)

/* The event port that the microkernel uses by itself; all others are the control partition's to
 * give to doorbells and interrupts. */
#define ABI_EVENT_PARTITIONS 0u /* a partition has begun or ended: ask for each */
#define ABI_EVENT_FIRST      1u

/* The first page of its memory. */
struct abi_info {
    u64 magic;
    u32 version, revision;
    u64 memory, memory_bytes; /* physical address and size of its RAM */
    u64 image, image_bytes;   /* where control.elf lies in it, with its bss; free memory follows */
    u64 slots;                /* address of struct abi_request[ABI_SLOTS] */
    u64 tsc_hz;
    u32 life;       /* 0: the first; else how often it was started again */
    u32 partitions; /* numbers are below this; 0 is the control partition */
    /* The control partition's: not 0: it looks at `pending` and `requests` by itself, and is not
     * woken.  Takes effect at the next event. */
    u32 polling;
    u32 may_poll; /* 1: the configuration asks it to, since it has a CPU of its own */
    /* The control partition's: 1 + the slot whose request it is serving; 0: none.  If it dies over
     * the same request twice, that is not repeated once more. */
    u32 serving;
    u32 reserved;
    /* Bit p: event port p.  The microkernel sets bits of `pending`, the control partition clears
     * them; an event whose bit is set already is the same event.  A bit of `mask` keeps its event
     * from ending a wait, not from being pending. */
    u64 pending[ABI_WORDS(ABI_EVENTS)];
    u64 mask[ABI_WORDS(ABI_EVENTS)];
    /* Bit s: slot s has a request that is new.  The same way. */
    u64 requests[ABI_WORDS(ABI_SLOTS)];
};

_Static_assert(sizeof(struct abi_info) <= 4096, "one page");

/* What a wait ends with: the words that have something new since the last one ended; 0: its time
 * has come.  Events that were masked when they came are not among it. */
#define ABI_NEWS_EVENTS   0 /* bit w: pending[w] */
#define ABI_NEWS_REQUESTS 4 /* bit 4 + w: requests[w] */
#define ABI_NEWS_ALL      0xffull

enum abi_space { ABI_PORTS = 1, ABI_MEMORY = 2 };

/* An access of a guest that waits for a reply.  The value of a read has as many bytes as the
 * access; what lies above them is ignored. */
struct abi_request {
    u32 sequence;  /* of this slot's requests: reply names it */
    u16 partition; /* who asks */
    u8 vcpu;
    u8 space;    /* enum abi_space */
    u64 address; /* port, or gpa */
    u64 value;   /* written */
    u8 bytes;    /* 1, 2, 4, 8 */
    u8 write;    /* 1: a write; the value of its reply means nothing */
    u16 reserved[3];
    u64 reserved_too[4];
};

_Static_assert(sizeof(struct abi_request) == 64, "slots are an array");

struct abi_range {
    u64 first, last; /* ports or gpas, both included */
    u32 space;       /* enum abi_space */
    u32 reserved;    /* 0 */
};

/* The PCI bus of a guest whose configuration asks for devices, as its ACPI tables describe it: the
 * ports 0xcf8 to 0xcff, an ECAM area of bus 0, memory and ports for BARs; pin INTA of each slot at
 * a line.  The ports are those where PC firmware puts BARs (SeaBIOS, OVMF on the i440FX), and the
 * board has nothing there (vmm/policy/io_ports.def). */
#define ABI_PCI_MEMORY      0xe0000000ull
#define ABI_PCI_MEMORY_LAST 0xefffffffull
#define ABI_PCI_PORTS       0xc000u
#define ABI_PCI_PORTS_LAST  0xcfffu
#define ABI_PCI_ECAM        0xf0000000ull
#define ABI_PCI_ECAM_LAST   0xf00fffffull
#define ABI_PCI_SLOTS       32u
#define ABI_PCI_LINES       8u
#define ABI_PCI_LINE(slot)  (16u + (slot) % ABI_PCI_LINES)

/* A write of `bytes` bytes to exactly this address, of this value if has_value says so. */
struct abi_doorbell {
    u64 address;
    u64 value;
    u32 space; /* enum abi_space */
    u32 bytes; /* 1, 2, 4, 8; 0: any width, then without a value */
    u32 has_value;
    u32 port; /* of the event */
};

/* How a device of the machine drives its interrupt line: as ISA devices, as PCI devices, as some
 * emulators' PCI devices. */
enum abi_irq_mode { ABI_IRQ_EDGE_HIGH, ABI_IRQ_LEVEL_LOW, ABI_IRQ_LEVEL_HIGH };

/* ENDS: it does not run any more; its memory stays where the control partition has mapped it until
 * it calls `release`, ABI_RELEASE_MS at most. */
enum abi_partition_state {
    ABI_PARTITION_NONE,
    ABI_PARTITION_NEW,
    ABI_PARTITION_RUNS,
    ABI_PARTITION_ENDS,
};
#define ABI_RELEASE_MS 1000u

/* Of a guest of lintel.conf whose state is NONE: it has `start = ask` and nobody has asked; it is
 * about to begin; it has ended. */
enum abi_rest { ABI_REST_UNKNOWN, ABI_REST_WAITS, ABI_REST_STARTS, ABI_REST_ENDED };

/* How `end` ends a guest: for good, or for its next life. */
enum abi_end { ABI_END_OFF, ABI_END_RESET };

/* What `create` makes a guest of, and `spec` tells: the memory and processors that it gets, and
 * texts, which only the control partition reads, in whatever life it is: it is the guest's loader.
 * All texts are terminated. */
struct abi_guest_spec {
    char name[ABI_NAME_MAX]; /* as lintel.conf's; no other guest has it */
    u64 memory;              /* bytes: a multiple of 2 MiB, at least 4 MiB */
    u32 vcpus;               /* 1 to ABI_VCPUS_MAX */
    u16 held;                /* 1: it begins when `start` says so */
    u16 apicv_off;           /* 1: as lintel.conf's "apicv = off" */
    char devices[ABI_DEVICES_MAX];
    char kernel[ABI_PATH_MAX], initrd[ABI_PATH_MAX];
    char cmdline[ABI_CMDLINE_MAX];
};

/* The first registers of a guest's first virtual CPU.  Its segments are flat, interrupts are off;
 * at `gdt` a GDT lies that says so, with code at 0x10 and data at 0x18.  In long mode it is entered
 * with paging on. */
enum abi_mode { ABI_LONG_64, ABI_PROTECTED_32 };

struct abi_registers {
    u32 mode;      /* enum abi_mode */
    u32 gdt_limit; /* of 16 bits */
    u64 gdt, rip, cr3;
    u64 rsp, rax, rbx, rsi, rdi;
};

/* What a guest's configuration lets the control partition do: nothing, serve devices, or that and
 * map all of its memory. */
enum abi_served { ABI_SERVED_OFF, ABI_SERVED_DEVICES, ABI_SERVED_MEMORY };

struct abi_partition {
    u32 state;  /* enum abi_partition_state; NEW: it waits for `admit` */
    u32 served; /* enum abi_served */
    u32 vcpus;
    u32 life;   /* changes with each of its lives */
    u64 memory; /* bytes */
    u64 exits;  /* VM exits of all vCPUs in this life */
    u32 paused; /* 1: by somebody's order */
    u32 rest;   /* enum abi_rest; then there is no more than name, vcpus, memory */
    /* TSC ticks of all vCPUs in this life: in all, in Lintel, asleep, and wanting a CPU. */
    u64 ticks, lintel, asleep, waiting;
    u32 cpu[ABI_VCPUS_MAX]; /* of each vCPU */
    u32 created;            /* 1: by `create` */
    u32 unloaded;           /* 1: it waits for `registers` */
    char name[ABI_NAME_MAX];
    char devices[ABI_DEVICES_MAX]; /* what its configuration asks for: lines of text */
};

/* Exits of one reason; TSC ticks from exit to entry. */
struct abi_exit_stats {
    u64 count, sum;
    u64 min, median, p99, max; /* 0 if count is; median and p99 to 12.5 % */
};

/* What a virtual CPU has done in this life: TSC, and ticks of it.  A sleep and an absence are
 * counted when they are over. */
struct abi_vcpu_stats {
    u64 now;
    u64 start;                          /* of its first entry; 0: there was none */
    u64 ticks, lintel, asleep, waiting; /* since then: in all, in Lintel, asleep, wanting a CPU */
    u64 away_since;                     /* when it left its CPU; 0: it has the turn */
    u64 injected;                       /* interrupts */
    u64 msrs_refused, ports_refused;    /* accesses; to ports: of all its guest's vCPUs */
    u32 cpu, sleeps;                    /* sleeps, 1: it does, or waits for its STARTUP */
    struct abi_exit_stats exit[ABI_EXITS];
};

_Static_assert(sizeof(struct abi_vcpu_stats) <= 4096, "no more than a page is copied");

struct abi_cpu_stats {
    u64 now;
    u64 began;    /* TSC at which it began to run guests; 0: it did not yet */
    u64 busy;     /* ticks since then in which vCPUs had it, as of the end of the last turn */
    u64 traced;   /* records that its trace ring ever got: the position behind the newest */
    u32 vcpus;    /* that belong to it */
    u32 reserved; /* 0 */
};
