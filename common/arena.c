#include "common/arena.h"

static void *allocator_alloc(void *arena, size_t n_bytes)
{
    return arena_alloc(arena, n_bytes);
}

static void allocator_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer;
}

void arena_init(struct arena *arena)
{
    arena->allocator = (ProtobufCAllocator){
        .alloc = allocator_alloc,
        .free = allocator_free,
        .allocator_data = arena,
    };
    arena_reset(arena);
}

void arena_reset(struct arena *arena)
{
    arena->n_used = 0;
}

void *arena_alloc(struct arena *arena, size_t n_bytes)
{
    /* n_used stays a multiple of 16, as ARENA_BYTES is one: what fits, fits rounded up. */
    if (n_bytes > ARENA_BYTES - arena->n_used)
        return NULL;
    void *bytes = arena->block + arena->n_used;
    arena->n_used += (n_bytes + 15) & ~(size_t)15;
    return bytes;
}
