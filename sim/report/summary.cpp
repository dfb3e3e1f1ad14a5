// SPDX-License-Identifier: Apache-2.0
#include "sim/report/collective.hpp"
#include "sim/report/format.hpp"
#include "sim/report/replay.hpp"
#include "sim/report/report.hpp"
#include "sim/report/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aisle::sim {
namespace {

using namespace report;

constexpr std::size_t kMostMemoryRows = 10;

void append_setup(Page& page, const pb::Result& result) {
  page.paragraph(title_of(result));
  if (!result.scenario().question().empty()) page.paragraph(result.scenario().question());
  page.rule();
  if (result.has_scenario()) {
    page.paragraph(cluster_line(result.scenario()), "cluster    ");
    page.paragraph(workload_line(result.scenario()), "workload   ");
    if (result.scenario().workload().has_training()) {
      page.paragraph(layout_line(result.scenario()), "layout     ");
    }
  }
  page.paragraph(engine_line(result), "engine     ");
  page.line();
}

void append_verdict(Page& page, const pb::Result& result) {
  if (result.feasible()) {
    page.paragraph(answer(result));
    return;
  }
  page.line("!! THE JOB DOES NOT RUN AS ASKED");
  page.paragraph(result.reason().empty() ? "No reason is given." : result.reason(), "!! ");
}

/// "-12 .. +20 %": where eight of ten measurements like it would lie.
std::string range_of(const pb::Metric& metric) {
  return fmt::format("{:+.0f} .. {:+.0f} %", 100 * (metric.low() / metric.value() - 1),
                     100 * (metric.high() / metric.value() - 1));
}

void append_sensitivity(Page& page, const pb::Result& result) {
  std::string last;
  for (const pb::Sensitivity& entry : result.sensitivity()) {
    if (entry.metric() != last) {
      page.heading("What it hangs on: " + label_of(entry.metric()),
                   "an input at a time at both ends of its interval");
    }
    last = entry.metric();
    page.line(fmt::format("  {} {} {}   {} to {}", left(entry.input(), 32),
                          right(format_metric(entry.metric(), entry.low(), 4), 18),
                          right(format_metric(entry.metric(), entry.high(), 4), 18), entry.at_low(),
                          entry.at_high()));
  }
}

void append_group(Page& page, const pb::Result& result, Group group) {
  bool first = true;
  for (const pb::Metric& metric : result.metric()) {
    if (group_of(metric.name()) != group) continue;
    if (first) page.heading(title_of(group, result));
    first = false;
    const std::string basis = basis_name(metric.basis());
    page.line(fmt::format("  {} {}   {}", left(label_of(metric.name()), 42),
                          right(format_metric(metric.name(), metric.value(), 4), 24),
                          metric.has_low() ? left(basis, 12) + "  " + range_of(metric) : basis));
  }
}

void append_validity(Page& page, const pb::Result& result) {
  if (result.like_rows().empty()) return;
  page.heading("How far off such results were",
               "8 of 10 measurements between; half of the rows within");
  for (const pb::LikeRows& rows : result.like_rows()) {
    page.line(fmt::format("  {} {} rows  {}  {}", left(like_rows_text(rows), 60),
                          right(thousands(rows.rows()), 5),
                          right(fmt::format("x {:.2f} .. {:.2f}", rows.low(), rows.high()), 15),
                          right(percent(rows.median_error()), 7)));
  }
}

void append_comparisons(Page& page, const pb::Result& result) {
  if (result.comparison().empty()) return;
  page.heading("Beside published figures");
  page.line(fmt::format("  {} {} {} {} {}", left("metric", 29), right("simulated", 15),
                        right("published", 15), right("error", 8), right("bound", 8)));
  for (const pb::Comparison& entry : result.comparison()) {
    const std::string bound = entry.has_bound() ? percent(entry.bound()) : std::string("-");
    const std::optional<bool> within = within_bound(entry);
    const std::string_view verdict = !within ? "" : *within ? "within" : "OUT OF BOUND";
    page.line(fmt::format("  {} {} {} {} {}  {}", left(label_of(entry.metric()), 29),
                          right(format_metric(entry.metric(), entry.simulated(), 4), 15),
                          right(format_metric(entry.metric(), entry.published(), 4), 15),
                          right(signed_percent(entry.error()), 8), right(bound, 8), verdict));
  }
  // Sources are too long for the table.
  for (const pb::Comparison& entry : result.comparison()) {
    const std::string note = entry.note().empty() ? "" : " (" + entry.note() + ")";
    page.paragraph(fmt::format("{}: {}{}", label_of(entry.metric()), entry.source(), note), "    ");
  }
}

void append_parts(Page& page, const std::vector<PartText>& parts, double total) {
  const bool milliseconds = total < 1;
  for (const PartText& part : parts) {
    page.line(fmt::format("  {} {:>10.3f} {} {}  {}", left(part.label, 36),
                          milliseconds ? 1e3 * part.seconds : part.seconds,
                          milliseconds ? "ms" : "s", right(share(part.seconds / total), 8),
                          bar(part.seconds / total, 36)));
  }
}

void append_breakdown(Page& page, const pb::Result& result) {
  const double total = total_seconds(result);
  if (total <= 0) return;
  std::string note = result.breakdown_rank();
  const std::string basis = basis_of(result, "step_time_s");
  if (!basis.empty()) note += note.empty() ? basis : ", " + basis;
  page.heading("Where the step goes", note);
  append_parts(page, describe_parts(result), total);
  if (result.resource().empty()) return;
  page.heading("By resource", "mean over accelerators");
  append_parts(page, describe_resources(result), total);
}

void append_campaign(Page& page, const pb::Result& result) {
  double total = 0;
  for (const pb::Part& part : result.campaign()) total += part.seconds();
  if (total <= 0) return;
  constexpr double kDay = 86400;
  page.heading("Where the run goes");
  for (const pb::Part& part : result.campaign()) {
    page.line(fmt::format("  {} {:>10.3f} d {}  {}", left(part.name(), 36), part.seconds() / kDay,
                          right(share(part.seconds() / total), 8),
                          bar(part.seconds() / total, 36)));
  }
}

constexpr std::size_t kMemoryWidth = 67;  // what rank, total and share leave for the uses

std::size_t memory_column(const std::string& use) {
  return std::max<std::size_t>(8, columns(use) + 2);
}

/// Uses that fit across the page; the smallest are left out, to be shown together as "other".
std::vector<std::string> widest_uses(const pb::Result& result) {
  std::vector<std::string> uses = memory_uses(result);
  const auto most = [&](const std::string& use) {
    double bytes = 0;
    for (const pb::MemoryUse& rank : result.memory()) bytes = std::max(bytes, bytes_of(rank, use));
    return bytes;
  };
  const auto width = [&] {
    std::size_t sum = uses.size() < memory_uses(result).size() ? memory_column("other") : 0;
    for (const std::string& use : uses) sum += memory_column(use);
    return sum;
  };
  while (!uses.empty() && width() > kMemoryWidth) {
    uses.erase(std::min_element(uses.begin(), uses.end(),
                                [&](const auto& a, const auto& b) { return most(a) < most(b); }));
  }
  return uses;
}

std::string memory_row(const pb::MemoryUse& rank, const std::vector<std::string>& uses, bool other,
                       bool worst) {
  const double total = total_bytes(rank);
  double rest = total;
  std::string row = fmt::format("{} {:>4}", worst ? "*" : " ", rank.pipeline_rank());
  for (const std::string& use : uses) {
    row += right(fmt::format("{:.1f}", bytes_of(rank, use) / 1e9), memory_column(use));
    rest -= bytes_of(rank, use);
  }
  if (other) row += right(fmt::format("{:.1f}", rest / 1e9), memory_column("other"));
  row += right(fmt::format("{:.1f}", total / 1e9), 8);
  if (rank.capacity_bytes() <= 0) return row;
  const double fill = total / rank.capacity_bytes();
  return row + right(percent(fill), 9) + "  " + (fill > 1 ? "TOO MUCH" : bar(fill, 8));
}

/// All ranks, or the fullest ones, which decide; in order of rank.
std::vector<const pb::MemoryUse*> shown_ranks(const pb::Result& result) {
  std::vector<const pb::MemoryUse*> ranks;
  for (const pb::MemoryUse& rank : result.memory()) ranks.push_back(&rank);
  if (ranks.size() <= kMostMemoryRows) return ranks;
  std::stable_sort(ranks.begin(), ranks.end(),
                   [](const auto* a, const auto* b) { return total_bytes(*a) > total_bytes(*b); });
  ranks.resize(kMostMemoryRows);
  std::sort(ranks.begin(), ranks.end(),
            [](const auto* a, const auto* b) { return a->pipeline_rank() < b->pipeline_rank(); });
  return ranks;
}

void append_memory(Page& page, const pb::Result& result) {
  const pb::MemoryUse* worst = fullest(result);
  if (!worst) return;
  std::string note = "GB per chip by pipeline rank";
  if (worst->capacity_bytes() > 0) {
    note += fmt::format(", capacity {}", format_bytes(worst->capacity_bytes(), 3));
  }
  const std::string basis = basis_of(result, "hbm_peak_bytes");
  page.heading("Memory", basis.empty() ? note : note + ", " + basis);
  const std::vector<std::string> uses = widest_uses(result);
  const bool other = uses.size() < memory_uses(result).size();
  std::string head = "  rank";
  for (const std::string& use : uses) head += right(use, memory_column(use));
  if (other) head += right("other", memory_column("other"));
  page.line(head + right("total", 8) + right("in use", 9));
  const auto ranks = shown_ranks(result);
  for (const pb::MemoryUse* rank : ranks) {
    page.line(memory_row(*rank, uses, other, rank == worst));
  }
  const std::size_t hidden = static_cast<std::size_t>(result.memory_size()) - ranks.size();
  page.line(hidden == 0 ? std::string("  * the fullest rank")
                        : fmt::format("  * the fullest rank; {} more ranks use less", hidden));
}

}  // namespace

std::string summary(const pb::Result& result) {
  Page page;
  append_setup(page, result);
  append_verdict(page, result);
  append_collective(page, result);
  append_group(page, result, Group::speed);
  append_comparisons(page, result);
  append_breakdown(page, result);
  append_replay(page, result);
  append_memory(page, result);
  append_group(page, result, Group::run);
  append_campaign(page, result);
  append_group(page, result, Group::power);
  append_group(page, result, Group::other);
  append_validity(page, result);
  append_sensitivity(page, result);
  if (!result.caveat().empty()) page.heading("What this result leaves out or assumes");
  for (const std::string& caveat : result.caveat()) page.paragraph(caveat, "  - ");
  page.line();
  page.paragraph(fmt::format("Simulated in {} by Aisle {}; scenario {}.",
                             format_seconds(result.wall_time_s(), 2), result.version(),
                             scenario_hash(result)));
  return page.take();
}

}  // namespace aisle::sim
