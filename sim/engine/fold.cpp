// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/base/hash.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/schedule.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace aisle::sim {

namespace {

using workloads::Operation;
using workloads::Place;
using workloads::Plan;

/// Position of every entry of plan.places in its queue.
std::vector<std::int32_t> queue_positions(const Plan& plan, std::vector<std::int32_t>& lengths) {
  std::vector<std::int32_t> positions(plan.places.size());
  lengths.assign(plan.ranks.size() * plan.queues(), 0);
  for (const Operation& operation : plan.operations) {
    for (std::int32_t i = 0; i < operation.places; ++i) {
      const auto at = static_cast<std::size_t>(operation.first_place + i);
      positions[at] = lengths[slot(plan, plan.places[at])]++;
    }
  }
  return positions;
}

/// Colours of ranks: equal if all that the engines look at is equal up to colours.
class Refinement {
 public:
  Refinement(const Plan& plan, const std::vector<std::int32_t>& positions)
      : plan_(plan),
        positions_(positions),
        colour_(plan.ranks.size(), 0),
        operation_(plan.operations.size()),
        rank_(plan.ranks.size()) {}

  /// Refines until nothing splits. Each round splits at least one class, or is the last.
  std::vector<std::int32_t> run() {
    std::size_t before = 0;
    std::size_t classes = plan_.ranks.empty() ? 0 : 1;
    while (classes != before && classes != plan_.ranks.size()) {
      before = classes;
      classes = round();
    }
    if (classes == plan_.ranks.size()) {
      for (std::size_t r = 0; r < colour_.size(); ++r) colour_[r] = static_cast<std::int32_t>(r);
    }
    return colour_;
  }

 private:
  /// What a place is, up to the colour of its rank.
  std::uint64_t place_hash(std::size_t at) const {
    const Place& place = plan_.places[at];
    const auto colour = static_cast<std::uint64_t>(colour_[static_cast<std::size_t>(place.rank)]);
    return mixed(mixed(colour * plan_.queues() + static_cast<std::uint64_t>(place.stream)) +
                 static_cast<std::uint64_t>(positions_[at]));
  }

  std::size_t round() {
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      const Operation& operation = plan_.operations[o];
      std::uint64_t members = 0;
      for (std::int32_t i = 0; i < operation.places; ++i) {
        members += place_hash(static_cast<std::size_t>(operation.first_place + i));
      }
      const auto kind = static_cast<std::uint64_t>(operation.work) * 16 +
                        static_cast<std::uint64_t>(operation.phase);
      operation_[o] = mixed(mixed(kind) + members);
    }
    std::fill(rank_.begin(), rank_.end(), 0);
    for (std::size_t o = 0; o < plan_.operations.size(); ++o) {
      const Operation& operation = plan_.operations[o];
      std::uint64_t after = 0;
      for (const std::int32_t dependency : dependencies_of(plan_, operation)) {
        after += mixed(operation_[static_cast<std::size_t>(dependency)]);
      }
      const std::uint64_t whole = mixed(operation_[o] + mixed(after));
      for (std::int32_t i = 0; i < operation.places; ++i) {
        const auto at = static_cast<std::size_t>(operation.first_place + i);
        const auto rank = static_cast<std::size_t>(plan_.places[at].rank);
        rank_[rank] += mixed(whole + place_hash(at));
      }
    }
    return recolour();
  }

  /// Numbers the new classes by their first rank.
  std::size_t recolour() {
    std::unordered_map<std::uint64_t, std::int32_t> classes;
    for (std::size_t r = 0; r < colour_.size(); ++r) {
      const std::uint64_t key = mixed(rank_[r]) + mixed(static_cast<std::uint64_t>(colour_[r]));
      const auto number = static_cast<std::int32_t>(classes.size());
      colour_[r] = classes.try_emplace(key, number).first->second;
    }
    return classes.size();
  }

  const Plan& plan_;
  const std::vector<std::int32_t>& positions_;
  std::vector<std::int32_t> colour_;
  std::vector<std::uint64_t> operation_, rank_;
};

