#ifndef BROKER_SAMPLES_H
#define BROKER_SAMPLES_H

#include <stddef.h>

/* The bundled documents' paths in name order: what is shown when no FILE is named. Found from the executable
 * (../share/vitrine/samples from its folder). 0 and a list that samples_free takes; or -errno and one line in ret_error. */
int samples_find(char ***ret_paths, size_t *ret_n, char *ret_error, size_t n_error);
void samples_free(char **paths, size_t n);

#endif
