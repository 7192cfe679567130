#include "broker/crash_report.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/layers.h"
#include "common/message.h"
#include "common/text.h"

#if defined(__x86_64__)
const char *const crash_register_names[CRASH_REGISTERS] = {"rax", "rbx", "rcx", "rdx", "rsi",   "rdi",
                                                           "rbp", "rsp", "r8",  "r9",  "r10",   "r11",
                                                           "r12", "r13", "r14", "r15", "rflags"};
#elif defined(__aarch64__)
const char *const crash_register_names[CRASH_REGISTERS] = {
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "pstate"};
#else
const char *const crash_register_names[CRASH_REGISTERS] = {"r0", "r1",  "r2",  "r3",  "r4",  "r5",  "r6",  "r7", "r8",
                                                           "r9", "r10", "r11", "r12", "r13", "r14", "r15", "r16"};
#endif

/* ---- what is in a report ------------------------------------------------------------------------------------------ */

static void make_id(char out[CRASH_REPORT_ID_BYTES])
{
    uint32_t id;
    if (getrandom(&id, sizeof id, GRND_NONBLOCK) != sizeof id)
        id = (uint32_t)clock_now_ns(); /* it has to differ from others', no more */
    snprintf(out, CRASH_REPORT_ID_BYTES, "%08" PRIx32, id);
}

/* The end of a path says most. */
static void copy_end(char *out, size_t n_out, const char *text)
{
    const size_t n = strlen(text);
    if (n >= n_out) {
        text += n - (n_out - 1);
        while (((unsigned char)*text & 0xc0) == 0x80) /* not from the middle of a character */
            text++;
    }
    snprintf(out, n_out, "%s", text);
}

void crash_report_init(struct crash_report *report, const struct evidence *evidence, const char *document)
{
    *report = (struct crash_report){.time = time(NULL), .evidence = *evidence, .verdict = crash_judge(evidence)};
    make_id(report->id);
    copy_end(report->document, sizeof report->document, document);
    crash_describe(evidence, report->detail, sizeof report->detail);
}

/* The module's index in the report, which gets it when it is new and there is room; -1. */
static int note_module(struct crash_report *report, const struct module *module)
{
    const char *path =
        module->path != NULL && strlen(module->path) < sizeof report->modules[0].path ? module->path : "";
    struct crash_module noted = {.name = ""};
    copy_end(noted.name, sizeof noted.name, module->name);
    snprintf(noted.path, sizeof noted.path, "%s", path);
    for (size_t i = 0; i < report->n_modules; i++) {
        if (strcmp(report->modules[i].name, noted.name) == 0 && strcmp(report->modules[i].path, noted.path) == 0)
            return (int)i;
    }
    if (report->n_modules == CRASH_REPORT_MODULES)
        return -1;
    report->modules[report->n_modules] = noted;
    return (int)report->n_modules++;
}

static struct crash_frame *add_frame(struct crash_report *report, const struct modules *modules, uint64_t address)
{
    struct crash_frame *frame = &report->frames[report->n_frames++];
    *frame = (struct crash_frame){.address = address, .module = -1};
    const struct module *module = modules != NULL ? modules_find(modules, address, &frame->offset) : NULL;
    if (module != NULL)
        frame->module = note_module(report, module);
    return frame;
}

void crash_report_locate(struct crash_report *report, const struct modules *modules)
{
    const struct evidence *evidence = &report->evidence;
    report->n_frames = report->n_modules = 0;
    if (evidence->violated) {
        struct crash_frame *frame = add_frame(report, modules, evidence->call_ip);
        frame->by_kernel = frame->is_return = true; /* the instruction after the one that called */
    } else if (evidence->has_record) {
        add_frame(report, modules, evidence->record.pc);
    }
    for (size_t i = 0; evidence->has_record && i < evidence->record.n_frames && i < CRASH_MAX_FRAMES; i++)
        add_frame(report, modules, evidence->record.frames[i])->is_return = true;
}

uint64_t crash_frame_asked(const struct crash_frame *frame)
{
    return frame->is_return && frame->offset > 0 ? frame->offset - 1 : frame->offset;
}

