#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets that want structure into corpus/NAME, each in as few bytes as it takes. What is in
corpus/ beside them was written by hand, or found by a fuzzer and kept. Needs ImageMagick (convert) for JPEG, JPEG 2000 and
WebP: no encoder for those is worth writing here.

    tests/fuzz/make_corpus.py [NAME…]
"""
import io
import pathlib
import struct
import subprocess
import sys
import zipfile
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
HOSTILE = CORPUS.parent / "hostile"


# ---- pictures ---------------------------------------------------------------------------------------------------------


def png(width=8, height=6, colour=2, depth=8, interlaced=False, extra=b""):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def rows(across, down):
        n = (across * channels * depth + 7) // 8
        return b"".join(bytes([y % 5]) + bytes((x * 37 + y * 11) & 255 for x in range(n)) for y in range(down))

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    if interlaced:
        sizes = [((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in passes]
        data = b"".join(rows(w, h) for w, h in sizes if w > 0 and h > 0)
    else:
        data = rows(width, height)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + palette
            + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b""))


def gif(frames=1, interlaced=False, transparent=False):
    def picture(left, top, width, height):
        # Codes of three bits, a clear before every second pixel, so that they never grow.
        codes = []
        for i in range(width * height):
            codes += [4] if i % 2 == 0 else []
            codes.append((i // 2) % 4)
        bits = sum(code << (3 * i) for i, code in enumerate(codes + [5]))
        data = bits.to_bytes((3 * (len(codes) + 1) + 7) // 8, "little")
        return (b"," + struct.pack("<HHHHB", left, top, width, height, 0x40 if interlaced else 0)
                + b"\x02" + bytes([len(data)]) + data + b"\0")

    control = b"!\xf9\x04" + bytes([1 if transparent else 0, 10, 0, 1, 0])
    screen = b"GIF89a" + struct.pack("<HHBBB", 8, 6, 0x91, 0, 0) + bytes(range(0, 240, 20))
    return screen + b"".join(control + picture(i, i, 4, 3) for i in range(frames)) + b";"


def tiff(bits=8, format_=1, compression=1, big=False, samples=1):
    order = ">" if big else "<"
    data = bytes(range(4 * 3 * samples * bits // 8))
    if compression == 8:
        data = zlib.compress(data)
    elif compression == 32773:
        data = bytes([len(data) - 1]) + data
    tags = [(256, 4, 4), (257, 4, 3), (258, 3, bits), (259, 3, compression), (262, 3, 2 if samples == 3 else 1),
            (273, 4, 8), (277, 3, samples), (278, 4, 3), (279, 4, len(data)), (339, 3, format_)]
    if len(data) % 2:
        data += b"\0"
    out = (b"MM\0*" if big else b"II*\0") + struct.pack(order + "I", 8 + len(data)) + data
    out += struct.pack(order + "H", len(tags))
    for tag, type_, value in tags:
        packed = struct.pack(order + ("H" if type_ == 3 else "I"), value).ljust(4, b"\0")
        out += struct.pack(order + "HHI", tag, type_, 1) + packed
    return out + struct.pack(order + "I", 0)


def bmp(bits=24, compression=0, top_down=False):
    palette = bytes(range(4 * (1 << bits))) if bits <= 4 else b""
    row = (4 * bits + 31) // 32 * 4
    data = bytes([2, 1, 2, 2, 0, 0] * 3 + [0, 1]) if compression == 1 else bytes(range(row * 3))
    if compression == 1:
        palette = bytes(i & 255 for i in range(1024))
    header = struct.pack("<IiiHHIIiiII", 40, 4, -3 if top_down else 3, 1, bits, compression, len(data), 0, 0, 0, 0)
    offset = 14 + 40 + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + header + palette + data


def short_palette():
    """As the header has it, 1 KB of palette follows; the file ends with the header."""
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54 + 1024) + struct.pack("<IiiHHIIiiII", 40, 4, 3, 1, 8, 0, 0, 0, 0, 0, 0)


def convert(source, *arguments):
    run = subprocess.run(["convert", "png:-", "-strip", *arguments], input=source, stdout=subprocess.PIPE, check=True)
    return run.stdout


def pictures():
    yield "grey.png", png(colour=0, depth=1)
    yield "rgb.png", png()
    yield "palette.png", png(colour=3, depth=4)
    yield "alpha-interlaced.png", png(9, 9, 6, 8, True)
    yield "deep.png", png(colour=4, depth=16)
    yield "one.gif", gif()
    yield "frames.gif", gif(3, True, True)
    yield "grey.tiff", tiff()
    yield "float.tiff", tiff(32, 3)
    yield "double-big.tiff", tiff(64, 3, big=True)
    yield "half-rgb.tiff", tiff(16, 3, samples=3)
    yield "zip-rgb.tiff", tiff(compression=8, samples=3)
    yield "packbits.tiff", tiff(compression=32773)
    yield "24.bmp", bmp()
    yield "4-down.bmp", bmp(4, 0, True)
    yield "runs.bmp", bmp(8, 1)
    yield "bits.pbm", b"P1\n# bits\n4 2\n0 1 0 1\n1010\n"
    yield "raw.pbm", b"P4 9 2\n\xaa\x80\x55\x00"
    yield "grey.pgm", b"P2\n3 2\n15\n0 5 10 15 3 1\n"
    yield "raw.ppm", b"P6 2 2 255\n" + bytes(range(12))
    yield "deep.ppm", b"P6 1 2 65535\n" + bytes(range(12))
    yield "some.pam", b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(range(16))
    yield "grey.pfm", b"Pf 2 2 -1.0\n" + struct.pack("<4f", 0, 0.5, 1, 2)
    source = png(16, 12)
    yield "plain.jpeg", convert(source, "-quality", "50", "jpeg:-")
    yield "progressive.jpeg", convert(source, "-interlace", "JPEG", "-quality", "70", "jpeg:-")
    yield "cmyk.jpeg", convert(source, "-colorspace", "CMYK", "-quality", "20", "jpeg:-")
    yield "plain.jp2", convert(source, "jp2:-")
    yield "stream.j2k", convert(source, "-colorspace", "Gray", "j2k:-")


def webps():
    def extended(flags, *chunks):
        body = b"VP8X" + struct.pack("<IB", 10, flags) + b"\0\0\0" + struct.pack("<I", 23)[:3] + struct.pack("<I", 15)[:3]
        body += b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1) for name, data in chunks)
        return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body

    small = png(12, 8)
    lossy = convert(small, "-quality", "30", "webp:-")
    lossless = convert(png(12, 8, 6), "-define", "webp:lossless=true", "webp:-")
    yield "lossy.webp", lossy
    yield "lossless.webp", lossless
    yield "alpha.webp", convert(png(12, 8, 6), "-quality", "30", "webp:-")
    frames = []
    for i, still in enumerate((lossless, lossy)):
        head = b"".join(struct.pack("<I", n)[:3] for n in (2 * i, 2, 11, 7, 100)) + b"\0"
        frames.append((b"ANMF", head + (still[12:] if still[12:16] != b"VP8X" else still[30:])))
    yield "animated.webp", extended(2, (b"ANIM", bytes(6)), *frames)
    yield "metadata.webp", extended(12, (b"EXIF", b"II*\0"), (b"XMP ", b"<x/>"))


# ---- pages ------------------------------------------------------------------------------------------------------------


def pdf(*objects, trailer="", root="1 0 R"):
    out, places = b"%PDF-1.7\n", []
    for i, body in enumerate(objects):
        places.append(len(out))
        body = body if isinstance(body, bytes) else body.encode()
        out += b"%d 0 obj\n" % (i + 1) + body + b"\nendobj\n"
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root %s%s>>\n" % (len(objects) + 1, root.encode(), trailer.encode())
    return out + b"startxref\n%d\n%%%%EOF\n" % start


def stream(data, more=""):
    data = data if isinstance(data, bytes) else data.encode()
    return b"<</Length %d%s>>stream\n" % (len(data), more.encode()) + data + b"\nendstream"


def page(content, resources="", more="", kids=()):
    return pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 90 60]>>",
               f"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<{resources}>>{more}>>", content, *kids)


def pdfs():
    yield "empty.pdf", pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                           "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    yield "text.pdf", page(stream("BT /F 12 Tf 5 20 Td (Seed) Tj 2 Tr T* [(a)-50(b)]TJ ET"),
                           "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>")
    yield "paths.pdf", page(stream("q 1 0 0 RG .5 g 2 w 9 9 m 50 9 l 50 50 l h B 1 J[3 1]0 d 0 0 m 9 30 30 9 60 60 c S Q"
                                   " 5 5 30 30 re W* n 0 1 1 0 k 0 0 90 60 re f"))
    yield "deflated.pdf", page(stream(zlib.compress(b"1 0 0 rg 0 0 30 30 re f"), "/Filter/FlateDecode"))
    yield "filters.pdf", page(stream("80~>", "/Filter[/ASCII85Decode/RunLengthDecode]"))
    yield "picture.pdf", page(stream("q 60 0 0 40 5 5 cm /I Do Q"), "/XObject<</I 5 0 R>>", "", [
        stream(zlib.compress(bytes([2, 1, 2, 3, 2, 4, 5, 6])), "/Type/XObject/Subtype/Image/Width 1/Height 2/BitsPerComponent"
               " 8/ColorSpace/DeviceRGB/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors 3/Columns 1>>")])
    yield "inline.pdf", page(stream(b"9 0 0 9 0 0 cm BI /W 2/H 2/BPC 8/CS/G ID \x00\x80\xc0\xff EI"))
    yield "form.pdf", page(stream("/X Do"), "/XObject<</X 5 0 R>>", "", [
        stream("/X Do 0 0 9 9 re f", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Group<</S/Transparency/K true>>"
               "/Resources<</XObject<</X 5 0 R>>>>")])
    yield "shading.pdf", page(stream("/S sh /P gs /Pattern cs /T scn 0 0 50 50 re f"),
                              "/Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 90 60]/Function<</FunctionType "
                              "2/Domain[0 1]/C0[1 0 0]/C1[0 0 1]/N 1>>>>>>/ExtGState<</P<</ca .5/BM/Multiply>>>>"
                              "/Pattern<</T 5 0 R>>", "", [
                                  stream("0 0 3 3 re f", "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 5 5]/XStep 5"
                                         "/YStep 5/Resources<<>>")])
    yield "calculator.pdf", page(stream("/S sh"), "/Shading<</S<</ShadingType 1/ColorSpace/DeviceGray/Domain[0 1 0 1]"
                                 "/Matrix[90 0 0 60 0 0]/Function 5 0 R>>>>", "", [
                                     stream("{mul sqrt dup 0.5 gt{1 exch sub}if}", "/FunctionType 4/Domain[0 1 0 1]/Range[0 1]")])
    yield "annotation.pdf", page(stream("0 g"), "", "/Annots[<</Type/Annot/Subtype/Square/Rect[5 5 40 40]/C[1 0 0]>><<"
                                 "/Type/Annot/Subtype/FreeText/Rect[9 9 80 50]/DA(/Helv 9 Tf)/Contents(note)>>]")
    yield "widget.pdf", pdf("<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DA(/Helv 9 Tf)>>>>",
                            "<</Type/Pages/Kids[3 0 R]/Count 1>>",
                            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 60]/Annots[4 0 R]>>",
                            "<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(value)/Rect[5 5 80 30]/DA(/Helv 9 Tf)>>")
    yield "title.pdf", pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>",
                           "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Rotate 90>>",
                           b"<</Title(\xfe\xff\xd8\x00\x00\x1b\x20\x2e)>>", trailer="/Info 4 0 R")
    yield "tree-loop.pdf", pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9>>",
                               "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    yield "locked.pdf", pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[]/Count 0>>", trailer="/ID[(a)(a)]/Encrypt<<"
                            f"/Filter/Standard/V 1/R 2/P -4/O<{'41' * 32}>/U<{'42' * 32}>>>")
    yield "no-table.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>" \
        b"endobj 3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e9 1e-9]>>endobj trailer<</Root 1 0 R>>"
    bodies = [b"<</Type/Catalog/Pages 2 0 R>> ", b"<</Type/Pages/Kids[3 0 R]/Count 1>> ",
              b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"]
    index = b"1 0 2 %d 3 %d " % (len(bodies[0]), len(bodies[0] + bodies[1]))
    compressed = zlib.compress(index + b"".join(bodies))
    head = b"%PDF-1.5\n"
    objects = b"4 0 obj\n" + stream(compressed, f"/Type/ObjStm/N 3/First {len(index)}/Filter/FlateDecode") + b"\nendobj\n"
    start = len(head + objects)
    rows = b"".join(struct.pack(">BHB", *row) for row in
                    [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, len(head), 0), (1, start, 0)])
    yield "streams.pdf", head + objects + b"5 0 obj\n" + stream(rows, "/Type/XRef/Size 6/W[1 2 1]/Root 1 0 R") \
        + b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % start


def svgs():
    def svg(body, more='width="90" height="60"'):
        return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {more}>{body}</svg>'

    yield "shapes.svg", svg('<rect x="5" y="5" rx="3" width="30" height="20" fill="#f80"/><circle cx="60" cy="30" r="20"'
                            ' stroke="red" fill="none"/><ellipse cx="9" cy="9" rx="5" ry="3"/><line x2="9" y2="9"/>'
                            '<polygon points="1,1 5,9 9 1"/><polyline points="0 0 1 1"/>')
    yield "path.svg", svg('<path d="M5 5L40 5 40 40zm9 9h9v9H9V5c1 2 3 4 5 6s3 4 5 6q1 2 3 4t5 6a5 9 30 1 0 20 20A1 1 0 0 1 9 9"'
                          ' transform="translate(3)rotate(9,1,2)scale(.5 2)skewX(9)matrix(1 0 0 1 0 0)"/>')
    yield "text.svg", svg('<text x="5" y="30" font-size="12" font-family="serif">Seed<tspan dx="3">more</tspan></text>')
    yield "paint.svg", svg('<defs><linearGradient id="g"><stop offset="0" stop-color="red"/><stop offset="1" stop-color="blue"'
                           '/></linearGradient><clipPath id="c"><rect width="9" height="9"/></clipPath><symbol id="s"'
                           ' viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol></defs><style>.a{fill:red}</style>'
                           '<rect class="a" style="opacity:.5;fill:url(#g)" width="50" height="40" clip-path="url(#c)"/>'
                           '<use xlink:href="#s" x="9" width="20" height="20"/>')
    yield "loop.svg", svg('<g id="a"><use xlink:href="#a" x="5"/></g>', 'viewBox="0 0 9 9" preserveAspectRatio="none"')
    yield "picture.svg", svg('<image width="30" height="30" xlink:href="data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB'
                             'CAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="/>')
    yield "no-size.svg", svg('<rect width="100%" height="1e9"/>', 'width="0" height="-1"')
    yield "packed.svgz", b"\x1f\x8b\x08\0\0\0\0\0\0\3" + zlib.compress(svg('<circle r="9"/>').encode())[2:-4] + bytes(8)


def archive(*files, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as zip_:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            zip_.writestr(info, data)
    return out.getvalue()


def books():
    container = '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>'
    package = ('<package><metadata><title>Seed</title></metadata><manifest><item id="a" href="a.xhtml"/><item id="n" href='
               '"n.ncx"/><item id="b" href="b.xhtml"/></manifest><spine toc="n"><itemref idref="a"/><itemref idref="b"/>'
               '</spine></package>')
    chapter = ('<html><head><title>One</title><style>p{margin:1em;color:red;font-family:x}@font-face{font-family:x;src:url('
               'f.ttf)}</style></head><body><h1>One</h1><p style="text-align:center">Words <b>bold</b> <i>it</i></p>'
               '<img src="i.png"/><table><tr><td>1</td><td>2</td></tr></table><ul><li>x</li></ul></body></html>')
    contents = '<ncx><navMap><navPoint><navLabel><text>One</text></navLabel><content src="a.xhtml"/></navPoint></navMap></ncx>'
    files = [("mimetype", "application/epub+zip"), ("META-INF/container.xml", container), ("p.opf", package),
             ("a.xhtml", chapter), ("b.xhtml", "<p>Two"), ("n.ncx", contents), ("i.png", png(3, 2))]
    yield "stored.epub", archive(*files)
    yield "deflated.epub", archive(*files, method=zipfile.ZIP_DEFLATED)
    yield "no-end.epub", archive(*files)[:-40]
    yield "drm.epub", archive(*files[:4], ("META-INF/rights.xml", "<x/>"), ("META-INF/encryption.xml", "<x/>"))
    yield "two.cbz", archive(("b.png", png(5, 4)), ("a.png", png(9, 9, 6)))
    yield "not-a-picture.cbz", archive(("a.png", b"x"), ("b.jpg", b""), method=zipfile.ZIP_DEFLATED)
    yield "book.fb2", ('<?xml version="1.0"?><FictionBook xmlns:l="x"><description><title-info><book-title>Seed</book-title>'
                       '</title-info></description><body><section><title><p>One</p></title><p>Words<emphasis>it</emphasis>'
                       '</p><image l:href="#i"/></section></body><binary id="i" content-type="image/png">iVBORw0K</binary>'
                       '</FictionBook>')
    glyphs = ('<FixedPage Width="90" Height="60" xmlns="http://schemas.microsoft.com/xps/2005/06"><Path Data="M 5,5 L 40,5 40,40 z"'
              ' Fill="#ff8000"/><Canvas RenderTransform="1,0,0,1,5,5" Opacity="0.5"><Path Data="F1 M 0,0 C 1,2 3,4 9,9 A 5,5 0'
              ' 0 1 20,20 Z"><Path.Fill><LinearGradientBrush StartPoint="0,0" EndPoint="20,20" MappingMode="Absolute"><LinearGradientBrush.'
              'GradientStops><GradientStop Color="#ff0000" Offset="0"/><GradientStop Color="#0000ff" Offset="1"/></LinearGradientBrush.'
              'GradientStops></LinearGradientBrush></Path.Fill></Path></Canvas></FixedPage>')
    relations = ('<Relationships><Relationship Type="http://schemas.microsoft.com/xps/2005/06/fixedrepresentation" Target="/s.fdseq"/>'
                 '</Relationships>')
    yield "page.xps", archive(("_rels/.rels", relations), ("1.fpage", glyphs),
                              ("s.fdseq", '<FixedDocumentSequence><DocumentReference Source="/d.fdoc"/></FixedDocumentSequence>'),
                              ("d.fdoc", '<FixedDocument><PageContent Source="/1.fpage" Width="90" Height="60"/></FixedDocument>'))
    text = b"<html><body><p>Seed<mbp:pagebreak/><img recindex=\"00001\"/></body></html>"
    head = struct.pack(">HHIHHI", 1, 0, len(text), 1, 4096, 0) + b"MOBI" + struct.pack(">III", 24, 2, 65001)
    start = 78 + 16 + 2
    yield "book.mobi", (b"Seed".ljust(32, b"\0") + bytes(28) + b"BOOKMOBI" + bytes(8) + struct.pack(">H", 2)
                        + struct.pack(">IIII", start, 0, start + len(head), 1) + b"\0\0" + head + text)


def htmls():
    yield "page.html", ('<!DOCTYPE html><html><head><title>Seed &amp; more</title><meta charset="utf-8"><style>p{color:#123;'
                        'margin:1em auto}.a>b:first-child,a:hover{float:left;width:50%}@media screen{td{border:1px solid}}'
                        '</style></head><body class="a"><h1 id=x>Head</h1><p>Words <b>bold</b> <a href="#x">link</a><br>'
                        '<img src="x.png" alt="no" width=9><hr><pre>\n a\tb</pre></body></html>')
    yield "table.html", ('<table border=1 cellspacing=2 width="100%"><caption>c</caption><thead><tr><th rowspan=2>1<th colspan=3>2'
                         '</thead><tr><td nowrap>3<td valign=top>4<table><tr><td>5</table></table>')
    yield "lists.html", "<ul><li>a<ol type=I start=-3><li>b</ol><li style='list-style:square inside'>c</ul><dl><dt>d<dd>e</dl>"
    yield "styles.html", ('<style>div{position:absolute;left:-9px;top:50%;z-index:3;overflow:hidden;background:#eee url(x.png) no-repeat'
                          '}span{display:flex;font:italic bold 12px/1.5 serif,x;text-decoration:underline;vertical-align:super}'
                          'p::before{content:"\\201c" attr(x)}p{clear:both;float:right;border-radius:3px 1em;border:2px dashed'
                          ' rgba(1,2,3,.5);width:calc(1px);max-width:9em;min-height:1vh}</style><div>a<span>b</span><p>c</div>')
    yield "forms.html", "<form><input value=x><select><option>a<option>b</select><textarea>t</textarea><button>b</button></form>"
    yield "mess.html", "<p><b><i>x</b>y</i><table><p>z<tr>w</table></p><svg><g/></svg><script>if(a<b)</script><!-- <x> --><![CDATA[y]]>"
    yield "entities.html", "&lt;&#x1F600;&#0;&#xD800;&notin;&nosuch;&amp;&#1114112;&nbsp;\xad\u202e\u0627\u0644"
    yield "frames.html", "<frameset cols='*,50%'><frame src=a><noframes>x</noframes></frameset><iframe src=b>y</iframe><font color=red size=7>z"
    yield "bidi.html", '<p dir=rtl>\u05d0\u05d1 abc \u0661\u0662<p>\u4e2d\u6587\u3002<p style="white-space:nowrap;letter-spacing:2px">e\u0301'
    yield "latin.html", '<meta http-equiv=content-type content="text/html; charset=iso-8859-2">'.encode() + bytes(range(160, 256))
    yield "wide.html", b"\xff\xfe" + "<p>wide \U0001f600".encode("utf-16-le")
    yield "east.html", '<meta charset=shift_jis>'.encode() + "\u65e5\u672c".encode("shift_jis") + b"\x81"
    yield "page.xhtml", ('<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>X</title></head>'
                         '<body><p>a<br/><![CDATA[<b>]]></p></body></html>')
    yield "nested.html", "<div>" * 60 + "x"


def markdowns():
    yield "all.md", ("# Title `code`\n\nText *it* **bold** ~~del~~ <http://a.b> [l](u \"t\") ![i](p.png)\\\nnext  \nhard\n\n- a\n  1. b\n- [x] c\n"
                     "\n> quote\n> > two\n\n```c\nint x;\n```\n\n    code\n\n| a | b |\n|:-|-:|\n| 1 | `|` |\n\n***\n\n[r]: /u 'x'\n[r] www.x.y a@b.c\n\nSet\n===\n")
    yield "raw.md", "<script>x</script> &amp; &#35; \\* <b a='\">'>\n\n<!-- x -->\n\n<div>\n*x*\n</div>\n"
    yield "deep.md", "> " * 30 + "*" * 40 + "[" * 40 + "a" + "](" * 20
    yield "table.md", "|a" * 40 + "\n" + "|-" * 40 + "\n" + "|b" * 39
    yield "title.md", "# <b> &lt;\"a' *x* [y](z>w)\x1b[31m\n"
    yield "plain.txt", "Lines\r\nand\ttabs <b>&amp;\f\n" + "long " * 40
    yield "bytes.txt", bytes(b for b in range(9, 256) if b >= 32 or b in (9, 10, 13)).replace(b"\x7f", b"")
    yield "wide.txt", b"\xfe\xff" + "wide\n".encode("utf-16-be")


def scenes():
    yield "all.scene", ("vitrine-scene\ntitle  Seed\nfigure motion\ntop    #10243f\nbottom #3f6f8f\naccent #ffd27f\nink    #ffffff\nframes 240\n"
                        "text   A line\ntext   Another \xe9\x1b[1m\n# nothing\n")
    for figure in ("blank", "text", "rings", "bars", "waves"):
        yield figure + ".scene", f"vitrine-scene\r\nfigure {figure}\r\ntext {'x' * 300}\r\n"
    yield "most.scene", "vitrine-scene\nframes 100000\n" + "text l\n" * 32
    yield "wrong.scene", "vitrine-scene\ntop #12345g\n"
    yield "none.scene", "vitrine-scene"


# ---- what the broker reads --------------------------------------------------------------------------------------------


def command_lines():
    lines = {
        "files": ["a.pdf", "-", "--", "--b"],
        "tabs": ["--tabs", "9", "--page=2", "--zoom", "1.5", "x"],
        "snapshot": ["--snapshot", "d", "--size=640x480", "--json"],
        "limits": ["--memory=64", "--timeout", "0.1", "--max-document", "4096", "--require-level", "3"],
        "spawn": ["--spawn=exec", "--spares", "64", "--stay", "--view", "none"],
        "inject": ["--tabs=3", "--inject", "segv-null@2:500", "--inject=list", "--crash-dir", "c"],
        "inject-late": ["--inject", "kill-self:86400000", "--inject=bus@1"],
        "inject-no-tab": ["--inject", "segv-null@2"],
        "chaos": ["--chaos", "10.5:18446744073709551615", "--timeout=2"],
        "both": ["--chaos=1", "--inject=abort"],
        "status": ["--sandbox-status"],
        "help": ["--help", "--nonsense"],
        "version": ["--version=1"],
        "near": ["--tab", "1"],
        "hostile": ["--\x1b[31m\u202e=\n", "\xff"],
        "window": ["--view", "window"],
        "huge": ["--tabs", "9" * 40, "--size", "99999999999999999999x1"],
        "many": ["f"] * 1025,
        "many-faults": ["--inject=hang-loop"] * 257,
        "nothing": [],
        "no-value": ["--tabs"],
        "empty-value": ["--snapshot="],
    }
    for name, words in lines.items():
        yield name, b"".join(word.encode("latin-1", "replace") + b"\0" for word in words)


def sniffed():
    magics = [b"%PDF-1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF87a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  \r\n\x87\n",
              b"\xff\x4f\xff\x51", b"\x7fELF", b"MZ", b"\0asm", b"\0\0\0\x18ftypavif", b"\0\0\0\x18ftypmp42", b"OggS", b"RIFF\0\0\0\0AVI ",
              b"RIFF\0\0\0\0WEBPVP8 ", b"\x1f\x8b\x08", b"BZh9", b"7z\xbc\xaf\x27\x1c", b"SQLite format 3\0", b"P6 1 1 255\n...",
              b"vitrine-scene\n", b"vitrine-scenes"]
    for magic in magics:
        yield "magic-" + "".join(chr(b) if chr(b).isalnum() else "-" for b in magic[:16]), magic
    yield "mobi", bytes(60) + b"BOOKMOBI"
    yield "tar", bytes(257) + b"ustar"
    yield "bmp", bmp()
    yield "bm-text", b"BM is how this text begins, and goes on for a while"
    yield "doctype", b"\xef\xbb\xbf <!-- x --><?y?><!DOCTYPE html [<!ENTITY a \"b\">]><HTML>"
    yield "svg", b"<?xml version='1.0'?><!DOCTYPE svg><s:svg xmlns:s='x'/>"
    yield "fb2", b"<?xml?><FictionBook>"
    yield "wide-xml", "<?xml?><html>".encode("utf-16-be")
    yield "open-comment", b"<!-- <html>"
    yield "half-name", b"<htm"
    yield "readme", b"<p align=center>x</p>\n\n# y"
    yield "binary", bytes(range(256))
    yield "text", b"Words\n"
    yield "office", archive(("word/document.xml", "x"))
    yield "java", archive(("META-INF/MANIFEST.MF", ""))
    yield "comic", archive(("a.jpg", "x"), ("__MACOSX/a.jpg", "x"), ("b.JPG", "x"), ("c.txt", "x"))
    yield "epub-cut", archive(("mimetype", "application/epub+zip"), ("x", "y"))[:60]
    yield "zip-empty", archive()
    yield "zip-far", archive(("a.png", "x"))[:-6] + b"\xff\xff\xff\x7f\0\0"


def choices(*parts):
    """As fuzz.h's choose_… read them: (number, bytes) little-endian, or a text with its length before it."""
    out = b""
    for part in parts:
        if isinstance(part, tuple):
            out += (part[0] & (1 << 8 * part[1]) - 1).to_bytes(part[1], "little")
        else:
            part = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            out += bytes([len(part)]) + part
    return out


