/* The registers of an e1000: reset, address, link, receiver and transmitter. It knows no frames. */
#pragma once
#include "drivers/io/e1000.h"

/* Causes of interrupts. */
enum {
    E1000_TX_WRITTEN = 0x01,
    E1000_LINK = 0x04,
    E1000_RX_LOW = 0x10,
    E1000_RX_OVERRUN = 0x40,
    E1000_RX_TIMER = 0x80,
};

/* The card does no DMA any more and interrupts no more; registers are as after a reset where that
 * matters.  E_IO: it does not answer in time. */
err_t e1000_card_reset(struct e1000 *e);
/* The card's own address, from the EEPROM.  E_IO: none there. */
err_t e1000_card_address(struct e1000 *e, u8 mac[6]);
/* Programs a card that was reset: address, rings at their beginnings, transmitter; the receiver
 * stays off. */
void e1000_card_setup(struct e1000 *e);
/* Switches the receiver on, or tells it another mode. */
void e1000_card_receive(struct e1000 *e);
/* Is the link up, and how fast?  E_IO: the card is gone. */
err_t e1000_card_link(struct e1000 *e, bool *up, u32 *speed_mbit);
void e1000_card_interrupts(struct e1000 *e, bool on);
/* Why it interrupts; that is forgotten by reading it, and the line goes low.  0: it does not; all
 * ones: it is gone. */
u32 e1000_card_causes(struct e1000 *e);
/* Makes it interrupt as if a frame had come. */
void e1000_card_again(struct e1000 *e);
void e1000_card_rx_tail(struct e1000 *e);
void e1000_card_tx_tail(struct e1000 *e);