const char *crash_report_frame_text(const struct crash_report *report, size_t i, char *out, size_t n_out)
{
    const struct crash_frame *frame = &report->frames[i];
    char text[sizeof report->modules[0].name + CRASH_SYMBOL_BYTES + CRASH_SOURCE_BYTES + 64];
    size_t n = (size_t)snprintf(text, sizeof text, "#%zu ", i);
    if (frame->module >= 0)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s+0x%" PRIx64, report->modules[frame->module].name,
                              frame->offset);
    else
        n += (size_t)snprintf(text + n, sizeof text - n, "0x%" PRIx64, frame->address);
    if (frame->symbol[0] != '\0')
        n += (size_t)snprintf(text + n, sizeof text - n, " %s", frame->symbol);
    if (frame->source[0] != '\0')
        n += (size_t)snprintf(text + n, sizeof text - n, " (%s)", frame->source);
    text_escape(out, n_out, text, n);
    return out;
}

/* ---- names of numbers ----------------------------------------------------------------------------------------------- */

struct code_row {
    int signal; /* 0: any */
    int code;
    const char *name;
};

#define CODE(signal, name)  \
    {                       \
        signal, name, #name \
    }

static const struct code_row code_rows[] = {
    CODE(SIGSEGV, SEGV_MAPERR),
    CODE(SIGSEGV, SEGV_ACCERR),
    CODE(SIGSEGV, SEGV_BNDERR),
    CODE(SIGSEGV, SEGV_PKUERR),
    {SIGSEGV, 10, "SEGV_CPERR"}, /* newer than some headers */
    CODE(SIGBUS, BUS_ADRALN),
    CODE(SIGBUS, BUS_ADRERR),
    CODE(SIGBUS, BUS_OBJERR),
    CODE(SIGBUS, BUS_MCEERR_AR),
    CODE(SIGBUS, BUS_MCEERR_AO),
    CODE(SIGILL, ILL_ILLOPC),
    CODE(SIGILL, ILL_ILLOPN),
    CODE(SIGILL, ILL_ILLADR),
    CODE(SIGILL, ILL_ILLTRP),
    CODE(SIGILL, ILL_PRVOPC),
    CODE(SIGILL, ILL_PRVREG),
    CODE(SIGILL, ILL_COPROC),
    CODE(SIGILL, ILL_BADSTK),
    CODE(SIGFPE, FPE_INTDIV),
    CODE(SIGFPE, FPE_INTOVF),
    CODE(SIGFPE, FPE_FLTDIV),
    CODE(SIGFPE, FPE_FLTOVF),
    CODE(SIGFPE, FPE_FLTUND),
    CODE(SIGFPE, FPE_FLTRES),
    CODE(SIGFPE, FPE_FLTINV),
    CODE(SIGFPE, FPE_FLTSUB),
    CODE(SIGTRAP, TRAP_BRKPT),
    CODE(SIGTRAP, TRAP_TRACE),
    {SIGSYS, 1, "SYS_SECCOMP"},
    CODE(0, SI_USER),
    CODE(0, SI_KERNEL),
    CODE(0, SI_QUEUE),
    CODE(0, SI_TIMER),
    CODE(0, SI_TKILL),
};

/* NULL: none that we know. */
static const char *code_name(int signal, int code)
{
    for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++) {
        const struct code_row *row = &code_rows[i];
        if (row->code == code && (row->signal == 0 || row->signal == signal))
            return row->name;
    }
    return NULL;
}

static const char *order_name(uint32_t kind)
{
    if (kind == MESSAGE_NONE)
        return "none";
    return message_row(kind) != NULL ? message_name((enum message_kind)kind) : NULL;
}

/* "exited", "killed"; NULL: it never came to be. */
static const char *wait_name(int code)
{
    switch (code) {
    case CLD_EXITED:
        return "exited";
    case CLD_KILLED:
        return "killed";
    case CLD_DUMPED:
        return "dumped";
    default:
        return NULL;
    }
}

#define MAX_TIME 32

