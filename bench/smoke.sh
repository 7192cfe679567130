#!/bin/sh
# smoke.sh BENCH: a few rounds of every command. Looks at whether the figures are there, never at how large they are.
set -eu
bench=$1
broker=${bench%/*}/broker
engines=$("$broker" --version | sed -n 's/^engines: //p')
lines=$("$bench" --runs 2 --soak 300 --messages 100 --json)

failed=0
expect()
{
    if ! printf '%s\n' "$lines" | grep -q -- "$1"; then
        echo "no line matches: $1" >&2
        failed=1
    fi
}

# Said instead of a figure, where what it needs was not built.
has_engine()
{
    printf ' %s ' "$engines" | tr ',' ' ' | grep -q " $1 "
}
expect_with()
{
    if has_engine "$1"; then
        expect "$2,$3"
    else
        expect "$2,\"absent\":\"this build has no [^\"]*engine[^\"]*\"}\$"
    fi
}

if ! has_engine scene; then
    echo "$broker --version does not name the scene engine, but: $engines" >&2
    failed=1
fi
expect '^{"bench":"host","command":"bench --runs 2 --soak 300 --messages 100 --json","kernel":"[^"]'
number='-\{0,1\}[0-9][0-9]*\.[0-9]*'
series='"unit":"[^"]*","n":[0-9]*,"p50":'$number',"p90":'$number',"p99":'$number',"min":'$number',"max":'$number'}$'
for way in zygote exec; do
    expect '^{"bench":"spawn-'$way'","name":"start to Warmed",'"$series"
    expect '^{"bench":"spawn-'$way'","name":"Spawn to Ready, one at a time",'"$series"
    expect '^{"bench":"spawn-'$way'","name":"  seccomp",'"$series"
    expect '^{"bench":"spawn-'$way'","name":"eight at once, to the eighth Ready",'"$series"
    expect '^{"bench":"spawn-'$way'","name":"Spawn to Painted, 11-motion.scene",'"$series"
    expect_with html '^{"bench":"spawn-'$way'","name":"Spawn to Painted, 04-channel.md"' "$series"
done
expect '^{"bench":"startup","name":"exec to the eighth picture",'"$series"
expect '^{"bench":"startup-breakdown","name":"sum",'
expect '^{"bench":"frames-1920x1080","name":"fill it again",'"$series"
expect '^{"bench":"frames-reuse","name":"descriptors of ours, growth","unit":"","value":0\.0*}$'
if printf '%s\n' "$lines" | grep -q '"name":"faults","absent":"in this build the sanitizer'; then
    echo "faults are not measured: a sanitized build" >&2
else
    for fault in segv-null abort syscall-socket garbage-message exit-0; do
        expect '^{"bench":"faults-verdict","name":"'$fault', to noticed",'"$series"
        expect '^{"bench":"faults-verdict","name":"'$fault', to verdict",'"$series"
    done
    for way in 'segv-null' 'kill-self (nothing is retired)' 'segv-null, no standby'; do
        expect '^{"bench":"faults-recovery","name":"11-motion.scene, '"$way"'",'"$series"
    done
    expect_with html '^{"bench":"faults-recovery","name":"04-channel.md, segv-null"' "$series"
    expect '^{"bench":"faults-neighbours","name":"  ratio of the p99, round by round",'"$series"
    expect '^{"bench":"faults-soak","name":"faults, after 500 to warm up","unit":"","value":300\.0*}$'
    expect '^{"bench":"faults-soak","name":"told wrongly, or not made good","unit":"","value":0\.0*}$'
    expect '^{"bench":"faults-soak","name":"descriptors, growth","unit":"","value":0\.0*}$'
    expect '^{"bench":"faults-soak","name":"children, growth","unit":"","value":0\.0*}$'
fi
expect '^{"bench":"codec-scan","name":"scan of six fields, 68 bytes",'"$series"
for work in pack unpack "a call: both, and its answer's"; do
    for codec in direct protobuf-c; do
        expect '^{"bench":"codec-ping-64","name":"'"$work, $codec"'",'"$series"
    done
done
expect_with mupdf '^{"bench":"pages","name":"pages"' '"unit":"","value":[1-9]'
if has_engine mupdf; then
    expect '^{"bench":"pages","name":"through the sandbox",'"$series"
fi
if ! has_engine html; then
    expect '^{"bench":"startup","name":"the Apache manual","absent":"this build has no html engine"}$'
fi

# One line for each mechanism, our channel and each peer, in each table: figures, or why there are none.
times='"median_us":'$number',"low_us":'$number',"high_us":'$number','
for table in round-trip-same-core round-trip-cross-core round-trip-free one-way-same-core one-way-cross-core; do
    for row in 'unix-seqpacket' 'unix-seqpacket, polled' 'ring-spin' 'our channel, socket' 'our channel, ring' \
               'iceoryx, WaitSet' 'iceoryx, polled' 'sd-bus, peer to peer' 'sd-bus, peer to peer, polled' \
               'ZeroMQ, ipc' 'nanomsg, ipc' 'nng, ipc'; do
        expect '^{"bench":"peers-'$table'","name":"'"$row"'",\("median_us":'$number',.*"n":'$number'\|"absent":"[^"].*"\)}$'
    done
done
# What needs no more than one core, no patience and no daemon is there.
for table in round-trip-same-core round-trip-free one-way-same-core; do
    expect '^{"bench":"peers-'$table'","name":"unix-seqpacket",'"$times"'.*"to_socket":'
done
peer_is_there()
{
    if [ -x "${bench%/*}/peers/$1" ]; then
        expect '^{"bench":"peers-round-trip-same-core","name":"'"$2"'",'"$times"
    else
        expect '^{"bench":"peers-round-trip-same-core","name":"'"$2"'","absent":"install '"$3"', then configure'
    fi
}
peer_is_there sd-bus 'sd-bus, peer to peer' libsystemd-dev
peer_is_there zeromq 'ZeroMQ, ipc' libzmq3-dev
peer_is_there nanomsg 'nanomsg, ipc' libnanomsg-dev
peer_is_there nng 'nng, ipc' libnng-dev

# Words that make no sense are told, with exit status 2.
for words in nonsense '--runs x' '--cpu' 'faults --soak -1' 'peers --messages -1'; do
    status=0
    # shellcheck disable=SC2086 # words are words
    "$bench" $words >/dev/null 2>&1 || status=$?
    if [ "$status" -ne 2 ]; then
        echo "bench $words: exit status $status, not 2" >&2
        failed=1
    fi
done
exit "$failed"
