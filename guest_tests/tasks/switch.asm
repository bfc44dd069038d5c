; What switches tasks, what the tasks do, and how exceptions are caught (tasks.h).
; SDM Vol. 3A, "Task Switching", "Interrupt and Exception Handling".
bits 32
%define SEL_CODE   0x08
%define SEL_DATA   0x10
%define SEL_MAIN   0x28
; struct seen of tasks.h
%define FLAGS_SEEN 32
%define ERROR_SEEN 36
%define COUNT_SEEN 40
%define FLAG_NT    0x4000
%define TSS_EIP    32

global far_call, far_jump, return_from_task, run_int, run_int3, run_into, run_bad_load, run_bad_stack
global run_hlt, run_iret, run_touch
global task_entry, task_error_entry, task_jump_entry, task_user_entry, task_leaves_entry
global task16_entry, task16_error_entry, v86_entry, v86_end, trap_stubs
extern seen, after, resume, task_body, trap, main_tss

; Registers with patterns, so that none is lost on the way; afterwards they are in after[].
%macro PATTERNS 0
        mov eax, 0x1111a0a0
        mov ecx, 0x2222a1a1
        mov edx, 0x3333a2a2
        mov ebx, 0x4444a3a3
        mov ebp, 0x6666a5a5
        mov esi, 0x7777a6a6
        mov edi, 0x8888a7a7
%endmacro
%macro BEGIN 0
        pushad
        mov dword [resume], %%back
        PATTERNS
        %define BACK %%back
%endmacro
%macro END 0
BACK:   mov [after], eax
        mov [after + 4], ecx
        mov [after + 8], edx
        mov [after + 12], ebx
        mov [after + 20], ebp
        mov [after + 24], esi
        mov [after + 28], edi
        pushfd
        pop dword [after + FLAGS_SEEN]
        mov dword [resume], 0
        popad
        ret
%endmacro

section .text
; void far_call(u32 selector), void far_jump(u32 selector): to a TSS or a task gate
far_call:
        mov eax, [esp + 4]
        mov [pointer + 4], ax
        BEGIN
        call far [pointer]
        END
far_jump:
        mov eax, [esp + 4]
        mov [pointer + 4], ax
        BEGIN
        jmp far [pointer]
        END
run_int:
        BEGIN
        int 0x60
        END
run_int3:
        BEGIN
        int3
        END
run_into:
        BEGIN
        mov al, 0x7f
        add al, 1
        mov eax, 0x1111a0a0             ; changes no flag
        into
        END
; #GP(0xfff8); what follows the instruction is where it goes on
run_bad_load:
        BEGIN
        mov eax, 0xfff8
        mov ds, eax
        END
; void run_bad_stack(u32 esp): nothing can be pushed there
run_bad_stack:
        mov ecx, [esp + 4]
        BEGIN
        mov [good_stack], esp
        mov esp, [esp + 36]
        push eax
        END
; A read of that address.
run_touch:
        mov eax, [esp + 4]
        mov [pointer], eax
        BEGIN
        mov eax, [pointer]
        mov eax, [eax]
        mov dword [pointer], 0
        END
run_hlt:
        BEGIN
        sti
        hlt
        cli
        END
; IRET with NT: back to whom the link of the current TSS names
run_iret:
        BEGIN
        pushfd
        or dword [esp], FLAG_NT
        popfd
        iretd
        END

; Back to the task that called this one, from an exception's handler in it.
return_from_task:
        pushfd
        or dword [esp], FLAG_NT
        popfd
        iretd

%macro SEE 0
        mov [seen], eax
        mov [seen + 4], ecx
        mov [seen + 8], edx
        mov [seen + 12], ebx
        mov [seen + 16], esp
        mov [seen + 20], ebp
        mov [seen + 24], esi
        mov [seen + 28], edi
        pushfd
        pop dword [seen + FLAGS_SEEN]
        inc dword [seen + COUNT_SEEN]
%endmacro
task_entry:
        SEE
        call task_body
        iretd
        jmp task_entry
task_error_entry:
        pop dword [seen + ERROR_SEEN]
        SEE
        call task_body
        iretd
        jmp task_error_entry
task_jump_entry:
        SEE
        call task_body
        jmp SEL_MAIN:0
        jmp task_jump_entry
; At CPL 3: to a handler at CPL 0, which returns to the calling task.
task_user_entry:
        SEE
        int 0x61
; At CPL 3, by IRET itself
task_leaves_entry:
        SEE
        iretd
        jmp task_leaves_entry

bits 16
%macro SEE16 0
        mov [dword seen], eax
        mov [dword seen + 4], ecx
        mov [dword seen + 8], edx
        mov [dword seen + 12], ebx
        mov [dword seen + 16], esp
        mov [dword seen + 20], ebp
        mov [dword seen + 24], esi
        mov [dword seen + 28], edi
        pushfd
        pop dword [dword seen + FLAGS_SEEN]
        inc dword [dword seen + COUNT_SEEN]
%endmacro
align 16
task16_entry:
        SEE16
        iret
        jmp task16_entry
align 16
task16_error_entry:
        pop word [dword seen + ERROR_SEEN]
        SEE16
        mov eax, [dword resume]
        mov [dword main_tss + TSS_EIP], eax
        iret
        jmp task16_error_entry
v86_entry:
        int 0x61
v86_end:
bits 32

; Each pushes its number; the processor has pushed an error code, or 0 stands for it.
align 16
trap_stubs:
%assign i 0
%rep 0x62
%if i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21
        nop
        nop
%else
        push byte 0
%endif
        push dword i
        jmp near trap_common
        align 16
%assign i i + 1
%endrep
; The segment registers may hold what a bad TSS has left, and nobody needs them any more.
trap_common:
        pushad
        mov eax, SEL_DATA
        mov ds, eax
        mov es, eax
        push esp
        call trap
        add esp, 4
        popad
        add esp, 8
        iretd

section .data align=4
global good_stack
pointer: dd 0
        dw 0, 0
good_stack: dd 0
