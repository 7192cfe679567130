// Run by mutool: rewrites a PDF with a title and nothing that tells when, where or by what it was made.
// usage: mutool run pdf_info.js IN OUT TITLE
var pdf = new PDFDocument(scriptArgs[0]);
var trailer = pdf.getTrailer();
var info = trailer.get("Info");
["Creator", "Producer", "CreationDate", "ModDate"].forEach(function (key) { info.delete(key); });
info.put("Title", pdf.newString(scriptArgs[2]));
var root = trailer.get("Root");
root.delete("StructTreeRoot");
root.delete("MarkInfo");
root.delete("Metadata");
pdf.save(scriptArgs[1], "compress,garbage=deduplicate");
