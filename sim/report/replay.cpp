// SPDX-License-Identifier: Apache-2.0
#include "sim/report/replay.hpp"

#include "sim/report/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace aisle::sim::report {

namespace {

struct Bound {
  std::string_view metric, name;
};

constexpr std::array kBounds = {
    Bound{"compute_bound_s", "matrix units"},
    Bound{"hbm_bound_s", "HBM bandwidth"},
    Bound{"exposed_communication_s", "exposed communication"},
    Bound{"rank_skew_s", "waiting for other ranks"},
    Bound{"host_bound_s", "the host"},
};

}  // namespace

std::string replay_line(const pb::Replay& replay) {
  if (replay.trace().empty()) return "replay";
  std::string line = "replay of " + std::filesystem::path(replay.trace(0)).filename().string();
  if (replay.trace_size() > 1) line += fmt::format(" and {} more", replay.trace_size() - 1);
  if (replay.has_model()) line += ", " + replay.model();
  return line;
}

std::string replay_answer(const pb::Result& result) {
  const auto time = metric(result, "replay_time_s"), recorded = metric(result, "recorded_time_s");
  if (!time || !recorded) return {};
  std::string text = fmt::format("The replay takes {}; {} were recorded", format_seconds(*time, 4),
                                 format_seconds(*recorded, 4));
  if (!result.recorded_on().empty()) text += " on " + result.recorded_on();
  if (*time > 0) text += fmt::format(" ({:.2f} times as fast)", *recorded / *time);
  const Bound* binds = nullptr;
  double most = 0;
  for (const Bound& bound : kBounds) {
    const auto seconds = metric(result, std::string(bound.metric));
    if (!seconds || *seconds <= most) continue;
    most = *seconds;
    binds = &bound;
  }
  if (binds == nullptr || *time <= 0) return text + ".";
  return text +
         fmt::format(". Most of it, {}, is bound by {}.", percent(most / *time), binds->name);
}

void append_replay(Page& page, const pb::Result& result) {
  if (!result.scenario().workload().has_replay() || result.family().empty()) return;
  page.heading("Kernels by family", "ms, alone; " + result.breakdown_rank());
  page.line(fmt::format("  {} {} {} {} {}", left("family", 18), right("count", 9),
                        right("recorded", 12), right("replayed", 12), right("ratio", 8)));
  std::vector<const pb::FamilyTime*> families;
  for (const pb::FamilyTime& family : result.family()) families.push_back(&family);
  std::stable_sort(families.begin(), families.end(), [](const auto* a, const auto* b) {
    return a->recorded_seconds() > b->recorded_seconds();
  });
  for (const pb::FamilyTime* family : families) {
    const double before = family->recorded_seconds(), now = family->seconds();
    page.line(fmt::format("  {} {} {} {} {}", left(family->family(), 18),
                          right(fmt::format("{}", family->count()), 9),
                          right(fmt::format("{:.3f}", 1e3 * before), 12),
                          right(fmt::format("{:.3f}", 1e3 * now), 12),
                          right(before > 0 ? fmt::format("{:.3f}", now / before) : "-", 8)));
  }
}

}  // namespace aisle::sim::report
