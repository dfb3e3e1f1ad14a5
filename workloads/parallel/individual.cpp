// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/individual.hpp"

#include "sim/base/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace aisle::workloads {

namespace {

/// Normal draws have no floor; times have.
constexpr double kLeast = 0.1;

bool follows_rows(const Work& work) {
  return std::any_of(work.kernels.begin(), work.kernels.end(),
                     [](const Kernel& kernel) { return kernel.follows_rows; });
}

class Drawer {
 public:
  Drawer(Plan& plan, const Chance& chance) : plan_(plan), chance_(chance) {
    for (const Rank& rank : plan.ranks) {
      double speed = chance.speed_spread > 0 ? drawn(rank.name + " speed", chance.speed_spread) : 1;
      if (!chance.pace.empty()) speed *= chance.pace[speeds_.size()];
      speeds_.push_back(speed);
      if (!chance.jitter.empty()) jitter_.emplace_back(chance.seed, rank.name + " jitter");
    }
    for (const Work& work : plan.works) follows_.push_back(follows_rows(work) ? 1 : 0);
    for (const Operation& operation : plan.operations) {
      if (operation.layer < 0 || follows_[static_cast<std::size_t>(operation.work)] == 0) continue;
      layers_[{rank_of(operation), operation.micro_batch}].insert(operation.layer);
    }
  }

  void run() {
    for (Operation& operation : plan_.operations) {
      const Work& work = plan_.works[static_cast<std::size_t>(operation.work)];
      if (!work.kernels.empty()) operation.work = own_work(operation);
    }
    for (std::size_t r = 0; r < chance_.row.size(); ++r) plan_.ranks[r].row = chance_.row[r];
  }

 private:
  double drawn(const std::string& name, double spread) const {
    return std::max(kLeast, 1 + spread * Random(chance_.seed, name).normal());
  }

  std::int32_t rank_of(const Operation& operation) const {
    return plan_.places[static_cast<std::size_t>(operation.first_place)].rank;
  }

  std::int32_t own_work(const Operation& operation) {
    const bool follows = follows_[static_cast<std::size_t>(operation.work)] != 0;
    const std::int32_t rank = rank_of(operation);
    double speed = speeds_[static_cast<std::size_t>(rank)];
    if (!jitter_.empty()) {
      speed *= chance_.jitter[jitter_[static_cast<std::size_t>(rank)].below(chance_.jitter.size())];
    }
    const double rows = follows ? rows_of(rank, operation.layer, operation.micro_batch) : 1;
    const std::int32_t row = chance_.row.empty() ? 0 : chance_.row[static_cast<std::size_t>(rank)];
    if (speed == 1 && rows == 1 && row == 0) return operation.work;
    const auto key = std::tuple{operation.work, speed, rows, row};
    const auto known = own_.find(key);
    if (known != own_.end()) return known->second;
    Work work = plan_.works[static_cast<std::size_t>(operation.work)];
    for (Kernel& kernel : work.kernels) kernel.load *= speed * (kernel.follows_rows ? rows : 1);
    work.row = row;
    return own_[key] = plan_.add_work(std::move(work));
  }

  /// Of one layer; of all that the micro-batch went through at the rank where weight gradients of
  /// several are computed in one go.
  double rows_of(std::int32_t rank, std::int32_t layer, std::int32_t micro_batch) {
    if (layer >= 0) return rows_of_layer(rank, layer, micro_batch);
    const std::set<std::int32_t>& layers = layers_[{rank, micro_batch}];
    if (layers.empty()) return 1;
    double sum = 0;
    for (const std::int32_t each : layers) sum += rows_of_layer(rank, each, micro_batch);
    return sum / static_cast<double>(layers.size());
  }

  double rows_of_layer(std::int32_t rank, std::int32_t layer, std::int32_t micro_batch) {
    if (chance_.recorded) return chance_.recorded(rank, layer, micro_batch);
    if (chance_.expert_load_spread <= 0) return 1;
    if (chance_.persistent) micro_batch = 0;
    const std::int32_t first = rank - rank % chance_.expert_ranks;
    std::vector<double>& rows = rows_[{first, layer, micro_batch}];
    if (rows.empty()) {
      double sum = 0;
      for (std::int32_t r = first; r < first + chance_.expert_ranks; ++r) {
        rows.push_back(
            drawn(fmt::format("{} layer {} micro-batch {} rows",
                              plan_.ranks[static_cast<std::size_t>(r)].name, layer, micro_batch),
                  chance_.expert_load_spread));
        sum += rows.back();
      }
      for (double& each : rows) {
        each *= chance_.expert_ranks / sum;
        if (chance_.most_rows > 0) each = std::min(each, chance_.most_rows);
      }
    }
    return rows[static_cast<std::size_t>(rank - first)];
  }

