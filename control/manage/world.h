/* What the shell's commands know of, and what they can change: the control partition, as seen by
 * control/manage/.  Texts are valid until the next call.  Pure. */
#pragma once
#include "abi/control.h"
#include "abi/trace.h"
#include "control/net/port.h"

#define MANAGE_NAME  32u /* bytes, terminator included */
#define MANAGE_VCPUS 8u

struct manage_guest {
    char name[MANAGE_NAME];
    const char *state; /* "waits", "starts", "runs", "paused", "ends", "ended" */
    bool lives;
    u32 vcpus;
    u64 memory; /* bytes */
    /* Of this life; 0 if there is none. */
    u64 exits;                 /* VM exits */
    u64 ticks, lintel, asleep; /* TSC, of all virtual CPUs: in all, in Lintel, asleep */
    u32 cpu[MANAGE_VCPUS];     /* of each virtual CPU */
    bool served;
    bool made; /* by `create` */
};

struct manage_disk {
    const char *guest, *name; /* "web", "disk0" */
    const char *source;       /* as lintel.conf has it */
    const char *cache;        /* a word of control/disk/cache_mode.h */
    u64 bytes;
    bool read_only;
    u64 requests, errors;
};

/* A guest's card, or the machine's, at a switch. */
struct manage_port {
    const char *guest; /* of the machine's card: "-" */
    const char *name, *lan;
    struct net_mac mac;
    bool link;
    u64 sent, received; /* frames from it into the switch, and the other way */
    u64 refused;        /* that it sent, and may not */
    u64 dropped;        /* on the way to it */
};

/* How far a guest is that was made. */
enum manage_made { MANAGE_MAKING, MANAGE_MADE, MANAGE_NOT_MADE };

struct manage_world {
    u64 tsc_hz;
    u32 partitions; /* numbers are below this; guests have those from 1 on */
    /* False: there is none of that number.  One that does not live is one, too. */
    bool (*guest)(u32 number, struct manage_guest *g);
    /* False: it does not live, or has no such virtual CPU; the machine has no such CPU. */
    bool (*vcpu)(u32 number, u32 vcpu, struct abi_vcpu_stats *s);
    bool (*cpu)(u32 cpu, struct abi_cpu_stats *s);
    /* Records of a CPU's trace ring from that position on, at most ABI_TRACE_MAX; returns how many,
     * 0 if they are not kept any more. */
    u32 (*trace)(u32 cpu, u64 position, struct trace_record *to, u32 most);
    u64 (*audit)(void); /* KiB of free memory */
    /* The n-th of all guests' disks, of all ports; false: there are no more. */
    bool (*disk)(u32 n, struct manage_disk *d);
    bool (*port)(u32 n, struct manage_port *p);
    /* Plugs all cables of a guest in, or pulls them out; returns how many it has. */
    u32 (*set_link)(const char *guest, bool up);
    /* Orders.  E_NOENT: it does not live; of start: there is none.  E_EXIST: it is so already. */
    err_t (*start)(u32 number);
    err_t (*end)(u32 number, bool again);
    err_t (*forget)(u32 number); /* one that was made ends, and is no more */
    err_t (*pause)(u32 number, bool on);
    err_t (*press_power_button)(u32 number);      /* E_PERM: it does not listen */
    err_t (*move)(u32 number, u64 vcpu, u64 cpu); /* E_RANGE: no such one; E_PERM: it may not */
    err_t (*show)(u32 number);                    /* its console; E_PERM: it has none */
    void (*hide)(void);                           /* the shell */
    /* What stands before a path of the volume that Lintel was started from, like "ide0:1:"; empty:
     * it is not known. */
    const char *(*volume)(void);
    /* Makes a guest, which begins unless it is held.  Not OK: `why` says what is wrong and what
     * would do. */
    err_t (*create)(const struct abi_guest_spec *spec, u32 *number, char *why, size_t why_size);
    /* Of the guest that was made last; *why: of MANAGE_NOT_MADE. */
    enum manage_made (*made)(const char **why);
    /* The last lines of Lintel's log, at most that many; its level, of control/shell's setting. */
    const char *(*lintel_log)(u32 lines);
    u32 (*log_level)(void);
    void (*set_log_level)(u32 level);
    /* The last lines of the control partition's log, at most that many. */
    const char *(*log)(u32 lines);
    bool (*polls)(void);
    bool (*may_poll)(void); /* the configuration lets it */
    void (*set_poll)(bool on);
};
