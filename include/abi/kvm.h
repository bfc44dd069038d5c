/* What a guest that knows KVM's paravirtual interface finds: CPUID leaves, MSRs, and structures in
 * its own memory.  A guest looks for the signature at 0x40000000 + n * 0x100, and Lintel's own
 * leaves come first.  Linux, Documentation/virt/kvm/x86/cpuid.rst and msr.rst. */
#pragma once
#include "lib/types.h"

/* EAX: the last leaf; EBX, ECX, EDX: the signature. */
#define KVM_CPUID_SIGNATURE 0x40000100u
/* EAX: what there is, as below. */
#define KVM_CPUID_FEATURES                 0x40000101u
#define KVM_SIGNATURE                      "KVMKVMKVM\0\0"

#define KVM_FEATURE_NOP_IO_DELAY           BIT32(1)  /* port I/O needs no pauses */
#define KVM_FEATURE_CLOCKSOURCE2           BIT32(3)  /* the first two MSRs below */
#define KVM_FEATURE_STEAL_TIME             BIT32(5)  /* MSR_KVM_STEAL_TIME */
#define KVM_FEATURE_PV_EOI                 BIT32(6)  /* MSR_KVM_PV_EOI */
#define KVM_FEATURE_CLOCKSOURCE_STABLE_BIT BIT32(24) /* KVM_CLOCK_STABLE means something */

// clang-format off
#define MSR_KVM_WALL_CLOCK  0x4b564d00u /* a write has the structure filled in once */
#define MSR_KVM_SYSTEM_TIME 0x4b564d01u
#define MSR_KVM_STEAL_TIME  0x4b564d03u
#define MSR_KVM_PV_EOI      0x4b564d04u
// clang-format on

/* Of all but the first: as long as it is set, the structure at the other bits' address is kept. */
#define KVM_MSR_ENABLED 1u

/* The version is odd while the rest changes. */
struct kvm_wall_clock {
    u32 version;
    u32 sec, nsec; /* since 1970-01-01 UTC, when the system time was 0 */
};

#define KVM_CLOCK_STABLE 1u /* flags: the same time on all virtual processors */

/* Nanoseconds at the guest's TSC t: system_time + (((t - tsc_timestamp) << tsc_shift) *
 * tsc_to_system_mul >> 32); a negative shift goes right. */
struct kvm_system_time {
    u32 version;
    u32 pad0;
    u64 tsc_timestamp;
    u64 system_time;
    u32 tsc_to_system_mul;
    int8_t tsc_shift;
    u8 flags;
    u8 pad1[2];
};

struct kvm_steal_time {
    u64 steal; /* nanoseconds in which the virtual processor could have run and did not */
    u32 version;
    u32 flags;
    u8 preempted; /* KVM_PREEMPTED, or 0: it runs */
    u8 pad[47];
};

#define KVM_PREEMPTED  1u

#define KVM_EOI_SHARED 1u /* of the word: clearing it is an EOI */

_Static_assert(sizeof(struct kvm_wall_clock) == 12, "ABI");
_Static_assert(sizeof(struct kvm_system_time) == 32, "ABI");
_Static_assert(offsetof(struct kvm_system_time, tsc_shift) == 28, "ABI");
_Static_assert(sizeof(struct kvm_steal_time) == 64, "ABI");
_Static_assert(offsetof(struct kvm_steal_time, preempted) == 16, "ABI");
