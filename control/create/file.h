/* A file of one of the machine's disks, read in pieces: whoever asked goes on, and hears when a
 * piece is there. */
#pragma once
#include "lib/types.h"

#define FILE_PIECE (64 * KiB)

struct file;

/* `text`: as a guest's disk has it (control/disk/backing_text.h).  Waits for the disk while it
 * looks for the file.  NULL: `why` says why not, and what would do. */
struct file *file_open(const char *text, char *why, size_t why_size);
u64 file_bytes(const struct file *f);
/* Reads the piece at `offset`, a multiple of FILE_PIECE, up to its end or the file's; done(good)
 * comes out of the loop, not out of here.  One at a time.  E_NOMEM: the disk is full, later again;
 * others: disk_submit()'s. */
err_t file_read(struct file *f, u64 offset, void (*done)(bool good));
/* While one is under way, to be called now and then. */
void file_poll(struct file *f);
/* The piece that was read last: `at`, and how many bytes it has. */
u32 file_piece(const struct file *f, const u8 **at);
/* Waits for what is under way; NULL does nothing. */
void file_close(struct file *f);
