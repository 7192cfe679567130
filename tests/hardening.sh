#!/bin/bash
# What the linker and the compiler were to do to both programs, read back from the files.
# Usage: hardening.sh PROGRAM…   Exit status 77: built with sanitizers, which take the place of some of it.
set -eu
broken=0

# expect PROGRAM WHAT COMMAND…: the command must succeed.
expect()
{
    local program=$1 what=$2
    shift 2
    if "$@"; then
        echo "ok      $(basename "$program"): $what"
    else
        echo "MISSING $(basename "$program"): $what"
        broken=1
    fi
}

# has TEXT REGEX, lacks TEXT REGEX. No pipe: grep -q would leave its writer with SIGPIPE.
has()
{
    grep -qE "$2" <<<"$1"
}

lacks()
{
    ! has "$1" "$2"
}

# CET's marks are there only where the compiler makes them and this linker keeps them: asked of a program of nothing.
compiler_marks_cet()
{
    local folder marked=1
    folder=$(mktemp -d)
    if echo 'int main(void) { return 0; }' | "${CC:-cc}" -fcf-protection=full -x c - -o "$folder/nothing" 2>/dev/null &&
        has "$(readelf -nW "$folder/nothing")" 'IBT.*SHSTK'; then
        marked=0
    fi
    rm -rf "$folder"
    return "$marked"
}

check_program()
{
    local program=$1 header segments dynamic symbols notes
    header=$(readelf -hW "$program")
    segments=$(readelf -lW "$program")
    dynamic=$(readelf -dW "$program")
    symbols=$(readelf -W --dyn-syms "$program")
    notes=$(readelf -nW "$program")

    if has "$symbols" '__(asan|ubsan|tsan)_'; then
        echo "$program: built with sanitizers"
        exit 77
    fi
    expect "$program" 'position independent' has "$header" 'Type: +DYN '
    expect "$program" 'an interpreter, so a program, not a library' has "$segments" ' INTERP '
    expect "$program" 'relocated data read-only' has "$segments" ' GNU_RELRO '
    expect "$program" 'everything bound at the start' has "$dynamic" '\(FLAGS\).*BIND_NOW|\(FLAGS_1\).*NOW'
    expect "$program" 'the stack not executable' has "$segments" ' GNU_STACK .* RW +0x'
    expect "$program" 'no segment writable and executable' lacks "$segments" '^ +[A-Z_]+ .* RWE +0x'
    expect "$program" 'stack protector' has "$symbols" ' __stack_chk_fail'
    expect "$program" 'checked library calls' has "$symbols" ' __[a-z]+_chk'
    expect "$program" 'no path of its own to libraries' lacks "$dynamic" '\((RPATH|RUNPATH)\)'
    expect "$program" 'no relocation in the text' lacks "$dynamic" '\(TEXTREL\)'
    if [ "$cet" = yes ]; then
        expect "$program" 'indirect branches and returns marked (CET)' has "$notes" 'IBT.*SHSTK'
    else
        echo "n/a     $(basename "$program"): CET, which this system's own start-up code is not marked for"
    fi
}

if compiler_marks_cet; then cet=yes; else cet=no; fi
for program; do
    check_program "$program"
done
exit "$broken"
