; The jump from the firmware's world into hv.elf's: new page tables, new stack, one way.
; SDM Vol. 3A, "Control Registers", "IA32_EFER".

IA32_EFER  equ 0xc0000080
EFER_NXE   equ 1 << 11
CR0_WP     equ 1 << 16
CR4_PGE    equ 1 << 7
CR4_PCIDE  equ 1 << 17
CR4_CET    equ 1 << 23
HANDOFF_MAX equ 128 ; bytes; also the alignment, so that one page holds all of it

global handoff

section .text

; void handoff(u64 info, u64 root, u64 entry, u64 stack): see handoff.h.
; This page is mapped at the same address by both sets of tables; its data need not be.
align HANDOFF_MAX
handoff:
    cli
    cld
    mov     r8, rdx
    mov     r9, rcx

    ; NX bits are reserved bits, and the write-protection of text a fiction, without these two.
    mov     ecx, IA32_EFER
    rdmsr
    or      eax, EFER_NXE
    wrmsr
    mov     rax, cr0
    or      rax, CR0_WP
    mov     cr0, rax

    ; No global translation of the firmware's survives, and CR3's low bits are no PCID.
    mov     rax, cr4
    and     rax, ~(CR4_PGE | CR4_PCIDE | CR4_CET)
    mov     cr4, rax
    mov     cr3, rsi

    mov     rsp, r9
    xor     ebp, ebp
    jmp     r8
.end:

%if handoff.end - handoff > HANDOFF_MAX
%error "handoff may cross a page"
%endif
