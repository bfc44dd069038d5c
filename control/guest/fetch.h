/* Loads from memory that a guest may write at the same time.  Each function loads every byte
 * exactly once, so that what is judged is what is used.  A file of its own: a test puts a memory
 * that changes after every load in its place. */
#pragma once
#include "abi/virtio.h"
#include "lib/types.h"

u16 fetch16(const void *at); /* `at` is even */
void fetch_desc(struct virtq_desc *to, const void *at);
void fetch_bytes(void *to, const void *at, size_t len);
