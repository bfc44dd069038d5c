/* What the laboratory build (make RECORD=1) writes down of every exit, so that the workstation can
 * replay it against the handlers: tools/replay/.  In every other build these are nothing. */
#pragma once
#include "arch/x86_64/insn.h"
#include "lib/types.h"

struct vm;
struct vcpu;
struct exit;
struct cpuid_guest;

#ifdef RECORD
/* What a processor does to a virtual-APIC page without an exit could not be replayed. */
#define RECORD_APIC_PAGE false
/* A recording is of one CPU, tick by tick. */
#define RECORD_ONE_CPU true

/* ---- the start of a guest, in this order */
void record_host(const struct vm *vm, const struct cpuid_guest *guest);
void record_board(const struct vm *vm, u64 now, u64 wall_time);
void record_start(struct vcpu *v);

/* ---- each exit: what the handler starts from, and what the next entry gets */
void record_exit(struct vcpu *v, const struct exit *x);
void record_verdict(u32 verdict);
void record_entry(struct vcpu *v);

/* ---- what the handlers ask of the outside, and what they do to it, in between */
u64 record_now(void);
void record_read(gpa_t gpa, const void *bytes, u64 len);
void record_write(gpa_t gpa, const void *bytes, u64 len);
void record_tx(u8 byte, u64 console_due, u64 console_deadline);
bool record_tx_room(bool room);
void record_poll(u64 console_due, u64 console_deadline);
void record_typed(u8 byte);
void record_sleep(u64 deadline);
void record_flush(u16 vpid);

/* Whether memory is to be read again that a memo knows: a recording holds what its exit depends on.
 */
bool record_reads_all(void);

/* ---- the recording itself */
void record_init(void);
void record_report(void);
#else
#define RECORD_APIC_PAGE true
#define RECORD_ONE_CPU   false

static inline void record_host(const struct vm *vm UNUSED, const struct cpuid_guest *guest UNUSED)
{
}
static inline void record_board(const struct vm *vm UNUSED, u64 now UNUSED, u64 wall_time UNUSED)
{
}
static inline void record_start(struct vcpu *v UNUSED)
{
}
static inline void record_exit(struct vcpu *v UNUSED, const struct exit *x UNUSED)
{
}
static inline void record_verdict(u32 verdict UNUSED)
{
}
static inline void record_entry(struct vcpu *v UNUSED)
{
}
static inline u64 record_now(void)
{
    return rdtsc();
}
static inline void record_read(gpa_t gpa UNUSED, const void *bytes UNUSED, u64 len UNUSED)
{
}
static inline void record_write(gpa_t gpa UNUSED, const void *bytes UNUSED, u64 len UNUSED)
{
}
static inline void record_tx(u8 byte UNUSED, u64 console_due UNUSED, u64 console_deadline UNUSED)
{
}
static inline bool record_tx_room(bool room)
{
    return room;
}
static inline void record_poll(u64 console_due UNUSED, u64 console_deadline UNUSED)
{
}
static inline void record_typed(u8 byte UNUSED)
{
}
static inline void record_sleep(u64 deadline UNUSED)
{
}
static inline void record_flush(u16 vpid UNUSED)
{
}
static inline bool record_reads_all(void)
{
    return false;
}
static inline void record_init(void)
{
}
static inline void record_report(void)
{
}
#endif
