; Into the guest and back.  Called through the inline function in vmx/enter.h, which tells the compiler
; that every register but RSP is lost: so the run loop keeps nothing in registers, and nothing
; of its own is saved and restored on the way.
;
;     RDI = struct gregs *g  ->  RAX = TSC behind the exit, EBX = exit reason
;                                or, if no guest instruction ran, EBX = VMX_FAILED_*
;
; What every exit needs of the VMCS is read here, by registers that had to be wiped anyway.
; HOST_RSP was set once, at vCPU setup, to `g`: the processor hands the register frame back in RSP,
; and nothing is written to the VMCS for an entry.  Called with IF=0; NMI, #MC, #DF and #DB run on
; their own IST stacks, because RSP points to *g for some instructions.  CR2 stays what the guest left:
; the hypervisor has no page faults but its last.
; SDM Vol. 3C, "VM Entries" and "VM Exits" ("Loading Host State").

%include "asm_offsets.inc"              ; made from the C structs

        bits 64
        default rel
        section .text

%macro  gprs 1                          ; what VMX does not switch, without RAX and RDX
        %1 rcx, GREGS_RCX
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
%macro  enter_by 1                      ; VMRESUME or VMLAUNCH
        mov     [rdi + GREGS_HOST_RSP], rsp
        mov     rsp, rdi
        load    rax, GREGS_RAX
        load    rdx, GREGS_RDX
        gprs    load
        %1
        jmp     refused
%endmacro

        global  vmx_resume:function
        align   16
vmx_resume:
        enter_by vmresume

        global  vmx_launch:function
        align   16
vmx_launch:
        enter_by vmlaunch

refused:                                ; VMfail: no guest instruction ran, RSP is still g
        mov     ebx, VMX_FAILED_INVALID
        mov     ecx, VMX_FAILED_VALID   ; MOV leaves CF and ZF alone
        cmovz   ebx, ecx
        mov     rsp, [rsp + GREGS_HOST_RSP]
        ret

        global  vmx_exit:function
        align   16
vmx_exit:
        save    rax, GREGS_RAX
        save    rdx, GREGS_RDX
        rdtsc
        gprs    save
        shl     rdx, 32
        or      rax, rdx
        mov     ecx, VMCS_EXIT_REASON
        mov     esi, VMCS_GUEST_RIP
        mov     edi, VMCS_GUEST_RFLAGS
        mov     r8d, VMCS_GUEST_INTERRUPTIBILITY
        vmread  rbx, rcx
        vmread  [rsp + GUEST_RIP], rsi
        vmread  [rsp + GUEST_RFLAGS], rdi
        vmread  [rsp + GUEST_INTERRUPTIBILITY], r8
        mov     rsp, [rsp + GREGS_HOST_RSP]
        xor     r9d, r9d                ; the guest's values must not get into the speculation of C code
        xor     r10d, r10d
        xor     r11d, r11d
        xor     r12d, r12d
        xor     r13d, r13d
        xor     r14d, r14d
        xor     r15d, r15d
        xor     ebp, ebp
        ret
