/* vmm/hc_create.c and vmm/vcpu_first.c: the guests that the control partition makes, and where they
 * begin. */
#include "tools/unit/fake_control.h"
#include "vmm/bootinfo.h"
#include "vmm/guests.h"
#include "vmm/hostmem.h"
#include "vmm/orders.h"
#include "vmm/vcpu_first.h"

#define PLACE   3u /* the first that is free */
#define MADE    (PLACE + 1ull)
#define OF_FILE 1u /* guests of lintel.conf */
#define FREE    (64 * MiB)

static struct boot_info boot;
static enum life lives[CONFIG_GUESTS_MAX];
static struct pmm pmm;
static u32 forgotten, place;
static struct abi_guest_spec spec;
static struct abi_registers first;

const struct boot_info *bootinfo(void)
{
    return &boot;
}

struct config_guest *bootinfo_place(u32 n)
{
    return &boot.config.guest[n];
}

enum life guest_life(u32 n)
{
    return lives[n];
}

u32 guests_place(void)
{
    return place;
}

void guests_add(u32 n)
{
    assert_string_equal(boot.config.guest[n].name, spec.name); /* it is complete */
    lives[n] = LIFE_HELD;
}

void guests_forget(u32 n)
{
    forgotten = n;
}

const struct pmm *hostmem(void)
{
    return &pmm;
}

static int world_new(void **state)
{
    (void)both_new(state);
    memset(&boot, 0, sizeof(boot));
    boot.config.guest_count = OF_FILE;
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        lives[n] = n < PLACE ? LIFE_OVER : LIFE_NONE;
    snprintf(boot.config.guest[0].name, CONFIG_NAME_MAX, "served");
    snprintf(boot.config.guest[PLACE].name, CONFIG_NAME_MAX, "gone");
    pmm.free_frames = FREE / PAGE_SIZE;
    place = PLACE;
    forgotten = ORDER_NONE;
    while (orders_to_start() != ORDER_NONE)
        ;
    spec = (struct abi_guest_spec){.name = "new-one.2",
                                   .memory = FREE,
                                   .vcpus = 2,
                                   .devices = "disk memory:2M\n",
                                   .kernel = "/lintel/vmlinuz",
                                   .initrd = "/lintel/initrd",
                                   .cmdline = "quiet"};
    first = (struct abi_registers){
        .mode = ABI_LONG_64, .rip = 0x1000200, .cr3 = 0x10000, .gdt = 0x11000, .gdt_limit = 31};
    return 0;
}

static i64 create(void)
{
    memcpy(control_ram(SCRAP), &spec, sizeof(spec));
    return call(HC_create, SCRAP, 0, 0, 0);
}

static void test_create(void **state)
{
    const struct config_guest *const c = &boot.config.guest[PLACE];

    (void)state;
    assert_int_equal(create(), MADE);
    assert_int_equal(orders_to_start(), PLACE);
    assert_string_equal(c->name, "new-one.2");
    assert_int_equal(c->memory, FREE);
    assert_int_equal(c->vcpus, 2);
    assert_int_equal(c->priority, 3);
    assert_int_equal(c->weight, 100);
    assert_int_equal(c->paravirt, CONFIG_ON);
    assert_int_equal(c->served, CONFIG_SERVED_MEMORY);
    assert_int_equal(c->on_reboot, CONFIG_REBOOT_RESTART);
    assert_string_equal(c->kernel, "/lintel/vmlinuz");
    assert_int_equal(create(), ABI_EEXIST); /* the same name */
}

static void test_created_held(void **state)
{
    (void)state;
    spec.held = 1;
    assert_int_equal(create(), MADE);
    assert_int_equal(orders_to_start(), ORDER_NONE);
    assert_int_equal(call(HC_start, MADE, 0, 0, 0), ABI_OK);
    assert_int_equal(orders_to_start(), PLACE);
}

static void test_created_without_apicv(void **state)
{
    (void)state;
    assert_int_equal(create(), MADE);
    assert_int_equal(bootinfo()->config.guest[PLACE].apicv, CONFIG_APICV_AUTO);
    world_new(state);
    spec.apicv_off = 1;
    assert_int_equal(create(), MADE);
    assert_int_equal(bootinfo()->config.guest[PLACE].apicv, CONFIG_APICV_OFF);
}

static void test_refused(void **state)
{
    static const char *const names[] = {"", "-a", ".", "a b", "a/b", "\x80", "a\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        memset(spec.name, 0, sizeof(spec.name));
        snprintf(spec.name, sizeof(spec.name), "%s", names[i]);
        assert_int_equal(create(), ABI_EINVAL);
    }
    snprintf(spec.name, sizeof(spec.name), "served");
    assert_int_equal(create(), ABI_EEXIST);
    snprintf(spec.name, sizeof(spec.name), "gone"); /* nobody's place */
    spec.vcpus = 0;
    assert_int_equal(create(), ABI_EINVAL);
    spec.vcpus = ABI_VCPUS_MAX + 1;
    assert_int_equal(create(), ABI_EINVAL);
    spec.vcpus = ABI_VCPUS_MAX;
    spec.held = 2;
    assert_int_equal(create(), ABI_EINVAL);
    spec.held = 0;
    spec.apicv_off = 2;
    assert_int_equal(create(), ABI_EINVAL);
    spec.apicv_off = 0;
    spec.memory = 0;
    assert_int_equal(create(), ABI_EINVAL);
    spec.memory = 2 * MiB;
    assert_int_equal(create(), ABI_EINVAL);
    spec.memory = 4 * MiB + PAGE_SIZE;
    assert_int_equal(create(), ABI_EINVAL);
    spec.memory = FREE + 2 * MiB;
    assert_int_equal(create(), ABI_ENOMEM);
    spec.memory = ~0ull << 21;
    assert_int_equal(create(), ABI_ENOMEM);
    spec.memory = 4 * MiB;
    place = LIVES_NONE;
    assert_int_equal(create(), ABI_ENOENT);
    place = PLACE;
    assert_int_equal(call(HC_create, CONTROL_BASE + CONTROL_BYTES - 8, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_create, ~0ull, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(orders_to_start(), ORDER_NONE);
    assert_int_equal(create(), MADE);
}

/* Each of the texts without its end. */
static void test_texts_end(void **state)
{
    char *const text[] = {spec.name, spec.devices, spec.kernel, spec.initrd, spec.cmdline};
    const size_t size[] = {sizeof(spec.name), sizeof(spec.devices), sizeof(spec.kernel),
                           sizeof(spec.initrd), sizeof(spec.cmdline)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        memset(text[i], 'a', size[i]);
        assert_int_equal(create(), ABI_EINVAL);
        text[i][size[i] - 1] = '\0';
    }
    assert_int_equal(create(), MADE);
}

static void test_spec(void **state)
{
    const struct abi_guest_spec *const told = control_ram(SCRAP);

    (void)state;
    memset(spec.cmdline, 'c', sizeof(spec.cmdline) - 1);
    assert_int_equal(create(), MADE);
    memset(control_ram(SCRAP), 0x5a, sizeof(*told));
    assert_int_equal(call(HC_spec, MADE, SCRAP, 0, 0), ABI_OK);
    assert_memory_equal(told, &spec, sizeof(spec));
    assert_int_equal(call(HC_spec, MADE, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_spec, MADE + 1, SCRAP, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_spec, PARTITION, SCRAP, 0, 0), ABI_ENOENT); /* lintel.conf's */
    assert_int_equal(call(HC_spec, 0, SCRAP, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_spec, ~0ull, SCRAP, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_spec, PARTITIONS, SCRAP, 0, 0), ABI_ENOENT);
}

static void test_forget(void **state)
{
    (void)state;
    assert_int_equal(create(), MADE);
    assert_int_equal(call(HC_forget, PARTITION, 0, 0, 0), ABI_EPERM);
    assert_int_equal(call(HC_forget, MADE + 1, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_forget, 0, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_forget, ~0ull, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(forgotten, ORDER_NONE);
    assert_int_equal(call(HC_forget, MADE, 0, 0, 0), ABI_OK);
    assert_int_equal(forgotten, PLACE);
}

static i64 give(void)
{
    return call_with(HC_registers, PARTITION, &first, sizeof(first));
}

static void test_registers(void **state)
{
    struct guest_state *const g = &v->vmx.guest;

    (void)state;
    assert_int_equal(give(), ABI_EPERM); /* it has them */
    vcpu_wait_for_first(v);
    v->todo = 0;
    assert_false(vcpu_takes_first(v));
    first.rbx = 7;
    assert_int_equal(give(), ABI_OK);
    assert_true(v->todo & TODO_WAKE);
    assert_int_equal(give(), ABI_EPERM);
    assert_true(vcpu_takes_first(v));
    assert_int_equal(v->away.waits, WAIT_NOTHING);
    assert_int_equal(gs_get(g, GS_RIP), 0x1000200);
    assert_int_equal(gs_get(g, GS_CR3), 0x10000);
    assert_int_equal(gs_get(g, GS_GDTR_BASE), 0x11000);
    assert_int_equal(gs_get(g, GS_CS_AR), 0xa09b);
    assert_true(gs_get(g, GS_CR0) & CR0_PG);
    assert_int_equal(r[RBX], 7);
    assert_int_equal(give(), ABI_EPERM);
}

static void test_protected_mode(void **state)
{
    struct guest_state *const g = &v->vmx.guest;

    (void)state;
    vcpu_wait_for_first(v);
    first.mode = ABI_PROTECTED_32;
    assert_int_equal(give(), ABI_OK);
    assert_true(vcpu_takes_first(v));
    assert_int_equal(gs_get(g, GS_CS_AR), 0xc09b);
    assert_int_equal(gs_get(g, GS_CR0) & (CR0_PG | CR0_PE), CR0_PE);
}

static void test_bad_registers(void **state)
{
    (void)state;
    vcpu_wait_for_first(v);
    first.mode = 2;
    assert_int_equal(give(), ABI_EINVAL);
    first.mode = ABI_LONG_64;
    first.rip = 4 * GiB;
    assert_int_equal(give(), ABI_EINVAL);
    first.rip = 0;
    first.cr3 = 1ull << 63;
    assert_int_equal(give(), ABI_EINVAL);
    first.cr3 = 0;
    first.gdt = ~0ull;
    assert_int_equal(give(), ABI_EINVAL);
    first.gdt = 0;
    first.gdt_limit = 0x10000;
    assert_int_equal(give(), ABI_EINVAL);
    assert_false(vcpu_takes_first(v));
    assert_int_equal(call(HC_registers, PARTITION, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_registers, NOBODY, SCRAP, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_registers, ~0ull, SCRAP, 0, 0), ABI_ENOENT);
    boundary_leave(&vm);
    assert_int_equal(call(HC_registers, PARTITION, SCRAP, 0, 0), ABI_EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_create, world_new),
        cmocka_unit_test_setup(test_created_held, world_new),
        cmocka_unit_test_setup(test_created_without_apicv, world_new),
        cmocka_unit_test_setup(test_refused, world_new),
        cmocka_unit_test_setup(test_texts_end, world_new),
        cmocka_unit_test_setup(test_spec, world_new),
        cmocka_unit_test_setup(test_forget, world_new),
        cmocka_unit_test_setup(test_registers, world_new),
        cmocka_unit_test_setup(test_protected_mode, world_new),
        cmocka_unit_test_setup(test_bad_registers, world_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
