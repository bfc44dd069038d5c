/* THE gate to guest memory: bounds first, then one opaque copy.  Nothing else touches it
 * once the guest runs.  gpa ranges may cross extents. */
#pragma once
#include "lib/types.h"
#include "vmm/vm.h"

/* Host pointer to gpa..gpa+len if that lies in one extent of RAM; NULL otherwise. */
void *gmem_pointer(const struct vm *vm, gpa_t gpa, u64 len);
/* Bytes from gpa to the end of its extent, at most len; 0: not RAM. */
u64 gmem_run(const struct vm *vm, gpa_t gpa, u64 len);
/* All of gpa..gpa+len is RAM. */
bool gmem_is_ram(const struct vm *vm, gpa_t gpa, u64 len);
err_t gmem_read(const struct vm *vm, gpa_t gpa, void *out, u64 len);         /* E_RANGE */
err_t gmem_write(const struct vm *vm, gpa_t gpa, const void *from, u64 len); /* E_RANGE */
/* By one store, which the guest's other processors see in its order.  gpa: a multiple of 4. */
err_t gmem_write32(const struct vm *vm, gpa_t gpa, u32 value); /* E_RANGE */

/* Through the guest's page tables, at its current privilege. access: GVA_* of ept/gva_walk.h.
 * E_PERM/E_NOENT: the guest would fault; fault->error is the #PF error code, fault->gva the
 * address. E_INVAL: not canonical (#GP or #SS). E_RANGE: not RAM. E_IO: a page table is not in
 * RAM. */
struct gmem_fault {
    u64 gva;
    u32 error;
};
err_t gmem_read_gva(struct vcpu *v, u64 gva, u32 access, void *out, u32 len,
                    struct gmem_fault *fault);
err_t gmem_write_gva(struct vcpu *v, u64 gva, const void *from, u32 len, struct gmem_fault *fault);
/* The PDPTE registers anew from where CR3 points: PAE paging begins, or goes on elsewhere. E_INVAL:
 * one has a reserved bit, none is loaded.  E_RANGE: not RAM.  SDM Vol. 3A, "PDPTE Registers". */
err_t gmem_load_pdptes(struct vcpu *v);
/* The page-table entries that a translation of 64-bit mode read, as they were, and where they lie.
 */
struct gmem_walk {
    u32 levels;
    const u64 *entry[5];
    u64 value[5];
};
err_t gmem_walk(struct vcpu *v, u64 gva, u32 access, struct gmem_walk *walk, gpa_t *out);
/* Translates one address. */
err_t gmem_translate(struct vcpu *v, u64 gva, u32 access, gpa_t *out, struct gmem_fault *fault);
/* The same for an implicit supervisor-mode access, to a descriptor table or a TSS.  SDM Vol. 3A,
 * "Determination of Access Rights". */
err_t gmem_translate_system(struct vcpu *v, u64 gva, u32 access, gpa_t *out,
                            struct gmem_fault *fault);
