#!/bin/sh
# smoke.sh BENCH: a few rounds of every command. Looks at whether the figures are there, never at how large they are.
set -eu
bench=$1
broker=${bench%/*}/broker
engines=$("$broker" --version | sed -n 's/^engines: //p')
lines=$("$bench" --runs 2 --json)

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
expect '^{"bench":"host","command":"bench --runs 2 --json","kernel":"[^"]'
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
expect_with mupdf '^{"bench":"pages","name":"pages"' '"unit":"","value":[1-9]'
if has_engine mupdf; then
    expect '^{"bench":"pages","name":"through the sandbox",'"$series"
fi
if ! has_engine html; then
    expect '^{"bench":"startup","name":"the Apache manual","absent":"this build has no html engine"}$'
fi

# Words that make no sense are told, with exit status 2.
for words in nonsense '--runs x' '--cpu'; do
    status=0
    # shellcheck disable=SC2086 # words are words
    "$bench" $words >/dev/null 2>&1 || status=$?
    if [ "$status" -ne 2 ]; then
        echo "bench $words: exit status $status, not 2" >&2
        failed=1
    fi
done
exit "$failed"
