/* Names for addresses: a helper process of the broker's, because reading debug information takes longer than a loop may
 * stand still, and can fail in more ways than a broker may.
 *
 * stdin: one line a frame, "PATH<tab>OFFSET", the offset in the file, in hex. stdout: one line for each, in their order,
 * "BUILD-ID<tab>SYMBOL<tab>OFFSET<tab>SOURCE": what is not known is empty. Paths come from the kernel's list of mappings,
 * offsets from a suspect, and are numbers to look up, no more. Ends with its input, with its parent, and after three
 * seconds in any case. */
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_QUESTIONS 64
#define MAX_FILES     32
#define MAX_SECONDS   3
#define MAX_MEMORY    (2ull << 30)

/* What an answer's fields may be at their longest: longer ones are cut. */
#define MAX_SYMBOL   200
#define MAX_SOURCE   100
#define MAX_BUILD_ID 32 /* in bytes */

struct file {
    char *path;
    Dwfl *dwfl;
    Dwfl_Module *module; /* NULL: not an ELF file that can be read */
};

static struct file files[MAX_FILES];
static size_t n_files;

static char no_debuginfo_path[] = ":.debug:/usr/lib/debug";
static char *debuginfo_path = no_debuginfo_path;

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &debuginfo_path,
};

static void open_file(struct file *file)
{
    file->dwfl = dwfl_begin(&callbacks);
    if (file->dwfl == NULL)
        return;
    dwfl_report_begin(file->dwfl);
    file->module = dwfl_report_offline(file->dwfl, "", file->path, -1);
    dwfl_report_end(file->dwfl, NULL, NULL);
}

/* Frames share files. NULL: one too many. */
static struct file *find_file(const char *path)
{
    for (size_t i = 0; i < n_files; i++) {
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    }
    char *copy = n_files < MAX_FILES ? strdup(path) : NULL;
    if (copy == NULL)
        return NULL;
    struct file *file = &files[n_files++];
    file->path = copy;
    open_file(file);
    return file;
}

static void close_files(void)
{
    for (size_t i = 0; i < n_files; i++) {
        if (files[i].dwfl != NULL)
            dwfl_end(files[i].dwfl);
        free(files[i].path);
    }
}

/* Where the code at an offset in the file is, for libdwfl. */
static bool find_address(Dwfl_Module *module, uint64_t offset, GElf_Addr *ret_address)
{
    GElf_Addr bias;
    size_t n = 0;
    Elf *elf = dwfl_module_getelf(module, &bias);
    if (elf == NULL || elf_getphdrnum(elf, &n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) == NULL || segment.p_type != PT_LOAD || !(segment.p_flags & PF_X))
            continue;
        if (offset >= segment.p_offset && offset - segment.p_offset < segment.p_filesz) {
            *ret_address = offset - segment.p_offset + segment.p_vaddr + bias;
            return true;
        }
    }
    return false;
}

/* Of what a file says, a tab or an end of line would be taken for ours. */
static void print_clean(const char *text, size_t n_max)
{
    for (size_t i = 0; i < n_max && text[i] != '\0'; i++)
        putchar((unsigned char)text[i] < ' ' ? '?' : text[i]);
}

static void print_build_id(Dwfl_Module *module)
{
    const unsigned char *bits;
    GElf_Addr address;
    const int n = dwfl_module_build_id(module, &bits, &address);
    for (int i = 0; i < n && i < MAX_BUILD_ID; i++)
        printf("%02x", bits[i]);
}

/* The file and the folder it is in say enough. */
static const char *last_parts(const char *path)
{
    const char *start = path;
    int n_slashes = 0;
    for (const char *at = path + strlen(path); at > path && n_slashes < 2; at--) {
        if (at[-1] == '/' && ++n_slashes == 2)
            start = at;
    }
    return start;
}

static void print_source(Dwfl_Module *module, GElf_Addr address)
{
    int line_number = 0;
    Dwfl_Line *line = dwfl_module_getsrc(module, address);
    const char *source = line != NULL ? dwfl_lineinfo(line, NULL, &line_number, NULL, NULL, NULL) : NULL;
    if (source == NULL)
        return;
    print_clean(last_parts(source), MAX_SOURCE);
    if (line_number > 0)
        printf(":%d", line_number);
}

static void answer(const char *path, uint64_t offset)
{
    const struct file *file = find_file(path);
    Dwfl_Module *module = file != NULL ? file->module : NULL;
    GElf_Addr address;
    if (module == NULL || !find_address(module, offset, &address)) {
        if (module != NULL)
            print_build_id(module);
        puts("\t\t\t");
        return;
    }
    print_build_id(module);
    putchar('\t');
    GElf_Off in_symbol = 0;
    GElf_Sym symbol;
    const char *name = dwfl_module_addrinfo(module, address, &in_symbol, &symbol, NULL, NULL, NULL);
    if (name != NULL) {
        print_clean(name, MAX_SYMBOL);
        printf("\t%" PRIx64 "\t", (uint64_t)in_symbol);
    } else {
        fputs("\t\t", stdout);
    }
    print_source(module, address);
    putchar('\n');
}

static void limit(int resource, rlim_t value)
{
    setrlimit(resource, &(struct rlimit){value, value});
}

/* So that it ends, whatever it meets. A parent that died before this was asked for has closed our output: the first
 * flush ends us. */
static void limit_self(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(MAX_SECONDS);
    limit(RLIMIT_CPU, MAX_SECONDS);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 2 * MAX_FILES + 16);
#ifndef VITRINE_SANITIZED
    limit(RLIMIT_AS, MAX_MEMORY);
#endif
    unsetenv("DEBUGINFOD_URLS"); /* nobody is asked over the network */
}

int main(void)
{
    limit_self();
    char *line = NULL;
    size_t n_line = 0;
    for (int i = 0; i < MAX_QUESTIONS && getline(&line, &n_line, stdin) > 0; i++) {
        char *tab = strrchr(line, '\t');
        if (tab == NULL)
            break;
        *tab = '\0';
        answer(line, strtoull(tab + 1, NULL, 16));
        fflush(stdout); /* what is known by the time that patience ends is of use */
    }
    free(line);
    close_files();
    return EXIT_SUCCESS;
}
