// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: what a report says, before it is a page, a PDF or Markdown.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace aisle::sim::report {

/// A figure or a word of a table.
struct Cell {
  std::string text;
  std::string mark = {};    ///< a basis, drawn as its dot; "good" or "bad", drawn as a colour
  std::string colour = {};  ///< of a swatch before the text
  std::string svg = {};     ///< a small figure in place of the text
  std::string name = {};    ///< as programs name it: "step_time_s"
  /// What the text rounds, as it stands in the result.
  double value = std::numeric_limits<double>::quiet_NaN();
};

struct Column {
  std::string title;
  bool number = false;  ///< set to the right
};

struct Heading {
  std::string text;
  int level = 2;  ///< 2 or 3
};

struct Paragraph {
  enum class Kind { plain, note, answer, refused };
  std::string text;
  Kind kind = Kind::plain;
};

/// "cluster: 2,048 x h800-sxm".
struct Pairs {
  std::vector<std::pair<std::string, std::string>> rows;
};

/// Key figures.
struct Cards {
  struct Card {
    std::string label;
    Cell figure;
    std::string range;  ///< "17.9 to 21.1 s"; empty: none is known
    std::pair<double, double> ends = {};
  };

  std::vector<Card> cards;
};

struct TableBlock {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

/// Drawn in units of kFigureWidth, with the classes of figure_style().
struct Figure {
  std::string svg, caption, basis;
  std::vector<std::pair<std::string, std::string>> legend;  ///< name and colour
};

struct List {
  std::vector<std::string> items;
};

struct Verbatim {
  std::string text;
};

using Block = std::variant<Heading, Paragraph, Pairs, Cards, TableBlock, Figure, List, Verbatim>;

struct Document {
  std::string kind;  ///< "Aisle result"
  std::string title, question, footer;
  std::vector<Block> blocks;

  void add(Block block) { blocks.push_back(std::move(block)); }
};

/// A self-contained page.
std::string to_html(const Document& document);
/// For a README or a wiki; of figures the captions alone.
std::string to_markdown(const Document& document);
/// Its figures alone, below each other; empty where it has none.
std::string to_svg(const Document& document);
/// A4, fonts embedded, text as text. Equal documents are equal bytes.
std::string to_pdf(const Document& document);

}  // namespace aisle::sim::report
