/* Between litehtml, which lays out, and what draws. The one C++ file: litehtml is C++.
 *
 * litehtml matches every selector with every element, parses every declaration once for each element it applies to,
 * and looks every property up by name through all ancestors. `styled` below, wrapped around litehtml's element
 * classes, does these three once for each *kind* of element on the page. It also counts the steps of layout, for
 * nested boxes that shrink to fit are laid out twice a level. */
#include "renderer/engines/html.h"

#include <litehtml/litehtml.h>
#include <litehtml/el_anchor.h>
#include <litehtml/el_before_after.h>
#include <litehtml/el_body.h>
#include <litehtml/el_div.h>
#include <litehtml/el_font.h>
#include <litehtml/el_image.h>
#include <litehtml/el_para.h>
#include <litehtml/el_table.h>
#include <litehtml/el_td.h>
#include <litehtml/el_text.h>
#include <litehtml/el_tr.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "renderer/engines/fitz.h"
#include "renderer/engines/html_fonts.h"
#include "renderer/engines/html_paint.h"

namespace
{

using litehtml::element;
using litehtml::html_tag;
using litehtml::tchar_t;
using litehtml::tstring;

constexpr int default_font_px = 16;
constexpr size_t max_words = 500000; /* pieces of text, blanks included */
constexpr size_t text_block = 16384;
constexpr size_t max_word_bytes = 120;   /* a longer one may be broken anywhere */
constexpr size_t steps_per_element = 60; /* layout steps: most pages need less than five */
constexpr size_t steps_at_least = 2000000;
constexpr size_t match_steps = 15000000;    /* selectors tried with elements */
constexpr size_t sibling_steps = 150000000; /* siblings looked at for :nth-child() and + */
constexpr size_t progress_every = 2048;
constexpr float max_side_px = 1000000; /* MuPDF's rasteriser counts in ints with a fraction */

/* Why a page is given up; thrown through litehtml's frames. */
struct refused {
    enum refusal reason;
    const char *detail;
};

struct font {
    const struct html_face *face;
    float size;
    unsigned decoration;
    int ascent;
};

/* ---- style --------------------------------------------------------------------------------------------- */

/* A selector, with its declarations parsed once, when it first matches. */
struct rule {
    litehtml::css_selector::ptr selector;
    mutable bool is_parsed;
    mutable litehtml::style parsed;

    const litehtml::style &style() const
    {
        if (!is_parsed)
            parsed.add(selector->m_style.c_str(), selector->m_baseurl.c_str(), nullptr);
        is_parsed = true;
        return parsed;
    }
};

/* The rules of one style sheet by the id, class or tag their last part asks for. */
class rule_index
{
  public:
    explicit rule_index(const litehtml::css &sheet)
    {
        rules_.reserve(sheet.selectors().size());
        for (const auto &selector : sheet.selectors())
            add(selector);
    }

    /* Calls take for each rule that could match, in the order of the cascade. */
    template <class Take>
    void each(const char *tag, const char *id, const litehtml::string_vector &classes, Take take) const
    {
        candidates_.assign(universal_.begin(), universal_.end());
        gather(by_tag_, tag);
        if (id)
            gather(by_id_, lower(id));
        for (const tstring &name : classes)
            gather(by_class_, lower(name));
        std::sort(candidates_.begin(), candidates_.end());
        candidates_.erase(std::unique(candidates_.begin(), candidates_.end()), candidates_.end());
        /* take may lead here again, for another element */
        std::vector<unsigned> candidates;
        candidates.swap(candidates_);
        for (unsigned i : candidates)
            take(rules_[i]);
        candidates_.swap(candidates);
    }

  private:
    using table = std::unordered_map<tstring, std::vector<unsigned>>;

    static tstring lower(tstring text)
    {
        for (char &c : text)
            c = (char)litehtml::t_tolower((unsigned char)c);
        return text;
    }

    void gather(const table &from, const tstring &key) const
    {
        auto found = from.find(key);
        if (found != from.end())
            candidates_.insert(candidates_.end(), found->second.begin(), found->second.end());
    }

    void add(const litehtml::css_selector::ptr &selector)
    {
        unsigned i = (unsigned)rules_.size();
        rules_.push_back(rule{selector, false, {}});
        const litehtml::css_element_selector &last = selector->m_right;
        const litehtml::css_attribute_selector *id = nullptr, *name = nullptr;
        for (const auto &attribute : last.m_attrs) {
            if (attribute.condition != litehtml::select_equal)
                continue;
            if (attribute.attribute == "id")
                id = &attribute;
            else if (attribute.attribute == "class" && !attribute.class_val.empty())
                name = &attribute;
        }
        if (id)
            by_id_[lower(id->val)].push_back(i);
        else if (name)
            by_class_[lower(name->class_val.front())].push_back(i);
        else if (!last.m_tag.empty() && last.m_tag != "*")
            by_tag_[last.m_tag].push_back(i);
        else
            universal_.push_back(i);
    }

    std::vector<rule> rules_;
    table by_id_, by_class_, by_tag_;
    std::vector<unsigned> universal_;
    mutable std::vector<unsigned> candidates_;
};

/* What litehtml computes from an element's properties. Elements of one kind share it. */
struct computed {
    unsigned number; /* of the kind */
    litehtml::style properties;

    litehtml::vertical_align vertical_align;
    litehtml::text_align text_align;
    litehtml::style_display display;
    litehtml::list_style_type list_style_type;
    litehtml::list_style_position list_style_position;
    litehtml::white_space white_space;
    litehtml::element_float floating;
    litehtml::element_clear clear;
    litehtml::background background;
    litehtml::element_position position;
    int line_height;
    bool line_height_is_normal;
    litehtml::uint_ptr font;
    int font_size;
    litehtml::font_metrics font_metrics;
    litehtml::css_margins css_margins, css_padding;
    litehtml::css_borders css_borders;
    litehtml::css_length width, height, min_width, min_height, max_width, max_height, text_indent;
    litehtml::css_offsets offsets;
    litehtml::overflow overflow;
    litehtml::visibility visibility;
    int z_index;
    litehtml::box_sizing box_sizing;
    litehtml::margins margins, padding, borders;

    /* inherited properties that were asked for: the name and what was found */
    mutable std::vector<std::pair<const char *, const char *>> inherited;
};

/* The parent's kind, the class of the element, and the rules that matched. */
using kind_key = std::vector<uintptr_t>;

struct kind_hash {
    size_t operator()(const kind_key &key) const
    {
        size_t hash = 1469598103934665603u;
        for (uintptr_t part : key)
            hash = (hash ^ part) * 1099511628211u;
        return hash ^ hash >> 29;
    }
};

/* ---- the page ------------------------------------------------------------------------------------------ */

struct master {
    litehtml::context context;
    std::unique_ptr<rule_index> index;
};

master *the_master; /* made at warm-up, never changed after */

fz_rect rect_of(const litehtml::position &p)
{
    auto bounded = [](int v) { return std::min(std::max((float)v, -max_side_px), max_side_px); };
    return fz_make_rect(bounded(p.x), bounded(p.y), bounded(p.x) + bounded(p.width), bounded(p.y) + bounded(p.height));
}

html_rgba rgba_of(const litehtml::web_color &color)
{
    return {color.red, color.green, color.blue, color.alpha};
}

html_corners corners_of(const litehtml::border_radiuses &r)
{
    return {{(float)r.top_left_x, (float)r.top_left_y},
            {(float)r.top_right_x, (float)r.top_right_y},
            {(float)r.bottom_right_x, (float)r.bottom_right_y},
            {(float)r.bottom_left_x, (float)r.bottom_left_y}};
}

} // namespace

struct html_page final : public litehtml::document_container {
    explicit html_page(const html_input &input)
        : urls_(input.urls), n_urls_(input.n_urls), resources_(input.resources), progress_(input.progress)
    {
        set_window(input.width_px, input.height_px);
        pictures_.resize(n_urls_);
    }

    ~html_page()
    {
        document_.reset();
        for (const picture &held : pictures_)
            html_paint_drop_picture(held.image);
    }

    html_page(const html_page &) = delete;
    html_page &operator=(const html_page &) = delete;

    void set_window(int width_px, int height_px)
    {
        width_ = width_px;
        height_ = height_px;
    }

    void load(const char *html);
    void layout(int width_px, int height_px);
    void draw(html_paint *paint, fz_rect clip);

    bool depends_on_window() const
    {
        return depends_on_window_;
    }

    void cut(const char *text, const std::function<void(const char *, bool)> &take);
    const char *keep(const char *text, size_t n);

    /* Whether a blank after a blank can be seen where the tree is being built. */
    bool keeps_blanks() const
    {
        return keeps_blanks_ || open_pre_;
    }

    void close_pre(const element *el)
    {
        if (el == open_pre_)
            open_pre_ = nullptr;
    }

    void size(int *ret_width, int *ret_height) const
    {
        *ret_width = std::max(document_->width(), width_);
        *ret_height = std::max(document_->height(), height_);
    }

    element::ptr root() const
    {
        return document_->root();
    }

    const tstring &title() const
    {
        return title_;
    }

    /* ---- for the elements ---- */

    void step(size_t n = 1)
    {
        if ((n_steps_ + n) / progress_every != n_steps_ / progress_every && progress_)
            progress_();
        n_steps_ += n;
        if (n_steps_ > max_steps_)
            throw refused{REFUSAL_BROKEN, "laying out this page takes too many steps"};
    }

    /* Whether there is time to look through n siblings. Where there is none left, the selector does not match: a page
     * without its stripes can still be read. */
    bool may_search(size_t n)
    {
        step();
        n_searched_ += n;
        return n_searched_ <= sibling_steps;
    }

    const rule_index *author_index(const litehtml::css &sheet)
    {
        if (&sheet == &the_master->context.master_css())
            return the_master->index.get();
        if (!author_index_)
            author_index_ = std::make_unique<rule_index>(sheet);
        return author_index_.get();
    }

    const computed *find_kind(const kind_key &key) const
    {
        auto found = kinds_.find(key);
        return found == kinds_.end() ? nullptr : found->second;
    }

    const computed *add_kind(const kind_key *key, std::unique_ptr<computed> kind)
    {
        kind->number = (unsigned)all_kinds_.size() + 1;
        all_kinds_.push_back(std::move(kind));
        if (key)
            kinds_[*key] = all_kinds_.back().get();
        return all_kinds_.back().get();
    }

    fz_image *open_picture(const html_url &url);
    fz_image *picture_of(const tstring &name);
    bool has_rtl() const
    {
        return has_rtl_;
    }
    void set_missing(const tstring &name, int width, int height)
    {
        missing_[name] = {width, height};
    }
    void draw_missing(const litehtml::position &pos, const tstring &alt, litehtml::uint_ptr font_handle);

    /* ---- litehtml::document_container ---- */

    litehtml::uint_ptr create_font(const tchar_t *name, int size, int weight, litehtml::font_style style,
                                   unsigned int decoration, litehtml::font_metrics *metrics) override;
    void delete_font(litehtml::uint_ptr handle) override
    {
        delete (font *)handle;
    }
    int text_width(const tchar_t *text, litehtml::uint_ptr handle) override;
    void draw_text(litehtml::uint_ptr hdc, const tchar_t *text, litehtml::uint_ptr handle, litehtml::web_color color,
                   const litehtml::position &pos) override;
    int pt_to_px(int pt) const override
    {
        return (int)lround(pt * 96.0 / 72);
    }
    int get_default_font_size() const override
    {
        return default_font_px;
    }
    const tchar_t *get_default_font_name() const override
    {
        return "serif";
    }
    void draw_list_marker(litehtml::uint_ptr hdc, const litehtml::list_marker &marker) override;
    void load_image(const tchar_t *, const tchar_t *, bool) override
    {
    }
    void get_image_size(const tchar_t *src, const tchar_t *baseurl, litehtml::size &size) override;
    void draw_background(litehtml::uint_ptr hdc, const litehtml::background_paint &bg) override;
    void draw_borders(litehtml::uint_ptr hdc, const litehtml::borders &borders, const litehtml::position &pos,
                      bool root) override;
    void set_caption(const tchar_t *caption) override
    {
        if (title_.empty())
            title_ = caption;
    }
    void set_base_url(const tchar_t *) override
    {
    }
    void link(const std::shared_ptr<litehtml::document> &, const element::ptr &) override
    {
    }
    void on_anchor_click(const tchar_t *, const element::ptr &) override
    {
    }
    void set_cursor(const tchar_t *) override
    {
    }
    void transform_text(tstring &text, litehtml::text_transform transform) override;
    void import_css(tstring &, const tstring &, tstring &) override
    {
    }
    void set_clip(const litehtml::position &pos, const litehtml::border_radiuses &radiuses, bool valid_x,
                  bool valid_y) override;
    void del_clip() override;
    void get_client_rect(litehtml::position &client) const override
    {
        client = litehtml::position(0, 0, width_, height_);
    }
    element::ptr create_element(const tchar_t *tag_name, const litehtml::string_map &attributes,
                                const std::shared_ptr<litehtml::document> &document) override;
    element::ptr make_element(const tchar_t *tag_name, const std::shared_ptr<litehtml::document> &document);
    void get_media_features(litehtml::media_features &media) const override;
    void get_language(tstring &language, tstring &culture) const override
    {
        language = "en";
        culture = "";
    }
    /* The element that takes the text cuts it. */
    void split_text(const char *text, const std::function<void(const tchar_t *)> &on_word,
                    const std::function<void(const tchar_t *)> &) override
    {
        on_word(text);
    }

  private:
    struct picture {
        fz_image *image = nullptr;
        bool tried = false;
    };

    const html_url *urls_;
    size_t n_urls_;
    html_resources *resources_;
    void (*progress_)(void);
    int width_ = 0, height_ = 0;
    litehtml::document::ptr document_;
    html_paint *paint_ = nullptr; /* while drawing */
    tstring title_;
    bool has_rtl_ = false, depends_on_window_ = false, keeps_blanks_ = false;
    const element *open_pre_ = nullptr; /* the outermost one that has not been given to its parent yet */
    size_t n_words_ = 0, n_elements_ = 0, n_steps_ = 0, max_steps_ = match_steps, n_searched_ = 0;
    std::vector<std::unique_ptr<char[]>> texts_;
    char *text_end_ = nullptr;
    size_t n_text_left_ = 0;
    std::vector<picture> pictures_;
    std::unordered_map<tstring, std::pair<int, int>> missing_;
    std::unique_ptr<rule_index> author_index_;
    std::vector<std::unique_ptr<computed>> all_kinds_;
    std::unordered_map<kind_key, const computed *, kind_hash> kinds_;
};

namespace
{

/* ---- elements ------------------------------------------------------------------------------------------ */

html_page *page_of(const element *el)
{
    return static_cast<html_page *>(el->get_document()->container());
}

/* A word or a blank. As litehtml's own el_text and el_space, of which there are two for each word of a page, but
 * without their two strings. */
class word final : public element
{
  public:
    /* text is the page's. */
    word(const char *text, bool is_blank, const std::shared_ptr<litehtml::document> &document)
        : element(document), is_blank_(is_blank), ends_line_(strcmp(text, "\n") == 0), draws_blank_(true), text_(text)
    {
    }

    void get_text(tstring &text) override
    {
        text += text_;
    }

    const char *text() const
    {
        return text_;
    }

    const tchar_t *get_style_property(const tchar_t *name, bool inherited, const tchar_t *def = nullptr) const override
    {
        return inherited ? parent()->get_style_property(name, true, def) : def;
    }

    void parse_styles(bool) override
    {
        html_page *page = page_of(this);
        if (is_blank_)
            text_ = is_white_space() ? " " : *text_ == '\t' ? "    " : *text_ == '\n' || *text_ == '\r' ? "" : text_;
        else
            transform(page);
        litehtml::font_metrics metrics;
        litehtml::uint_ptr font = parent()->get_font(&metrics);
        draws_blank_ = metrics.draw_spaces;
        if (is_break())
            return;
        height_ = (short)metrics.height;
        width_ = page->text_width(text_, font);
    }

    void draw(litehtml::uint_ptr hdc, int x, int y, const litehtml::position *clip) override
    {
        litehtml::position pos = m_pos;
        pos.x += x;
        pos.y += y;
        if ((is_white_space() && !draws_blank_) || !pos.does_intersect(clip))
            return;
        element::ptr above = parent();
        litehtml::web_color color = above->get_color("color", true, get_document()->get_def_color());
        page_of(this)->draw_text(hdc, text_, above->get_font(), color, pos);
    }

    int get_base_line() override
    {
        return parent()->get_base_line();
    }

    int line_height() const override
    {
        return parent()->line_height();
    }

    litehtml::uint_ptr get_font(litehtml::font_metrics *metrics = nullptr) override
    {
        return parent()->get_font(metrics);
    }

    litehtml::style_display get_display() const override
    {
        return litehtml::display_inline_text;
    }

    litehtml::white_space get_white_space() const override
    {
        return parent()->get_white_space();
    }

    /* A word moves with the inline elements it is in. */
    litehtml::element_position get_element_position(litehtml::css_offsets *offsets = nullptr) const override
    {
        element::ptr moved = moved_with();
        if (moved && offsets)
            *offsets = moved->get_css_offsets();
        return moved ? litehtml::element_position_relative : litehtml::element_position_static;
    }

    litehtml::css_offsets get_css_offsets() const override
    {
        element::ptr moved = moved_with();
        return moved ? moved->get_css_offsets() : litehtml::css_offsets();
    }

    bool is_space() const override
    {
        return is_blank_;
    }

    bool is_white_space() const override
    {
        litehtml::white_space kept = is_blank_ ? get_white_space() : litehtml::white_space_pre;
        return kept == litehtml::white_space_normal || kept == litehtml::white_space_nowrap ||
               kept == litehtml::white_space_pre_line;
    }

    bool is_break() const override
    {
        litehtml::white_space kept = ends_line_ ? get_white_space() : litehtml::white_space_normal;
        return kept == litehtml::white_space_pre || kept == litehtml::white_space_pre_line ||
               kept == litehtml::white_space_pre_wrap;
    }

  protected:
    void get_content_size(litehtml::size &size, int) override
    {
        size.width = width_;
        size.height = height_;
    }

  private:
    /* In this order the first three lie where element has room at its end. */
    bool is_blank_ : 1, ends_line_ : 1, draws_blank_ : 1;
    short height_ = 0; /* create_font() makes no higher ones */
    int width_ = 0;
    const char *text_; /* as it is drawn, once there is a style */

    void transform(html_page *page)
    {
        const tchar_t *name = parent()->get_style_property("text-transform", true, "none");
        auto how = (litehtml::text_transform)litehtml::value_index(name, text_transform_strings,
                                                                   litehtml::text_transform_none);
        if (how == litehtml::text_transform_none)
            return;
        tstring text = text_;
        page->transform_text(text, how);
        text_ = page->keep(text.data(), text.size());
    }

    element::ptr moved_with() const
    {
        element::ptr el = parent();
        while (el && el->get_display() == litehtml::display_inline &&
               el->get_element_position() != litehtml::element_position_relative)
            el = el->parent();
        return el && el->get_display() == litehtml::display_inline ? el : nullptr;
    }
};

/* What other elements need to know of one that is wrapped. */
class styled_element
{
  public:
    const computed *kind = nullptr;
    virtual void collapse_margins() = 0;
    virtual void set_margin_before(int margin) = 0;
    virtual void reorder_lines() = 0;

  protected:
    ~styled_element() = default;
};

void reorder_line(litehtml::elements_vector &items, bool rtl);

template <class Base> class styled : public Base, public styled_element
{
  public:
    explicit styled(const std::shared_ptr<litehtml::document> &document) : Base(document)
    {
    }

    void apply_stylesheet(const litehtml::css &sheet) override
    {
        html_page *page = page_of(this);
        page->step();
        if (std::is_same<Base, litehtml::el_anchor>::value && this->get_attr("href"))
            this->m_pseudo_classes.assign(1, "link");
        page->author_index(sheet)->each(this->m_tag.c_str(), this->get_attr("id", nullptr), this->m_class_values,
                                        [this](const rule &rule) { apply(rule); });
        if (&sheet == &the_master->context.master_css())
            n_master_rules_ = rules_.size();
        for (auto &child : this->m_children)
            if (child->get_display() != litehtml::display_inline_text)
                child->apply_stylesheet(sheet);
    }

    bool appendChild(const element::ptr &el) override
    {
        html_page *page = page_of(this);
        page->close_pre(el.get());
        if (!dynamic_cast<litehtml::el_text *>(el.get()))
            return Base::appendChild(el);
        tstring text;
        el->get_text(text);
        page->cut(text.c_str(), [this, page](const char *piece, bool is_blank) {
            bool repeats = is_blank && !this->m_children.empty() && this->m_children.back()->is_space();
            if (!repeats || page->keeps_blanks())
                Base::appendChild(std::make_shared<word>(piece, is_blank, this->get_document()));
        });
        return true;
    }

    /* A lookup that goes up the tree has the same answer for all elements of a kind. */
    const tchar_t *get_style_property(const tchar_t *name, bool inherited, const tchar_t *def = nullptr) const override
    {
        if (!kind)
            return Base::get_style_property(name, inherited, def);
        const tchar_t *found = nullptr;
        for (const auto &known : kind->inherited)
            if (inherited && strcmp(known.first, name) == 0) {
                found = known.second;
                return found ? found : def;
            }
        found = kind->properties.get_property(name);
        bool asks_parent = (found && litehtml::t_strcasecmp(found, "inherit") == 0) || (!found && inherited);
        element::ptr parent = asks_parent ? this->parent() : nullptr;
        if (parent)
            found = parent->get_style_property(name, inherited, nullptr);
        if (inherited && is_literal(name))
            kind->inherited.emplace_back(name, found);
        return found ? found : def;
    }

    void parse_styles(bool is_reparse = false) override
    {
        html_page *page = page_of(this);
        page->step();
        this->m_children.shrink_to_fit();
        kind_key key;
        bool shares = make_key(&key);
        const computed *known = shares ? page->find_kind(key) : nullptr;
        if (known) {
            take_from(*known);
            kind = known;
            if (is_tabular(this->m_display))
                this->get_document()->add_tabular(this->shared_from_this());
        } else {
            compute(page, shares ? &key : nullptr);
        }
        rules_ = {};
        if (!is_reparse)
            for (auto &child : this->m_children)
                child->parse_styles();
    }

    int render(int x, int y, int max_width, bool second_pass = false) override
    {
        page_of(this)->step();
        return Base::render(x, y, max_width, second_pass);
    }

    int place_element(const element::ptr &el, int max_width) override
    {
        page_of(this)->step();
        auto *own = el->is_inline_box() ? nullptr : dynamic_cast<styled_element *>(el.get());
        if (own)
            own->set_margin_before(margin_before());
        return Base::place_element(el, max_width);
    }

    void set_margin_before(int margin) override
    {
        margin_before_ = margin;
    }

    bool is_nth_child(const element::ptr &el, int num, int off, bool of_type) const override
    {
        return page_of(this)->may_search(this->m_children.size()) && Base::is_nth_child(el, num, off, of_type);
    }

    bool is_nth_last_child(const element::ptr &el, int num, int off, bool of_type) const override
    {
        return page_of(this)->may_search(this->m_children.size()) && Base::is_nth_last_child(el, num, off, of_type);
    }

    element::ptr find_adjacent_sibling(const element::ptr &el, const litehtml::css_selector &selector,
                                       bool apply_pseudo, bool *is_pseudo) override
    {
        if (!page_of(this)->may_search(this->m_children.size()))
            return nullptr;
        return Base::find_adjacent_sibling(el, selector, apply_pseudo, is_pseudo);
    }

    element::ptr find_sibling(const element::ptr &el, const litehtml::css_selector &selector, bool apply_pseudo,
                              bool *is_pseudo) override
    {
        if (!page_of(this)->may_search(this->m_children.size()))
            return nullptr;
        return Base::find_sibling(el, selector, apply_pseudo, is_pseudo);
    }

    /* Each line asks for its place among all floats. */
    int find_next_line_top(int top, int width, int def_right) override
    {
        charge_floats();
        return Base::find_next_line_top(top, width, def_right);
    }

    void add_float(const element::ptr &el, int x, int y) override
    {
        charge_floats();
        Base::add_float(el, x, y);
    }

    /* litehtml finds that a box takes over the margin of its first child only when it has laid it out, and then leaves
     * out what that means for the box before. Here it is known in advance. */
    void collapse_margins() override
    {
        if (is_nothing()) {
            this->m_display = litehtml::display_none; /* or the margins around it would not meet */
            return;
        }
        bool first = this->collapse_top_margin() && this->m_overflow == litehtml::overflow_visible &&
                     (this->m_display == litehtml::display_block || this->m_display == litehtml::display_list_item);
        for (auto &child : this->m_children) {
            auto *own = dynamic_cast<styled_element *>(child.get());
            if (own)
                own->collapse_margins();
            bool is_empty_inline =
                own && child->get_display() == litehtml::display_inline && child->get_children_count() == 0;
            if (!first || is_empty_inline || child->is_white_space() ||
                child->get_display() == litehtml::display_none || child->get_float() != litehtml::float_none ||
                !child->in_normal_flow())
                continue;
            if (!child->is_inline_box())
                taken_margin_ = std::max(child->margin_top(), 0);
            first = false;
        }
        this->m_margins.top = std::max(this->m_margins.top, taken_margin_);
    }

    void calc_outlines(int parent_width) override
    {
        Base::calc_outlines(parent_width);
        int top = std::max(this->m_margins.top, taken_margin_);
        this->m_margins.top = top > 0 ? top - std::min(top, margin_before_) : top;
    }

    void reorder_lines() override
    {
        const tchar_t *direction = this->get_style_property("direction", true, "ltr");
        bool rtl = strcmp(direction, "rtl") == 0;
        for (auto &box : this->m_boxes) {
            if (box->get_type() != litehtml::box_line)
                continue;
            litehtml::elements_vector items;
            box->get_elements(items);
            reorder_line(items, rtl);
        }
    }

  private:
    std::vector<const rule *> rules_; /* that matched, until parse_styles; the master's first */
    size_t n_master_rules_ = 0;
    int taken_margin_ = 0;  /* of the first child */
    int margin_before_ = 0; /* of the box before, as far as litehtml does not see that the two meet */

    /* litehtml takes the bottom margin of a box with a bottom border or padding for one that meets no other. */
    int margin_before() const
    {
        for (size_t i = this->m_boxes.size(); i-- > 0;) {
            const auto &box = this->m_boxes[i];
            if (box->get_type() == litehtml::box_line) {
                if (box->is_empty())
                    continue;
                return 0;
            }
            litehtml::elements_vector before;
            box->get_elements(before);
            if (before.empty() || before.front()->collapse_bottom_margin())
                return 0;
            return std::max(before.front()->margin_bottom(), 0);
        }
        return 0;
    }

    void charge_floats() const
    {
        page_of(this)->step(1 + (this->m_floats_left.size() + this->m_floats_right.size()) / 16);
    }

    /* A block without content, size, border or effect on floats. */
    bool is_nothing() const
    {
        auto none = [](const litehtml::margins &m) { return !m.left && !m.right && !m.top && !m.bottom; };
        return this->m_display == litehtml::display_block && this->have_parent() && !this->is_body() &&
               this->m_children.empty() && this->m_clear == litehtml::clear_none &&
               this->m_float == litehtml::float_none && this->m_el_position == litehtml::element_position_static &&
               this->m_css_height.is_predefined() && this->m_css_min_height.val() == 0 && !this->is_replaced() &&
               none(this->m_margins) && none(this->m_padding) && none(this->m_borders);
    }

    void apply(const rule &rule)
    {
        const litehtml::css_selector &selector = *rule.selector;
        page_of(this)->step();
        int match = this->select(selector, false);
        if (match == litehtml::select_no_match || !selector.is_media_valid())
            return;
        if (match & litehtml::select_match_pseudo_class && !this->select(selector, true))
            return;
        if (match & litehtml::select_match_with_after)
            this->get_element_after()->add_style(selector.m_style, selector.m_baseurl);
        else if (match & litehtml::select_match_with_before)
            this->get_element_before()->add_style(selector.m_style, selector.m_baseurl);
        else
            rules_.push_back(&rule);
    }

    static bool is_tabular(litehtml::style_display display)
    {
        return display == litehtml::display_inline_table ||
               (display >= litehtml::display_table && display <= litehtml::display_table_row_group);
    }

    /* Names that are not literals of litehtml's cannot be kept: there are none after variables are replaced, but a
     * style of today's could ask. The ones that are asked for again and again are these. */
    static bool is_literal(const tchar_t *name)
    {
        return name[0] != '-' || strncmp(name, "-litehtml", 9) == 0;
    }

    static const styled_element *parent_of(const element::ptr &parent)
    {
        return dynamic_cast<const styled_element *>(parent.get());
    }

    /* The key of the element's kind. False when it is the only one: hints or a style of its own, a table, a picture. */
    bool make_key(kind_key *ret_key)
    {
        if (std::is_same<Base, litehtml::el_table>::value || std::is_same<Base, litehtml::el_image>::value)
            return false;
        if (this->get_attr("style") || has_hints())
            return false;
        element::ptr parent = this->parent();
        const styled_element *above = parent ? parent_of(parent) : nullptr;
        if (parent && (!above || !above->kind))
            return false;
        ret_key->reserve(rules_.size() + 1);
        ret_key->push_back(above ? above->kind->number : 0);
        for (const rule *rule : rules_)
            ret_key->push_back((uintptr_t)rule);
        return true;
    }

    /* Whether parse_attributes has made properties of attributes: width, bgcolor, align … */
    bool has_hints() const
    {
        static const char *const hints[] = {"align", "bgcolor", "color",  "face",       "size",
                                            "width", "height",  "valign", "background", "border"};
        for (const char *hint : hints)
            if (this->m_attrs.count(hint))
                return true;
        return is_cell() && table_attribute("cellpadding", "border");
    }

    bool is_cell() const
    {
        return std::is_same<Base, litehtml::el_td>::value;
    }

    const html_tag *table() const
    {
        element::ptr el = this->parent();
        for (int i = 0; el && i < 3; i++, el = el->parent())
            if (strcmp(el->get_tagName(), "table") == 0)
                return dynamic_cast<const html_tag *>(el.get());
        return nullptr;
    }

    bool table_attribute(const char *first, const char *second) const
    {
        const html_tag *above = table();
        return above && (above->get_attr(first) || above->get_attr(second));
    }

    /* What a table's attributes say of its cells. */
    void add_cell_hints(litehtml::style *style)
    {
        const html_tag *above = table();
        const tchar_t *padding = above ? above->get_attr("cellpadding") : nullptr;
        const tchar_t *border = above ? above->get_attr("border") : nullptr;
        if (padding)
            for (const char *side : {"padding-left", "padding-right", "padding-top", "padding-bottom"})
                style->add_property(side, padding, nullptr, false, nullptr);
        if (border && strcmp(border, "0") != 0)
            style->add_property("border", "1px inset #808080", nullptr, false, nullptr);
    }

    void compute(html_page *page, const kind_key *key)
    {
        litehtml::style hints = this->m_style;
        this->m_style.clear();
        for (size_t i = 0; i < n_master_rules_; i++)
            this->m_style.combine(rules_[i]->style());
        if (is_cell())
            add_cell_hints(&this->m_style);
        this->m_style.combine(hints);
        for (size_t i = n_master_rules_; i < rules_.size(); i++)
            this->m_style.combine(rules_[i]->style());

        Base::parse_styles(true);
        lay_in_row();
        auto made = std::make_unique<computed>();
        give_to(*made);
        kind = page->add_kind(key, std::move(made));
    }

    /* The children of a flexible row stand side by side. */
    void lay_in_row()
    {
        element::ptr parent = this->parent();
        const tchar_t *row = parent ? parent->get_style_property("-vitrine-flex", false, nullptr) : nullptr;
        if (!row || this->m_float != litehtml::float_none || this->m_el_position > litehtml::element_position_relative)
            return;
        const tchar_t *direction = parent->get_style_property("-vitrine-direction", false, "row");
        if (strcmp(direction, "row") != 0)
            return;
        if (this->m_display == litehtml::display_block || this->m_display == litehtml::display_list_item ||
            this->m_display == litehtml::display_inline) {
            this->m_display = litehtml::display_inline_block;
            this->m_vertical_align = litehtml::va_top;
        }
    }

    void give_to(computed &to)
    {
        to.properties = this->m_style;
        this->m_style.clear();
        to.vertical_align = this->m_vertical_align;
        to.text_align = this->m_text_align;
        to.display = this->m_display;
        to.list_style_type = this->m_list_style_type;
        to.list_style_position = this->m_list_style_position;
        to.white_space = this->m_white_space;
        to.floating = this->m_float;
        to.clear = this->m_clear;
        to.background = this->m_bg;
        to.position = this->m_el_position;
        to.line_height = this->m_line_height;
        to.line_height_is_normal = this->m_lh_predefined;
        to.font = this->m_font;
        to.font_size = this->m_font_size;
        to.font_metrics = this->m_font_metrics;
        to.css_margins = this->m_css_margins;
        to.css_padding = this->m_css_padding;
        to.css_borders = this->m_css_borders;
        to.width = this->m_css_width;
        to.height = this->m_css_height;
        to.min_width = this->m_css_min_width;
        to.min_height = this->m_css_min_height;
        to.max_width = this->m_css_max_width;
        to.max_height = this->m_css_max_height;
        to.text_indent = this->m_css_text_indent;
        to.offsets = this->m_css_offsets;
        to.overflow = this->m_overflow;
        to.visibility = this->m_visibility;
        to.z_index = this->m_z_index;
        to.box_sizing = this->m_box_sizing;
        to.margins = this->m_margins;
        to.padding = this->m_padding;
        to.borders = this->m_borders;
    }

    void take_from(const computed &from)
    {
        this->m_vertical_align = from.vertical_align;
        this->m_text_align = from.text_align;
        this->m_display = from.display;
        this->m_list_style_type = from.list_style_type;
        this->m_list_style_position = from.list_style_position;
        this->m_white_space = from.white_space;
        this->m_float = from.floating;
        this->m_clear = from.clear;
        this->m_bg = from.background;
        this->m_el_position = from.position;
        this->m_line_height = from.line_height;
        this->m_lh_predefined = from.line_height_is_normal;
        this->m_font = from.font;
        this->m_font_size = from.font_size;
        this->m_font_metrics = from.font_metrics;
        this->m_css_margins = from.css_margins;
        this->m_css_padding = from.css_padding;
        this->m_css_borders = from.css_borders;
        this->m_css_width = from.width;
        this->m_css_height = from.height;
        this->m_css_min_width = from.min_width;
        this->m_css_min_height = from.min_height;
        this->m_css_max_width = from.max_width;
        this->m_css_max_height = from.max_height;
        this->m_css_text_indent = from.text_indent;
        this->m_css_offsets = from.offsets;
        this->m_overflow = from.overflow;
        this->m_visibility = from.visibility;
        this->m_z_index = from.z_index;
        this->m_box_sizing = from.box_sizing;
        this->m_margins = from.margins;
        this->m_padding = from.padding;
        this->m_borders = from.borders;
    }
};

/* A list item that knows its number; litehtml's own counts its siblings anew for each. */
class list_item final : public styled<html_tag>
{
  public:
    using styled<html_tag>::styled;

