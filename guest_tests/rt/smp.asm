; Where a processor starts after STARTUP: code of its own in a page below 1 MiB, of which
; smp_page_make() makes copies, then the image's.  struct smp_arrival in smp.h is what it writes down.
%define ARRIVAL 0x800
%define CODE32 0x08
%define CODE64 0x10
%define DATA 0x18

extern gdt, smp_boot_cr0, smp_boot_cr3, smp_boot_cr4, smp_boot_efer, smp_stacks, smp_enter
global smp_trampoline, smp_trampoline_end

MSR_EFER equ 0xc0000080
SMP_MAX equ 8
STACKS_BYTES equ 0x8000

section .text
bits 16
smp_trampoline:
        mov [cs:ARRIVAL], eax
        mov [cs:ARRIVAL + 4], ecx
        mov [cs:ARRIVAL + 8], edx
        mov [cs:ARRIVAL + 12], ebx
        mov [cs:ARRIVAL + 16], esp
        mov [cs:ARRIVAL + 20], ebp
        mov [cs:ARRIVAL + 24], esi
        mov [cs:ARRIVAL + 28], edi
        mov [cs:ARRIVAL + 68], cs
        mov [cs:ARRIVAL + 70], ds
        mov [cs:ARRIVAL + 72], es
        mov [cs:ARRIVAL + 74], fs
        mov [cs:ARRIVAL + 76], gs
        mov [cs:ARRIVAL + 78], ss
        mov ax, cs
        mov ds, ax
        mov ss, ax
        mov esp, 0x1000
        pushfd
        pop dword [ARRIVAL + 64]
        mov eax, cr0
        mov [ARRIVAL + 32], eax
        mov eax, cr2
        mov [ARRIVAL + 36], eax
        mov eax, cr3
        mov [ARRIVAL + 40], eax
        mov eax, cr4
        mov [ARRIVAL + 44], eax
        mov eax, dr6
        mov [ARRIVAL + 48], eax
        mov eax, dr7
        mov [ARRIVAL + 52], eax
        mov ecx, MSR_EFER
        rdmsr
        mov [ARRIVAL + 56], eax
        mov [ARRIVAL + 60], edx
        sgdt [ARRIVAL + 80]
        sidt [ARRIVAL + 86]
        lock inc dword [ARRIVAL + 92]
        o32 lgdt [.gdt - smp_trampoline]
        mov eax, cr0
        and eax, 0x9fffffff             ; CD and NW
        or al, 1
        mov cr0, eax
        jmp dword CODE32:smp_protected
.gdt:
        dw 0x67
        dd gdt
smp_trampoline_end:

bits 32
smp_protected:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov eax, [smp_boot_cr4]
        mov cr4, eax
        mov eax, [smp_boot_cr3]
        mov cr3, eax
        mov ecx, MSR_EFER
        mov eax, [smp_boot_efer]
        xor edx, edx
        wrmsr
        mov eax, [smp_boot_cr0]
        mov cr0, eax
        jmp CODE64:smp_long

bits 64
default rel
smp_long:
        xor eax, eax
        mov fs, eax
        mov gs, eax
        lldt ax
        mov eax, 1
        cpuid
        shr ebx, 24                     ; the initial APIC ID
        cmp ebx, SMP_MAX
        jae .stop
        mov edi, ebx
        lea eax, [ebx + 1]
        imul rax, rax, STACKS_BYTES
        lea rsp, [smp_stacks]
        add rsp, rax
        xor ebp, ebp
        cld
        call smp_enter
.stop:  cli
        hlt
        jmp .stop