static const char *time_text(time_t when, char out[MAX_TIME])
{
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL || strftime(out, MAX_TIME, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(out, MAX_TIME, "not known");
    return out;
}

/* From the fault, as the renderer dates it, to the broker's knowing. False where one end is not known. */
static bool detection_ns(const struct evidence *evidence, uint64_t *ret_ns)
{
    const uint64_t at_ns = crash_fault_ns(evidence);
    if (at_ns == 0)
        return false;
    *ret_ns = evidence->noticed_ns - at_ns;
    return true;
}

/* ---- for people ----------------------------------------------------------------------------------------------------- */

#define ROW "  %-10s "

static void print_row(FILE *out, const char *name, const char *value)
{
    char escaped[4 * TEXT_MAX_CHARACTERS];
    text_escape(escaped, sizeof escaped, value, strlen(value));
    fprintf(out, ROW "%s\n", name, escaped);
}

static void print_seconds(FILE *out, uint64_t ns)
{
    fprintf(out, "%llu.%03llu s", ns / NS_PER_S, ns % NS_PER_S / NS_PER_MS);
}

static void print_layers(const struct crash_report *report, FILE *out)
{
    const char *before = "; without ";
    fprintf(out, ROW "level %d", "sandbox", report->level);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        if (!(report->layers & LAYER_BIT(layer))) {
            fprintf(out, "%s%s", before, layer_name((enum layer)layer));
            before = ", ";
        }
    }
    fputc('\n', out);
}

static void print_heading(const struct crash_report *report, FILE *out)
{
    char text[MAX_TIME];
    fprintf(out, "Vitrine crash report %s: %s\n", report->id, verdict_name(report->verdict));
    print_row(out, "in short", report->detail);
    print_row(out, "time", time_text(report->time, text));
    fprintf(out, ROW "%u, page %" PRIu64 "\n", "tab", report->tab, (uint64_t)report->page + 1);
    print_row(out, "document", report->document);
    print_row(out, "kind", report->kind != NULL ? report->kind : "not known");
    fprintf(out, ROW "%d, ", "process", (int)report->pid);
    print_seconds(out, report->uptime_ns);
    fputs(" after its start\n", out);
    print_layers(report, out);
    if (report->injected != NULL)
        print_row(out, "on purpose", report->injected);
    fprintf(out, ROW "%u so far; ", "restarts", report->restarts);
    if (report->will_retry) {
        fputs("tried again in ", out);
        print_seconds(out, report->next_try_ns);
        fputc('\n', out);
    } else {
        fputs("not tried again by itself\n", out);
    }
}

static void print_end(const struct evidence *evidence, FILE *out)
{
    char name[64];
    switch (evidence->wait_code) {
    case CLD_EXITED:
        fprintf(out, ROW "it exited with status %d (CLD_EXITED)\n", "end", evidence->wait_status);
        return;
    case CLD_KILLED:
    case CLD_DUMPED:
        fprintf(out, ROW "%s ended it (%s)\n", "end", signal_name(evidence->wait_status, name, sizeof name),
                evidence->wait_code == CLD_KILLED ? "CLD_KILLED" : "CLD_DUMPED");
        return;
    default:
        print_row(out, "end", "nothing: it never came to be, or was not reaped");
    }
}

static void print_call(const struct crash_report *report, FILE *out)
{
    const struct evidence *evidence = &report->evidence;
    char name[64];
    fprintf(out, ROW "%s, number %d\n", "call", call_name(evidence->call, name, sizeof name), evidence->call);
    for (size_t i = 0; i < sizeof evidence->call_args / sizeof evidence->call_args[0]; i++)
        fprintf(out, ROW "%zu = 0x%" PRIx64 "\n", i == 0 ? "arguments" : "", i, evidence->call_args[i]);
    fprintf(out, ROW "0x%" PRIx64 "\n", "called at", evidence->call_ip);
    if (report->n_frames > 0 && report->frames[0].by_kernel) {
        char text[1024];
        fprintf(out, ROW "%s\n", "", crash_report_frame_text(report, 0, text, sizeof text));
    }
}

static void print_kernel(const struct crash_report *report, FILE *out)
{
    fputs("\nWhat the kernel says\n", out);
    print_end(&report->evidence, out);
    if (report->evidence.violated)
        print_call(report, out);
    if (report->evidence.oom_killed)
        print_row(out, "memory", "it killed somebody for lack of it in that moment");
}

