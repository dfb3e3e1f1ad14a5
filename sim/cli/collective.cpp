// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/study/study.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>

namespace aisle::cli {

namespace {

/// nccl-tests' spelling of a size: a number with K, M, G or T for powers of 1024; or a quantity's
/// ("64 MiB", "1 GB").
std::optional<double> parse_size(const std::string& text, const std::string& flag,
                                 Diagnostics& diagnostics) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, value);
  std::string unit;
  for (const char* c = rest; c != end; ++c) {
    if (*c != ' ') unit += static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
  }
  constexpr std::string_view kPowers = "KMGT";
  double factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  const std::size_t power = unit.empty() ? kPowers.npos : kPowers.find(unit.front());
  if (power != kPowers.npos) {
    const std::string tail = unit.substr(1);
    const bool decimal = tail == "B";
    if (tail.empty() || decimal || tail == "IB") {
      factor = std::pow(decimal ? 1000.0 : 1024.0, static_cast<double>(power + 1));
    }
  }
  if (failure != std::errc() || factor == 0) {
    diagnostics.error({flag + " " + text, 0, 0}, "", fmt::format("'{}' is not a size", text),
                      "write for example 8, 64K, 1G (powers of 1024) or '64 MiB'");
    return std::nullopt;
  }
  if (!(value * factor >= 1)) {
    diagnostics.error({flag + " " + text, 0, 0}, "", "a collective moves at least one byte",
                      "nccl-tests starts at 8");
    return std::nullopt;
  }
  return std::floor(value * factor);
}

std::optional<std::vector<double>> sizes_of(const CollectiveArguments& a,
                                            Diagnostics& diagnostics) {
  const auto first = parse_size(a.begin, "-b", diagnostics);
  const auto last = parse_size(a.end, "-e", diagnostics);
  if (!(a.factor > 1)) {
    diagnostics.error({fmt::format("-f {:g}", a.factor), 0, 0}, "",
                      "the factor between sizes must be above 1", "2 doubles the size each row");
  }
  if (!first || !last || diagnostics.has_errors()) return std::nullopt;
  if (*last < *first) {
    diagnostics.error({fmt::format("-e {}", a.end), 0, 0}, "", "the last size is below the first",
                      fmt::format("-b is {}", a.begin));
    return std::nullopt;
  }
  std::vector<double> sizes;
  double size = *first;
  while (size <= *last && (sizes.empty() || size > sizes.back())) {
    sizes.push_back(size);
    size = std::floor(size * a.factor);
  }
  return sizes;
}

/// The scenario that the flags stand for.
std::vector<sim::FlagAssignment> fields_of(const CollectiveArguments& a, double first_size,
                                           const topology::Catalogue& catalogue) {
  std::vector<sim::FlagAssignment> fields;
  const auto add = [&](const std::string& path, const std::string& value, const std::string& flag) {
    if (!value.empty()) fields.push_back({path + "=" + value, flag + " " + value});
  };
  const std::string accelerator = sim::accelerator_of(catalogue, a.system);
  if (accelerator.empty()) {
    add("cluster.accelerator", a.system, "--system");  // an accelerator, or unknown
  } else {
    fields.push_back({"cluster.accelerator=" + accelerator, "--system " + a.system});
    add("cluster.system", a.system, "--system");
  }
  add("cluster.count", fmt::format("{}", a.chips), "--chips");
  add("cluster.scale_out.fabric", a.fabric, "--fabric");
  add("cluster.scale_out.nic", a.nic, "--nic");
  add("workload.collective.operation", a.operation, "--op");
  add("workload.collective.algorithm", a.algorithm, "--algo");
  add("workload.collective.protocol", a.protocol, "--proto");
  fields.push_back({fmt::format("workload.collective.bytes={} B", first_size), "-b " + a.begin});
  if (!a.engine.empty()) fields.push_back({"engine=" + a.engine, "--engine " + a.engine});
  for (const std::string& assignment : a.assignments) fields.push_back({assignment, ""});
  return fields;
}

void print_json(const std::vector<sim::CollectiveRow>& rows, const std::vector<std::string>& notes,
                double wall) {
  JsonWriter json;
  json.begin_object().key("rows").begin_array();
  for (const sim::CollectiveRow& row : rows) {
    json.begin_object();
    json.key("bytes").value(row.bytes).key("time_s").value(row.time_s);
    json.key("algbw_GBps").value(row.algbw_GBps).key("busbw_GBps").value(row.busbw_GBps);
    json.key("algorithm").value(row.algorithm).key("protocol").value(row.protocol);
    json.key("channels").value(static_cast<long long>(row.channels));
    json.key("bound_by").value(row.bound_by).end_object();
  }
  json.end_array().key("wall_time_s").value(wall).key("caveats").begin_array();
  for (const std::string& note : notes) json.value(note);
  json.end_array().end_object();
  fmt::print("{}", json.take());
}

void print_table(const CollectiveArguments& a, const std::vector<sim::CollectiveRow>& rows) {
  fmt::print("# {} over {} accelerators of {}; sizes as nccl-tests counts them, GB/s decimal\n",
             a.operation, a.chips, a.system);
  fmt::print("#\n#{:>12}{:>14}{:>8}{:>12}{:>9}{:>9}  {:<16}{:<8}{:>5}  {}\n", "size", "count",
             "type", "time", "algbw", "busbw", "algorithm", "proto", "chan", "bound by");
  fmt::print("#{:>12}{:>14}{:>8}{:>12}{:>9}{:>9}\n", "(B)", "(elements)", "", "(us)", "(GB/s)",
             "(GB/s)");
  constexpr double kFloat = 4;
  double sum = 0;
  for (const sim::CollectiveRow& row : rows) {
    const double us = row.time_s * 1e6;
    const std::string time = us < 100     ? fmt::format("{:.2f}", us)
                             : us < 10000 ? fmt::format("{:.1f}", us)
                                          : fmt::format("{:.0f}", us);
    fmt::print("{:>13.0f}{:>14.0f}{:>8}{:>12}{:>9.2f}{:>9.2f}  {:<16}{:<8}{:>5}  {}\n", row.bytes,
               std::floor(row.bytes / kFloat), "float", time, row.algbw_GBps, row.busbw_GBps,
               row.algorithm, row.protocol == "automatic" ? "-" : row.protocol, row.channels,
               row.bound_by);
    sum += row.busbw_GBps;
  }
  fmt::print("# Avg bus bandwidth    : {:.4g}\n", sum / static_cast<double>(rows.size()));
}

}  // namespace

int collective(const CollectiveArguments& a) {
  const auto started = std::chrono::steady_clock::now();
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  const auto sizes = sizes_of(a, diagnostics);
  if (!catalogue || !sizes) return bad_input(diagnostics);
  const auto study =
      sim::assemble("collective", fields_of(a, sizes->front(), *catalogue), diagnostics);
  if (!study) return bad_input(diagnostics);
  sim::RunOptions options;
  options.fold = !a.no_fold;
  std::vector<std::string> notes;
  const auto rows = sim::run_sizes(*study, *catalogue, *sizes, options, notes, diagnostics);
  if (!rows) return bad_input(diagnostics);
  print(diagnostics);
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (a.json) {
    print_json(*rows, notes, wall);
    return kDone;
  }
  print_table(a, *rows);
  for (const std::string& note : notes) say(note);
  return kDone;
}

}  // namespace aisle::cli
