/* The attacks, to be included by whoever says what a row is:
 *
 *     RAW(name, stage, fault, bytes)                             one datagram of these bytes
 *     SAYS(name, stage, fault, kind, body)                       one message of a kind, its body as it stands here
 *     SWELLS(name, stage, fault, kind, head, piece, n)           the same, with a piece n times behind its head; kind NONE:
 *                                                                a datagram of these bytes
 *     PASSES(name, stage, fault, kind, body, n_fds)              with descriptors
 *     DOES(name, stage, verdict, fault, deed)                    what takes more than a datagram
 *     ALWAYS(name, verdict, fault, deed)                         the same, in each stage of a renderer's life
 *
 * Serials, in the first field: an Open is 1, a Paint 2 and so on (enum step). No guard: included many times. */
#ifndef RAW
#define RAW(name, stage, fault, bytes)
#endif
#ifndef SAYS
#define SAYS(name, stage, fault, kind, body)
#endif
#ifndef SWELLS
#define SWELLS(name, stage, fault, kind, head, piece, n)
#endif
#ifndef PASSES
#define PASSES(name, stage, fault, kind, body, n_fds)
#endif
#ifndef DOES
#define DOES(name, stage, verdict, fault, deed)
#endif
#ifndef ALWAYS
#define ALWAYS(name, verdict, fault, deed)
#endif

/* ---- the envelope ------------------------------------------------------------------------------------------------------ */

