// SPDX-License-Identifier: Apache-2.0
// Did a shipped study's answer move? Compares every metric with expected/summary.json beside the
// study, to 1e-6 relative. A pass proves sameness, not truth (that is tests/validation). To accept
// a change: AISLE_UPDATE_GOLDEN=1, and a line in docs/changes.md that says why.
#include "sim/study/study.hpp"
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

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

class ShippedStudy : public testing::TestWithParam<std::string> {};

TEST_P(ShippedStudy, AnswersAsBefore) {
  const auto outcome = aisle::tests::run_command(AISLE_PROGRAM " run " + GetParam() + " --json -q");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Metrics now = metrics_of(outcome.out);
  const std::string file =
      AISLE_SOURCE_DIR "/scenarios/studies/" + GetParam() + "/expected/summary.json";
  if (std::getenv("AISLE_UPDATE_GOLDEN") != nullptr) write_expected(file, now);
  const Metrics expected = metrics_of(aisle::tests::read_file(file));
  EXPECT_EQ(now.size(), expected.size());
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(now.contains(name)) << name;
    EXPECT_NEAR(now.at(name), value, 1e-6 * std::abs(value)) << name;
  }
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
    command << ' ' << path.string();
    ++files;
  }
  ASSERT_GT(files, 0);
  const auto outcome = aisle::tests::run_command(command.str());
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Shipped, ShippedStudy, testing::ValuesIn(aisle::sim::shipped_studies()));

}  // namespace
