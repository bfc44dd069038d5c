/* A guest's memory as far as it is granted; see grant.h.  Pure. */
#include "control/guest/grant.h"

err_t grant_add(struct grant *g, gpa_t at, u64 size, void *host, u64 bus)
{
    if (size == 0 || at.v + size < at.v || !host)
        return E_INVAL;
    for (u32 i = 0; i < g->ranges; i++) {
        const struct grant_range *r = &g->range[i];
        if (at.v < r->at.v + r->size && r->at.v < at.v + size)
            return E_EXIST;
    }
    if (g->ranges == GRANT_RANGES)
        return E_NOMEM;
    g->range[g->ranges++] = (struct grant_range){.at = at, .size = size, .host = host, .bus = bus};
    g->generation++;
    return OK;
}

err_t grant_remove(struct grant *g, gpa_t at)
{
    for (u32 i = 0; i < g->ranges; i++) {
        if (g->range[i].at.v != at.v)
            continue;
        g->range[i] = g->range[--g->ranges];
        g->generation++;
        return OK;
    }
    return E_NOENT;
}

bool grant_piece(const struct grant *g, gpa_t at, u32 len, struct io_segment *piece)
{
    for (u32 i = 0; i < g->ranges && len != 0; i++) {
        const struct grant_range *r = &g->range[i];
        const u64 offset = at.v - r->at.v; /* huge if `at` lies before the range */
        if (offset >= r->size)
            continue;
        *piece = (struct io_segment){
            .at = r->host + offset, .bus = r->bus + offset, .len = (u32)MIN(len, r->size - offset)};
        return true;
    }
    return false;
}

void *grant_whole(const struct grant *g, gpa_t at, u32 len)
{
    struct io_segment piece;

    return grant_piece(g, at, len, &piece) && piece.len == len ? piece.at : NULL;
}