static void print_broker(const struct evidence *evidence, FILE *out)
{
    uint64_t ns;
    fputs("\nWhat the broker saw\n", out);
    if (evidence->fault != FAULT_NONE)
        fprintf(out, ROW "violation %d: %s\n", "protocol", (int)evidence->fault, message_fault_name(evidence->fault));
    if (evidence->hung)
        print_row(out, "hang", "no progress in time; killed for it");
    if (evidence->dismissed)
        print_row(out, "dismissed", "the broker had no more use for it");
    if (evidence->init_died)
        print_row(out, "init", "the first process of its pid namespace ended, and it with it");
    fprintf(out, ROW "at ", "noticed");
    print_seconds(out, evidence->noticed_ns);
    fputs(" of the monotonic clock\n", out);
    if (detection_ns(evidence, &ns))
        fprintf(out, ROW "%llu us after the fault, as the renderer dates it\n", "detected", ns / NS_PER_US);
}

static void print_registers(const struct crash_record *record, FILE *out)
{
    for (size_t i = 0; i < CRASH_REGISTERS; i++) {
        fprintf(out, i % 3 == 0 ? ROW : "  ", i == 0 ? "registers" : "");
        fprintf(out, "%-6s %016" PRIx64 "%s", crash_register_names[i], record->registers[i],
                i % 3 == 2 || i == CRASH_REGISTERS - 1 ? "\n" : "");
    }
}

static void print_record(const struct evidence *evidence, FILE *out)
{
    const struct crash_record *record = &evidence->record;
    char name[64];
    if (!crash_record_fits(evidence))
        print_row(out, "beware", "this is not how it ended");
    fprintf(out, ROW "%s (%" PRId32 ")\n", "signal", signal_name(record->signal, name, sizeof name), record->signal);
    const char *code = code_name(record->signal, record->code);
    fprintf(out, ROW "%s (%" PRId32 ")\n", "code", code != NULL ? code : "none that is known", record->code);
    fprintf(out, ROW "0x%" PRIx64 "\n", "address", record->address);
    fprintf(out, ROW "0x%" PRIx64 ", stack at 0x%" PRIx64 "\n", "was at", record->pc, record->sp);
    const char *order = order_name(record->order_kind);
    fprintf(out, ROW "%s (%" PRIu32 "), serial %" PRIu64 "\n", "serving", order != NULL ? order : "no order there is",
            record->order_kind, record->order_serial);
    fprintf(out, ROW "%" PRIu32 "\n", "thread", record->thread);
    if (record->flags & CRASH_AT_MEMORY_LIMIT)
        print_row(out, "memory", "it stood at its limit");
    print_registers(record, out);
}

static void print_claims(const struct crash_report *report, FILE *out)
{
    const struct evidence *evidence = &report->evidence;
    fputs("\nWhat the renderer claims (it may lie)\n", out);
    if (evidence->out_of_memory)
        print_row(out, "memory", "it refused the document for lack of it");
    if (evidence->stamp_ns != 0) {
        fprintf(out, ROW "it began to fail as ordered at ", "stamp");
        print_seconds(out, evidence->stamp_ns);
        fputs(" of the monotonic clock\n", out);
    }
    if (!evidence->has_record) {
        print_row(out, "record", "it left none");
        return;
    }
    print_record(evidence, out);
    const char *name = "backtrace";
    for (size_t i = 0; i < report->n_frames; i++) {
        char text[1024];
        if (report->frames[i].by_kernel)
            continue;
        fprintf(out, ROW "%s\n", name, crash_report_frame_text(report, i, text, sizeof text));
        name = "";
    }
}

static void print_modules(const struct crash_report *report, FILE *out)
{
    if (report->n_modules == 0)
        return;
    fputs("\nModules (offsets above are in these files)\n", out);
    for (size_t i = 0; i < report->n_modules; i++) {
        const struct crash_module *module = &report->modules[i];
        print_row(out, i == 0 ? "file" : "", module->path[0] != '\0' ? module->path : module->name);
        if (module->build_id[0] != '\0')
            fprintf(out, ROW "  build id %s\n", "", module->build_id);
    }
}

