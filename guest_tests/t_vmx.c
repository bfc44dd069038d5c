/* A guest's processor has no VMX, SMX or SGX: their instructions are undefined at every
 * privilege level; VMCALL alone is the hypercall.  SDM Vol. 3C, "VMX Instruction Reference". */
#include "abi/hypercall.h"
#include "guest_tests/rt/guest.h"

static u64 operand[2] __attribute__((aligned(16)));

/* NAME, the instruction with RAX = 0, RBX = &operand, RCX = 0, RDX = 0 */
#define INSTRUCTIONS(X)                                                                            \
    X(vmxon, "vmxon (%%rbx)")                                                                      \
    X(vmclear, "vmclear (%%rbx)")                                                                  \
    X(vmptrld, "vmptrld (%%rbx)")                                                                  \
    X(vmptrst, "vmptrst (%%rbx)")                                                                  \
    X(vmread, "vmread %%rax, %%rdx")                                                               \
    X(vmread_memory, "vmread %%rax, (%%rbx)")                                                      \
    X(vmwrite, "vmwrite %%rdx, %%rax")                                                             \
    X(vmlaunch, "vmlaunch")                                                                        \
    X(vmresume, "vmresume")                                                                        \
    X(vmxoff, "vmxoff")                                                                            \
    X(invept, "invept (%%rbx), %%rax")                                                             \
    X(invvpid, "invvpid (%%rbx), %%rax")                                                           \
    X(vmfunc, "vmfunc")                                                                            \
    X(getsec, "getsec")                                                                            \
    X(encls, ".byte 0x0f, 0x01, 0xcf")                                                             \
    X(enclu, ".byte 0x0f, 0x01, 0xd7")                                                             \
    X(enclv, ".byte 0x0f, 0x01, 0xc0")                                                             \
    X(pconfig, ".byte 0x0f, 0x01, 0xc5")                                                           \
    X(seamcall, ".byte 0x66, 0x0f, 0x01, 0xcf")                                                    \
    X(tdcall, ".byte 0x66, 0x0f, 0x01, 0xcc")                                                      \
    X(rsm, "rsm")                                                                                  \
    X(monitor, "monitor")                                                                          \
    X(mwait, "mwait")                                                                              \
    X(vmrun, ".byte 0x0f, 0x01, 0xd8")                                                             \
    X(vmmcall, ".byte 0x0f, 0x01, 0xd9")

#define DEFINE(name, text)                                                                         \
    static void insn_##name(void)                                                                  \
    {                                                                                              \
        u64 a = 0, c = 0, d = 0;                                                                   \
        __asm__ volatile(text : "+a"(a), "+c"(c), "+d"(d) : "b"(operand) : "memory", "cc");        \
    }
INSTRUCTIONS(DEFINE)

static const struct {
    const char *name;
    void (*run)(void);
} instructions[] = {
#define ENTRY(name, text) {#name, insn_##name},
    INSTRUCTIONS(ENTRY)};

GUEST_TEST(undefined_at_cpl_0)
{
    for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
        (void)FAULTS(instructions[i].run());
        if (fault.vector != VEC_UD)
            FAIL("%s: vector %u", instructions[i].name, fault.vector);
    }
}

GUEST_TEST(undefined_at_cpl_3)
{
    for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
        (void)FAULTS(user_call(instructions[i].run));
        if (fault.vector != VEC_UD)
            FAIL("%s: vector %u", instructions[i].name, fault.vector);
    }
}

GUEST_TEST(vmxe_cannot_be_set)
{
    EXPECT_FALSE(write_cr4_safe(read_cr4() | CR4_VMXE));
    EXPECT_FALSE(read_cr4() & CR4_VMXE);
    EXPECT_FALSE(write_cr4_safe(read_cr4() | CR4_SMXE));
    EXPECT_FALSE(read_cr4() & CR4_SMXE);
}

GUEST_TEST(hypercall_version)
{
    const u64 version = vmcall(0, 0, 0);

    EXPECT_TRUE((i64)version > 0);
    EXPECT_TRUE(version >> 16 >= 1 && version >> 16 < 0x100);
}

GUEST_TEST(unknown_hypercalls)
{
    static const u64 numbers[] = {HYPERCALLS, HYPERCALLS + 1, 63,         64,    0x7fff,
                                  0xffffffff, 1ull << 32,     1ull << 63, ~0ull, 1ull << 31};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        u64 result = 0;

        EXPECT_NO_FAULT(result = vmcall(numbers[i], ~0ull, 1ull << 63));
        EXPECT_EQ(result, (u64)ABI_ENOSYS);
    }
}

/* This guest has no `ledger = on`, is not served, and is not the control partition. */
GUEST_TEST(hypercalls_of_others)
{
    for (u64 number = 1; number < HYPERCALLS; number++)
        EXPECT_EQ(vmcall(number, 0, 0), (u64)ABI_EPERM);
}

static void hypercall_from_user(void)
{
    (void)vmcall(0, 0, 0);
}

GUEST_TEST(hypercall_needs_cpl_0)
{
    EXPECT_FAULT(VEC_UD, user_call(hypercall_from_user));
}
