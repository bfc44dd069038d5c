/* The lines in which a VMCS goes into the log, and out of it again (tools/explain/).  Each begins
 * with the mark and "cpu=N ", since two CPUs may write at once; then one of
 *     begin version=1 phys=WIDTH linear=WIDTH       address widths: CPUID leaf 0x80000008
 *     msr 0xNUMBER=0xVALUE                          of struct vmx_caps
 *     field NAME=0xVALUE                            a name of vmcs_fields.def
 *     end lines=N                                   how many came between begin and end
 * A field that the processor does not have, and so is not there, counts as 0.  Pure. */
#pragma once

#define DUMP_MARK    "LINTEL-ENTRY "
#define DUMP_VERSION 1u
