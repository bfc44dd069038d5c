; The laboratory's guest code; see guest.h.  Data of hv.elf: it is copied into guests, never executed
; where it lies.

END_PORT        equ 0xf4                ; LAB_END_PORT
X2APIC_EOI      equ 0x80b

        bits 64
        default rel
        section .rodata

        global  lab_guest:data, lab_guest_end:data
        align   4096
lab_guest:

; ---------------------------------------------------------------- series of samples

%macro  bench 1
        global  lab_bench_%1:data
        align   64
lab_bench_%1:
        lea     r13, [.after]
.next:
        lfence
        rdtsc
        mov     esi, eax
        lfence
%endmacro
%macro  bench_end 0
.after:
        lfence
        rdtsc
        sub     eax, esi
        mov     [rdi], rax
        add     rdi, 8
        dec     ebp
        jnz     .next
        jmp     done
%endmacro

bench stamps
bench_end

bench cpuid
        xor     eax, eax
        cpuid
bench_end

bench vmcall
        mov     eax, -1                 ; no hypercall
        vmcall
bench_end

bench rdmsr
        mov     ecx, r9d
        rdmsr
bench_end

bench wrmsr
        mov     ecx, r9d
        mov     eax, r10d
        mov     edx, r11d
        wrmsr
bench_end

bench in
        mov     edx, r9d
        in      al, dx
bench_end

bench out
        mov     edx, r9d
        mov     eax, r10d
        out     dx, al
bench_end

bench hlt
        hlt
bench_end

bench xsetbv
        xor     ecx, ecx
        xor     edx, edx
        mov     eax, r10d
        xsetbv
bench_end

bench wbinvd
        wbinvd
bench_end

bench invd
        invd
bench_end

bench mov_cr0
        xor     r10, r11
        mov     cr0, r10
bench_end

bench mov_cr3
        mov     cr3, r10
bench_end

bench mov_cr4
        mov     cr4, r10
bench_end

bench load
        mov     eax, [r8]
bench_end

bench store
        mov     [r8], r10d
bench_end

bench ud2
        ud2
bench_end

; The host drops every cached translation at the VMCALL, outside of the stamps.
        global  lab_bench_flushed_load:data
        align   64
lab_bench_flushed_load:
        lea     r13, [.flushed]
.next:
        vmcall
.flushed:
        lfence
        rdtsc
        mov     esi, eax
        lfence
        mov     eax, [r8]
bench_end

; An interrupt that the local APIC sends to itself: R8 is its ICR's address, R10D what to write. The one
; before is ended first; both are outside of the stamps.
ICR_TO_EOI      equ 0x300 - 0xb0
%macro  bench_interrupt 1
        global  lab_bench_%1:data
        align   64
lab_bench_%1:
.next:
        cli
        mov     dword [r8 - ICR_TO_EOI], 0
        mov     [r8], r10d
        lfence
        rdtsc
        mov     esi, eax
        lfence
        sti
%endmacro

bench_interrupt interrupt
        nop
bench_end

bench_interrupt woken
        hlt
bench_end

; EBP loops and no exit: time for exits that come by themselves.
        global  lab_bench_spin:data
        align   64
lab_bench_spin:
        dec     ebp
        jnz     lab_bench_spin
done:
        mov     r15d, 1
        mov     edx, END_PORT
        out     dx, al
        jmp     done

; ---------------------------------------------------------------- self-tests
; RBX and RCX are what the test gives, RAX the answer.

%macro  code 1-*
        global  lab_code_%1:data
        align   16
lab_code_%1:
%endmacro
%macro  answer 0
        vmcall
        ud2
%endmacro

code call
        vmcall
        jmp     lab_code_call

code load
        mov     rax, [rbx]
        answer

code load32
        mov     eax, [rbx]
        answer

code store
        mov     [rbx], rcx
        answer

code store32
        mov     [rbx], ecx
        answer

code exec
        call    rbx
        answer

code ret
        ret

code spin
        jmp     lab_code_spin

code nops
        times 4 nop
        answer

code cpuid
        cpuid
        answer

code rdmsr
        rdmsr
        shl     rdx, 32
        or      rax, rdx
        answer

code wrmsr
        mov     eax, ebx
        xor     edx, edx
        wrmsr
        answer

code in
        mov     edx, ebx
        in      al, dx
        answer

code hlt
        hlt
        answer

code sti
        sti
        times 4 nop
        answer

code rdtsc
        rdtsc
        shl     rdx, 32
        or      rax, rdx
        answer

code rdtscp
        rdtscp
        answer

code invpcid
        mov     eax, 2                  ; all contexts
        invpcid rax, [rbx]
        answer

code xsaves
        xor     eax, eax
        xor     edx, edx
        xsaves  [rbx]
        answer

code sgdt
        sgdt    [rbx]
        answer

code str
        str     eax
        answer

code pause
        pause
        jmp     lab_code_pause

code vmfunc
        xor     eax, eax                ; EPTP switching, to list entry ECX
        vmfunc
        mov     rax, [rbx]
        answer

code write_cr8
        mov     cr8, rbx
        mov     rax, cr8
        answer

code write_cr3
        mov     rax, cr3
        mov     cr3, rax
        answer

code read_dr7
        mov     rax, dr7
        answer

code wbinvd
        wbinvd
        answer

code rdrand
        rdrand  rax
        answer

code rdseed
        rdseed  rax
        answer

code rdpmc
        rdpmc
        answer

code invlpg
        invlpg  [rbx]
        answer

code monitor
        mov     rax, rbx
        xor     ecx, ecx
        xor     edx, edx
        monitor
        answer

code ud2
        ud2
        answer

code vmread
        vmread  rax, rbx
        answer

code vmwrite
        vmwrite rcx, rbx
        answer

code tpause
        xor     eax, eax
        xor     edx, edx
        db      0x66, 0x0f, 0xae, 0xf1  ; TPAUSE ECX
        answer

code split_lock
        lock inc dword [rbx]
        answer

code isr                                ; any vector without an error code
        answer

code iret
        iretq

code isr_eoi
        mov     ecx, X2APIC_EOI
        xor     eax, eax
        xor     edx, edx
        wrmsr
        mov     eax, 1
        answer

        bits 16
code real_mode
        mov     ax, bx
        add     ax, cx
        vmcall
        ud2

        bits 64
lab_guest_end:
