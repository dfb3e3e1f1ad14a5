// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_log.hpp"

#include "sim/study/result.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace aisle::sim {

namespace {

constexpr std::size_t kStretches = 480;
constexpr double kFirstWidth_s = 0.01;
/// Steps of the timeline: as many as viewers show without waiting.
constexpr std::size_t kSpans = 20'000;
constexpr const char* kNames[] = {"prompts", "tokens", "prompts and tokens"};

pb::Series& add_series(std::string name, pb::Result& result) {
  pb::Series& series = *result.add_series();
  series.set_name(std::move(name));
  return series;
}

}  // namespace

void ServingLog::Stretch::add(const Stretch& other, double share) {
  power::Activity part = other.work;
  part *= share;
  work += part;
  busy_s += share * other.busy_s;
  sequences_s += share * other.sequences_s;
  blocks_s += share * other.blocks_s;
  there_s += share * other.there_s;
}

ServingLog::ServingLog(const PreparedServing& prepared)
    : prepared_(prepared), width_(kFirstWidth_s), stretches_(prepared.pools.size()) {
  for (auto& pool : stretches_) pool.resize(kStretches);
}

void ServingLog::add(const workloads::FleetStep& step, const PoolTimes& times) {
  while (step.end_s > width_ * static_cast<double>(kStretches)) {
    width_ *= 2;
    for (auto& pool : stretches_) {
      for (std::size_t i = 0; i < kStretches; ++i) {
        Stretch joined;
        for (std::size_t half = 2 * i; half < std::min(kStretches, 2 * i + 2); ++half) {
          joined.add(pool[half]);
        }
        pool[i] = joined;
      }
    }
  }
  const workloads::ServingStep& longest = *step.longest;
  const double seconds = step.end_s - step.start_s;
  Stretch whole;
  whole.work = times.steps().activity(longest, Seconds::from_si(seconds));
  whole.busy_s = seconds;
  whole.sequences_s = seconds * (longest.decoding + static_cast<double>(longest.chunks.size()));
  whole.blocks_s = seconds * static_cast<double>(step.blocks);
  whole.there_s = seconds * step.there;
  auto& pool = stretches_[static_cast<std::size_t>(step.pool)];
  const auto at = [&](double time) {
    return std::min(kStretches - 1, static_cast<std::size_t>(time / width_));
  };
  const std::size_t last = at(step.end_s);
  for (std::size_t i = at(step.start_s); i <= last; ++i) {
    const double from = std::max(step.start_s, static_cast<double>(i) * width_);
    const double to = i == last ? step.end_s : static_cast<double>(i + 1) * width_;
    pool[i].add(whole, seconds > 0 ? (to - from) / seconds : 1);
  }
  if (first_.size() >= kSpans) return;
  const int name = longest.chunks.empty() ? 1 : longest.decoding > 0 ? 2 : 0;
  first_.push_back({step.pool, step.replica, step.slot, name, step.start_s, step.end_s});
}

/// Draw of all accelerators that are there, and of the facility around them.
void ServingLog::write_power(double end, pb::Result& result) const {
  const auto count = std::min(kStretches, static_cast<std::size_t>(std::ceil(end / width_)));
  std::vector<double> chips(count), accelerators(count), facility(count);
  for (std::size_t p = 0; p < stretches_.size(); ++p) {
    const ServingPool& pool = prepared_.pools[p];
    double there = pool.scaling.least > 0 ? pool.scaling.least : pool.replicas;
    for (std::size_t i = 0; i < count; ++i) {
      const Stretch& stretch = stretches_[p][i];
      if (stretch.busy_s > 0) there = stretch.mean(stretch.there_s);
      const double length = std::min(width_, end - static_cast<double>(i) * width_);
      power::Activity mean = stretch.work;
      mean *= 1 / there;
      mean.duration = Seconds::from_si(length);
      const Watts chip = std::min(warm_mean(pool.power, mean), pool.power.cap);
      const double number = there * pool.job.layout.accelerators();
      chips[i] += number;
      accelerators[i] += number * chip.si();
      facility[i] += number * power::bill(pool.site, chip, 1, mean.duration).energy.si() / length;
    }
  }
  pb::Series& mean = add_series("accelerator_power_w", result);
  pb::Series& all = add_series("facility_power_w", result);
  for (std::size_t i = 0; i < count; ++i) {
    const double time = static_cast<double>(i) * width_;
    mean.add_time_s(time);
    mean.add_value(accelerators[i] / chips[i]);
    all.add_time_s(time);
    all.add_value(facility[i]);
  }
}

void ServingLog::write_timeline(pb::Result& result) const {
  pb::Timeline& timeline = *result.mutable_timeline();
  for (const char* name : kNames) timeline.add_name(name);
  std::map<std::pair<int, int>, pb::TimelineRank*> replicas;
  for (const Span& span : first_) {
    const ServingPool& pool = prepared_.pools[static_cast<std::size_t>(span.pool)];
    pb::TimelineRank*& rank = replicas[{span.pool, span.replica}];
    if (rank == nullptr) {
      rank = timeline.add_rank();
      rank->set_name(fmt::format("{} {}", pool.name.empty() ? "replica" : pool.name, span.replica));
      rank->set_multiplicity(pool.job.layout.accelerators());
      for (int slot = 0; slot < pool.job.layout.pipeline; ++slot) {
        rank->add_stream()->set_name(fmt::format("batch {}", slot));
      }
    }
    pb::TimelineStream& stream = *rank->mutable_stream(span.slot);
    const auto start = std::llround(span.start_s * 1e9);
    stream.add_start_ns(start);
    stream.add_duration_ns(std::llround(span.end_s * 1e9) - start);
    stream.add_name_index(span.name);
    stream.add_kind(0);
  }
}

void ServingLog::write(const PlayedServing& played, pb::Result& result) const {
  const double end = played.run.end_s;
  if (!(end > 0)) return;
  const auto count = std::min(kStretches, static_cast<std::size_t>(std::ceil(end / width_)));
  for (std::size_t p = 0; p < stretches_.size(); ++p) {
    const ServingPool& pool = prepared_.pools[p];
    const std::string before = pool.name.empty() ? "" : pool.name + "_";
    const double blocks =
        static_cast<double>(played.blocks[p]) * static_cast<double>(pool.job.layout.data);
    pb::Series& batch = add_series(before + "batch_sequences", result);
    pb::Series& cache = add_series(before + "kv_occupancy", result);
    for (std::size_t i = 0; i < count; ++i) {
      const Stretch& stretch = stretches_[p][i];
      batch.add_time_s(static_cast<double>(i) * width_);
      batch.add_value(stretch.mean(stretch.sequences_s));
      cache.add_time_s(static_cast<double>(i) * width_);
      cache.add_value(stretch.mean(stretch.blocks_s) / blocks);
    }
    if (pool.scaling.least == 0) continue;
    pb::Series& there = add_series(before + "replicas", result);
    for (std::size_t i = 0; i < count; ++i) {
      if (!(stretches_[p][i].busy_s > 0)) continue;
      there.add_time_s(static_cast<double>(i) * width_);
      there.add_value(stretches_[p][i].mean(stretches_[p][i].there_s));
    }
  }
  write_power(end, result);
  write_timeline(result);
}

}  // namespace aisle::sim
