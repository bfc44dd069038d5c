/* The tests of all files, for the list in main.c. */
#pragma once

void test_call(void);
void test_jump(void);
void test_task_gates(void);
void test_nested_tasks(void);
void test_many_switches(void);
void test_local_breakpoints_end(void);
void test_debug_trap(void);
void test_ring_3(void);
void test_virtual_8086(void);
void test_16_bit_task(void);
/* events.c */
void test_software_interrupts(void);
void test_error_code(void);
void test_page_fault(void);
void test_interrupt(void);
void test_nmi(void);
void test_double_fault(void);
void test_double_fault_of_a_bad_stack(void);
/* wrong.c */
void test_not_begun(void);
void test_tss_not_in_memory(void);
void test_bad_new_state(void);
void test_bad_error_push(void);
