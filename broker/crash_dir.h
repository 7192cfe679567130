/* The folder of --crash-dir: two files a report, and only the newest reports. What is in it may tell of the user's
 * documents, so it is for the user's eyes only. */
#ifndef BROKER_CRASH_DIR_H
#define BROKER_CRASH_DIR_H

#include <stddef.h>

#include "broker/crash_report.h"

#define CRASH_DIR_KEPT       20
#define CRASH_DIR_NAME_BYTES 40 /* "crash-20261122-184741-1a2b3c4d.json" and the end */

/* Opens the folder, which is made where it is missing, with mode 0700. *ret_fd is the caller's. 0; or -errno and one
 * line in ret_error: it cannot be made, is a symbolic link (-ELOOP) or no folder, belongs to somebody else (-EPERM), or
 * others may enter or list it (-EACCES). */
int crash_dir_prepare(const char *path, int *ret_fd, char *ret_error, size_t n_error);

/* Writes crash-YYYYMMDD-HHMMSS-ID.txt (the time is UTC) and its twin .json, whole or not at all, and then removes all but
 * the newest CRASH_DIR_KEPT reports of whatever run; nothing but files of such names is removed. ret_name (of
 * CRASH_DIR_NAME_BYTES) is the text's name. Blocks for as long as the file system needs. 0 or -errno. */
int crash_dir_store(int dir_fd, const struct crash_report *report, char *ret_name);

#endif
