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

/* What it has resident now, in KB; 0 when unknown. */
uint64_t proc_rss_kb(pid_t pid);
/* Our own children, dead ones that nobody reaped among them. */
unsigned proc_count_children(void);
/* Kills them all. Their own children become ours where we are a subreaper: they are for the next call. */
void proc_kill_children(void);

/* The process is past the point from which there is no way back: the kernel ends what depends on it. */
_Bool proc_is_exiting(pid_t pid);

/* The signal a process is dying of, as soon as the kernel has noted it, which is before it takes its memory apart; 0 when
 * it does not, or when the kernel does not show us (level 2, as an ordinary user). */
int proc_exit_signal(pid_t pid);

/* How many processes this kernel has killed since it started, because memory ran out (its own or a cgroup's); 0 where it
 * does not say. */
uint64_t proc_oom_kills(void);

/* The kernel's log tells that it killed a process of this name for that in the last seconds. True also where we may not
 * read it: then the count has to do. Reads the whole log: only when the count went up. */
_Bool proc_oom_killed_lately(const char *name);

/* The pid a pidfd stands for in our own pid namespace; 0 when it has ended, -errno when fd is not a pidfd. */
pid_t proc_pid_of(int pidfd);

/* True when fd is a seccomp notification listener. */
_Bool proc_is_listener(int fd);

#endif
