; FPU state to and from memory.  SDM Vol. 1, "Operation of XSAVE", "Operation of XRSTOR": in an area
; with XSTATE_BV = 0 every component is in its initial configuration; MXCSR alone is always loaded.

        global  fpu_initial:data
        global  fpu_xsave, fpu_xrstor, fpu_fxsave, fpu_fxrstor

FCW_INITIAL   equ 0x037f                ; all exceptions masked, 64-bit mantissa, as FNINIT
MXCSR_INITIAL equ 0x1f80                ; all exceptions masked

        section .rodata align=64
        align   64
fpu_initial:
        dw      FCW_INITIAL
        times   24 - ($ - fpu_initial) db 0
        dd      MXCSR_INITIAL
        times   512 + 64 - ($ - fpu_initial) db 0 ; rest of the legacy area and the XSAVE header

        section .text
        bits    64

; void fpu_xsave(void *area, u64 mask)
fpu_xsave:
        mov     eax, esi
        mov     rdx, rsi
        shr     rdx, 32
        xsave64 [rdi]
        ret

; void fpu_xrstor(const void *area, u64 mask)
fpu_xrstor:
        mov     eax, esi
        mov     rdx, rsi
        shr     rdx, 32
        xrstor64 [rdi]
        ret

; void fpu_fxsave(void *area)
fpu_fxsave:
        fxsave64 [rdi]
        ret

; void fpu_fxrstor(const void *area)
fpu_fxrstor:
        fxrstor64 [rdi]
        ret