std::vector<workloads::Rank> merge_ranks(const Plan& plan,
                                         const std::vector<std::int32_t>& class_of_rank) {
  std::vector<workloads::Rank> merged;
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const auto c = static_cast<std::size_t>(class_of_rank[r]);
    if (c == merged.size()) {
      merged.push_back(plan.ranks[r]);
      members.emplace_back();
    } else {
      merged[c].multiplicity += plan.ranks[r].multiplicity;
    }
    members[c].push_back(r);
  }
  for (std::size_t c = 0; c < merged.size(); ++c) {
    if (members[c].size() == 2) {
      merged[c].name += fmt::format(" and {}", plan.ranks[members[c][1]].name);
    } else if (members[c].size() > 2) {
      merged[c].name += fmt::format(" and {} more", members[c].size() - 1);
    }
  }
  return merged;
}

}  // namespace

FoldedPlan fold(const Plan& plan) {
  std::vector<std::int32_t> lengths;
  const std::vector<std::int32_t> positions = queue_positions(plan, lengths);
  FoldedPlan folded;
  folded.class_of_rank = Refinement(plan, positions).run();
  folded.plan.works = plan.works;
  folded.plan.extra_queues = plan.extra_queues;
  folded.plan.ranks = merge_ranks(plan, folded.class_of_rank);

  // Queue entries of the classes, laid end to end; all members have queues as long as the first's.
  const std::size_t queues = plan.queues();
  std::vector<std::size_t> first_entry(folded.plan.ranks.size() * queues + 1, 0);
  for (std::size_t r = 0; r < plan.ranks.size(); ++r) {
    const auto c = static_cast<std::size_t>(folded.class_of_rank[r]);
    for (std::size_t s = 0; s < queues; ++s) {
      first_entry[c * queues + s + 1] = static_cast<std::size_t>(lengths[r * queues + s]);
    }
  }
  for (std::size_t i = 1; i < first_entry.size(); ++i) first_entry[i] += first_entry[i - 1];

  // An operation is known by any of its entries. Taking the first of each class in order of
  // insertion keeps every queue's order.
  std::vector<std::int32_t> operation_at(first_entry.back(), -1);
  std::vector<std::int32_t> folded_operation(plan.operations.size(), -1);
  std::vector<std::size_t> original;
  for (std::size_t o = 0; o < plan.operations.size(); ++o) {
    Operation operation = plan.operations[o];
    const auto number = static_cast<std::int32_t>(folded.plan.operations.size());
    const auto first_place = static_cast<std::int32_t>(folded.plan.places.size());
    for (std::int32_t i = 0; i < operation.places; ++i) {
      const auto at = static_cast<std::size_t>(operation.first_place + i);
      Place place = plan.places[at];
      place.rank = folded.class_of_rank[static_cast<std::size_t>(place.rank)];
      std::int32_t& here =
          operation_at[first_entry[slot(plan, place)] + static_cast<std::size_t>(positions[at])];
      if (here < 0) {
        here = number;
        folded.plan.places.push_back(place);
      }
      AISLE_ASSERT(i == 0 || here == folded_operation[o], "equal operations have equal members");
      folded_operation[o] = here;
    }
    if (folded_operation[o] != number) continue;
    operation.places = static_cast<std::int32_t>(folded.plan.places.size()) - first_place;
    operation.first_place = first_place;
    folded.plan.operations.push_back(operation);
    original.push_back(o);
  }
  for (std::size_t k = 0; k < original.size(); ++k) {
    Operation& operation = folded.plan.operations[k];
    std::vector<std::int32_t> after;
    for (const std::int32_t d : dependencies_of(plan, plan.operations[original[k]])) {
      after.push_back(folded_operation[static_cast<std::size_t>(d)]);
    }
    std::sort(after.begin(), after.end());
    after.erase(std::unique(after.begin(), after.end()), after.end());
    operation.first_dependency = static_cast<std::int32_t>(folded.plan.dependencies.size());
    operation.dependencies = static_cast<std::int32_t>(after.size());
    folded.plan.dependencies.insert(folded.plan.dependencies.end(), after.begin(), after.end());
  }
  return folded;
}

}  // namespace aisle::sim
