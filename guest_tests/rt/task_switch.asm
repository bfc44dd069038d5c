; A hardware task switch to where there is no memory: leave IA-32e mode and jump to a task.  Those
; that work are in guest_tests/tasks.  SDM Vol. 3A, "Task Switching".
%define SEL_TASK 0x58                   ; SEL_ABSENT of rt/guest.h, made an available 32-bit TSS
%define TASK     0xc0000000

global task_switch
extern gdt

section .text
bits 64
task_switch:
        mov eax, TASK
        mov [abs gdt + SEL_TASK + 2], ax
        shr eax, 16
        mov [abs gdt + SEL_TASK + 4], al
        mov [abs gdt + SEL_TASK + 7], ah
        mov word [abs gdt + SEL_TASK], 103
        mov word [abs gdt + SEL_TASK + 5], 0x0089
        push qword 0x08
        push qword .compat
        retfq
bits 32
.compat:
        mov eax, cr0
        and eax, 0x7fffffff             ; PG
        mov cr0, eax
        jmp SEL_TASK:0
        ud2
