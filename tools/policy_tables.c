/* Prints the policy tables as JSON, for tools/gen_docs.py: what was compiled, not what a parser
 * makes of the sources. */
#include "abi/trace.h"
#include "boot/cpuid_table.h"
#include "boot/wishes.h"
#include "control/shell/table.h"
#include "tools/device_tables.h"
#include "tools/put_json.h"
#include "tools/recorded/bochs_models.h"
#include "vmm/handlers.h"
#include "vmm/mmio.h"
#include "vmm/policy/io.h"
#include "vmm/policy/msr.h"
#include "vmx/exit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL "corei7_skylake_x" /* the one that the tests run on */

/* ---------------------------------------------------------------- exits */

static const struct {
    enum verdict (*handler)(struct vcpu *v, const struct exit *x);
    const char *words;
} handlers[] = {
    {on_cpuid, "answered from the CPUID table"},
    {on_hlt, "sleeps until an event is due; with interrupts off, that is the guest's end"},
    {on_vmcall, "the hypercall table at CPL 0, else #UD"},
    {on_rdmsr, "the MSR table"},
    {on_wrmsr, "the MSR table"},
    {on_xsetbv, "done if CPUID offers the state, else #GP(0)"},
    {skip_insn, "skipped: there is nothing to do"},
    {refuse_ud, "#UD"},
    {refuse_gp, "#GP(0)"},
    {stop_guest, "the guest is stopped"},
    {on_cr_access, "the rules of CR0, CR4 and CR8"},
    {on_io, "the port table"},
    {on_ept_violation, "the MMIO table; without a row there, the guest is stopped"},
    {on_apic_access, "the instruction is done on the local APIC's model"},
    {on_virtualized_eoi, "the I/O APIC is told that a level-triggered interrupt has ended"},
    {on_apic_write, "the write is done on the local APIC's model"},
    {on_ept_misconfig, "panic: Lintel's own page tables are wrong"},
    {on_exception, "NMI: the host's; #DB and #AC: on to the guest; #MC: panic"},
    {on_host_irq, "the host's interrupt is served"},
    {on_window, "the event that waits is injected"},
    {on_timer, "devices and consoles that are due are served"},
    {on_task_switch, "done, as a processor does it outside of VMX"},
    {on_pause, "another vCPU of the guest gets the CPU, or another guest"},
    {on_host_init, "stays blocked; the guest goes on"},
    {on_machine_check, "panic"},
};

static const char *words_of(const struct exit_row *row)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (handlers[i].handler == row->handler)
            return handlers[i].words;
    fprintf(stderr, "policy_tables: a handler of the exit table has no words here\n");
    exit(1);
}

static void put_exit(u32 number, const char *name)
{
    static const char *const needs[] = {"length", "qualification", "addresses",
                                        "event",  "vectoring",     "instruction"};
    const struct exit_row *row = exit_row(number);

    begin(NULL, '{');
    put_number("number", number);
    put_text("name", name);
    put_text("policy", words_of(row));
    begin("needs", '[');
    for (u32 i = 0; i < ARRAY_LEN(needs); i++)
        if (row->needs & BIT32(i))
            put_item(needs[i]);
    end(']');
    end('}');
}

static void put_exits(void)
{
    begin("exit", '[');
#define EXIT_REASON(number, name) put_exit(number, #name);
#include "abi/exit_reasons.def"
    end(']');
}

/* ---------------------------------------------------------------- VM-execution controls */

static u64 recorded_rdmsr(void *ctx, u32 msr)
{
    const struct bochs_model *model = ctx;

    return msr == MSR_FEATURE_CONTROL ? 0 : model->msr[msr - VMX_MSR_FIRST];
}

/* Those that are on when a guest starts. */
static void put_controls(struct bochs_model model)
{
    static const enum vmx_word words[] = {WORD_PIN, WORD_CPU, WORD_CPU2, WORD_CPU3};
    struct vmx_caps caps;
    struct vmx_controls controls;

    vmx_caps_collect(&caps, recorded_rdmsr, &model);
    if (vmx_resolve_controls(&caps, &controls) != OK) {
        fprintf(stderr, "policy_tables: %s lacks a control\n", MODEL);
        exit(1);
    }
    begin("controls", '{');
    for (size_t w = 0; w < ARRAY_LEN(words); w++)
        for (u32 bit = 0; bit < 64; bit++) {
            const char *name = vmx_control_name(words[w], bit);

            if (name)
                put_number(name, controls.word[words[w]].value >> bit & 1);
        }
    end('}');
}

/* ---------------------------------------------------------------- CPUID, MSRs */

static void put_cpuid(void)
{
    static const char *const live[] = {
        [CPUID_STATIC] = "",          [CPUID_LIVE_FEATURES] = "OSXSAVE, APIC, the APIC ID",
        [CPUID_LIVE_OSPKE] = "OSPKE", [CPUID_LIVE_XSAVE] = "the size that XCR0 asks for",
        [CPUID_LIVE_XSAVES] = "",     [CPUID_LIVE_X2APIC_ID] = "the x2APIC ID",
    };
    const struct cpuid_row *row;

    begin("cpuid", '[');
    for (u32 i = 0; (row = cpuid_row(i)); i++) {
        begin(NULL, '{');
        put_number("leaf", row->leaf);
        put_number("first", row->first_sub);
        put_number("last", row->last_sub);
        put_text("live", live[row->live]);
        put_number("eax", row->eax);
        put_number("ebx", row->ebx);
        put_number("ecx", row->ecx);
        put_number("edx", row->edx);
        put_number("fixed", row->fix != NULL);
        put_text("name", row->name);
        end('}');
    }
    end(']');
}

