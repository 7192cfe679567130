#!/bin/bash
# Real pages through one broker, all live at once: pages.sh [PAGES [BUILD]]
#   PAGES  1 to 1024 of the HTML pages that are installed under /usr/share/doc; 1000 unless given. About 4 MB of memory each.
#   BUILD  the build's folder; build unless given
# VITRINE_DOCUMENTS=FOLDER: what is in FOLDER/hostile goes with them.
set -eu
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
VITRINE_PAGES=${1:-1000} exec "${2:-$root/build}/bin/process_pages"
