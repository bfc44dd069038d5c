; The Multiboot header of the Multiboot test guest, and its first instructions.  With ADDRESSES
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

%define MAIN         multiboot_main
extern _image, _data_end, _image_end

section .multiboot align=4
header: dd MAGIC, FLAGS, -(MAGIC + FLAGS)
%ifdef ADDRESSES
        dd header, _image, _data_end, _image_end, start
%endif

%include "guest_tests/multiboot/first.inc"
