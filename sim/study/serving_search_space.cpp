// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search_space.hpp"

#include "sim/base/csv.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace aisle::sim {

namespace {

/// Axes in the order of ServingMapping.
constexpr std::array<const char*, 6> kAxes = {"tensor", "pipeline",  "data",
                                              "expert", "sequences", "step_tokens"};
constexpr std::size_t kLayoutAxes = 4;

using Values = std::vector<int>;

Values powers(int from, int to) {
  Values values;
  for (int value = from; value <= to; value *= 2) values.push_back(value);
  return values;
}

Values divisors(int whole) {
  Values values;
  for (int value = 1; value <= whole; ++value) {
    if (whole % value == 0) values.push_back(value);
  }
  return values;
}

/// Which axes are searched, and what the others are held at.
class Axes {
 public:
  explicit Axes(const pb::Serving& own) {
    const pb::ServingParallel& parallel = own.parallel();
    held_ = {parallel.tensor(), parallel.pipeline(),      parallel.data(),
             parallel.expert(), own.engine().sequences(), own.engine().step_tokens()};
  }

  bool choose(const SearchOptions& options, const std::string& pool, Diagnostics& diagnostics) {
    for (std::size_t i = 0; i < kLayoutAxes; ++i) searched_[i] = options.over.empty();
    for (std::string axis : options.over) {
      if (!concerns(pool, axis)) continue;
      const auto at = find("--over", axis, diagnostics);
      if (at < kAxes.size()) searched_[at] = true;
    }
    for (std::string text : options.fixed) {
      if (!concerns(pool, text)) continue;
      const std::size_t equals = text.find('=');
      const std::string axis = text.substr(0, equals);
      const auto at = find("--fix", axis, diagnostics);
      if (at == kAxes.size()) continue;
      const auto value =
          equals == std::string::npos ? std::nullopt : plain_number(text.substr(equals + 1));
      if (!value || *value < 1 || *value > 1e6 || *value != std::floor(*value)) {
        diagnostics.error({"--fix", 0, 0}, {}, fmt::format("'{}' holds no axis at a value", text),
                          fmt::format("write for example --fix {}=8", axis));
        continue;
      }
      searched_[at] = false;
      held_[at] = static_cast<int>(*value);
    }
    return !diagnostics.has_errors();
  }

  /// `searched`, or the one value that the axis is held at.
  Values among(std::size_t axis, Values searched) const {
    return searched_[axis] ? std::move(searched) : Values{held_[axis]};
  }

 private:
  /// Takes the pool's name off the axis; false: it is of the other pool.
  static bool concerns(const std::string& pool, std::string& axis) {
    for (const char* name : {"prefill.", "decode."}) {
      if (pool.empty() || !axis.starts_with(name)) continue;
      if (axis.compare(0, pool.size() + 1, pool + ".") != 0) return false;
      axis = axis.substr(pool.size() + 1);
    }
    return true;
  }

  static std::size_t find(const char* flag, const std::string& axis, Diagnostics& diagnostics) {
    const auto* const found =
        std::find_if(kAxes.begin(), kAxes.end(), [&](const char* one) { return axis == one; });
    if (found == kAxes.end()) {
      const std::string suggestion = did_you_mean(axis, serving_search_axes());
      diagnostics.error(
          {flag, 0, 0}, {}, fmt::format("'{}' is no axis of a serving layout", axis),
          suggestion.empty() ? fmt::format("{}", fmt::join(kAxes, ", ")) : suggestion);
    }
    return static_cast<std::size_t>(found - kAxes.begin());
  }

  std::array<int, kAxes.size()> held_{};
  std::array<bool, kAxes.size()> searched_{};
};

}  // namespace

std::vector<std::string> serving_search_axes() {
  return {kAxes.begin(), kAxes.end()};
}

std::string describe(const ServingMapping& mapping) {
  std::string text = fmt::format("tensor {}", mapping.tensor);
  const auto add = [&](const char* name, int value, int usual) {
    if (value != usual) text += fmt::format(" {} {}", name, value);
  };
  add("pipeline", mapping.pipeline, 1);
  add("data", mapping.data, 1);
  add("expert", mapping.expert, 1);
  add("sequences", mapping.sequences, 0);
  add("step tokens", mapping.step_tokens, 0);
  return text;
}

