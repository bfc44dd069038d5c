/* lintel.conf as data.  boot/config.c (pure) makes it from text, so that mistakes
 * are shown while the firmware is still there; hv.elf takes the result and has no
 * text parser.  The keys are documented in docs/config.md. */
#pragma once
#include "lib/types.h"

#define CONFIG_NAME_MAX      32u
#define CONFIG_PATH_MAX      128u
#define CONFIG_CMDLINE_MAX   1024u
#define CONFIG_STRING_MAX    128u
#define CONFIG_DEVICES_MAX   512u
#define CONFIG_GUESTS_MAX    128u
#define CONFIG_GUEST_MODULES 8u
#define CONFIG_VCPUS_MAX     8u
#define CONFIG_CPUS_MAX      64u /* physical processors that `cpu` can name */

enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };

/* What Lintel does with the machine after the last guest or the laboratory.  RETURN: back to the
 * firmware; guests leave no firmware to return to, and a restart is the way there. */
enum config_on_end { CONFIG_END_POWEROFF, CONFIG_END_REBOOT, CONFIG_END_HALT, CONFIG_END_RETURN };

/* The laboratory in the guests' place: when the L key was pressed (OFF), always, or when it is
 * pressed within a few seconds. */
enum config_lab { CONFIG_LAB_OFF, CONFIG_LAB_ON, CONFIG_LAB_ASK };

/* What is done against speculative execution.  AUTO: what the processor needs. */
enum config_mitigations { CONFIG_MITIGATIONS_AUTO, CONFIG_MITIGATIONS_OFF };

/* All guests at once, or each after the end of the one before. */
enum config_run { CONFIG_RUN_TOGETHER, CONFIG_RUN_ONE_BY_ONE };

/* SHARED: vCPUs take turns on the processors.  PINNED: each vCPU has one of its own. */
enum config_schedule { CONFIG_SCHEDULE_SHARED, CONFIG_SCHEDULE_PINNED };

/* Started with Lintel, or by order. */
enum config_start { CONFIG_START_BOOT, CONFIG_START_ASK };

/* AUTO: the processor delivers interrupts to the guest if it can. */
enum config_apicv { CONFIG_APICV_AUTO, CONFIG_APICV_OFF };

/* What the control partition may do for a guest: nothing, serve devices, or that and map all of its
 * memory. */
enum config_served { CONFIG_SERVED_OFF, CONFIG_SERVED_DEVICES, CONFIG_SERVED_MEMORY };

/* What happens when a guest asks for a reset. */
enum config_on_reboot { CONFIG_REBOOT_RESTART, CONFIG_REBOOT_END };

/* Where the guest's COM1 goes.  AUTO: COM2 if it exists, else COM1; and the screen. */
enum config_console {
    CONFIG_CONSOLE_AUTO,
    CONFIG_CONSOLE_COM1,
    CONFIG_CONSOLE_COM2,
    CONFIG_CONSOLE_COM3,
    CONFIG_CONSOLE_COM4,
    CONFIG_CONSOLE_SCREEN,
    CONFIG_CONSOLE_NONE
};

/* Image format; AUTO looks at the bytes. */
enum config_format {
    CONFIG_FORMAT_AUTO,
    CONFIG_FORMAT_LINUX,
    CONFIG_FORMAT_MULTIBOOT,
    CONFIG_FORMAT_FLAT,
    CONFIG_FORMAT_PVH
};

enum config_switch { CONFIG_OFF, CONFIG_ON };

struct config_module {
    char path[CONFIG_PATH_MAX];
    char string[CONFIG_STRING_MAX];
};

struct config_guest {
    char name[CONFIG_NAME_MAX];
    u64 memory; /* bytes, a multiple of 2 MiB */
    u64 cpus;   /* physical processors by bit; 0: Lintel chooses */
    u32 vcpus;
    u32 schedule;   /* enum config_schedule */
    u32 priority;   /* 0 to 7, the highest */
    u32 weight;     /* share among guests of the same priority */
    u32 cap;        /* percent of one processor in each period, 0: no limit */
    u32 period;     /* of the cap, milliseconds */
    u32 lifetime;   /* milliseconds until Lintel ends it, 0: no limit */
    u32 restarts;   /* how often it is started again after that */
    u32 exits;      /* VM exits until Lintel ends it, 0: no limit */
    u32 exits_seed; /* not 0: in each life another limit, up to that */
    u32 paravirt;   /* enum config_switch: the clock of KVM's CPUID leaves */
    u32 start;      /* enum config_start */
    u32 apicv;      /* enum config_apicv */
    u32 format;     /* enum config_format */
    u32 console;    /* enum config_console */
    u32 on_reboot;  /* enum config_on_reboot */
    u32 debug_exit; /* port number, 0: none */
    u32 stats;      /* enum config_switch: lines for programs at its end */
    u32 trace_dump; /* enum config_switch: the trace ring at its end */
    u32 ledger;     /* enum config_switch: it may mark operations */
    u32 touch;      /* enum config_switch: a page is mapped at its first access */
    u32 served;     /* enum config_served */
    u32 module_count;
    /* What the control partition is to serve: for each device a line, its key, a blank, its value.
     * Nobody else reads it. */
    char devices[CONFIG_DEVICES_MAX];
    char kernel[CONFIG_PATH_MAX];
    char initrd[CONFIG_PATH_MAX]; /* empty: none */
    char cmdline[CONFIG_CMDLINE_MAX];
    struct config_module module[CONFIG_GUEST_MODULES];
};

struct config {
    u32 log_level; /* enum config_log_level */
    u32 on_end;    /* enum config_on_end */
    u32 guest_count;
    u32 lab;                       /* enum config_lab; ON: there may be no guest */
    u32 mitigations;               /* enum config_mitigations */
    u32 run;                       /* enum config_run */
    u32 slice;                     /* of a processor's time, milliseconds */
    u32 control_poll;              /* enum config_switch: the control partition looks by itself */
    u64 control_memory;            /* bytes, a multiple of 2 MiB */
    u64 control_cpus;              /* as a guest's `cpus` */
    char control[CONFIG_PATH_MAX]; /* the control partition's program; empty: there is none */
    struct config_guest guest[CONFIG_GUESTS_MAX];
};
