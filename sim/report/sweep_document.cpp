// SPDX-License-Identifier: Apache-2.0
// What a report of a sweep says: the best points, the front of time against money, what each axis
// does, and what failed.
#include "sim/base/json.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/base/table.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/result_document.hpp"
#include "sim/report/sweep.hpp"
#include "sim/study/scenario.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

namespace aisle::sim {
namespace report {
namespace {

using Row = SweepTable::Row;

constexpr std::size_t kMostRows = 20, kShown = 4;

/// What a sweep is judged by where nobody says; the first that its points have.
constexpr std::string_view kObjectives[] = {"usd_per_million_tokens",
                                            "usd_per_million_output_tokens", "step_time_s",
                                            "time_s", "replay_time_s"};
/// What stands beside it, in tables and on the front.
constexpr std::string_view kBeside[] = {"run_time_days",
                                        "step_time_s",
                                        "ttft_p50_s",
                                        "tpot_p50_s",
                                        "tokens_per_s_per_chip",
                                        "output_tokens_per_s_per_chip",
                                        "usd_per_million_tokens",
                                        "usd_per_million_output_tokens",
                                        "mfu",
                                        "hbm_peak_bytes"};

/// A sweep with what its report needs.
struct View {
  const SweepTable& table;
  std::string objective;
  std::vector<std::string> shown;  ///< metrics of the tables, the objective first
  std::vector<const Row*> ranked;  ///< points that run, best first

