// SPDX-License-Identifier: Apache-2.0
#include "sim/report/search.hpp"

#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::sim {

namespace {

using namespace report;

/// Parts of the step that the explanation names.
constexpr std::size_t kNamedParts = 4;

std::optional<double> found_metric(const FoundLayout& layout, const std::string& name) {
  if (name == "hbm_headroom_bytes") {
    if (layout.engine.empty()) return std::nullopt;
    return objective_of(layout, name);
  }
  if (const auto value = metric(layout.result, name)) return value;
  if (name == "step_time_s") return layout.estimated_step_s;
  return std::nullopt;
}

std::string found_text(const FoundLayout& layout, const std::string& name, int digits) {
  const auto value = found_metric(layout, name);
  if (!value) return "";
  if (name == "hbm_headroom_bytes") return format_bytes(*value, digits);
  return format_metric(name, *value, digits);
}

/// The largest part of the step that is not computation, or computation where nothing else counts.
std::string what_binds(const pb::Result& result) {
  double computing = 0, whole = 0, most = 0;
  std::string largest;
  for (const PartText& part : describe_parts(result)) {
    whole += part.seconds;
    if (family_of(part.name) == PartFamily::computation) {
      computing += part.seconds;
    } else if (part.seconds > most) {
      most = part.seconds;
      largest = part.label;
    }
  }
  if (whole <= 0) return "";
  const std::string text = fmt::format("computing {}", share(computing / whole));
  return largest.empty() ? text : fmt::format("{}, {} {}", text, largest, share(most / whole));
}

std::vector<std::string> row_of(const FoundLayout& layout, const std::string& objective,
                                std::size_t number) {
  std::vector<std::string> row = {
      std::to_string(number), describe(layout.mapping), found_text(layout, "step_time_s", 4),
      found_text(layout, "mfu", 3), format_bytes(layout.memory_bytes, 3)};
  if (objective != "step_time_s" && objective != "mfu") {
    row.push_back(found_text(layout, objective, 4));
  }
  row.push_back(layout.engine.empty() ? "estimate" : layout.engine);
  row.push_back(layout.engine.empty() ? "" : what_binds(layout.result));
  return row;
}

std::string table_of(const std::vector<FoundLayout>& layouts, const std::string& objective) {
  std::vector<std::string> header = {"", "layout", "step time", "MFU", "memory"};
  if (objective != "step_time_s" && objective != "mfu") {
    header.push_back(objective == "hbm_headroom_bytes" ? "memory left" : label_of(objective));
  }
  header.insert(header.end(), {"by", "where the time goes"});
  Table table(header);
  for (std::size_t i = 0; i < layouts.size(); ++i) table.add(row_of(layouts[i], objective, i + 1));
  return table.to_string();
}

void append_counts(Page& page, const SearchOutcome& outcome) {
  const SearchCounts& c = outcome.counts;
  page.line(
      fmt::format("layouts    {} in all: {} do not divide, {} do not fit, {} beyond the bound,"
                  " {} estimated",
                  thousands(c.enumerated), thousands(c.not_dividing), thousands(c.not_fitting),
                  thousands(c.beyond_bound), thousands(c.estimated)));
  std::string runs = fmt::format("runs       {} on the analytic engine, {} on the event engine",
                                 thousands(c.analytic), thousands(c.event));
  if (c.analytic > 0) {
    runs += fmt::format("; estimates within {} of the analytic engine",
                        percent(std::expm1(outcome.largest_correction)));
  }
  page.line(runs);
  page.line(fmt::format("time       {} in all, {} of it for estimates",
                        format_seconds(outcome.wall_time_s, 3), format_seconds(c.estimating_s, 3)));
}

struct Difference {
  std::string label;
  double seconds = 0;
};

/// What another layout spends more on, largest first by size; sums to the difference in step time.
std::vector<Difference> differences(const pb::Result& base, const pb::Result& other) {
  std::map<std::string, double> parts;
  std::map<std::string, std::string> labels;
  for (const PartText& part : describe_parts(other)) {
    parts[part.name] += part.seconds;
    labels[part.name] = part.label;
  }
  for (const PartText& part : describe_parts(base)) {
    parts[part.name] -= part.seconds;
    labels[part.name] = part.label;
  }
  std::vector<Difference> list;
  for (const auto& [name, seconds] : parts) list.push_back({labels[name], seconds});
  std::stable_sort(list.begin(), list.end(), [](const Difference& a, const Difference& b) {
    return std::abs(a.seconds) > std::abs(b.seconds);
  });
  return list;
}

void append_explanation(Page& page, const SearchOutcome& outcome) {
  if (outcome.best.empty() || outcome.best[0].engine.empty()) return;
  const FoundLayout& winner = outcome.best[0];
  page.heading("What binds the winner");
  std::vector<PartText> parts = describe_parts(winner.result);
  std::stable_sort(parts.begin(), parts.end(),
                   [](const PartText& a, const PartText& b) { return a.seconds > b.seconds; });
  const double whole = total_seconds(winner.result);
  for (std::size_t i = 0; i < std::min(kNamedParts, parts.size()); ++i) {
    page.line(fmt::format("  {} {} {}", left(parts[i].label, 36),
                          right(format_seconds(parts[i].seconds, 3), 10),
                          right(share(parts[i].seconds / whole), 9)));
  }
  if (outcome.best.size() < 2 || outcome.best[1].engine != winner.engine) return;
  const FoundLayout& second = outcome.best[1];
  const double more = objective_of(second, "step_time_s") - objective_of(winner, "step_time_s");
  page.heading("What the runner-up lacks");
  page.line(fmt::format("  {}: {} {} a step", describe(second.mapping),
                        format_seconds(std::abs(more), 3), more < 0 ? "shorter" : "longer"));
  const std::vector<Difference> list = differences(winner.result, second.result);
  for (std::size_t i = 0; i < std::min(kNamedParts, list.size()); ++i) {
    if (list[i].seconds == 0) continue;
    page.line(fmt::format("  {} {}{}", left(list[i].label, 36), list[i].seconds < 0 ? "-" : "+",
                          format_seconds(std::abs(list[i].seconds), 3)));
  }
}

void write_layout(const FoundLayout& layout, JsonWriter& json) {
  const Mapping& m = layout.mapping;
  json.begin_object().key("mapping").begin_object();
  json.key("tensor").value(m.tensor).key("context").value(m.context);
  json.key("pipeline").value(m.pipeline).key("data").value(m.data);
  json.key("expert").value(m.expert).key("zero").value(m.zero);
  json.key("schedule").value(pb::Schedule_Name(m.schedule));
  json.key("virtual_stages").value(m.virtual_stages).key("micro_batch").value(m.micro_batch);
  json.key("recompute").value(pb::Recompute_Name(m.recompute));
  json.end_object();
  json.key("engine").value(layout.engine.empty() ? "estimate" : layout.engine);
  json.key("estimated_step_time_s").value(layout.estimated_step_s);
  json.key("metrics").begin_object();
  if (layout.engine.empty()) {
    json.key("step_time_s").value(layout.estimated_step_s);
    json.key("hbm_peak_bytes").value(layout.memory_bytes);
  } else {
    json.key("hbm_headroom_bytes").value(objective_of(layout, "hbm_headroom_bytes"));
  }
  for (const pb::Metric& one : layout.result.metric()) json.key(one.name()).value(one.value());
  json.end_object().key("breakdown").begin_object();
  for (const pb::Part& part : layout.result.breakdown())
    json.key(part.name()).value(part.seconds());
  json.end_object().end_object();
}

}  // namespace

