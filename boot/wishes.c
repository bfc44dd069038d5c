/* Which VMX controls Lintel uses, and why: the only place that names them.  SDM Vol. 3C,
 * "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry Control Fields".  Pure. */
#include "boot/wishes.h"
#include "lib/fmt.h"
#include "vmx/delivery.h"

static const struct ctl_wish wishes[VMX_WORDS] = {
    /* The machine's interrupts belong to the hypervisor, NMIs too; virtual NMIs give the guest its
     * own blocking by NMI and the NMI window.  The timer is what preempts a guest. */
    [WORD_PIN] =
        {
            .must = PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS |
                    PIN_PREEMPTION_TIMER,
            .never = PIN_POSTED_INTERRUPTS,
        },
    /* No guest has MONITOR or a PMU: their instructions exit, to be answered with #UD and #GP.
     * CR8 exits without a TPR shadow: it would otherwise be the host's own TPR.
     * With EPT and VPID, what a guest does to its own paging, its debug registers and (under TSC
     * offsetting) its clock is its own affair and must not cost an exit. */
    [WORD_CPU] =
        {
            .must = CPU_TSC_OFFSETTING | CPU_HLT_EXITING | CPU_MWAIT_EXITING | CPU_RDPMC_EXITING |
                    CPU_IO_BITMAPS | CPU_MSR_BITMAPS | CPU_CR8_LOAD_EXITING |
                    CPU_CR8_STORE_EXITING | CPU_MONITOR_EXITING | CPU_SECONDARY_CONTROLS,
            .never = CPU_INVLPG_EXITING | CPU_RDTSC_EXITING | CPU_CR3_LOAD_EXITING |
                     CPU_CR3_STORE_EXITING | CPU_TERTIARY_CONTROLS | CPU_TPR_SHADOW |
                     CPU_MOV_DR_EXITING | CPU_MONITOR_TRAP_FLAG | CPU_PAUSE_EXITING,
            .toggle = CPU_INTERRUPT_WINDOW_EXITING | CPU_NMI_WINDOW_EXITING,
        },
    /* RDTSCP, INVPCID and XSAVES are #UD in a guest without their control: wanted, and vmm/ shows
     * the guest only what was got.  WBINVD would empty the caches that everybody shares (a guest's
     * memory is write-back and coherent, so answering it with nothing is right).  ENCLS and ENCLV
     * exit, or a guest could make enclaves that nobody granted it.  User wait and pause stays off:
     * TPAUSE and UMWAIT are then #UD, as for a processor without WAITPKG.  So does PCONFIG. */
    [WORD_CPU2] =
        {
            .must = CPU2_EPT | CPU2_VPID | CPU2_UNRESTRICTED_GUEST,
            .want = CPU2_RDTSCP | CPU2_INVPCID | CPU2_XSAVES | CPU2_WBINVD_EXITING |
                    CPU2_ENCLS_EXITING | CPU2_ENCLV_EXITING,
            .never = CPU2_VIRTUALIZE_APIC_ACCESSES | CPU2_DESCRIPTOR_TABLE_EXITING |
                     CPU2_VIRTUALIZE_X2APIC_MODE | CPU2_APIC_REGISTER_VIRTUALIZATION |
                     CPU2_VIRTUAL_INTERRUPT_DELIVERY | CPU2_VM_FUNCTIONS | CPU2_VMCS_SHADOWING |
                     CPU2_PML | CPU2_EPT_VIOLATION_VE | CPU2_MODE_BASED_EXECUTE |
                     CPU2_SUB_PAGE_WRITE | CPU2_PCONFIG | CPU2_USER_WAIT_AND_PAUSE,
        },
    [WORD_CPU3] = {0},
    /* EFER and PAT are switched by the processor, so that no exit path needs WRMSR.  Without saving
     * the timer's remainder every exit would give a guest its whole time slice again. */
    [WORD_VMEXIT] =
        {
            .must = VMEXIT_SAVE_DEBUG_CONTROLS | VMEXIT_HOST_ADDRESS_SPACE_SIZE |
                    VMEXIT_ACK_INTERRUPT | VMEXIT_SAVE_PAT | VMEXIT_LOAD_PAT | VMEXIT_SAVE_EFER |
                    VMEXIT_LOAD_EFER | VMEXIT_SAVE_PREEMPTION_TIMER,
            .never = VMEXIT_LOAD_PERF_GLOBAL_CTRL | VMEXIT_SECONDARY_CONTROLS,
        },
    /* "IA-32e mode guest" follows the guest's EFER.LMA. */
    [WORD_VMENTRY] =
        {
            .must = VMENTRY_LOAD_DEBUG_CONTROLS | VMENTRY_LOAD_PAT | VMENTRY_LOAD_EFER,
            .never = VMENTRY_ENTRY_TO_SMM | VMENTRY_DEACTIVATE_DUAL_MONITOR |
                     VMENTRY_LOAD_PERF_GLOBAL_CTRL,
            .toggle = VMENTRY_IA32E_MODE_GUEST,
        },
};