  double value(const Row& row, const std::string& metric) const {
    const int at = table.metric(metric);
    return at < 0 ? std::nan("") : row.metrics[static_cast<std::size_t>(at)];
  }
};

View view_of(const SweepReport& sweep) {
  View view{sweep.table, sweep.objective, {}, {}};
  if (view.objective.empty()) {
    for (const std::string_view name : kObjectives) {
      if (!view.objective.empty() || sweep.table.metric(std::string(name)) < 0) continue;
      view.objective = name;
    }
  }
  if (view.objective.empty() && !sweep.table.metrics.empty()) {
    view.objective = sweep.table.metrics.front();
  }
  view.shown.push_back(view.objective);
  for (const std::string_view name : kBeside) {
    if (view.shown.size() < kShown && name != view.objective &&
        sweep.table.metric(std::string(name)) >= 0) {
      view.shown.emplace_back(name);
    }
  }
  for (const Row& row : sweep.table.rows) {
    if (row.status == "done" && std::isfinite(view.value(row, view.objective))) {
      view.ranked.push_back(&row);
    }
  }
  const bool larger = larger_is_better(view.objective);
  std::stable_sort(view.ranked.begin(), view.ranked.end(), [&](const Row* a, const Row* b) {
    const double left = view.value(*a, view.objective), right = view.value(*b, view.objective);
    return larger ? left > right : left < right;
  });
  return view;
}

Cell metric_cell(const View& view, const Row& row, const std::string& metric) {
  const double value = view.value(row, metric);
  Cell cell{std::isfinite(value) ? format_metric(metric, value, 4) : std::string("-")};
  cell.value = value;
  cell.name = metric;
  return cell;
}

/// "nic" for "cluster.scale_out.nic": the shortest end of the path that no other field shares.
std::string short_name(const std::vector<std::string>& fields, const std::string& path) {
  std::size_t from = path.rfind('.');
  while (from != std::string::npos && from > 0) {
    const std::string end = path.substr(from);
    const auto shared = std::count_if(fields.begin(), fields.end(), [&](const std::string& field) {
      return field.ends_with(end);
    });
    if (shared == 1) return end.substr(1);
    from = path.rfind('.', from - 1);
  }
  return path;
}

std::string describe(const View& view, const Row& row) {
  std::string text;
  for (std::size_t i = 0; i < row.fields.size(); ++i) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                        short_name(view.table.fields, view.table.fields[i]), row.fields[i]);
  }
  return text;
}

std::int64_t count(const SweepTable& table, std::string_view status) {
  return std::count_if(table.rows.begin(), table.rows.end(),
                       [&](const Row& row) { return row.status == status; });
}

void add_answer(Document& document, const View& view) {
  std::string text =
      fmt::format("{} points: {} run, {} do not fit, {} failed.",
                  thousands(static_cast<long long>(view.table.rows.size())),
                  thousands(count(view.table, "done")), thousands(count(view.table, "infeasible")),
                  thousands(count(view.table, "failed")));
  if (!view.ranked.empty()) {
    const Row &best = *view.ranked.front(), &worst = *view.ranked.back();
    text += fmt::format(
        " The best {} is {}, with {}; the worst is {}, with {}.", label_of(view.objective),
        format_metric(view.objective, view.value(best, view.objective), 3), describe(view, best),
        format_metric(view.objective, view.value(worst, view.objective), 3), describe(view, worst));
  }
  document.add(Paragraph{std::move(text), Paragraph::Kind::answer});
}

void add_points(Document& document, const View& view, const std::vector<const Row*>& rows) {
  TableBlock table{{{"point", true}}, {}};
  for (const std::string& field : view.table.fields) {
    table.columns.push_back({short_name(view.table.fields, field)});
  }
  for (const std::string& metric : view.shown) table.columns.push_back({label_of(metric), true});
  table.columns.push_back({"basis"});
  for (std::size_t i = 0; i < std::min(kMostRows, rows.size()); ++i) {
    const Row& row = *rows[i];
    std::vector<Cell> cells = {{fmt::format("{}", row.id)}};
    for (std::size_t f = 0; f < row.fields.size(); ++f) {
      cells.push_back({row.fields[f]});
      cells.back().name = view.table.fields[f];
    }
    for (const std::string& metric : view.shown) cells.push_back(metric_cell(view, row, metric));
    Cell basis;
    const auto known = view.table.bases.find(row.bases);
    if (known != view.table.bases.end()) {
      const auto at = known->second.find(view.objective);
      if (at != known->second.end()) basis.mark = at->second;
    }
    cells.push_back(std::move(basis));
    table.rows.push_back(std::move(cells));
  }
  document.add(std::move(table));
  if (rows.size() > kMostRows) {
    document.add(Paragraph{fmt::format("The first {} of {}.", kMostRows, rows.size()),
                           Paragraph::Kind::note});
  }
}

void add_best(Document& document, const View& view) {
  if (view.ranked.empty()) return;
  document.add(Heading{fmt::format("Best by {}", label_of(view.objective))});
  add_points(document, view, view.ranked);
}

/// Points that no other beats in both metrics, in order of the first.
std::vector<const Row*> front_of(const View& view, const std::string& beside) {
  std::vector<const Row*> rows;
  for (const Row* row : view.ranked) {
    if (std::isfinite(view.value(*row, beside))) rows.push_back(row);
  }
  const double sign = larger_is_better(beside) ? -1 : 1;
  std::vector<const Row*> front;
  double least = std::numeric_limits<double>::infinity();
  for (const Row* row : rows) {
    const double value = sign * view.value(*row, beside);
    if (value >= least) continue;
    least = value;
    front.push_back(row);
  }
  return front;
}

constexpr double kLeft = 76, kTop = 30, kHeight = 280, kRight = 14;

std::string front_svg(const View& view, const std::string& beside,
                      const std::vector<const Row*>& front) {
  double most_x = 0, most_y = 0;
  std::vector<const Row*> rows;
  for (const Row* row : view.ranked) {
    if (!std::isfinite(view.value(*row, beside))) continue;
    rows.push_back(row);
    most_x = std::max(most_x, view.value(*row, view.objective));
    most_y = std::max(most_y, view.value(*row, beside));
  }
  if (!(most_x > 0) || !(most_y > 0)) return {};
  const auto x = [&](double value) {
    return kLeft + (kFigureWidth - kLeft - kRight) * std::max(0.0, value) / most_x;
  };
  const auto y = [&](double value) { return kTop + kHeight * (1 - std::max(0.0, value) / most_y); };
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"Points by {} and {}\">",
                  kFigureWidth, kTop + kHeight + 42, escape(label_of(view.objective)),
                  escape(label_of(beside)));
  const auto add = std::back_inserter(out);
  for (const Tick& tick : ticks(most_y, 1)) {
    fmt::format_to(add,
                   "<line class=\"grid\" x1=\"{0:g}\" x2=\"{1:g}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
                   "<text class=\"small\" text-anchor=\"end\" x=\"{3:g}\" y=\"{4:.1f}\">{5}</text>",
                   kLeft, kFigureWidth - kRight, y(tick.value), kLeft - 6, y(tick.value) + 4,
                   tick.label);
  }
  for (const Tick& tick : ticks(most_x, 1)) {
    fmt::format_to(add,
                   "<text class=\"small\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{:g}\">{}</text>",
                   x(tick.value), kTop + kHeight + 16, tick.label);
  }
  for (const Row* row : rows) {
    const bool best = std::find(front.begin(), front.end(), row) != front.end();
    fmt::format_to(add,
                   "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" fill=\"{}\" fill-opacity=\".7\">"
                   "<title>point {}: {}</title></circle>",
                   x(view.value(*row, view.objective)), y(view.value(*row, beside)), best ? 5 : 3,
                   best ? "#c8503c" : "#8fa3bd", row->id, escape(describe(view, *row)));
  }
  const auto unit = [](const std::string& metric) {
    const std::string text = unit_of(metric);
    return text == "1" ? std::string() : ", " + text;
  };
  fmt::format_to(add,
                 "<text class=\"small\" x=\"0\" y=\"12\">{}</text><text class=\"small\" "
                 "text-anchor=\"middle\" x=\"{:g}\" y=\"{:g}\">{}</text></svg>",
                 escape(label_of(beside) + unit(beside)), kLeft + (kFigureWidth - kLeft) / 2,
                 kTop + kHeight + 36, escape(label_of(view.objective) + unit(view.objective)));
  return out;
}

