/* Replays recordings of exits against the handlers: replay FILE...  Exit status 0: every exit did
 * what was recorded; 1: one did not, which is shown; 2: a file cannot be read. */
#include "tools/replay/player.h"
#include "vmm/record/record.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct stream stream;
static struct step step;

static u8 *read_file(const char *path, u64 *size)
{
    FILE *file = fopen(path, "rb");
    u8 *data = NULL;
    long end;

    if (file && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) > 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        data = malloc((size_t)end);
        *size = (u64)end;
        if (data && fread(data, 1, (size_t)end, file) != (size_t)end) {
            free(data);
            data = NULL;
        }
    }
    if (file)
        fclose(file);
    return data;
}

static void show(const char *path)
{
    printf("%s: exit %llu, %s at RIP %llx: %s\n", path, (unsigned long long)step.number,
           step.first ? "before the first entry" : exit_reason_name((u32)step.reason),
           (unsigned long long)step.word[WORD_FIELDS + GS_RIP],
           player.wrong ? player.wrong : "it does what was not recorded");
    print_outcome("recorded", step.outcome, step.outcome_len, step.word);
    print_outcome("replayed", player.made, recorder.len, step.word);
}

static bool same(void)
{
    if (step.first && !player_create(&stream, &step))
        return false;
    return play(&step) && recorder.len == step.outcome_len &&
           memcmp(player.made, step.outcome, recorder.len) == 0;
}

static void summary(const char *path, const u64 count[EXIT_REASONS])
{
    printf("%s: %llu exits, all the same:", path, (unsigned long long)stream.steps);
    for (u32 i = 0; i < EXIT_REASONS; i++)
        if (count[i])
            printf(" %s %llu", exit_reason_name(i), (unsigned long long)count[i]);
    printf("\n");
}

static int replay(const char *path)
{
    u64 size = 0, count[EXIT_REASONS] = {0};
    u8 *data = read_file(path, &size);
    int status = 0;

    if (!data || !stream_open(&stream, data, size)) {
        printf("%s: %s\n", path, data ? stream.wrong : "it cannot be read");
        status = 2;
    }
    while (status == 0 && stream_next(&stream, &step)) {
        if (!same()) {
            show(path);
            status = 1;
        }
        if (!step.first && step.reason < EXIT_REASONS)
            count[step.reason]++;
    }
    if (status == 0 && stream.wrong) {
        printf("%s: %s\n", path, stream.wrong);
        status = 2;
    }
    if (status == 0)
        summary(path, count);
    free(data);
    return status;
}

int main(int argc, char **argv)
{
    int status = argc > 1 ? 0 : 2;

    for (int i = 1; i < argc && status == 0; i++)
        status = replay(argv[i]);
    return status;
}
