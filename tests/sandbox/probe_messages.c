/* Datagrams that no honest renderer sends. While a probe runs, Open is out with serial 1, so that Opened, Refused and
 * Progressed are in their time. The bytes are written out, for our own encoder would refuse to. */
#include <string.h>
#include <unistd.h>

#include "tests/sandbox/probes.h"

/* The envelope's tags: field number and "length-delimited". */
#define LISTENING  "\x22"
#define READY      "\x2a"
#define OPEN       "\x32"
#define OPENED     "\x3a"
#define REFUSED    "\x42"
#define PAINT      "\x4a"
#define PAINTED    "\x52"
#define PROGRESSED "\x5a"

#define BYTES(literal) .bytes = (literal), .n_bytes = sizeof(literal) - 1
#define BAD(reason)    .end = PROBE_PROTOCOL, .expected = (reason)

/* Opened{serial 1, kind text (4), pages 1}, and the Painted that fits the Paint which follows: serial 2, slot 0. */
#define OPENED_WELL  OPENED "\x06\x08\x01\x10\x04\x18\x01"
#define PAINTED_WELL PAINTED "\x02\x08\x02"

/* More than any message may have. */
static const char zeros[64 * 1024 + 1];

static void send_opened(void)
{
    probe_send(OPENED_WELL, sizeof OPENED_WELL - 1, 0);
}

static void send_painted(void)
{
    probe_send(PAINTED_WELL, sizeof PAINTED_WELL - 1, 0);
}

/* A title of 4,000 bytes: a message of the right form that is too long for its kind. */
static void oversized(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    static char bytes[4 + 6 + 3 + 4000] = OPENED "\xa9\x1f\x08\x01\x10\x04\x18\x01\x22\xa0\x1f";
    memset(bytes + 12, 'a', 4000);
    probe_send(bytes, 12 + 4000, 0);
    probe_wait();
}

static void half_then_exit(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    probe_send(PROGRESSED "\x04\x08\x01", 4, 0);
    _exit(0);
}

static void flood(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    for (unsigned char done = 1; done < 120; done++) {
        const char bytes[] = {PROGRESSED[0], 4, 8, 1, 16, (char)done};
        probe_send(bytes, sizeof bytes, 0);
    }
    probe_wait();
}

static void wrong_slot(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    send_opened();
    probe_send(PAINTED "\x04\x08\x02\x10\x01", 6, 0);
    probe_wait();
}

/* Asked once, answered twice. */
static void painted_twice(char *result, size_t n_result)
{
    (void)result, (void)n_result;
    send_opened();
    send_painted();
    send_painted();
    probe_wait();
}

