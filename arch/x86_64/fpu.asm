; The extended state to and from memory.  SDM Vol. 1, "Managing State Using the XSAVE Feature Set".

        global  fpu_xsave, fpu_xsaveopt, fpu_xrstor, fpu_fxsave, fpu_fxrstor

        section .text
        bits    64

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
