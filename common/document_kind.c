#include "common/document_kind.h"

const char *document_kind_name(unsigned kind)
{
    static const char *const names[] = {"unknown",
#define X(id, name) name,
                                        DOCUMENT_KINDS(X)
#undef X
    };
    return names[kind < DOCUMENT_KIND_COUNT ? kind : 0];
}

const char *refusal_name(unsigned refusal)
{
    static const char *const names[] = {"unknown",
#define X(id, name) name,
                                        REFUSALS(X)
#undef X
    };
    return names[refusal < REFUSAL_COUNT ? refusal : 0];
}