    int render(int x, int y, int max_width, bool second_pass = false) override
    {
        if (!numbered_ && m_list_style_type >= litehtml::list_style_type_armenian)
            number_siblings();
        return styled<html_tag>::render(x, y, max_width, second_pass);
    }

  private:
    bool numbered_ = false;

    void number_siblings()
    {
        element::ptr list = parent();
        const tchar_t *start = list ? list->get_attr("start") : nullptr;
        int number = start ? atoi(start) : 1;
        for (size_t i = 0; list && i < list->get_children_count(); i++) {
            auto *item = dynamic_cast<list_item *>(list->get_child((int)i).get());
            if (!item)
                continue;
            const tchar_t *value = item->get_attr("value");
            if (value)
                number = atoi(value);
            item->m_attrs["list_index"] = std::to_string(number);
            item->numbered_ = true;
            if (number < INT32_MAX)
                number++;
        }
        numbered_ = true;
    }
};

/* A picture, or the box with its text that stands for one that cannot be had. */
class image final : public styled<litehtml::el_image>
{
  public:
    using styled<litehtml::el_image>::styled;

    void parse_styles(bool is_reparse = false) override
    {
        styled<litehtml::el_image>::parse_styles(is_reparse);
        const tchar_t *src = get_attr("src", "");
        html_page *page = page_of(this);
        missing_ = !page->picture_of(src);
        if (!missing_)
            return;
        alt_ = get_attr("alt", "");
        int width = alt_.empty() ? 0 : page->text_width(alt_.c_str(), m_font) + 10;
        page->set_missing(src, std::min(width, 480), alt_.empty() ? 0 : m_font_metrics.height + 4);
    }

    void draw(litehtml::uint_ptr hdc, int x, int y, const litehtml::position *clip) override
    {
        styled<litehtml::el_image>::draw(hdc, x, y, clip);
        litehtml::position pos = m_pos;
        pos.x += x;
        pos.y += y;
        if (missing_ && pos.does_intersect(clip))
            page_of(this)->draw_missing(pos, alt_, m_font);
    }

  private:
    bool missing_ = false;
    tstring alt_;
};

/* ---- the order of a line ------------------------------------------------------------------------------- */

/* Whether the letters before a number run from right to left. */
bool follows_rtl(const std::vector<html_direction> &directions, size_t i, bool rtl)
{
    while (i-- > 0)
        if (directions[i] == HTML_RTL || directions[i] == HTML_LTR)
            return directions[i] == HTML_RTL;
    return rtl;
}

/* litehtml puts the words of a line from left to right. Where there are words of the other direction, the places are
 * given out anew, as the Unicode bidirectional algorithm has it for whole words. */
void reorder_line(litehtml::elements_vector &items, bool rtl)
{
    items.erase(std::remove_if(items.begin(), items.end(), [](const element::ptr &el) { return el->skip(); }),
                items.end());
    size_t n = items.size();
    std::vector<html_direction> directions(n);
    bool any = rtl;
    for (size_t i = 0; i < n; i++) {
        tstring text;
        if (items[i]->get_display() == litehtml::display_inline_text)
            items[i]->get_text(text);
        directions[i] = html_fonts_direction(text.data(), text.size());
        any = any || directions[i] == HTML_RTL;
    }
    if (!any || n < 2)
        return;

    /* Levels: 0 and 2 run to the right, 1 to the left. Digits follow the letters before them, but beside words from right
     * to left count as one of them; blanks go with equal neighbours, otherwise with the line. */
    for (size_t i = 0; i < n; i++)
        if (directions[i] == HTML_DIGIT && !follows_rtl(directions, i, rtl))
            directions[i] = HTML_LTR;
    int base = rtl ? 1 : 0;
    std::vector<int> levels(n, base);
    for (size_t i = 0; i < n;) {
        if (directions[i] != HTML_NEUTRAL) {
            levels[i] = directions[i] == HTML_RTL ? 1 : directions[i] == HTML_DIGIT || rtl ? 2 : 0;
            i++;
            continue;
        }
        size_t end = i;
        while (end < n && directions[end] == HTML_NEUTRAL)
            end++;
        bool rtl_before = i > 0 ? directions[i - 1] != HTML_LTR : rtl;
        bool rtl_after = end < n ? directions[end] != HTML_LTR : rtl;
        for (; i < end; i++)
            levels[i] = rtl_before != rtl_after ? base : rtl_before ? 1 : rtl ? 2 : 0;
    }

    int left = items[0]->get_position().x;
    std::vector<int> advances(n);
    for (size_t i = 0; i < n; i++) {
        const litehtml::position &pos = items[i]->get_position();
        advances[i] = i + 1 < n ? std::max(items[i + 1]->get_position().x - pos.x, 0) : pos.width;
    }
    std::vector<size_t> order(n);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (int level = 2; level > 0; level--)
        for (size_t i = 0; i < n;) {
            size_t end = i;
            while (end < n && levels[order[end]] >= level)
                end++;
            std::reverse(order.begin() + (ptrdiff_t)i, order.begin() + (ptrdiff_t)end);
            i = std::max(end, i + 1);
        }
    for (size_t i : order) {
        items[i]->get_position().x = left;
        left += advances[i];
    }
}

void reorder_lines(const element::ptr &el)
{
    auto *own = dynamic_cast<styled_element *>(el.get());
    if (own)
        own->reorder_lines();
    for (size_t i = 0; i < el->get_children_count(); i++)
        reorder_lines(el->get_child((int)i));
}

/* ---- words --------------------------------------------------------------------------------------------- */

bool is_space(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Characters between which a line may be broken anywhere. */
bool is_ideograph(uint32_t c)
{
    return (c >= 0x2e80 && c <= 0x2fff) || (c >= 0x3040 && c <= 0x31ff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x4e00 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xff66 && c <= 0xff9d) || (c >= 0x20000 && c <= 0x3ffff) || c == 0x3005 || c == 0x3006;
}

/* Punctuation that no line may begin with: it stays with what is before it. */
bool sticks_to_previous(uint32_t c)
{
    static const char32_t marks[] =
        U"、。〉》」』】〕〗〙〛！），．：；？］｝〜～ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々…‥·’”";
    return c && std::char_traits<char32_t>::find(marks, sizeof(marks) / sizeof(marks[0]) - 1, (char32_t)c);
}

/* And that no line may end with. */
bool sticks_to_next(uint32_t c)
{
    static const char32_t marks[] = U"〈《「『【〔〖〘〚（［｛‘“";
    return c && std::char_traits<char32_t>::find(marks, sizeof(marks) / sizeof(marks[0]) - 1, (char32_t)c);
}

const char *blank_of(uint32_t c)
{
    return c == ' ' ? " " : c == '\t' ? "\t" : c == '\n' ? "\n" : c == '\r' ? "\r" : "\f";
}

bool is_word_char(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0xc0;
}

bool may_break_between(uint32_t before, uint32_t two_before, uint32_t after)
{
    if (before == 0x200b)
        return true;
    if (before < 0x2000 && after < 0x2000)
        return before == '-' && is_word_char(two_before) && is_word_char(after) && !(after >= '0' && after <= '9');
    if (sticks_to_previous(after) || sticks_to_next(before))
        return false;
    if (before == 0x2014 || before == 0x2013 || before == 0x00ad)
        return after != before;
    return is_ideograph(before) || is_ideograph(after) || sticks_to_previous(before)
               ? before != 0x2019 && before != 0x201d && before != 0x2026 && before != 0xb7
               : false;
}

uint32_t change_case(uint32_t c, bool upper)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7) || (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) ||
        (c >= 0x430 && c <= 0x44f))
        return upper ? c - 32 : c;
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return upper ? c : c + 32;
    if (c >= 0x450 && c <= 0x45f)
        return upper ? c - 80 : c;
    if (c >= 0x400 && c <= 0x40f)
        return upper ? c : c + 80;
    if (c == 0x3c2 && upper)
        return 0x3a3;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177) || (c >= 0x460 && c <= 0x481) ||
        (c >= 0x48a && c <= 0x4bf) || (c >= 0x1e00 && c <= 0x1e95))
        return upper ? c & ~1u : c | 1u;
    return c;
}

