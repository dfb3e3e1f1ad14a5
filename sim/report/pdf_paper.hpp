// SPDX-License-Identifier: Apache-2.0
// Internal to pdf.cpp: pages of a PDF, on Cairo, Pango and librsvg.
#pragma once

#include "sim/report/document.hpp"

#include <cairo.h>
#include <librsvg/rsvg.h>
#include <memory>
#include <pango/pango.h>
#include <string>
#include <string_view>

namespace aisle::sim::report {

// A4 in points.
inline constexpr double kPageWidth = 595.28, kPageHeight = 841.89, kMargin = 42, kFoot = 30;
inline constexpr double kWidth = kPageWidth - 2 * kMargin;
inline constexpr double kBottom = kPageHeight - kMargin - kFoot;

inline constexpr const char* kInk = "#17202c";
inline constexpr const char* kSoft = "#5b6776";
inline constexpr const char* kLine = "#dde3ea";
inline constexpr const char* kAccent = "#24507f";
inline constexpr const char* kGood = "#2d7d5a";
inline constexpr const char* kBad = "#b3402b";

struct Type {
  double size = 9.2;
  const char* colour = kInk;
  bool bold = false;
  const char* family = "DejaVu Sans";
};

inline constexpr Type kBody{};
inline constexpr Type kNote{8.2, kSoft};
inline constexpr Type kCell{8.2};
inline constexpr Type kHead{7.6, kSoft, true};
inline constexpr Type kCode{7.2, kInk, false, "DejaVu Sans Mono"};

const char* colour_of(std::string_view mark);

struct Release {
  void operator()(void* object) const { g_object_unref(object); }

  void operator()(cairo_t* context) const { cairo_destroy(context); }

  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }

  void operator()(PangoFontDescription* font) const { pango_font_description_free(font); }
};

template <typename T>
using Owned = std::unique_ptr<T, Release>;

/// Pages with a place to write at; the content goes on with the next page where one is full.
class Paper {
 public:
  /// `pages`: how many there are in all, as the feet say it; 0: not known yet.
  Paper(std::string& out, const Document& document, int pages);

  cairo_t* context() const { return context_.get(); }

  double y() const { return y_; }

  void skip(double height) { y_ += height; }

  double left() const { return kBottom - y_; }

  bool fresh() const { return y_ <= kMargin + 1; }

  /// Goes on with the next page unless so much room is left.
  void need(double height);

  void end_page();

  int page() const { return page_; }

  void outline(const std::string& heading);

  Owned<PangoLayout> laid(const std::string& text, const Type& type, double width) const;

  static double width_of(PangoLayout* layout);

  static double height_of(PangoLayout* layout);

  void ink(const char* colour) const;

  void show(PangoLayout* layout, double x, double y, const Type& type) const;

  /// Text at a place; returns its height.
  double text(const std::string& text, const Type& type, double x, double y, double width,
              bool one_line = false) const;

  /// Text that goes on, line by line, with the next page where one is full.
  void flow(const std::string& text, const Type& type, double x, double width);

  void box(double x, double y, double width, double height, const char* colour) const;

  void rule(double y) const { box(kMargin, y, kWidth, 0.6, kLine); }

 private:
  const Document& document_;
  int pages_, page_ = 0;
  double y_ = kMargin;
  Owned<cairo_surface_t> surface_;
  Owned<cairo_t> context_;
};

/// A figure that was written for pages, ready to be drawn.
class Drawing {
 public:
  explicit Drawing(std::string svg);

  double height_at(double width) const { return width * height_ / width_; }

  void draw(cairo_t* context, double x, double y, double width) const;

 private:
  Owned<RsvgHandle> handle_;
  double width_ = 1, height_ = 1;
};

}  // namespace aisle::sim::report
