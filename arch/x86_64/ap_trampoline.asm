; The way of a processor from its startup IPI into hv.elf.
; smp.c copies ap_trampoline to a page below 1 MiB, fills in ap_parameters, and maps that page alone
; at its physical address, for reading and fetching, in tables of which CR3's lies below 4 GiB.
; SDM Vol. 3A, "Typical AP Initialization Sequence", "Initializing IA-32e Mode".
%include "asm_offsets.inc"

        global  ap_trampoline, ap_trampoline_end, ap_parameters, ap_protected, ap_long
        extern  ap_main, ap_root, ap_slot, cpus, cpu_stacks

%define AT(label) (label - ap_trampoline)

SEL_CODE32 equ SEL_DATA + 8

        section .rodata align=16
        bits    16
; In:  CS = page / 16, IP = 0, real mode as after INIT.
ap_trampoline:
        cli
        cld
        mov     ax, cs
        mov     ds, ax
        movzx   ebx, ax
        shl     ebx, 4
        o32 lgdt [AT(ap_parameters.gdtr)]
        mov     eax, CR0_PROTECTED      ; INIT has set CD and NW: the caches are on from here
        mov     cr0, eax
        jmp     far dword [AT(ap_parameters.protected)]

        bits    32
ap_protected:
        mov     ax, SEL_DATA
        mov     ds, ax
        mov     ss, ax
        mov     eax, CR4_PAE
        mov     cr4, eax
        mov     eax, [ebx + AT(ap_parameters.cr3)]
        mov     cr3, eax
        mov     ecx, MSR_EFER
        mov     eax, EFER_LME | EFER_NXE
        xor     edx, edx
        wrmsr
        mov     eax, CR0_PROTECTED | CR0_PG
        mov     cr0, eax
        jmp     far dword [ebx + AT(ap_parameters.long)]

        bits    64
ap_long:
        mov     rax, qword ap_start
        jmp     rax

; The accessed bits are set: with paging the page cannot be written.
        align   8
gdt:
        dq      0
        dq      0x00af9b000000ffff      ; SEL_CODE: 64-bit code
        dq      0x00cf93000000ffff      ; SEL_DATA
        dq      0x00cf9b000000ffff      ; SEL_CODE32
.end:

; struct ap_parameters of smp.c; the zeros are filled in there.
ap_parameters:
.gdtr:
        dw      gdt.end - gdt - 1
        dd      AT(gdt)
.protected:
        dd      AT(ap_protected)
        dw      SEL_CODE32
.long:
        dd      AT(ap_long)
        dw      SEL_CODE
.cr3:
        dd      0
ap_trampoline_end:

        section .text
        bits    64
; On hv.elf's text, which the trampoline's tables and Lintel's both map; there is no stack yet.
ap_start:
        mov     rax, [ap_root]
        mov     cr3, rax
        mov     eax, AP_NOBODY
        xchg    eax, [ap_slot]          ; one that comes late finds no number
        cmp     eax, CPUS_MAX
        jb      .number
.halt:
        cli
        hlt
        jmp     .halt

; This is CPU number EAX.
.number:
        mov     edi, eax
        imul    rcx, rax, CPU_STACKS_SIZE
        lea     rsp, [rcx + cpu_stacks + CPU_STACKS_TOP]

        ; GS base before the first C line, so that this_cpu() and with it panic() always work.
        imul    rdx, rax, CPU_SIZE
        add     rdx, cpus
        mov     [rdx + CPU_SELF], rdx
        mov     eax, edx
        shr     rdx, 32
        mov     ecx, MSR_GS_BASE
        wrmsr

        xor     ebp, ebp                ; where a backtrace ends
        call    ap_main                 ; does not return
        ud2
