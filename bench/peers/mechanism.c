/* What the peers are compared with: common/transports, in a program like theirs. */
#include "bench/peers/peer.h"

const struct peer peer = {0};
