/* The VMCS fields as enums: encodings by width, and a dense index for tables and images.
 * SDM Vol. 3D, Appendix "Field Encoding in VMCS".  Pure. */
#pragma once
#include "lib/types.h"

/* One enum per width: reading a 64-bit field with vmcs_r32() does not compile
 * (-Wenum-conversion), so that no field is ever silently cut off. */
enum vmcs16 {
#define VMCS16(encoding, name) VMCS_##name = (encoding),
#include "vmx/vmcs_fields.def"
};
enum vmcs32 {
#define VMCS32(encoding, name) VMCS_##name = (encoding),
#include "vmx/vmcs_fields.def"
};
enum vmcs64 {
#define VMCS64(encoding, name) VMCS_##name = (encoding),
#include "vmx/vmcs_fields.def"
};
enum vmcsn {
#define VMCSN(encoding, name) VMCS_##name = (encoding),
#include "vmx/vmcs_fields.def"
};

enum vmcs_index {
#define VMCS_ALL(encoding, name) VMCS_IX_##name,
#include "vmx/vmcs_fields.def"
    VMCS_FIELDS
};

/* Bits 14:13 of an encoding are its width, bit 0 selects the high half, and bits 31:15 and 12 are
 * reserved: the table proves itself. */
#define VMCS_IS(encoding, width, name)                                                             \
    _Static_assert((((encoding) >> 13) & 3) == (width) && !((encoding)&0xffff9001),                \
                   #name ": wrong column or encoding");
#define VMCS16(encoding, name) VMCS_IS(encoding, 0, name)
#define VMCS64(encoding, name) VMCS_IS(encoding, 1, name)
#define VMCS32(encoding, name) VMCS_IS(encoding, 2, name)
#define VMCSN(encoding, name)  VMCS_IS(encoding, 3, name)
#include "vmx/vmcs_fields.def"
