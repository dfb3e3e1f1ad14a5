// SPDX-License-Identifier: Apache-2.0
// Power over time as results carry it, and what the scenario says about it.
#include "power/power.pb.h"
#include "sim/base/quantity.hpp"
#include "sim/study/course.hpp"
#include "sim/study/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace aisle::sim {

namespace {

constexpr int kIntervals = 1000;
constexpr std::size_t kShownRanks = 8;

void add_series(const std::string& name, const power::Series& power, pb::Result& result) {
  pb::Series& series = *result.add_series();
  series.set_name(name);
  for (std::size_t i = 0; i < power.watts.size(); ++i) {
    series.add_time_s(static_cast<double>(i) * power.interval.si());
    series.add_value(power.watts[i]);
  }
}

/// "pipeline 3" as part of a name of a quantity.
std::string in_name(std::string rank) {
  std::replace(rank.begin(), rank.end(), ' ', '_');
  return rank;
}

/// Sets what the feed sees of the nodes' draw, and what it would see without storage, against its
/// limits. Overhead of the facility follows the draw.
void hold_to_feed(const Measured& run, const power::Series& seen, const power::Series& bare,
                  Basis basis, pb::Result& result) {
  const double overhead =
      metric_of(result, "facility_power_w").value() / metric_of(result, "it_power_w").value();
  std::vector<power::FeedLimit> limits = run.site.feed_limits;
  for (power::FeedLimit& limit : limits) limit.change /= overhead;
  const double accelerators = run.cluster.count();
  const Joules storage = power::storage_for(bare, limits) / accelerators;
  const Watts rest = accelerators * power::node_power(run.site, run.curve().idle);
  const Watts stop = seen.peak() - rest;
  add_metric(result, "feed_change_over_limit", power::worst_change(seen, limits), basis);
  add_metric(result, "feed_storage_j", storage.si(), basis);
  add_metric(result, "feed_stop_w", overhead * stop.si(), basis);
  for (const power::FeedLimit& limit : limits) {
    const Watts change = power::largest_change(seen, limit.within);
    if (change > limit.change) {
      result.add_caveat(fmt::format(
          "The feed allows a change of {} within {}; the job changes its draw by {}. {} of storage "
          "beside each accelerator would keep all limits of the feed.",
          print_short(overhead * limit.change), print_short(limit.within),
          print_short(overhead * change), print_short(storage)));
    } else if (stop > limit.change) {
      result.add_caveat(fmt::format(
          "The steps keep to {} within {}, but a job that stops at once lets {} fall away.",
          print_short(overhead * limit.change), print_short(limit.within),
          print_short(overhead * stop)));
    }
  }
}

/// How the accelerators fill racks: as many whole domains as the limit carries at the job's highest
/// draw, or the cap under which one does.
void fill_racks(const Measured& run, Watts each, Basis basis, pb::Result& result) {
  const int domain = run.cluster.domain_size();
  const Watts limit = run.site.rack_limit;
  const int domains = static_cast<int>(limit / (each * static_cast<double>(domain)));
  const int inside = std::max(1, domains) * domain;
  add_metric(result, "rack_power_peak_w", (each * static_cast<double>(inside)).si(), basis);
  add_metric(result, "accelerators_per_rack", inside, basis);
  add_metric(result, "racks", std::ceil(static_cast<double>(run.cluster.count()) / inside), basis);
  if (domains >= 1) return;
  const Watts cap = power::accelerator_power(run.site, limit / static_cast<double>(domain));
  result.add_caveat(fmt::format(
      "A rack of {} accelerators draws up to {}, more than the {} allowed; {}.", domain,
      print_short(each * static_cast<double>(domain)), print_short(limit),
      cap > run.curve().idle
          ? fmt::format("cluster.power_cap: \"{:.0f} W\" would keep it", std::floor(cap.si()))
          : "no cap would keep it"));
}

/// The first stretch of the run.
power::Series course_of(const Measured& run, const power::Series& step, pb::Result& result,
                        Basis basis) {
  const double accelerators = run.cluster.count();
  const auto nodes = [&](Watts each) { return accelerators * power::node_power(run.site, each); };
  const power::PowerCurve& curve = run.curve();
  Course course;
  course.span = run.telemetry->span;
  course.start = run.telemetry->start;
  course.crash = run.telemetry->crash;
  course.rest = nodes(curve.idle);
  course.waiting = course.rest;
  if (run.whole != nullptr) {
    const Campaign& campaign = run.whole->campaign;
    course.restart = run.around->terms.restart + write_time(run.around->terms, run.whole->run);
    if (campaign.checkpoints > 0) {
      course.interval = campaign.interval;
      course.stall = campaign.checkpoint / campaign.checkpoints;
    }
    if (run.around->evaluation) {
      course.evaluate_every = run.around->terms.evaluation.every_steps;
      course.evaluation = run.whole->run.evaluation;
      course.evaluating = nodes(run.around->evaluation->power);
      add_metric(result, "evaluation_power_w", course.evaluating.si(), basis);
    }
  }
  return power_of_course(course, step);
}

}  // namespace

