// SPDX-License-Identifier: Apache-2.0
#include "tests/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace {

using aisle::tests::Folder;
using aisle::tests::Outcome;
using aisle::tests::run_command;
using testing::HasSubstr;

/// Two kernels that overlap on one stream, their launches and operators, and an all-reduce.
constexpr const char* kTrace = R"({"schemaVersion": 1,
"distributedInfo": {"backend": "nccl", "rank": 1, "world_size": 2},
"deviceProperties": [{"id": 0, "name": "NVIDIA H100", "numSms": 132}],
"traceEvents": [
{"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 9, "tid": 9, "ts": 10.000, "dur": 8.000,
 "args": {"External id": 1, "Input Dims": [[64, 128], [128, 256]],
          "Input type": ["c10::BFloat16", "c10::BFloat16"]}},
{"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 9, "tid": 9, "ts": 12.000,
 "dur": 3.000, "args": {"correlation": 5}},
{"ph": "X", "cat": "kernel", "name": "nvjet_tst_64x64", "pid": 0, "tid": 7, "ts": 20.000,
 "dur": 10.500, "args": {"External id": 1, "correlation": 5, "device": 0, "stream": 7,
 "grid": [4, 4, 1], "block": [256, 1, 1]}},
{"ph": "X", "cat": "kernel", "name": "zzz", "pid": 0, "tid": 7, "ts": 30.000, "dur": 2.000,
 "args": {"correlation": 6, "device": 0, "stream": 7, "grid": [1, 1, 1], "block": [32, 1, 1]}},
{"ph": "X", "cat": "kernel", "name": "ncclDevKernel_AllReduce_Sum_bf16_RING_LL",
                     "pid" : 0, "tid" : 20, "ts" : 31.000, "dur" : 9.000, "args" : {
  "correlation" : 7, "device" : 0, "stream" : 20
}
}

                                                                                              ,
{"ph": "C", "name": "memory", "pid": 0, "ts": 31.000, "args": {"bytes": 5}}
]
                                                                                              })";

TEST(Inspect, PrintsWhereTheTimeWent) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const Outcome outcome = run_command(AISLE_PROGRAM " inspect " + file);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* expected :
       {"Kineto; 1 rank of 2; NVIDIA H100, 132 cores", "rank 1 device 0", "unknown",
        "nvjet_tst_64x64", "all reduce", "from operands", "Unused records"}) {
    EXPECT_THAT(outcome.out, HasSubstr(expected));
  }
}

TEST(Inspect, PrintsTheJsonOfTheContract) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const Outcome outcome = run_command(AISLE_PROGRAM " inspect --json " + file);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  simdjson::dom::parser parser;
  const simdjson::padded_string text(outcome.out);
  const simdjson::dom::element document = parser.parse(text);
  const simdjson::dom::object fields = document.get_object().value();
  std::vector<std::string> keys;
  for (const auto field : fields) keys.emplace_back(field.key);
  keys.resize(6);
  EXPECT_EQ(keys, (std::vector<std::string>{"format", "events", "imported", "unused", "families",
                                            "span_s"}));
  EXPECT_EQ(document["format"].get_string().value(), "Kineto");
  std::int64_t unused = 0;
  const simdjson::dom::array lost = document["unused"].get_array().value();
  for (const auto entry : lost) {
    unused += entry["count"].get_int64().value();
    EXPECT_FALSE(entry["name"].get_string().value().empty());
    EXPECT_EQ(entry["severity"].get_string().value(), "note");
  }
  EXPECT_EQ(document["events"].get_int64().value(),
            document["imported"].get_int64().value() + unused);
  std::map<std::string, double> times;
  const simdjson::dom::array families = document["families"].get_array().value();
  for (const auto entry : families) {
    times[std::string(entry["family"].get_string().value())] = entry["time_s"].get_double().value();
    EXPECT_EQ(entry["count"].get_int64().value(), 1);
  }
  EXPECT_NEAR(times["gemm"], 10.5e-6, 1e-12);
  EXPECT_NEAR(times["unknown"], 2e-6, 1e-12);
  EXPECT_NEAR(times["communication"], 9e-6, 1e-12);
  EXPECT_NEAR(document["span_s"].get_double().value(), 20e-6, 1e-12);
}

