#!/bin/bash
# tests/golden/renew.sh [BUILD]: takes the samples' pictures anew from a build (by default build/). Look at them before
# they are committed: from then on they are right.
set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
build=${1:-$here/../../build}
size=512x384 # as in test_golden.c

pictures=$(mktemp -d "${TMPDIR:-/tmp}/golden.XXXXXX")
trap 'rm -rf "$pictures"' EXIT
samples=("$build"/share/vitrine/samples/[0-9]*)
"$build/bin/broker" --size $size --snapshot "$pictures" "${samples[@]}"

rm -f "$here"/*.png
number=1
for sample in "${samples[@]}"; do
    name=$(basename "$sample")
    mv "$pictures/$(printf 'tab-%03d.png' $number)" "$here/$name.png"
    number=$((number + 1))
done
echo "$((number - 1)) pictures in $here"