std::string describe(const Mapping& m) {
  std::string text = fmt::format("TP{} PP{} DP{}", m.tensor, m.pipeline, m.data);
  if (m.context > 1) text += fmt::format(" CP{}", m.context);
  if (m.expert > 1) text += fmt::format(" EP{}", m.expert);
  if (m.pipeline > 1) text += " " + pb::Schedule_Name(m.schedule);
  if (m.virtual_stages > 1) text += fmt::format(" x{}", m.virtual_stages);
  text += fmt::format(" mb{} ZeRO-{}", m.micro_batch, m.zero);
  if (m.recompute != pb::none) text += " recompute " + pb::Recompute_Name(m.recompute);
  return text;
}

std::string search_text(const SearchOutcome& outcome, const SearchOptions& options) {
  Page page;
  append_counts(page, outcome);
  if (outcome.stopped) page.line("stopped    what follows is the best until then");
  if (outcome.best.empty()) {
    page.line();
    if (!outcome.reason.empty()) page.paragraph(outcome.reason);
    return page.take();
  }
  page.heading(fmt::format("Best by {}", options.objective == "hbm_headroom_bytes"
                                             ? "memory left"
                                             : label_of(options.objective)));
  std::string text = page.take() + table_of(outcome.best, options.objective);
  Page after;
  append_explanation(after, outcome);
  after.heading("Less memory for more time (Pareto front)");
  text += after.take();
  return text + table_of(outcome.pareto, options.objective);
}

std::string search_json(const SearchOutcome& outcome, const SearchOptions& options) {
  JsonWriter json;
  const SearchCounts& c = outcome.counts;
  json.begin_object().key("objective").value(options.objective);
  json.key("enumerated").value(c.enumerated).key("not_dividing").value(c.not_dividing);
  json.key("not_fitting").value(c.not_fitting).key("beyond_bound").value(c.beyond_bound);
  json.key("evaluated").value(c.estimated);
  json.key("feasible").value(c.estimated + c.beyond_bound);
  json.key("analytic_runs").value(c.analytic).key("event_runs").value(c.event);
  json.key("largest_correction").value(outcome.largest_correction);
  json.key("estimating_s").value(c.estimating_s);
  json.key("reason").value(outcome.reason).key("stopped").value(outcome.stopped);
  json.key("best").begin_array();
  for (const FoundLayout& layout : outcome.best) write_layout(layout, json);
  json.end_array().key("pareto").begin_array();
  for (const FoundLayout& layout : outcome.pareto) write_layout(layout, json);
  json.end_array().key("wall_time_s").value(outcome.wall_time_s).end_object();
  return json.take();
}

}  // namespace aisle::sim
