; The first instructions of a flat guest image, its header, and the descriptor tables.
; include/abi/flat.h has the format and the state at entry.
bits 64
default rel

extern rt_main, _entry_offset, _image_size, _bss_size
global start, gdt, tss, user_call, user_done

section .flat_header
        dq 0x54414c464c544e4c           ; FLAT_MAGIC
        dd 1                            ; FLAT_VERSION
        dd _entry_offset
        dq _image_size
        dq _bss_size

section .text
start:
        cld
        cli
        lea rsp, [stack_top]
        lgdt [gdt_pointer]
        push qword 0x10
        lea rax, [.code]
        push rax
        retfq
.code:
        mov eax, 0x18
        mov ds, eax
        mov es, eax
        mov ss, eax
        xor eax, eax
        mov fs, eax
        mov gs, eax
        lldt ax
        ; the TSS's base is spread over its descriptor
        lea rax, [tss]
        mov [gdt.tss + 2], ax
        shr rax, 16
        mov [gdt.tss + 4], al
        mov [gdt.tss + 7], ah
        lea rax, [stack_user_trap_top]
        mov [tss + 4], rax              ; RSP0
        lea rax, [stack_fault_top]
        mov [tss + 36], rax             ; IST1
        lea rax, [stack_debug_top]
        mov [tss + 44], rax             ; IST2
        lea rax, [stack_nmi_top]
        mov [tss + 52], rax             ; IST3
        mov word [tss + 102], 104       ; no I/O bitmap
        mov eax, 0x48
        ltr ax
        xor ebp, ebp
        call rt_main
        ud2

; user_call(rip): CPL 3, interrupts off; a return from there is INT 0x81.
user_call:
        lea rax, [stack_user_top - 8]
        lea rcx, [user_done]
        mov [rax], rcx
        push qword 0x33
        push rax
        push qword 2
        push qword 0x3b
        push rdi
        mov eax, 0x33
        mov ds, eax
        mov es, eax
        iretq
user_done:
        int 0x81

section .data align=16
gdt:
        dq 0
        dq 0x00cf9b000000ffff           ; 0x08 32-bit code
        dq 0x00af9b000000ffff           ; 0x10 64-bit code
        dq 0x00cf93000000ffff           ; 0x18 data
        dq 0x00009b000000ffff           ; 0x20 16-bit code
        dq 0x000093000000ffff           ; 0x28 16-bit data
        dq 0x00cff3000000ffff           ; 0x30 user data
        dq 0x00affb000000ffff           ; 0x38 user 64-bit code
        dq 0x00cffb000000ffff           ; 0x40 user 32-bit code
.tss:   dq 0x0000890000000067, 0        ; 0x48
        dq 0x00cf13000000ffff           ; 0x58 data, not present
        dq 0x00af1b000000ffff           ; 0x60 64-bit code, not present
.end:
gdt_pointer:
        dw gdt.end - gdt - 1
        dq gdt

section .bss align=16
tss:    resb 112
        resb 32768
stack_top:
        resb 8192
stack_fault_top:
        resb 8192
stack_debug_top:
        resb 8192
stack_nmi_top:
        resb 8192
stack_user_trap_top:
        resb 8192
stack_user_top:
