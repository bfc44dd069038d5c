; The first instructions of the control partition (include/abi/control.h says in which state it
; begins).  They run at the image's physical address, map the image at its linked one -- text RX,
; rodata R, data RW, and the page below the stack not at all -- and go on there.
bits 64

extern control_main, __text_end, __rodata_end, __image_end
global start

%define PRESENT      1
%define WRITABLE     2
%define NX           63
%define MSR_EFER     0xc0000080
%define EFER_NXE     11
%define CR0_WP       16
%define STACK_BYTES  16384
%define SEL_CODE     8

section .text.start progbits alloc exec nowrite
start:
    cli
    cld
    mov     ebp, 0
    mov     rbx, rdi
    mov     ecx, MSR_EFER
    rdmsr
    bts     eax, EFER_NXE
    wrmsr

    lea     r12, [rel start]            ; the page at hand, by its physical address
    lea     r13, [rel page_table]
    lea     r14, [rel __text_end]
    lea     r15, [rel __rodata_end]
    lea     r8, [rel __image_end]
    lea     r9, [rel guard]
.page:
    cmp     r12, r9
    je      .next
    lea     rax, [r12 + PRESENT]
    cmp     r12, r14
    jb      .write
    bts     rax, NX
    cmp     r12, r15
    jb      .write
    or      rax, WRITABLE
.write:
    mov     [r13], rax
.next:
    add     r13, 8
    add     r12, 4096
    cmp     r12, r8
    jb      .page

    lea     rax, [rel page_table]
    or      rax, PRESENT | WRITABLE
    mov     [rel page_directory], rax
    lea     rax, [rel page_directory]
    or      rax, PRESENT | WRITABLE
    mov     [rel page_pointers + 510 * 8], rax
    lea     rax, [rel page_pointers]
    or      rax, PRESENT | WRITABLE
    mov     rcx, cr3
    mov     [rcx + 511 * 8], rax
    mov     rax, cr0
    bts     rax, CR0_WP
    mov     cr0, rax
    mov     rax, strict qword high
    jmp     rax

high:
    mov     rsp, strict qword stack_end
    lgdt    [abs gdt_pointer]
    push    SEL_CODE
    mov     rax, strict qword .reload
    push    rax
    retfq
.reload:
    xor     eax, eax
    mov     ds, eax
    mov     es, eax
    mov     ss, eax
    mov     fs, eax
    mov     gs, eax
    mov     rdi, rbx
    call    control_main                ; does not return

section .rodata
align 8
gdt:
    dq      0
    dq      0x00af9b000000ffff          ; 64-bit code
gdt_pointer:
    dw      $ - gdt - 1
    dq      gdt

section .bss
align 4096
page_table:     resb 4096
page_directory: resb 4096
page_pointers:  resb 4096
guard:          resb 4096
stack:          resb STACK_BYTES
stack_end:
