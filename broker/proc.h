/* What /proc says of a child: facts from the kernel, where a child's word is not enough. */
#ifndef BROKER_PROC_H
#define BROKER_PROC_H

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

/* The layers of `claimed` that /proc bears out (Seccomp, NoNewPrivs, capabilities, user id, pid and other namespaces);
 * those it cannot show are believed. When a claim is contradicted, or the process is pid 1 of its namespace or runs as
 * root outside, -EPERM and why in ret_why. 0 otherwise; -errno when /proc cannot be read. */
int proc_check(pid_t pid, uint32_t claimed, uint32_t *ret_layers, char *ret_why, size_t n_why);

/* The process's share of memory in KB, shared pages divided among who shares them; its whole resident size where the
 * share may not be seen; 0 when it has ended. */
uint64_t proc_pss_kb(pid_t pid);
/* The most memory it ever had resident, in KB; 0 when unknown. */
uint64_t proc_peak_rss_kb(pid_t pid);

/* The pid a pidfd stands for in our own pid namespace; 0 when it has ended, -errno when fd is not a pidfd. */
pid_t proc_pid_of(int pidfd);

/* True when fd is a seccomp notification listener. */
_Bool proc_is_listener(int fd);

#endif
