// SPDX-License-Identifier: Apache-2.0
// Several results as a page, a table and a figure.
#include "sim/base/table.hpp"
#include "sim/report/comparison.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"
#include "sim/report/result_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace aisle::sim {
namespace {

using namespace report;

template <typename... Arguments>
void add(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

/// "deepseek-v3 on 2,048 x h800-sxm".
std::string name_of(const pb::Result& result) {
  const pb::Scenario& scenario = result.scenario();
  const pb::Workload& workload = scenario.workload();
  if (!workload.has_training() && !workload.has_serving()) return title_of(result);
  return fmt::format(
      "{} on {} x {}",
      workload.has_serving() ? workload.serving().model() : workload.training().model(),
      thousands(scenario.cluster().count()), scenario.cluster().accelerator());
}

bool all_serve(std::span<const pb::Result> results) {
  return std::all_of(results.begin(), results.end(), [](const pb::Result& result) {
    return result.scenario().workload().has_serving();
  });
}

/// The two largest resources, with their shares of the step.
std::string what_binds(const pb::Result& result) {
  std::vector<const pb::Part*> parts;
  double total = 0;
  for (const pb::Part& part : result.resource()) {
    parts.push_back(&part);
    total += part.seconds();
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const auto* a, const auto* b) { return a->seconds() > b->seconds(); });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(2, parts.size()); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", part_label(parts[i]->name()),
                        percent(parts[i]->seconds() / total));
  }
  return text;
}

struct Column {
  std::string_view title;
  std::string_view metric;
};

constexpr Column kColumns[] = {
    {"step", "step_time_s"},
    {"tokens/s per chip", "tokens_per_s_per_chip"},
    {"MFU", "mfu"},
    {"days", "run_time_days"},
    {"GPU-hours", "run_gpu_hours"},
    {"energy", "run_energy_mwh"},
    {"cost", "run_cost_usd"},
};

constexpr Column kServingColumns[] = {
    {"generated tokens/s per chip", "output_tokens_per_s_per_chip"},
    {"first token", "ttft_p50_s"},
    {"later token", "tpot_p50_s"},
    {"goodput", "goodput"},
    {"USD per million tokens", "usd_per_million_tokens"},
    {"generated tokens/s per MW", "output_tokens_per_s_per_mw"},
};

/// A figure of nothing is one that is not known: a chip without a price, or without a draw.
std::string cell(const pb::Result& result, std::string_view name) {
  const double value = figure(result, name);
  return std::isfinite(value) && value != 0 ? format_metric(name, value, 3) : std::string("-");
}

/// The table of a comparison, a row for each result; the last cell is why a job does not run.
std::vector<std::vector<std::string>> table_of(std::span<const pb::Result> results) {
  const bool serving = all_serve(results);
  const std::span<const Column> columns =
      serving ? std::span<const Column>(kServingColumns) : std::span<const Column>(kColumns);
  const std::string_view main = columns.front().metric;
  std::vector<std::vector<std::string>> rows = {{"run", "layout"}};
  for (const Column& column : columns) rows.front().emplace_back(column.title);
  rows.front().emplace_back("what binds");
  rows.front().emplace_back("basis");
  for (const pb::Result& result : results) {
    std::vector<std::string> row = {name_of(result), layout_line(result.scenario())};
    for (const Column& column : columns) row.push_back(cell(result, column.metric));
    row.push_back(result.feasible() ? what_binds(result) : "does not run: " + result.reason());
    row.push_back(result.feasible() ? basis_of(result, main) : std::string());
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Parts of a bar: the step by resource; of serving all in one.
std::vector<PartText> bar_of(const pb::Result& result) {
  if (!result.scenario().workload().has_serving()) return describe_resources(result);
  return {{"serving", "serving", "#3b6ea5", 1}};
}

double chip_time(const pb::Result& result) {
  if (!result.scenario().workload().has_serving()) return chips_per_million_tokens(result);
  return 1e6 / figure(result, "tokens_per_s_per_chip");
}

/// Chip time per token where results do different work, else the step.
struct Scale {
  bool same = true;
  double most = 0;

  std::string_view unit() const { return same ? "s per step" : "chip-seconds per million tokens"; }
};

constexpr double kLabelWidth = 240, kBarHeight = 18, kRowHeight = 26, kTop = 62;

void append_bar(std::string& out, const std::vector<PartText>& parts, double factor,
                const Scale& scale, double y) {
  const double room = kFigureWidth - kLabelWidth - 70;
  double x = kLabelWidth, total = 0;
  for (const PartText& part : parts) {
    const double value = part.seconds * factor, width = room * std::max(0.0, value) / scale.most;
    total += value;
    add(out,
        "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:g}\" fill=\"{}\">"
        "<title>{}: {} {}</title></rect>",
        x, y, width, kBarHeight, part.colour, escape(part.label), significant(value, 3),
        scale.unit());
    x += width;
  }
  add(out, "<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x + 6, y + 13, significant(total, 3));
}

void append_legend(std::string& out, const std::vector<PartText>& all) {
  double x = 0, y = 34;
  std::vector<std::string> drawn;
  for (const PartText& part : all) {
    if (std::find(drawn.begin(), drawn.end(), part.label) != drawn.end()) continue;
    drawn.push_back(part.label);
    const double width = 26 + 6.6 * static_cast<double>(part.label.size());
    if (x + width > kFigureWidth) {
      x = 0;
      y += 17;
    }
    add(out,
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"11\" height=\"11\" fill=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>",
        x, y - 10, part.colour, x + 16, y, escape(part.label));
    x += width;
  }
}

}  // namespace

std::string comparison_svg(std::span<const pb::Result> results) {
  Scale scale;
  std::vector<PartText> all;
  std::vector<double> factors;
  for (const pb::Result& result : results) {
    scale.same = scale.same && !all_serve(results) && same_work(results.front(), result);
  }
  for (const pb::Result& result : results) {
    factors.push_back(scale.same ? 1 : chip_time(result));
    double total = 0;
    for (PartText& part : bar_of(result)) {
      total += part.seconds * factors.back();
      all.push_back(std::move(part));
    }
    if (std::isfinite(total)) scale.most = std::max(scale.most, total);
  }
  if (scale.most <= 0) return {};
  std::stable_sort(all.begin(), all.end(), [](const PartText& a, const PartText& b) {
    return precedes(a.name, 0, b.name, 0);
  });
  const double height = kTop + kRowHeight * static_cast<double>(results.size());
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:g} {:g}\" role=\"img\" "
      "aria-label=\"Time by resource\">\n<style>text{{font:12px sans-serif;fill:#22303f}}"
      ".title{{font-weight:bold}}</style>\n"
      "<rect x=\"0\" y=\"0\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
      "<text class=\"title\" x=\"0\" y=\"14\">Time by resource, mean over accelerators, {}</text>",
      kFigureWidth, height, scale.unit());
  append_legend(out, all);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double y = kTop + kRowHeight * static_cast<double>(i);
    add(out, "\n<text text-anchor=\"end\" x=\"{:g}\" y=\"{:.1f}\">{}</text>", kLabelWidth - 8,
        y + 13, escape(name_of(results[i])));
    if (results[i].feasible()) {
      append_bar(out, bar_of(results[i]), factors[i], scale, y);
    } else {
      add(out, "<text x=\"{:g}\" y=\"{:.1f}\">does not run</text>", kLabelWidth, y + 13);
    }
  }
  return out + "\n</svg>\n";
}

std::string comparison_csv(std::span<const pb::Result> results) {
  const std::vector<Row> metrics = metric_rows(results), resources = resource_rows(results);
  std::vector<std::string> head = {"run",    "model",  "accelerator", "chips",
                                   "layout", "engine", "feasible",    "reason"};
  for (const Row& row : metrics) head.push_back(row.name);
  for (const Row& row : resources) head.push_back("resource " + row.name + " s");
  head.emplace_back("basis");
  std::string out = csv_row(head);
  const auto number = [](double value) {
    return std::isfinite(value) ? fmt::format("{}", value) : std::string();
  };
  for (std::size_t i = 0; i < results.size(); ++i) {
    const pb::Result& result = results[i];
    std::vector<std::string> cells = {name_of(result),
                                      result.scenario().workload().training().model(),
                                      result.scenario().cluster().accelerator(),
                                      std::to_string(result.scenario().cluster().count()),
                                      layout_line(result.scenario()),
                                      pb::Engine_Name(result.engine()),
                                      result.feasible() ? "true" : "false",
                                      result.reason()};
    for (const Row& row : metrics) cells.push_back(number(row.values[i]));
    for (const Row& row : resources) cells.push_back(number(row.values[i]));
    cells.push_back(basis_of(result, "step_time_s"));
    out += csv_row(cells);
  }
  return out;
}

std::string comparison_markdown(std::span<const pb::Result> results) {
  std::string out;
  const auto rows = table_of(results);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (const std::string& text : rows[r]) {
      std::string plain = text;
      std::replace(plain.begin(), plain.end(), '|', '/');
      out += "| " + plain + " ";
    }
    out += "|\n";
    if (r > 0) continue;
    for (std::size_t c = 0; c < rows[r].size(); ++c) out += "|---";
    out += "|\n";
  }
  return out;
}