void add_front(Document& document, const View& view) {
  if (view.shown.size() < 2 || view.ranked.size() < 2) return;
  const std::string& beside = view.shown[1];
  const std::vector<const Row*> front = front_of(view, beside);
  std::string svg = front_svg(view, beside, front);
  if (svg.empty()) return;
  document.add(
      Heading{fmt::format("Front of {} against {}", label_of(view.objective), label_of(beside))});
  document.add(
      Figure{std::move(svg), "Every point that runs; red: no other is better in both.", {}, {}});
  add_points(document, view, front);
}

struct Spread {
  int points = 0, done = 0;
  std::vector<double> values;
};

void add_axes(Document& document, const View& view) {
  if (view.table.fields.empty()) return;
  document.add(Heading{"What each axis does"});
  document.add(Paragraph{"Over all values of the other axes.", Paragraph::Kind::note});
  const bool larger = larger_is_better(view.objective);
  for (std::size_t f = 0; f < view.table.fields.size(); ++f) {
    std::vector<std::string> order;
    std::map<std::string, Spread> spreads;
    for (const Row& row : view.table.rows) {
      if (spreads.count(row.fields[f]) == 0) order.push_back(row.fields[f]);
      Spread& spread = spreads[row.fields[f]];
      ++spread.points;
      const double value = view.value(row, view.objective);
      if (row.status != "done" || !std::isfinite(value)) continue;
      ++spread.done;
      spread.values.push_back(value);
    }
    constexpr std::size_t kMostValues = 40;
    if (order.size() < 2 || order.size() > kMostValues) continue;
    document.add(Heading{view.table.fields[f], 3});
    TableBlock table{{{"value"},
                      {"points", true},
                      {"run", true},
                      {"best " + label_of(view.objective), true},
                      {"median", true}},
                     {}};
    for (const std::string& value : order) {
      Spread& spread = spreads[value];
      std::sort(spread.values.begin(), spread.values.end());
      std::vector<Cell> cells = {
          {value}, {std::to_string(spread.points)}, {std::to_string(spread.done)}};
      for (const bool best : {true, false}) {
        if (spread.values.empty()) {
          cells.push_back({"-"});
          continue;
        }
        const double at = !best    ? spread.values[spread.values.size() / 2]
                          : larger ? spread.values.back()
                                   : spread.values.front();
        Cell cell{format_metric(view.objective, at, 4)};
        cell.value = at;
        cells.push_back(std::move(cell));
      }
      table.rows.push_back(std::move(cells));
    }
    document.add(std::move(table));
  }
}

