#!/bin/bash
# tests/viewer/renew.sh [BUILD]: takes the window's pictures anew, with a build's programs (by default build/). Look at
# them before they are committed: from then on they are right.
set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
build=${1:-$here/../../build}
VITRINE_RENEW=1 "$(find "$build" -name viewer_window -type f -perm -u+x | head -n 1)"
ls -l "$here/golden"
