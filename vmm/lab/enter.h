/* The laboratory's own ways into a guest and back (enter.asm): the shortest that there are. */
#pragma once
#include "vmm/lab/frame.h"

/* Enters the guest of the current VMCS, whose HOST_RSP is the frame.  0: it exited to a stub that
 * returns; else VMfail. */
u32 lab_enter(struct lab_frame *frame, bool launched);

/* Values for HOST_RIP; never called.
 * lab_exit: back to lab_enter()'s caller.
 * lab_skip: while the guest's R15 is 0, writes the guest's RIP from its R13 and goes on.
 * lab_skip_flush: the same, and INVEPT of all contexts. */
void lab_exit(void);
void lab_skip(void);
void lab_skip_flush(void);

/* Round trips in which the guest executes nothing: the VMCS is launched and exits at once, like one
 * whose preemption timer is 0.  Each sample is from a stamp before VMRESUME to one behind the exit.
 * HOST_RSP and HOST_RIP are overwritten.  False: VMRESUME failed. */
bool lab_trip_plain(u64 *sample, u64 count);
/* With a VMWRITE of `value` to the field before VMRESUME. */
bool lab_trip_vmwrite(u64 *sample, u64 count, u64 field, u64 value);
/* Nothing but the operation between two stamps. */
void lab_bare_nothing(u64 *sample, u64 count);
void lab_bare_vmread(u64 *sample, u64 count, u64 field);
void lab_bare_vmwrite(u64 *sample, u64 count, u64 field); /* of what it holds */
void lab_bare_rdmsr(u64 *sample, u64 count, u64 msr);
void lab_bare_wrmsr(u64 *sample, u64 count, u64 msr, u64 value);
void lab_bare_verw(u64 *sample, u64 count);
void lab_bare_invept(u64 *sample, u64 count, u64 type, u64 eptp);
void lab_bare_invvpid(u64 *sample, u64 count, u64 type, u64 vpid);
