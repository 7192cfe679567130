#!/bin/bash
# Makes the samples that are not written by hand, in the folder above this one. Run by hand when one of them is to
# change; a build only copies what is here. Debian packages: chromium mupdf-tools imagemagick webp gcc python3.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The picture: some minutes of one core.
gcc -std=gnu17 -O3 -o "$work/display_case" display_case.c -lm
"$work/display_case" 256 > "$work/case.ppm"
convert "$work/case.ppm" -strip -sampling-factor 4:2:0 -quality 86 ../10-display-case.jpg

# The welcome page carries a part of it in a data: address.
convert "$work/case.ppm" -crop 780x520+110+175 +repage -resize 306x204 -strip -sampling-factor 4:2:0 -quality 80 \
    "$work/small.jpg"
python3 -c '
import base64, sys
picture = base64.b64encode(open(sys.argv[1], "rb").read()).decode()
print(sys.stdin.read().replace("@PICTURE@", "data:image/jpeg;base64," + picture), end="")
' "$work/small.jpg" < welcome.html > ../01-welcome.html

# Diagrams, drawn by the engine that also draws 02-ladder.svg.
for name in processes frame; do
    mutool draw -q -w 1024 -o "$work/$name.png" "$name.svg" 2> "$work/mutool.log" || { cat "$work/mutool.log" >&2; exit 1; }
done
convert "$work/processes.png" +dither -colors 128 -strip -define png:exclude-chunks=date,time \
    -define png:compression-level=9 ../06-processes.png
cwebp -quiet -lossless -z 9 "$work/frame.png" -o ../07-frame.webp

# The PDF: printed by Chromium, then freed of dates and names.
chromium --headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update \
    --disable-sync --no-first-run --user-data-dir="$work/chromium" --no-pdf-header-footer \
    --print-to-pdf="$work/design.pdf" design.html 2> "$work/chromium.log" || { cat "$work/chromium.log" >&2; exit 1; }
mutool run pdf_info.js "$work/design.pdf" ../03-design.pdf "Vitrine: what stands between a document and you"

python3 book.py ../05-book.epub
python3 system_calls.py ../../renderer/sandbox.c /usr/include/x86_64-linux-gnu/asm/unistd_64.h > "$work/calls.html"
mv "$work/calls.html" ../09-system-calls.html
