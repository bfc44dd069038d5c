; The Multiboot header of the guest of hardware tasks, and its first instructions.
%define MAGIC        0x1badb002
%define FLAGS        0
%define MAIN         tasks_main

section .multiboot align=4
        dd MAGIC, FLAGS, -(MAGIC + FLAGS)

%include "guest_tests/multiboot/first.inc"