def reports():
    def report(document, flags=0, record=b"", modules=(), frames=(), wait=1, signal=11, fault=0):
        out = choices(document, "", "", (flags, 1), (fault, 1), (wait, 1), (signal, 1), (41, 4), (0x1000, 8), (5, 8), (4, 8), (9, 8), (9, 8))
        out += choices(*[(i, 2) for i in range(6)]) + (record.ljust(592, b"\0") if flags & 64 else b"")
        out += choices((1700000000, 8), (1, 4), (0, 4), (4242, 4), (10 ** 9, 8), (3, 1), (0xffff, 4), (1, 1), (10 ** 9, 8), (5, 1))
        out += choices((len(modules), 1))
        for name, path in modules:
            out += choices(name, path, (20, 1))
        out += choices((len(frames), 1))
        for module, symbol, source in frames:
            out += choices((0x7f0012345678, 8), (module + 1, 1), (0x1234, 4), (0, 1), symbol, source)
        return out

    nasty = ["\x1b]0;x\x07", "a\nb", "\u202egnp", "\udc80\udcff", '"\\', "\u2028\u200b\ufeff", "\U000e0041", "%s%n", "\x9b31m", "\x7f"]
    yield "plain", report("a.pdf")
    for i, text in enumerate(nasty):
        yield f"nasty-{i}", report(text, 1 << i % 7, b"VSH2"[::-1], [(text, "/" + text)], [(0, text, text), (-1, text, "")], fault=i)
    record = struct.pack("<IiiIQQQQQII", 0x32485356, 11, 1, 1, 1, 2, 3, 4, 5, 6, 7) + bytes(136) + struct.pack("<II", 48, 0) + bytes(range(192)) * 2
    yield "record", report("b", 64, record, [("m", "")] * 16, [(i % 17 - 1, "f", "s.c:1") for i in range(49)])
    yield "everything", report("c" * 255, 127, record, [("n" * 127, "p" * 255)], [(0, "s" * 255, "l" * 127)], 0, 77, 20)