TEST(Inspect, RefusesWhatItCannotRead) {
  const Folder folder;
  const std::string words = folder.write("words.txt", "these are only words\n");
  for (const std::string& arguments :
       {folder.string() + "/missing.json", words, words + " --model no-such-model"}) {
    const Outcome outcome = run_command(AISLE_PROGRAM " inspect " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("error: "));
    EXPECT_TRUE(outcome.out.empty());
  }
  EXPECT_EQ(run_command(AISLE_PROGRAM " inspect").exit_code, 2);
  EXPECT_EQ(run_command(AISLE_PROGRAM " inspect x --top -1").exit_code, 2);
}

TEST(Inspect, NamesTheNearestModels) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const Outcome outcome = run_command(AISLE_PROGRAM " inspect --model deepseek-v33 " + file);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("'deepseek-v3'"));
}

TEST(Import, WritesWhatInspectReadsAgain) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const std::string out = (folder / "one.aisletrace").string();
  const Outcome written = run_command(AISLE_PROGRAM " import " + file + " -o " + out);
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const auto families = [](const std::string& text) {
    return text.substr(text.find("Families"), text.find("Shapes") - text.find("Families"));
  };
  const Outcome before = run_command(AISLE_PROGRAM " inspect " + file);
  const Outcome after = run_command(AISLE_PROGRAM " inspect " + out);
  ASSERT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(families(before.out), families(after.out));
}

TEST(Import, WritesTracksWithoutOverlapForPerfetto) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const std::string out = (folder / "one.perfetto.json").string();
  ASSERT_EQ(run_command(AISLE_PROGRAM " import " + file + " -o " + out).exit_code, 0);
  simdjson::dom::parser parser;
  const simdjson::dom::element document = parser.load(out);
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::pair<double, double>>> tracks;
  int flows = 0;
  const simdjson::dom::array events = document["traceEvents"].get_array().value();
  for (const auto event : events) {
    const std::string_view phase = event["ph"].get_string().value();
    flows += phase == "s" ? 1 : 0;
    if (phase != "X" || event["cat"].get_string().value() == "call") continue;
    const double start = event["ts"].get_double().value();
    tracks[{event["pid"].get_int64().value(), event["tid"].get_int64().value()}].emplace_back(
        start, start + event["dur"].get_double().value());
    if (event["name"].get_string().value() != "nvjet_tst_64x64") continue;
    EXPECT_EQ(event["args"]["shape"].get_string().value(), "64 x 256 x 128");
    EXPECT_EQ(event["args"]["grid"].get_string().value(), "4 x 4 x 1");
  }
  EXPECT_EQ(flows, 1);
  EXPECT_EQ(tracks.size(),
            4U);  // the host, stream 7 twice, stream 20
  for (auto& [track, spans] : tracks) {
    std::sort(spans.begin(), spans.end());
    for (std::size_t i = 1; i < spans.size(); ++i) {
      EXPECT_GE(spans[i].first, spans[i - 1].second);
    }
  }
}

TEST(Import, WritesChakraForEachRank) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  const std::string out = (folder / "job.et").string();
  ASSERT_EQ(run_command(AISLE_PROGRAM " import " + file + " -o " + out).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(folder / "job.1.et"));
}

TEST(Import, SaysWhenItCannotWrite) {
  const Folder folder;
  const std::string file = folder.write("one.json", kTrace);
  for (const char* name : {"/none/x.aisletrace", "/none/x.json", "/none/x.et"}) {
    const Outcome outcome =
        run_command(AISLE_PROGRAM " import " + file + " -o " + folder.string() + name);
    EXPECT_EQ(outcome.exit_code, 1) << name;
    EXPECT_THAT(outcome.err, HasSubstr("error: "));
  }
  EXPECT_EQ(run_command(AISLE_PROGRAM " import " + file).exit_code, 2);
}

}  // namespace
