// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <gtest/gtest.h>

namespace {

using aisle::tests::Folder;
using aisle::tests::Outcome;
using aisle::tests::run_command;
using testing::HasSubstr;

Outcome run_scenario(const Folder& folder, const std::string& text) {
  const std::string file = folder.write("study.textproto", text);
  return run_command(AISLE_PROGRAM " run " + file + " -o " + (folder / "results").string());
}

void expect_bad(const Outcome& outcome, const Folder& folder) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_FALSE(std::filesystem::exists(folder / "results"));
}

constexpr const char* kWorkload =
    "workload { training { model: \"llama-3.1-8b\" global_batch: 64 parallel { tensor: 8 } } }\n";

TEST(BadInput, MisspeltFieldNamesLineColumnAndTheNearest) {
  const Folder folder;
  const Outcome outcome = run_scenario(
      folder, std::string("cluster {\n  acelerator: \"h100-sxm\"\n  count: 8\n}\n") + kWorkload);
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:2:"));
  EXPECT_THAT(outcome.err, HasSubstr("did you mean 'accelerator'"));
}

TEST(BadInput, BareNumberSuggestsTheUnit) {
  const Folder folder;
  const Outcome outcome = run_scenario(
      folder,
      std::string(
          "cluster {\n  accelerator: \"h100-sxm\"\n  count: 8\n  scale_out { nic: \"400\" }\n}\n") +
          kWorkload);
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:4:"));
  EXPECT_THAT(outcome.err, HasSubstr("cluster.scale_out.nic"));
  EXPECT_THAT(outcome.err, HasSubstr("b/s"));
}

TEST(BadInput, NegativeBandwidth) {
  const Folder folder;
  const Outcome outcome =
      run_scenario(folder, std::string("cluster {\n  accelerator: \"h100-sxm\"\n  count: 8\n  "
                                       "scale_up { bandwidth: \"-450 GB/s\" }\n}\n") +
                               kWorkload);
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:4:"));
  EXPECT_THAT(outcome.err, HasSubstr("negative"));
}

TEST(BadInput, ChunkOfLayersThatTheModelLacks) {
  const Folder folder;
  const std::string head =
      "cluster { accelerator: \"h100-sxm\" count: 8 }\nworkload { training {\n"
      "  model: \"llama-3.1-8b\"\n  chunk { ";
  const Outcome many = run_scenario(folder, head + "layers: 33 }\n} }\n");
  expect_bad(many, folder);
  EXPECT_THAT(many.err, HasSubstr("study.textproto:4:"));
  EXPECT_THAT(many.err, HasSubstr("has 32 transformer layers"));
  const Outcome late = run_scenario(folder, head + "layers: 4 first_layer: 30 }\n} }\n");
  expect_bad(late, folder);
  EXPECT_THAT(late.err, HasSubstr("workload.training.chunk.first_layer"));
}

TEST(BadInput, UnknownChipNamesTheNearest) {
  const Folder folder;
  const Outcome outcome = run_scenario(
      folder, std::string("cluster { accelerator: \"h10-sxm\" count: 8 }\n") + kWorkload);
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:1:"));
  EXPECT_THAT(outcome.err, HasSubstr("h100-sxm"));
}

TEST(BadInput, LayoutThatDoesNotDivide) {
  const Folder folder;
  const Outcome outcome =
      run_scenario(folder,
                   "cluster { accelerator: \"h100-sxm\" count: 64 }\n"
                   "workload { training { model: \"llama-3.1-8b\" global_batch: 64\n"
                   "  parallel { tensor: 8 pipeline: 3 } } }\n");
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:3:"));
}

TEST(BadInput, SeveralErrorsAreReportedTogether) {
  const Folder folder;
  const Outcome outcome = run_scenario(folder,
                                       "cluster {\n  accelerator: \"h10-sxm\"\n  count: 8\n}\n"
                                       "workload { training {\n  model: \"lama-3.1-8b\"\n  "
                                       "precision: \"bf17\"\n global_batch: 64 } }\n");
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:2:"));
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:6:"));
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:7:"));
}

TEST(BadInput, TruncatedFile) {
  const Folder folder;
  const Outcome outcome =
      run_scenario(folder, "cluster {\n  accelerator: \"h100-sxm\"\n  count: 8\n");
  expect_bad(outcome, folder);
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto:"));
  EXPECT_THAT(outcome.err, HasSubstr("error"));
}

TEST(BadInput, FolderWhereAFileShouldBe) {
  const Folder folder;
  const Outcome outcome = run_command(AISLE_PROGRAM " run " + folder.string());
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr(folder.string()));
  EXPECT_THAT(outcome.err, HasSubstr("study.textproto"));
}

TEST(BadInput, MissingStudyNamesTheShippedOneThatIsNear) {
  const Outcome outcome = run_command(AISLE_PROGRAM " run deepseek-v3-h80");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("deepseek-v3-h800"));
}

TEST(BadInput, UnknownSetPathAndUnknownFlag) {
  const Outcome path = run_command(AISLE_PROGRAM " check deepseek-v3-h800 --set cluster.cont=8");
  EXPECT_EQ(path.exit_code, 2);
  EXPECT_THAT(path.err, HasSubstr("count"));
  EXPECT_EQ(run_command(AISLE_PROGRAM " run deepseek-v3-h800 --frobnicate").exit_code, 2);
  EXPECT_EQ(run_command(AISLE_PROGRAM).exit_code, 2);
}

TEST(BadInput, TruncatedResultIsNamed) {
  const Folder folder;
  const std::string file = folder.write("result.pb", "\x0a\x7f not a result");
  const Outcome outcome =
      run_command(AISLE_PROGRAM " report " + file + " -o " + (folder / "x.html").string());
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("result.pb"));
  EXPECT_FALSE(std::filesystem::exists(folder / "x.html"));
}

TEST(ModelThatDoesNotFit, IsAnAnswerThatSaysByHowMuchAndWhatWouldHelp) {
  const Folder folder;
  const Outcome outcome = run_scenario(folder,
                                       "cluster { accelerator: \"h100-sxm\" count: 8 }\n"
                                       "workload { training { model: \"llama-3.1-405b\" "
                                       "global_batch: 8 parallel { tensor: 8 } } }\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("DOES NOT RUN"));
  EXPECT_THAT(outcome.out, HasSubstr("GB more than the 80 GB of h100-sxm"));
  EXPECT_THAT(outcome.out, HasSubstr("use more accelerators"));
}

TEST(MachineFailure, OutputFolderThatIsAFile) {
  const Folder folder;
  const std::string file = folder.write("taken", "x");
  const Outcome outcome =
      run_command(AISLE_PROGRAM " run deepseek-v3-h800 --engine analytic -o " + file);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("taken"));
  EXPECT_EQ(aisle::tests::read_file(file), "x");
}

}  // namespace
