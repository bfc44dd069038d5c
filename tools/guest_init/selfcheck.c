/* The guest's self-check: a line `ok <check>: <note>` or `not ok <check>: <note>` for
 * each row of the table; exit status 0 if all are ok.  With --work: steady work instead. */
#include "check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES    100
#define CHILD_STATUS 42
#define MEMORY_SIZE  (64ul << 20)

const char *self_path = "/proc/self/exe";

bool in_processes(int count, bool (*work)(int index))
{
    bool good = true;
    int started = 0;

    fflush(stdout);
    for (int i = 0; i < count; i++) {
        const pid_t pid = fork();

        if (pid == 0)
            _exit(work(i) ? 0 : 1);
        if (pid < 0)
            good = false;
        else
            started++;
    }
    for (; started > 0; started--) {
        int status = -1;

        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            good = false;
    }
    return good;
}

bool check_processes(char note[NOTE_SIZE])
{
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        const pid_t pid = fork();

        if (pid == 0) {
            execl(self_path, "selfcheck", "--child", (char *)NULL);
            _exit(1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
            WEXITSTATUS(status) != CHILD_STATUS) {
            snprintf(note, NOTE_SIZE, "process %d ended with wait status 0x%x", i,
                     (unsigned)status);
            return false;
        }
    }
    snprintf(note, NOTE_SIZE, "forked, executed and waited for %d", PROCESSES);
    return true;
}

unsigned long next_random(unsigned long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Writes 64 MiB of pseudo-random words, then reads them back against the generator. */
bool check_memory(char note[NOTE_SIZE])
{
    const size_t words = MEMORY_SIZE / sizeof(unsigned long);
    unsigned long *area =
        mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long state = 88172645463325252ul, sum = 0;
    size_t bad = 0;

    if (area == MAP_FAILED) {
        snprintf(note, NOTE_SIZE, "mmap of %lu MiB failed", MEMORY_SIZE >> 20);
        return false;
    }
    for (size_t i = 0; i < words; i++)
        area[i] = next_random(&state);
    state = 88172645463325252ul;
    for (size_t i = 0; i < words; i++) {
        sum += area[i];
        bad += area[i] != next_random(&state);
    }
    munmap(area, MEMORY_SIZE);
    snprintf(note, NOTE_SIZE, "%lu MiB written and read, %zu words differ, sum %016lx",
             MEMORY_SIZE >> 20, bad, sum);
    return bad == 0;
}

struct check {
    const char *name;
    bool (*run)(char note[NOTE_SIZE]);
};

static const struct check checks[] = {
    {"processes", check_processes},   {"memory", check_memory},
    {"floating point", check_float},  {"vector state", check_vector_state},
    {"sleep", check_sleep},           {"real-time clock", check_rtc},
    {"interrupts", check_interrupts}, {"processors", check_cpus},
    {"hot-unplug", check_hotplug},    {"pinned processes", check_pinned},
};
static const struct check work[] = {{"processors", check_cpus}, {"work", check_work}};

static int run(const struct check *list, size_t count)
{
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        char note[NOTE_SIZE] = "";
        const bool good = list[i].run(note);

        failed += !good;
        printf("%s %s: %s\n", good ? "ok" : "not ok", list[i].name, note);
        fflush(stdout);
    }
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *word = argc == 2 ? argv[1] : "";

    if (strcmp(word, "--child") == 0)
        return CHILD_STATUS;
    if (strcmp(word, "--work") == 0)
        return run(work, sizeof(work) / sizeof(work[0]));
    return run(checks, sizeof(checks) / sizeof(checks[0]));
}
