; The Multiboot header and the first instructions of the Multiboot test guest.  With ADDRESSES
; defined, the header gives the addresses for a file that is not ELF.  "Multiboot Specification
; version 0.6.96", "OS image format", "Machine state".
%define MAGIC        0x1badb002
%define PAGE_ALIGN   1
%define MEMORY_INFO  2
%ifdef ADDRESSES
%define FLAGS        (PAGE_ALIGN | MEMORY_INFO | 0x10000)
%else
%define FLAGS        (PAGE_ALIGN | MEMORY_INFO)
%endif

bits 32
global start
global first
extern multiboot_main
extern _image, _data_end, _image_end

section .multiboot align=4
header: dd MAGIC, FLAGS, -(MAGIC + FLAGS)
%ifdef ADDRESSES
        dd header, _image, _data_end, _image_end, start
%endif

; The specification leaves ESP undefined, and lets the image load no segment register: neither
; is used before it was noted.
section .text
start:  mov esp, stack_end              ; changes no flag
        mov [first.eax], eax
        mov [first.ebx], ebx
        pushfd
        pop dword [first.eflags]
        mov eax, cr0
        mov [first.cr0], eax
        mov eax, cr4
        mov [first.cr4], eax
%assign i 0
%rep 6
%if i == 0
%define SEGMENT cs
%elif i == 1
%define SEGMENT ds
%elif i == 2
%define SEGMENT es
%elif i == 3
%define SEGMENT fs
%elif i == 4
%define SEGMENT gs
%else
%define SEGMENT ss
%endif
        mov eax, SEGMENT
        mov [first.segments + i * 16], eax
        mov eax, [SEGMENT:mark]
        mov [first.segments + i * 16 + 4], eax
        xor ecx, ecx
        lar ecx, [first.segments + i * 16]
        mov [first.segments + i * 16 + 8], ecx
        xor ecx, ecx
        lsl ecx, [first.segments + i * 16]
        mov [first.segments + i * 16 + 12], ecx
%assign i i + 1
%endrep
        xor ebp, ebp
        cld
        call multiboot_main             ; does not return

section .data align=16
; struct first_state of main.c
first:
.eax:   dd 0
.ebx:   dd 0
.eflags: dd 0
.cr0:   dd 0
.cr4:   dd 0
.segments: times 6 * 4 dd 0
mark:   dd 0x5e9bed

section .bss align=16
        resb 16384
stack_end:
