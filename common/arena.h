/* A bump allocator over one fixed block: what a message needs while it is looked at. protobuf-c has no limits of its
 * own; this is its limit. Nothing is freed but all at once. */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_BYTES (64u * 1024)

struct arena {
    ProtobufCAllocator allocator; /* hands out of this arena; free does nothing */
    size_t n_used;
    _Alignas(16) uint8_t block[ARENA_BYTES];
};

void arena_init(struct arena *arena);
void arena_reset(struct arena *arena);

/* n bytes, 16-aligned, or NULL when the block is full. */
void *arena_alloc(struct arena *arena, size_t n_bytes);

#endif