  Plan& plan_;
  const Chance& chance_;
  std::vector<double> speeds_;  ///< [ranks] kernel times over the mean rank's
  std::vector<Random> jitter_;  ///< [ranks]
  std::vector<char> follows_;   ///< [works of the plan as given]
  std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::int32_t>>
      layers_;  ///< with experts, by rank and micro-batch
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t>, std::vector<double>>
      rows_;  ///< of each rank of an expert group over the mean; by first rank, layer, micro-batch
  std::map<std::tuple<std::int32_t, double, double, std::int32_t>, std::int32_t>
      own_;  ///< works by work as given, speed, rows of experts, row of the cluster
};

/// Whether replicas of different kinds take part in it together.
bool joins_replicas(const Work& work, bool experts_meet) {
  if (!work.is_communication) return false;
  const ParallelAxis axis = work.communication.axis;
  // Of no axis are messages between stages, and what all ranks do together.
  const bool all =
      axis == ParallelAxis::none && work.communication.kind != CollectiveKind::send_recv;
  return axis == ParallelAxis::data || all || (experts_meet && axis == ParallelAxis::expert);
}

/// Builds the plan of several kinds of replicas out of that of one.
class Splitter {
 public:
  Splitter(const Plan& plan, std::int32_t kinds, bool experts_meet) : plan_(plan), kinds_(kinds) {
    std::int32_t next = 0;
    for (const Operation& operation : plan.operations) {
      const Work& work = plan.works[static_cast<std::size_t>(operation.work)];
      joined_.push_back(joins_replicas(work, experts_meet) ? 1 : 0);
      first_.push_back(next);
      next += joined_.back() != 0 ? 1 : kinds;
    }
  }

  void add_operations(Plan& split) const {
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      if (joined_[o] != 0) {
        add(split, o, 0, kinds_);
      } else {
        for (std::int32_t k = 0; k < kinds_; ++k) add(split, o, k, k + 1);
      }
    }
  }

 private:
  /// One operation of the kinds from `kind` to before `end`.
  void add(Plan& split, std::size_t o, std::int32_t kind, std::int32_t end) const {
    const Operation& operation = plan_.operations[o];
    std::vector<Place> places;
    std::vector<std::int32_t> after;
    const auto ranks = static_cast<std::int32_t>(plan_.ranks.size());
    for (std::int32_t k = kind; k < end; ++k) {
      for (std::int32_t p = 0; p < operation.places; ++p) {
        Place place = plan_.places[static_cast<std::size_t>(operation.first_place + p)];
        place.rank += k * ranks;
        places.push_back(place);
      }
      for (std::int32_t d = 0; d < operation.dependencies; ++d) {
        const auto earlier = static_cast<std::size_t>(
            plan_.dependencies[static_cast<std::size_t>(operation.first_dependency + d)]);
        if (joined_[earlier] == 0) {
          after.push_back(first_[earlier] + k);
        } else if (k == kind) {
          after.push_back(first_[earlier]);
        }
      }
    }
    const auto at = static_cast<std::size_t>(
        split.add(operation.work, places, after, operation.phase, operation.micro_batch));
    split.operations[at].layer = operation.layer;
  }

  const Plan& plan_;
  std::int32_t kinds_;
  std::vector<char> joined_;         ///< [operations] whether all kinds take part in one
  std::vector<std::int32_t> first_;  ///< [operations] number of the first kind's in the split plan
};

}  // namespace

void draw_ranks(Plan& plan, const Chance& chance) {
  Drawer(plan, chance).run();
}

void split_replicas(Plan& plan, const std::vector<ReplicaKind>& kinds, bool experts_meet) {
  Plan split;
  split.works = plan.works;
  split.extra_queues = plan.extra_queues;
  std::int64_t all = 0;
  for (const ReplicaKind& kind : kinds) all += kind.replicas;
  for (const ReplicaKind& kind : kinds) {
    for (Rank rank : plan.ranks) {
      rank.multiplicity = rank.multiplicity * kind.replicas / all;
      if (!kind.name.empty()) rank.name += " " + kind.name;
      split.ranks.push_back(std::move(rank));
    }
  }
  Splitter(plan, static_cast<std::int32_t>(kinds.size()), experts_meet).add_operations(split);
  plan = std::move(split);
}

}  // namespace aisle::workloads
