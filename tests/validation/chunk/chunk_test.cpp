// SPDX-License-Identifier: Apache-2.0
// The study deepseek-v3-chunk-h800 beside the trace that it simulates: phases, exchanges, hiding,
// and the waiting that comes of ranks that differ. Prints the table of the study's README.
#include "tests/command.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <map>
#include <string>

namespace {

constexpr const char* kRun = AISLE_PROGRAM " run deepseek-v3-chunk-h800 --json -q";
constexpr double kPairs = 4;  // of layers: one forward, one backward

using Metrics = std::map<std::string, double>;

Metrics run(const std::string& flags) {
  const auto outcome = aisle::tests::run_command(fmt::format("{} {}", kRun, flags));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(outcome.out);
  Metrics metrics;
  const simdjson::dom::object fields = parser.parse(text)["metrics"].get_object().value();
  for (const auto field : fields) {
    metrics[std::string(field.key)] = field.value.get_double().value();
  }
  return metrics;
}

/// Mean over draws.
Metrics mean(const std::string& flags, int draws) {
  Metrics sum;
  for (int seed = 1; seed <= draws; ++seed) {
    for (const auto& [name, value] : run(fmt::format("{} --seed {}", flags, seed))) {
      sum[name] += value / draws;
    }
  }
  return sum;
}

TEST(Chunk, IsWithinTheBoundsOfTheTrace) {
  for (const std::string engine : {"event", "analytic"}) {
    const auto outcome = aisle::tests::run_command(fmt::format("{} --engine {}", kRun, engine));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    simdjson::dom::parser parser;
    const simdjson::padded_string text(outcome.out);
    const auto document = parser.parse(text).value();
    int compared = 0;
    const simdjson::dom::array comparison = document["comparison"];
    for (const auto row : comparison) {
      const std::string metric(row["metric"].get_string().value());
      const double simulated = row["simulated"].get_double().value();
      const double measured = row["published"].get_double().value();
      fmt::print("{:40} measured {:8.5f} simulated {:8.5f} {:+.1f} %\n", metric, measured,
                 simulated, 100 * (simulated / measured - 1));
      EXPECT_LE(std::abs(std::log(simulated / measured)), row["bound"].get_double().value())
          << metric << " (" << engine << ")";
      ++compared;
    }
    EXPECT_EQ(compared, 14);
  }
}

TEST(Chunk, WaitingComesOfRanksThatDiffer) {
  const std::string equal =
      "--set cluster.speed_spread=0 --set workload.training.expert_load_spread=";
  const Metrics alike = run(equal + "0");
  EXPECT_EQ(alike.at("barrier_s"), 0);
  EXPECT_NEAR(alike.at("communication_hidden_share"), 1, 1e-9);
  // Uneven experts alone make most of it, and stretch the pairs by what waiting cannot absorb.
  const Metrics uneven = run(equal + "0.076");
  EXPECT_GT(uneven.at("barrier_s"), 0.6 * kPairs * 8.1e-3);
  EXPECT_GT(uneven.at("layer_time_s"), 1.01 * alike.at("layer_time_s"));
}

TEST(Chunk, TheFittedSpreadGivesTheWaitingInTheMeanOverDraws) {
  const Metrics drawn = mean("", 32);
  fmt::print("mean of 32 draws: period {:.2f} ms, waiting {:.2f} ms a pair, hidden {:.3f}\n",
             1e3 * drawn.at("layer_time_s"), 1e3 * drawn.at("barrier_s") / kPairs,
             drawn.at("communication_hidden_share"));
  EXPECT_NEAR(drawn.at("barrier_s") / kPairs, 8.1e-3, 0.4e-3);
  EXPECT_NEAR(drawn.at("layer_time_s"), 32.1e-3, 0.05 * 32.1e-3);
  EXPECT_NEAR(drawn.at("communication_hidden_share"), 0.963, 0.03);
}

// The factors of order statistics against what they stand for: each spread alone is met, both
// together are an upper estimate (the slowest accelerator is taken to be the most loaded too).
TEST(Chunk, OrderStatisticsMeetTheMeanOfRanksDrawnOneByOne) {
  const auto time = [](const char* speed, const char* load, bool individual) {
    const std::string flags = fmt::format(
        "--set cluster.speed_spread={} --set workload.training.expert_load_spread={}", speed, load);
    return individual ? mean(flags, 12).at("layer_time_s")
                      : run(flags + " --set workload.training.ranks=alike").at("layer_time_s");
  };
  EXPECT_NEAR(time("0.018", "0", false) / time("0.018", "0", true), 1, 0.01);
  EXPECT_NEAR(time("0", "0.076", false) / time("0", "0.076", true), 1, 0.01);
  const double both = time("0.018", "0.076", false) / time("0.018", "0.076", true);
  EXPECT_GT(both, 1);
  EXPECT_LT(both, 1.02);
}

}  // namespace
