// SPDX-License-Identifier: Apache-2.0
#include "sim/study/rank_power.hpp"

#include "sim/base/quantity.hpp"
#include "sim/study/draw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace aisle::sim {

namespace {

class RankPowerReader {
 public:
  RankPowerReader(const pb::Cluster& asked, const power::PowerCurve& curve,
                  const topology::Cluster& cluster, const SourceMap& places,
                  Diagnostics& diagnostics)
      : asked_(asked),
        curve_(curve),
        cluster_(cluster),
        places_(places),
        diagnostics_(diagnostics) {}

  std::optional<std::vector<RankPower>> read() {
    const int before = diagnostics_.error_count();
    RankPower own(curve_,
                  asked_.has_power_cap() ? cap("power_cap", asked_.power_cap()) : curve_.limit);
    own.coolant = coolant();
    std::vector<RankPower> powers{own};
    for (int i = 0; i < asked_.row_size(); ++i) powers.push_back(row(i, own));
    if (diagnostics_.error_count() > before) return std::nullopt;
    return powers;
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "cluster." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  Watts cap(const std::string& field, const std::string& text) {
    const std::string path = "cluster." + field;
    const auto read = parse_quantity<Watts>(text, places_.find(path), path, diagnostics_);
    if (read && *read <= curve_.idle) {
      error(field,
            fmt::format("a cap of {:g} W leaves nothing to work with: idle draws {:g} W",
                        read->si(), curve_.idle.si()),
            fmt::format("the accelerator's own limit is {:g} W", curve_.limit.si()));
    }
    return read.value_or(curve_.limit);
  }

  double celsius(const std::string& field, double value) {
    if (!(value > -50 && value < curve_.celsius_limit)) {
      error(field,
            fmt::format("a coolant of {:g} C does not keep a chip below {:g} C", value,
                        curve_.celsius_limit),
            "20 to 45");
    }
    return value;
  }

  std::optional<power::Coolant> coolant() {
    if (!asked_.has_thermal()) return std::nullopt;
    const pb::Thermal& thermal = asked_.thermal();
    const bool liquid = thermal.has_coolant() ? thermal.coolant() == pb::liquid
                                              : cluster_.node_power().liquid_share >= 0.5;
    const pb::SiteCooling& site = asked_.site().cooling();
    power::Coolant coolant;
    coolant.celsius = liquid ? site.liquid_supply_celsius() : site.air_supply_celsius();
    if (thermal.has_inlet_celsius()) {
      coolant.celsius = celsius("thermal.inlet_celsius", thermal.inlet_celsius());
    }
    coolant.resistance = liquid ? curve_.liquid_resistance : curve_.air_resistance;
    if (thermal.has_kelvin_per_watt()) coolant.resistance = thermal.kelvin_per_watt();
    if (!(coolant.resistance > 0 && coolant.resistance < 1)) {
      error("thermal.kelvin_per_watt",
            fmt::format("lies between 0 and 1, not at {:g}", coolant.resistance),
            "0.06 for a chip of 700 W in air");
    }
    return coolant;
  }

  RankPower row(int i, const RankPower& whole) {
    const pb::Row& asked = asked_.row(i);
    const std::string field = fmt::format("row[{}].", i);
    RankPower row = whole;
    if (asked.first() < 0 || asked.count() < 1 ||
        static_cast<std::int64_t>(asked.first()) + asked.count() > asked_.count()) {
      error(field + "count",
            fmt::format("accelerators {} to {} are not all there", asked.first(),
                        static_cast<std::int64_t>(asked.first()) + asked.count() - 1),
            fmt::format("first: 0 to {}, and a count of at least 1", asked_.count() - 1));
    }
    if (!asked.has_power_cap() && !asked.has_inlet_celsius()) {
      error(field + "power_cap", "a row has a cap or a coolant of its own", "power_cap: \"450 W\"");
    }
    if (asked.has_power_cap()) row.asked = row.cap = cap(field + "power_cap", asked.power_cap());
    if (!asked.has_inlet_celsius()) return row;
    if (!row.coolant) {
      error(field + "inlet_celsius", "nothing says what cools the accelerators",
            "cluster.thermal { }");
      return row;
    }
    row.coolant->celsius = celsius(field + "inlet_celsius", asked.inlet_celsius());
    return row;
  }

  const pb::Cluster& asked_;
  const power::PowerCurve& curve_;
  const topology::Cluster& cluster_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
};

/// Mean power of each row over a step of the capped plan.
std::vector<Watts> means_of(const TimedPlan& timed, const std::vector<RankPower>& powers) {
  const Execution execution = execute_analytic(timed);
  const std::vector<RankDraw> draws = draws_of(timed, execution, powers);
  std::vector<double> sum(powers.size()), ranks(powers.size());
  for (std::size_t r = 0; r < draws.size(); ++r) {
    const workloads::Rank& rank = timed.plan->ranks[r];
    const auto row = static_cast<std::size_t>(rank.row);
    const auto count = static_cast<double>(rank.multiplicity);
    sum[row] += count * mean_of(draws[r]).si();
    ranks[row] += count;
  }
  std::vector<Watts> means;
  for (std::size_t row = 0; row < powers.size(); ++row) {
    means.push_back(ranks[row] > 0 ? Watts::from_si(sum[row] / ranks[row])
                                   : powers[row].curve.idle);
  }
  return means;
}

}  // namespace

std::optional<std::vector<RankPower>> read_rank_powers(const pb::Cluster& asked,
                                                       const power::PowerCurve& curve,
                                                       const topology::Cluster& cluster,
                                                       const SourceMap& places,
                                                       Diagnostics& diagnostics) {
  return RankPowerReader(asked, curve, cluster, places, diagnostics).read();
}

std::optional<RankPower> read_own_power(const pb::Cluster& asked, const power::PowerCurve& curve,
                                        const topology::Cluster& cluster, const SourceMap& places,
                                        Diagnostics& diagnostics) {
  if (asked.row_size() > 0) {
    diagnostics.error(places.find("cluster.row[0]"), "cluster.row[0]",
                      "rows are told apart in training alone",
                      "cluster.power_cap and thermal hold for all accelerators");
    return std::nullopt;
  }
  const auto powers = read_rank_powers(asked, curve, cluster, places, diagnostics);
  return powers ? std::optional(powers->front()) : std::nullopt;
}

const RankPower& tightest(const std::vector<RankPower>& powers) {
  return *std::min_element(powers.begin(), powers.end(),
                           [](const auto& a, const auto& b) { return a.cap < b.cap; });
}

Watts warm_mean(const RankPower& power, const power::Activity& activity) {
  Watts mean = power::mean_power(power.curve, activity);
  constexpr int kRounds = 20;
  for (int round = 0; power.coolant && round < kRounds; ++round) {
    const double celsius = std::min(power.curve.celsius_limit, power.coolant->chip(mean));
    mean = power::mean_power(power::warmed(power.curve, celsius), activity);
  }
  return mean;
}

void hold_power(TimedPlan& timed, std::vector<RankPower>& powers) {
  constexpr int kRounds = 12;
  constexpr double kSettled = 1e-4;
  const bool warm = std::any_of(powers.begin(), powers.end(),
                                [](const RankPower& power) { return power.coolant.has_value(); });
  for (RankPower& power : powers) power.warm.limit = power.cap;
  // A chip is warm from the mean of the step, which its cap and leakage decide: round by round.
  for (int round = 0; warm && round < kRounds; ++round) {
    TimedPlan held = timed;
    apply_power_caps(held, powers);
    const std::vector<Watts> means = means_of(held, powers);
    double moved = 0;
    for (std::size_t row = 0; row < powers.size(); ++row) {
      RankPower& power = powers[row];
      moved = std::max(moved, std::abs(means[row] / power.mean - 1));
      power.mean = means[row];
      if (!power.coolant) continue;
      const double most = power.curve.celsius_limit;
      const Watts carried =
          Watts::from_si((most - power.coolant->celsius) / power.coolant->resistance);
      if (power.mean > carried || power.cap < power.asked) {
        power.cap = std::min(power.asked, power.cap * (carried / power.mean));
      }
      const power::PowerCurve smooth = power.warm;
      power.warm = power::warmed(power.curve, std::min(most, power.coolant->chip(power.mean)));
      power.warm.floor = smooth.floor;
      power.warm.fall = smooth.fall;
      power.warm.limit = power.cap;
    }
    if (moved < kSettled) break;
  }
  apply_power_caps(timed, powers);
}

}  // namespace aisle::sim
