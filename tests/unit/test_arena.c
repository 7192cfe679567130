#include "common/arena.h"
#include "tests/test.h"

static struct arena arena;

TEST(hands_out_aligned_bytes_that_do_not_overlap)
{
    arena_init(&arena);
    uint8_t *previous_end = arena.block;
    for (size_t n = 1; n < 100; n++) {
        uint8_t *bytes = arena_alloc(&arena, n);
        REQUIRE(bytes != NULL);
        CHECK_INT((uintptr_t)bytes % 16, ==, 0);
        CHECK(bytes >= previous_end);
        previous_end = bytes + n;
    }
}

TEST(ends_with_its_block)
{
    arena_init(&arena);
    CHECK(arena_alloc(&arena, ARENA_BYTES + 1) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX) == NULL);
    CHECK(arena_alloc(&arena, SIZE_MAX - 14) == NULL);
    uint8_t *all_but_one = arena_alloc(&arena, ARENA_BYTES - 1);
    REQUIRE(all_but_one != NULL);
    CHECK(arena_alloc(&arena, 1) == NULL);

    arena_reset(&arena);
    CHECK(arena_alloc(&arena, ARENA_BYTES) == arena.block);
    CHECK(arena_alloc(&arena, 1) == NULL);
}

TEST(serves_protobuf_c_as_its_allocator)
{
    arena_init(&arena);
    ProtobufCAllocator *allocator = &arena.allocator;
    void *first = allocator->alloc(allocator->allocator_data, 10);
    allocator->free(allocator->allocator_data, first);
    void *second = allocator->alloc(allocator->allocator_data, 10);
    CHECK(first != second);
    CHECK(allocator->alloc(allocator->allocator_data, ARENA_BYTES) == NULL);
}
