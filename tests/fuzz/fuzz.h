/* What the fuzz targets share: a judge, a reader that makes choices of bytes, memory with guarded edges, and an eye for
 * text that a terminal would obey. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);

/* Optional, once, before the first input. */
int LLVMFuzzerInitialize(int *n_arguments, char ***arguments);

/* What must hold for every input; otherwise the input is a finding. */
#define INSIST(condition)                                     \
    do {                                                      \
        if (!(condition))                                     \
            fuzz_found_false(#condition, __FILE__, __LINE__); \
    } while (0)
_Noreturn void fuzz_found_false(const char *condition, const char *file, int line);

/* The bytes of an input that have not been used yet. When there are none left, every choice is 0. */
struct choices {
    const uint8_t *at;
    size_t n;
};

uint8_t choose_byte(struct choices *choices);
/* Little-endian, of n_bytes, at most 8. */
uint64_t choose_number(struct choices *choices, size_t n_bytes);
/* 0 to n - 1; n is at most 256. */
unsigned choose_of(struct choices *choices, unsigned n);
/* At most n bytes, fewer when there are no more. */
const uint8_t *choose_bytes(struct choices *choices, size_t n, size_t *ret_n);
/* A string of at most n_out - 1 bytes: their number, then they. It ends before the first NUL. */
void choose_text(struct choices *choices, char *out, size_t n_out);

/* n_bytes between two pages that nobody may touch, the last of them right before the second. */
struct guarded {
    uint8_t *bytes;
    size_t n_bytes;
    uint8_t *base;
    size_t n_base;
};

void guarded_init(struct guarded *ret_guarded, size_t n_bytes);
/* The same as a copy that nobody may write. */
void guarded_init_copy(struct guarded *ret_guarded, const void *bytes, size_t n_bytes);
void guarded_finish(struct guarded *guarded);

/* Well-formed UTF-8 without anything that a terminal obeys or that cannot be seen: no control but those in `allowed`, no
 * bidirectional control, nothing invisible. */
bool text_is_harmless(const char *text, size_t n_text, const char *allowed);

#endif
