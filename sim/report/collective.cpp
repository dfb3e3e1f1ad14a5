// SPDX-License-Identifier: Apache-2.0
#include "sim/report/collective.hpp"

#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/report/document.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <string_view>

namespace aisle::sim::report {

namespace {

std::string words(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string method(const pb::CollectiveOutcome& job) {
  return job.protocol() == "automatic"
             ? words(job.algorithm())
             : fmt::format("{}, {}", words(job.algorithm()), job.protocol());
}

/// Sizes are powers of two more often than not.
std::string size_text(double bytes) {
  constexpr std::array<std::string_view, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  double value = bytes;
  while (unit + 1 < kUnits.size() && value >= 1024) {
    value /= 1024;
    ++unit;
  }
  const bool even = value == std::floor(value);
  return even ? fmt::format("{:.0f} {}", value, kUnits[unit]) : format_bytes(bytes, 4);
}

std::string slowdown(const pb::CollectiveOutcome& job) {
  return job.alone_s() > 0 ? fmt::format("{:.3f}", job.time_s() / job.alone_s()) : "-";
}

std::string link_name(const pb::LinkLoad& load) {
  return fmt::format("{} {}", load.kind(), load.outward() ? "out" : "in");
}

}  // namespace

std::string collective_line(const pb::Collective& collective) {
  std::string line = collective.has_operation() ? words(collective.operation()) : "collectives";
  if (collective.has_bytes()) line += " of " + collective.bytes();
  if (collective.job_size() > 1)
    line += fmt::format(", {} jobs side by side", collective.job_size());
  return line;
}

std::string collective_answer(const pb::Result& result) {
  if (result.collective().empty()) return {};
  const auto slowest = std::max_element(
      result.collective().begin(), result.collective().end(), [](const auto& a, const auto& b) {
        return a.time_s() / a.alone_s() < b.time_s() / b.alone_s();
      });
  const pb::CollectiveOutcome& first = result.collective(0);
  std::string text = fmt::format(
      "{} of {} over {} chips takes {}: {:.4g} GB/s bus bandwidth by {}, bound by {}.",
      words(first.operation()), size_text(first.bytes()), thousands(first.ranks()),
      format_seconds(first.time_s(), 4), first.busbw_gbps(), method(first), first.bound_by());
  if (slowest->time_s() > 1.001 * slowest->alone_s()) {
    text += fmt::format(" {} is {} times as slow as on an idle and healthy network ({}).",
                        result.collective_size() > 1 ? slowest->job() : std::string("It"),
                        slowdown(*slowest), slowest->bound_by());
  }
  return text;
}

void append_collective(Page& page, const pb::Result& result) {
  if (result.collective().empty()) return;
  page.heading("Operations", "slow-down against an idle and healthy network");
  page.line(fmt::format("  {} {} {} {} {} {} {}  {}", left("job", 10), left("operation", 14),
                        right("chips", 8), right("time", 10), right("busbw", 12),
                        right("slower", 7), left("method", 20), "bound by"));
  for (const pb::CollectiveOutcome& job : result.collective()) {
    page.line(fmt::format("  {} {} {} {} {} {} {}  {}", left(job.job(), 10),
                          left(words(job.operation()), 14), right(thousands(job.ranks()), 8),
                          right(format_seconds(job.time_s(), 4), 10),
                          right(fmt::format("{:.1f} GB/s", job.busbw_gbps()), 12),
                          right(slowdown(job), 7), left(method(job), 20), job.bound_by()));
    if (!job.has_high_s()) continue;
    page.line(fmt::format("             90 % of draws between {} and {}",
                          format_seconds(job.low_s(), 4), format_seconds(job.high_s(), 4)));
  }
  page.heading("Load of the links", "share of usable capacity over the whole time");
  page.line(fmt::format("  {} {} {} {} {}  {}", left("links", 14), right("count", 10),
                        right("bytes", 10), right("mean", 8), right("most", 8), "busiest"));
  for (const pb::LinkLoad& load : result.link_load()) {
    page.line(fmt::format(
        "  {} {} {} {} {}  {}", left(link_name(load), 14),
        right(fmt::format("{:.0f}", load.links()), 10), right(format_bytes(load.bytes(), 3), 10),
        right(share(load.mean_share()), 8), right(share(load.max_share()), 8), load.busiest()));
  }
}

void add_collective(Document& document, const pb::Result& result) {
  if (result.collective().empty()) return;
  TableBlock jobs{{{"job"},
                   {"operation"},
                   {"chips", true},
                   {"time", true},
                   {"bus bandwidth", true},
                   {"slow-down", true},
                   {"method"},
                   {"bound by"}},
                  {}};
  for (const pb::CollectiveOutcome& job : result.collective()) {
    Cell time{format_seconds(job.time_s(), 4)}, rate{fmt::format("{:.2f} GB/s", job.busbw_gbps())};
    time.value = job.time_s();
    rate.value = job.busbw_gbps();
    jobs.rows.push_back({{job.job()},
                         {fmt::format("{} of {}", words(job.operation()), size_text(job.bytes()))},
                         {thousands(job.ranks())},
                         time,
                         rate,
                         {slowdown(job)},
                         {method(job)},
                         {job.bound_by()}});
  }
  document.add(Heading{"Operations"});
  document.add(std::move(jobs));
  TableBlock links{{{"links"},
                    {"count", true},
                    {"bytes", true},
                    {"mean", true},
                    {"most", true},
                    {""},
                    {"busiest"}},
                   {}};
  for (const pb::LinkLoad& load : result.link_load()) {
    Cell bar;
    bar.svg = bar_svg(load.max_share(), kind_colour(1));
    links.rows.push_back({{link_name(load)},
                          {fmt::format("{:.0f}", load.links())},
                          {format_bytes(load.bytes(), 3)},
                          {share(load.mean_share())},
                          {share(load.max_share())},
                          bar,
                          {load.busiest()}});
  }
  document.add(Heading{"Load of the links"});
  document.add(Paragraph{"Share of usable capacity over the whole time.", Paragraph::Kind::note});
  document.add(std::move(links));
}

void write_collective(JsonWriter& json, const pb::Result& result) {
  json.key("collective").begin_array();
  for (const pb::CollectiveOutcome& job : result.collective()) {
    json.begin_object();
    json.key("job").value(job.job()).key("operation").value(job.operation());
    json.key("bytes").value(job.bytes()).key("ranks").value(static_cast<long long>(job.ranks()));
    json.key("domains").value(static_cast<long long>(job.domains()));
    json.key("algorithm").value(job.algorithm()).key("protocol").value(job.protocol());
    json.key("channels").value(static_cast<long long>(job.channels()));
    json.key("time_s").value(job.time_s()).key("alone_s").value(job.alone_s());
    json.key("algbw_GBps").value(job.algbw_gbps()).key("busbw_GBps").value(job.busbw_gbps());
    json.key("bound_by").value(job.bound_by());
    json.key("low_s");
    job.has_low_s() ? json.value(job.low_s()) : json.null();
    json.key("high_s");
    job.has_high_s() ? json.value(job.high_s()) : json.null();
    json.end_object();
  }
  json.end_array().key("link_load").begin_array();
  for (const pb::LinkLoad& load : result.link_load()) {
    json.begin_object();
    json.key("kind").value(load.kind()).key("outward").value(load.outward());
    json.key("links").value(load.links()).key("bytes").value(load.bytes());
    json.key("mean_share").value(load.mean_share()).key("max_share").value(load.max_share());
    json.key("busiest").value(load.busiest()).end_object();
  }
  json.end_array();
}

std::string collective_csv(const pb::Result& result) {
  std::string out;
  for (const pb::LinkLoad& load : result.link_load()) {
    const std::string name = link_name(load);
    out += csv_row({"link load", name + ", links", fmt::format("{}", load.links()), "1", ""});
    out += csv_row({"link load", name + ", bytes", fmt::format("{}", load.bytes()), "bytes", ""});
    out += csv_row(
        {"link load", name + ", mean share", fmt::format("{}", load.mean_share()), "1", ""});
    out += csv_row(
        {"link load", name + ", largest share", fmt::format("{}", load.max_share()), "1", ""});
  }
  return out;
}

}  // namespace aisle::sim::report