def rings():
    def ours(n):
        return bytes([0]) + struct.pack("<HB", n - 1, 0)

    def theirs(n, seed):
        return bytes([8]) + struct.pack("<HBB", n - 1, 0, seed)

    receive, bell, sleep, spin, listen = bytes([2]), bytes([5]), bytes([6, 3]), bytes([7]), bytes([11])

    def lie(what, by):
        return bytes([12, what]) + struct.pack("<h", by)

    start = bytes([0, 0])
    yield "talk", start + theirs(1, 7) + receive + ours(56) + bell + listen + theirs(57, 9) + receive * 2 + sleep + spin
    yield "largest", start + theirs(65536, 3) + receive + ours(65536) * 5 + listen * 3 + bell
    yield "lap", bytes([255, 255]) + b"".join(theirs(2000, i) + receive for i in range(40)) + receive
    yield "full", start + ours(60000) * 6 + listen + ours(60000)
    yield "length", start + lie(0, -1) + receive * 2
    yield "lap-ahead", start + lie(1, 2) + receive + receive
    yield "lap-behind", bytes([9, 0]) + lie(1, -1) + receive
    yield "freed-more", start + ours(60000) * 4 + lie(2, 1) + ours(60000) * 2
    yield "freed-in-part", start + ours(100) * 3 + lie(2, 1) + ours(60000) * 6
    yield "freed-less", bytes([3, 3]) + ours(60000) * 4 + lie(3, -1) + ours(60000) * 2
    yield "all-ones", start + bytes([15, 255]) + receive + ours(9) + bell + sleep
    yield "anywhere", start + bytes([14]) + struct.pack("<I", 128)[:3] + bytes([4, 1, 2, 3, 4]) + bell + sleep + spin


