#!/bin/bash
# Static checks of the sources, by what the build in BUILD wrote down of itself (compile_commands.json):
#   static.sh tidy BUILD       clang-tidy with the root's .clang-tidy
#   static.sh cppcheck BUILD   cppcheck with tests/cppcheck.suppressions
#   static.sh analyzer BUILD   gcc -fanalyzer
# Prints what was found, and fails then. 77 where the tool is not installed: skipped.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
check=$1
commands=$2/compile_commands.json
jobs=2

need()
{
    if ! command -v "$1" >/dev/null; then
        echo "skipped: $1 is not installed"
        exit 77
    fi
}

# entries FOLDER…: the entries of compile_commands.json whose sources lie there, as NUL-separated file and command.
entries()
{
    python3 - "$commands" "$root" "$@" <<'PYTHON'
import json, sys
commands, root, folders = sys.argv[1], sys.argv[2] + "/", sys.argv[3:]
seen = set()
for entry in json.load(open(commands)):
    file = entry["file"]
    if file.startswith(root) and file[len(root):].split("/")[0] in folders and file not in seen:
        seen.add(file)
        print(file, entry["command"], sep="\0", end="\0")
PYTHON
}

tidy()
{
    need clang-tidy
    # 4 files at a time: it says "N warnings generated" of what it then does not show.
    entries common broker renderer bench |
        while IFS= read -r -d '' file && IFS= read -r -d '' _; do printf '%s\0' "$file"; done |
        xargs -0 -P "$jobs" -n 4 clang-tidy -p "$2" --extra-arg=-Wno-error --quiet 2> >(grep -v 'warnings\? generated\|Suppressed\|Use -' >&2)
}

cppcheck_all()
{
    need cppcheck
    cppcheck -j "$jobs" --project="$commands" --file-filter="$root/*" --enable=warning,performance,portability \
        --library=posix,gnu,"$root/tests/cppcheck.cfg" --suppressions-list="$root/tests/cppcheck.suppressions" \
        --template='{file}:{line}: {severity}: {message} [{id}]' --quiet --error-exitcode=1
}

# Not the C++ of one engine, which it does not support; and not these:
#   broker/crash_page.c     takes what an initialiser leaves out for uninitialised
#   broker/modules.c        does not follow counted owners
#   renderer/engines/html.c believes that -errno may be 0
#   renderer/faults.c       is faults on purpose
#   tests/, bench/          end by REQUIRE and bench_fail, which it does not know for an end
analyzer()
{
    need gcc
    entries common broker renderer |
        while IFS= read -r -d '' file && IFS= read -r -d '' command; do
            case $file in
            *.c) ;;
            *) continue ;;
            esac
            case ${file#"$root"/} in
            broker/crash_page.c | broker/modules.c | renderer/engines/html.c | renderer/faults.c) continue ;;
            esac
            # Without its outputs, with less to inline, and without warnings that another level of optimisation brings.
            command=$(sed -E 's/ -M[TF] [^ ]+//g; s/ -MD//; s/ -o [^ ]+/ -o \/dev\/null/; s/ -c / -S /' <<<"$command")
            printf '%s\0' "$command -O1 -fanalyzer -Werror -Wno-format-truncation -Wno-maybe-uninitialized"
        done |
        xargs -0 -P "$jobs" -n 1 sh -c
}

if [ ! -e "$commands" ]; then
    echo "skipped: no $commands"
    exit 77
fi
need python3
cd "$2"
case $check in
tidy) tidy "$@" ;;
cppcheck) cppcheck_all ;;
analyzer) analyzer ;;
*)
    echo "usage: static.sh tidy|cppcheck|analyzer BUILD" >&2
    exit 2
    ;;
esac
