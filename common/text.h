/* Text from the other side is data. What came from a document or a renderer passes through here before it reaches
 * a terminal, a log, a file name or JSON. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The contract's limit: no string that came from a document or a renderer is longer, in characters. */
#define TEXT_MAX_CHARACTERS 1024

/* True when bytes are well-formed UTF-8 without NUL: no overlong form, no surrogate, nothing above U+10FFFF. */
bool text_is_utf8(const char *bytes, size_t n_bytes);

/* For terminals and logs: writes a printable copy of text into out, always terminated, cut at a whole character to
 * fit n_out bytes and TEXT_MAX_CHARACTERS (a cut ends in "…"). Invalid UTF-8 becomes U+FFFD; C0 and C1 controls, DEL,
 * line and paragraph separators, bidirectional controls, zero-width and tag characters and other invisible
 * formatting become \n, \t, \e, \xHH or \u{HEX}; backslash becomes \\ . Returns the length written. */
size_t text_escape(char *out, size_t n_out, const char *text, size_t n_text);

/* For JSON: the same cut, with the quotes, valid JSON, and harmless when the line is printed raw on a terminal (what
 * text_escape escapes becomes \uXXXX). Returns the length written; out is always a complete JSON string when n_out >= 3. */
size_t text_json(char *out, size_t n_out, const char *text, size_t n_text);

/* Cuts to at most max_columns terminal columns (wide characters take two), in place, at a whole character. Text must
 * have been escaped. Returns its width. */
size_t text_fit_columns(char *text, size_t max_columns);

/* For whoever places text in the cells of a terminal: reads the character at text, which is not empty, and tells how
 * many columns it takes (0: a combining mark). What is malformed or may not be printed reads as U+FFFD. Returns its
 * length in bytes. */
size_t text_read_cell(const char *text, uint32_t *ret_character, size_t *ret_columns);

#endif