err_t vmx_resolve_controls(const struct vmx_caps *caps, struct vmx_controls *out)
{
    err_t worst = OK;

    for (u32 w = 0; w < VMX_WORDS; w++) {
        const err_t e =
            ctl_resolve(wishes[w], vmx_cap_controls(caps, (enum vmx_word)w), &out->word[w]);

        if (e != OK)
            worst = e;
    }
    return worst;
}

static bool exits_on_pause_loops(const struct vmx_caps *caps)
{
    return vmx_cap_controls(caps, WORD_CPU2).may1 & CPU2_PAUSE_LOOP_EXITING;
}

/* All of the controls, in every mode. */
static bool delivers_interrupts(const struct vmx_caps *caps)
{
    for (u32 w = 0; w < VMX_WORDS; w++)
        for (u32 m = 0; m < VMX_APIC_MODES; m++) {
            const enum vmx_word word = (enum vmx_word)w;
            const struct ctl_cap cap = vmx_cap_controls(caps, word);
            const u64 on = vmx_delivery_controls(word, 0, (enum vmx_apic_mode)m);
            const u64 off = ~vmx_delivery_controls(word, ~0ull, (enum vmx_apic_mode)m);

            if ((on & ~cap.may1) || (off & cap.must1))
                return false;
        }
    return true;
}

const char *vmx_word_name(enum vmx_word word)
{
    static const char *const names[VMX_WORDS] = {
        [WORD_PIN] = "pin",           [WORD_CPU] = "cpu",     [WORD_CPU2] = "secondary cpu",
        [WORD_CPU3] = "tertiary cpu", [WORD_VMEXIT] = "exit", [WORD_VMENTRY] = "entry",
    };

    return word < VMX_WORDS ? names[word] : "?";
}

static const struct control_name {
    u8 word, bit;
    const char *name;
} control_names[] = {
#define CONTROL(word, bit, name, words) {WORD_##word, (bit), (words)},
#include "vmx/controls.def"
};

const char *vmx_control_name(enum vmx_word word, u32 bit)
{
    for (size_t i = 0; i < ARRAY_LEN(control_names); i++)
        if (control_names[i].word == word && control_names[i].bit == bit)
            return control_names[i].name;
    return NULL;
}

/* Text being put together in a buffer that may be too small. */
struct text {
    char *buf;
    size_t size, len;
    bool cut;
};

static void put(struct text *t, const char *s)
{
    for (; *s; s++) {
        if (t->len + 1 >= t->size) {
            t->cut = true;
            break;
        }
        t->buf[t->len++] = *s;
    }
    t->buf[t->len] = '\0';
}

static void put_names(struct text *t, enum vmx_word word, u64 bits)
{
    const char *separator = "";

    for (u32 bit = 0; bit < 64; bit++) {
        const char *name = vmx_control_name(word, bit);
        const char number[] = {(char)('0' + bit / 10), (char)('0' + bit % 10), '\0'};

        if (!(bits & BIT(bit)))
            continue;
        put(t, separator);
        put(t, name ? name : "bit ");
        if (!name)
            put(t, bit < 10 ? number + 1 : number);
        separator = ", ";
    }
}

bool vmx_control_names(enum vmx_word word, u64 bits, char *buf, size_t size)
{
    struct text t = {.buf = buf, .size = size};

    buf[0] = '\0';
    put_names(&t, word, bits);
    return !t.cut;
}

void vmx_report_controls(const struct vmx_controls *controls,
                         void (*line)(void *ctx, bool ok, const char *text), void *ctx)
{
    for (u32 i = 0; i < VMX_WORDS; i++) {
        const enum vmx_word word = (enum vmx_word)i;
        const struct ctl *c = &controls->word[i];
        const bool ok = !c->lacking && !c->forced;
        const struct {
            u64 bits;
            const char *words;
        } parts[] = {
            {c->lacking, ", needs "},
            {c->forced, ", cannot clear "},
            {c->without, ", without "},
        };
        char buf[512];
        struct text t = {.buf = buf, .size = sizeof(buf)};

        put(&t, vmx_word_name(word));
        put(&t, ok ? " controls ok" : " controls not ok");
        for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
            if (!parts[p].bits)
                continue;
            put(&t, parts[p].words);
            put_names(&t, word, parts[p].bits);
        }
        line(ctx, ok, buf);
    }
}

struct texts {
    struct vmx_facts *facts;
    u32 count;
};

static void keep_text(void *ctx, bool ok, const char *text)
{
    struct texts *t = ctx;

    (void)ok;
    fmt_buf(t->facts->word[t->count++].text, VMX_TEXT_MAX, "%s", text);
}

void vmx_facts_make(struct vmx_facts *facts, const struct vmx_caps *caps,
                    const struct vmx_controls *controls)
{
    struct texts texts = {.facts = facts};

    facts->caps = *caps;
    for (u32 w = 0; w < VMX_WORDS; w++) {
        const struct ctl_cap cap = vmx_cap_controls(caps, (enum vmx_word)w);

        facts->word[w].value = controls->word[w].value;
        facts->word[w].must1 = cap.must1;
        facts->word[w].may1 = cap.may1;
    }
    vmx_report_controls(controls, keep_text, &texts);
    facts->delivers_interrupts = delivers_interrupts(caps);
    facts->exits_on_pause_loops = exits_on_pause_loops(caps);
}
