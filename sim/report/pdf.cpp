// SPDX-License-Identifier: Apache-2.0
// A report as a PDF.
#include "sim/report/document.hpp"
#include "sim/report/pdf_paper.hpp"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>

namespace aisle::sim::report {
namespace {

constexpr double kSmallFigure = 70;

/// Widths of columns: as wide as their widest cell where all fit, else those that can wrap share
/// what the others leave.
std::vector<double> widths_of(const Paper& paper, const TableBlock& table) {
  constexpr double kGap = 10, kNarrow = 60;
  std::vector<double> widths;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    // Titles wrap between words.
    double width = 0;
    std::istringstream words(table.columns[c].title);
    for (std::string word; words >> word;) {
      width = std::max(width, Paper::width_of(paper.laid(word, kHead, -1).get()));
    }
    for (const auto& row : table.rows) {
      if (c >= row.size()) continue;
      const Cell& cell = row[c];
      const std::string& text = cell.text.empty() ? cell.mark : cell.text;
      width =
          std::max(width, cell.svg.empty() ? Paper::width_of(paper.laid(text, kCell, -1).get()) + 12
                                           : kSmallFigure);
    }
    widths.push_back(width + kGap);
  }
  const double sum = std::accumulate(widths.begin(), widths.end(), 0.0);
  if (sum <= kWidth) {
    if (!widths.empty()) widths.front() += kWidth - sum;
    return widths;
  }
  double wide = 0;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (!table.columns[c].number && widths[c] > kNarrow) wide += widths[c] - kNarrow;
  }
  const double share = wide > 0 ? std::max(0.0, 1 - (sum - kWidth) / wide) : 1;
  for (std::size_t c = 0; c < widths.size(); ++c) {
    if (!table.columns[c].number && widths[c] > kNarrow) {
      widths[c] = kNarrow + share * (widths[c] - kNarrow);
    }
  }
  const double still = std::accumulate(widths.begin(), widths.end(), 0.0);
  for (double& width : widths) width *= std::min(1.0, kWidth / still);
  return widths;
}

/// Writes the blocks of a document.
class Writer {
 public:
  explicit Writer(Paper& paper) : paper_(paper) {}

  void operator()(const Heading& heading) const {
    if (heading.level == 2) {
      paper_.skip(10);
      paper_.outline(heading.text);
      paper_.skip(paper_.text(heading.text, {12.5, kInk, true}, kMargin, paper_.y(), kWidth) + 4);
    } else {
      paper_.skip(5);
      paper_.skip(paper_.text(heading.text, {9, kSoft, true}, kMargin, paper_.y(), kWidth) + 2);
    }
  }

  void operator()(const Paragraph& paragraph) const {
    using Kind = Paragraph::Kind;
    if (paragraph.kind == Kind::plain || paragraph.kind == Kind::note) {
      paper_.flow(paragraph.text, paragraph.kind == Kind::note ? kNote : kBody, kMargin, kWidth);
      paper_.skip(4);
      return;
    }
    const bool refused = paragraph.kind == Kind::refused;
    const Type type{10.2};
    const Type loud{11, kBad, true};
    const double inside = kWidth - 26;
    const double lead = refused ? 18 : 0;
    const double height =
        Paper::height_of(paper_.laid(paragraph.text, type, inside).get()) + 16 + lead;
    paper_.need(height + 4);
    paper_.box(kMargin, paper_.y(), kWidth, height, refused ? "#fbecea" : "#eaf1f8");
    paper_.box(kMargin, paper_.y(), 3, height, refused ? kBad : kAccent);
    if (refused) {
      paper_.text("The job does not run as asked", loud, kMargin + 14, paper_.y() + 8, inside);
    }
    paper_.text(paragraph.text, type, kMargin + 14, paper_.y() + 8 + lead, inside);
    paper_.skip(height + 8);
  }

  void operator()(const Pairs& pairs) const {
    constexpr double kName = 62;
    for (const auto& [name, text] : pairs.rows) {
      const double height = Paper::height_of(paper_.laid(text, kBody, kWidth - kName).get()) + 2;
      paper_.need(height);
      paper_.text(name, {9.2, kSoft}, kMargin, paper_.y(), kName);
      paper_.text(text, kBody, kMargin + kName, paper_.y(), kWidth - kName);
      paper_.skip(height);
    }
    paper_.skip(8);
  }

