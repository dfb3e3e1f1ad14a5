// SPDX-License-Identifier: Apache-2.0
#include "sim/study/pace.hpp"

#include "sim/base/random.hpp"
#include "sim/base/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::sim {

namespace {

/// Steps into which a distribution is cut, each of equal chance: operations of equal factor share
/// their description.
constexpr int kQuantiles = 16;

/// Inverse of the normal distribution, by bisection; p is away from 0 and 1.
double normal_quantile(double p) {
  double low = -8, high = 8;
  for (int i = 0; i < 80; ++i) {
    const double x = (low + high) / 2;
    (std::erfc(-x / std::sqrt(2.0)) / 2 < p ? low : high) = x;
  }
  return (low + high) / 2;
}

double quantile(pb::JitterShape shape, double spread, double p) {
  switch (shape) {
    case pb::gaussian:
      return 1 + spread * normal_quantile(p);
    case pb::lognormal: {
      const double s = std::sqrt(std::log1p(spread * spread));
      return std::exp(s * normal_quantile(p) - s * s / 2);
    }
    case pb::exponential:
      return 1 - spread - spread * std::log1p(-p);
  }
  return 1;
}

class PaceReader {
 public:
  PaceReader(const pb::Scenario& scenario, const workloads::TrainingPlan& training,
             const SourceMap& places, Diagnostics& diagnostics)
      : cluster_(scenario.cluster()),
        training_(training),
        alike_(scenario.workload().training().ranks() == pb::alike),
        seed_(scenario.seed()),
        places_(places),
        diagnostics_(diagnostics) {}

  std::optional<Pace> read(double slowest) {
    const int before = diagnostics_.error_count();
    for (int i = 0; i < cluster_.straggler_size(); ++i) read_straggler(i, slowest);
    if (cluster_.has_jitter()) read_jitter();
    if (diagnostics_.error_count() > before) return std::nullopt;
    return std::move(pace_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "cluster." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  /// Replicas that the plan leaves out are as its own of the same place in their group.
  std::size_t rank_of(int accelerator) const {
    const workloads::Layout& l = training_.layout;
    const int width = l.tensor * l.context * l.data;
    const int planned = static_cast<int>(training_.plan.ranks.size()) / l.pipeline;
    return static_cast<std::size_t>(accelerator / width * planned + accelerator % width % planned);
  }

  void slow(int accelerator, double times) {
    if (pace_.ranks.empty()) pace_.ranks.assign(training_.plan.ranks.size(), 1);
    double& rank = pace_.ranks[rank_of(accelerator)];
    rank = std::max(rank, times);
  }

  void read_straggler(int i, double slowest) {
    const pb::Straggler& straggler = cluster_.straggler(i);
    const std::string field = fmt::format("straggler[{}]", i);
    const double rate = straggler.rate();
    if (!(rate > 0 && rate <= 1)) {
      error(field + ".rate", fmt::format("a rate lies between 0 and 1, not at {:g}", rate),
            "0.8: computes at four fifths of the others' pace");
      return;
    }
    // All go at the pace of the slowest by speed already.
    const double times = std::max(1.0, 1 / rate / slowest);
    if (straggler.has_accelerator() == straggler.has_share()) {
      error(field, "name one accelerator, or the share of all that are slow",
            "accelerator: 17, or share: 0.001");
      return;
    }
    if (straggler.has_accelerator()) {
      const int accelerator = straggler.accelerator();
      if (accelerator < 0 || accelerator >= cluster_.count()) {
        error(field + ".accelerator", fmt::format("there is no accelerator {}", accelerator),
              fmt::format("0 to {}", cluster_.count() - 1));
        return;
      }
      slow(accelerator, times);
      return;
    }
    if (!(straggler.share() >= 0 && straggler.share() <= 1)) {
      error(field + ".share",
            fmt::format("a share lies between 0 and 1, not at {:g}", straggler.share()),
            "0.001: one in a thousand");
      return;
    }
    int count = 0;
    for (int a = 0; a < cluster_.count(); ++a) {
      if (Random(seed_, fmt::format("accelerator {} straggler {}", a, i)).uniform() >=
          straggler.share()) {
        continue;
      }
      slow(a, times);
      ++count;
    }
    pace_.caveats.push_back(
        fmt::format("{} of {} accelerators are drawn to compute at {:g} of the pace (seed {}).",
                    count, cluster_.count(), rate, seed_));
  }

  void read_jitter() {
    const pb::Jitter& jitter = cluster_.jitter();
    const double spread = jitter.spread();
    if (!(spread >= 0 && spread <= 1)) {
      error("jitter.spread", fmt::format("a spread lies between 0 and 1, not at {:g}", spread),
            "0.01: one operation lasts 1 % longer or shorter than the next");
      return;
    }
    if (spread == 0) return;
    if (!alike_) {
      for (int q = 0; q < kQuantiles; ++q) {
        constexpr double kLeast = 0.1;  // normal draws have no floor; times have
        pace_.jitter.push_back(
            std::max(kLeast, quantile(jitter.shape(), spread, (q + 0.5) / kQuantiles)));
      }
      return;
    }
    const workloads::Layout& l = training_.layout;
    const double together = std::max(l.tensor * l.context, l.expert);
    const double excess = expected_excess(jitter.shape(), spread, together);
    if (pace_.ranks.empty()) pace_.ranks.assign(training_.plan.ranks.size(), 1);
    for (double& rank : pace_.ranks) rank *= 1 + excess;
    pace_.caveats.push_back(fmt::format(
        "Jitter: each operation lasts as long as the slowest of the {:g} accelerators that wait "
        "for one another after it, {:.2g} % longer.",
        together, 100 * excess));
  }

  const pb::Cluster& cluster_;
  const workloads::TrainingPlan& training_;
  bool alike_;
  std::uint64_t seed_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  Pace pace_;
};

}  // namespace

double expected_excess(pb::JitterShape shape, double spread, double draws) {
  if (draws <= 1) return 0;
  switch (shape) {
    case pb::gaussian:
      return spread * expected_maximum(draws);
    case pb::lognormal: {
      const double s = std::sqrt(std::log1p(spread * spread));
      return std::expm1(s * expected_maximum(draws) - s * s / 2);
    }
    case pb::exponential: {
      double harmonic = 0;
      for (int i = 1; i <= static_cast<int>(draws); ++i) harmonic += 1.0 / i;
      return spread * (harmonic - 1);
    }
  }
  return 0;
}

std::optional<Pace> pace_of(const pb::Scenario& scenario, const workloads::TrainingPlan& training,
                            double slowest, const SourceMap& places, Diagnostics& diagnostics) {
  return PaceReader(scenario, training, places, diagnostics).read(slowest);
}

}  // namespace aisle::sim
