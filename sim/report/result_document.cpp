// SPDX-License-Identifier: Apache-2.0
// What a report of one result says.
#include "sim/report/result_document.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/report/collective.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"
#include "sim/report/series.hpp"
#include "sim/report/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace aisle::sim {
namespace report {
namespace {

using Kind = Paragraph::Kind;

constexpr std::string_view kCards[] = {"ttft_p50_s",
                                       "tpot_p50_s",
                                       "output_tokens_per_s_per_chip",
                                       "usd_per_million_output_tokens",
                                       "time_s",
                                       "busbw_GBps",
                                       "slowdown",
                                       "step_time_s",
                                       "tokens_per_s_per_chip",
                                       "tflops_per_chip",
                                       "mfu",
                                       "run_time_days",
                                       "run_cost_usd",
                                       "run_energy_mwh",
                                       "hbm_peak_bytes"};

Cell basis_cell(std::string basis) {
  Cell cell;
  cell.mark = std::move(basis);
  return cell;
}

Cell metric_cell(const pb::Metric& metric, int digits) {
  Cell cell{format_metric(metric.name(), metric.value(), digits)};
  cell.value = metric.value();
  return cell;
}

Cell seconds_cell(double seconds) {
  Cell cell{fmt::format("{:.4f} s", seconds)};
  cell.value = seconds;
  return cell;
}

/// What stands below every figure: what is drawn, on what basis, of which scenario.
std::string caption(std::string_view text, const pb::Result& result) {
  return fmt::format("{} Scenario {}.", text, scenario_hash(result));
}

void add_head(Document& document, const pb::Result& result) {
  const pb::Scenario& scenario = result.scenario();
  if (!result.feasible()) {
    document.add(Paragraph{result.reason(), Kind::refused});
  } else if (std::string text = answer(result); !text.empty()) {
    document.add(Paragraph{std::move(text), Kind::answer});
  }
  Pairs setup;
  if (result.has_scenario()) {
    setup.rows.emplace_back("cluster", cluster_line(scenario));
    setup.rows.emplace_back("workload", workload_line(scenario));
    if (scenario.workload().has_training()) {
      setup.rows.emplace_back("layout", layout_line(scenario));
    }
  }
  setup.rows.emplace_back("engine", engine_line(result));
  document.add(std::move(setup));
}

void add_cards(Document& document, const pb::Result& result) {
  Cards cards;
  for (const std::string_view name : kCards) {
    for (const pb::Metric& metric : result.metric()) {
      if (metric.name() != name) continue;
      Cards::Card card{label_of(name), metric_cell(metric, 3), range_text(metric), {}};
      if (metric.has_low()) card.ends = {metric.low(), metric.high()};
      card.figure.mark = basis_name(metric.basis());
      card.figure.name = metric.name();
      cards.cards.push_back(std::move(card));
    }
  }
  if (!cards.cards.empty()) document.add(std::move(cards));
}

void add_comparisons(Document& document, const pb::Result& result) {
  if (result.comparison().empty()) return;
  document.add(Heading{"Beside published figures"});
  document.add(
      Paragraph{"The band is the bound that the study sets; the bar is the error. Rows "
                "without a bound are for information.",
                Kind::note});
  TableBlock table{{{"metric"},
                    {"simulated", true},
                    {"published", true},
                    {"error", true},
                    {""},
                    {"bound", true},
                    {""}},
                   {}};
  List sources;
  for (const pb::Comparison& entry : result.comparison()) {
    const std::optional<bool> within = within_bound(entry);
    Cell simulated{format_metric(entry.metric(), entry.simulated(), 4)};
    Cell published{format_metric(entry.metric(), entry.published(), 4)};
    Cell error{signed_percent(entry.error())}, bar, verdict;
    simulated.value = entry.simulated();
    published.value = entry.published();
    error.value = entry.error();
    bar.svg = error_svg(entry);
    if (within) verdict.text = *within ? "within" : "out of bound";
    if (within) verdict.mark = *within ? "good" : "bad";
    table.rows.push_back({{label_of(entry.metric())},
                          simulated,
                          published,
                          error,
                          bar,
                          {entry.has_bound() ? percent(entry.bound()) : std::string("-")},
                          verdict,
                          {entry.source() + (entry.note().empty() ? "" : "; " + entry.note())}});
  }
  document.add(std::move(table));
}

void add_breakdown(Document& document, const pb::Result& result) {
  const double total = total_seconds(result);
  if (total <= 0) return;
  document.add(Heading{"Where the step goes"});
  document.add(Figure{
      breakdown_svg(result),
      caption(result.breakdown_rank().empty()
                  ? std::string("Parts of one step, in seconds.")
                  : fmt::format("Parts of one step on {}, in seconds.", result.breakdown_rank()),
              result),
      basis_of(result, "step_time_s"),
      {}});
  document.add(parts_table(describe_parts(result), total));
  const std::vector<PartText> resources = describe_resources(result);
  if (resources.empty()) return;
  document.add(Heading{"By resource, mean over accelerators", 3});
  document.add(parts_table(resources, total));
}

void add_campaign(Document& document, const pb::Result& result) {
  double total = 0;
  for (const pb::Part& part : result.campaign()) total += part.seconds();
  if (total <= 0) return;
  document.add(Heading{"Where the run goes"});
  TableBlock table{{{"part"}, {"time", true}, {"of the run", true}}, {}};
  for (const pb::Part& part : result.campaign()) {
    Cell time{format_seconds(part.seconds(), 4)};
    time.value = part.seconds();
    table.rows.push_back({{part.name()}, time, {share(part.seconds() / total)}});
  }
  document.add(std::move(table));
}

void add_memory(Document& document, const pb::Result& result) {
  const pb::MemoryUse* worst = fullest(result);
  if (!worst) return;
  const std::vector<std::string> uses = memory_uses(result);
  document.add(Heading{"Memory"});
  const double capacity = worst->capacity_bytes();
  if (capacity > 0) {
    document.add(
        Paragraph{fmt::format("Pipeline rank {} is the fullest: {} of {} ({}).",
                              worst->pipeline_rank(), format_bytes(total_bytes(*worst), 3),
                              format_bytes(capacity, 3), percent(total_bytes(*worst) / capacity))});
  }
  Figure figure{memory_svg(result),
                caption("Memory of one accelerator of each pipeline rank at its fullest, in GB "
                        "(billion bytes).",
                        result),
                basis_of(result, "hbm_peak_bytes"),
                {}};
  const std::vector<std::string> colours = use_colours(uses);
  for (std::size_t i = 0; i < uses.size(); ++i) figure.legend.emplace_back(uses[i], colours[i]);
  document.add(std::move(figure));
  TableBlock table{{{"use"}, {"bytes", true}, {"of the memory", true}}, {}};
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const double bytes = bytes_of(*worst, uses[i]);
    Cell cell{format_bytes(bytes, 4)};
    cell.value = bytes;
    table.rows.push_back({{uses[i], {}, colours[i]},
                          cell,
                          {capacity > 0 ? percent(bytes / capacity) : std::string("-")}});
  }
  document.add(std::move(table));
}

void add_timeline(Document& document, const pb::Result& result) {
  std::string whole = timeline_svg(result);
  if (whole.empty()) return;
  std::vector<std::pair<std::string, std::string>> legend;
  for (int kind = 0; kind < kSpanKinds; ++kind) {
    legend.emplace_back(kind_name(kind), kind_colour(kind));
  }
  const std::string basis = basis_of(result, "step_time_s");
  document.add(Heading{"Timeline"});
  const bool serving = result.scenario().workload().has_serving();
  document.add(Figure{
      std::move(whole),
      caption(serving ? "Passes of each batch in flight at the beginning of the run; the height is "
                        "the share of each moment that the engine works on it."
                      : "Streams of the representative ranks over one step; the height is the "
                        "share of each moment that the stream is busy.",
              result),
      basis, legend});
  if (serving) return;
  std::string stretch = stretch_svg(result);
  if (stretch.empty()) return;
  document.add(Heading{"A stretch from the middle, span by span", 3});
  document.add(Figure{std::move(stretch),
                      caption("A few of the ranks. Numbers on the spans are micro-batches; on a "
                              "page, point at a span for its name and time.",
                              result),
                      basis, legend});
}

void add_families(Document& document, const pb::Result& result) {
  double most = 0, total = 0;
  for (const pb::FamilyTime& family : result.family()) {
    most = std::max(most, family.seconds());
    total += family.seconds();
  }
  if (most <= 0) return;
  std::vector<pb::FamilyTime> families(result.family().begin(), result.family().end());
  std::stable_sort(families.begin(), families.end(),
                   [](const auto& a, const auto& b) { return a.seconds() > b.seconds(); });
  document.add(Heading{"Kernels by family"});
  document.add(
      Paragraph{"Time alone on the representative rank, before sharing; what overlaps "
                "counts in full.",
                Kind::note});
  TableBlock table{
      {{"family"}, {"time", true}, {"share", true}, {"kernels", true}, {""}, {"basis"}}, {}};
  for (const pb::FamilyTime& family : families) {
    std::string name = family.family();
    std::replace(name.begin(), name.end(), '_', ' ');
    Cell time{format_seconds(family.seconds(), 3)}, bar;
    time.value = family.seconds();
    bar.svg = bar_svg(family.seconds() / most, kind_colour(0));
    table.rows.push_back({{name},
                          time,
                          {share(family.seconds() / total)},
                          {thousands(family.count())},
                          bar,
                          basis_cell(basis_name(family.basis()))});
  }
  document.add(std::move(table));
  if (std::string figure = roofline_svg(result); !figure.empty()) {
    document.add(Heading{"Under the limits of the accelerator", 3});
    document.add(Figure{
        std::move(figure),
        caption("Each family of kernels by its work per byte of memory traffic and its rate, on "
                "the representative rank; the area is its time. Lines: dense peaks, HBM.",
                result),
        {},
        {}});
  }
}

void add_sensitivity(Document& document, const pb::Result& result) {
  std::vector<std::string> metrics;
  for (const pb::Sensitivity& entry : result.sensitivity()) {
    if (std::find(metrics.begin(), metrics.end(), entry.metric()) == metrics.end()) {
      metrics.push_back(entry.metric());
    }
  }
  if (metrics.empty()) return;
  document.add(Heading{"What the answer hangs on"});
  document.add(
      Paragraph{"One input at a time at each end of its interval, everything else as it "
                "is; runs of the analytic engine, set against its own result.",
                Kind::note});
  for (const std::string& name : metrics) {
    document.add(Heading{label_of(name), 3});
    document.add(Figure{
        tornado_svg(result, name),
        caption(fmt::format("{} with each input at the ends of its interval.", label_of(name)),
                result),
        {},
        {}});
    TableBlock table{
        {{"input"}, {"from"}, {"to"}, {"then", true}, {"and", true}, {"interval from"}}, {}};
    for (const pb::Sensitivity& entry : result.sensitivity()) {
      if (entry.metric() != name) continue;
      Cell low{format_metric(name, entry.low(), 4)}, high{format_metric(name, entry.high(), 4)};
      low.value = entry.low();
      high.value = entry.high();
      table.rows.push_back(
          {{entry.input()}, {entry.at_low()}, {entry.at_high()}, low, high, {entry.source()}});
    }
    document.add(std::move(table));
  }
}

void add_metrics(Document& document, const pb::Result& result) {
  if (result.metric().empty()) return;
  document.add(Heading{"Every figure"});
  for (const Group group : kGroups) {
    TableBlock table{{{"figure"}, {"value", true}, {"8 of 10 between", true}, {"basis"}}, {}};
    for (const pb::Metric& entry : result.metric()) {
      if (group_of(entry.name()) != group) continue;
      Cell label{label_of(entry.name())};
      label.name = entry.name();
      table.rows.push_back({label,
                            metric_cell(entry, 4),
                            {range_text(entry)},
                            basis_cell(basis_name(entry.basis()))});
    }
    if (table.rows.empty()) continue;
    document.add(Heading{title_of(group, result), 3});
    document.add(std::move(table));
  }
}

void add_assumptions(Document& document, const pb::Result& result) {
  if (result.caveat().empty()) return;
  document.add(Heading{"What this result leaves out or assumes"});
  document.add(List{{result.caveat().begin(), result.caveat().end()}});
}

void add_inputs(Document& document, const pb::Result& result) {
  add_marks(document);
  if (!result.has_scenario()) return;
  document.add(Heading{"The scenario as it ran"});
  document.add(Verbatim{write_text(result.scenario())});
}

}  // namespace

