/* Frames and buffers of an e1000; see e1000.h. */
#include "drivers/io/e1000.h"
#include "drivers/io/e1000_card.h"
#include "drivers/io/e1000_queue.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LINK_LOOK_US 100000u
/* A frame behind an Ethernet header with a VLAN tag fits a buffer. */
_Static_assert(NIC_MTU + NIC_HEADER + 4 <= E1000_RX_BYTES, "one buffer a frame");

static struct e1000 *e1000_of(const struct nic *n)
{
    return CONTAINER_OF(n, struct e1000, nic);
}

static void kick(struct nic *n)
{
    struct e1000 *e = e1000_of(n);

    io_publish();
    if (e->rx_kick)
        e1000_card_rx_tail(e);
    /* Not before there is a buffer: equal head and tail look like a full ring to the emulators. */
    if (e->rx_kick && !e->receiving) {
        e1000_card_receive(e);
        e->receiving = true;
    }
    if (e->tx_kick)
        e1000_card_tx_tail(e);
    n->counts.kicks += e->rx_kick || e->tx_kick;
    e->rx_kick = false;
    e->tx_kick = false;
}

static void set_link(struct e1000 *e, bool up, u32 speed_mbit)
{
    struct nic *n = &e->nic;
    const bool changed = up != n->link || speed_mbit != n->speed_mbit;

    n->link = up;
    n->speed_mbit = speed_mbit;
    if (changed && n->user != NULL && n->user->event != NULL)
        n->user->event(n, NIC_LINK);
}

static void lose(struct e1000 *e)
{
    io_log(e->nic.env, IO_LOG_ERROR, "%s: lost", e->nic.name);
    /* What does not answer may still write. */
    pci_command(&e->function, 0, PCI_COMMAND_MASTER);
    struct nic_buffer *buffers = e1000_empty(e, IO_GONE);
    nic_lose(&e->nic);
    e1000_tell(e);
    nic_return(&e->nic, buffers, IO_GONE);
}

static err_t restart(struct e1000 *e)
{
    e->nic.counts.resets++;
    TRY(e1000_card_reset(e));
    memset(e->rx_memory.at, 0, e->rx_memory.len);
    memset(e->tx_memory.at, 0, e->tx_memory.len);
    e1000_card_setup(e);
    e1000_card_interrupts(e, e->wants_interrupts);
    return OK;
}

/* A frame was not sent in time.  The buffers stay the card's. */
static void late(struct e1000 *e)
{
    const err_t err = restart(e);

    e->nic.counts.timeouts++;
    io_log(e->nic.env, IO_LOG_WARN, "%s: a frame was not sent in time, was reset", e->nic.name);
    if (err != OK) {
        lose(e);
        return;
    }
    for (struct nic_buffer *b = e1000_empty(e, IO_TIMEOUT); b != NULL;) {
        struct nic_buffer *next = b->next;

        e1000_put_buffer(e, b);
        b = next;
    }
    kick(&e->nic);
}

/* Everything that may have happened.  True: there may be more to receive. */
static bool work(struct e1000 *e, bool look_at_link)
{
    bool up;
    u32 speed;

    if (look_at_link) {
        if (e1000_card_link(e, &up, &speed) != OK) {
            lose(e);
            return false;
        }
        set_link(e, up, speed);
        e->link_look = io_now(e->nic.env) + LINK_LOOK_US;
    }
    e1000_reap(e);
    e1000_tell(e);
    return e1000_receive(e);
}

static bool on_interrupt(void *arg)
{
    struct e1000 *e = (struct e1000 *)arg;
    const u32 causes = e1000_card_causes(e);

    if (causes == 0 || e->nic.lost)
        return false;
    e->nic.counts.interrupts++;
    /* All ones: the link's look will see that the card is gone. */
    if (work(e, causes & E1000_LINK))
        e1000_card_again(e);
    return true;
}

static u64 poll(struct nic *n)
{
    struct e1000 *e = e1000_of(n);
    u64 now = io_now(n->env);

    bool more = work(e, now >= e->link_look);
    now = io_now(n->env);
    if (!n->lost && e->first != NULL && e->first->deadline <= now) {
        late(e);
        e1000_tell(e);
    }
    if (n->lost)
        return IO_NEVER;
    if (more)
        return now;
    const u64 look = e->wants_interrupts ? IO_NEVER : e->link_look;
    return e->first != NULL ? MIN(e->first->deadline, look) : look;
}

static void interrupts(struct nic *n, bool on)
{
    struct e1000 *e = e1000_of(n);

    if (on && e->irq.id == 0 && pci_irq_attach(&e->function, PCI_IRQ_INTX, &e->irq) != OK) {
        io_log(n->env, IO_LOG_WARN, "%s: no interrupt line; it has to be polled", n->name);
        return;
    }
    e->wants_interrupts = on;
    e1000_card_interrupts(e, on);
}

static err_t receive_mode(struct nic *n, u32 mode)
{
    struct e1000 *e = e1000_of(n);

    e->mode = mode;
    if (e->receiving)
        e1000_card_receive(e);
    return OK;
}

