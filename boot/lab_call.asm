; hv.elf's laboratory is called, not jumped to: the firmware's world is put aside, and is the same
; afterwards.  SDM Vol. 3A, "Control Registers", "IA32_EFER", "Task Register",
; "Page Attribute Table (PAT)".

IA32_PAT     equ 0x277
IA32_EFER    equ 0xc0000080
IA32_FS_BASE equ 0xc0000100
IA32_GS_BASE equ 0xc0000101
EFER_NXE     equ 1 << 11
CR0_WP       equ 1 << 16
CR4_PGE      equ 1 << 7
CR4_PCIDE    equ 1 << 17
CR4_CET      equ 1 << 23
CR4_UNWANTED equ CR4_PGE | CR4_PCIDE | CR4_CET
TPR_ALL      equ 15             ; no interrupt has a higher priority class
PAGE_MASK    equ 0xfff
SELECTOR_TI_RPL equ 7
TSS_TYPE     equ 5              ; byte of a descriptor
TSS_BUSY     equ 1 << 1
LAB_CALL_MAX equ 1024           ; bytes; also the alignment, so that one page holds all of it

struc saved
.rsp:     resq 1
.cr0:     resq 1
.cr3:     resq 1
.cr4:     resq 1
.cr8:     resq 1
.pat:     resq 1
.efer:    resq 1
.fs_base: resq 1
.gs_base: resq 1
.gdtr:    resq 2
.idtr:    resq 2
.tr:      resw 1
.ldtr:    resw 1
.cs:      resw 1
.ss:      resw 1
.ds:      resw 1
.es:      resw 1
.fs:      resw 1
.gs:      resw 1
endstruc

%macro SAVE_MSR 2               ; MSR, where
    mov     ecx, %1
    rdmsr
    mov     [rsp + %2], eax
    mov     [rsp + %2 + 4], edx
%endmacro
%macro RESTORE_MSR 2
    mov     ecx, %1
    mov     eax, [rsp + %2]
    mov     edx, [rsp + %2 + 4]
    wrmsr
%endmacro
%macro SAVE_CR 1
    mov     rax, %1
    mov     [rsp + saved. %+ %1], rax
%endmacro
%macro SAVE_SELECTOR 1
    mov     eax, %1
    mov     [rsp + saved. %+ %1], ax
%endmacro
%macro RESTORE_SELECTOR 1
    movzx   eax, word [rsp + saved. %+ %1]
    mov     %1, eax
%endmacro

global lab_call

section .text

; void lab_call(u64 info, u64 root, u64 entry, u64 stack): see lab_call.h.
; This page is mapped at the same address by both sets of tables, and so is the stack at `stack`.
align LAB_CALL_MAX
lab_call:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    pushfq
    cli
    cld
    mov     r8, rdx
    mov     rax, rsp
    lea     rsp, [rcx - saved_size]
    and     rsp, ~15
    mov     [rsp + saved.rsp], rax
    SAVE_CR cr0
    SAVE_CR cr3
    SAVE_CR cr4
    SAVE_CR cr8
    SAVE_MSR IA32_PAT, saved.pat
    SAVE_MSR IA32_EFER, saved.efer
    SAVE_MSR IA32_FS_BASE, saved.fs_base
    SAVE_MSR IA32_GS_BASE, saved.gs_base
    sgdt    [rsp + saved.gdtr]
    sidt    [rsp + saved.idtr]
    str     [rsp + saved.tr]
    sldt    [rsp + saved.ldtr]
    SAVE_SELECTOR cs
    SAVE_SELECTOR ss
    SAVE_SELECTOR ds
    SAVE_SELECTOR es
    SAVE_SELECTOR fs
    SAVE_SELECTOR gs

    ; A VM exit must not take an interrupt that the firmware waits for: the local APIC keeps all.
    mov     eax, TPR_ALL
    mov     cr8, rax

    ; The way in is handoff.asm's.
    mov     ecx, IA32_EFER
    rdmsr
    or      eax, EFER_NXE
    wrmsr
    mov     rax, cr0
    or      rax, CR0_WP
    mov     cr0, rax
    mov     rax, cr4
    and     rax, ~CR4_UNWANTED
    mov     cr4, rax
    mov     cr3, rsi
    xor     ebp, ebp
    call    r8

    ; Back, with RSP as it was and the tables at `root`.  First what the firmware's pages need: no
    ; SMEP and SMAP that it did not have, no global translation of hv.elf's, its memory types.
    mov     rax, [rsp + saved.cr4]
    and     rax, ~CR4_UNWANTED
    mov     cr4, rax
    RESTORE_MSR IA32_PAT, saved.pat
    mov     rax, [rsp + saved.cr3]
    and     rax, ~PAGE_MASK         ; no PCID while CR4.PCIDE is 0
    mov     cr3, rax

    ; Descriptor tables.  LTR wants a task state segment that is not busy, wherever the GDT lies;
    ; a null TR, which many a firmware has, cannot be loaded again and need not be: without a TSS
    ; of its own the firmware uses none.
    mov     rax, cr0
    and     rax, ~CR0_WP
    mov     cr0, rax
    lgdt    [rsp + saved.gdtr]
    lidt    [rsp + saved.idtr]
    lldt    [rsp + saved.ldtr]
    movzx   ecx, word [rsp + saved.tr]
    and     ecx, ~SELECTOR_TI_RPL
    jz      .no_task
    mov     rax, [rsp + saved.gdtr + 2]
    and     byte [rax + rcx + TSS_TYPE], ~TSS_BUSY & 0xff
    ltr     cx
.no_task:
    RESTORE_SELECTOR ss
    RESTORE_SELECTOR ds
    RESTORE_SELECTOR es
    RESTORE_SELECTOR fs
    RESTORE_SELECTOR gs
    movzx   eax, word [rsp + saved.cs]
    lea     rcx, [rel .code]
    push    rax
    push    rcx
    retfq
.code:
    RESTORE_MSR IA32_FS_BASE, saved.fs_base
    RESTORE_MSR IA32_GS_BASE, saved.gs_base

    ; CR4.CET wants CR0.WP, and CR4.PCIDE a CR3 without a PCID.
    RESTORE_MSR IA32_EFER, saved.efer
    mov     rax, [rsp + saved.cr0]
    mov     cr0, rax
    mov     rax, [rsp + saved.cr4]
    mov     cr4, rax
    mov     rax, [rsp + saved.cr3]
    mov     cr3, rax
    mov     rax, [rsp + saved.cr8]
    mov     cr8, rax
    mov     rsp, [rsp + saved.rsp]
    popfq
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.end:

%if lab_call.end - lab_call > LAB_CALL_MAX
%error "lab_call may cross a page"
%endif
