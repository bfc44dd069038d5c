; Where a processor starts after STARTUP, for ever: 32-bit code at CPL 3 with EFLAGS.AC on a misaligned
; stack.  The handler of #AC is at CPL 3, too, so delivering the exception raises it again
; (CVE-2015-5307).  SDM Vol. 3A, "Interrupt 17--Alignment Check Exception (#AC)".
%define AT 0x9000                       ; AC_STORM_PAGE in t_hog.c

global ac_storm, ac_storm_end

section .text
bits 16
ac_storm:
        cli
        mov ax, cs
        mov ds, ax
        o32 lgdt [.gdt_pointer - ac_storm]
        o32 lidt [.idt_pointer - ac_storm]
        mov eax, cr0
        and eax, 0x9fffffff             ; CD and NW
        or eax, 0x40001                 ; AM and PE
        mov cr0, eax
        jmp dword 0x08:AT + .protected - ac_storm
bits 32
.protected:
        mov eax, 0x10
        mov ss, eax
        mov esp, AT + 0xf00
        mov eax, 0x23
        mov ds, eax
        push dword 0x23
        push dword AT + 0xe02           ; the misaligned stack
        push dword 0x40202              ; AC, IF
        push dword 0x1b
        push dword AT + .user - ac_storm
        iretd
.user:
        mov esp, AT + 0xe02
        pop eax
        jmp .user

        align 8
.gdt:   dq 0
        dq 0x00cf9b000000ffff           ; 0x08 code
        dq 0x00cf93000000ffff           ; 0x10 data
        dq 0x00cffb000000ffff           ; 0x18 user code
        dq 0x00cff3000000ffff           ; 0x20 user data
.idt:   times 17 dq 0
        dw AT + .user - ac_storm, 0x1b, 0xee00, 0
.idt_end:
.gdt_pointer:
        dw 5 * 8 - 1
        dd AT + .gdt - ac_storm
.idt_pointer:
        dw .idt_end - .idt - 1
        dd AT + .idt - ac_storm
ac_storm_end:
