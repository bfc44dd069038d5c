/* The hypercalls by which the control partition makes guests of its own: a place behind those of
 * lintel.conf, which says what the guest is, and the first registers when the control partition has
 * put an image into its memory. */
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/gmem.h"
#include "vmm/guests.h"
#include "vmm/hostmem.h"
#include "vmm/hypercall.h"
#include "vmm/orders.h"
#include "vmm/partition.h"
#include "vmm/sched.h"
#include "vmm/vcpu_first.h"

_Static_assert(ABI_NAME_MAX == CONFIG_NAME_MAX && ABI_PATH_MAX == CONFIG_PATH_MAX &&
                   ABI_CMDLINE_MAX == CONFIG_CMDLINE_MAX && ABI_VCPUS_MAX == CONFIG_VCPUS_MAX,
               "one numbering");

#define PRIORITY  3u /* as lintel.conf's, if it does not say: docs/config.md */
#define PERIOD_MS 10u

/* Too large for the stack, and one is enough: the control partition has one virtual CPU. */
static struct abi_guest_spec spec;

/* ------------------------------------------------------------ making one */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* As in lintel.conf, since Lintel's log has it. */
static bool is_name(const char *name)
{
    for (u32 i = 0; name[i]; i++)
        if (!is_alnum(name[i]) && (i == 0 || (name[i] != '-' && name[i] != '_' && name[i] != '.')))
            return false;
    return name[0] != '\0';
}

#define IS_TEXT(array) (strnlen((array), sizeof(array)) < sizeof(array))

static bool is_good(const struct abi_guest_spec *s)
{
    return IS_TEXT(s->name) && is_name(s->name) && IS_TEXT(s->devices) && IS_TEXT(s->kernel) &&
           IS_TEXT(s->initrd) && IS_TEXT(s->cmdline) && s->vcpus - 1 < ABI_VCPUS_MAX &&
           s->held <= 1 && s->apicv_off <= 1 && s->memory >= 2 * LARGE_PAGE_SIZE &&
           IS_ALIGNED(s->memory, LARGE_PAGE_SIZE);
}

static bool is_taken(const char *name)
{
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        if (guest_life(n) != LIFE_NONE && strcmp(bootinfo()->config.guest[n].name, name) == 0)
            return true;
    return false;
}

static void configure(struct config_guest *c, const struct abi_guest_spec *s)
{
    memset(c, 0, sizeof(*c)); /* what is not said is the first of its choices */
    c->memory = s->memory;
    c->vcpus = s->vcpus;
    c->priority = PRIORITY;
    c->weight = SCHED_WEIGHT_DEFAULT;
    c->period = PERIOD_MS;
    c->paravirt = CONFIG_ON;
    c->apicv = s->apicv_off ? CONFIG_APICV_OFF : CONFIG_APICV_AUTO;
    c->served = CONFIG_SERVED_MEMORY;
    memcpy(c->name, s->name, sizeof(c->name));
    memcpy(c->devices, s->devices, sizeof(c->devices));
    memcpy(c->kernel, s->kernel, sizeof(c->kernel));
    memcpy(c->initrd, s->initrd, sizeof(c->initrd));
    memcpy(c->cmdline, s->cmdline, sizeof(c->cmdline));
}

/* That the memory is free is seen again when the guest begins. */
i64 hc_create(struct vcpu *v, const struct hc_args *args)
{
    const u32 n = guests_place();

    if (gmem_read(v->vm, (gpa_t){args->a[0]}, &spec, sizeof(spec)) != OK)
        return ABI_EFAULT;
    if (!is_good(&spec))
        return ABI_EINVAL;
    if (is_taken(spec.name))
        return ABI_EEXIST;
    if (spec.memory / PAGE_SIZE > hostmem()->free_frames)
        return ABI_ENOMEM;
    if (n == LIVES_NONE)
        return ABI_ENOENT;
    configure(bootinfo_place(n), &spec);
    guests_add(n);
    if (!spec.held)
        (void)order_start(n); /* it is not about to begin yet: nobody knows it */
    return (i64)n + 1;
}

i64 hc_spec(struct vcpu *v, const struct hc_args *args)
{
    const u32 n = guest_of(args->a[0]);
    const struct config_guest *const c = &bootinfo()->config.guest[n == ORDER_NONE ? 0 : n];

    if (n == ORDER_NONE || !bootinfo_is_made(n) || guest_life(n) == LIFE_NONE)
        return ABI_ENOENT;
    spec = (struct abi_guest_spec){.memory = c->memory, .vcpus = c->vcpus};
    memcpy(spec.name, c->name, sizeof(spec.name));
    memcpy(spec.devices, c->devices, sizeof(spec.devices));
    memcpy(spec.kernel, c->kernel, sizeof(spec.kernel));
    memcpy(spec.initrd, c->initrd, sizeof(spec.initrd));
    memcpy(spec.cmdline, c->cmdline, sizeof(spec.cmdline));
    return gmem_write(v->vm, (gpa_t){args->a[1]}, &spec, sizeof(spec)) == OK ? ABI_OK : ABI_EFAULT;
}

/* ------------------------------------------------------------ its lives */

i64 hc_registers(struct vcpu *v, const struct hc_args *args)
{
    struct abi_registers r;
    i64 result = ABI_EFAULT;
    struct vm *vm;

    if (gmem_read(v->vm, (gpa_t){args->a[1]}, &r, sizeof(r)) != OK)
        return result;
    vm = partition_lock_served(args->a[0], &result);
    if (!vm)
        return result;
    result = hc_result(vm_give_first(vm, &r));
    partition_unlock();
    return result;
}

i64 hc_forget(struct vcpu *v, const struct hc_args *args)
{
    (void)v;
    return hc_result(order_forget(guest_of(args->a[0])));
}
