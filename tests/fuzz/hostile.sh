#!/bin/bash
# Documents that a library was found to stumble over, each in a tab of one real broker: whatever becomes of the tabs, the
# broker tells of each, and goes on. Usage: hostile.sh BROKER FOLDER
set -eu
files=("$2"/*)
status=0
events=$("$1" --json --view none --size 256x192 --timeout 5 "${files[@]}" 2>/dev/null) || status=$?
if [ "$status" -gt 1 ]; then
    echo "the broker ended with status $status"
    exit 1
fi
for file in "${files[@]}"; do
    if ! grep -qF "${file##*/}" <<<"$events"; then
        echo "the broker says nothing of $file"
        exit 1
    fi
done
echo "${#files[@]} documents, one broker, status $status"
