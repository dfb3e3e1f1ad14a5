// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"
#include "tests/analytic/engine/hand_made.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

/// Seeded random plans with symmetries that are known by construction.
namespace aisle::sim::test {

inline int below(Random& random, int bound) {
  return static_cast<int>(random.below(static_cast<std::uint64_t>(bound)));
}

/// Adds works of both sorts: `compute` ones first. `contend`: they draw on shared capacities;
/// `hold`: communication takes cores.
struct RandomWorks {
  std::vector<std::int32_t> compute, communication;

  RandomWorks(HandMade& made, Random& random, bool contend, bool hold) {
    for (int i = 0; i < 6; ++i) {
      const double seconds = 1e-4 * (0.1 + random.uniform());
      const int width = 60 + below(random, 73);
      compute.push_back(
          made.compute(seconds, width, hbm(contend ? seconds * random.uniform() : 0)));
    }
    for (int i = 0; i < 6; ++i) {
      const double seconds = 1e-4 * (0.1 + random.uniform());
      Demand demand{};
      for (double& drawn : demand) drawn = contend ? seconds * random.uniform() : 0;
      const int held = hold ? std::array{2, 16, 20}[random.below(3)] : 0;
      communication.push_back(made.communicate(seconds, held, demand));
    }
    compute.push_back(made.compute(0, 132));
  }

  std::int32_t any_compute(Random& random) const { return compute[random.below(compute.size())]; }

  std::int32_t any_communication(Random& random) const {
    return communication[random.below(communication.size())];
  }
};

/// `templates` different pipelines of ranks, each repeated `replicas` times; collectives join the
/// replicas of one template, messages go between templates of one replica or around the ring of
/// replicas. Rank numbers are shuffled. Folds to `templates` ranks (or fewer).
inline void add_replicated(HandMade& made, Random& random, const RandomWorks& works, int templates,
                           int replicas, int steps) {
  std::vector<int> number(made.plan.ranks.size());
  std::iota(number.begin(), number.end(), 0);
  for (std::size_t i = number.size(); i > 1; --i) std::swap(number[i - 1], number[random.below(i)]);
  const auto rank = [&](int t, int r) {
    return number[static_cast<std::size_t>((r + replicas) % replicas * templates + t)];
  };
  // Operations of each template so far, by replica: [templates][added][replicas].
  std::vector<std::vector<std::vector<std::int32_t>>> added(static_cast<std::size_t>(templates));
  for (int step = 0; step < steps; ++step) {
    const int t = below(random, templates);
    const int other = (t + 1 + below(random, templates)) % templates;
    const int sort = below(random, 5);
    auto& mine = added[static_cast<std::size_t>(t)];
    const std::size_t back =
        mine.empty() ? 0 : 1 + random.below(std::min<std::size_t>(3, mine.size()));
    const auto after = [&](int r) {
      if (back == 0) return std::vector<std::int32_t>{};
      return std::vector{mine[mine.size() - back][static_cast<std::size_t>(r)]};
    };
    const std::int32_t compute = works.any_compute(random);
    const std::int32_t communication = works.any_communication(random);
    const auto side = random.below(2) == 0 ? Stream::collective : Stream::data_parallel;
    std::vector<std::int32_t> now(static_cast<std::size_t>(replicas));
    if (sort == 2) {
      std::vector<Place> members;
      std::vector<std::int32_t> all_after;
      for (int r = 0; r < replicas; ++r) {
        members.push_back(at(rank(t, r), side));
        for (const std::int32_t o : after(r)) all_after.push_back(o);
      }
      const std::int32_t o = made.plan.add(communication, members, all_after, Phase::communication);
      std::fill(now.begin(), now.end(), o);
    }
    for (int r = 0; r < replicas && sort != 2; ++r) {
      const int label = below(random, 100);
      std::vector<Place> places = {at(rank(t, r), Stream::compute)};
      if (sort == 3 && other != t) {
        places = {at(rank(t, r), Stream::send), at(rank(other, r), Stream::receive)};
      } else if (sort == 3) {
        places = {at(rank(t, r), side)};
      } else if (sort == 4 && replicas > 1) {
        places = {at(rank(t, r), Stream::send), at(rank(t, r + 1), Stream::receive)};
      }
      const bool computes = places[0].stream == Stream::compute;
      now[static_cast<std::size_t>(r)] =
          made.plan.add(computes ? compute : communication, places, after(r),
                        computes ? Phase::forward : Phase::communication, label);
    }
    mine.push_back(now);
  }
}

/// As in DualPipe: rank i does for one direction what rank n-1-i does for the other; messages go up
/// or down the pipeline, and between the middle ranks both ways at once. Folds to n / 2 ranks.
inline void add_mirrored(HandMade& made, Random& random, const RandomWorks& works, int steps) {
  const int n = static_cast<int>(made.plan.ranks.size());
  // Last operations of each rank, of which the next ones may wait.
  std::vector<std::vector<std::int32_t>> recent(made.plan.ranks.size());
  for (int step = 0; step < steps; ++step) {
    const int rank = below(random, n);
    const int sort = below(random, 4);
    const std::int32_t compute = works.any_compute(random);
    const std::int32_t communication = works.any_communication(random);
    const std::size_t back = random.below(3);
    std::array<std::int32_t, 2> now{};
    std::array<int, 2> whose = {rank, n - 1 - rank};
    for (std::size_t k = 0; k < 2; ++k) {
      const int here = whose[k];
      const int next = k == 0 ? rank + 1 : n - 2 - rank;
      std::vector<Place> places = {at(here, Stream::compute)};
      if (sort == 2) places = {at(here, Stream::collective)};
      if (sort == 3 && rank + 1 < n) places = {at(here, Stream::send), at(next, Stream::receive)};
      const bool computes = places[0].stream == Stream::compute;
      const auto& mine = recent[static_cast<std::size_t>(here)];
      std::vector<std::int32_t> after;
      if (back < mine.size()) after.push_back(mine[mine.size() - 1 - back]);
      now[k] = made.plan.add(computes ? compute : communication, places, after,
                             computes ? Phase::forward : Phase::communication, below(random, 50));
    }
    for (std::size_t k = 0; k < 2; ++k) {
      recent[static_cast<std::size_t>(whose[k])].push_back(now[k]);
    }
  }
}

}  // namespace aisle::sim::test
