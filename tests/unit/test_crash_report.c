/* Crash reports: the kernel's word first, the suspect's marked as such, and whatever it writes, text stays text and JSON
 * stays JSON. */
#include "broker/crash_report.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "tests/test.h"

typedef void printing(const struct crash_report *report, FILE *out);

/* The caller frees. */
static char *print(printing *how, const struct crash_report *report)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    REQUIRE(out != NULL);
    how(report, out);
    CHECK(!ferror(out));
    REQUIRE(fclose(out) == 0);
    CHECK_INT(strlen(text), ==, n);
    return text;
}

static bool says(printing *how, const struct crash_report *report, const char *what)
{
    char *text = print(how, report);
    const bool found = strstr(text, what) != NULL;
    if (!found)
        printf("not in it: %s\n%s", what, text);
    free(text);
    return found;
}

/* One object and the end of its line. */
static bool is_json_line(char *text)
{
    const size_t n = strlen(text);
    if (n == 0 || text[n - 1] != '\n')
        return false;
    text[n - 1] = '\0';
    const bool is_object = strchr(text, '\n') == NULL && json_is_object(text);
    text[n - 1] = '\n';
    return is_object;
}

/* Neither printing has a byte that a terminal would obey. */
static void check_printings(const struct crash_report *report)
{
    char *text = print(crash_report_print, report), *json = print(crash_report_print_json, report);
    if (!is_json_line(json))
        FAIL("not JSON: %s", json);
    for (const char *at = text; *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\n') || *at == 0x7f)
            FAIL("byte %d in the text: %s", *at, text);
    }
    CHECK_INT(strncmp(text, "Vitrine crash report ", 21), ==, 0);
    free(json);
    free(text);
}

/* ---- what is told ----------------------------------------------------------------------------------------------------- */

static const struct evidence fault = {
    .wait_code = CLD_KILLED,
    .wait_status = SIGSEGV,
    .has_record = true,
    .record = {.magic = CRASH_RECORD_MAGIC,
               .signal = SIGSEGV,
               .code = SEGV_MAPERR,
               .flags = 0,
               .at_ns = 5 * NS_PER_S,
               .address = 0x10,
               .pc = 0x1234,
               .order_serial = 7,
               .order_kind = 9,
               .thread = 2,
               .registers = {0xabcdef},
               .n_frames = 1,
               .frames = {0x5678}},
    .noticed_ns = 5 * NS_PER_S + 42 * NS_PER_US,
};

static const struct evidence violation = {
    .wait_code = CLD_KILLED,
    .wait_status = SIGKILL,
    .violated = true,
    .call = SYS_socket,
    .call_args = {2, 1, 0x33, 0x44, 0x55, 0x66},
    .call_ip = 0x4321,
    .noticed_ns = 1,
};