std::string describe(const ServingParts& parts) {
  if (parts.size() == 1) return describe(parts.front().mapping);
  std::string text;
  for (const ServingPart& part : parts) {
    text +=
        fmt::format("{} {} x [{}]{}", text.empty() ? "prompts" : ", answers", part.replicas,
                    describe(part.mapping), part.accelerator.empty() ? "" : " " + part.accelerator);
  }
  return text;
}

int accelerators_of(const ServingParts& parts) {
  int sum = 0;
  for (const ServingPart& part : parts) sum += part.accelerators();
  return sum;
}

namespace {

void set_layout(const ServingMapping& mapping, pb::ServingParallel& parallel) {
  parallel.set_tensor(mapping.tensor);
  parallel.set_pipeline(mapping.pipeline);
  parallel.set_data(mapping.data);
  parallel.set_expert(mapping.expert);
}

/// Where they are searched or held; a scenario that says nothing keeps the engine's own.
template <typename Message>
void set_limits(const ServingMapping& mapping, Message& of) {
  if (mapping.sequences > 0) of.mutable_engine()->set_sequences(mapping.sequences);
  if (mapping.step_tokens > 0) of.mutable_engine()->set_step_tokens(mapping.step_tokens);
}

void set_pool(const pb::Serving& serving, const ServingPart& part, pb::ServingPool& pool) {
  if (!pool.has_parallel()) *pool.mutable_parallel() = serving.parallel();
  set_layout(part.mapping, *pool.mutable_parallel());
  set_limits(part.mapping, pool);
  pool.set_replicas(part.replicas);
  if (pool.accelerator() == part.accelerator) return;
  pool.clear_system();
  pool.clear_accelerator();
  if (!part.accelerator.empty()) pool.set_accelerator(part.accelerator);
}

}  // namespace

pb::Scenario with_layout(const pb::Scenario& scenario, const ServingParts& parts) {
  pb::Scenario other = scenario;
  other.clear_reference();  // published figures are those of the study as written
  pb::Serving& serving = *other.mutable_workload()->mutable_serving();
  if (parts.size() > 1) {
    set_pool(serving, parts[0], *serving.mutable_pools()->mutable_prefill());
    set_pool(serving, parts[1], *serving.mutable_pools()->mutable_decode());
    return other;
  }
  const ServingPart& part = parts.front();
  set_layout(part.mapping, *serving.mutable_parallel());
  set_limits(part.mapping, serving);
  serving.clear_replicas();
  if (part.replicas > 0) serving.set_replicas(part.replicas);
  return other;
}

std::optional<ServingSpace> ServingSpace::build(const Study& study, const PreparedServing& own,
                                                const SearchOptions& options,
                                                const std::string& pool, Diagnostics& diagnostics) {
  Axes axes(study.scenario->workload().serving());
  if (!axes.choose(options, pool, diagnostics)) return std::nullopt;
  const topology::Cluster& cluster = *own.pools.front().cluster;
  const bool experts = own.model->is_moe();
  const int most = cluster.count();
  std::set<std::array<int, kAxes.size()>> all;
  for (const int tensor : axes.among(0, divisors(cluster.domain_size())))
    for (const int pipeline : axes.among(1, powers(1, most / std::max(1, tensor))))
      for (const int data :
           axes.among(2, experts ? powers(1, most / tensor / pipeline) : Values{1}))
        for (const int expert : axes.among(3, experts ? Values{1, tensor * data} : Values{1}))
          for (const int sequences : axes.among(4, powers(8, 1024)))
            for (const int step_tokens : axes.among(5, powers(512, 32768))) {
              if (static_cast<std::int64_t>(tensor) * pipeline * data > most) continue;
              all.insert({tensor, pipeline, data, expert, sequences, step_tokens});
            }
  ServingSpace space;
  for (const auto& [tensor, pipeline, data, expert, sequences, step_tokens] : all) {
    space.mappings_.push_back({tensor, pipeline, data, expert, sequences, step_tokens});
  }
  return space;
}

}  // namespace aisle::sim