void crash_report_print(const struct crash_report *report, FILE *out)
{
    print_heading(report, out);
    print_kernel(report, out);
    print_broker(&report->evidence, out);
    print_claims(report, out);
    print_modules(report, out);
}

/* ---- for scripts ---------------------------------------------------------------------------------------------------- */

/* `before` is what stands before the string: a comma, a name. NULL and, as nothing is known then, "" become null. */
static void json_text(FILE *out, const char *before, const char *text)
{
    char json[TEXT_MAX_CHARACTERS * 12 + 16]; /* every character an escaped surrogate pair */
    fputs(before, out);
    if (text == NULL || text[0] == '\0') {
        fputs("null", out);
        return;
    }
    text_json(json, sizeof json, text, strlen(text));
    fputs(json, out);
}

/* A number of JSON holds 53 bits: an address is a string. */
static void json_address(FILE *out, const char *before, uint64_t address)
{
    fprintf(out, "%s\"0x%" PRIx64 "\"", before, address);
}

static void json_bool(FILE *out, const char *before, bool value)
{
    fprintf(out, "%s%s", before, value ? "true" : "false");
}

static void json_ms(FILE *out, const char *before, uint64_t ns)
{
    fprintf(out, "%s%llu.%03llu", before, ns / NS_PER_MS, ns % NS_PER_MS / NS_PER_US);
}

static void json_heading(const struct crash_report *report, FILE *out)
{
    char text[MAX_TIME];
    json_text(out, "{\"id\":", report->id);
    json_text(out, ",\"time\":", time_text(report->time, text));
    json_text(out, ",\"verdict\":", verdict_name(report->verdict));
    json_text(out, ",\"detail\":", report->detail);
    fprintf(out, ",\"tab\":%u,\"page\":%" PRIu64, report->tab, (uint64_t)report->page + 1);
    json_text(out, ",\"document\":", report->document);
    json_text(out, ",\"kind\":", report->kind);
    fprintf(out, ",\"pid\":%d", (int)report->pid);
    json_ms(out, ",\"uptime_ms\":", report->uptime_ns);
    fprintf(out, ",\"level\":%d,\"layers\":{", report->level);
    for (int layer = 0; layer < LAYER_COUNT; layer++) {
        fprintf(out, "%s\"%s\"", layer > 0 ? "," : "", layer_name((enum layer)layer));
        json_bool(out, ":", report->layers & LAYER_BIT(layer));
    }
    json_text(out, "},\"injected\":", report->injected);
    fprintf(out, ",\"restarts\":%u", report->restarts);
    if (report->will_retry)
        json_ms(out, ",\"next_try_ms\":", report->next_try_ns);
    else
        fputs(",\"next_try_ms\":null", out);
}

static void json_call(const struct evidence *evidence, FILE *out)
{
    char name[64];
    if (!evidence->violated) {
        fputs(",\"call\":null", out);
        return;
    }
    json_text(out, ",\"call\":{\"name\":", call_name(evidence->call, name, sizeof name));
    fprintf(out, ",\"number\":%d,\"args\":[", evidence->call);
    for (size_t i = 0; i < sizeof evidence->call_args / sizeof evidence->call_args[0]; i++)
        json_address(out, i > 0 ? "," : "", evidence->call_args[i]);
    json_address(out, "],\"ip\":", evidence->call_ip);
    fputc('}', out);
}

static void json_kernel(const struct evidence *evidence, FILE *out)
{
    char name[64];
    const char *end = wait_name(evidence->wait_code);
    const bool exited = evidence->wait_code == CLD_EXITED;
    json_text(out, ",\"kernel\":{\"end\":", end);
    json_text(out,
              ",\"signal\":", end != NULL && !exited ? signal_name(evidence->wait_status, name, sizeof name) : NULL);
    if (exited)
        fprintf(out, ",\"exit_status\":%d", evidence->wait_status);
    else
        fputs(",\"exit_status\":null", out);
    json_call(evidence, out);
    json_bool(out, ",\"oom_killed\":", evidence->oom_killed);
    fputc('}', out);
}

