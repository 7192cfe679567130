#!/bin/bash
# Fuzzes each target for so long, on a copy of its corpus, and prints what came of it. Nothing in the source tree changes:
# what is worth keeping is left, minimised, in OUT/NAME/new, and what was found in OUT/NAME/found.
#
#     cmake --preset fuzz && ninja -C build/fuzz
#     tests/fuzz/run.sh build/fuzz /tmp/fuzz 60          each target for a minute
#     tests/fuzz/run.sh build/fuzz /tmp/fuzz 900 wire    that one for a quarter of an hour
#     tests/fuzz/run.sh build/fuzz /tmp/fuzz 0           once over what there is: the corpus and what OUT holds
#
# The engines' libraries are not ours and do have bugs: their targets go on after a finding, in processes that begin anew.
# Ends with 1 when anything was found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 3 ]; then
    sed -n 's/^# \{0,1\}//p' "$0" | head -12 >&2
    exit 2
fi
bin=$1/bin out=$2 seconds=$3
shift 3
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for program in "$bin"/fuzz_*; do
        names+=("${program##*/fuzz_}")
    done
fi

is_engine()
{
    case $1 in book | html | markdown | pdf | picture | scene | svg | webp) return 0 ;; esac
    return 1
}

# fuzz NAME: into OUT/NAME.
fuzz()
{
    local name=$1 dir=$out/$1 options
    # A record of a crash and a datagram are small; a document that needs 64 KB to show something is no use here.
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2560 -artifact_prefix="$dir/found/" -print_final_stats=1)
    # Where single bytes are compared with constants: elsewhere it costs more than it finds.
    case $name in wire | crash_record) options+=(-use_value_profile=1) ;; esac
    [ ! -e "$here/dict/$name.dict" ] || options+=(-dict="$here/dict/$name.dict")
    if is_engine "$name"; then
        options+=(-max_len=65536 -malloc_limit_mb=4096 -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1)
    fi
    mkdir -p "$dir/corpus" "$dir/found"
    cp -n "$here/corpus/$name"/* "$dir/corpus/"
    if [ "$seconds" -gt 0 ]; then
        "$bin/fuzz_$name" "${options[@]}" "$dir/corpus" >"$dir/log" 2>&1 || true
    fi
}

# minimise NAME: what of OUT/NAME/corpus the seeds do not reach, in OUT/NAME/new.
minimise()
{
    local name=$1 dir=$out/$1 file
    rm -rf "$dir/new"
    mkdir "$dir/new"
    cp "$here/corpus/$name"/* "$dir/new/"
    "$bin/fuzz_$name" -merge=1 -timeout=10 -rss_limit_mb=2560 -malloc_limit_mb=4096 "$dir/new" "$dir/corpus" \
        >"$dir/merge.log" 2>&1 || true
    for file in "$here/corpus/$name"/*; do
        rm -f "$dir/new/${file##*/}"
    done
}

# tell NAME: its row of the table.
tell()
{
    local name=$1 dir=$out/$1 executions blocks found
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p; s/^#\([0-9]*\): cov.*/\1/p' "$dir/log" 2>/dev/null | tail -1)
    blocks=$("$bin/fuzz_$name" -runs=0 -timeout=10 -rss_limit_mb=2560 -malloc_limit_mb=4096 "$dir/corpus" 2>&1 |
        sed -n 's/^#[0-9]*\tDONE *cov: \([0-9]*\).*/\1/p')
    found=$(find "$dir/found" -type f ! -name 'slow-unit-*' | wc -l)
    printf '%-14s %12s %9s %7s %7s\n' "$name" "${executions:-0}" "${blocks:--}" "$(find "$dir/new" -type f | wc -l)" "$found"
    [ "$found" -eq 0 ]
}

status=0
printf '%-14s %12s %9s %7s %7s\n' target executions blocks new found
for name in "${names[@]}"; do
    fuzz "$name"
    minimise "$name"
    tell "$name" || status=1
done
exit $status
