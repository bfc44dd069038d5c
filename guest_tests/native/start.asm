; The first instructions of native.elf; the state is hv.elf's (arch/x86_64/start.asm).
        extern  native_main
        global  start

        section .text.start progbits alloc exec nowrite align=16
        bits    64
start:
        cli
        cld
        lea     rsp, [rel stack_top]
        xor     ebp, ebp
        call    native_main
        ud2

        section .bss align=16
        resb    16384
stack_top:
