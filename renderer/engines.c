/* The engines of this build. A table and nothing else, so that a test's renderer can bring its own. */
#include "renderer/engine.h"

#include "common/config.h"

extern const struct engine scene_engine, mupdf_engine, html_engine, raster_engine;

const struct engine *const engines[] = {
    &scene_engine,
#if HAVE_ENGINE_MUPDF
    &mupdf_engine,
#endif
#if HAVE_ENGINE_HTML
    &html_engine,
#endif
#if HAVE_ENGINE_RASTER
    &raster_engine,
#endif
    NULL,
};
