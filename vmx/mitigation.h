/* What is done against speculative execution on one CPU: a plan, made from plain data.  Policy is
 * three tables: which models have which vulnerability (boot/models.c), which bit of the processor
 * says that it has not, and what helps (mitigation.c).  docs/mitigations.md explains both.  Pure.
 */
#pragma once
#include "lib/types.h"

enum vulnerability {
    VULN_L1TF,  /* L1 terminal fault: a guest reads what is in the L1 data cache */
    VULN_MDS,   /* microarchitectural data sampling: fill, store and load buffers */
    VULN_TAA,   /* the same by an aborted transaction */
    VULN_MMIO,  /* stale data of the same buffers by accesses to device memory */
    VULN_RFDS,  /* stale data of the register files of Atom cores */
    VULN_BTI,   /* branch target injection (Spectre variant 2), RSB poisoning among it */
    VULN_RSBA,  /* an empty RSB falls back to the indirect predictor (Retbleed) */
    VULN_PBRSB, /* the first unbalanced RET after an exit may go where the guest's last CALL was */
    VULN_BHI,   /* the guest's branch history selects among the hypervisor's own targets */
    VULN_ITS,   /* enhanced IBRS does not cover branches in the lower half of a cache line */
    VULN_GDS,   /* gather leaks stale vector registers */
    VULN_SRBDS, /* stale random numbers of other cores */
    VULN_ITLB,  /* not speculation: machine check if the size of an executable page changes */
    VULNERABILITIES
};

enum mitigation {
    /* On the way into a guest: variants of vmx_enter(), these bits are the variant's number. */
    MITIGATE_L1D_FLUSH = BIT32(0), /* IA32_FLUSH_CMD before the guest's registers are loaded */
    MITIGATE_VERW = BIT32(1),      /* the last memory access before VMRESUME */
    /* Both ways: IA32_SPEC_CTRL.IBRS is 1 while Lintel runs, and written at every exit. */
    MITIGATE_IBRS = BIT32(2),
    /* On the way out, before the first RET or indirect branch: variants of vmx_exit(). */
    MITIGATE_RSB = BIT32(3),      /* an entry for the exit's only RET, retired */
    MITIGATE_BHB_LOOP = BIT32(4), /* more taken branches than the history holds */
    /* Elsewhere. */
    MITIGATE_EIBRS = BIT32(5),     /* IA32_SPEC_CTRL.IBRS, once at the CPU's start */
    MITIGATE_BHI_DIS_S = BIT32(6), /* IA32_SPEC_CTRL.BHI_DIS_S, once at the CPU's start */
    MITIGATE_IBPB = BIT32(7),      /* IA32_PRED_CMD when the guest on a CPU changes */
    MITIGATE_EPT_4K = BIT32(8),    /* no executable page of an EPT larger than 4 KiB */
    MITIGATE_SMT_WARN = BIT32(9), /* nothing is done: threads of a core are not safe from another */
    MITIGATIONS_ALL = BIT32(10) - 1,
};
#define MITIGATE_ENTRY (MITIGATE_L1D_FLUSH | MITIGATE_VERW | MITIGATE_IBRS)
#define MITIGATE_EXIT  (MITIGATE_IBRS | MITIGATE_RSB | MITIGATE_BHB_LOOP)

/* What nobody knows has everything; but SRBDS, which only the listed models have and which no bit
 * denies. */
#define MITIGATION_ALL_MODELS ((u16)((BIT32(VULNERABILITIES) - 1) & ~BIT32(VULN_SRBDS)))

/* What a plan is made of: model and enumeration of one CPU. */
struct mitigation_cpu {
    u16 model;             /* BIT(enum vulnerability): what processors of its model have */
    bool known_model;      /* false: MITIGATION_ALL_MODELS */
    bool smt;              /* the core has more than one thread */
    bool device_memory;    /* a guest can access memory of a real device */
    u32 leaf7_ebx;         /* CPUID.(7,0):EBX */
    u32 leaf7_edx;         /* CPUID.(7,0):EDX */
    u32 leaf7_2_edx;       /* CPUID.(7,2):EDX */
    u32 leaf_80000008_ebx; /* CPUID.80000008H:EBX */
    u64 arch_caps;         /* IA32_ARCH_CAPABILITIES; 0 if CPUID does not enumerate it */
};

/* Owner: the CPU that it is for; written at its start only. */
struct mitigation_plan {
    u32 flags;     /* enum mitigation: what is done */
    u32 possible;  /* enum mitigation: what this processor has the instructions and MSRs for */
    u64 spec_ctrl; /* IA32_SPEC_CTRL while Lintel runs; written only if not 0 */
    u16 affected;  /* BIT(enum vulnerability) */
    u16 open;      /* those of them against which nothing, or not all, is done */
    u8 reason[VULNERABILITIES]; /* for mitigation_reason() */
    bool off;                   /* by configuration */
};

void mitigation_plan_make(struct mitigation_plan *plan, const struct mitigation_cpu *cpu, bool on);

const char *vulnerability_name(enum vulnerability v);
/* Why the plan has for `v` what it has. */
const char *mitigation_reason(const struct mitigation_plan *plan, enum vulnerability v);
const char *mitigation_name(u32 flag); /* one bit */

enum mitigation_state {
    MITIGATION_ON,
    MITIGATION_OPEN,
    MITIGATION_NOT_AFFECTED,
    MITIGATION_STATES
};
#define MITIGATION_TEXT_MAX 360u
/* "on: ...", "open: ..." or "not affected: ...", each item with its reason. */
void mitigation_text(const struct mitigation_plan *plan, enum mitigation_state state,
                     char text[MITIGATION_TEXT_MAX]);
