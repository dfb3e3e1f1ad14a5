// SPDX-License-Identifier: Apache-2.0
#include "sim/study/pace.hpp"

#include "sim/base/random.hpp"
#include "sim/base/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
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

/// How an accelerator differs from most.
struct Apart {
  double times = 1;      ///< of its computation over the others'
  std::int32_t row = 0;  ///< number in cluster.row, from 1

  void merge(const Apart& other) {
    times = std::max(times, other.times);
    row = std::max(row, other.row);
  }

  friend bool operator<(const Apart& a, const Apart& b) {
    return a.times != b.times ? a.times < b.times : a.row < b.row;
  }
};

/// Who stands for accelerators that differ. Ranks are numbered tensor fastest, then context, data,
/// pipeline. Where a plan has one rank of each stage, replicas (of tensor and context ranks at all
/// stages) of each kind get a representative of their own; else those that the plan leaves out are
/// as its own of the same place in their group.
class Representatives {
 public:
  Representatives(const workloads::TrainingPlan& training, bool alike,
                  const std::map<int, Apart>& apart)
      : layout_(training.layout),
        ranks_(training.plan.ranks.size()),
        planned_(static_cast<int>(ranks_) / layout_.pipeline),
        unit_(layout_.tensor * layout_.context),
        split_(alike && planned_ == 1),
        apart_(apart) {}

  void choose(Pace& pace) {
    if (split_) {
      sort_replicas();
      name_kinds(pace);
    } else {
      kinds_.assign(1, std::vector<Apart>(ranks_));
      for (const auto& [accelerator, how] : apart_) {
        const int width = unit_ * layout_.data;
        const int rank = accelerator / width * planned_ + accelerator % width % planned_;
        kinds_[0][static_cast<std::size_t>(rank)].merge(how);
      }
    }
    for (const std::vector<Apart>& kind : kinds_) {
      for (const Apart& rank : kind) {
        pace.ranks.push_back(rank.times);
        pace.rows.push_back(rank.row);
      }
    }
  }

 private:
  /// More kinds than that are thrown together, and go as the worst of them.
  static constexpr std::size_t kMost = 8;

  using Kind = std::vector<Apart>;  // by stage

  void sort_replicas() {
    const int width = unit_ * layout_.data;
    std::map<int, Kind> replicas;
    for (const auto& [accelerator, how] : apart_) {
      Kind& kind = replicas[accelerator % width / unit_];
      kind.resize(ranks_);
      kind[static_cast<std::size_t>(accelerator / width)].merge(how);
    }
    std::map<Kind, std::size_t> known;
    if (static_cast<int>(replicas.size()) < layout_.data) add(Kind(ranks_), known);
    counts_.assign(kinds_.size(), layout_.data - static_cast<std::int64_t>(replicas.size()));
    of_replica_.assign(static_cast<std::size_t>(layout_.data), 0);
    for (const auto& [replica, kind] : replicas) {
      const std::size_t at = add(kind, known);
      counts_.resize(kinds_.size());
      ++counts_[at];
      of_replica_[static_cast<std::size_t>(replica)] = at;
    }
  }

  std::size_t add(const Kind& kind, std::map<Kind, std::size_t>& known) {
    const auto found = known.find(kind);
    if (found != known.end()) return found->second;
    if (kinds_.size() == kMost) {
      for (std::size_t r = 0; r < kind.size(); ++r) kinds_.back()[r].merge(kind[r]);
      return kMost - 1;
    }
    known.emplace(kind, kinds_.size());
    kinds_.push_back(kind);
    return kinds_.size() - 1;
  }

  void name_kinds(Pace& pace) const {
    if (kinds_.size() < 2) return;
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      Apart worst;
      for (const Apart& rank : kinds_[k]) worst.merge(rank);
      std::string name;
      if (worst.times > 1) name = "slow";
      if (worst.row > 0) name += fmt::format("{}row {}", name.empty() ? "" : " ", worst.row);
      pace.kinds.push_back({name, counts_[k]});
    }
    // An expert group is a run of ranks of one stage.
    const int together = layout_.expert / unit_;
    for (std::size_t replica = 0; together > 1 && replica < of_replica_.size(); ++replica) {
      const std::size_t first = replica - replica % static_cast<std::size_t>(together);
      pace.experts_meet = pace.experts_meet || of_replica_[replica] != of_replica_[first];
    }
  }

  const workloads::Layout& layout_;
  std::size_t ranks_;
  int planned_, unit_;
  bool split_;
  const std::map<int, Apart>& apart_;
  std::vector<Kind> kinds_;
  std::vector<std::int64_t> counts_;     // replicas of each kind
  std::vector<std::size_t> of_replica_;  // [data] its kind
};

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
    read_rows();
    if (diagnostics_.error_count() > before) return std::nullopt;
    if (!apart_.empty()) Representatives(training_, alike_, apart_).choose(pace_);
    if (cluster_.has_jitter()) read_jitter();
    if (diagnostics_.error_count() > before) return std::nullopt;
    return std::move(pace_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "cluster." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  void slow(int accelerator, double times) {
    double& one = apart_[accelerator].times;
    one = std::max(one, times);
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

  /// Of several rows that hold an accelerator the last one counts. Checked with their caps.
  void read_rows() {
    for (int i = 0; i < cluster_.row_size(); ++i) {
      const pb::Row& row = cluster_.row(i);
      for (int a = 0; a < row.count(); ++a) apart_[row.first() + a].row = i + 1;
    }
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
    if (pace_.ranks.empty()) {
      const std::size_t kinds = std::max<std::size_t>(1, pace_.kinds.size());
      pace_.ranks.assign(kinds * training_.plan.ranks.size(), 1);
    }
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
  std::map<int, Apart> apart_;  ///< by accelerator
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
