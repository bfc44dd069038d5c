/* Our own fault: a readable record on every console, then the end.  A fault while the record is
 * written cuts the record short; a fault after that just halts. */
#include "arch/x86_64/panic.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/trap.h"
#include "lib/atomic.h"
#include "lib/fmt.h"

#define BACKTRACE_MAX  24u
#define NOBODY         CPUS_MAX
#define STOP_POLLS_MAX 1000000u

extern const u8 __text_start[], __text_end[];

static void (*dump_hook)(void);
static void (*end_hook)(void);
static u32 (*stop_hook)(void);
static u32 panic_owner = NOBODY; /* CPU that writes the record */
static bool stopping;            /* the others are to stop */
static u32 told, stopped;        /* to stop, and that have */

/* What the compiler stores at RBP with -fno-omit-frame-pointer. */
struct stack_frame {
    u64 caller_rbp;
    u64 return_rip;
};

void panic_set_hooks(void (*dump)(void), void (*end)(void))
{
    dump_hook = dump;
    end_hook = end;
}

void panic_set_stop(u32 (*stop)(void))
{
    stop_hook = stop;
}

static NORETURN void halt(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

static NORETURN void finish(void)
{
    log_error("LINTEL-EXIT status=126");
    if (this_cpu()->panicking < 3 && end_hook != NULL)
        end_hook();
    halt();
}

void panic_stop_here(void)
{
    if (!load_acquire(&stopping) || panic_owner == this_cpu()->id)
        return;
    atomic_add(&stopped, 1u);
    halt();
}

/* Who writes a line now may end it; then nobody else runs.  A CPU that does not take the NMI in
 * time is in firmware, or broken. */
static void stop_others(void)
{
    log_seize();
    store_release(&stopping, true);
    if (stop_hook != NULL) {
        told = stop_hook();
        for (u32 i = 0; i < STOP_POLLS_MAX && load_acquire(&stopped) < told; i++)
            cpu_pause();
    }
    log_force();
}

/* Only the first CPU that panics writes; it gets here again if the record itself faults. */
static void enter(void)
{
    struct cpu *const c = this_cpu();
    u32 nobody = NOBODY;

    cli();
    if (!__atomic_compare_exchange_n(&panic_owner, &nobody, c->id, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST) &&
        nobody != c->id)
        halt();
    if (c->panicking == 0)
        stop_others();
    c->panicking++;
    if (c->panicking > 3)
        halt();
}

static void print_message(const char *format, va_list args)
{
    char text[256];

    fmt_vbuf(text, sizeof(text), format, args);
    log_error("panic on CPU %u: %s", this_cpu()->id, text);
}

static void print_registers(const struct trap_frame *f)
{
    log_error("  rip %04lx:%016lx  rsp %04lx:%016lx  rflags %08lx  vector %lu error %lx", f->cs,
              f->rip, f->ss, f->rsp, f->rflags, f->vector, f->error);
    log_error("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", f->rax, f->rbx, f->rcx, f->rdx);
    log_error("  rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", f->rsi, f->rdi, f->rbp, f->r8);
    log_error("  r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", f->r9, f->r10, f->r11, f->r12);
    log_error("  r13 %016lx  r14 %016lx  r15 %016lx", f->r13, f->r14, f->r15);
}

static void print_control_registers(void)
{
    log_error("  cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %016lx", read_cr0(), read_cr2(),
              read_cr3(), read_cr4());
}

/* Addresses for `addr2line -e hv.elf`.  Every frame must lie on one of this CPU's stacks and
 * above the one before, so a broken chain ends the list and nothing else. */
static void print_backtrace(u64 rip, u64 rbp)
{
    log_error("  backtrace:");
    for (unsigned depth = 0; depth < BACKTRACE_MAX; depth++) {
        log_error("    %016lx%s", rip,
                  rip < (u64)__text_start || rip >= (u64)__text_end ? "  (not in text)" : "");
        if (rbp % sizeof(u64) != 0 || !percpu_on_stack(rbp, sizeof(struct stack_frame)))
            return;

        const struct stack_frame *const f = (const struct stack_frame *)rbp;

        rip = f->return_rip;
        if (f->caller_rbp == 0)
            log_error("    %016lx", rip);
        if (f->caller_rbp <= rbp)
            return;
        rbp = f->caller_rbp;
    }
}

static NORETURN void record(const struct trap_frame *frame, const char *format, va_list args,
                            u64 rip, u64 rbp)
{
    enter();
    print_message(format, args);
    if (this_cpu()->panicking > 1) { /* the record itself faulted */
        log_error("  inside of a panic, at rip %016lx", rip);
        finish();
    }
    if (told > 0)
        log_error("  %u of %u other CPUs stopped", load_acquire(&stopped), told);
    if (frame != NULL)
        print_registers(frame);
    print_control_registers();
    print_backtrace(rip, rbp);
    if (dump_hook != NULL)
        dump_hook();
    finish();
}

void panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record(NULL, format, args, (u64)__builtin_return_address(0),
           *(const u64 *)__builtin_frame_address(0));
}

void panic_at(const struct trap_frame *frame, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    record(frame, format, args, frame->rip, frame->rbp);
}
