/* Requests to a disk, for the tests: run one, run many, compare data. */
#pragma once
#include "drivers/io/disk.h"
#include "lib/types.h"

#define BUFFER_BYTES (1u << 20) /* of each of the two buffers */
#define JOBS_MAX     256u
#define WAIT_MS      20000u

/* How completions are noticed. */
enum disk_how { BY_INTERRUPT, BY_POLLING };

/* One request, and how it ended. */
struct disk_job {
    struct disk_request r;
    struct io_segment segment[8];
    bool done;
    enum io_result result;
};

extern struct disk_job jobs[JOBS_MAX];
extern volatile u64 jobs_done, jobs_failed;

/* Memory that a disk reads and writes. */
const struct io_dma *disk_buffer(u32 number);

/* Makes a job of `sectors` at `offset` bytes of a buffer, in so many segments. */
void disk_job_make(struct disk_job *j, const struct disk *d, enum disk_op op, u64 sector,
                   u32 sectors, u32 buffer, u32 offset, u32 segments);
/* Submits it; done counts in jobs_done. */
err_t disk_job_submit(struct disk *d, struct disk_job *j);
void disk_jobs_begin(void);
/* Until so many jobs are done; false: not in WAIT_MS. */
bool disk_jobs_wait(struct disk *d, u64 count, enum disk_how how);

/* Polls until nothing is outstanding any more, a reset among it; false: not in WAIT_MS. */
bool disk_settle(struct disk *d);

/* One request from beginning to end.  IO_GONE also for one that was refused or not done. */
enum io_result disk_run(struct disk *d, enum disk_op op, u64 sector, u32 sectors, u32 segments,
                        u32 buffer, enum disk_how how);

/* What the bytes from `address` on hold in a generation: into a buffer, or against it. */
void disk_fill(u32 buffer, u32 offset, u64 address, u32 bytes, u32 generation);
bool disk_holds(u32 buffer, u32 offset, u64 address, u32 bytes, u32 generation);
/* The 8 bytes from `address` on. */
u64 disk_word(u64 address, u32 generation);
bool disk_is_scratch(struct disk *d);
