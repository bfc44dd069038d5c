/* The open legacy VGA hole: reads give ones, writes vanish, and every form of access that
 * the decoder knows does to registers and flags what the processor would do. */
#include "guest_tests/rt/guest.h"

#define HOLE 0xa0000ull

/* Flags that the arithmetic forms define: OF SF ZF PF CF (AF is left out: AND clears it or not) */
#define FLAGS 0x8c5ull

static u64 flags_of(u64 flags)
{
    return flags & FLAGS;
}

/* Run `insn` with RAX = a and RBX = where; twice, in RAM holding ones and in the hole. */
#define BOTH(insn, a)                                                                              \
    do {                                                                                           \
        static u64 ram_[2];                                                                        \
        u64 rax_[2], flags_[2];                                                                    \
        for (u32 i_ = 0; i_ < 2; i_++) {                                                           \
            ram_[0] = ram_[1] = ~0ull;                                                             \
            rax_[i_] = (a);                                                                        \
            __asm__ volatile("xor %%ecx, %%ecx; " insn "; pushfq; pop %1"                          \
                             : "+a"(rax_[i_]), "=&r"(flags_[i_])                                   \
                             : "b"(i_ ? HOLE + 0x100 : (u64)ram_)                                  \
                             : "rcx", "rdx", "memory", "cc");                                      \
        }                                                                                          \
        if (rax_[0] != rax_[1] || flags_of(flags_[0]) != flags_of(flags_[1]))                      \
            FAIL(insn ": rax 0x%llx not 0x%llx, flags 0x%llx not 0x%llx",                          \
                 (unsigned long long)rax_[1], (unsigned long long)rax_[0],                         \
                 (unsigned long long)flags_of(flags_[1]),                                          \
                 (unsigned long long)flags_of(flags_[0]));                                         \
    } while (0)

#define SAMPLE 0x1122334455667788ull

GUEST_TEST(loads)
{
    BOTH("mov (%%rbx), %%al", SAMPLE);
    BOTH("mov (%%rbx), %%ah", SAMPLE);
    BOTH("mov (%%rbx), %%ax", SAMPLE);
    BOTH("mov (%%rbx), %%eax", SAMPLE);
    BOTH("mov (%%rbx), %%rax", SAMPLE);
    BOTH("movzbl (%%rbx), %%eax", SAMPLE);
    BOTH("movzbw (%%rbx), %%ax", SAMPLE);
    BOTH("movzwl (%%rbx), %%eax", SAMPLE);
    BOTH("movzwq (%%rbx), %%rax", SAMPLE);
    BOTH("movsbl (%%rbx), %%eax", SAMPLE);
    BOTH("movswq (%%rbx), %%rax", SAMPLE);
    BOTH("movslq (%%rbx), %%rax", SAMPLE);
    BOTH("mov 4(%%rbx,%%rcx,8), %%eax", SAMPLE);
}

GUEST_TEST(high_registers)
{
    u64 r9 = SAMPLE, r15 = SAMPLE, rbp = 0;

    __asm__ volatile("mov %3, %%r9; mov %3, %%r15; mov (%4), %%r9d; mov %%r9, %0;"
                     "mov 1(%4), %%r15b; mov %%r15, %1; movzbl (%4), %%esi; mov %%rsi, %2"
                     : "=&r"(r9), "=&r"(r15), "=&r"(rbp)
                     : "r"(SAMPLE), "r"(HOLE)
                     : "r9", "r15", "rsi", "memory");
    EXPECT_EQ(r9, 0xffffffff);
    EXPECT_EQ(r15, SAMPLE | 0xff);
    EXPECT_EQ(rbp, 0xff);
}

GUEST_TEST(stores_are_dropped)
{
    BOTH("mov %%al, (%%rbx)", SAMPLE);
    BOTH("mov %%ax, (%%rbx)", SAMPLE);
    BOTH("mov %%eax, (%%rbx)", SAMPLE);
    BOTH("mov %%rax, (%%rbx)", SAMPLE);
    BOTH("mov %%ah, (%%rbx)", SAMPLE);
    BOTH("movb $0x12, (%%rbx)", SAMPLE);
    BOTH("movw $0x1234, (%%rbx)", SAMPLE);
    BOTH("movl $0x12345678, (%%rbx)", SAMPLE);
    BOTH("movq $-2, (%%rbx)", SAMPLE);
    for (u64 at = HOLE; at < 0xc0000; at += 0x1111)
        EXPECT_EQ(*(volatile u8 *)at, 0xff);
}

