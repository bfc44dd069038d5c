; The laboratory's own ways into a guest and back; see enter.h.  Nothing is done that is not needed,
; so that what is measured is the processor's part.
; SDM Vol. 3C, "VM Entries" and "VM Exits" ("Loading Host State").

%include "asm_offsets.inc"

HOST_RSP        equ 0x6c14              ; VMCS fields
HOST_RIP        equ 0x6c16
INVEPT_ALL      equ 2
NO_CONTEXT      equ GREGS_HOST_RSP + 8  ; struct lab_frame

        bits 64
        default rel
        section .text

%macro  gprs 1
        %1 rcx, GREGS_RCX
        %1 rdx, GREGS_RDX
        %1 rbx, GREGS_RBX
        %1 rbp, GREGS_RBP
        %1 rsi, GREGS_RSI
        %1 rdi, GREGS_RDI
        %1 r8,  GREGS_R8
        %1 r9,  GREGS_R9
        %1 r10, GREGS_R10
        %1 r11, GREGS_R11
        %1 r12, GREGS_R12
        %1 r13, GREGS_R13
        %1 r14, GREGS_R14
        %1 r15, GREGS_R15
        %1 rax, GREGS_RAX
%endmacro
%macro  load 2
        mov     %1, [rsp + %2]
%endmacro
%macro  save 2
        mov     [rsp + %2], %1
%endmacro
%macro  keep 0                          ; what a C function must not change
        push    rbp
        push    rbx
        push    r12
        push    r13
        push    r14
        push    r15
%endmacro
%macro  give_back 0
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbx
        pop     rbp
        ret
%endmacro

        global  lab_enter:function
        align   16
lab_enter:
        keep
        mov     [rdi + GREGS_HOST_RSP], rsp
        mov     rsp, rdi
        test    sil, sil
        gprs    load                    ; MOV leaves ZF alone
        jz      .launch
        vmresume
        jmp     lab_refused
.launch:
        vmlaunch
lab_refused:
        mov     rsp, [rsp + GREGS_HOST_RSP]
        mov     eax, 1
        give_back

        global  lab_exit:function
        align   16
lab_exit:
        gprs    save
        mov     rsp, [rsp + GREGS_HOST_RSP]
        xor     eax, eax
        give_back

; The guest keeps its next RIP in R13, the field's encoding in R14, and 0 in R15 until it is done.
        global  lab_skip:function
        align   16
lab_skip:
        test    r15, r15
        jnz     lab_exit
        vmwrite r14, r13
        vmresume
        jmp     lab_refused

        global  lab_skip_flush:function
        align   16
lab_skip_flush:
        test    r15, r15
        jnz     lab_exit
        vmwrite r14, r13
        mov     r12d, INVEPT_ALL
        invept  r12, [rsp + NO_CONTEXT]
        vmresume
        jmp     lab_refused

; ---------------------------------------------------------------- series
; bool/void NAME(u64 *sample, u64 count, u64 a, u64 b): RDI, RSI; a in R8, b in R10.

%macro  stamp_first 0
        lfence
        rdtsc
        mov     r9d, eax
        lfence
%endmacro
%macro  stamp_last 0                    ; and around again
        lfence
        rdtsc
        sub     eax, r9d
        mov     [rdi], rax
        add     rdi, 8
        dec     rsi
        jnz     .next
%endmacro
%macro  series 1
        global  %1:function
        align   16
%1:
        keep
        mov     r8, rdx
        mov     r10, rcx
%endmacro

; General registers go through entry and exit as they are: no guest instruction runs.
%macro  trip_begin 1
        series  %1
        mov     eax, HOST_RSP
        vmwrite rax, rsp
        lea     rcx, [.exit]
        mov     eax, HOST_RIP
        vmwrite rax, rcx
        align   16
.next:
        stamp_first
%endmacro
%macro  trip_end 0
        vmresume
        xor     eax, eax
        give_back
        align   16
.exit:
        stamp_last
        mov     eax, 1
        give_back
%endmacro

trip_begin lab_trip_plain
trip_end

trip_begin lab_trip_vmwrite
        vmwrite r8, r10
trip_end

%macro  bare_begin 1
        series  %1
        align   16
.next:
        stamp_first
%endmacro
%macro  bare_end 0
        stamp_last
        give_back
%endmacro

bare_begin lab_bare_nothing
bare_end

bare_begin lab_bare_vmread
        vmread  rax, r8
bare_end

        series  lab_bare_vmwrite
        vmread  r10, r8
        align   16
.next:
        stamp_first
        vmwrite r8, r10
bare_end

bare_begin lab_bare_rdmsr
        mov     ecx, r8d
        rdmsr
bare_end

        series  lab_bare_wrmsr
        mov     r11, r10
        shr     r11, 32
        align   16
.next:
        stamp_first
        mov     ecx, r8d
        mov     eax, r10d
        mov     edx, r11d
        wrmsr
bare_end

        series  lab_bare_verw
        push    0
        mov     [rsp], ds
        align   16
.next:
        stamp_first
        verw    [rsp]
        stamp_last
        add     rsp, 8
        give_back

        series  lab_bare_invept
        push    0
        push    r10
        align   16
.next:
        stamp_first
        invept  r8, [rsp]
        stamp_last
        add     rsp, 16
        give_back

        series  lab_bare_invvpid
        push    0
        push    r10
        align   16
.next:
        stamp_first
        invvpid r8, [rsp]
        stamp_last
        add     rsp, 16
        give_back