TEST(a_fault_is_told_in_full)
{
    struct crash_report report;
    crash_report_init(&report, &fault, "/home/a/b.pdf");
    report.kind = "pdf";
    report.injected = "segv-null";
    report.tab = 3;
    report.page = 11;
    report.will_retry = true;
    report.next_try_ns = 250 * NS_PER_MS;
    crash_report_locate(&report, NULL);
    check_printings(&report);
    static const char *const parts[] = {": signal\n",
                                        "crashed with SIGSEGV at address 0x10",
                                        "3, page 12",
                                        "/home/a/b.pdf",
                                        "tried again in 0.250 s",
                                        "SIGSEGV ended it (CLD_KILLED)",
                                        "42 us after",
                                        "it may lie",
                                        "SEGV_MAPERR (1)",
                                        "0000000000abcdef",
                                        "Paint (9), serial 7",
                                        "#0 0x1234",
                                        "#1 0x5678",
                                        "segv-null"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        CHECK(says(crash_report_print, &report, parts[i]));
    static const char *const fields[] = {"\"verdict\":\"signal\"",
                                         "\"tab\":3",
                                         "\"page\":12",
                                         "\"kind\":\"pdf\"",
                                         "\"end\":\"killed\",\"signal\":\"SIGSEGV\"",
                                         "\"detected_us\":42",
                                         "\"code_name\":\"SEGV_MAPERR\"",
                                         "\"address\":\"0x10\"",
                                         "\"fits\":true",
                                         "\"by\":\"renderer\",\"address\":\"0x1234\"",
                                         "\"next_try_ms\":250.000",
                                         "\"injected\":\"segv-null\"",
                                         "\"serial\":\"7\""};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        CHECK(says(crash_report_print_json, &report, fields[i]));
}

/* The call is the kernel's word, and stands above the line where the renderer's begin. */
TEST(a_violation_is_the_kernels_word)
{
    struct crash_report report;
    struct evidence evidence = violation;
    crash_report_init(&report, &evidence, "x");
    crash_report_locate(&report, NULL);
    CHECK_INT(report.n_frames, ==, 1);
    CHECK(report.frames[0].by_kernel);
    check_printings(&report);
    char *text = print(crash_report_print, &report);
    const char *claims = strstr(text, "What the renderer claims");
    REQUIRE(claims != NULL);
    static const char *const parts[] = {"socket, number ", "0 = 0x2\n", "5 = 0x66\n", "0x4321\n", "#0 0x4321"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *found = strstr(text, parts[i]);
        CHECK(found != NULL && found < claims);
    }
    CHECK(strstr(claims, "it left none") != NULL);
    free(text);

    /* What it wrote besides does not become the kernel's. */
    evidence.has_record = true;
    evidence.record = fault.record;
    crash_report_init(&report, &evidence, "x");
    crash_report_locate(&report, NULL);
    CHECK_INT(report.n_frames, ==, 2);
    CHECK_INT(report.frames[0].address, ==, 0x4321);
    CHECK(!report.frames[1].by_kernel);
    CHECK(says(crash_report_print, &report, "this is not how it ended"));
    CHECK(says(crash_report_print_json, &report, "\"fits\":false"));
    check_printings(&report);
}

TEST(every_verdict_can_be_told)
{
    const struct evidence all[] = {
        {.dismissed = true},
        fault,
        violation,
        {.wait_code = CLD_KILLED, .wait_status = SIGSYS},
        {.wait_code = CLD_KILLED, .wait_status = SIGKILL, .fault = FAULT_FLOOD},
        {.wait_code = CLD_KILLED, .wait_status = SIGKILL, .hung = true},
        {.wait_code = CLD_KILLED, .wait_status = SIGKILL, .out_of_memory = true, .stamp_ns = 1},
        {.wait_code = CLD_EXITED, .wait_status = 77},
        {.wait_code = CLD_KILLED, .wait_status = SIGKILL, .oom_killed = true, .init_died = true},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct crash_report report;
        crash_report_init(&report, &all[i], "document");
        crash_report_locate(&report, NULL);
        CHECK_INT(report.verdict, ==, crash_judge(&all[i]));
        CHECK(report.detail[0] != '\0');
        CHECK(says(crash_report_print, &report, verdict_name(report.verdict)));
        check_printings(&report);
    }
    struct crash_report report;
    crash_report_init(&report, &all[4], "document");
    CHECK(says(crash_report_print, &report, "violation 20: flood"));
    CHECK(says(crash_report_print_json, &report, "\"fault\":20,\"fault_name\":\"flood\""));
    crash_report_init(&report, &all[7], "document");
    CHECK(says(crash_report_print, &report, "exited with status 77"));
    CHECK(says(crash_report_print_json, &report, "\"exit_status\":77"));
}

TEST(ids_are_eight_hex_digits_and_differ)
{
    struct crash_report a, b;
    crash_report_init(&a, &fault, "");
    crash_report_init(&b, &fault, "");
    CHECK_INT(strlen(a.id), ==, 8);
    CHECK_INT(strspn(a.id, "0123456789abcdef"), ==, 8);
    CHECK(strcmp(a.id, b.id) != 0);
}

/* ---- where it was ------------------------------------------------------------------------------------------------------- */

TEST(addresses_are_located)
{
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    struct evidence evidence = fault;
    evidence.record.pc = (uintptr_t)check_printings;
    evidence.record.n_frames = 3;
    evidence.record.frames[0] = (uintptr_t)says;
    evidence.record.frames[1] = 1;
    evidence.record.frames[2] = (uintptr_t)(void *)qsort;
    struct crash_report report;
    crash_report_init(&report, &evidence, "x");
    crash_report_locate(&report, modules);
    REQUIRE(report.n_frames == 4);
    CHECK_INT(report.n_modules, ==, 2);
    CHECK_INT(report.frames[0].module, ==, 0);
    CHECK_INT(report.frames[1].module, ==, 0);
    CHECK_INT(report.frames[2].module, ==, -1);
    CHECK_INT(report.frames[3].module, ==, 1);
    uint64_t offset = 0;
    REQUIRE(modules_find(modules, (uintptr_t)check_printings, &offset) != NULL);
    CHECK_INT(report.frames[0].offset, ==, offset);
    CHECK_INT(crash_frame_asked(&report.frames[0]), ==, offset);
    CHECK_INT(crash_frame_asked(&report.frames[1]), ==, report.frames[1].offset - 1);

    char expected[256], text[256];
    snprintf(expected, sizeof expected, "#0 test_crash_report+0x%llx", (unsigned long long)offset);
    CHECK_STR(crash_report_frame_text(&report, 0, text, sizeof text), expected);
    CHECK_STR(crash_report_frame_text(&report, 2, text, sizeof text), "#2 0x1");
    snprintf(report.frames[0].symbol, CRASH_SYMBOL_BYTES, "f+0x1");
    snprintf(report.frames[0].source, CRASH_SOURCE_BYTES, "a\33b.c:1");
    strcat(expected, " f+0x1 (a\\eb.c:1)");
    CHECK_STR(crash_report_frame_text(&report, 0, text, sizeof text), expected);
    char little[8];
    CHECK_INT(strlen(crash_report_frame_text(&report, 0, little, sizeof little)), <, sizeof little);
    check_printings(&report);

    crash_report_locate(&report, modules); /* once more changes nothing */
    CHECK_INT(report.n_frames, ==, 4);
    CHECK_INT(report.n_modules, ==, 2);
    modules_destroy(modules);
}

/* ---- lies ----------------------------------------------------------------------------------------------------------------- */

TEST(a_count_is_not_believed)
{
    static const uint32_t counts[] = {CRASH_MAX_FRAMES, CRASH_MAX_FRAMES + 1, 1u << 31, UINT32_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct evidence evidence = fault;
        evidence.record.n_frames = counts[i];
        for (int with_call = 0; with_call <= 1; with_call++) {
            evidence.violated = with_call;
            struct crash_report report;
            crash_report_init(&report, &evidence, "x");
            crash_report_locate(&report, NULL);
            CHECK_INT(report.n_frames, ==, CRASH_REPORT_FRAMES);
            check_printings(&report);
        }
    }
}

/* Any bytes at all where the record is. */
TEST(noise_makes_a_report)
{
    struct modules *modules = NULL;
    REQUIRE(modules_read(getpid(), &modules) == 0);
    srandom(1);
    for (int round = 0; round < 500; round++) {
        struct evidence evidence = {.wait_code = (int)(random() % 6),
                                    .wait_status = (int)random() - 1000,
                                    .violated = random() % 2,
                                    .call = (int)random() - 1000,
                                    .fault = (enum message_fault)(random() % 40),
                                    .hung = random() % 2,
                                    .has_record = true,
                                    .noticed_ns = (uint64_t)random()};
        uint8_t *bytes = (uint8_t *)&evidence.record;
        for (size_t i = 0; i < sizeof evidence.record; i++)
            bytes[i] = (uint8_t)(random() >> 8);
        struct crash_report report;
        crash_report_init(&report, &evidence, "x");
        crash_report_locate(&report, modules);
        CHECK_INT(report.n_frames, <=, CRASH_REPORT_FRAMES);
        check_printings(&report);
    }
    modules_destroy(modules);
}

TEST(document_names_are_only_text)
{
    static const char *const names[] = {"",
                                        "\33]0;x\a",
                                        "a\nVitrine crash report 00000000: none\n",
                                        "\"},{\"",
                                        "\\",
                                        "\xff\xc0\x80",
                                        "\xe2\x80\xaegpj.exe",
                                        "\xc2\x9b[31m",
                                        "\x7f"};
    struct crash_report report;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        crash_report_init(&report, &fault, names[i]);
        crash_report_locate(&report, NULL);
        check_printings(&report);
        char *text = print(crash_report_print, &report);
        CHECK(strstr(text, "\nVitrine crash") == NULL); /* no second report within the first */
        free(text);
    }
    const size_t n = 1 << 20;
    char *name = malloc(n);
    REQUIRE(name != NULL);
    memset(name, '\1', n);
    memcpy(name + n - 5, ".pdf", 5);
    crash_report_init(&report, &fault, name);
    CHECK_STR(report.document + strlen(report.document) - 4, ".pdf");
    check_printings(&report);
    for (size_t i = 0; i + 2 < n; i += 2)
        memcpy(name + i, "\xc3\xa9", 2);
    crash_report_init(&report, &fault, name); /* cut between characters */
    CHECK_INT((unsigned char)report.document[0], ==, 0xc3);
    free(name);
}
