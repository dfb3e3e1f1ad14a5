// SPDX-License-Identifier: Apache-2.0
// A report as Markdown.
#include "sim/report/document.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace aisle::sim::report {
namespace {

template <typename... Arguments>
void add(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

/// Text in which nothing is markup.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += ' ';
      continue;
    }
    if (std::string_view("\\`*_{}[]<>#|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string content(const Cell& cell) {
  return plain(cell.text.empty() ? cell.mark : cell.text);
}

/// Columns of small figures say nothing here.
bool has_text(const TableBlock& table, std::size_t column) {
  for (const auto& row : table.rows) {
    if (column < row.size() && row[column].svg.empty()) return true;
  }
  return false;
}

struct Writer {
  std::string& out;

  void operator()(const Heading& heading) const {
    add(out, "{} {}\n\n", std::string(static_cast<std::size_t>(heading.level), '#'),
        plain(heading.text));
  }

  void operator()(const Paragraph& paragraph) const {
    const std::string text = plain(paragraph.text);
    switch (paragraph.kind) {
      case Paragraph::Kind::plain:
        add(out, "{}\n\n", text);
        break;
      case Paragraph::Kind::note:
        add(out, "*{}*\n\n", text);
        break;
      case Paragraph::Kind::answer:
        add(out, "> {}\n\n", text);
        break;
      case Paragraph::Kind::refused:
        add(out, "> **The job does not run as asked.** {}\n\n", text);
        break;
    }
  }

  void operator()(const Pairs& pairs) const {
    for (const auto& [name, text] : pairs.rows) {
      add(out, "- {}: {}\n", plain(name), plain(text));
    }
    out += '\n';
  }

  void operator()(const Cards& cards) const {
    TableBlock table{{{"figure"}, {"value", true}, {"8 of 10 between", true}, {"basis"}}, {}};
    for (const Cards::Card& card : cards.cards) {
      table.rows.push_back({{card.label}, {card.figure.text}, {card.range}, {card.figure.mark}});
    }
    (*this)(table);
  }

  void operator()(const TableBlock& table) const {
    std::string head, rule;
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (!has_text(table, i)) continue;
      shown.push_back(i);
      add(head, "| {} ", plain(table.columns[i].title));
      rule += table.columns[i].number ? "|---:" : "|---";
    }
    if (shown.empty()) return;
    add(out, "{}|\n{}|\n", head, rule);
    for (const auto& row : table.rows) {
      for (const std::size_t i : shown) {
        add(out, "| {} ", i < row.size() ? content(row[i]) : std::string());
      }
      out += "|\n";
    }
    out += '\n';
  }

  void operator()(const Figure& figure) const {
    add(out, "*(Figure, in the page and the PDF: {})*\n\n", plain(figure.caption));
  }

  void operator()(const List& list) const {
    for (const std::string& item : list.items) add(out, "- {}\n", plain(item));
    out += '\n';
  }

  void operator()(const Verbatim& text) const { add(out, "```\n{}\n```\n\n", text.text); }
};

}  // namespace

std::string to_markdown(const Document& document) {
  std::string out = fmt::format("# {}\n\n", plain(document.title));
  if (!document.question.empty()) add(out, "{}\n\n", plain(document.question));
  for (const Block& block : document.blocks) std::visit(Writer{out}, block);
  return out + plain(document.footer) + "\n";
}

}  // namespace aisle::sim::report