void append_utf8(tstring &text, uint32_t c)
{
    char bytes[8];
    text.append(bytes, (size_t)fz_runetochar(bytes, (int)c));
}

html_side side_of(const litehtml::border &border)
{
    html_side side = {(float)std::min(std::max(border.width, 0), 10000), HTML_LINE_SOLID, rgba_of(border.color)};
    switch (border.style) {
    case litehtml::border_style_none:
    case litehtml::border_style_hidden:
        side.width = 0;
        break;
    case litehtml::border_style_dotted:
        side.line = HTML_LINE_DOTTED;
        break;
    case litehtml::border_style_dashed:
        side.line = HTML_LINE_DASHED;
        break;
    case litehtml::border_style_double:
        side.line = side.width >= 3 ? HTML_LINE_DOUBLE : HTML_LINE_SOLID;
        break;
    case litehtml::border_style_groove:
    case litehtml::border_style_inset:
        side.line = HTML_LINE_INSET;
        break;
    case litehtml::border_style_ridge:
    case litehtml::border_style_outset:
        side.line = HTML_LINE_OUTSET;
        break;
    case litehtml::border_style_solid:
        break;
    }
    return side;
}

} // namespace

/* ---- html_page: making ----------------------------------------------------------------------------------- */

element::ptr html_page::create_element(const tchar_t *tag_name, const litehtml::string_map &,
                                       const std::shared_ptr<litehtml::document> &document)
{
    n_elements_++;
    element::ptr made = make_element(tag_name, document);
    for (const char *pre : {"pre", "listing", "xmp", "plaintext", "textarea"})
        if (!open_pre_ && strcmp(tag_name, pre) == 0)
            open_pre_ = made.get();
    return made;
}

element::ptr html_page::make_element(const tchar_t *tag_name, const std::shared_ptr<litehtml::document> &document)
{
    auto is = [tag_name](const char *name) { return strcmp(tag_name, name) == 0; };
    for (const char *own : {"br", "title", "style", "link", "base", "script"})
        if (is(own))
            return nullptr;
    if (is("p"))
        return std::make_shared<styled<litehtml::el_para>>(document);
    if (is("img"))
        return std::make_shared<image>(document);
    if (is("table"))
        return std::make_shared<styled<litehtml::el_table>>(document);
    if (is("td") || is("th"))
        return std::make_shared<styled<litehtml::el_td>>(document);
    if (is("tr"))
        return std::make_shared<styled<litehtml::el_tr>>(document);
    if (is("a"))
        return std::make_shared<styled<litehtml::el_anchor>>(document);
    if (is("body"))
        return std::make_shared<styled<litehtml::el_body>>(document);
    if (is("div"))
        return std::make_shared<styled<litehtml::el_div>>(document);
    if (is("font"))
        return std::make_shared<styled<litehtml::el_font>>(document);
    if (is("li"))
        return std::make_shared<list_item>(document);
    return std::make_shared<styled<html_tag>>(document);
}

void html_page::get_media_features(litehtml::media_features &media) const
{
    media.type = litehtml::media_type_screen;
    media.width = media.device_width = width_;
    media.height = media.device_height = height_;
    media.color = 8;
    media.monochrome = 0;
    media.color_index = 256;
    media.resolution = 96;
}

/* Calls take for each word and each blank of a text. */
void html_page::cut(const char *text, const std::function<void(const char *, bool)> &take)
{
    const char *word = text;
    uint32_t before = 0, two_before = 0;
    auto finish = [&](const char *end) {
        if (word < end && n_words_++ < max_words)
            take(keep(word, (size_t)(end - word)), false);
        word = end;
    };
    while (*text) {
        const char *start = text;
        uint32_t c = html_fonts_next(&text);
        if (is_space(c)) {
            finish(start);
            word = text;
            if (n_words_++ < max_words)
                take(blank_of(c), true);
            before = two_before = 0;
            continue;
        }
        if (c >= 0x590 && !has_rtl_)
            has_rtl_ = html_fonts_direction_of(c) == HTML_RTL;
        if (word < start && ((size_t)(start - word) >= max_word_bytes || may_break_between(before, two_before, c)))
            finish(start);
        two_before = before;
        before = c;
    }
    finish(text);
    step();
}

/* A text of the page's own. */
const char *html_page::keep(const char *text, size_t n)
{
    if (n_text_left_ <= n) {
        n_text_left_ = std::max(text_block, n + 1);
        texts_.push_back(std::make_unique<char[]>(n_text_left_));
        text_end_ = texts_.back().get();
    }
    char *kept = text_end_;
    memcpy(kept, text, n);
    kept[n] = '\0';
    text_end_ += n + 1;
    n_text_left_ -= n + 1;
    return kept;
}

/* Whether a style of the page's own could make blanks visible. All its styles are in it. */
bool names_white_space(const char *html)
{
    while ((html = strcasestr(html, "white-space"))) {
        html += strlen("white-space");
        html += strspn(html, " \t\r\n:");
        if (strncmp(html, "no", 2) != 0) /* normal, nowrap */
            return true;
    }
    return false;
}

