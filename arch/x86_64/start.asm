; The first instructions of hv.elf, on the boot CPU.
; In:  RDI = struct boot_info (physical, identity-mapped by the loader's page tables in CR3),
;      IF = 0, 64-bit mode, .bss zeroed, any GDT, any stack.
; Out: calls hv_main(const struct boot_info *), which returns only from the laboratory: then back to
;      the caller, on its stack and with its page tables.
%include "asm_offsets.inc"

        extern  cpus, cpu_stacks, hv_main
        global  start

        section .text.start progbits alloc exec nowrite align=16
        bits    64
start:
        cli
        cld
        mov     rax, rsp
        mov     rdx, cr3
        mov     rsp, cpu_stacks + CPU_STACKS_TOP
        push    rax
        push    rdx

        ; GS base before the first C line, so that this_cpu() and with it panic() always work.
        mov     rdx, cpus
        mov     [rdx + CPU_SELF], rdx
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, MSR_GS_BASE
        wrmsr

        xor     ebp, ebp                ; where a backtrace ends
        call    hv_main
        pop     rdx
        pop     rax
        mov     cr3, rdx                ; maps hv.elf as ours do
        mov     rsp, rax
        ret
