; Faults that exist outside of 64-bit mode only, and the way there and back (rt/modes.h).
; SDM Vol. 3A, "Initializing IA-32e Mode", "Switching Back to Real-Address Mode".
%define CODE   0x8000                   ; where the walk to real mode is copied: below 1 MiB
%define STACK  0x7000
%define AT(label) (CODE + label - walk)

global enter_ia32e_with_tss, real_mode_fault
extern gdt

%macro SAVE 0
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        pushfq
        mov [abs saved_rsp], rsp
        sidt [abs saved_idt]
%endmacro
%macro RESTORE_AND_RETURN 0             ; the result is in ESI
        mov rsp, [abs saved_rsp]
        lidt [abs saved_idt]
        mov eax, esi
        popfq
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret
%endmacro
%macro CHANGE_CR0 2                     ; and, or
        mov eax, cr0
        and eax, %1
        or eax, %2
        mov cr0, eax
%endmacro
%macro DATA_SEGMENTS 1
        mov eax, %1
        mov ds, eax
        mov es, eax
        mov ss, eax
%endmacro

; u32 enter_ia32e_with_tss(u16 selector, u32 cr0_bits)
section .text
bits 64
enter_ia32e_with_tss:
        SAVE
        mov eax, .general_protection
        mov [abs idt32 + 13 * 8], ax
        mov dword [abs idt32 + 13 * 8 + 2], 0x8e00 << 16 | 0x08
        shr eax, 16
        mov [abs idt32 + 13 * 8 + 6], ax
        push qword 0x08
        push qword .compat
        retfq
bits 32
.compat:
        DATA_SEGMENTS 0x18
        CHANGE_CR0 0x7fffffff, 0        ; leaves IA-32e mode; EFER.LME stays
        lidt [idt32_pointer]
        ltr di
        mov eax, cr0
        or eax, 0x80000000
        or eax, esi
        xor esi, esi
.enter: mov cr0, eax
        jmp .back
.general_protection:
        pop esi
        or esi, 13 << 16
        cmp dword [esp], .enter
        je .back
        mov esi, -1
.back:  and byte [gdt + 0x48 + 5], ~2   ; the image's own TSS: not busy
        mov eax, 0x48
        ltr ax
        CHANGE_CR0 ~0x40000000, 0x80000000      ; CD
        jmp 0x10:.long
bits 64
.long:  RESTORE_AND_RETURN

; u32 real_mode_fault(u16 idt_limit)
real_mode_fault:
        SAVE
        mov [abs real_idt], di
        mov rsi, walk
        mov edi, CODE
        mov ecx, walk_end - walk
        rep movsb
        mov dword [abs 13 * 4], AT(real_13)
        mov dword [abs 8 * 4], AT(real_8)
        push qword 0x08
        push qword CODE
        retfq
real_done:
        RESTORE_AND_RETURN

section .data align=8
walk:
bits 32
        DATA_SEGMENTS 0x18
        CHANGE_CR0 0x7fffffff, 0
        lidt [real_idt]
        jmp 0x20:AT(protected16)
bits 16
protected16:
        DATA_SEGMENTS 0x28
        CHANGE_CR0 ~1, 0
        jmp 0:AT(real)
real:   xor eax, eax
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov sp, STACK
        xor esi, esi
        mov eax, cr4
        or eax, 0x80000000              ; reserved
        mov cr4, eax
        jmp real_back
real_13:
        mov esi, 13 << 16
        jmp real_frame
real_8: mov esi, 8 << 16
real_frame:
        mov ax, STACK
        sub ax, sp
        mov si, ax
real_back:
        CHANGE_CR0 -1, 1
        jmp dword 0x08:AT(protected32)
bits 32
protected32:
        DATA_SEGMENTS 0x18
        CHANGE_CR0 -1, 0x80000000
        jmp 0x10:real_done
walk_end:

idt32_pointer:
        dw 14 * 8 - 1
        dd idt32
real_idt:
        dw 0
        dd 0

section .bss align=8
idt32:  resq 14
saved_rsp: resq 1
saved_idt: resb 10