static err_t reset(struct nic *n)
{
    struct e1000 *e = e1000_of(n);

    if (restart(e) != OK) {
        lose(e);
        return E_IO;
    }
    struct nic_buffer *buffers = e1000_empty(e, IO_RESET);
    e1000_tell(e);
    nic_return(n, buffers, IO_RESET);
    return OK;
}

static void release(struct e1000 *e)
{
    struct io_env *env = e->nic.env;

    if (e->irq.id != 0)
        pci_irq_detach(&e->function, &e->irq);
    e->irq.id = 0;
    pci_command(&e->function, 0, PCI_COMMAND_MASTER);
    if (e->rx_memory.at != NULL)
        env->ops->dma_free(env, &e->rx_memory);
    if (e->tx_memory.at != NULL)
        env->ops->dma_free(env, &e->tx_memory);
    e->rx_memory.at = e->tx_memory.at = NULL;
}

static void stop(struct nic *n)
{
    struct e1000 *e = e1000_of(n);

    if (e->rx_memory.at == NULL)
        return;
    if (e1000_card_reset(e) != OK)
        io_log(n->env, IO_LOG_WARN, "%s: does not stop; its bus mastering is switched off",
               n->name);
    struct nic_buffer *buffers = e1000_empty(e, IO_GONE);
    release(e);
    n->lost = true;
    e1000_tell(e);
    nic_return(n, buffers, IO_GONE);
}

static err_t send(struct nic *n, struct nic_frame *f)
{
    struct e1000 *e = e1000_of(n);

    TRY(e1000_tx_check(&f->offload));
    if (e1000_tx_needs(f) > e1000_free(&e->tx))
        return E_NOMEM;
    f->deadline = io_now(n->env) + n->timeout_us;
    e1000_put_frame(e, f);
    return OK;
}

static err_t post(struct nic *n, struct nic_buffer *b)
{
    struct e1000 *e = e1000_of(n);

    if (e1000_free(&e->rx) == 0)
        return E_NOMEM;
    e1000_put_buffer(e, b);
    return OK;
}

static const struct nic_ops operations = {
    .send = send,
    .post = post,
    .kick = kick,
    .poll = poll,
    .interrupts = interrupts,
    .receive_mode = receive_mode,
    .reset = reset,
    .stop = stop,
};

/* ------------------------------------------------------------ the start */

static err_t allocate(struct e1000 *e)
{
    struct io_env *env = e->nic.env;
    const u32 rx = E1000_RX_RING * (u32)sizeof(struct e1000_rx);
    const u32 tx = E1000_TX_RING * (u32)sizeof(struct e1000_tx);

    /* Below 4 GiB, since a bridge may be a 32-bit one. */
    TRY(env->ops->dma_alloc(env, rx, (u32)PAGE_SIZE, IO_BUS_32, &e->rx_memory));
    return env->ops->dma_alloc(env, tx, (u32)PAGE_SIZE, IO_BUS_32, &e->tx_memory);
}

static err_t bring_up(struct e1000 *e)
{
    bool up;
    u32 speed;

    TRY(e1000_card_reset(e));
    TRY(e1000_card_address(e, e->nic.mac));
    TRY(allocate(e));
    e1000_card_setup(e);
    TRY(e1000_card_link(e, &up, &speed));
    set_link(e, up, speed);
    return OK;
}

err_t e1000_start(struct e1000 *e, const struct pci_function *f, const char *name)
{
    struct io_env *env = f->pci->env;

    *e = (struct e1000){.function = *f,
                        .rx = {.size = E1000_RX_RING},
                        .tx = {.size = E1000_TX_RING},
                        .irq = {.handler = on_interrupt, .arg = e}};
    e->nic = (struct nic){
        .ops = &operations,
        .env = env,
        .mtu = NIC_MTU,
        .features = NIC_CAN_SUM,
        .tx_queues = 1,
        .rx_queues = 1,
        .tx_depth = (E1000_TX_RING - 1) / (E1000_SEGMENTS + 1),
        .rx_depth = E1000_RX_RING - 1,
        .segments_max = E1000_SEGMENTS,
        .buffer_min = E1000_RX_BYTES,
        .bus_last = UINT64_MAX,
        .timeout_us = NIC_TIMEOUT_US,
        .lost = true,
    };
    fmt_buf(e->nic.name, sizeof(e->nic.name), "%s", name);
    pci_measure_bars(&e->function);
    TRY(pci_map_bar(&e->function, 0, &e->registers));
    pci_command(&e->function, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    const err_t err = bring_up(e);
    if (err != OK) {
        io_log(env, IO_LOG_WARN, "%s: does not come up", name);
        release(e);
        return err;
    }
    e->nic.lost = false;
    interrupts(&e->nic, true);
    const u8 *mac = e->nic.mac;
    io_log(env, IO_LOG_INFO, "%s: %02x:%02x:%02x:%02x:%02x:%02x, link %s, %u Mbit/s", name, mac[0],
           mac[1], mac[2], mac[3], mac[4], mac[5], e->nic.link ? "up" : "down", e->nic.speed_mbit);
    return OK;
}
