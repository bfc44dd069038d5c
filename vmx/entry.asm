; Into the guest and back: a C function that returns.
;
;     enum vmx_result vmx_enter(struct gregs *g, bool launched);
;
; HOST_RSP was set once, at vCPU setup, to `g`: the processor hands the register frame back in RSP,
; and nothing is written to the VMCS for an entry.  Called with IF=0; NMI, #MC, #DF and #DB run on
; their own IST stacks, because RSP points to *g for some instructions.
; SDM Vol. 3C, "VM Entries" and "VM Exits" ("Loading Host State").

%include "asm_offsets.inc"              ; made from the C structs

        bits 64
        default rel
        section .text

%macro  gprs 1                          ; every register that VMX does not switch
        %1 rax, GREGS_RAX
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
%endmacro
%macro  load 2
        mov     %1, [rsp + %2]
%endmacro
%macro  save 2
        mov     [rsp + %2], %1
%endmacro

        global  vmx_enter:function
        align   16
vmx_enter:
        push    rbp
        push    rbx
        push    r12
        push    r13
        push    r14
        push    r15
        mov     [rdi + GREGS_HOST_RSP], rsp
        mov     rsp, rdi
        mov     rax, [rsp + GREGS_CR2]
        mov     rcx, cr2                ; reading it is cheap, writing it serializes
        cmp     rax, rcx
        je      .cr2_done
        mov     cr2, rax
.cr2_done:
        test    sil, sil
        gprs    load                    ; MOV leaves ZF alone
        jz      .launch
        vmresume
        jmp     .refused
.launch:
        vmlaunch
.refused:                               ; VMfail: no guest instruction ran, RSP is still g
        mov     eax, VMX_FAIL_INVALID
        mov     ecx, VMX_FAIL_VALID     ; MOV leaves CF and ZF alone
        cmovz   eax, ecx
        mov     rsp, [rsp + GREGS_HOST_RSP]
        jmp     unwind

        global  vmx_exit:function
        align   16
vmx_exit:
        gprs    save
        mov     rax, cr2
        mov     [rsp + GREGS_CR2], rax
        mov     rsp, [rsp + GREGS_HOST_RSP]
        xor     eax, eax                ; VMX_EXITED
        xor     ecx, ecx                ; what is neither popped nor set must not carry the guest's
        xor     edx, edx                ; values into the speculation of C code
        xor     esi, esi
        xor     edi, edi
        xor     r8d, r8d
        xor     r9d, r9d
        xor     r10d, r10d
        xor     r11d, r11d
unwind:
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbx
        pop     rbp
        ret
