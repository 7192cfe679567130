/* One death told in full, to people as text and to scripts as JSON: what the kernel says first, then what the broker
 * saw, then what the renderer claims. Where an address lies is looked up in the kernel's list; nothing that the renderer
 * wrote is followed, and what comes of it stays marked as its claim. */
#ifndef BROKER_CRASH_REPORT_H
#define BROKER_CRASH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

#include "broker/crash.h"
#include "broker/modules.h"

#define CRASH_REPORT_ID_BYTES 9 /* eight hex digits and the end */
#define CRASH_REPORT_FRAMES   (CRASH_MAX_FRAMES + 1)
#define CRASH_REPORT_MODULES  16 /* a frame in one more has its address only */
#define CRASH_SYMBOL_BYTES    256
#define CRASH_SOURCE_BYTES    128
#define CRASH_BUILD_ID_BYTES  65

struct crash_module {
    char name[128];
    char path[1024];                     /* "": not known, or too long to be asked about */
    char build_id[CRASH_BUILD_ID_BYTES]; /* in hex; "": not known */
};

/* Where the renderer was, and from where it came there. */
struct crash_frame {
    uint64_t address;
    uint64_t offset;                 /* in the module's file */
    int module;                      /* index in the report's modules; -1: no code lies there */
    bool by_kernel;                  /* the address is the kernel's word, not the renderer's */
    bool is_return;                  /* the address comes after the call it is about */
    char symbol[CRASH_SYMBOL_BYTES]; /* "name+0x1c"; "": not known */
    char source[CRASH_SOURCE_BYTES]; /* "file.c:12"; "": not known */
};

/* Holds all its text, so that it can be copied and kept when tab, document and renderer are gone. */
struct crash_report {
    char id[CRASH_REPORT_ID_BYTES];
    time_t time; /* of the wall clock */

    /* The caller's to fill. */
    unsigned tab;
    const char *kind;     /* document_kind_name()'s; NULL: not known */
    const char *injected; /* the fault's name in common/inject.h; NULL: it came by itself */
    pid_t pid;
    uint32_t page;      /* that was shown or painted, from 0 */
    uint64_t uptime_ns; /* since it was cloned */
    int level;
    uint32_t layers; /* mask over enum layer */
    unsigned restarts;
    bool will_retry;
    uint64_t next_try_ns; /* from now */

    char document[1024]; /* any bytes; a longer name loses its beginning */
    struct evidence evidence;
    enum verdict verdict;
    char detail[256]; /* crash_describe's line */

    size_t n_frames;
    struct crash_frame frames[CRASH_REPORT_FRAMES];
    size_t n_modules;
    struct crash_module modules[CRASH_REPORT_MODULES];
};

extern const char *const crash_register_names[CRASH_REGISTERS];

/* A report with an id of its own, now, judged; the rest is zero, and there are no frames. */
void crash_report_init(struct crash_report *report, const struct evidence *evidence, const char *document);

/* Fills frames and modules. Frame 0 is the kernel's where it told of a call, else the renderer's claim. modules may be
 * NULL: then there are addresses only. */
void crash_report_locate(struct crash_report *report, const struct modules *modules);

/* The offset in the file to ask about, for a symbol and a line: within the call, where the address comes after it. */
uint64_t crash_frame_asked(const struct crash_frame *frame);

/* "#3 renderer+0x4f2a1 faults_run+0x1c (faults.c:12)", escaped. Writes into out and returns it. */
const char *crash_report_frame_text(const struct crash_report *report, size_t i, char *out, size_t n_out);

/* Errors show in ferror(out). */
void crash_report_print(const struct crash_report *report, FILE *out);
void crash_report_print_json(const struct crash_report *report, FILE *out);

#endif