  void operator()(const Cards& cards) const {
    constexpr int kPerRow = 3;
    constexpr double kGap = 8, kHeight = 60;
    const double width = (kWidth - kGap * (kPerRow - 1)) / kPerRow;
    for (std::size_t i = 0; i < cards.cards.size(); ++i) {
      const auto column = static_cast<double>(i % kPerRow);
      if (i % kPerRow == 0) paper_.need(kHeight + kGap);
      card(cards.cards[i], kMargin + column * (width + kGap), width, kHeight);
      if (i % kPerRow == kPerRow - 1 || i + 1 == cards.cards.size()) paper_.skip(kHeight + kGap);
    }
  }

  void operator()(const TableBlock& table) const {
    const std::vector<double> widths = widths_of(paper_, table);
    head(table, widths);
    for (const auto& row : table.rows) {
      const double height = row_height(row, widths);
      if (height > paper_.left() && !paper_.fresh()) {
        paper_.need(height);
        head(table, widths);
      }
      cells(table, row, widths, height);
    }
    paper_.skip(8);
  }

  void operator()(const Figure& figure) const {
    const Drawing drawing(figure.svg);
    const double legend = legend_of(figure, false);
    paper_.need(height_of(figure));
    legend_of(figure, true);
    drawing.draw(paper_.context(), kMargin, paper_.y() + legend, kWidth);
    paper_.skip(legend + drawing.height_at(kWidth) + 4);
    const std::string basis = figure.basis.empty() ? "" : " (" + figure.basis + ")";
    paper_.flow(figure.caption + basis, kNote, kMargin, kWidth);
    paper_.skip(6);
  }

  void operator()(const List& list) const {
    for (const std::string& item : list.items) {
      paper_.need(14);
      paper_.text("\u2022", kBody, kMargin, paper_.y(), 10);
      paper_.flow(item, kBody, kMargin + 11, kWidth - 11);
      paper_.skip(2);
    }
  }

  void operator()(const Verbatim& text) const { paper_.flow(text.text, kCode, kMargin, kWidth); }

  /// Height of a heading with what must stand below it on one page: notes, and the start of what
  /// they are on.
  double least_from(const Document& document, std::size_t at) const {
    double height = 0;
    for (; at < document.blocks.size(); ++at) {
      const Block& block = document.blocks[at];
      height += least_height(block);
      const bool leads =
          std::holds_alternative<Heading>(block) || std::holds_alternative<Paragraph>(block);
      if (!leads) break;
    }
    return height;
  }

  double least_height(const Block& block) const {
    if (const auto* figure = std::get_if<Figure>(&block)) return height_of(*figure);
    if (const auto* table = std::get_if<TableBlock>(&block)) {
      const std::vector<double> widths = widths_of(paper_, *table);
      double height = 16;
      for (std::size_t i = 0; i < std::min<std::size_t>(3, table->rows.size()); ++i) {
        height += row_height(table->rows[i], widths);
      }
      return height;
    }
    return 30;
  }

 private:
  /// Names of the colours over a figure, in lines; returns their height.
  double legend_of(const Figure& figure, bool shown) const {
    constexpr double kLineHeight = 13;
    if (figure.legend.empty()) return 0;
    double x = 0, y = 0;
    for (const auto& [name, colour] : figure.legend) {
      const double width = 22 + Paper::width_of(paper_.laid(name, kNote, -1).get());
      if (x > 0 && x + width > kWidth) {
        x = 0;
        y += kLineHeight;
      }
      if (shown) {
        paper_.box(kMargin + x, paper_.y() + y + 2, 7, 7, colour.c_str());
        paper_.text(name, kNote, kMargin + x + 11, paper_.y() + y, width);
      }
      x += width;
    }
    return y + kLineHeight + 3;
  }

  double height_of(const Figure& figure) const {
    return legend_of(figure, false) + Drawing(figure.svg).height_at(kWidth) +
           Paper::height_of(paper_.laid(figure.caption + figure.basis, kNote, kWidth).get()) + 12;
  }

  void mark(std::string_view basis, double x, double y, double width) const {
    paper_.ink(colour_of(basis));
    cairo_arc(paper_.context(), x + 2.6, y + 5, 2.6, 0, 6.2832);
    cairo_fill(paper_.context());
    paper_.text(std::string(basis), {7.6, kSoft}, x + 8, y, width - 8, true);
  }