void add_failures(Document& document, const View& view) {
  std::map<std::pair<std::string, std::string>, std::pair<int, const Row*>> reasons;
  for (const Row& row : view.table.rows) {
    if (row.status == "done") continue;
    auto& [number, first] = reasons[{row.status, row.reason}];
    if (++number == 1) first = &row;
  }
  if (reasons.empty()) return;
  std::vector<std::pair<std::pair<std::string, std::string>, std::pair<int, const Row*>>> sorted(
      reasons.begin(), reasons.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  document.add(Heading{"Points without a figure"});
  TableBlock table{{{"points", true}, {"status"}, {"reason"}, {"first of them"}}, {}};
  for (std::size_t i = 0; i < std::min(kMostRows, sorted.size()); ++i) {
    const auto& [what, of] = sorted[i];
    table.rows.push_back(
        {{std::to_string(of.first)},
         {what.first == "infeasible" ? "does not fit" : what.first},
         {what.second},
         {fmt::format("point {}: {}", of.second->id, describe(view, *of.second))}});
  }
  document.add(std::move(table));
  if (sorted.size() > kMostRows) {
    document.add(Paragraph{fmt::format("The first {} of {} reasons; all are in the database.",
                                       kMostRows, sorted.size()),
                           Paragraph::Kind::note});
  }
}

}  // namespace

Document document_of(const SweepReport& sweep) {
  const View view = view_of(sweep);
  Document document;
  document.kind = "Aisle sweep";
  document.title = sweep.scenario.has_title() ? sweep.scenario.title() : sweep.name;
  document.question = sweep.scenario.question();
  document.footer = fmt::format("{} \u00b7 {} \u00b7 {} points", sweep.version, sweep.name,
                                thousands(static_cast<long long>(sweep.table.rows.size())));
  add_answer(document, view);
  add_best(document, view);
  add_front(document, view);
  add_axes(document, view);
  add_failures(document, view);
  if (!view.ranked.empty() && sweep.whole) {
    const Row& best = *view.ranked.front();
    if (const auto result = sweep.whole(best.id, best.engine)) {
      document.add(Heading{fmt::format("The best point ({})", best.id)});
      add_point(document, *result);
    }
  }
  add_marks(document);
  document.add(Heading{"The study as it was swept"});
  document.add(Verbatim{write_text(sweep.scenario)});
  return document;
}

std::string sweep_csv(const SweepReport& sweep) {
  std::vector<std::string> head = {"id", "engine", "status", "reason"};
  head.insert(head.end(), sweep.table.fields.begin(), sweep.table.fields.end());
  head.insert(head.end(), sweep.table.metrics.begin(), sweep.table.metrics.end());
  std::string out = csv_row(head);
  for (const Row& row : sweep.table.rows) {
    std::vector<std::string> cells = {fmt::format("{}", row.id), row.engine, row.status,
                                      row.reason};
    cells.insert(cells.end(), row.fields.begin(), row.fields.end());
    for (const double value : row.metrics) {
      cells.push_back(std::isfinite(value) ? fmt::format("{}", value) : std::string());
    }
    out += csv_row(cells);
  }
  return out;
}

std::string sweep_json(const SweepReport& sweep) {
  JsonWriter json;
  json.begin_object().key("sweep").value(sweep.name).key("version").value(sweep.version);
  json.key("points").begin_array();
  for (const Row& row : sweep.table.rows) {
    json.begin_object().key("id").value(row.id).key("engine").value(row.engine);
    json.key("status").value(row.status).key("reason").value(row.reason);
    json.key("fields").begin_object();
    for (std::size_t i = 0; i < row.fields.size(); ++i) {
      json.key(sweep.table.fields[i]).value(row.fields[i]);
    }
    json.end_object().key("metrics").begin_object();
    for (std::size_t i = 0; i < row.metrics.size(); ++i) {
      if (std::isfinite(row.metrics[i])) json.key(sweep.table.metrics[i]).value(row.metrics[i]);
    }
    json.end_object().end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace report
}  // namespace aisle::sim
