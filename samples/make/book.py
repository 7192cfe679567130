#!/usr/bin/env python3
"""Writes samples/05-book.epub. The archive is the same, byte for byte, each time.

usage: book.py 05-book.epub
"""
import sys
import zipfile

TITLE = "The Life of a Tab"
IDENTIFIER = "urn:uuid:6d1f3b52-7c0e-4c55-9a43-5f0b1f5f6b00"
MODIFIED = "2024-01-01T00:00:00Z"  # fixed: the book is to be reproducible

CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>
"""

STYLE = """@page { margin: 2.5em 3.5em; }
body { font-family: serif; font-size: 0.95em; line-height: 1.4; color: #26231e; margin: 0; }
h1 { font-size: 1.8em; line-height: 1.2; margin: 0.6em 0 0.2em 0; color: #26231e; }
.number { font-family: sans-serif; font-size: 0.8em; color: #1f5f6b; margin: 1em 0 0 0; }
.motto { font-style: italic; color: #6b655a; margin: 0 0 1.1em 0; }
p { margin: 0 0 0.65em 0; text-align: justify; }
h2 { font-size: 1.2em; color: #1f5f6b; margin: 1em 0 0.3em 0; }
blockquote { margin: 0.8em 2em; font-style: italic; color: #4d4840; }
"""

CHAPTERS = [
    ("Before the document", "What one does not have, one cannot lose.", """
<p>A tab begins with a process that knows nothing. It is called the <b>zygote</b>: the renderer's program, started once by
the broker in namespaces of its own. It loads fonts, tables and the style sheet while there are still files to be read.
Then it leaves the file system behind for an empty root, and waits. It has seen no document, and it never will.</p>
<p>When a tab is wanted, the broker sends the order <i>Spawn</i>, and with it one end of a channel and one end of a pipe. The
zygote clones itself. The clone is a <b>renderer</b>, warm from its first moment, and a child of the broker, which therefore
learns from the kernel how it ends.</p>
<h2>The ladder</h2>
<p>The renderer now climbs a ladder on which each rung takes something away. It closes every descriptor
that leads anywhere, but two. It leaves
its session and asks the kernel to end it should the broker die. It accepts limits on memory, time, descriptors and
processes. It gives up its capabilities, and the hope of new ones. Landlock takes from it every right on files. Last
comes the filter: from here on only a few system calls are left.</p>
<p>It then tries the filter with calls that must be refused, and reports <i>Ready</i>.</p>
<blockquote>The broker does not believe it. It looks into /proc, where a renderer cannot write, and reads for itself that the
filter is on and that nothing is left to give up.</blockquote>
<p>Only now is there a document.</p>"""),
    ("With the document", "Data goes round once.", """
<p>The broker has opened the file by then: once, for reading, and only if it is a regular file of a sensible size. It has
copied it into memory and <b>sealed</b> that memory, so that nobody can change it, make it longer or make it shorter, the
renderer no more than anybody else. What happens to the file on disk does not matter any more.</p>
<p>It has also made the <b>frame</b>: memory with room for two pictures, sealed in its size. The order <i>Open</i> carries both
to the renderer.</p>
<h2>Orders and facts</h2>
<p>The renderer answers <i>Opened</i>, with the kind of the document, its title and the number of its pages; or <i>Refused</i>,
with a reason. Then <i>Paint</i> asks for one page in one half of the frame, and <i>Painted</i> says that it is done. Each
answer repeats the serial number of its order. An answer to nothing is a lie, and lies end the tab.</p>
<p>While it works, the renderer may say that it got further. It need not be fast. It must only not stand still.</p>
<h2>What is shared</h2>
<p>The page is drawn where it will be read: the engine paints straight into the frame, and the broker takes the pixels from
there. There is nothing in that memory that could mislead it. A size, an offset, a length: all of these the broker has
written down itself, before.</p>
<blockquote>A renderer that cheats can spoil one picture. It is its own.</blockquote>"""),
    ("The end", "The wait status is the truth.", """
<p>A tab may end well: the page is painted, the picture is written, the broker closes the channel, and the renderer takes
that for what it is. Most tabs end so.</p>
<p>Others end badly. A renderer may <b>crash</b>. Its last act is then to write a short record into a pipe, without asking
for memory and without calling anything that might be broken; after that the signal takes its course, so that the kernel
reports what really happened. The record is a hint from a suspect, and it is read like one.</p>
<p>It may try <b>what it must not</b>. The kernel stops it in the middle of the call and tells the broker which call it was.
The broker writes that down, and ends the process.</p>
<p>It may say <b>what it must not</b>: a message too long, too early, twice, with a descriptor too many. The broker counts,
closes what came along, and ends it, with the number of the rule that was broken.</p>
<p>It may do <b>nothing</b>. If an order is open and no progress comes, the broker waits for a while, and then no longer.</p>
<h2>The verdict</h2>
<p>In every case the broker first collects what there is to be known, then judges once. One word remains: <i>exit</i>,
<i>signal</i>, <i>violation</i>, <i>protocol</i>, <i>hang</i>, <i>memory</i> or <i>killed</i>. The other tabs have noticed
nothing.</p>
<p>And should the broker itself be gone, the renderers go with it. They have nothing to stay for.</p>"""),
]

PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" xml:lang="en" lang="en">
<head><title>{title}</title><link rel="stylesheet" type="text/css" href="style.css"/></head>
<body>{body}
</body>
</html>
"""


def chapter(number, title, motto, text):
    body = ('\n<p class="number">Chapter {}</p>\n<h1>{}</h1>\n<p class="motto">{}</p>{}'
            .format(("one", "two", "three")[number - 1], title, motto, text))
    return PAGE.format(title=title, body=body)


def navigation():
    items = "".join('<li><a href="chapter-%d.xhtml">%s</a></li>\n' % (n, c[0]) for n, c in enumerate(CHAPTERS, 1))
    return PAGE.format(title=TITLE, body='\n<nav epub:type="toc" id="toc"><h1>%s</h1>\n<ol>\n%s</ol></nav>' % (TITLE, items))


def old_navigation():
    points = "".join(
        '<navPoint id="n{0}" playOrder="{0}"><navLabel><text>{1}</text></navLabel>'
        '<content src="chapter-{0}.xhtml"/></navPoint>\n'.format(n, c[0]) for n, c in enumerate(CHAPTERS, 1))
    return """<?xml version="1.0" encoding="UTF-8"?>
<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1" xml:lang="en">
<head><meta name="dtb:uid" content="{}"/><meta name="dtb:depth" content="1"/>
<meta name="dtb:totalPageCount" content="0"/><meta name="dtb:maxPageNumber" content="0"/></head>
<docTitle><text>{}</text></docTitle>
<navMap>
{}</navMap>
</ncx>
""".format(IDENTIFIER, TITLE, points)


def package():
    numbers = range(1, len(CHAPTERS) + 1)
    items = "".join('<item id="c%d" href="chapter-%d.xhtml" media-type="application/xhtml+xml"/>\n' % (n, n) for n in numbers)
    spine = "".join('<itemref idref="c%d"/>' % n for n in numbers)
    return """<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">{}</dc:identifier>
<dc:title>{}</dc:title>
<dc:language>en</dc:language>
<dc:creator>The Vitrine project</dc:creator>
<meta property="dcterms:modified">{}</meta>
</metadata>
<manifest>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>
<item id="style" href="style.css" media-type="text/css"/>
{}</manifest>
<spine toc="ncx">{}</spine>
</package>
""".format(IDENTIFIER, TITLE, MODIFIED, items, spine)


def main():
    files = [("mimetype", "application/epub+zip"), ("META-INF/container.xml", CONTAINER),
             ("book/package.opf", package()), ("book/nav.xhtml", navigation()), ("book/toc.ncx", old_navigation()),
             ("book/style.css", STYLE)]
    for number, (title, motto, text) in enumerate(CHAPTERS, 1):
        files.append(("book/chapter-%d.xhtml" % number, chapter(number, title, motto, text)))

    with zipfile.ZipFile(sys.argv[1], "w") as archive:
        for name, text in files:
            info = zipfile.ZipInfo(name)  # its time is fixed: 1980
            # The type comes first and as it is, so that a reader finds it at a fixed place.
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, text)


if __name__ == "__main__":
    main()
