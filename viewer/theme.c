#include "viewer/theme.h"

static const struct theme dark = {
    .strip = 0x191b1f,
    .tab_over = 0x24272c,
    .desk = 0x31353b,
    .status = 0x1f2226,
    .edge = 0x14161a,
    .panel = 0x25292e,
    .row_over = 0x30353c,
    .text = 0xe4e7eb,
    .faint = 0x9aa2ad,
    .accent = 0x8ab4f8,
    .on_accent = 0x14202f,
    .good = 0x6fbf87,
    .busy = 0xe0ac4f,
    .bad = 0xf0756d,
    .button = 0x3a4048,
    .button_over = 0x474e58,
    .paper = 0xffffff,
};

static const struct theme light = {
    .strip = 0xdadde2,
    .tab_over = 0xe6e9ed,
    .desk = 0xf1f3f5,
    .status = 0xe7eaee,
    .edge = 0xc3c8cf,
    .panel = 0xffffff,
    .row_over = 0xeef2f7,
    .text = 0x20242a,
    .faint = 0x656d78,
    .accent = 0x2b66c4,
    .on_accent = 0xffffff,
    .good = 0x2c8a4f,
    .busy = 0xb5760f,
    .bad = 0xc73c33,
    .button = 0xe4e8ed,
    .button_over = 0xd6dce4,
    .paper = 0xffffff,
};

const struct theme *theme_get(bool is_light)
{
    return is_light ? &light : &dark;
}
