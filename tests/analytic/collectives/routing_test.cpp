// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/routing.hpp"

#include "sim/base/random.hpp"
#include "workloads/collectives/collective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

namespace aisle::workloads {
namespace {

const Routing kDeepSeek{256, 8, 8, 4};

TEST(Routing, DeepSeekOverEightNodes) {
  EXPECT_NEAR(expected_copies(kDeepSeek, 8), 3.629, 0.001);
  EXPECT_NEAR(expected_copies(kDeepSeek, 64), 7.359, 0.001);
}

TEST(Routing, OneBinAndOneDraw) {
  EXPECT_DOUBLE_EQ(expected_copies(kDeepSeek, 1), 1);
  EXPECT_DOUBLE_EQ(expected_copies({64, 1, 1, 0}, 16), 1);
  EXPECT_DOUBLE_EQ(expected_distinct(8, 8, 8), 8);
  EXPECT_DOUBLE_EQ(expected_distinct(10, 5, 1), 1);
}

TEST(Routing, ClosedFormOfTwoDraws) {
  // Two draws of 8 items in 4 bins of 2: the second misses the first's bin with 6 of 7.
  EXPECT_NEAR(expected_distinct(8, 4, 2), 1 + 6.0 / 7, 1e-12);
}

/// Bins hit by one token when groups and experts are drawn as the routing says.
int hit_bins(const Routing& routing, int bins, Random& random) {
  const int per_group = routing.experts / routing.groups;
  std::vector<int> groups(static_cast<std::size_t>(routing.groups));
  std::iota(groups.begin(), groups.end(), 0);
  const auto shuffle_front = [&random](std::vector<int>& items, int count) {
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const auto other = at + static_cast<std::size_t>(random.below(items.size() - at));
      std::swap(items[at], items[other]);
    }
    items.resize(static_cast<std::size_t>(count));
  };
  shuffle_front(groups, routing.group_limit > 0 ? routing.group_limit : routing.groups);
  std::vector<int> experts;
  for (const int group : groups) {
    for (int i = 0; i < per_group; ++i) experts.push_back(group * per_group + i);
  }
  shuffle_front(experts, routing.top_k);
  std::set<int> hit;
  for (const int expert : experts) hit.insert(expert / (routing.experts / bins));
  return static_cast<int>(hit.size());
}

TEST(Routing, AgreesWithDrawing) {
  constexpr std::uint64_t kSeed = 11;
  SCOPED_TRACE(kSeed);
  Random random(kSeed, "routing");

  const struct {
    Routing routing;
    int bins;
  } cases[] = {{kDeepSeek, 8}, {kDeepSeek, 64},      {kDeepSeek, 4},
               {kDeepSeek, 2}, {{160, 6, 8, 3}, 16}, {{128, 8, 1, 0}, 32}};

  for (const auto& c : cases) {
    double sum = 0;
    constexpr int kTokens = 20000;
    for (int i = 0; i < kTokens; ++i) sum += hit_bins(c.routing, c.bins, random);
    EXPECT_NEAR(expected_copies(c.routing, c.bins), sum / kTokens, 0.03)
        << c.routing.experts << " experts in " << c.bins << " bins";
  }
}

}  // namespace
}  // namespace aisle::workloads
