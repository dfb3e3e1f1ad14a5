// SPDX-License-Identifier: Apache-2.0
// What other programs make of what Aisle writes: pages by HTML Tidy, results by pandas.
#include "tests/command.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aisle {
namespace {

using tests::Folder;
using tests::run_command;

constexpr const char* kStudy = R"(
title: "sweep"
cluster { accelerator: "h100-sxm" count: 64 }
workload { training { model: "llama-3.1-8b" sequence: 8192 global_batch: 128 micro_batch: 1
                      parallel { tensor: 4 data: 16 zero: 1 } } }
sweep { axis { path: "cluster.scale_out.nic" value: ["100 Gb/s", "400 Gb/s"] } }
)";

/// A run in DIR and a sweep in points.db, as the guide names them.
class Written : public testing::Test {
 protected:
  void make(const std::string& arguments) {
    const auto outcome =
        run_command("cd " + folder.string() + " && " AISLE_PROGRAM " " + arguments);
    ASSERT_EQ(outcome.exit_code, 0) << arguments << "\n" << outcome.err;
  }

  void run_and_sweep() {
    folder.write("study.textproto", kStudy);
    make("run deepseek-v3-h800 --engine analytic --quiet -o DIR");
    make("sweep study.textproto --engine analytic --quiet -o points.db");
  }

  Folder folder;
};

/// What Tidy says but for remarks on taste. Tidy 5.6 does not know <data>, nor that
/// a figure may have a <style>.
std::string faults_of(const std::string& page) {
  const auto outcome = run_command(
      "tidy -errors -quiet --show-warnings yes --drop-empty-elements no --mute-id yes "
      "--new-inline-tags data --fix-style-tags no " +
      page);
  std::string faults;
  std::string line;
  for (const char c : outcome.err) {
    line += c;
    if (c != '\n') continue;
    if (line.find("(PROPRIETARY_ELEMENT)") == std::string::npos &&
        line.find("(FOUND_STYLE_IN_BODY)") == std::string::npos) {
      faults += line;
    }
    line.clear();
  }
  return faults;
}

TEST_F(Written, PagesAreWellFormed) {
  if (run_command("command -v tidy").exit_code != 0) GTEST_SKIP() << "tidy is not installed";
  run_and_sweep();
  make("run deepseek-operating-point --quiet -o serving");
  make("report DIR serving -o both.html");
  make("report points.db -o sweep.html");
  make("plan cowos-bound-2026 --no-sensitivity --quiet -o plan.html");
  for (const char* page :
       {"DIR/report.html", "serving/report.html", "both.html", "sweep.html", "plan.html"}) {
    EXPECT_EQ(faults_of((folder / page).string()), "") << page;
  }
}

/// The guide's blocks of Python, in order.
std::vector<std::string> examples() {
  const std::string guide = tests::read_file(AISLE_SOURCE_DIR "/docs/guide/python.md");
  std::vector<std::string> blocks;
  const std::string open = "```python\n";
  for (std::size_t at = guide.find(open); at != std::string::npos; at = guide.find(open, at)) {
    at += open.size();
    blocks.push_back(guide.substr(at, guide.find("```", at) - at));
  }
  return blocks;
}

TEST_F(Written, TheGuidesPythonRuns) {
  if (run_command("python3 -c 'import pandas'").exit_code != 0) {
    GTEST_SKIP() << "python3-pandas is not installed";
  }
  run_and_sweep();
  std::string program;
  for (const std::string& block : examples()) program += block;
  program.replace(program.find("points.plot"), program.npos, "");  // would need matplotlib
  program +=
      "assert figures.value['step_time_s'] > 10 and figures.basis['step_time_s']\n"
      "assert abs(step.sum() / figures.value['step_time_s'] - 1) < 1e-6\n"
      "assert len(points) == 2 and points.step_time_s.min() > 0\n";
  folder.write("guide.py", program);
  const auto outcome = run_command("cd " + folder.string() + " && python3 guide.py");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

// The same without pandas: what the standard library reads.
TEST_F(Written, PlainPythonReadsThem) {
  if (run_command("command -v python3").exit_code != 0) GTEST_SKIP() << "no python3";
  run_and_sweep();
  folder.write("plain.py",
               "import csv, json, sqlite3\n"
               "step = json.load(open('DIR/result.json'))['metrics']['step_time_s']\n"
               "rows = [r for r in csv.DictReader(open('DIR/result.csv')) if r['section'] == "
               "'breakdown']\n"
               "assert abs(sum(float(r['value']) for r in rows) / step - 1) < 1e-6\n"
               "read = sqlite3.connect('points.db').execute(\"SELECT step_time_s FROM point WHERE "
               "status = 'done'\")\n"
               "assert len(read.fetchall()) == 2\n");
  const auto outcome = run_command("cd " + folder.string() + " && python3 plain.py");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

}  // namespace
}  // namespace aisle
