#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/peers/peer.h"

#define SCHEME        "ipc://"
#define SOCKET        "/socket"
#define ADDRESS_BYTES 4096

const int peer_calls[] = {-1};

int peer_address_create(struct transport_pair *pair)
{
    const char *temporary = getenv("TMPDIR");
    char folder[64]; /* the address of a Unix socket is 107 bytes at most */
    const int n = snprintf(folder, sizeof(folder), "%s/peer-XXXXXX", temporary ? temporary : "/tmp");
    const int result = transport_share(pair, ADDRESS_BYTES);
    if (result < 0)
        return result;
    if (n < 0 || (size_t)n >= sizeof(folder))
        return transport_lacks(pair, ENAMETOOLONG, "TMPDIR", NULL);
    if (mkdtemp(folder) == NULL)
        return transport_lacks(pair, errno, "mkdtemp", NULL);
    snprintf(pair->shared, ADDRESS_BYTES, SCHEME "%s" SOCKET, folder);
    return 0;
}

/* Whether or not the library has taken its socket away. */
void peer_address_destroy(struct transport_pair *pair)
{
    char *path = pair->shared;
    if (path == NULL || *path == '\0')
        return;
    path += strlen(SCHEME);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}
