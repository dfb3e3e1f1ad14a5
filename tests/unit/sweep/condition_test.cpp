// SPDX-License-Identifier: Apache-2.0
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep_condition.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aisle::sim {
namespace {

pb::Scenario scenario() {
  pb::Scenario made;
  made.mutable_cluster()->set_count(64);
  made.mutable_cluster()->set_accelerator("h100-sxm");
  pb::Training& training = *made.mutable_workload()->mutable_training();
  training.mutable_parallel()->set_tensor(8);
  training.set_recompute(pb::selective);
  return made;
}

std::string said(const Diagnostics& diagnostics) {
  std::string all;
  for (const Diagnostic& each : diagnostics.all()) all += to_string(each) + "\n";
  return all;
}

std::optional<bool> holds(const std::string& text, std::string* errors = nullptr) {
  Diagnostics diagnostics;
  const auto condition = Condition::parse(text, {"study", 3, 4}, "sweep.where[0]", diagnostics);
  const auto answer = condition ? condition->holds(scenario(), diagnostics) : std::nullopt;
  if (errors != nullptr) *errors = said(diagnostics);
  return answer;
}

TEST(SweepConditions, AreArithmeticOverFields) {
  const std::pair<const char*, bool> cases[] = {
      {"cluster.count == 64", true},
      {"cluster.count >= 8 * workload.training.parallel.tensor", true},
      {"cluster.count > 8 * workload.training.parallel.tensor", false},
      {"cluster.count % 3 == 1 and not cluster.count < 10", true},
      {"1 + 2 * 3 == 7 and (1 + 2) * 3 == 9", true},
      {"10 - 4 - 3 == 3", true},
      {"-2 < -1", true},
      {"1 == 2 or 3 != 4", true},
      {"cluster.accelerator == 'h100-sxm'", true},
      {"cluster.accelerator != \"a100-80gb-sxm\"", true},
      {"workload.training.recompute == selective", true},
      {"workload.training.parallel.pipeline == 1", true},  // its default
      {"0 and 1 / 0", false},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(holds(text), expected) << text;
}

TEST(SweepConditions, FaultsAreExplained) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "missing at the end"},
      {"cluster.count >", "missing at the end"},
      {"(cluster.count", "does not close"},
      {"cluster.count 4", "operator is missing at character 15"},
      {"'open", "quote"},
      {"cluster.coutn == 4", "no field 'cluster.coutn'"},
      {"cluster.count == 'many'", "a number and a text"},
      {"cluster.accelerator < 3", "is no number"},
      {"1 / (cluster.count - 64)", "zero"},
      {"cluster.accelerator", "a text, not a condition"},
      {"cluster.count ? 3", "operator"},
  };
  for (const auto& [text, expected] : cases) {
    std::string errors;
    EXPECT_FALSE(holds(text, &errors).has_value()) << text;
    EXPECT_NE(errors.find(expected), std::string::npos) << text << "\n" << errors;
    EXPECT_EQ(errors.find("study:3:4: error: sweep.where[0]"), 0U) << errors;
  }
  EXPECT_FALSE(holds(std::string(100000, '(')).has_value());
}

}  // namespace
}  // namespace aisle::sim