void html_page::load(const char *html)
{
    keeps_blanks_ = names_white_space(html);
    depends_on_window_ = strstr(html, "@media") || strstr(html, " media=") || strstr(html, "vw") || strstr(html, "vh");
    document_ = litehtml::document::createFromUTF8(html, this, &the_master->context);
    auto *root = document_->root() ? dynamic_cast<styled_element *>(document_->root().get()) : nullptr;
    if (!root)
        throw refused{REFUSAL_BROKEN, "there is no page in it"};
    root->collapse_margins();
}

void html_page::layout(int width_px, int height_px)
{
    set_window(width_px, height_px);
    n_steps_ = 0;
    max_steps_ = steps_at_least + steps_per_element * (n_elements_ + n_words_);
    document_->render(width_px);
    if (has_rtl_)
        reorder_lines(document_->root());
}

/* ---- html_page: fonts and text --------------------------------------------------------------------------- */

litehtml::uint_ptr html_page::create_font(const tchar_t *name, int size, int weight, litehtml::font_style style,
                                          unsigned int decoration, litehtml::font_metrics *metrics)
{
    auto made = std::make_unique<font>();
    made->face = html_fonts_find(name, weight >= 600, style == litehtml::fontStyleItalic);
    made->size = (float)std::min(std::max(size, 0), 2000);
    made->decoration = decoration;
    /* as browsers do: ascent and descent in whole pixels, what is between lines shared */
    int ascent = (int)lroundf(made->face->ascent * made->size),
        descent = (int)lroundf(made->face->descent * made->size);
    int gap = (int)lroundf(made->face->line_gap * made->size);
    made->ascent = ascent + gap / 2;
    metrics->height = ascent + descent + gap;
    metrics->ascent = made->ascent;
    metrics->descent = metrics->height - made->ascent;
    metrics->x_height = (int)lroundf(made->face->x_height * made->size);
    metrics->draw_spaces = decoration != 0;
    return (litehtml::uint_ptr)made.release();
}

int html_page::text_width(const tchar_t *text, litehtml::uint_ptr handle)
{
    const font *used = (const font *)handle;
    if (text[0] == ' ' && text[1] == '\0')
        return (int)lroundf(used->face->space * used->size);
    return (int)lroundf(html_fonts_width(used->face, text, strlen(text)) * used->size);
}

void html_page::draw_text(litehtml::uint_ptr, const tchar_t *text, litehtml::uint_ptr handle, litehtml::web_color color,
                          const litehtml::position &pos)
{
    const font *used = (const font *)handle;
    fz_rect box = rect_of(pos);
    float base = box.y0 + (float)used->ascent, line = std::max(1.0f, std::round(used->size / 16));
    auto rule = [&](float y) {
        html_paint_box(paint_, fz_make_rect(box.x0, y, box.x1, y + line), nullptr, rgba_of(color));
    };
    if (used->decoration & litehtml::font_decoration_underline)
        rule(base + std::max(1.0f, std::round(used->size * 0.1f)));
    if (used->decoration & litehtml::font_decoration_overline)
        rule(base - std::round(used->size * 0.9f));
    if (text[0] != ' ' || text[1] != '\0')
        html_paint_word(paint_, used->face, used->size, box.x0, base, rgba_of(color), text, strlen(text));
    if (used->decoration & litehtml::font_decoration_linethrough)
        rule(base - std::round(used->size * 0.28f));
}

void html_page::transform_text(tstring &text, litehtml::text_transform transform)
{
    tstring changed;
    bool first = true;
    for (const char *p = text.c_str(); *p;) {
        uint32_t c = html_fonts_next(&p);
        if (transform == litehtml::text_transform_uppercase && c == 0xdf) {
            changed += "SS";
            continue;
        }
        if (transform == litehtml::text_transform_lowercase)
            c = change_case(c, false);
        else if (transform == litehtml::text_transform_uppercase ||
                 (transform == litehtml::text_transform_capitalize && first))
            c = change_case(c, true);
        first = first && !is_word_char(c);
        append_utf8(changed, c);
    }
    text.swap(changed);
}

void html_page::draw_list_marker(litehtml::uint_ptr, const litehtml::list_marker &marker)
{
    if (!marker.image.empty()) {
        fz_image *image = picture_of(marker.image);
        if (image) {
            fz_rect box = rect_of(marker.pos);
            html_paint_picture(paint_, image, box, box, false, false);
            return;
        }
    }
    html_rgba rgba = rgba_of(marker.color);
    fz_rect box = rect_of(marker.pos);
    if (marker.marker_type < litehtml::list_style_type_armenian)
        box = fz_expand_rect(box, -(box.x1 - box.x0) / 12); /* litehtml's are larger than anybody's */
    switch (marker.marker_type) {
    case litehtml::list_style_type_none:
        break;
    case litehtml::list_style_type_circle:
        html_paint_disc(paint_, box, false, rgba);
        break;
    case litehtml::list_style_type_disc:
        html_paint_disc(paint_, box, true, rgba);
        break;
    case litehtml::list_style_type_square:
        html_paint_box(paint_, box, nullptr, rgba);
        break;
    default: /* numerals that litehtml does not know: the number as we write it */
        const font *used = (const font *)marker.font;
        tstring text = std::to_string(marker.index) + ".";
        int width = text_width(text.c_str(), marker.font);
        html_paint_word(paint_, used->face, used->size, box.x1 - (float)width, box.y0 + (float)used->ascent, rgba,
                        text.data(), text.size());
    }
}

/* ---- html_page: pictures --------------------------------------------------------------------------------- */

fz_image *html_page::open_picture(const html_url &url)
{
    const html_resource *resource = html_resources_find(resources_, ENGINE_WANTED_PICTURE, url.url, url.n_bytes);
    return resource ? html_paint_read_picture(resource->bytes, resource->n_bytes)
                    : html_paint_open_picture(url.url, url.n_bytes);
}

/* Opened when it is first asked for. NULL when there is none. */
fz_image *html_page::picture_of(const tstring &name)
{
    if (name.compare(0, 8, "vitrine:") != 0)
        return nullptr;
    size_t i = strtoul(name.c_str() + 8, nullptr, 10);
    if (i >= n_urls_)
        return nullptr;
    if (!pictures_[i].tried) {
        pictures_[i].tried = true;
        pictures_[i].image = open_picture(urls_[i]);
    }
    return pictures_[i].image;
}

void html_page::get_image_size(const tchar_t *src, const tchar_t *, litehtml::size &size)
{
    fz_image *image = picture_of(src);
    auto missing = missing_.find(src);
    if (image) {
        size.width = image->w;
        size.height = image->h;
    } else if (missing != missing_.end()) {
        size.width = missing->second.first;
        size.height = missing->second.second;
    }
}

void html_page::draw_missing(const litehtml::position &pos, const tstring &alt, litehtml::uint_ptr handle)
{
    if (pos.width < 8 || pos.height < 8)
        return;
    const font *used = (const font *)handle;
    fz_rect box = rect_of(pos);
    html_side side = {1, HTML_LINE_SOLID, {0xc8, 0xcd, 0xd4, 0xff}};
    html_side sides[4] = {side, side, side, side};
    html_corners square = {};
    html_paint_box(paint_, box, nullptr, {0xf3, 0xf5, 0xf7, 0xff});
    html_paint_borders(paint_, box, &square, sides);
    if (alt.empty())
        return;
    html_paint_clip(paint_, box, nullptr);
    html_paint_word(paint_, used->face, used->size, box.x0 + 5, box.y0 + 2 + (float)used->ascent,
                    {0x55, 0x5c, 0x66, 0xff}, alt.data(), alt.size());
    html_paint_unclip(paint_);
}

/* ---- html_page: boxes ------------------------------------------------------------------------------------ */