const struct probe message_probes[] = {
    {"m-zero-length", BAD("1 zero-length"), BYTES("")},
    {"m-zero-length-with-fd", BAD("1 zero-length"), BYTES(""), .n_fds = 1},
    {"m-64-KiB-and-1", BAD("2 truncated"), .bytes = zeros, .n_bytes = sizeof zeros},
    {"m-64-KiB", BAD("5 unknown-kind"), .bytes = zeros, .n_bytes = sizeof zeros - 1},
    {"m-253-fds", BAD("3 too-many-fds"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01"), .n_fds = 253},
    {"m-5-fds", BAD("3 too-many-fds"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01"), .n_fds = 5},
    {"m-2-fds", BAD("9 wrong-fd-count"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01"), .n_fds = 2},
    {"m-fd-with-opened", BAD("9 wrong-fd-count"), BYTES(OPENED_WELL), .n_fds = 1},
    {"m-one-byte", BAD("4 envelope"), BYTES("\xff")},
    {"m-one-byte-tag", BAD("4 envelope"), BYTES(PROGRESSED)},
    {"m-half", BAD("4 envelope"), BYTES(PROGRESSED "\x04\x08\x01")},
    {"m-trailing", BAD("4 envelope"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01\x00")},
    {"m-two-bodies", BAD("4 envelope"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01" PROGRESSED "\x04\x08\x01\x10\x02")},
    {"m-kind-0", BAD("5 unknown-kind"), BYTES("\x02\x01\x00")},
    {"m-kind-14", BAD("5 unknown-kind"), BYTES("\x72\x00")},
    {"m-kind-huge", BAD("5 unknown-kind"), BYTES("\xfa\xff\xff\xff\x0f\x00")},
    {"m-envelope-as-varint", BAD("4 envelope"), BYTES("\x58\x01")},
    {"m-envelope-as-group", BAD("4 envelope"), BYTES("\x5b\x5c")},

    {"m-open", BAD("6 wrong-direction"), BYTES(OPEN "\x02\x08\x01")},
    {"m-paint", BAD("6 wrong-direction"), BYTES(PAINT "\x02\x08\x01")},
    {"m-spawn", BAD("6 wrong-direction"), BYTES("\x0a\x02\x08\x01")},
    {"m-warmed", BAD("6 wrong-direction"), BYTES("\x12\x02\x08\x01")},
    {"m-spawned", BAD("6 wrong-direction"), BYTES("\x1a\x02\x08\x01")},
    {"m-inject", BAD("6 wrong-direction"), BYTES("\x62\x04\x08\x01\x10\x01")},
    {"m-injected-unasked", BAD("7 wrong-state"), BYTES("\x6a\x02\x08\x01")},
    {"m-ready-twice", BAD("7 wrong-state"), BYTES(READY "\x02\x08\x01")},
    {"m-listening-late", BAD("7 wrong-state"), BYTES(LISTENING "\x00"), .n_fds = 1},
    {"m-painted-before-paint", BAD("7 wrong-state"), BYTES(PAINTED "\x02\x08\x01")},
    {"m-opened-twice", BAD("7 wrong-state"), BYTES(OPENED_WELL), .times = 2},

    {"m-serial-of-old", BAD("18 wrong-serial"), BYTES(OPENED "\x04\x10\x04\x18\x01")},
    {"m-serial-of-new", BAD("18 wrong-serial"), BYTES(OPENED "\x06\x08\x02\x10\x04\x18\x01")},
    {"m-serial-of-progress", BAD("18 wrong-serial"), BYTES(PROGRESSED "\x04\x08\x07\x10\x01")},
    {"m-serial-of-refused", BAD("18 wrong-serial"), BYTES(REFUSED "\x04\x08\x07\x10\x07")},
    {"m-no-pages", BAD("19 value-out-of-range"), BYTES(OPENED "\x04\x08\x01\x10\x04")},
    {"m-4-billion-pages", BAD("19 value-out-of-range"), BYTES(OPENED "\x0a\x08\x01\x10\x04\x18\xff\xff\xff\xff\x0f")},
    {"m-kind-of-nothing", BAD("19 value-out-of-range"), BYTES(OPENED "\x04\x08\x01\x18\x01")},
    {"m-kind-of-document-99", BAD("19 value-out-of-range"), BYTES(OPENED "\x06\x08\x01\x10\x63\x18\x01")},
    {"m-refused-as-missing", BAD("19 value-out-of-range"), BYTES(REFUSED "\x04\x08\x01\x10\x01")},
    {"m-refused-as-99", BAD("19 value-out-of-range"), BYTES(REFUSED "\x04\x08\x01\x10\x63")},
    {"m-refused-without-reason", BAD("19 value-out-of-range"), BYTES(REFUSED "\x02\x08\x01")},

    {"m-varint-of-11-bytes", BAD("10 bad-varint"),
     BYTES(PROGRESSED "\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
    {"m-varint-over-long", BAD("10 bad-varint"), BYTES(PROGRESSED "\x03\x08\x81\x00")},
    {"m-varint-cut", BAD("10 bad-varint"), BYTES(PROGRESSED "\x02\x08\x81")},
    {"m-number-over-32-bits", BAD("10 bad-varint"), BYTES(OPENED "\x08\x08\x01\x10\xff\xff\xff\xff\x1f")},
    {"m-unknown-field", BAD("11 unknown-field"), BYTES(PROGRESSED "\x02\x18\x01")},
    {"m-field-0", BAD("11 unknown-field"), BYTES(PROGRESSED "\x02\x00\x01")},
    {"m-wrong-wire-type", BAD("12 wrong-wire-type"), BYTES(PROGRESSED "\x05\x0d\x01\x00\x00\x00")},
    {"m-group", BAD("12 wrong-wire-type"), BYTES(PROGRESSED "\x02\x0b\x0c")},
    {"m-duplicate", BAD("13 duplicate-field"), BYTES(PROGRESSED "\x06\x08\x01\x10\x01\x10\x02")},
    {"m-length-beyond-end", BAD("14 bad-length"), BYTES(OPENED "\x04\x08\x01\x22\x7f")},
    {"m-length-of-an-exabyte", BAD("14 bad-length"),
     BYTES(OPENED "\x0c\x08\x01\x22\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
    {"m-title-in-latin-1", BAD("15 bad-utf8"),
     BYTES(OPENED "\x0a\x08\x01\x10\x04\x18\x01\x22\x02"
                  "A\xe9")},
    {"m-title-with-nul", BAD("15 bad-utf8"),
     BYTES(OPENED "\x0b\x08\x01\x10\x04\x18\x01\x22\x03"
                  "A\0B")},
    {"m-title-over-long-form", BAD("15 bad-utf8"), BYTES(OPENED "\x0a\x08\x01\x10\x04\x18\x01\x22\x02\xc0\xaf")},
    {"m-title-surrogate", BAD("15 bad-utf8"), BYTES(OPENED "\x0b\x08\x01\x10\x04\x18\x01\x22\x03\xed\xa0\x80")},

    {"m-oversized", BAD("8 oversized"), .run = oversized},
    {"m-half-then-exit", BAD("4 envelope"), .run = half_then_exit},
    {"m-flood", BAD("20 flood"), .run = flood},
    {"m-slot-of-another", BAD("19 value-out-of-range"), .run = wrong_slot},
    {"m-painted-twice", BAD("7 wrong-state"), .run = painted_twice},
    {"m-no-progress", BAD("22 progress-without-progress"), BYTES(PROGRESSED "\x04\x08\x01\x10\x01"), .times = 2},
    {"m-progress-of-nothing", BAD("22 progress-without-progress"), BYTES(PROGRESSED "\x02\x08\x01")},
    {.name = NULL},
};
