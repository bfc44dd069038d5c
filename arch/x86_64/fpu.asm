; Initial FPU state from constant memory.  SDM Vol. 1, "Operation of XRSTOR": with XSTATE_BV = 0
; every requested component goes to its initial configuration; MXCSR alone is always loaded.

        global  fpu_xrstor_initial, fpu_fxrstor_initial

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