  void card(const Cards::Card& card, double x, double width, double height) const {
    const double y = paper_.y();
    cairo_t* to = paper_.context();
    paper_.ink(kLine);
    cairo_set_line_width(to, 0.7);
    cairo_rectangle(to, x, y, width, height);
    cairo_stroke(to);
    paper_.text(card.label, {7.8, kSoft}, x + 8, y + 5, width - 16, true);
    paper_.text(card.figure.text, {13, kInk, true}, x + 8, y + 16, width - 16, true);
    if (!card.range.empty()) {
      paper_.text(card.range, {7.4, kSoft}, x + 8, y + 33.5, width - 16, true);
    }
    if (!card.figure.mark.empty()) mark(card.figure.mark, x + 8, y + 46, width - 16);
  }

  void head(const TableBlock& table, const std::vector<double>& widths) const {
    std::vector<Owned<PangoLayout>> titles;
    double height = 0;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      titles.push_back(paper_.laid(table.columns[c].title, kHead, widths[c] - 8));
      if (table.columns[c].number) pango_layout_set_alignment(titles[c].get(), PANGO_ALIGN_RIGHT);
      height = std::max(height, Paper::height_of(titles[c].get()));
    }
    paper_.need(height + 30);
    double x = kMargin;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const double down = height - Paper::height_of(titles[c].get());
      paper_.show(titles[c].get(), x, paper_.y() + down, kHead);
      x += widths[c];
    }
    paper_.skip(height + 4);
    paper_.rule(paper_.y() - 1.5);
  }

  double row_height(const std::vector<Cell>& row, const std::vector<double>& widths) const {
    double height = 12;
    for (std::size_t c = 0; c < std::min(row.size(), widths.size()); ++c) {
      if (row[c].text.empty()) continue;
      height = std::max(
          height,
          Paper::height_of(paper_.laid(row[c].text, kCell, text_width(row[c], widths[c])).get()));
    }
    return height + 4;
  }

  static double text_width(const Cell& cell, double width) {
    return width - 8 - (cell.colour.empty() ? 0 : 11);
  }

  void cells(const TableBlock& table, const std::vector<Cell>& row,
             const std::vector<double>& widths, double height) const {
    double x = kMargin;
    const double y = paper_.y();
    for (std::size_t c = 0; c < std::min(row.size(), widths.size()); ++c) {
      const Cell& cell = row[c];
      const bool verdict = cell.mark == "good" || cell.mark == "bad";
      if (!cell.svg.empty()) {
        const double width = std::min(widths[c] - 6, kSmallFigure);
        Drawing(cell.svg).draw(paper_.context(), x, y + 2, width);
      } else if (!cell.mark.empty() && !verdict) {
        mark(cell.mark, x, y, widths[c] - 4);
      } else {
        const double swatch = cell.colour.empty() ? 0 : 11;
        if (swatch > 0) paper_.box(x, y + 2.5, 6.5, 6.5, cell.colour.c_str());
        const Type type{kCell.size, verdict ? colour_of(cell.mark) : kInk, verdict};
        const auto text = paper_.laid(cell.text, type, text_width(cell, widths[c]));
        if (table.columns[c].number) pango_layout_set_alignment(text.get(), PANGO_ALIGN_RIGHT);
        paper_.show(text.get(), x + swatch, y, type);
      }
      x += widths[c];
    }
    paper_.skip(height);
    paper_.rule(paper_.y() - 2);
  }

  Paper& paper_;
};

/// Writes all pages and returns how many they are.
int write(const Document& document, int pages, std::string& out) {
  Paper paper(out, document, pages);
  const Writer writer(paper);
  paper.box(kMargin, paper.y(), kWidth, 3.5, kAccent);
  paper.skip(11);
  paper.skip(paper.text(document.kind, {8, kAccent, true}, kMargin, paper.y(), kWidth) + 2);
  paper.skip(paper.text(document.title, {18, kInk, true}, kMargin, paper.y(), kWidth) + 3);
  if (!document.question.empty()) {
    paper.skip(paper.text(document.question, {10.5, kSoft}, kMargin, paper.y(), kWidth) + 8);
  }
  for (std::size_t i = 0; i < document.blocks.size(); ++i) {
    const Block& block = document.blocks[i];
    if (std::holds_alternative<Heading>(block)) {
      paper.need(std::min(kBottom - kMargin - 10, writer.least_from(document, i)));
    }
    std::visit(writer, block);
  }
  paper.end_page();
  return paper.page();
}

}  // namespace

std::string to_pdf(const Document& document) {
  std::string draft, out;
  const int pages = write(document, 0, draft);
  write(document, pages, out);
  return out;
}

}  // namespace aisle::sim::report
