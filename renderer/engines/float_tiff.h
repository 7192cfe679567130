/* TIFF pictures of floating-point numbers, which MuPDF does not read, made into ones of bytes, which it does. */
#ifndef RENDERER_ENGINES_FLOAT_TIFF_H
#define RENDERER_ENGINES_FLOAT_TIFF_H

#include <stddef.h>
#include <stdint.h>

/* Makes a PNM (P5 or P6) of the first picture in a TIFF when its samples are 32-bit floating-point numbers from 0 to
 * 1, grey or RGB, uncompressed, in strips. 0 with *ret_pnm (the caller frees it); -ENOTSUP when the TIFF is another,
 * -EBADMSG when the numbers in it make no sense, -E2BIG over ENGINE_MAX_PIXELS, -ENOMEM. */
int float_tiff_to_pnm(const uint8_t *bytes, size_t n_bytes, uint8_t **ret_pnm, size_t *ret_n_bytes);

#endif
