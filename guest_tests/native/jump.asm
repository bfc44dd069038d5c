; From native.elf's world into the guest's: descriptors, paging, registers, one way.
; In: RDI = struct native_jump (jump.h), identity-mapped like this code; IF = 0.
; SDM Vol. 3A, "Switching Out of IA-32e Mode".
JUMP_RIP  equ 0
JUMP_RSP  equ 8
JUMP_RAX  equ 16
JUMP_RBX  equ 24
JUMP_RSI  equ 32
JUMP_RDI  equ 40
JUMP_CR3  equ 48
JUMP_TSC  equ 56
JUMP_GDTR equ 70
JUMP_END  equ 336

MSR_TSC   equ 0x10
MSR_EFER  equ 0xc0000080
EFER_LME  equ 0x100

        global  native_jump

        section .text
        bits    64
native_jump:
        mov     rbp, rdi
        lea     rsp, [rbp + JUMP_END]
        lgdt    [rbp + JUMP_GDTR]
        mov     rax, [rbp + JUMP_CR3]
        test    rax, rax
        jz      .protected
        mov     cr3, rax
        mov     eax, 0x20               ; PAE
        mov     cr4, rax
        mov     eax, 0x80000011         ; PG, ET, PE
        mov     cr0, rax
        mov     ecx, MSR_EFER
        mov     eax, EFER_LME
        xor     edx, edx
        wrmsr
        push    qword 0x10
        lea     rax, [rel .long]
        push    rax
        retfq

%macro SEGMENTS 0
        mov     eax, 0x18
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     ss, eax
%endmacro

.long:  SEGMENTS
        mov     ecx, MSR_TSC
        mov     eax, [rbp + JUMP_TSC]
        mov     edx, [rbp + JUMP_TSC + 4]
        wrmsr
        mov     rsp, [rbp + JUMP_RSP]
        mov     rax, [rbp + JUMP_RAX]
        mov     rbx, [rbp + JUMP_RBX]
        mov     rsi, [rbp + JUMP_RSI]
        mov     rdi, [rbp + JUMP_RDI]
        mov     rdx, [rbp + JUMP_RIP]
        xor     ebp, ebp
        jmp     rdx

.protected:
        push    qword 0x10
        lea     rax, [rel .compatibility]
        push    rax
        retfq

        bits    32
.compatibility:
        mov     eax, 0x11               ; ET, PE
        mov     cr0, eax
        mov     ecx, MSR_EFER
        xor     eax, eax
        xor     edx, edx
        wrmsr
        mov     cr4, eax
        SEGMENTS
        mov     ecx, MSR_TSC
        mov     eax, [ebp + JUMP_TSC]
        mov     edx, [ebp + JUMP_TSC + 4]
        wrmsr
        mov     esp, [ebp + JUMP_RSP]
        mov     eax, [ebp + JUMP_RAX]
        mov     ebx, [ebp + JUMP_RBX]
        mov     esi, [ebp + JUMP_RSI]
        mov     edi, [ebp + JUMP_RDI]
        mov     edx, [ebp + JUMP_RIP]
        xor     ebp, ebp
        jmp     edx
