// SPDX-License-Identifier: Apache-2.0
// How far the shipped studies are from the published figures that they name; fails beyond the
// bound.
#include "tests/command.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>

namespace {

class PublishedFigures : public testing::TestWithParam<const char*> {};

TEST_P(PublishedFigures, AreWithinTheirBounds) {
  for (const std::string engine : {"event", "analytic"}) {
    const auto outcome = aisle::tests::run_command(std::string(AISLE_PROGRAM " run ") + GetParam() +
                                                   " --json --engine " + engine);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    simdjson::dom::parser parser;
    const auto document = parser.parse(simdjson::padded_string(outcome.out)).value();
    ASSERT_TRUE(document["feasible"].get_bool().value()) << outcome.out;
    int compared = 0;
    const simdjson::dom::array comparison = document["comparison"];
    for (const auto row : comparison) {
      const double simulated = row["simulated"].get_double().value();
      const double published = row["published"].get_double().value();
      double bound = 0;
      if (row["bound"].get(bound) != simdjson::SUCCESS) continue;  // shown beside, not promised
      EXPECT_LE(std::abs(std::log(simulated / published)), bound)
          << GetParam() << " (" << engine << ") " << row["metric"].get_string().value()
          << ": simulated " << simulated << ", published " << published;
      ++compared;
    }
    EXPECT_GT(compared, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Shipped, PublishedFigures,
                         testing::Values("deepseek-v3-h800", "llama3-405b-h100"));

}  // namespace
