/* A gigabyte that is there already, mapped and looked at, a byte a page. This is what "shared memory moves a gigabyte in
 * no time" means: nothing is moved. Transfers, with a copy in and a copy out, are the rows of the mechanisms. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "renderer/gauge.h"

#define BYTES       (1ul << 30)
#define SPARE_BYTES (256ul << 20)

static uint64_t available_bytes(void)
{
    unsigned long long kb = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "MemAvailable: %llu kB", &kb) != 1)
        ;
    if (file)
        fclose(file);
    return kb * 1024;
}

static int fail(struct gauge_run *run, int error, const char *at)
{
    snprintf(run->stage->absent, sizeof run->stage->absent, "%s: %s", at, strerror(error));
    return -error;
}

/* First touches are the dearest part, and none of what is measured. */
static int prepare(struct gauge_run *run)
{
    if (available_bytes() < BYTES + SPARE_BYTES)
        return fail(run, ENOMEM, "1 GB of memory");
    const int error = memfd_make("gigabyte", &run->fd, NULL);
    if (error != 0)
        return fail(run, -error, "memfd_create");
    if (ftruncate(run->fd, (off_t)BYTES) < 0)
        return fail(run, errno, "ftruncate");
    void *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, run->fd, 0);
    if (memory == MAP_FAILED)
        return fail(run, errno, "mmap");
    memset(memory, 1, BYTES);
    munmap(memory, BYTES);
    return 0;
}

static uint64_t touch(const unsigned char *memory)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t sum = 0;
    for (size_t at = 0; at < BYTES; at += page)
        sum += *(const volatile unsigned char *)(memory + at);
    return sum;
}

static void map_and_touch(struct gauge_run *run)
{
    struct gauge_stage *stage = run->stage;
    gauge_begin(run);
    gauge_start(run);
    void *memory = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, run->fd, 0);
    const uint64_t mapped_ns = clock_now_ns() - stage->start_ns;
    sides_require(&run->sides, memory != MAP_FAILED ? 0 : -errno, "mmap");
    sides_require(&run->sides, touch(memory) > 0 ? 0 : -EBADMSG, "what is there");
    gauge_stop(run);
    stage->n = 1;
    snprintf(stage->note, sizeof stage->note,
             "a mapping, no copy: mapped in %.1f us, a byte of each page read in %.1f ms",
             (double)mapped_ns / (double)NS_PER_US,
             (double)(stage->end_ns - stage->start_ns - mapped_ns) / (double)NS_PER_MS);
}

const struct gauge gauge_map = {
    .name = "map-1g",
    .test = "map",
    .prepare = prepare,
    .work = {[PEER] = map_and_touch},
};
