// SPDX-License-Identifier: Apache-2.0
// A report as a page.
#include "sim/report/document.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <string_view>

namespace aisle::sim::report {
namespace {

template <typename... Arguments>
void add(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

std::string swatch(std::string_view colour) {
  return fmt::format("<span class=\"swatch\" style=\"background:{}\"></span>", colour);
}

std::string basis_mark(std::string_view basis) {
  return basis.empty() ? std::string() : fmt::format("<span class=\"basis {0}\">{0}</span>", basis);
}

/// The text of a figure beside the figure itself, for programs that read the page.
std::string number(double value, const std::string& text) {
  return std::isfinite(value) ? fmt::format("<data value=\"{}\">{}</data>", value, text) : text;
}

bool is_verdict(const Cell& cell) {
  return cell.mark == "good" || cell.mark == "bad";
}

std::string content(const Cell& cell) {
  if (!cell.svg.empty()) return cell.svg;
  if (!cell.mark.empty() && !is_verdict(cell)) return basis_mark(cell.mark);
  return (cell.colour.empty() ? std::string() : swatch(cell.colour)) +
         number(cell.value, escape(cell.text));
}

/// Writes the blocks of a document.
struct Writer {
  std::string& out;

  void operator()(const Heading& heading) const {
    add(out, "<h{0}>{1}</h{0}>\n", heading.level, escape(heading.text));
  }

  void operator()(const Paragraph& paragraph) const {
    using Kind = Paragraph::Kind;
    if (paragraph.kind == Kind::refused) {
      add(out, "<div class=\"refused\"><strong>The job does not run as asked</strong>{}</div>\n",
          escape(paragraph.text));
      return;
    }
    add(out, "<p{}>{}</p>\n",
        paragraph.kind == Kind::note     ? " class=\"note\""
        : paragraph.kind == Kind::answer ? " class=\"answer\""
                                         : "",
        escape(paragraph.text));
  }

  void operator()(const Pairs& pairs) const {
    out += "<dl class=\"setup\">";
    for (const auto& [name, text] : pairs.rows) {
      add(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(text));
    }
    out += "</dl>\n";
  }

  void operator()(const Cards& cards) const {
    out += "<div class=\"cards\">";
    for (const Cards::Card& card : cards.cards) {
      const std::size_t blank = std::min(card.figure.text.find(' '), card.figure.text.size());
      add(out,
          "<div class=\"card\"><div class=\"label\" title=\"{}\">{}</div><div "
          "class=\"value\">{}</div>",
          escape(card.figure.name), escape(card.label),
          number(card.figure.value, fmt::format("{}<span class=\"unit\">{}</span>",
                                                escape(card.figure.text.substr(0, blank)),
                                                escape(card.figure.text.substr(blank)))));
      if (!card.range.empty()) {
        add(out, "<div class=\"range\" data-low=\"{}\" data-high=\"{}\">{}</div>", card.ends.first,
            card.ends.second, escape(card.range));
      }
      add(out, "{}</div>", basis_mark(card.figure.mark));
    }
    out += "</div>\n";
  }

  void operator()(const TableBlock& table) const {
    constexpr std::size_t kMany = 5;  // beyond, a phone scrolls them
    add(out, "<div class=\"scroll{}\"><table><thead><tr>",
        table.columns.size() > kMany ? " many" : "");
    for (const Column& column : table.columns) {
      add(out, "<th{}>{}</th>", column.number ? " class=\"number\"" : "", escape(column.title));
    }
    out += "</tr></thead><tbody>";
    for (const std::vector<Cell>& row : table.rows) {
      out += "<tr>";
      for (std::size_t i = 0; i < row.size(); ++i) {
        const bool right = i < table.columns.size() && table.columns[i].number;
        const std::string kind = is_verdict(row[i]) ? row[i].mark : right ? "number" : "";
        add(out, "<td{}{}>{}</td>", kind.empty() ? "" : fmt::format(" class=\"{}\"", kind),
            row[i].name.empty() ? "" : fmt::format(" title=\"{}\"", escape(row[i].name)),
            content(row[i]));
      }
      out += "</tr>";
    }
    out += "</tbody></table></div>\n";
  }

  void operator()(const Figure& figure) const {
    out += "<figure>";
    if (!figure.legend.empty()) {
      out += "<div class=\"legend\">";
      for (const auto& [name, colour] : figure.legend) {
        add(out, "<span>{}{}</span>", swatch(colour), escape(name));
      }
      out += "</div>";
    }
    add(out, "<div class=\"scroll\">{}</div><figcaption>{} {}</figcaption></figure>\n", figure.svg,
        escape(figure.caption), basis_mark(figure.basis));
  }

  void operator()(const List& list) const {
    out += "<ul class=\"caveats\">";
    for (const std::string& item : list.items) add(out, "<li>{}</li>", escape(item));
    out += "</ul>\n";
  }

  void operator()(const Verbatim& text) const { add(out, "<pre>{}</pre>\n", escape(text.text)); }
};

}  // namespace

std::string to_html(const Document& document) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{}</title><style>{}{}</style></head>\n<body><main>\n"
      "<header><div class=\"product\">{}</div><h1>{}</h1>",
      escape(document.title), style(), figure_style(), escape(document.kind),
      escape(document.title));
  if (!document.question.empty()) {
    add(out, "<p class=\"question\">{}</p>", escape(document.question));
  }
  out += "</header>\n";
  for (const Block& block : document.blocks) std::visit(Writer{out}, block);
  add(out, "<footer>{}</footer>\n</main></body>\n</html>\n", escape(document.footer));
  return out;
}

}  // namespace aisle::sim::report
