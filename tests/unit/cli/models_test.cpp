// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

namespace {

using aisle::tests::Folder;
using aisle::tests::Outcome;
using aisle::tests::read_file;
using aisle::tests::run_command;
using testing::HasSubstr;

constexpr const char* kConfig = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
  "num_hidden_layers": 32, "num_key_value_heads": 8, "vocab_size": 128256})";

constexpr const char* kScenario = R"(
cluster { accelerator: "h100-sxm" count: 8 }
workload { training { model: "config.json" global_batch: 64 parallel { tensor: 8 } } })";

TEST(ImportModel, WritesAModelFileThatRunsAsTheConfigurationDoes) {
  const Folder folder;
  const std::string config = folder.write("config.json", kConfig);
  const std::string model = (folder / "own.textproto").string();
  const Outcome imported =
      run_command(AISLE_PROGRAM " import-model " + config + " --json -o " + model);
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(imported.out);
  const simdjson::dom::element document = parser.parse(text).value();
  EXPECT_EQ(document["total_parameters"].get_int64().value(), 8'030'261'248);
  EXPECT_EQ(document["layers"].at(1)["count"].get_int64().value(), 32);

  // In a scenario the path is relative to the scenario, on the command line to the working folder.
  const std::string study = folder.write("study.textproto", kScenario);
  const Outcome by_name = run_command(AISLE_PROGRAM " check " + study);
  ASSERT_EQ(by_name.exit_code, 0) << by_name.err;
  EXPECT_THAT(by_name.out, HasSubstr("8.0B parameters"));
  const Outcome by_flag =
      run_command(AISLE_PROGRAM " check " + study + " --set workload.training.model=" + model);
  ASSERT_EQ(by_flag.exit_code, 0) << by_flag.err;
  EXPECT_THAT(by_flag.out, HasSubstr("8.0B parameters"));
  EXPECT_THAT(run_command(AISLE_PROGRAM " show " + model).out,
              HasSubstr("counted total parameters"));
}

TEST(ImportModel, BadConfigurationsAreLocated) {
  const Folder folder;
  const std::string config =
      folder.write("config.json", "{\"model_type\": \"llama\",\n \"hidden_size\": \"big\"}");
  const Outcome outcome = run_command(AISLE_PROGRAM " import-model " + config);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("config.json:2:2: error: hidden_size: is no whole number"));
  const std::string study = folder.write("study.textproto", kScenario);
  const Outcome run = run_command(AISLE_PROGRAM " run " + study);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("config.json:2:2: error: hidden_size"));
  EXPECT_EQ(run_command(AISLE_PROGRAM " import-model nowhere.json").exit_code, 2);
}

}  // namespace