namespace report {
namespace {

Cell number_cell(double value, bool sign) {
  if (!std::isfinite(value)) return {"-"};
  Cell cell{sign ? fmt::format("{:+.4f}", value) : fmt::format("{:.4f}", value)};
  cell.value = value;
  return cell;
}

void add_resources(Document& document, std::span<const pb::Result> results) {
  TableBlock table{{{"resource"}}, {}};
  for (std::size_t i = 0; i < results.size(); ++i) {
    table.columns.push_back({letter(i), true});
    if (i > 0) table.columns.push_back({"less A", true});
  }
  for (const Row& row : resource_rows(results)) {
    std::vector<Cell> cells = {{part_label(row.name)}};
    for (std::size_t i = 0; i < results.size(); ++i) {
      cells.push_back(number_cell(row.values[i], false));
      if (i > 0) cells.push_back(number_cell(row.values[i] - row.values[0], true));
    }
    table.rows.push_back(std::move(cells));
  }
  if (table.rows.empty()) return;
  document.add(Heading{"Step time by resource, s"});
  document.add(std::move(table));
}

void add_every_metric(Document& document, std::span<const pb::Result> results) {
  TableBlock table{{{"figure"}}, {}};
  for (std::size_t i = 0; i < results.size(); ++i) table.columns.push_back({letter(i), true});
  table.columns.push_back({"weakest basis"});
  for (const Row& row : metric_rows(results)) {
    std::vector<Cell> cells = {{label_of(row.name)}};
    cells.front().name = row.name;
    for (const double value : row.values) {
      Cell cell{std::isfinite(value) ? format_metric(row.name, value, 4) : std::string("-")};
      cell.value = value;
      cells.push_back(std::move(cell));
    }
    Cell basis;
    basis.mark = weakest(row);
    cells.push_back(std::move(basis));
    table.rows.push_back(std::move(cells));
  }
  if (table.rows.empty()) return;
  document.add(Heading{"Every figure"});
  document.add(std::move(table));
}

void add_table(Document& document, std::span<const pb::Result> results) {
  const auto rows = table_of(results);
  TableBlock table;
  for (std::size_t i = 0; i < rows.front().size(); ++i) {
    const std::string& title = rows.front()[i];
    const bool number = i >= 2 && i < 2 + std::size(kColumns);
    table.columns.push_back({title, number});
  }
  for (std::size_t r = 1; r < rows.size(); ++r) {
    std::vector<Cell> cells;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      Cell cell{rows[r][i]};
      if (i >= 2 && i < 2 + std::size(kColumns)) {
        cell.name = kColumns[i - 2].metric;
        if (cell.text != "-") cell.value = figure(results[r - 1], kColumns[i - 2].metric);
      }
      if (i + 1 == rows[r].size()) cell.mark = std::exchange(cell.text, {});
      cells.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(cells));
  }
  document.add(Heading{"Key figures"});
  document.add(std::move(table));
}

}  // namespace

Document document_of(std::span<const pb::Result> results) {
  Document document;
  document.kind = "Aisle comparison";
  document.title = fmt::format("{} results side by side", results.size());
  Pairs names;
  for (std::size_t i = 0; i < results.size(); ++i) {
    names.rows.emplace_back(letter(i), title_of(results[i]) + ": " + name_of(results[i]));
  }
  for (std::size_t i = 1; i < results.size(); ++i) {
    std::string text = explanation(results, i);
    if (!text.empty()) document.add(Paragraph{std::move(text), Paragraph::Kind::answer});
  }
  document.add(std::move(names));
  if (std::string svg = comparison_svg(results); !svg.empty()) {
    document.add(Heading{"Where the time goes"});
    document.add(Figure{std::move(svg), "A bar for each result.", {}, {}});
  }
  add_table(document, results);
  add_resources(document, results);
  add_every_metric(document, results);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const pb::Result& result = results[i];
    document.add(Heading{fmt::format("{}: {}", letter(i), title_of(result))});
    document.add(Paragraph{result.feasible() ? answer(result) : result.reason(),
                           result.feasible() ? Paragraph::Kind::plain : Paragraph::Kind::refused});
    if (!result.caveat().empty()) {
      document.add(Heading{"It leaves out or assumes", 3});
      document.add(List{{result.caveat().begin(), result.caveat().end()}});
    }
  }
  add_marks(document);
  document.footer = "Aisle " + (results.empty() ? std::string() : results.front().version());
  return document;
}

}  // namespace report

std::string comparison_html(std::span<const pb::Result> results) {
  return report::to_html(report::document_of(results));
}

}  // namespace aisle::sim