static void json_broker(const struct evidence *evidence, FILE *out)
{
    uint64_t ns;
    if (evidence->fault != FAULT_NONE) {
        fprintf(out, ",\"broker\":{\"fault\":%d", (int)evidence->fault);
        json_text(out, ",\"fault_name\":", message_fault_name(evidence->fault));
    } else {
        fputs(",\"broker\":{\"fault\":null,\"fault_name\":null", out);
    }
    json_bool(out, ",\"hung\":", evidence->hung);
    json_bool(out, ",\"dismissed\":", evidence->dismissed);
    json_bool(out, ",\"init_died\":", evidence->init_died);
    json_ms(out, ",\"noticed_ms\":", evidence->noticed_ns);
    if (detection_ns(evidence, &ns))
        fprintf(out, ",\"detected_us\":%llu}", (ns + NS_PER_US - 1) / NS_PER_US);
    else
        fputs(",\"detected_us\":null}", out);
}

static void json_record(const struct evidence *evidence, FILE *out)
{
    const struct crash_record *record = &evidence->record;
    char name[64];
    json_bool(out, "{\"fits\":", crash_record_fits(evidence));
    json_text(out, ",\"signal\":", signal_name(record->signal, name, sizeof name));
    fprintf(out, ",\"code\":%" PRId32, record->code);
    json_text(out, ",\"code_name\":", code_name(record->signal, record->code));
    json_address(out, ",\"address\":", record->address);
    json_address(out, ",\"pc\":", record->pc);
    json_address(out, ",\"sp\":", record->sp);
    json_text(out, ",\"order\":", order_name(record->order_kind));
    fprintf(out, ",\"serial\":\"%" PRIu64 "\"", record->order_serial);
    fprintf(out, ",\"thread\":%" PRIu32, record->thread);
    json_bool(out, ",\"at_memory_limit\":", record->flags & CRASH_AT_MEMORY_LIMIT);
    fputs(",\"registers\":{", out);
    for (size_t i = 0; i < CRASH_REGISTERS; i++) {
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", crash_register_names[i]);
        json_address(out, ":", record->registers[i]);
    }
    fputs("}}", out);
}

static void json_claims(const struct evidence *evidence, FILE *out)
{
    json_bool(out, ",\"renderer_claims\":{\"out_of_memory\":", evidence->out_of_memory);
    if (evidence->stamp_ns != 0)
        json_ms(out, ",\"stamp_ms\":", evidence->stamp_ns);
    else
        fputs(",\"stamp_ms\":null", out);
    fputs(",\"record\":", out);
    if (evidence->has_record)
        json_record(evidence, out);
    else
        fputs("null", out);
    fputc('}', out);
}

static void json_frames(const struct crash_report *report, FILE *out)
{
    fputs(",\"frames\":[", out);
    for (size_t i = 0; i < report->n_frames; i++) {
        const struct crash_frame *frame = &report->frames[i];
        json_text(out, i > 0 ? ",{\"by\":" : "{\"by\":", frame->by_kernel ? "kernel" : "renderer");
        json_address(out, ",\"address\":", frame->address);
        if (frame->module >= 0) {
            json_text(out, ",\"module\":", report->modules[frame->module].name);
            json_address(out, ",\"offset\":", frame->offset);
        } else {
            fputs(",\"module\":null,\"offset\":null", out);
        }
        json_text(out, ",\"symbol\":", frame->symbol);
        json_text(out, ",\"source\":", frame->source);
        fputc('}', out);
    }
    fputs("],\"modules\":[", out);
    for (size_t i = 0; i < report->n_modules; i++) {
        const struct crash_module *module = &report->modules[i];
        json_text(out, i > 0 ? ",{\"name\":" : "{\"name\":", module->name);
        json_text(out, ",\"path\":", module->path);
        json_text(out, ",\"build_id\":", module->build_id);
        fputc('}', out);
    }
    fputc(']', out);
}

void crash_report_print_json(const struct crash_report *report, FILE *out)
{
    json_heading(report, out);
    json_kernel(&report->evidence, out);
    json_broker(&report->evidence, out);
    json_claims(&report->evidence, out);
    json_frames(report, out);
    fputs("}\n", out);
}
