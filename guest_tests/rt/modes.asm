; One walk through the processor's modes: 64-bit -> compatibility -> protected without
; paging -> 32-bit paging -> PAE paging -> 16-bit protected -> real -> protected -> 64-bit,
; with the same small job in each.  The walk is copied to MODES_CODE, below 1 MiB; where it
; notes what it saw is struct modes_record (rt/modes.h).
; SDM Vol. 3A, "Initializing IA-32e Mode", "Switching Back to Real-Address Mode".
%define CODE    0x8000
%define RECORD  0x7000                  ; 32 bytes a mode
%define SAVED   0x7400
%define COUNTS  0x7500                  ; 32-bit: INT in protected mode, INT and IRQ 0 in real mode
%define TABLES  0x7600                  ; 32-bit: CR3 for 32-bit paging, for PAE paging
%define AT(label) (CODE + label - modes_start)

global modes_start, modes_end, modes_int32, modes_int16, modes_irq16
global compat_into, compat_bound

section .rodata
modes_start:
bits 64
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        pushfq
        mov [abs SAVED], rsp
        sidt [abs SAVED + 16]
        mov rax, cr3
        mov [abs SAVED + 32], rax
        mov rax, cr4
        mov [abs SAVED + 40], rax
        push qword 0x08
        push qword AT(compat)
        retfq

%macro JOB 1
        mov eax, cr0
        mov [RECORD + %1 * 32], eax
        xor eax, eax
        cpuid
        mov [RECORD + %1 * 32 + 4], eax
        mov [RECORD + %1 * 32 + 8], ebx
        mov [RECORD + %1 * 32 + 12], ecx
        mov [RECORD + %1 * 32 + 16], edx
        xor eax, eax
        in al, 0x21
        mov [RECORD + %1 * 32 + 20], eax
        mov ecx, 0xc0000080
        rdmsr
        mov [RECORD + %1 * 32 + 24], eax
        mov dword [RECORD + %1 * 32 + 28], 0x600d0000 + %1
%endmacro

%macro CR0_CLEAR_PG 0
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
%endmacro
%macro CR0_SET_PG 0
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
%endmacro
%macro DATA_SEGMENTS 1
        mov eax, %1
        mov ds, eax
        mov es, eax
        mov ss, eax
%endmacro

bits 32
compat: DATA_SEGMENTS 0x18
        JOB 0
        CR0_CLEAR_PG
        mov ecx, 0xc0000080
        rdmsr
        and eax, ~0x100                 ; LME
        wrmsr
        lidt [AT(idt32)]
        JOB 1
        int 0x60
        mov eax, cr4
        and eax, ~0x20                  ; PAE
        or eax, 0x10                    ; PSE
        mov cr4, eax
        mov eax, [TABLES]
        mov cr3, eax
        CR0_SET_PG
        JOB 2
        int 0x60
        CR0_CLEAR_PG
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, [TABLES + 4]
        mov cr3, eax
        CR0_SET_PG
        JOB 3
        int 0x60
        mov eax, cr3                    ; loads the PDPTEs again
        mov cr3, eax
        JOB 3
        CR0_CLEAR_PG
        jmp 0x20:AT(protected16)

bits 16
protected16:
        DATA_SEGMENTS 0x28
        JOB 4
        mov eax, cr0
        and eax, ~1
        mov cr0, eax
        jmp 0:AT(real)
real:   xor eax, eax
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov sp, RECORD
        lidt [AT(ivt)]
        JOB 5
        int 0x60
        mov al, 0xfe                    ; IRQ 0 alone
        out 0x21, al
        sti
        hlt
        cli
        mov al, 0xff
        out 0x21, al
        mov eax, cr0
        or eax, 1
        mov cr0, eax
        jmp dword 0x08:AT(protected32)

bits 32
protected32:
        DATA_SEGMENTS 0x18
        JOB 6
        mov eax, [SAVED + 40]
        mov cr4, eax
        mov eax, [SAVED + 32]
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 0x100
        wrmsr
        CR0_SET_PG
        JOB 7                           ; compatibility mode again
        jmp 0x10:AT(long64)

bits 64
long64: mov rsp, [abs SAVED]
        lidt [abs SAVED + 16]
        popfq
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret

bits 32
modes_int32:
        inc dword [COUNTS]
        iretd
bits 16
modes_int16:
        inc dword [COUNTS + 4]
        iret
modes_irq16:
        push ax
        inc dword [COUNTS + 8]
        mov al, 0x20
        out 0x20, al
        pop ax
        iret
idt32:  dw 0x7ff
        dd 0x5000
ivt:    dw 0x3ff
        dd 0
modes_end:

; INTO and BOUND exist outside of 64-bit mode only; both fault or trap, so neither comes back.
section .text
bits 64
%macro COMPAT 1
        push qword 0x08
        push qword %1
        retfq
%endmacro
compat_into:
        COMPAT .code
bits 32
.code:  mov al, 0x7f
        add al, 1
        into
        ud2
bits 64
compat_bound:
        COMPAT .code
bits 32
.code:  mov eax, 5
        mov ecx, .bounds
        bound eax, [ecx]
        ud2
.bounds: dd 1, 4