RAW("one-byte", OPENING, ENVELOPE, "\xff")
RAW("tag-cut", OPENING, ENVELOPE, "\xba")
RAW("tag-alone", OPENING, ENVELOPE, "\x3a")
RAW("tag-zero", OPENING, UNKNOWN_KIND, "\x00\x00")
RAW("tag-padded", OPENING, ENVELOPE, "\xba\x00\x00")
RAW("tag-of-eleven-bytes", OPENING, ENVELOPE, "\xba\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00")
RAW("tag-of-65-bits", OPENING, ENVELOPE, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00")
RAW("kind-next", OPENING, UNKNOWN_KIND, "\xca\x01\x00")
RAW("kind-largest", OPENING, UNKNOWN_KIND, "\xfa\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00")
RAW("kind-as-varint", OPENING, ENVELOPE, "\x38\x01")
RAW("kind-as-fixed64", OPENING, ENVELOPE, "\x39\x00\x00\x00\x00\x00\x00\x00\x00")
RAW("kind-as-group", OPENING, ENVELOPE, "\x3b\x08\x01\x3c")
RAW("kind-as-fixed32", OPENING, ENVELOPE, "\x3d\x00\x00\x00\x00")
RAW("length-one-more", OPENING, ENVELOPE, "\x3a\x07\x08\x01\x10\x04\x18\x01")
RAW("length-one-less", OPENING, ENVELOPE, "\x3a\x05\x08\x01\x10\x04\x18\x01")
RAW("length-padded", OPENING, ENVELOPE, "\x3a\x86\x00\x08\x01\x10\x04\x18\x01")
RAW("length-of-63-bits", OPENING, ENVELOPE, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08\x01")
RAW("length-of-65-bits", OPENING, ENVELOPE, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x08\x01")
RAW("length-of-eleven-bytes", OPENING, ENVELOPE, "\x3a\x86\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x08\x01")
RAW("two-messages", OPENING, ENVELOPE, "\x3a\x06\x08\x01\x10\x04\x18\x01\x3a\x06\x08\x01\x10\x04\x18\x01")
RAW("a-message-in-a-message", OPENING, UNKNOWN_FIELD, "\x3a\x08\x3a\x06\x08\x01\x10\x04\x18\x01")
RAW("an-unknown-field-behind", OPENING, ENVELOPE, "\x3a\x06\x08\x01\x10\x04\x18\x01\xca\x3e\x00")
SWELLS("empty-messages", OPENING, ENVELOPE, NONE, "", "\x3a\x00", 1000)
SWELLS("empty-messages-by-the-ten-thousand", OPENING, OVERSIZED, NONE, "", "\x3a\x00", 32000)
SWELLS("merged-messages", OPENING, ENVELOPE, NONE, "", "\x3a\x06\x08\x01\x10\x04\x18\x01", 250)
SWELLS("merged-ticks", PAINTING, OVERSIZED, NONE, "", "\x5a\x04\x08\x02\x10\x01", 10000)
SWELLS("the-largest-datagram-of-nothing", OPENING, UNKNOWN_KIND, NONE, "", "\x00", 65536)
SWELLS("larger-than-any-message", OPENING, TRUNCATED, NONE, "", "\x00", 65537)
SWELLS("larger-than-the-broker's-buffer", OPENING, TRUNCATED, NONE, "", "\x3a\x00", 90000)

/* ---- the body ------------------------------------------------------------------------------------------------------------ */

SAYS("unknown-field", OPENING, UNKNOWN_FIELD, OPENED, "\x08\x01\x10\x04\x18\x01\x30\x00")
SAYS("field-zero", OPENING, UNKNOWN_FIELD, OPENED, "\x00\x01")
SAYS("field-largest", OPENING, UNKNOWN_FIELD, OPENED, "\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00")
SAYS("serial-twice", OPENING, DUPLICATE_FIELD, OPENED, "\x08\x01\x10\x04\x18\x01\x08\x01")
SAYS("title-twice", OPENING, DUPLICATE_FIELD, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x01x\x22\x01y")
SAYS("serial-as-fixed64", OPENING, WIRE_TYPE, OPENED, "\x09\x01\x00\x00\x00\x00\x00\x00\x00\x10\x04\x18\x01")
SAYS("serial-as-bytes", OPENING, WIRE_TYPE, OPENED, "\x0a\x01\x01\x10\x04\x18\x01")
SAYS("serial-as-fixed32", OPENING, WIRE_TYPE, OPENED, "\x0d\x01\x00\x00\x00\x10\x04\x18\x01")
SAYS("serial-as-type-6", OPENING, WIRE_TYPE, OPENED, "\x0e\x01\x10\x04\x18\x01")
SAYS("serial-as-type-7", OPENING, WIRE_TYPE, OPENED, "\x0f\x01\x10\x04\x18\x01")
SAYS("title-as-number", OPENING, WIRE_TYPE, OPENED, "\x08\x01\x10\x04\x18\x01\x20\x01")
SWELLS("groups-in-groups", OPENING, WIRE_TYPE, OPENED, "", "\x0b", 2000)
SWELLS("ends-of-groups", OPENING, WIRE_TYPE, OPENED, "", "\x0c", 2000)
SAYS("field-tag-cut", OPENING, VARINT, OPENED, "\x08\x01\x90")
SAYS("number-missing", OPENING, VARINT, OPENED, "\x08")
SAYS("number-cut", OPENING, VARINT, OPENED, "\x08\x80")
SAYS("number-padded", OPENING, VARINT, OPENED, "\x08\x81\x00\x10\x04\x18\x01")
SAYS("number-padded-to-ten-bytes", OPENING, VARINT, OPENED,
     "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00\x10\x04\x18\x01")
SAYS("number-of-eleven-bytes", OPENING, VARINT, OPENED,
     "\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x10\x04\x18\x01")
SAYS("number-of-65-bits", OPENING, VARINT, OPENED, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x10\x04\x18\x01")
SAYS("kind-of-33-bits", OPENING, VARINT, OPENED, "\x08\x01\x10\x80\x80\x80\x80\x10\x18\x01")
SAYS("kind-of-64-bits", OPENING, VARINT, OPENED, "\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x01")
SAYS("title-beyond-the-end", OPENING, LENGTH, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x05wxyz")
SAYS("title-of-64-bits", OPENING, LENGTH, OPENED,
     "\x08\x01\x10\x04\x18\x01\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xy")
SAYS("title-length-padded", OPENING, VARINT, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x82\x00xy")
SAYS("title-length-cut", OPENING, VARINT, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x80")
SWELLS("title-too-long", OPENING, LENGTH, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x81\x10", "a", 2049)
SWELLS("title-of-60-kilobytes", OPENING, OVERSIZED, OPENED, "\x08\x01\x10\x04\x18\x01\x22\xe0\xd4\x03", "a", 60000)
SWELLS("detail-too-long", OPENING, LENGTH, REFUSED, "\x08\x01\x10\x07\x1a\x81\x08", "a", 1025)
SAYS("title-of-no-utf8", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x01\xff")
SAYS("title-overlong", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x02\xc0\xaf")
SAYS("title-of-a-surrogate", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x03\xed\xa0\x80")
SAYS("title-beyond-unicode", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x04\xf4\x90\x80\x80")
SAYS("title-cut", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x02\xe2\x80")
SAYS("title-with-a-nul", OPENING, UTF8, OPENED, "\x08\x01\x10\x04\x18\x01\x22\x03x\x00y")
SAYS("detail-with-a-nul", OPENING, UTF8, REFUSED, "\x08\x01\x10\x07\x1a\x03x\x00y")
SAYS("tick-with-a-field-of-a-title", PAINTING, UNKNOWN_FIELD, PROGRESSED, "\x08\x02\x10\x01\x22\x01x")
SAYS("tick-cut", PAINTING, VARINT, PROGRESSED, "\x08\x02\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff")
SAYS("tick-padded", PAINTING, VARINT, PROGRESSED, "\x08\x02\x10\x81\x80\x80\x00")
SAYS("tick-twice", PAINTING, DUPLICATE_FIELD, PROGRESSED, "\x08\x02\x10\x01\x10\x02")
SAYS("painted-slot-of-33-bits", PAINTING, VARINT, PAINTED, "\x08\x02\x10\x81\x80\x80\x80\x10")
SAYS("pong-beyond-the-end", PINGING, LENGTH, PONGED, "\x08\x05\x12\x05wxyz")
SWELLS("pong-too-long", PINGING, LENGTH, PONGED, "\x12\x81\x80\x01", "a", 16385)
SWELLS("pong-of-60-kilobytes", PINGING, OVERSIZED, PONGED, "\x12\xe0\xd4\x03", "a", 60000)
SWELLS("exchanged-in-packed-fields", EXCHANGING, WIRE_TYPE, EXCHANGED, "\x08\x07\x12\x14", "\x01", 20)

/* Floating point has a renderer none to send; whatever is in an order, it is the broker's. */
SAYS("paint-at-nan", PAINTING, DIRECTION, PAINT, "\x08\x02\x25\x00\x00\xc0\x7f")
SAYS("paint-at-minus-zero", PAINTING, DIRECTION, PAINT, "\x08\x02\x25\x00\x00\x00\x80")
SAYS("spawn", READY, DIRECTION, SPAWN, "\x08\x01")
SAYS("warmed", READY, DIRECTION, WARMED, "\x08\x01")
SAYS("spawned", READY, DIRECTION, SPAWNED, "\x08\x01")
PASSES("spawned-with-a-pidfd", READY, DIRECTION, SPAWNED, "\x08\x01", 1)
SAYS("open", READY, DIRECTION, OPEN, "\x08\x01")
SAYS("inject", READY, DIRECTION, INJECT, "\x08\x01")
SAYS("ping", READY, DIRECTION, PING, "\x08\x01")
PASSES("share", READY, DIRECTION, SHARE, "\x08\x01", 3)
PASSES("connect", READY, DIRECTION, CONNECT, "\x08\x01", 3)
SAYS("exchange", READY, DIRECTION, EXCHANGE, "\x08\x01")
SAYS("disconnect", READY, DIRECTION, DISCONNECT, "\x08\x01")

/* ---- descriptors -------------------------------------------------------------------------------------------------------- */

RAW("empty-datagram", READY, ZERO_LENGTH, "")
PASSES("empty-datagram-with-a-descriptor", READY, ZERO_LENGTH, NONE, "", 1)
PASSES("empty-datagram-with-253-descriptors", READY, TOO_MANY_FDS, NONE, "", 253)
PASSES("one-descriptor-with-a-fact-that-has-none", OPENING, FD_COUNT, OPENED, "\x08\x01\x10\x04\x18\x01", 1)
PASSES("two-into-the-room-of-one", OPENING, FD_COUNT, OPENED, "\x08\x01\x10\x04\x18\x01", 2)
PASSES("four-descriptors", OPENING, FD_COUNT, OPENED, "\x08\x01\x10\x04\x18\x01", 4)
PASSES("five-descriptors", OPENING, TOO_MANY_FDS, OPENED, "\x08\x01\x10\x04\x18\x01", 5)
PASSES("253-descriptors", OPENING, TOO_MANY_FDS, OPENED, "\x08\x01\x10\x04\x18\x01", 253)
PASSES("descriptors-with-rubbish", OPENING, ENVELOPE, NONE, "\xff", 4)
PASSES("listening-late", OPENING, STATE, LISTENING, "", 1)
PASSES("a-descriptor-by-the-channel-beside-the-ring", RING_PINGING, FD_COUNT, PONGED, "\x08\x05\x12\x04ping", 1)
SAYS("listening-to-nothing", BORN, FD_COUNT, LISTENING, "")
PASSES("listening-to-two", BORN, FD_COUNT, LISTENING, "", 2)
PASSES("listening-with-a-body", BORN, OVERSIZED, LISTENING, "\x08\x01", 1)
PASSES("a-listener-that-is-none", BORN, FD_KIND, LISTENING, "", 1)
PASSES("listening-twice", CLIMBING, STATE, LISTENING, "", 1)
DOES("two-headers-of-three", OPENING, PROTOCOL, TOO_MANY_FDS, TWO_HEADERS_OF_THREE)
DOES("two-headers-of-one", OPENING, PROTOCOL, FD_COUNT, TWO_HEADERS_OF_ONE)
DOES("credentials", OPENING, NONE, NONE, CREDENTIALS)
DOES("credentials-of-another", OPENING, NONE, NONE, CREDENTIALS_OF_ANOTHER)
DOES("a-header-with-half-a-descriptor", OPENING, NONE, NONE, HALF_A_DESCRIPTOR)
DOES("its-own-end-over-itself", OPENING, PROTOCOL, FD_COUNT, OVER_ITSELF)
DOES("the-document-and-the-frame-back", OPENING, PROTOCOL, FD_COUNT, ITS_FDS_BACK)
DOES("descriptors-as-many-as-the-socket-holds", OPENING, PROTOCOL, TOO_MANY_FDS, PILE_UP)

/* ---- Ready ---------------------------------------------------------------------------------------------------------------- */

SAYS("ready-empty", CLIMBING, VALUE, READY, "")
SAYS("ready-with-every-layer", CLIMBING, VALUE, READY, "\x08\xff\xff\xff\xff\x0f")
SWELLS("ready-with-few-errnos", CLIMBING, VALUE, READY, "\x12\x03", "\x01", 3)
SWELLS("ready-with-many-errnos", CLIMBING, LENGTH, READY, "\x12\x21", "\x01", 33)
SWELLS("ready-with-many-rungs", CLIMBING, LENGTH, READY, "\x1a\x11", "\x01", 17)
SWELLS("ready-with-rungs-one-by-one", CLIMBING, WIRE_TYPE, READY, "", "\x18\x01", 11)
SAYS("ready-with-a-rung-cut", CLIMBING, VARINT, READY, "\x1a\x02\x01\x80")
SAYS("ready-with-rungs-of-33-bits", CLIMBING, VARINT, READY, "\x1a\x05\x80\x80\x80\x80\x10")
DOES("ready-with-an-unknown-offer", CLIMBING, PROTOCOL, VALUE, READY_OFFERS_MORE)
DOES("ready-twice", CLIMBING, PROTOCOL, STATE, READY_TWICE)
DOES("ready-without-climbing", BORN, KILLED, NONE, READY_WITHOUT_CLIMBING)
DOES("answers-before-it-is-asked", CLIMBING, PROTOCOL, STATE, ANSWERS_EARLY)

/* ---- serials: replayed, to come, others' --------------------------------------------------------------------------------- */

SAYS("opened-without-serial", OPENING, SERIAL, OPENED, "\x10\x04\x18\x01")
SAYS("opened-to-come", OPENING, SERIAL, OPENED, "\x08\x02\x10\x04\x18\x01")
SAYS("opened-at-the-end-of-numbers", OPENING, SERIAL, OPENED,
     "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x04\x18\x01")
SAYS("refused-to-come", OPENING, SERIAL, REFUSED, "\x08\x02\x10\x07")
SAYS("refused-replayed", PAINTING, SERIAL, REFUSED, "\x08\x01\x10\x07")
SAYS("painted-replayed", REPAINTING, SERIAL, PAINTED, "\x08\x02\x10\x01")
SAYS("painted-for-open", PAINTING, SERIAL, PAINTED, "\x08\x01\x10\x01")
SAYS("painted-to-come", PAINTING, SERIAL, PAINTED, "\x08\x03\x10\x01")
SAYS("tick-of-the-past", PAINTING, SERIAL, PROGRESSED, "\x08\x01\x10\x01")
SAYS("tick-of-the-neighbour's-order", PAINTING, SERIAL, PROGRESSED, "\x08\x64\x10\x01")
SAYS("injected-to-come", INJECTING, SERIAL, INJECTED, "\x08\x05")
SAYS("joined-to-come", SHARING, SERIAL, JOINED, "\x08\x04")
SAYS("pong-without-serial", PINGING, SERIAL, PONGED, "\x12\x04ping")
SAYS("pong-to-come", PINGING, SERIAL, PONGED, "\x08\x06\x12\x04ping")
SAYS("pong-of-the-neighbour's", PINGING, SERIAL, PONGED, "\x08\x64\x12\x04ping")
SAYS("connected-to-come", CONNECTING, SERIAL, CONNECTED, "\x08\x07")
SAYS("exchanged-to-come", EXCHANGING, SERIAL, EXCHANGED, "\x08\x08\x10\x03")
SAYS("exchanged-replayed", DISCONNECTING, SERIAL, EXCHANGED, "\x08\x07\x10\x03")
SAYS("disconnected-to-come", DISCONNECTING, SERIAL, DISCONNECTED, "\x08\x09")
SAYS("another's-port-closed", CONNECTED, SERIAL, PORT_CLOSED, "\x08\x63\x10\x01")
DOES("opened-twice", OPENING, PROTOCOL, STATE, OPENED_TWICE)
DOES("painted-twice", PAINTING, PROTOCOL, STATE, PAINTED_TWICE)
DOES("pong-twice", PINGING, PROTOCOL, STATE, PONG_TWICE)
DOES("port-closed-twice", CONNECTED, PROTOCOL, STATE, PORT_CLOSED_TWICE)
DOES("opened-and-refused", OPENING, PROTOCOL, STATE, OPENED_AND_REFUSED)

/* ---- values no honest renderer sends --------------------------------------------------------------------------------------- */

SAYS("opened-nothing-known", OPENING, VALUE, OPENED, "\x08\x01\x18\x01")
SAYS("opened-a-kind-too-far", OPENING, VALUE, OPENED, "\x08\x01\x10\x15\x18\x01")
SAYS("opened-the-last-kind", OPENING, VALUE, OPENED, "\x08\x01\x10\xff\xff\xff\xff\x0f\x18\x01")
SAYS("opened-no-pages", OPENING, VALUE, OPENED, "\x08\x01\x10\x04")
SAYS("opened-ten-million-and-one-pages", OPENING, VALUE, OPENED, "\x08\x01\x10\x04\x18\x81\xad\xe2\x04")
SAYS("opened-four-milliards-of-pages", OPENING, VALUE, OPENED, "\x08\x01\x10\x04\x18\xff\xff\xff\xff\x0f")
SAYS("refused-for-no-reason", OPENING, VALUE, REFUSED, "\x08\x01")
SAYS("refused-for-the-broker's-reason", OPENING, VALUE, REFUSED, "\x08\x01\x10\x01")
SAYS("refused-for-a-reason-too-far", OPENING, VALUE, REFUSED, "\x08\x01\x10\x0a")
SAYS("refused-for-the-last-reason", OPENING, VALUE, REFUSED, "\x08\x01\x10\xff\xff\xff\xff\x0f")
SAYS("painted-the-other-slot", PAINTING, VALUE, PAINTED, "\x08\x02")
SAYS("painted-a-slot-that-is-none", PAINTING, VALUE, PAINTED, "\x08\x02\x10\x02")
SAYS("painted-the-last-slot", PAINTING, VALUE, PAINTED, "\x08\x02\x10\xff\xff\xff\xff\x0f")
SAYS("pong-shorter", PINGING, VALUE, PONGED, "\x08\x05\x12\x03pin")
SAYS("pong-longer", PINGING, VALUE, PONGED, "\x08\x05\x12\x05pings")
SAYS("pong-without-payload", PINGING, VALUE, PONGED, "\x08\x05")
SWELLS("pong-of-16-kilobytes", PINGING, VALUE, PONGED, "\x08\x05\x12\x80\x80\x01", "a", 16384)
SAYS("exchanged-more", EXCHANGING, VALUE, EXCHANGED, "\x08\x07\x10\x04")
SAYS("exchanged-lost-more", EXCHANGING, VALUE, EXCHANGED, "\x08\x07\x10\x03\x18\x04")
SAYS("exchanged-before-it-was-ordered", EXCHANGING, VALUE, EXCHANGED,
     "\x08\x07\x10\x03\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
SAYS("exchanged-percentiles-upside-down", EXCHANGING, VALUE, EXCHANGED, "\x08\x07\x10\x03\x20\x64\x28\x0a\x30\x09")
SAYS("exchanged-mean-above-the-worst", EXCHANGING, VALUE, EXCHANGED, "\x08\x07\x10\x03\x20\x64\x48\x0a\x50\x0b")
SAYS("disconnected-without-exchanged", PARTING, STATE, DISCONNECTED, "\x08\x08")
SAYS("port-closed-for-no-reason", CONNECTED, VALUE, PORT_CLOSED, "\x08\x06")
SAYS("port-closed-for-a-reason-too-far", CONNECTED, VALUE, PORT_CLOSED, "\x08\x06\x10\x19")

/* ---- floods ---------------------------------------------------------------------------------------------------------------- */

SAYS("tick-without-progress", PAINTING, NO_PROGRESS, PROGRESSED, "\x08\x02")
DOES("tick-again", PAINTING, PROTOCOL, NO_PROGRESS, TICK_AGAIN)
DOES("tick-backwards", PAINTING, PROTOCOL, NO_PROGRESS, TICK_BACKWARDS)
DOES("tick-over-the-end-of-numbers", PAINTING, PROTOCOL, NO_PROGRESS, TICK_WRAPS)
DOES("a-few-ticks", PAINTING, NONE, NONE, FEW_TICKS)
DOES("ticks-without-end", PAINTING, PROTOCOL, FLOOD, TICK_FLOOD)
DOES("ticks-without-end-by-ring", RING_PAINTING, PROTOCOL, FLOOD, TICK_FLOOD)
DOES("painted-without-end", PAINTING, PROTOCOL, STATE, PAINTED_FLOOD)
DOES("pongs-without-end", PINGING, PROTOCOL, STATE, PONG_FLOOD)
DOES("pongs-without-end-by-ring", RING_PINGING, PROTOCOL, STATE, PONG_FLOOD)
DOES("empty-datagrams-without-end", READY, PROTOCOL, ZERO_LENGTH, EMPTY_FLOOD)
DOES("bell-without-end", JOINED, PROTOCOL, FLOOD, BELL_FLOOD)
DOES("bell-to-its-limit", JOINED, NONE, NONE, BELL_TO_ITS_LIMIT)
DOES("never-reads", DEAF, NONE, NONE, NEVER_READS)
DOES("never-reads-its-ring", RING_DEAF, NONE, NONE, NEVER_READS)

/* ---- the frame: a cheat tears its own picture ------------------------------------------------------------------------------ */

DOES("paints-after-painted", PAINTING, NONE, NONE, PAINTS_AFTERWARDS)
DOES("paints-the-slot-that-is-shown", REPAINTING, NONE, NONE, PAINTS_BOTH)
DOES("paints-while-idle", IDLE, NONE, NONE, PAINTS_BOTH)
DOES("paints-after-refused", PAINTING, PROTOCOL, STATE, PAINTS_AFTER_REFUSED)
DOES("paints-nothing", PAINTING, NONE, NONE, PAINTS_NOTHING)
DOES("lets-go-of-its-frame", PAINTING, NONE, NONE, DROPS_FRAME)

/* ---- the ring ---------------------------------------------------------------------------------------------------------------- */

DOES("by-the-channel-after-joined", RING_PINGING, PROTOCOL, STATE, PONG_BY_CHANNEL)
DOES("rubbish-by-the-channel-after-joined", JOINED, PROTOCOL, ENVELOPE, RUBBISH_BY_CHANNEL)
DOES("joined-by-both-ways", SHARING, PROTOCOL, STATE, JOINS_BY_BOTH)
DOES("a-record-of-the-next-lap", JOINED, PROTOCOL, RING, NEXT_LAP)
DOES("a-record-of-the-last-lap", JOINED, PROTOCOL, RING, LAST_LAP)
DOES("a-record-of-lap-zero", JOINED, NONE, NONE, LAP_ZERO)
DOES("a-record-of-64-kilobytes-of-itself", JOINED, PROTOCOL, UNKNOWN_KIND, RECORD_OF_ITSELF)
DOES("freed-more-than-was-sent", RING_DEAF, PROTOCOL, RING, FREED_AHEAD)
DOES("freed-backwards", RING_DEAF, PROTOCOL, RING, FREED_BACKWARDS)
DOES("header-flips", RING_PINGING, PROTOCOL, NONE, FLIPS_HEADER)
DOES("length-flips", RING_PINGING, PROTOCOL, NONE, FLIPS_LENGTH)
DOES("payload-flips", RING_PINGING, PROTOCOL, NONE, FLIPS_PAYLOAD)
DOES("all-its-ring-flips", RING_PINGING, PROTOCOL, NONE, FLIPS_ALL)
DOES("the-broker's-half-flips", RING_PINGING, EXIT, NONE, FLIPS_BROKERS)
DOES("hints-that-are-lies", RING_PINGING, NONE, NONE, LYING_HINTS)
DOES("rings-its-own-bell", JOINED, VIOLATION, NONE, RINGS_ITSELF)

/* ---- the crash pipe ---------------------------------------------------------------------------------------------------------- */

DOES("record-with-a-wrong-magic", READY, NONE, NONE, RECORD_MAGIC)
DOES("record-with-a-huge-count", READY, NONE, NONE, RECORD_COUNT)
DOES("record-with-a-negative-signal", READY, NONE, NONE, RECORD_SIGNAL)
DOES("half-a-record", READY, NONE, NONE, RECORD_HALF)
DOES("records-by-the-thousand", READY, NONE, NONE, RECORD_FLOOD)
DOES("stamps-by-the-thousand", PAINTING, NONE, NONE, STAMP_FLOOD)
DOES("record-of-a-death-that-does-not-come", PAINTING, NONE, NONE, RECORD_WELL)
DOES("record-of-a-kill-that-does-not-come", IDLE, NONE, NONE, RECORD_KILLED)
DOES("record-before-ready", CLIMBING, NONE, NONE, RECORD_WELL)
DOES("record-of-another-death", PAINTING, SIGNAL, NONE, RECORD_THEN_ABORTS)
DOES("record-then-exits", PAINTING, EXIT, NONE, RECORD_THEN_EXITS)
DOES("record-of-the-future", PAINTING, SIGNAL, NONE, RECORD_OF_THE_FUTURE)
DOES("record-then-bad-message", PAINTING, PROTOCOL, ENVELOPE, RECORD_THEN_RUBBISH)
DOES("closes-its-crash-pipe", PAINTING, NONE, NONE, CLOSES_CRASH_PIPE)

/* ---- text and numbers ------------------------------------------------------------------------------------------------------------------- */

DOES("title-of-escapes", OPENING, NONE, NONE, TITLE_OF_ESCAPES)
DOES("title-of-2048-bytes", OPENING, NONE, NONE, TITLE_OF_2048)
DOES("ready-with-the-largest-numbers", CLIMBING, NONE, NONE, READY_LARGEST)
DOES("opened-with-the-largest-numbers", OPENING, NONE, NONE, OPENED_LARGEST)
DOES("painted-with-the-largest-numbers", PAINTING, NONE, NONE, PAINTED_LARGEST)
DOES("detail-of-escapes", OPENING, NONE, NONE, DETAIL_OF_ESCAPES)
DOES("title-of-escapes-then-a-crash", OPENING, SIGNAL, NONE, TITLE_THEN_ABORTS)

/* ---- leaving ----------------------------------------------------------------------------------------------------------------- */

DOES("does-not-leave", LEAVING, NONE, NONE, DOES_NOT_LEAVE)
DOES("leaves-with-a-crash", LEAVING, SIGNAL, NONE, ABORTS_AT_LAST)
DOES("stops-itself", IDLE, VIOLATION, NONE, STOPS_ITSELF)
DOES("signals-its-init", IDLE, VIOLATION, NONE, SIGNALS_INIT)
DOES("whole-message-and-death", OPENING, EXIT, NONE, OPENED_THEN_EXITS)
DOES("bad-message-and-death", OPENING, PROTOCOL, VALUE, BAD_THEN_ABORTS)
ALWAYS("exits", EXIT, NONE, EXITS)
ALWAYS("aborts", SIGNAL, NONE, ABORTS)
ALWAYS("hangs-up-and-lives", PROTOCOL, HUNG_UP, HANGS_UP)
ALWAYS("half-a-message-and-death", PROTOCOL, ENVELOPE, HALF_THEN_EXITS)
ALWAYS("forks", VIOLATION, NONE, FORKS)

#undef RAW
#undef SAYS
#undef SWELLS
#undef PASSES
#undef DOES
#undef ALWAYS
