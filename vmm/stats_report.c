/* The statistics of a vCPU in words and figures; see stats_report.h. */
#include "vmm/stats_report.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "lib/fmt.h"
#include "vmm/share.h"
#include "vmm/vm.h"

#define X(v)         ((unsigned long long)(v))
#define BUCKETS_SIZE 256u /* with the line's beginning it is less than a line of the log */
#define BUCKET_MAX   48u  /* " FIRST:COUNT", 20 digits each */

static void show_reason(const struct exit_stats *s, u32 reason, u64 count, u64 ticks)
{
    const struct exit_stat *r = &s->reason[reason];
    const struct share of_count = share_of(r->count, count), of_time = share_of(r->sum, ticks);

    log_info("  %-22s %10llu %3llu.%llu%% %8llu %8llu %8llu %10llu %3llu.%llu%%",
             exit_reason_name(reason), X(r->count), X(of_count.percent), X(of_count.tenth),
             X(r->sum / r->count), X(exit_stat_quantile(r, 500)), X(exit_stat_quantile(r, 990)),
             X(r->max), X(of_time.percent), X(of_time.tenth));
}

/* By falling count: selection, since the table is short and nobody waits for it. */
static void show_reasons(const struct exit_stats *s, u64 count, u64 ticks)
{
    u64 below = ~0ull;

    for (;;) {
        u64 best = 0;

        for (u32 i = 0; i < EXIT_REASONS; i++)
            if (s->reason[i].count < below)
                best = MAX(best, s->reason[i].count);
        if (best == 0)
            return;
        for (u32 i = 0; i < EXIT_REASONS; i++)
            if (s->reason[i].count == best)
                show_reason(s, i, count, ticks);
        below = best;
    }
}

static void show_table(const struct vcpu *v, const struct exit_times *t)
{
    const u64 count = exit_stats_count(v->stats);
    const struct share guest = share_of(t->guest, t->total), lintel = share_of(t->lintel, t->total),
                       waiting = share_of(t->waiting, t->total),
                       stolen = share_of(t->stolen, t->total);
    char which[sizeof(", vCPU 4294967295")] = "";

    if (v->vm->vcpus > 1)
        fmt_buf(which, sizeof(which), ", vCPU %u", v->id);
    log_info("guest %s%s: %llu exits; MSR accesses refused: %llu, ports: %llu", v->vm->config->name,
             which, X(count), X(v->msr_refused), X(v->vm->board.refused));
    log_info("  %-22s %10s %6s %8s %8s %8s %10s %6s", "exit", "count", "share", "mean", "median",
             "p99", "max", "time");
    show_reasons(v->stats, count, t->lintel);
    log_info(
        "  of %llu ticks: guest %llu.%llu%%, Lintel %llu.%llu%%, waiting %llu.%llu%%, for others "
        "%llu.%llu%%",
        X(t->total), X(guest.percent), X(guest.tenth), X(lintel.percent), X(lintel.tenth),
        X(waiting.percent), X(waiting.tenth), X(stolen.percent), X(stolen.tenth));
}

/* As many lines as the buckets take; each begins in the same way. */
static void print_buckets(const char *guest, const char *reason, const struct hist *h)
{
    char text[BUCKETS_SIZE];
    size_t used = 0;

    for (u32 i = 0; i < HIST_BUCKETS; i++) {
        if (h->bucket[i])
            used += fmt_buf(text + used, sizeof(text) - used, " %llu:%llu", X(hist_bucket_first(i)),
                            X(h->bucket[i]));
        if (used > sizeof(text) - BUCKET_MAX || (used && i == HIST_BUCKETS - 1)) {
            log_info("LINTEL-HIST guest=%s reason=%s%s", guest, reason, text);
            used = 0;
        }
    }
}

static void print_lines(const struct vcpu *v, const struct exit_times *t)
{
    const char *guest = v->vm->config->name;

    for (u32 i = 0; i < EXIT_REASONS; i++) {
        const struct exit_stat *r = &v->stats->reason[i];

        if (r->count == 0)
            continue;
        log_info("LINTEL-STATS guest=%s reason=%s count=%llu sum=%llu min=%llu median=%llu "
                 "p99=%llu max=%llu",
                 guest, exit_reason_name(i), X(r->count), X(r->sum), X(r->min),
                 X(exit_stat_quantile(r, 500)), X(exit_stat_quantile(r, 990)), X(r->max));
        print_buckets(guest, exit_reason_name(i), &r->hist);
    }
    log_info("LINTEL-TIMES guest=%s total=%llu lintel=%llu waiting=%llu guest=%llu stolen=%llu "
             "vcpu=%u",
             guest, X(t->total), X(t->lintel), X(t->waiting), X(t->guest), X(t->stolen), v->id);
}

void stats_report(const struct vcpu *v, bool for_machines)
{
    const u64 now = rdtsc();
    const struct exit_times times = exit_stats_times(v->stats, now);
    u32 reason;
    const char *wrong = exit_stats_check(v->stats, now, &reason);

    show_table(v, &times);
    if (for_machines)
        print_lines(v, &times);
    if (!wrong)
        log_info("LINTEL-STATS-CHECK guest=%s ok", v->vm->config->name);
    else
        log_info("LINTEL-STATS-CHECK guest=%s wrong: %s: %s", v->vm->config->name,
                 reason < EXIT_REASONS ? exit_reason_name(reason) : "times", wrong);
}
