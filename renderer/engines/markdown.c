#include "renderer/engines/markdown.h"

#include <errno.h>
#include <md4c-html.h>
#include <stdio.h>
#include <string.h>

#include "renderer/engines/html_buffer.h"

static void append_hidden(struct html_buffer *page, size_t n_hidden)
{
    if (n_hidden > 0)
        html_buffer_printf(page, "<p class=\"hidden-rest\">\u2026 %zu more bytes are not shown</p>", n_hidden);
}

static int finish(struct html_buffer *page, char **ret_html, size_t *ret_n_html)
{
    if (page->failed) {
        html_buffer_finish(page);
        return -ENOMEM;
    }
    *ret_html = page->bytes;
    *ret_n_html = page->n;
    return 0;
}

static const char note_style[] = ".hidden-rest{margin:24px 0;padding:8px 12px;color:#57606a;background:#f6f8fa;"
                                 "border:1px solid #d0d7de;border-radius:6px;font:14px sans-serif}";

static const char markdown_style[] =
    "body{max-width:820px;margin:0 auto;padding:28px 32px 48px;font:16px sans-serif;line-height:1.5;color:#1f2328}"
    "h1,h2,h3,h4,h5,h6{margin:24px 0 16px;line-height:1.25}"
    "h1{font-size:30px;padding-bottom:8px;border-bottom:1px solid #d8dee4}"
    "h2{font-size:24px;padding-bottom:7px;border-bottom:1px solid #d8dee4}"
    "h3{font-size:20px}h4{font-size:16px}h5{font-size:14px}h6{font-size:14px;color:#57606a}"
    "p,ul,ol,pre,blockquote,table{margin:0 0 16px}li{margin:4px 0}li ul,li ol{margin:0}"
    "li p{margin:8px 0}ul,ol{padding-left:32px}"
    "a{color:#0969da;text-decoration:none}"
    "code{font:13px monospace;background:#eff1f3;padding:2px 5px;border-radius:5px}"
    "pre{background:#f6f8fa;padding:14px 16px;border-radius:6px;line-height:1.45;overflow:hidden}"
    "pre code{background:none;padding:0}"
    "blockquote{padding:0 16px;color:#57606a;border-left:4px solid #d0d7de}"
    "table{border-collapse:collapse}th,td{border:1px solid #d0d7de;padding:6px 13px}"
    "th{background:#f6f8fa}hr{height:3px;border:none;background:#d8dee4;margin:24px 0}"
    "img{max-width:100%}li.task-list-item{list-style-type:none}";

static const char text_style[] = "body{margin:0;padding:16px 20px;font:14px monospace;line-height:1.35;"
                                 "color:#1f2328}pre{margin:0;white-space:pre-wrap;font:14px monospace}";

static void append_head(struct html_buffer *page, const char *style)
{
    html_buffer_puts(page, "<!DOCTYPE html><html><head><style>");
    html_buffer_puts(page, style);
    html_buffer_puts(page, note_style);
    html_buffer_puts(page, "</style></head><body>");
}

static void take_html(const MD_CHAR *bytes, MD_SIZE n, void *page)
{
    html_buffer_add(page, bytes, n);
}

/* The first heading is the title. Its text goes in without its tags, which are balanced. */
static void append_title(struct html_buffer *page)
{
    const char *p = page->failed ? NULL : strstr(page->bytes, "<h1>");
    const char *end = p ? strstr(p, "</h1>") : NULL;
    if (!end)
        return;
    struct html_buffer title = {0};
    for (p += 4; p < end && title.n < 512; p++) {
        if (*p == '<')
            p = strchr(p, '>');
        else
            html_buffer_putc(&title, *p);
    }
    html_buffer_puts(page, "<title>");
    html_buffer_add(page, title.bytes, title.n);
    html_buffer_puts(page, "</title>");
    html_buffer_finish(&title);
}

int markdown_to_html(const char *text, size_t n_bytes, size_t n_hidden, char **ret_html, size_t *ret_n_html)
{
    struct html_buffer page = {0};
    append_head(&page, markdown_style);
    unsigned flags = MD_DIALECT_GITHUB | MD_FLAG_NOHTML;
    if (!page.failed && md_html(text, (MD_SIZE)n_bytes, take_html, &page, flags, 0) != 0) {
        html_buffer_finish(&page);
        return -EINVAL;
    }
    append_hidden(&page, n_hidden);
    append_title(&page);
    return finish(&page, ret_html, ret_n_html);
}

int text_to_html(const char *text, size_t n_bytes, size_t n_hidden, char **ret_html, size_t *ret_n_html)
{
    struct html_buffer page = {0};
    append_head(&page, text_style);
    html_buffer_puts(&page, "<pre>\n"); /* HTML drops the first line break of a pre */
    html_buffer_escape(&page, text, n_bytes);
    html_buffer_puts(&page, "</pre>");
    append_hidden(&page, n_hidden);
    return finish(&page, ret_html, ret_n_html);
}
