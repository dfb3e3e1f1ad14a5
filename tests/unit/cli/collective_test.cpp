// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

namespace {

using aisle::tests::Outcome;
using aisle::tests::run_command;
using testing::HasSubstr;

Outcome collective(const std::string& flags) {
  return run_command(AISLE_PROGRAM " collective " + flags);
}

TEST(Collective, PrintsATableAsNcclTestsDo) {
  const Outcome outcome =
      collective("--system dgx-h100 --chips 16 --op all_reduce -b 8 -e 8G -f 2");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  int rows = 0;
  for (std::size_t at = 0; at < outcome.out.size(); at = outcome.out.find('\n', at) + 1) {
    rows += outcome.out[at] == '#' ? 0 : 1;
  }
  EXPECT_EQ(rows, 31);
  EXPECT_THAT(outcome.out, HasSubstr("size         count    type        time    algbw    busbw"));
  EXPECT_THAT(outcome.out, HasSubstr("nvls_tree"));
  EXPECT_THAT(outcome.out, HasSubstr("# Avg bus bandwidth"));
}

TEST(Collective, PrintsTheJsonOfTheContract) {
  const Outcome outcome =
      collective("--system h100-sxm --chips 8 --op all_gather -b 1M -e 4M --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(outcome.out);
  const simdjson::dom::element document = parser.parse(text);
  const simdjson::dom::array rows = document["rows"].get_array().value();
  ASSERT_EQ(rows.size(), 3U);
  double before = 0;
  for (const auto row : rows) {
    const double bytes = row["bytes"].get_double().value();
    const double time = row["time_s"].get_double().value();
    EXPECT_NEAR(row["algbw_GBps"].get_double().value(), bytes / time / 1e9, 1e-9 * bytes / time);
    EXPECT_NEAR(row["busbw_GBps"].get_double().value() / row["algbw_GBps"].get_double().value(),
                7.0 / 8, 1e-9);
    for (const char* key : {"algorithm", "protocol", "bound_by"}) {
      EXPECT_FALSE(row[key].get_string().value().empty()) << key;
    }
    EXPECT_GT(row["channels"].get_int64().value(), 0);
    EXPECT_GT(time, before);
    before = time;
  }
  EXPECT_GE(document["wall_time_s"].get_double().value(), 0);
}

TEST(Collective, TakesTheAlgorithmThatIsAskedFor) {
  const Outcome outcome =
      collective("--system dgx-h100 --chips 16 -b 1M -e 1M --algo Ring --proto LL128 --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("\"ring\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"ll128\""));
}

TEST(Collective, ExplainsBadInput) {
  struct Bad {
    std::string flags, says;
  };

  const std::vector<Bad> all = {
      {"--system dgx-h100 --chips 13",
       "--chips 13: error: cluster.count: 13 accelerators do not divide into domains of 8"},
      {"--system dgx-a100 --chips 8 --algo nvls", "--algo nvls: error"},
      {"--system dgx-h100 --chips 16 --op all_gather --algo tree", "--algo tree: error"},
      {"--system dgx-h100 --chips 16 --algo rnig", "did you mean 'ring'"},
      {"--system dgx-h100 --chips 16 --op all_reduc", "did you mean 'all_reduce'"},
      {"--system dgx-h1000 --chips 16", "--system dgx-h1000: error"},
      {"--system dgx-h100 --chips 16 -b 0", "-b 0: error: a collective moves at least one byte"},
      {"--system dgx-h100 --chips 16 -b 8X", "'8X' is not a size"},
      {"--system dgx-h100 --chips 16 -b 1M -e 1K", "the last size is below the first"},
      {"--system dgx-h100 --chips 16 -f 1", "must be above 1"},
      {"--system dgx-h100 --chips 16 --fabric nowhere", "unknown fabric 'nowhere'"},
      {"--system dgx-h100 --chips 16 --nic 400", "--nic 400: error"},
      {"--system dgx-h100 --chips 0", "--chips 0: error"},
      {"--system dgx-h100 --chips 1024 --set cluster.scale_out.oversubscription=64", "uplink"},
      {"--system dgx-h100 --chips 64 --set 'cluster.fault={part: \"nic 99\"}'", "nic 99"},
  };
  for (const Bad& bad : all) {
    const Outcome outcome = collective(bad.flags);
    EXPECT_EQ(outcome.exit_code, 2) << bad.flags;
    EXPECT_THAT(outcome.err, HasSubstr(bad.says)) << bad.flags;
    EXPECT_THAT(outcome.out, testing::IsEmpty()) << bad.flags;
  }
}

TEST(Collective, RefusesWhatFaultsHaveCut) {
  const Outcome outcome = collective(
      "--system dgx-h100 --chips 16 -b 1M -e 1M --set 'cluster.fault=[{part: \"leaf 0\"},{part: "
      "\"leaf 1\"},{part: \"leaf 2\"},{part: \"leaf 3\"},{part: \"leaf 4\"},{part: \"leaf "
      "5\"},{part: \"leaf 6\"},{part: \"leaf 7\"}]'");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("faults have cut"));
}

TEST(Collective, PlacesJobsAndSaysWhatIsMissing) {
  const std::string study = AISLE_PROGRAM " run shared-fabric -q ";
  EXPECT_EQ(run_command(study).exit_code, 0);
  const Outcome odd = run_command(study + "--set workload.collective.job[0].count=100");
  EXPECT_EQ(odd.exit_code, 2);
  EXPECT_THAT(odd.err, HasSubstr("100 accelerators do not fill scale-up domains of 8"));
  const Outcome many = run_command(study + "--set workload.collective.job[1].count=2048");
  EXPECT_EQ(many.exit_code, 2);
  EXPECT_THAT(many.err, HasSubstr("2048 accelerators are asked for, 1024 are free"));
  const Outcome empty = run_command(study + "--set 'workload.collective.bytes=0 B'");
  EXPECT_EQ(empty.exit_code, 2);
  EXPECT_THAT(empty.err, HasSubstr("at least one byte"));
}

}  // namespace