void html_page::draw_background(litehtml::uint_ptr, const litehtml::background_paint &bg)
{
    html_corners corners = corners_of(bg.border_radius);
    fz_rect clip = rect_of(bg.clip_box);
    if (bg.is_root) { /* the background of the page covers the window as well */
        clip.x0 = std::min(clip.x0, 0.0f);
        clip.y0 = std::min(clip.y0, 0.0f);
        clip.x1 = std::max(clip.x1, (float)width_);
        clip.y1 = std::max(clip.y1, (float)height_);
    }
    bool rounded = bg.border_radius.top_left_x || bg.border_radius.top_right_x || bg.border_radius.bottom_left_x ||
                   bg.border_radius.bottom_right_x;
    html_paint_box(paint_, rounded ? rect_of(bg.border_box) : clip, &corners, rgba_of(bg.color));

    fz_image *image = bg.image.empty() ? nullptr : picture_of(bg.image);
    if (!image)
        return;
    if (rounded)
        html_paint_clip(paint_, rect_of(bg.border_box), &corners);
    fz_rect tile = rect_of(litehtml::position(bg.position_x, bg.position_y, bg.image_size.width, bg.image_size.height));
    bool repeats = bg.repeat == litehtml::background_repeat_repeat;
    html_paint_picture(paint_, image, tile, clip, repeats || bg.repeat == litehtml::background_repeat_repeat_x,
                       repeats || bg.repeat == litehtml::background_repeat_repeat_y);
    if (rounded)
        html_paint_unclip(paint_);
}

void html_page::draw_borders(litehtml::uint_ptr, const litehtml::borders &borders, const litehtml::position &pos, bool)
{
    const html_side sides[4] = {side_of(borders.top), side_of(borders.right), side_of(borders.bottom),
                                side_of(borders.left)};
    if (sides[0].width + sides[1].width + sides[2].width + sides[3].width <= 0)
        return;
    html_corners corners = corners_of(borders.radius);
    html_paint_borders(paint_, rect_of(pos), &corners, sides);
}

void html_page::set_clip(const litehtml::position &pos, const litehtml::border_radiuses &radiuses, bool valid_x,
                         bool valid_y)
{
    html_corners corners = corners_of(radiuses);
    fz_rect box = rect_of(pos);
    if (!valid_x) {
        box.x0 = -max_side_px;
        box.x1 = max_side_px;
    }
    if (!valid_y) {
        box.y0 = -max_side_px;
        box.y1 = max_side_px;
    }
    html_paint_clip(paint_, box, &corners);
}

void html_page::del_clip()
{
    html_paint_unclip(paint_);
}

void html_page::draw(html_paint *paint, fz_rect clip)
{
    clip = fz_intersect_rect(clip, fz_make_rect(-max_side_px, -max_side_px, max_side_px, max_side_px));
    litehtml::position where((int)std::floor(clip.x0), (int)std::floor(clip.y0), (int)std::ceil(clip.x1 - clip.x0) + 1,
                             (int)std::ceil(clip.y1 - clip.y0) + 1);
    paint_ = paint;
    document_->draw(0, 0, 0, &where);
    paint_ = nullptr;
}

/* ---- what is on the page --------------------------------------------------------------------------------- */

namespace
{

/* Goes through the tree as it was laid out, and says what it comes across. */
class walker
{
  public:
    walker(html_take *take, void *user) : take_(take), user_(user)
    {
    }

    /* x, y: of the parent. False when no more is wanted. */
    bool walk(const element::ptr &el, int x, int y, const char *href)
    {
        if (el->skip() || el->get_display() == litehtml::display_none)
            return true;
        litehtml::position place = el->get_position();
        place.x += x;
        place.y += y;
        if (el->get_display() == litehtml::display_inline_text)
            return give_word(static_cast<const word *>(el.get()), place, href);

        bool is_inline = el->get_display() == litehtml::display_inline;
        starts_box_ = starts_box_ || !is_inline;
        for (const char *attribute : {"id", "name"})
            if (!give_name(el, attribute))
                return false;
        if (el->is_replaced())
            return give_box(HTML_ITEM_PICTURE, el, place, href);
        if (strcmp(el->get_tagName(), "a") == 0 && el->get_attr("href")) {
            href = el->get_attr("href");
            if (!is_inline && !give_box(HTML_ITEM_BOX, el, place, href))
                return false;
        }
        for (size_t i = 0; i < el->get_children_count(); i++)
            if (!walk(el->get_child((int)i), place.x, place.y, href))
                return false;
        starts_box_ = starts_box_ || !is_inline;
        return true;
    }

  private:
    html_take *take_;
    void *user_;
    bool starts_box_ = true;

    bool give(const html_item &item)
    {
        return take_(user_, &item);
    }

    bool give_word(const word *el, const litehtml::position &place, const char *href)
    {
        if (el->is_break() || !*el->text())
            return true;
        const font *used = (const font *)const_cast<word *>(el)->get_font();
        html_item item = {HTML_ITEM_WORD, el->text(),  used->face,     used->size,
                          el->is_space(), starts_box_, rect_of(place), href};
        starts_box_ = starts_box_ && item.is_blank;
        return give(item);
    }

    bool give_name(const element::ptr &el, const char *attribute)
    {
        const tchar_t *name = el->get_attr(attribute);
        if (!name || !*name || (attribute[0] == 'n' && strcmp(el->get_tagName(), "a") != 0))
            return true;
        return give({HTML_ITEM_NAME, name, nullptr, 0, false, false, fz_empty_rect, nullptr});
    }

    bool give_box(html_item_kind kind, const element::ptr &el, litehtml::position place, const char *href)
    {
        place += el->get_paddings();
        place += el->get_borders();
        return give({kind, nullptr, nullptr, 0, false, false, rect_of(place), href});
    }
};

} // namespace

/* ---- for C ----------------------------------------------------------------------------------------------- */

namespace
{

/* Runs what may throw; turns what is thrown into facts. */
template <class Run> int guarded(engine_facts *facts, Run run)
{
    try {
        run();
        return 0;
    } catch (const refused &why) {
        return engine_refuse(facts, why.reason, "%s", why.detail);
    } catch (const std::bad_alloc &) {
        return engine_refuse(facts, REFUSAL_MEMORY, "out of memory while laying out the page");
    } catch (...) {
        return engine_refuse(facts, REFUSAL_BROKEN, "the page could not be laid out");
    }
}

/* One line, cut at a character. */
void copy_title(engine_facts *facts, const tstring &title)
{
    size_t n = 0;
    bool blank = false;
    for (const char *p = title.c_str(); *p;) {
        const char *start = p;
        uint32_t c = html_fonts_next(&p);
        if (is_space(c)) {
            blank = n > 0;
            continue;
        }
        if (n + blank + (size_t)(p - start) >= sizeof(facts->title))
            break;
        if (blank)
            facts->title[n++] = ' ';
        blank = false;
        memcpy(facts->title + n, start, (size_t)(p - start));
        n += (size_t)(p - start);
    }
    facts->title[n] = '\0';
}

} // namespace

int html_page_warm_up(const char *master_style)
{
    try {
        auto made = std::make_unique<master>();
        made->context.load_master_stylesheet(master_style);
        made->index = std::make_unique<rule_index>(made->context.master_css());
        the_master = made.release();
        return 0;
    } catch (...) {
        return -ENOMEM;
    }
}

int html_page_create(const html_input *input, html_page **ret_page, engine_facts *facts)
{
    std::unique_ptr<html_page> page;
    int ret = guarded(facts, [&] {
        page = std::make_unique<html_page>(*input);
        page->load(input->html);
        page->layout(input->width_px, input->height_px);
        copy_title(facts, page->title());
    });
    if (ret == 0)
        *ret_page = page.release();
    return ret;
}

void html_page_destroy(html_page *page)
{
    delete page;
}

bool html_page_depends_on_window(const html_page *page)
{
    return page->depends_on_window();
}

int html_page_layout(html_page *page, int width_px, int height_px, engine_facts *facts)
{
    return guarded(facts, [&] { page->layout(width_px, height_px); });
}

int html_page_walk(html_page *page, html_take *take, void *user, engine_facts *facts)
{
    return guarded(facts, [&] { walker(take, user).walk(page->root(), 0, 0, nullptr); });
}

void html_page_size(const html_page *page, int *ret_width_px, int *ret_height_px)
{
    page->size(ret_width_px, ret_height_px);
}

int html_page_draw(html_page *page, fz_device *device, fz_rect clip, engine_facts *facts)
{
    fz_context *ctx = fitz_context();
    html_paint paint = {ctx, device, nullptr, {}, 0, 0};
    int ret = guarded(facts, [&] { page->draw(&paint, clip); });
    html_paint_finish(&paint);
    if (ret == 0 && paint.error)
        ret = engine_refuse(facts, paint.error == FZ_ERROR_MEMORY ? REFUSAL_MEMORY : REFUSAL_BROKEN,
                            "the page could not be drawn");
    return ret;
}