std::optional<Telemetry> read_telemetry(const pb::Cluster& cluster, const SourceMap& places,
                                        Diagnostics& diagnostics) {
  const pb::Telemetry& asked = cluster.telemetry();
  const int errors_before = diagnostics.error_count();
  const auto read = [&](bool given, const std::string& text, const char* name) {
    if (!given) return Seconds{};
    const std::string field = std::string("cluster.telemetry.") + name;
    const Place place = places.find(field);
    return parse_quantity<Seconds>(text, place, field, diagnostics).value_or(Seconds{});
  };
  Telemetry telemetry;
  telemetry.phase_spread = read(asked.has_phase_spread(), asked.phase_spread(), "phase_spread");
  telemetry.steps = asked.steps();
  telemetry.span = read(asked.has_span(), asked.span(), "span");
  telemetry.start = read(true, asked.start(), "start");
  if (asked.has_crash()) telemetry.crash = read(true, asked.crash(), "crash");
  if (telemetry.crash && !(*telemetry.crash < telemetry.span)) {
    diagnostics.error(places.find("cluster.telemetry.crash"), "cluster.telemetry.crash",
                      "lies beyond what is shown", "span: a longer time than the crash");
  }
  if (asked.steps() < 1) {
    diagnostics.error(places.find("cluster.telemetry.steps"), "cluster.telemetry.steps",
                      fmt::format("{} steps cannot be shown", asked.steps()), "1 or more");
  }
  power::Meter meter;
  meter.interval = read(asked.has_interval(), asked.interval(), "interval");
  meter.window = read(asked.has_window(), asked.window(), "window");
  meter.smoothing = read(asked.has_smoothing(), asked.smoothing(), "smoothing");
  if (meter.interval > Seconds{}) {
    telemetry.meter = meter;
  } else if (asked.has_window() || asked.has_smoothing() || asked.has_interval()) {
    diagnostics.error(places.find("cluster.telemetry.interval"), "cluster.telemetry.interval",
                      "a meter needs a time between readings", "interval: \"100 ms\"");
  }
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return telemetry;
}

std::optional<Smoothing> read_smoothing(const pb::Cluster& cluster, const power::PowerCurve& curve,
                                        const SourceMap& places, Diagnostics& diagnostics) {
  Smoothing smoothing;
  const pb::Smoothing& asked = cluster.smoothing();
  const auto path = [](const char* name) { return std::string("cluster.smoothing.") + name; };
  if (!(asked.floor() >= 0 && asked.floor() <= 1)) {
    diagnostics.error(places.find(path("floor")), path("floor"),
                      fmt::format("a floor lies between 0 and 1, not at {:g}", asked.floor()),
                      "0.6: six tenths of the accelerator's limit");
    return std::nullopt;
  }
  smoothing.floor = asked.floor() * curve.limit;
  if (asked.has_storage()) {
    const auto storage = parse_quantity<Joules>(asked.storage(), places.find(path("storage")),
                                                path("storage"), diagnostics);
    if (!storage) return std::nullopt;
    smoothing.storage = *storage;
  }
  if (asked.has_ramp_down()) {
    const auto time = parse_quantity<Seconds>(asked.ramp_down(), places.find(path("ramp_down")),
                                              path("ramp_down"), diagnostics);
    if (!time) return std::nullopt;
    if (*time > Seconds{}) smoothing.fall = curve.limit.si() / time->si();
  }
  return smoothing;
}

void add_power_over_time(const Measured& run, const std::vector<RankDraw>& draws, Basis basis,
                         pb::Result& result) {
  const Seconds makespan = run.execution.makespan;
  if (makespan <= Seconds{}) return;
  const workloads::Plan& plan = *run.timed.plan;
  const auto empty = [&] {
    return power::Series{makespan / kIntervals, std::vector<double>(kIntervals)};
  };
  power::Series sum = empty();
  double ranks = 0;
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const auto count = static_cast<double>(plan.ranks[r].multiplicity);
    add_to(sum, draws[r], count);
    ranks += count;
  }
  // A plan may stand for fewer accelerators than there are: the others do the same.
  for (double& watts : sum.watts) {
    watts = run.cluster.count() * power::node_power(run.site, Watts::from_si(watts / ranks)).si();
  }
  const Telemetry telemetry = run.telemetry != nullptr ? *run.telemetry : Telemetry{};
  const Basis power_basis = weakest(weakest(basis, run.curve().basis), run.site.host_power_basis);
  power::Series drawn = power::spread(sum, telemetry.phase_spread);
  if (telemetry.span > Seconds{}) drawn = course_of(run, drawn, result, power_basis);
  power::Series seen = drawn;
  if (run.storage > Joules{}) {
    const power::Stored store = power::stored(seen, run.storage * run.cluster.count());
    seen = store.feed;
    add_metric(result, "storage_swing_j", store.swing.si(), power_basis);
  }
  if (run.site.rack_limit > Watts{}) {
    fill_racks(run, drawn.peak() / static_cast<double>(run.cluster.count()), power_basis, result);
  }
  if (!run.site.feed_limits.empty()) hold_to_feed(run, seen, drawn, power_basis, result);
  if (telemetry.meter) {
    seen = power::metered(seen, *telemetry.meter, telemetry.steps);
  } else {
    const std::vector<double> once = seen.watts;
    for (int i = 1; i < telemetry.steps; ++i) {
      seen.watts.insert(seen.watts.end(), once.begin(), once.end());
    }
  }
  add_metric(result, "it_power_peak_w", seen.peak().si(), power_basis);
  add_metric(result, "it_power_lowest_w", seen.lowest().si(), power_basis);
  add_series("it_power_w", seen, result);
  for (std::size_t r = 0; r < std::min(draws.size(), kShownRanks); ++r) {
    power::Series own = empty();
    add_to(own, draws[r], 1);
    add_series(fmt::format("accelerator_power_{}_w", in_name(plan.ranks[r].name)), own, result);
  }
}

}  // namespace aisle::sim
