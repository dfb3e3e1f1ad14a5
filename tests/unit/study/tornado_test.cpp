// SPDX-License-Identifier: Apache-2.0
// What a result hangs on, input by input.
#include "sim/study/tornado.hpp"

#include "sim/study/measure.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace aisle::sim {
namespace {

TEST(Tornado, InputsMoveTheMetricsTheWayTheyMust) {
  Diagnostics diagnostics;
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  const auto study = load("deepseek-v3-h800", {"engine=analytic"}, diagnostics);
  ASSERT_TRUE(catalogue && study);
  auto result = run(*study, *catalogue, {}, diagnostics);
  ASSERT_TRUE(result);
  add_sensitivity(*study, *catalogue, *result);
  const double step = *metric_of(*result, "step_time_s");
  const double cost = *metric_of(*result, "usd_per_million_tokens");
  int seen = 0;
  double before = std::numeric_limits<double>::infinity();
  std::string metric;
  for (const pb::Sensitivity& entry : result->sensitivity()) {
    if (entry.metric() == "step_time_s" &&
        (entry.input() == "HBM bandwidth" || entry.input() == "NIC" ||
         entry.input() == "rate of tensor-core products")) {
      EXPECT_GT(entry.low(), step) << entry.input();
      EXPECT_LT(entry.high(), step) << entry.input();
      ++seen;
    }
    // A rental is all of the cost.
    if (entry.input() == "rental of an accelerator") {
      EXPECT_EQ(entry.metric(), "usd_per_million_tokens");
      EXPECT_NEAR(entry.high() / cost + entry.low() / cost, 2, 1e-9);
      EXPECT_GT(entry.high(), 1.01 * cost);
      ++seen;
    }
    // Largest first.
    const double width = std::abs(entry.high() - entry.low());
    if (entry.metric() == metric) { EXPECT_LE(width, before); }
    metric = entry.metric();
    before = width;
  }
  EXPECT_EQ(seen, 4);
}

}  // namespace
}  // namespace aisle::sim
