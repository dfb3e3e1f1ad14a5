// SPDX-License-Identifier: Apache-2.0
// Did a shipped study's answer move? Compares every metric with expected/summary.json beside the
// study, to 1e-6 relative. A pass proves sameness, not truth (that is tests/validation). To accept
// a change: AISLE_UPDATE_GOLDEN=1, and a line in docs/changes.md that says why.
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "tests/command.hpp"
#include "tests/folder.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Metrics = std::map<std::string, double>;

Metrics metrics_of(const std::string& json) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(json);
  Metrics metrics;
  const simdjson::dom::object fields = parser.parse(text)["metrics"].get_object().value();
  for (const auto field : fields) {
    metrics[std::string(field.key)] = field.value.get_double().value();
  }
  return metrics;
}

void write_expected(const std::string& file, const Metrics& metrics) {
  std::string text = "{\n  \"metrics\": {\n";
  for (const auto& [name, value] : metrics) {
    text += fmt::format("    \"{}\": {:.9g}{}\n", name, value,
                        name == metrics.rbegin()->first ? "" : ",");
  }
  std::filesystem::create_directories(std::filesystem::path(file).parent_path());
  std::ofstream(file) << text << "  }\n}\n";
}

/// Every metric within its share of what it was; both have the same metrics.
template <typename Share>
void expect_as_before(const std::string& study, const Metrics& now, const Share& share) {
  const std::string file =
      AISLE_SOURCE_DIR "/scenarios/studies/" + study + "/expected/summary.json";
  if (std::getenv("AISLE_UPDATE_GOLDEN") != nullptr) write_expected(file, now);
  const Metrics expected = metrics_of(aisle::tests::read_file(file));
  EXPECT_EQ(now.size(), expected.size());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(now.contains(name)) << name;
    EXPECT_NEAR(now.at(name), value, share(name) * std::abs(value)) << name;
  }
}

class ShippedStudy : public testing::TestWithParam<std::string> {};

TEST_P(ShippedStudy, AnswersAsBefore) {
  const auto outcome = aisle::tests::run_command(AISLE_PROGRAM " run " + GetParam() + " --json -q");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Metrics now = metrics_of(outcome.out);
  expect_as_before(GetParam(), now, [](const std::string&) { return 1e-6; });
}

// A study may hold further scenarios in folders of its own; each of them loads, and its layout
// divides.
TEST(ScenariosOfStudies, CanRun) {
  std::ostringstream command;
  command << AISLE_PROGRAM " check";
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(AISLE_SOURCE_DIR "/scenarios/studies")) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".textproto" || path.filename() == "study.textproto") continue;
    if (path.filename() == "points.textproto") continue;  // what simulations of a plan gave
    command << ' ' << path.string();
    ++files;
  }
  ASSERT_GT(files, 0);
  const auto outcome = aisle::tests::run_command(command.str());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

/// Shipped studies that plan, or those that run.
std::vector<std::string> studies(bool plan) {
  std::vector<std::string> names = aisle::sim::shipped_studies();
  std::erase_if(names, [&](const std::string& name) {
    aisle::Diagnostics diagnostics;
    const auto study = aisle::sim::load(name, {}, diagnostics);
    return !study || study->scenario->has_plan() != plan;
  });
  return names;
}

INSTANTIATE_TEST_SUITE_P(Shipped, ShippedStudy, testing::ValuesIn(studies(false)));

/// The figures of a plan that its README rests on.
Metrics figures_of(const std::string& json) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(json);
  const simdjson::dom::element plan = parser.parse(text);
  Metrics figures;
  const bool tokens = std::string_view(plan["objective"]) == "most_tokens";
  figures["objective"] = plan[tokens ? "tokens" : "cost_usd"].get_double().value();
  figures["simulated"] = static_cast<double>(plan["simulated"].get_int64().value());
  for (const simdjson::dom::element quarter : plan["quarters"]) {
    for (const char* name : {"capital_usd", "cost_usd", "energy_mwh", "served_tokens"}) {
      figures[name] += quarter[name].get_double().value();
    }
  }
  return figures;
}

class ShippedPlan : public testing::TestWithParam<std::string> {};

/// Its operating points are a file of the study, and none has to be simulated anew: their inputs
/// are what they were. Solvers stop within 0.01 % of the optimum.
TEST_P(ShippedPlan, AnswersAsBefore) {
  const auto outcome = aisle::tests::run_command(AISLE_PROGRAM " plan " + GetParam() +
                                                 " --no-sensitivity --json -q");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Metrics now = figures_of(outcome.out);
  EXPECT_EQ(now.at("simulated"), 0);
  expect_as_before(GetParam(), now,
                   [](const std::string& name) { return name == "objective" ? 3e-4 : 1e-2; });
}

/// One point of the file is left out: simulated anew, it is what it was.
TEST(ShippedPoints, AreWhatSimulationsGive) {
  aisle::pb::PlanPoints points;
  aisle::SourceMap places;
  aisle::Diagnostics diagnostics;
  const std::string file = AISLE_SOURCE_DIR "/scenarios/studies/scarcity/points.textproto";
  ASSERT_TRUE(aisle::read_text_file(file, points, places, diagnostics));
  const auto is_left_out = [](const auto& point) {
    return point.system() == "h800-sxm" && point.demand().starts_with("train");
  };
  aisle::pb::PlanPoints fewer;
  for (const aisle::pb::PlanPoint& point : points.point()) {
    if (!is_left_out(point)) *fewer.add_point() = point;
  }
  ASSERT_EQ(fewer.point_size() + 2, points.point_size());
  const aisle::TestFolder folder("points");
  const std::string rest = folder.file("points.textproto", aisle::write_text(fewer));
  const std::string anew = folder.path() + "/all.textproto";
  const auto outcome = aisle::tests::run_command(
      AISLE_PROGRAM " plan scarcity --no-sensitivity -q --set plan.points=" + rest + " -o " + anew);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  aisle::pb::PlanPoints now;
  ASSERT_TRUE(aisle::read_text_file(anew, now, places, diagnostics));
  int compared = 0;
  for (const aisle::pb::PlanPoint& before : points.point()) {
    for (const aisle::pb::PlanPoint& point : now.point()) {
      if (!is_left_out(point) || point.key() != before.key()) continue;
      ++compared;
      EXPECT_NEAR(point.tokens_per_s_per_chip(), before.tokens_per_s_per_chip(),
                  1e-6 * before.tokens_per_s_per_chip());
      EXPECT_NEAR(point.power_w(), before.power_w(), 1e-6 * before.power_w());
    }
  }
  EXPECT_EQ(compared, 2);
}

INSTANTIATE_TEST_SUITE_P(Shipped, ShippedPlan, testing::ValuesIn(studies(true)));

}  // namespace