static void put_msrs(void)
{
    static const char *const actions[] = {
        [MSR_DENY] = "deny", [MSR_PASS] = "pass",     [MSR_HELD] = "held",
        [MSR_CALL] = "call", [MSR_IGNORE] = "ignore", [MSR_APIC] = "local APIC",
    };
    const struct msr_row *row;

    begin("msr", '[');
    for (u32 i = 0; (row = msr_row(i)); i++) {
        begin(NULL, '{');
        put_number("first", row->first);
        put_number("last", row->last);
        put_text("read", actions[row->read]);
        put_text("write", actions[row->other ? row->other : row->write]);
        put_number("reset", row->reset);
        put_number("writable", row->writable);
        put_text("name", row->name);
        end('}');
    }
    end(']');
}

/* ---------------------------------------------------------------- ports, MMIO */

static void put_ports(void)
{
    static const char *const actions[] = {[IO_REFUSE] = "refuse",
                                          [IO_SPARE] = "spare",
                                          [IO_SHARED] = "shared",
                                          [IO_MODEL] = "model",
                                          [IO_PASS] = "pass"};
    const struct io_row *row;

    begin("port", '[');
    for (size_t i = 0; (row = io_row_at(i)); i++) {
        begin(NULL, '{');
        put_number("first", row->first);
        put_number("last", row->last);
        put_number("sizes", row->sizes);
        put_text("action", actions[row->action]);
        put_text("name", row->name);
        end('}');
    }
    end(']');
}

static void put_mmio(void)
{
    static const char *const kinds[] = {[MMIO_NONE] = "none",
                                        [MMIO_OPEN_BUS] = "open bus",
                                        [MMIO_IOAPIC] = "I/O APIC",
                                        [MMIO_LAPIC] = "local APIC"};
    const struct mmio_row *row;

    begin("mmio", '[');
    for (u32 i = 0; (row = mmio_row(i)); i++) {
        begin(NULL, '{');
        put_number("first", row->first);
        put_number("last", row->last);
        put_text("kind", kinds[row->kind]);
        put_text("name", row->name);
        end('}');
    }
    end(']');
}

/* ---------------------------------------------------------------- the interface to guests, the
 * trace */

static void put_hypercall(u32 number, const char *name, const char *who, const char *args,
                          const char *result, const char *text)
{
    begin(NULL, '{');
    put_number("number", number);
    put_text("name", name);
    put_text("who", who);
    put_text("arguments", args);
    put_text("result", result);
    put_text("text", text);
    end('}');
}

static void put_hypercalls(void)
{
    begin("hypercall", '[');
#define HYPERCALL(number, name, who, argc, args, result, text)                                     \
    put_hypercall(number, #name, #who, args, result, text);
#include "abi/hypercalls.def"
    end(']');
}

static void put_event(u32 number, const char *name, const char *a, const char *b, const char *c)
{
    begin(NULL, '{');
    put_number("number", number);
    put_text("name", name);
    put_text("a", a);
    put_text("b", b);
    put_text("c", c);
    end('}');
}

static void put_trace(void)
{
    begin("trace", '[');
#define TRACE_EVENT(number, name, a, b, c) put_event(number, #name, a, b, c);
#include "abi/trace_events.def"
    end(']');
    begin("layout", '[');
    FIELD(trace_record, tsc), FIELD(trace_record, event), FIELD(trace_record, vcpu);
    FIELD(trace_record, a), FIELD(trace_record, b), FIELD(trace_record, c);
    FIELD(trace_ring, magic), FIELD(trace_ring, version), FIELD(trace_ring, record_size);
    FIELD(trace_ring, records), FIELD(trace_ring, cpu), FIELD(trace_ring, tsc_hz);
    FIELD(trace_ring, written), FIELD(trace_ring, record);
    end(']');
}

static void put_shell(void)
{
    begin("shell_command", '[');
#define SHELL_COMMAND(id, arguments, usage, help) TEXTS("name", #id, "usage", usage, "help", help);
#include "control/shell/commands.def"
    end(']');
    begin("shell_alias", '[');
#define SHELL_ALIAS(id, command) TEXTS("name", #id, "command", #command);
#include "control/shell/commands.def"
    end(']');
    begin("shell_option", '[');
#define SHELL_OPTION(command, id, values, times, help)                                             \
    TEXTS("command", #command, "name", #id, "values", values, "times", #times, "help", help);
#include "control/shell/commands.def"
    end(']');
    begin("shell_key", '[');
#define SHELL_KEY(of, id, values, help)                                                            \
    TEXTS("of", #of, "name", #id, "values", values, "help", help);
#include "control/shell/commands.def"
    end(']');
    begin("shell_setting", '[');
#define SHELL_SETTING(id, values, help) TEXTS("name", #id, "values", values, "help", help);
#include "control/shell/commands.def"
    end(']');
}

int main(void)
{
    msr_policy_init();
    begin(NULL, '{');
    put_exits();
    for (size_t i = 0; i < ARRAY_LEN(bochs_models); i++)
        if (strcmp(bochs_models[i].name, MODEL) == 0)
            put_controls(bochs_models[i]);
    put_cpuid();
    put_msrs();
    put_ports();
    put_mmio();
    put_hypercalls();
    put_trace();
    put_shell();
    put_guest_devices();
    end('}');
    putchar('\n');
    return 0;
}