TableBlock parts_table(const std::vector<PartText>& parts, double total) {
  TableBlock table{{{"part"}, {"seconds", true}, {"of the step", true}}, {}};
  for (const PartText& part : parts) {
    table.rows.push_back(
        {{part.label, {}, part.colour}, seconds_cell(part.seconds), {share(part.seconds / total)}});
  }
  table.rows.push_back({{"together"}, seconds_cell(total), {"100.0 %"}});
  return table;
}

void add_validity(Document& document, const pb::Result& result) {
  if (result.like_rows().empty()) return;
  document.add(Heading{"How far off such results were"});
  document.add(
      Paragraph{"Published measurements that resemble this study, of the half that nothing was "
                "fitted to, against the same simulator. Eight of ten measurements lay between the "
                "two factors of what was simulated; the intervals of this report are that range. "
                "They hold for the inputs as given: prices, tariffs and the length of a run are "
                "not in them.",
                Kind::note});
  TableBlock table{{{"like rows"},
                    {"rows", true},
                    {"median error", true},
                    {"8 of 10 between", true},
                    {"stands for"}},
                   {}};
  for (const pb::LikeRows& rows : result.like_rows()) {
    constexpr int kNamed = 3;
    std::string stands;
    for (int i = 0; i < std::min(kNamed, rows.metric_size()); ++i) {
      stands += (i == 0 ? "" : ", ") + label_of(rows.metric(i));
    }
    if (rows.metric_size() > kNamed) {
      stands += fmt::format(" and {} more", rows.metric_size() - kNamed);
    }
    Cell error{percent(rows.median_error())};
    error.value = rows.median_error();
    table.rows.push_back({{like_rows_text(rows)},
                          {thousands(rows.rows())},
                          error,
                          {fmt::format("x {:.2f} and x {:.2f}", rows.low(), rows.high())},
                          {stands}});
  }
  document.add(std::move(table));
}

void add_marks(Document& document) {
  document.add(Heading{"What the marks mean"});
  document.add(
      Paragraph{"The basis of a figure is the weakest of everything that made it, from "
                "strongest to weakest:",
                Kind::note});
  TableBlock table{{{"basis"}, {"means"}}, {}};
  for (const pb::Basis basis : kBases) {
    table.rows.push_back({basis_cell(basis_name(basis)), {std::string(basis_meaning(basis))}});
  }
  document.add(std::move(table));
}

void add_point(Document& document, const pb::Result& result) {
  for (const auto& section : {add_head, add_cards, add_validity, add_assumptions}) {
    section(document, result);
  }
}

Document document_of(const pb::Result& result) {
  Document document;
  document.kind = "Aisle result";
  document.title = title_of(result);
  document.question = result.scenario().question();
  document.footer = fmt::format(
      "Aisle {} \u00b7 study {} \u00b7 scenario {} \u00b7 simulated in {}", result.version(),
      result.study(), scenario_hash(result), format_seconds(result.wall_time_s(), 2));
  for (const auto& section :
       {add_head, add_cards, add_collective, add_comparisons, add_validity, add_latencies,
        add_breakdown, add_campaign, add_memory, add_series, add_sensitivity, add_timeline,
        add_families, add_metrics, add_assumptions, add_inputs}) {
    section(document, result);
  }
  return document;
}

}  // namespace report

std::string html_page(const pb::Result& result) {
  return report::to_html(report::document_of(result));
}

}  // namespace aisle::sim
