#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/text.h"

void fuzz_found_false(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

uint8_t choose_byte(struct choices *choices)
{
    if (choices->n == 0)
        return 0;
    choices->n--;
    return *choices->at++;
}

uint64_t choose_number(struct choices *choices, size_t n_bytes)
{
    uint64_t number = 0;
    for (size_t i = 0; i < n_bytes; i++)
        number |= (uint64_t)choose_byte(choices) << (8 * i);
    return number;
}

unsigned choose_of(struct choices *choices, unsigned n)
{
    return choose_byte(choices) % n;
}

const uint8_t *choose_bytes(struct choices *choices, size_t n, size_t *ret_n)
{
    const uint8_t *bytes = choices->at;
    *ret_n = n < choices->n ? n : choices->n;
    choices->at += *ret_n;
    choices->n -= *ret_n;
    return bytes;
}

void choose_text(struct choices *choices, char *out, size_t n_out)
{
    size_t n = choose_byte(choices);
    if (n >= n_out)
        n = n_out - 1;
    const uint8_t *bytes = choose_bytes(choices, n, &n);
    memset(out, 0, n_out);
    if (n > 0)
        memcpy(out, bytes, strnlen((const char *)bytes, n));
}

static size_t whole_pages(size_t n_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (n_bytes + page - 1) / page * page;
}

void guarded_init(struct guarded *ret_guarded, size_t n_bytes)
{
    const size_t n_middle = whole_pages(n_bytes), page = whole_pages(1);
    uint8_t *base = mmap(NULL, n_middle + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    INSIST(base != MAP_FAILED);
    INSIST(n_middle == 0 || mprotect(base + page, n_middle, PROT_READ | PROT_WRITE) == 0);
    *ret_guarded = (struct guarded){
        .bytes = base + page + n_middle - n_bytes,
        .n_bytes = n_bytes,
        .base = base,
        .n_base = n_middle + 2 * page,
    };
}

void guarded_init_copy(struct guarded *ret_guarded, const void *bytes, size_t n_bytes)
{
    guarded_init(ret_guarded, n_bytes);
    if (n_bytes == 0)
        return;
    memcpy(ret_guarded->bytes, bytes, n_bytes);
    INSIST(mprotect(ret_guarded->base + whole_pages(1), whole_pages(n_bytes), PROT_READ) == 0);
}

void guarded_finish(struct guarded *guarded)
{
    munmap(guarded->base, guarded->n_base);
    *guarded = (struct guarded){0};
}

/* One character of text that is known to be UTF-8. */
static uint32_t next_character(const uint8_t **at)
{
    const uint8_t first = *(*at)++;
    const int n_more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t character = n_more == 0 ? first : first & (0x3fu >> n_more);
    for (int i = 0; i < n_more; i++)
        character = character << 6 | (*(*at)++ & 0x3f);
    return character;
}

static bool is_obeyed_or_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad || (c >= 0xe0000 && c <= 0xe007f);
}

bool text_is_harmless(const char *text, size_t n_text, const char *allowed)
{
    if (!text_is_utf8(text, n_text))
        return false;
    const uint8_t *at = (const uint8_t *)text, *end = at + n_text;
    while (at < end) {
        const uint32_t c = next_character(&at);
        if (is_obeyed_or_hidden(c) && (c >= 0x20 || !strchr(allowed, (int)c)))
            return false;
    }
    return true;
}
