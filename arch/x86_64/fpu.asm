; The extended state to and from memory, and the initial one from constant memory.  SDM Vol. 1, "Operation of XRSTOR": with XSTATE_BV = 0
; every requested component goes to its initial configuration; MXCSR alone is always loaded.

        global  fpu_xrstor_initial, fpu_fxrstor_initial
        global  fpu_xsave, fpu_xsaveopt, fpu_xrstor, fpu_fxsave, fpu_fxrstor

FCW_INITIAL   equ 0x037f                ; all exceptions masked, 64-bit mantissa, as FNINIT
MXCSR_INITIAL equ 0x1f80                ; all exceptions masked

        section .rodata align=64
        align   64
initial:
        dw      FCW_INITIAL
        times   24 - ($ - initial) db 0
        dd      MXCSR_INITIAL
        times   512 + 64 - ($ - initial) db 0 ; rest of the legacy area and the XSAVE header

        section .text
        bits    64

; void fpu_xrstor_initial(u64 mask)
fpu_xrstor_initial:
        mov     eax, edi
        mov     rdx, rdi
        shr     rdx, 32
        xrstor64 [initial]
        ret

; void fpu_fxrstor_initial(void)
fpu_fxrstor_initial:
        fxrstor64 [initial]
        ret

; void fpu_xsave(void *area, u64 mask), and likewise fpu_xsaveopt(), fpu_xrstor()
%macro STATE_INSN 1
        mov     eax, esi
        mov     rdx, rsi
        shr     rdx, 32
        %1      [rdi]
        ret
%endmacro

fpu_xsave:
        STATE_INSN xsave64
fpu_xsaveopt:
        STATE_INSN xsaveopt64
fpu_xrstor:
        STATE_INSN xrstor64

; void fpu_fxsave(void *area)
fpu_fxsave:
        fxsave64 [rdi]
        ret

; void fpu_fxrstor(const void *area)
fpu_fxrstor:
        fxrstor64 [rdi]
        ret
