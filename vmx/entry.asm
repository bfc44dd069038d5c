; Into the guest and back.  Called through the inline function in vmx/enter.h, which tells the compiler
; that every register but RSP is lost: so the run loop keeps nothing in registers, and nothing
; of its own is saved and restored on the way.
;
;     RDI = struct gregs *g  ->  RAX = TSC behind the exit, EBX = exit reason, R12 = g
;                                or, if no guest instruction ran, EBX = VMX_FAILED_*
;
; What every exit needs of the VMCS is read here, by registers that had to be wiped anyway.
; HOST_RSP was set once, at vCPU setup, to `g`: the processor hands the register frame back in RSP,
; and nothing is written to the VMCS for an entry.  Called with IF=0; NMI, #MC, #DF and #DB run on
; their own IST stacks, because RSP points to *g for some instructions.  CR2 stays what the guest left:
; the hypervisor has no page faults but its last.
;
; There is a variant for each combination of mitigations (vmx/mitigation.h); which one a virtual CPU uses is
; set once, at its setup.  The variant without any is the code above and below without an %if.
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
%macro  set_msr 2                       ; MSR, value below 2^32: ECX, EAX and EDX are lost, flags are not
        mov     ecx, %1
        mov     eax, %2
        mov     edx, 0
        wrmsr
%endmacro

; ---------------------------------------------------------------- into the guest
; VMRESUME or VMLAUNCH; mitigations.  VERW comes after the last load: it clears the buffers that loads
; pass through, and only in its form with a memory operand.  IBRS goes back to the guest's 0, which
; no indirect branch of ours follows.
%macro  enter_by 2
        mov     [rdi + GREGS_HOST_RSP], rsp
%if (%2) & MITIGATE_L1D_FLUSH
        set_msr MSR_FLUSH_CMD, FLUSH_CMD_L1D
%endif
%if (%2) & MITIGATE_IBRS
        set_msr MSR_SPEC_CTRL, 0
%endif
        mov     rsp, rdi
        load    rax, GREGS_RAX
        load    rdx, GREGS_RDX
        gprs    load
%if (%2) & MITIGATE_VERW
        verw    [verw_selector]
%endif
        %1
%if (%2) & MITIGATE_IBRS
        jmp     refused_ibrs
%else
        jmp     refused
%endif
%endmacro

%assign way 0
%rep MITIGATE_ENTRY + 1
        align   16
vmx_resume_ %+ way:
        enter_by vmresume, way
        align   16
vmx_launch_ %+ way:
        enter_by vmlaunch, way
%assign way way + 1
%endrep

%macro  refuse 1                        ; VMfail: no guest instruction ran, RSP is still g
        mov     ebx, VMX_FAILED_INVALID
        mov     ecx, VMX_FAILED_VALID   ; MOV leaves CF and ZF alone
        cmovz   ebx, ecx
%if (%1) & MITIGATE_IBRS
        set_msr MSR_SPEC_CTRL, SPEC_CTRL_IBRS
%endif
        mov     r12, rsp
        mov     rsp, [rsp + GREGS_HOST_RSP]
        ret
%endmacro

refused:
        refuse  0
refused_ibrs:
        refuse  MITIGATE_IBRS

; ---------------------------------------------------------------- out of the guest
; The guest has filled the return stack buffer (RSB): a RET without a CALL of ours before it would go, for some
; instructions, where the guest likes.  Such is the RET here, and those of the functions that have called
; the run loop, but none within the loop.  So here one entry is made, which leads to an INT3; and
; who leaves the loop calls vmx_fill_rsb().  LFENCE waits until the CALLs are retired.
%macro  rsb_entry 0
        call    $ + 6                   ; over the INT3; a label would be a symbol each time
        int3
%endmacro

        global  vmx_fill_rsb:function
        align   16
vmx_fill_rsb:
%rep 32
        rsb_entry
%endrep
        add     rsp, 32 * 8
        lfence
        ret

; A taken branch shifts the branch history, and these are more of them than it holds (194 in the largest
; core that needs it, Golden Cove): 13 times 8 JMPs and 7 JNZs, and 12 JNZs.
%macro  overwrite_bhb 0
        mov     ecx, 13
%%outer:
        mov     edx, 8
%%inner:
        jmp     %%next
        int3
%%next:
        dec     edx
        jnz     %%inner
        dec     ecx
        jnz     %%outer
        lfence
%endmacro

; Mitigations.  RAX is the TSC and EBX the reason; R9 to R15 are still to be wiped.
%macro  exit_to_host 1
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
        mov     r12, rsp
        mov     rsp, [rsp + GREGS_HOST_RSP]
%if (%1) & MITIGATE_IBRS
        mov     r9, rax
        set_msr MSR_SPEC_CTRL, SPEC_CTRL_IBRS
        mov     rax, r9
%endif
%if (%1) & MITIGATE_RSB
        rsb_entry
        pop     r15                     ; wiped by this
        lfence
%else
        xor     r15d, r15d
%endif
%if (%1) & MITIGATE_BHB_LOOP
        overwrite_bhb
%endif
        xor     r9d, r9d                ; the guest's values must not get into the speculation of C code
        xor     r10d, r10d
        xor     r11d, r11d
        xor     r13d, r13d
        xor     r14d, r14d
        xor     ebp, ebp
        ret
%endmacro

%assign way 0
%rep MITIGATE_EXIT / MITIGATE_IBRS + 1
        align   16
vmx_exit_ %+ way:
        exit_to_host way * MITIGATE_IBRS
%assign way way + 1
%endrep

; ---------------------------------------------------------------- the variants, by number
        section .rodata

%macro  variants 3                      ; name of the table, of its variants, their number
        global  %1:data
        align   8
%1:
%assign way 0
%rep %3
        dq      %2 %+ way
%assign way way + 1
%endrep
%endmacro

        variants vmx_resume_variants, vmx_resume_, MITIGATE_ENTRY + 1
        variants vmx_launch_variants, vmx_launch_, MITIGATE_ENTRY + 1
        variants vmx_exit_variants, vmx_exit_, MITIGATE_EXIT / MITIGATE_IBRS + 1

verw_selector:
        dw      SEL_DATA                ; VERW wants a selector of a writable segment
