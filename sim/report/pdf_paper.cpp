// SPDX-License-Identifier: Apache-2.0
#include "sim/report/pdf_paper.hpp"

#include "sim/base/diagnostics.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <cairo-pdf.h>
#include <cstdlib>
#include <map>
#include <new>
#include <pango/pangocairo.h>

namespace aisle::sim::report {

const char* colour_of(std::string_view mark) {
  static const std::map<std::string_view, const char*> kMarks = {{"measured", "#2d7d5a"},
                                                                 {"calibrated", "#7fb069"},
                                                                 {"vendor", "#e8b84a"},
                                                                 {"extrapolated", "#e08a3c"},
                                                                 {"assumed", "#b3402b"},
                                                                 {"good", kGood},
                                                                 {"bad", kBad}};
  const auto at = kMarks.find(mark);
  return at == kMarks.end() ? kInk : at->second;
}

Paper::Paper(std::string& out, const Document& document, int pages)
    : document_(document), pages_(pages) {
  surface_.reset(cairo_pdf_surface_create_for_stream(
      [](void* closure, const unsigned char* data, unsigned int length) {
        static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
        return CAIRO_STATUS_SUCCESS;
      },
      &out, kPageWidth, kPageHeight));
  cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, document.title.c_str());
  cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATOR, "Aisle");
  context_.reset(cairo_create(surface_.get()));
}

void Paper::need(double height) {
  if (height <= left() || fresh()) return;
  end_page();
  y_ = kMargin;
}

void Paper::end_page() {
  ++page_;
  const Type type{7.2, kSoft};
  rule(kPageHeight - kMargin - 12);
  text(document_.footer, type, kMargin, kPageHeight - kMargin - 6, kWidth - 60, true);
  const std::string number =
      pages_ > 0 ? fmt::format("{} / {}", page_, pages_) : fmt::format("{}", page_);
  const Owned<PangoLayout> layout = laid(number, type, -1);
  show(layout.get(), kPageWidth - kMargin - width_of(layout.get()), kPageHeight - kMargin - 6,
       type);
  cairo_show_page(context());
}

void Paper::outline(const std::string& heading) {
  cairo_pdf_surface_add_outline(
      surface_.get(), CAIRO_PDF_OUTLINE_ROOT, heading.c_str(),
      fmt::format("page={} pos=[{:.0f} {:.0f}]", page_ + 1, kMargin, y_).c_str(),
      CAIRO_PDF_OUTLINE_FLAG_OPEN);
}

Owned<PangoLayout> Paper::laid(const std::string& text, const Type& type, double width) const {
  Owned<PangoLayout> layout(pango_cairo_create_layout(context()));
  if (!layout) throw std::bad_alloc();
  const Owned<PangoFontDescription> font(pango_font_description_new());
  pango_font_description_set_family(font.get(), type.family);
  pango_font_description_set_absolute_size(font.get(), type.size * PANGO_SCALE);
  pango_font_description_set_weight(font.get(),
                                    type.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_layout_set_font_description(layout.get(), font.get());
  if (width > 0) {
    pango_layout_set_width(layout.get(), static_cast<int>(width * PANGO_SCALE));
    pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
  }
  pango_layout_set_spacing(layout.get(), static_cast<int>(1.5 * PANGO_SCALE));
  // What is no UTF-8 would be dropped whole.
  gchar* valid = g_utf8_make_valid(text.c_str(), static_cast<gssize>(text.size()));
  pango_layout_set_text(layout.get(), valid, -1);
  g_free(valid);
  return layout;
}

double Paper::width_of(PangoLayout* layout) {
  PangoRectangle box;
  pango_layout_get_extents(layout, nullptr, &box);
  return static_cast<double>(box.width) / PANGO_SCALE;
}

double Paper::height_of(PangoLayout* layout) {
  PangoRectangle box;
  pango_layout_get_extents(layout, nullptr, &box);
  return static_cast<double>(box.height) / PANGO_SCALE;
}

void Paper::ink(const char* colour) const {
  const long rgb = std::strtol(colour + 1, nullptr, 16);
  const auto part = [&](int shift) { return static_cast<double>((rgb >> shift) & 255) / 255; };
  cairo_set_source_rgb(context(), part(16), part(8), part(0));
}

void Paper::show(PangoLayout* layout, double x, double y, const Type& type) const {
  ink(type.colour);
  cairo_move_to(context(), x, y);
  pango_cairo_show_layout(context(), layout);
}

double Paper::text(const std::string& text, const Type& type, double x, double y, double width,
                   bool one_line) const {
  const Owned<PangoLayout> layout = laid(text, type, width);
  if (one_line) {
    pango_layout_set_height(layout.get(), -1);
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
  }
  show(layout.get(), x, y, type);
  return height_of(layout.get());
}

void Paper::flow(const std::string& text, const Type& type, double x, double width) {
  const Owned<PangoLayout> layout = laid(text, type, width);
  const int lines = pango_layout_get_line_count(layout.get());
  for (int i = 0; i < lines; ++i) {
    PangoLayoutLine* line = pango_layout_get_line_readonly(layout.get(), i);
    PangoRectangle box;
    pango_layout_line_get_extents(line, nullptr, &box);
    const double height = static_cast<double>(box.height) / PANGO_SCALE + 1.5;
    need(height);
    ink(type.colour);
    cairo_move_to(context(), x, y_ - static_cast<double>(box.y) / PANGO_SCALE);
    pango_cairo_show_layout_line(context(), line);
    y_ += height;
  }
}

void Paper::box(double x, double y, double width, double height, const char* colour) const {
  ink(colour);
  cairo_rectangle(context(), x, y, width, height);
  cairo_fill(context());
}

Drawing::Drawing(std::string svg) {
  constexpr std::string_view kOpen = "<svg ", kSpace = "xmlns=\"http://www.w3.org/2000/svg\" ";
  if (svg.find(kSpace) == std::string::npos) svg.insert(kOpen.size(), kSpace);
  GError* error = nullptr;
  handle_.reset(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
  AISLE_ASSERT(handle_ != nullptr, error != nullptr ? error->message : "a figure is no SVG");
  const std::string css = std::string(figure_style()) + "text{font-family:'DejaVu Sans'}";
  rsvg_handle_set_stylesheet(handle_.get(), reinterpret_cast<const guint8*>(css.data()), css.size(),
                             nullptr);
  gboolean there = FALSE;
  RsvgRectangle box{};
  rsvg_handle_get_intrinsic_dimensions(handle_.get(), nullptr, nullptr, nullptr, nullptr, &there,
                                       &box);
  AISLE_ASSERT(there != FALSE && box.width > 0, "a figure has a viewBox");
  width_ = box.width;
  height_ = box.height;
}

void Drawing::draw(cairo_t* context, double x, double y, double width) const {
  const RsvgRectangle box{x, y, width, height_at(width)};
  rsvg_handle_render_document(handle_.get(), context, &box, nullptr);
}

}  // namespace aisle::sim::report
