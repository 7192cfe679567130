#!/bin/bash
# Who may include whom: proto <- common <- broker | renderer, and engines see bytes and a canvas, nothing else. Prints
# each line that breaks a rule, as file:line:text. Usage: layering.sh [ROOT]
set -eu
cd "${1-$(dirname "$0")/..}"
broken=0

# report RULE: every line on stdin breaks it.
report()
{
    local line
    while IFS= read -r line; do
        echo "$line   <- $1"
        broken=1
    done
}

# includes FOLDER MARK: the #include lines with MARK (" or <) in the sources beneath FOLDER, as file:line:text.
includes()
{
    grep -rnE --include='*.[ch]' --include='*.cc' "^[[:space:]]*#[[:space:]]*include[[:space:]]*$2" "$1" || true
}

# without REGEX: the lines on stdin that do not match.
without()
{
    grep -vE "$1" || true
}

# may_include FOLDER REGEX…: what stands between the quotes must match one of them as a whole.
may_include()
{
    local folder=$1 allowed
    shift
    allowed=$(IFS='|'; echo "$*")
    report "$folder/ may not include this" < <(includes "$folder" '"' | without "\"($allowed)\"")
}

may_include common 'common/[^"]*' 'proto/[^"]*'
may_include broker 'broker/[^"]*' 'common/[^"]*' 'proto/[^"]*'
may_include renderer 'renderer/[^"]*' 'common/[^"]*' 'proto/[^"]*'
may_include viewer 'viewer/[^"]*' 'common/[^"]*'
may_include renderer/engines 'renderer/(engine|canvas)\.h' 'renderer/engines/[^"]*' \
    'common/(frame|font|document_kind|config|text)\.h'

# What is compared stands on its own, so that a figure is that of the mechanism; memfd and the channel's ring are among
# the mechanisms.
may_include common/transports 'common/(transport|fd|clock|memfd|ring)\.h' 'common/transports/[^"]*'

# What is compared is linked with the helper that measures it, never with a broker or a renderer.
report 'only renderer/measure.c and the gauges know the transports' \
    < <({ includes broker '"common/(transport|sides)'; includes renderer '"common/(transport|sides)'; } |
        without '^renderer/(measure\.c|gauge\.[ch]|gauges/)')

# The one exception maps the system's fonts during the warm-up, before there is a document.
descriptors='<(fcntl|unistd|poll|sys/(socket|un|uio|epoll|ioctl|mman|stat|syscall))\.h>'
report 'an engine has nothing to do with descriptors' \
    < <(includes renderer/engines "$descriptors" | without '^renderer/engines/html_fonts\.c:')

# litehtml's container cannot be C.
report 'the one C++ file is renderer/engines/html_container.cc' \
    < <(find common broker renderer tests bench \( -name '*.cc' -o -name '*.cpp' -o -name '*.cxx' -o -name '*.hpp' \) \
        -printf '%p:1:\n' | without '^renderer/engines/html_container\.cc:')

exit "$broken"
