; 256 entry points with one common frame (struct trap_frame).  Each stub has 16 bytes, so the IDT
; is filled by arithmetic.  SDM Vol. 3A, "64-Bit Mode Stack Frame", "Error Code".

        extern  trap_entry
        global  isr_stubs

; Vectors for which the processor pushes an error code: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX
ERROR_CODE_VECTORS equ (1 << 8) | (0x1f << 10) | (1 << 17) | (1 << 21) | (1 << 29) | (1 << 30)

        section .text
        bits    64

        align   16
isr_stubs:
%assign vector 0
%rep 256
        align   16
  %if vector >= 32 || ((ERROR_CODE_VECTORS >> vector) & 1) == 0
        push    0
  %endif
        push    vector
        jmp     near save_and_call
  %assign vector vector + 1
%endrep

; The processor aligned RSP to 16 bytes and pushed 5 words; with error code and vector and the 15
; registers it is aligned again at the call.  No swapgs: GS is the hypervisor's at all times, a VM
; exit has reloaded it.
        align   16
save_and_call:
%macro PUSH_ALL 1-*
  %rep %0
        push    %1
    %rotate 1
  %endrep
%endmacro
%macro POP_ALL 1-*
  %rep %0
    %rotate -1
        pop     %1
  %endrep
%endmacro
%define REGISTERS rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15

        PUSH_ALL REGISTERS
        cld
        mov     rdi, rsp
        call    trap_entry
        POP_ALL REGISTERS
        add     rsp, 16                 ; vector and error code
        iretq
