/* A guest's RAM: frames from the pmm, mapped in its EPT, given back zeroed. */
#pragma once
#include "pc.h"
#include "vmm/vm.h"

/* Allocates, zeroes and maps config->memory bytes. E_NOMEM: nothing stays allocated. */
err_t vm_memory_create(struct vm *vm);
/* The page of its local APICs becomes one of its own that nothing else uses, `access`; `page` is
 * one for the registers of this vCPU's, which the guest cannot reach.  All are frames of the legacy
 * hole. */
err_t vm_memory_map_apic(struct vm *vm, u32 vcpu, hpa_t *access, hpa_t *page);
/* Whether that page is there: it has to be gone while a local APIC is not in xAPIC mode, since its
 * processor would take it for RAM.  Then accesses are EPT violations; they are for a vCPU that is
 * still in xAPIC mode, too, which costs time only.  With the board's lock. */
void vm_memory_show_apic(struct vm *vm, bool shown);
/* The control partition's memory stays for its next life. */
void vm_memory_destroy(struct vm *vm);
/* There is no next life. */
void vm_memory_forget_control(void);