GUEST_TEST(read_modify_write)
{
    BOTH("and %%eax, (%%rbx)", SAMPLE);
    BOTH("or %%al, (%%rbx)", SAMPLE);
    BOTH("xor %%rax, (%%rbx)", SAMPLE);
    BOTH("add %%ax, (%%rbx)", SAMPLE);
    BOTH("sub %%eax, (%%rbx)", SAMPLE);
    BOTH("andl $0x7f, (%%rbx)", SAMPLE);
    BOTH("orb $0x80, (%%rbx)", SAMPLE);
    BOTH("addl $1, (%%rbx)", SAMPLE);
    BOTH("lock andl $0, (%%rbx)", SAMPLE);
    BOTH("lock orl $1, (%%rbx)", SAMPLE);
    BOTH("and (%%rbx), %%eax", SAMPLE);
    BOTH("or (%%rbx), %%rax", SAMPLE);
    BOTH("xor (%%rbx), %%al", SAMPLE);
    BOTH("add (%%rbx), %%eax", SAMPLE);
    BOTH("sub (%%rbx), %%ax", SAMPLE);
    BOTH("xchg %%eax, (%%rbx)", SAMPLE);
    BOTH("xchg %%al, (%%rbx)", SAMPLE);
    BOTH("xchg %%rax, (%%rbx)", SAMPLE);
}

GUEST_TEST(comparisons)
{
    BOTH("cmp %%eax, (%%rbx)", SAMPLE);
    BOTH("cmp (%%rbx), %%al", SAMPLE);
    BOTH("cmpb $0xff, (%%rbx)", SAMPLE);
    BOTH("cmpl $-1, (%%rbx)", SAMPLE);
    BOTH("cmpw $0x1234, (%%rbx)", SAMPLE);
    BOTH("test %%eax, (%%rbx)", SAMPLE);
    BOTH("testb $0x80, (%%rbx)", SAMPLE);
    BOTH("testl $0x1, (%%rbx)", SAMPLE);
}

static u8 buffer[64];

GUEST_TEST(string_forms)
{
    u64 to = HOLE, from = HOLE, count = 16;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    EXPECT_EQ(to, HOLE + 16);
    EXPECT_EQ(count, 0);
    to = HOLE, count = 5;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    EXPECT_EQ(to, HOLE + 40);
    memset(buffer, 0, sizeof(buffer));
    to = (u64)buffer, count = 4;
    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    EXPECT_EQ(from, HOLE + 16);
    EXPECT_EQ(to, (u64)buffer + 16);
    EXPECT_EQ(buffer[15], 0xff);
    EXPECT_EQ(buffer[16], 0);
    to = HOLE + 8, from = (u64)buffer, count = 16;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    EXPECT_EQ(from, (u64)buffer + 16);
    EXPECT_EQ(to, HOLE + 24);
    to = HOLE + 32, count = 4;
    __asm__ volatile("std; rep stosw; cld" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    EXPECT_EQ(to, HOLE + 24);
    count = 0, to = HOLE;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    EXPECT_EQ(to, HOLE);
}

GUEST_TEST(segment_and_address_size)
{
    u32 value = 0;
    u8 byte = 0;

    wrmsr(0xc0000100, HOLE); /* FS base */
    __asm__ volatile("mov %%fs:0x10, %0" : "=r"(value));
    EXPECT_EQ(value, 0xffffffff);
    wrmsr(0xc0000100, 0);
    __asm__ volatile("movb (%%ebx), %0" : "=r"(byte) : "b"(HOLE | 0xf00000000ull));
    EXPECT_EQ(byte, 0xff);
    __asm__ volatile(".byte 0xa0; .quad 0xa0000" : "=a"(byte)); /* MOV AL, moffs */
    EXPECT_EQ(byte, 0xff);
}

GUEST_TEST(ten_thousand_accesses)
{
    u32 wrong = 0;

    for (u32 i = 0; i < 10000; i++) {
        volatile u32 *at = (volatile u32 *)(HOLE + (i * 52) % 0x1ff00);

        *at = i;
        wrong += *at != 0xffffffff;
    }
    EXPECT_EQ(wrong, 0);
}

/* No HPET: as where a PC has nothing. */
GUEST_TEST(absent_devices)
{
    static const u64 at[] = {0xfed00000, 0xfed000f0, 0xfed003f8};

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        EXPECT_NO_FAULT(*(volatile u32 *)at[i] = 0x12345678);
        EXPECT_EQ(*(volatile u64 *)at[i], ~0ull);
    }
}
