; 256 interrupt stubs with one common frame (struct frame in guest.h), and the two
; halves of catching a fault: catch_set() and the jump back.
bits 64
default rel

extern rt_trap
global isr_table, catch_set, catch_return

section .text
%macro STUB 1
isr_%1:
%if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21
        push qword 0
%endif
        push qword %1
        jmp isr_common
%endmacro

%assign v 0
%rep 256
        STUB v
%assign v v + 1
%endrep

isr_common:
        push rax
        push rcx
        push rdx
        push rbx
        push rbp
        push rsi
        push rdi
        push r8
        push r9
        push r10
        push r11
        push r12
        push r13
        push r14
        push r15
        cld
        mov rdi, rsp
        mov rbx, rsp                    ; an interrupted stack may be misaligned
        and rsp, -16
        call rt_trap
        mov rsp, rbx
        pop r15
        pop r14
        pop r13
        pop r12
        pop r11
        pop r10
        pop r9
        pop r8
        pop rdi
        pop rsi
        pop rbp
        pop rbx
        pop rdx
        pop rcx
        pop rax
        add rsp, 16
        iretq

; int catch_set(struct catch_point *): saves what the ABI preserves; returns 0.
catch_set:
        mov [rdi], rbx
        mov [rdi + 8], rbp
        mov [rdi + 16], r12
        mov [rdi + 24], r13
        mov [rdi + 32], r14
        mov [rdi + 40], r15
        lea rax, [rsp + 8]
        mov [rdi + 48], rax
        mov rax, [rsp]
        mov [rdi + 56], rax
        pushfq
        pop qword [rdi + 64]
        xor eax, eax
        ret

; void catch_return(struct catch_point *): makes that catch_set() return 1.
catch_return:
        mov eax, 0x18
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov rbx, [rdi]
        mov rbp, [rdi + 8]
        mov r12, [rdi + 16]
        mov r13, [rdi + 24]
        mov r14, [rdi + 32]
        mov r15, [rdi + 40]
        mov rsp, [rdi + 48]
        push qword [rdi + 56]
        mov eax, 1
        push qword [rdi + 64]
        popfq
        ret

section .rodata align=8
isr_table:
%assign v 0
%rep 256
        dq isr_ %+ v
%assign v v + 1
%endrep
