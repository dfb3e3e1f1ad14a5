// SPDX-License-Identifier: Apache-2.0
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"
#include "tests/command.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

const topology::Catalogue& catalogue() {
  static const topology::Catalogue all = [] {
    Diagnostics diagnostics;
    return *topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return all;
}

constexpr const char* kStudy = R"(
cluster { accelerator: "h100-sxm" count: 16 }
workload { collective { operation: "all_reduce" bytes: "1 GiB" } }
)";

struct Answer {
  std::vector<SweepPoint> points;
  std::string errors;
};

Answer points_of(const std::string& sweep) {
  const tests::Folder folder;
  Diagnostics diagnostics;
  const auto study =
      load(folder.write("study.textproto", std::string(kStudy) + "sweep {\n" + sweep + "\n}\n"), {},
           diagnostics);
  Answer answer;
  auto points = study ? sweep_points(*study, catalogue(), diagnostics) : std::nullopt;
  if (points) answer.points = std::move(*points);
  for (const Diagnostic& each : diagnostics.all()) answer.errors += to_string(each) + "\n";
  return answer;
}

std::vector<std::string> values_of(const Answer& answer, std::size_t field) {
  std::vector<std::string> values;
  for (const SweepPoint& point : answer.points) values.push_back(point.fields[field].second);
  return values;
}

TEST(SweepPoints, AreEveryCombinationInOrder) {
  const Answer answer = points_of(
      "axis { path: 'cluster.count' value: ['8', '16'] }\n"
      "axis { path: 'workload.collective.bytes' value: ['1 MiB', '1 GiB', '2 GiB'] }");
  ASSERT_EQ(answer.points.size(), 6U) << answer.errors;
  EXPECT_EQ(values_of(answer, 0), (std::vector<std::string>{"8", "8", "8", "16", "16", "16"}));
  EXPECT_EQ(answer.points[4].id, 4);
  EXPECT_EQ(answer.points[4].fields[1].second, "1 GiB");
}

TEST(SweepPoints, RangesHaveBothEndsAndTheirUnit) {
  EXPECT_EQ(values_of(points_of("axis { path: 'cluster.scale_out.nic' from: '100 Gb/s' to: "
                                "'800 Gb/s' steps: 4 log: true }"),
                      0),
            (std::vector<std::string>{"100 Gb/s", "200 Gb/s", "400 Gb/s", "800 Gb/s"}));
  EXPECT_EQ(values_of(points_of("axis { path: 'cluster.count' from: '8' to: '11' steps: 3 "
                                "whole: true }"),
                      0),
            (std::vector<std::string>{"8", "10", "11"}));
}

TEST(SweepPoints, CompanionsChangeTogetherAndConditionsChoose) {
  const Answer answer = points_of(
      "axis { path: 'cluster.count' value: ['8', '16', '32'] with { path: 'cluster.scale_up.size' "
      "value: ['8', '8', '4'] } }\n"
      "where: 'cluster.count == 4 * cluster.scale_up.size or cluster.count > 20'");
  ASSERT_EQ(answer.points.size(), 1U) << answer.errors;
  EXPECT_EQ(answer.points[0].id, 2);
  EXPECT_EQ(answer.points[0].fields[1].second, "4");
}

TEST(SweepPoints, NamesOfTheCatalogue) {
  const Answer answer = points_of("axis { path: 'cluster.accelerator' catalogue: 'accelerators' }");
  const auto names = values_of(answer, 0);
  EXPECT_GT(names.size(), 40U);
  EXPECT_NE(std::find(names.begin(), names.end(), "h800-sxm"), names.end());
}

TEST(SweepPoints, LatinHypercubesHitEveryPartOnce) {
  const std::string axes =
      "axis { path: 'cluster.scale_out.nic' from: '0 Gb/s' to: '100 Gb/s' }\n"
      "axis { path: 'cluster.count' value: ['8', '16'] }\n";
  const Answer answer = points_of(axes + "sample { points: 50 }");
  ASSERT_EQ(answer.points.size(), 50U) << answer.errors;
  std::set<int> parts;
  int small = 0;
  for (const SweepPoint& point : answer.points) {
    parts.insert(static_cast<int>(std::stod(point.fields[0].second) / 2));
    small += point.fields[1].second == "8" ? 1 : 0;
  }
  EXPECT_EQ(parts.size(), 50U);
  EXPECT_EQ(small, 25);
  EXPECT_EQ(values_of(answer, 0), values_of(points_of(axes + "sample { points: 50 }"), 0));
  parts.clear();
  for (const std::string& value :
       values_of(points_of(axes + "sample { points: 50 latin_hypercube: false }"), 0)) {
    parts.insert(static_cast<int>(std::stod(value) / 2));
  }
  EXPECT_LT(parts.size(), 45U);
}

TEST(SweepPoints, FaultsAreExplainedWhereTheyStand) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no axes"},
      {"axis { value: ['1'] }", "names no field"},
      {"axis { path: 'cluster.count' }", "from one of"},
      {"axis { path: 'cluster.count' value: ['1'] from: '1' to: '2' }", "from one of"},
      {"axis { path: 'cluster.cuont' value: ['1'] }", "count"},
      {"axis { path: 'cluster.count' value: ['many'] }", "whole number"},
      {"axis { path: 'cluster.count' from: '1' }", "two numbers of one unit"},
      {"axis { path: 'cluster.scale_out.nic' from: '1 Gb/s' to: '2 GB/s' }", "one unit"},
      {"axis { path: 'cluster.count' from: '0' to: '2' log: true }", "above 0"},
      {"axis { path: 'cluster.count' from: '1' to: '2' steps: 1 }", "steps"},
      {"axis { path: 'cluster.count' catalogue: 'chips' }", "no kind of entry"},
      {"axis { path: 'cluster.count' value: ['1'] with { path: 'seed' } }",
       "0 values beside the 1"},
      {"axis { path: 'cluster.count' value: ['1'] } where: 'cluster.count > 1'", "no point meets"},
      {"axis { path: 'cluster.count' value: ['1'] } where: 'cluster.count >'", "missing"},
      {"axis { path: 'cluster.count' value: ['1'] } sample { points: 0 }", "0 points"},
  };
  for (const auto& [sweep, expected] : cases) {
    const Answer answer = points_of(sweep);
    EXPECT_TRUE(answer.points.empty()) << sweep;
    EXPECT_NE(answer.errors.find(expected), std::string::npos) << sweep << "\n" << answer.errors;
  }
}

}  // namespace
}  // namespace aisle::sim
