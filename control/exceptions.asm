; The control partition's exceptions: each ends it, by on_exception(vector, error or 0, RIP).
; exception_stub[] has the address of each one's first instruction.
bits 64

extern on_exception
global exception_stub

%define EXCEPTIONS   32

section .text
%assign vector 0
%rep EXCEPTIONS
stub_ %+ vector:
    %if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
        push    0
    %endif
        push    vector
        jmp     end_by
    %assign vector vector + 1
%endrep

end_by:
        pop     rdi
        pop     rsi
        mov     rdx, [rsp]
        and     rsp, -16
        call    on_exception            ; does not return

section .rodata
align 8
exception_stub:
%assign vector 0
%rep EXCEPTIONS
        dq      stub_ %+ vector
    %assign vector vector + 1
%endrep
