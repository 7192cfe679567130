/* Runs a fuzz target over each file of the folders given, each in a process of its own: what the fuzzer once found,
 * or was given to start with, stays found, under every compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_S 10 /* a file */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t n_input);
int LLVMFuzzerInitialize(int *n_arguments, char ***arguments) __attribute__((weak));

/* Exactly as many bytes as there are, so that a sanitizer sees one read too many. NULL when it cannot be read. */
static uint8_t *read_file(const char *path, size_t *ret_n_bytes)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    uint8_t *bytes = NULL;
    long n_bytes = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (n_bytes >= 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc(n_bytes > 0 ? (size_t)n_bytes : 1);
    if (bytes && fread(bytes, 1, (size_t)n_bytes, file) != (size_t)n_bytes) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    *ret_n_bytes = (size_t)n_bytes;
    return bytes;
}

static int replay_file(const char *path)
{
    size_t n_bytes;
    uint8_t *bytes = read_file(path, &n_bytes);
    if (!bytes) {
        perror(path);
        return EXIT_FAILURE;
    }
    alarm(LIMIT_S);
    LLVMFuzzerTestOneInput(bytes, n_bytes);
    free(bytes);
    return EXIT_SUCCESS;
}

static int passes(const char *path)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(replay_file(path));
    int status = -1;
    if (child > 0)
        waitpid(child, &status, 0);
    if (status == 0)
        return 1;
    printf("FAILED  %s (wait status 0x%x)\n", path, (unsigned)status);
    return 0;
}

/* Returns -1 when the folder cannot be read. */
static int replay_folder(const char *folder, int *n_passed, int *n_failed)
{
    struct dirent **entries;
    int n_entries = scandir(folder, &entries, NULL, alphasort);
    if (n_entries < 0) {
        perror(folder);
        return -1;
    }
    for (int i = 0; i < n_entries; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            int passed = passes(path);
            *n_passed += passed;
            *n_failed += !passed;
        }
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int main(int n_arguments, char **arguments)
{
    int n_passed = 0, n_failed = 0;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&n_arguments, &arguments);
    for (int i = 1; i < n_arguments; i++) {
        if (replay_folder(arguments[i], &n_passed, &n_failed) < 0)
            return EXIT_FAILURE;
    }
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed > 0 || n_passed == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
