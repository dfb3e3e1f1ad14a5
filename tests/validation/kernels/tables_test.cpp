// SPDX-License-Identifier: Apache-2.0
// Curves fitted to open tables, on shapes that the fits did not see.
#include "sim/study/calibrate.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>

namespace aisle::sim {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> tables() {
  std::vector<std::string> found;
  for (const char* folder : {"/../shared", "/../../shared"}) {
    const fs::path at = fs::path(AISLE_SOURCE_DIR + std::string(folder)) / "data" /
                        "kernel-traces" / "kernel-tables";
    std::error_code absent;
    for (const auto& entry : fs::directory_iterator(at, absent)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("aic_gemm") || name.starts_with("aic_moe") ||
          name.starts_with("aic_mla") || name.starts_with("aic_gqa")) {
        found.push_back(entry.path().string());
      }
    }
    if (!found.empty()) break;
  }
  return found;
}

// Means of the medians over the curves of a family, weighted by their shapes held out.
TEST(KernelTables, ShapesHeldOutAreMet) {
  const std::vector<std::string> inputs = tables();
  if (inputs.empty()) GTEST_SKIP() << "no measured tables beside the source";
  Diagnostics diagnostics;
  const auto catalogue = topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  ASSERT_TRUE(catalogue.has_value());
  const std::map<std::string, double> bounds = {{"gemm", 0.07},       {"attention", 0.08},
                                                {"mla", 0.08},        {"attention_decode", 0.08},
                                                {"mla_decode", 0.08}, {"grouped_gemm", 0.12}};
  for (const char* chip : {"a100-80gb-sxm", "h100-sxm", "b200-sxm", "gb200"}) {
    const auto run = calibrate({inputs, chip, {}}, *catalogue, diagnostics);
    ASSERT_TRUE(run.has_value()) << chip;
    std::map<std::string, std::pair<double, double>> sums;
    for (const pb::Curve& curve : run->fitted) {
      auto& [errors, shapes] = sums[curve.family()];
      errors += curve.held_out_median_error() * curve.held_out_samples();
      shapes += curve.held_out_samples();
    }
    for (const auto& [family, sum] : sums) {
      ASSERT_GT(sum.second, 0) << chip << ' ' << family;
      EXPECT_LT(sum.first / sum.second, bounds.at(family)) << chip << ' ' << family;
      std::printf("%s %s: %.1f %% of %.0f\n", chip, family.c_str(), 100 * sum.first / sum.second,
                  sum.second);
    }
  }
}

}  // namespace
}  // namespace aisle::sim