def children():
    def fact(what, off=0, value=0, *more):
        return bytes([2, what, off, value, *more, 0])

    def order(what, n=0):
        return bytes([18, what, n])

    listening, ready, opened, refused, painted, progressed = fact(0), fact(1, 0, 0, 0), fact(2), fact(3), fact(4), fact(5)
    injected, joined, ponged = fact(6), fact(7), fact(8, 0, 0, 0)
    to_open, to_paint, to_inject, to_share, to_ping = order(0), order(1), order(2), order(3), order(4, 9)
    hear, hear_by_ring, hang_up, end, adopt, late = bytes([8]), bytes([9]), bytes([13]), bytes([14]), bytes([16]), bytes([15, 3, 9])
    start = bytes([0, 0])
    shared = start + listening + ready + to_share + hear + joined

    yield "life", start + listening + ready + to_open + progressed + opened + to_paint + painted + to_inject + injected + end
    yield "ring", shared + to_ping + to_ping + hear_by_ring * 2 + ponged * 2 + to_open + opened + to_paint + painted
    yield "refused", start + ready + to_open + refused + painted
    yield "refused-painting", start + ready + to_open + opened + to_paint + refused
    yield "full-claim", start + fact(1, 0, 0, 1) + to_open
    yield "contradicted", bytes([1, 0]) + fact(1, 0, 0, 1)
    yield "no-listener", bytes([2, 0]) + listening
    yield "two-listeners", start + listening * 2
    yield "late-clone", bytes([8, 0]) + ready + adopt + to_open
    yield "never-cloned", bytes([8, 0]) + bytes([17, 7])
    yield "wrong-serial", start + ready + to_open + fact(2, 251)
    yield "wrong-slot", start + ready + to_open + opened + to_paint + fact(4, 0, 1)
    yield "no-progress", start + ready + to_open + fact(5, 0, 1)
    yield "flood", start + ready + to_open + progressed * 40
    yield "hung-up", start + ready + hang_up + late * 3
    yield "dismissed", start + ready + bytes([17, 6]) + late * 3
    yield "dies", bytes([4, 0]) + ready + to_open + bytes([12, 2]) + end
    yield "dies-slowly", start + ready + bytes([12, 2]) + late + end
    yield "half-record", start + bytes([12, 66]) + bytes([12, 1]) * 3
    yield "too-many-fds", start + bytes([7, 5, 0])
    yield "too-long", start + bytes([7, 0, 1])
    yield "empty", start + bytes([0, 0, 0])
    yield "handlers-order", bytes([0, 0o10]) + ready + opened + painted
    yield "handlers-dismiss", bytes([0, 0o66]) + ready
    yield "handlers-give-up", bytes([0, 0o70]) + ready + to_open + opened
    yield "ring-lap", shared + bytes([10, 0x11]) + bytes(4) + to_ping
    yield "ring-freed", shared + bytes([10, 2, 9, 0, 0, 0]) + to_ping
    yield "ring-garbage", shared + bytes([10, 1, 40, 0, 0, 0]) + to_ping + to_paint
    yield "bells", shared + bytes([11, 200])
    yield "by-channel", shared + to_open + bytes([2, 2, 0, 0, 31])


def hostile():
    """What libraries were found to stumble over: for a whole broker to open (hostile.sh), not for the engine alone."""
    yield "short-palette.bmp", short_palette()
    yield "short-palette.cbz", archive(("a.bmp", short_palette()))


TARGETS = {
    "book": books, "child": children, "crash_report": reports, "html": htmls, "markdown": markdowns, "options": command_lines, "pdf": pdfs,
    "picture": pictures, "ring": rings, "scene": scenes, "sniff": sniffed, "svg": svgs, "webp": webps,
}


def main():
    for target in sys.argv[1:] or [*TARGETS, "hostile"]:
        folder = HOSTILE if target == "hostile" else CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in hostile() if target == "hostile" else TARGETS[target]():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


main()
