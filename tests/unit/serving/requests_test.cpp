// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/requests.hpp"

#include "sim/base/proto_text.hpp"
#include "workloads/serving/requests.pb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace aisle::workloads {

namespace {

std::string said(const Diagnostics& diagnostics) {
  std::string all;
  for (const Diagnostic& each : diagnostics.all()) all += to_string(each) + "\n";
  return all;
}

/// The text as a file of it would come, in blocks.
CsvStream::Read blocks_of(std::string text) {
  return [text = std::move(text), at = std::size_t{0}](char* to, std::size_t size) mutable {
    const std::size_t taken = text.copy(to, size, at);
    at += taken;
    return taken;
  };
}

RequestStream parsed(const std::string& text) {
  Diagnostics diagnostics;
  const auto stream = parse_requests(blocks_of(text), "stream", diagnostics);
  EXPECT_TRUE(stream.has_value()) << said(diagnostics);
  return stream.value_or(RequestStream{});
}

std::string refused(const std::string& text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_requests(blocks_of(text), "stream", diagnostics).has_value()) << text;
  return said(diagnostics);
}

RequestStream asked(const std::string& text, std::uint64_t seed = 1) {
  pb::ServingRequests requests;
  SourceMap places;
  Diagnostics diagnostics;
  EXPECT_TRUE(read_text(text, "study", requests, places, diagnostics)) << said(diagnostics);
  const auto stream = read_requests(requests, places, "", "", seed, diagnostics);
  EXPECT_TRUE(stream.has_value()) << said(diagnostics);
  return stream.value_or(RequestStream{});
}

TEST(RequestFiles, AzureStampsAreSecondsFromTheFirst) {
  const RequestStream stream = parsed(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-30 23:59:59.5000000,374,44\n"
      "2024-03-01T00:00:01+00:00,396,109\n");
  ASSERT_EQ(stream.requests.size(), 2U);
  EXPECT_EQ(stream.requests[0].prompt, 374);
  EXPECT_EQ(stream.requests[1].output, 109);
  EXPECT_NEAR(stream.requests[1].arrival_s, 91 * 86400 + 1.5, 1e-4);  // over 29 February
}

TEST(RequestFiles, OtherLayoutsAreRecognised) {
  const RequestStream burst = parsed(
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
      "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,API log\n");
  ASSERT_EQ(burst.requests.size(), 1U);  // a failed one has no answer
  EXPECT_EQ(burst.caveats.size(), 1U);
  EXPECT_EQ(parsed("num_prefill_tokens,num_decode_tokens\n3772,54\n").requests[0].prompt, 3772);
  const RequestStream timed = parsed("arrival_time_s,input_tokens,output_tokens\n1,2,3\n1.5,4,5\n");
  EXPECT_DOUBLE_EQ(timed.requests[1].arrival_s, 0.5);
  const RequestStream lines = parsed(
      "{\"timestamp\": 0, \"input_length\": 600, \"output_length\": 5, \"hash_ids\": [0, 1]}\n"
      "{\"timestamp\": 1500, \"input_length\": 700, \"output_length\": 6, \"hash_ids\": [0, 2]}\n");
  EXPECT_EQ(lines.prefix_tokens, 512);
  EXPECT_DOUBLE_EQ(lines.requests[1].arrival_s, 1.5);
  EXPECT_EQ(lines.prefix_ids[static_cast<std::size_t>(lines.requests[1].first_prefix)], 0);
}

TEST(RequestFiles, BadRowsHaveAPlace) {
  const std::string head = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  EXPECT_NE(refused(head + "1,-5,3\n").find("stream:2:3"), std::string::npos);
  EXPECT_NE(refused(head + "1,5,1e12\n").find("stream:2:5"), std::string::npos);
  EXPECT_NE(refused(head + "noon,5,1\n").find("stream:2:1"), std::string::npos);
  EXPECT_NE(refused("a,b\n1,2\n").find("no column of prompt"), std::string::npos);
  EXPECT_NE(refused("{\"input_length\": 1}\n").find("stream:1:1"), std::string::npos);
  EXPECT_NE(refused("{\n").find("no JSON object"), std::string::npos);
  refused(head);
  refused("");
}

TEST(RequestFiles, PrioritiesAreReadWhereThereAreSome) {
  const RequestStream table =
      parsed("arrived_at,input_tokens,output_tokens,priority\n0,5,1,0\n1,5,1,255\n");
  EXPECT_EQ(table.requests[0].priority, 0);
  EXPECT_EQ(table.requests[1].priority, 255);
  const std::string line = "{\"input_length\": 5, \"output_length\": 1";
  const RequestStream lines = parsed(line + "}\n" + line + ", \"priority\": 2}\n");
  EXPECT_EQ(lines.requests[0].priority, 0);
  EXPECT_EQ(lines.requests[1].priority, 2);
  const std::string head = "input_tokens,output_tokens,priority\n";
  EXPECT_NE(refused(head + "5,1,high\n").find("stream:2:5: error: 'high' is no priority"),
            std::string::npos);
  EXPECT_NE(refused(head + "5,1,256\n").find("256 is no priority"), std::string::npos);
  EXPECT_NE(refused(line + ", \"priority\": -1}\n").find("-1 is no priority"), std::string::npos);
}

TEST(RequestFiles, EveryBadRowIsNamedUpToTwenty) {
  std::string text = "arrived_at,input_tokens,output_tokens\n1,2\n";
  for (int row = 0; row < 50; ++row) text += "1,none,1\n";
  const std::string errors = refused(text);
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 20);
  EXPECT_NE(errors.find("stream:2:1: error: has 2 cells, the header 3"), std::string::npos);
}

TEST(RequestFiles, UnsortedStampsAreSortedAndCounted) {
  const RequestStream stream = parsed("arrived_at,input_tokens,output_tokens\n9,1,1\n3,2,1\n");
  EXPECT_EQ(stream.requests[0].prompt, 2);
  ASSERT_EQ(stream.caveats.size(), 1U);
  EXPECT_NE(stream.caveats[0].find("sorted"), std::string::npos);
}

TEST(RequestDraws, GapsHaveTheirMeanAndVariation) {
  for (const auto& [kind, variation] :
       {std::pair{"poisson", 1.0}, {"gamma", 2.5}, {"weibull", 2.5}, {"evenly", 0.0}}) {
    const RequestStream stream = asked(std::string("rate: 4 count: 40000 gap_variation: 2.5 "
                                                   "prompt { mean: 9 } output { mean: 9 } "
                                                   "arrivals: ") +
                                       kind);
    double sum = 0, squares = 0;
    for (std::size_t i = 1; i < stream.requests.size(); ++i) {
      const double gap = stream.requests[i].arrival_s - stream.requests[i - 1].arrival_s;
      sum += gap;
      squares += gap * gap;
    }
    const double n = static_cast<double>(stream.requests.size() - 1), mean = sum / n;
    EXPECT_NEAR(mean, 0.25, 0.25 * (0.02 + 0.02 * variation)) << kind;
    EXPECT_NEAR(std::sqrt(std::max(0.0, squares / n / mean / mean - 1)), variation,
                0.1 * variation + 1e-6)
        << kind;
  }
}

TEST(RequestDraws, LengthsHaveTheirMean) {
  const RequestStream stream =
      asked("rate: 1 count: 20000 prompt { mean: 1000 spread: 1 } output { from: 10 to: 20 }");
  double prompts = 0, outputs = 0;
  for (const Request& request : stream.requests) {
    prompts += request.prompt;
    outputs += request.output;
  }
  EXPECT_NEAR(prompts / 20000, 1000, 30);
  EXPECT_NEAR(outputs / 20000, 15, 0.1);
}

TEST(RequestDraws, TurnsHoldWhatWasSaid) {
  const RequestStream stream = asked(
      "rate: 1 count: 12 turns: 3 shared_prefix: 160 prompt { mean: 320 } output { mean: 64 }");
  ASSERT_EQ(stream.requests.size(), 12U);
  std::set<std::int64_t> first_ids;
  int starts = 0;
  for (const Request& request : stream.requests) {
    first_ids.insert(stream.prefix_ids[static_cast<std::size_t>(request.first_prefix)]);
    starts += !request.waits;
    if (request.next < 0) continue;
    const Request& next = stream.requests[static_cast<std::size_t>(request.next)];
    EXPECT_TRUE(next.waits);
    EXPECT_EQ(next.prompt, request.prompt + request.output + 320);
    for (std::int32_t i = 0; i < request.prefixes; ++i) {
      EXPECT_EQ(stream.prefix_ids[static_cast<std::size_t>(request.first_prefix + i)],
                stream.prefix_ids[static_cast<std::size_t>(next.first_prefix + i)]);
    }
  }
  EXPECT_EQ(starts, 4);
  EXPECT_EQ(first_ids.size(), 1U);
}

TEST(RequestDraws, PrefixesAreJoinedToLongerOnes) {
  RequestStream stream;
  stream.prefix_tokens = 16;
  stream.prefix_ids = {1, 2, 3, 4, 5, 1, 2, 3, 8};
  stream.requests.resize(2);
  stream.requests[0].prefixes = 5;
  stream.requests[1].first_prefix = 5;
  stream.requests[1].prefixes = 4;
  lengthen_prefixes(stream, 32);
  EXPECT_EQ(stream.prefix_tokens, 32);
  // The second of each pair stands for all before it; an odd one at the end is forgotten.
  EXPECT_EQ(stream.prefix_ids, (std::vector<std::int64_t>{2, 4, 2, 8}));
  EXPECT_EQ(stream.requests[0].prefixes, 2);
  EXPECT_EQ(stream.requests[1].first_prefix, 2);
  EXPECT_EQ(stream.requests[1].prefixes, 2);
}

TEST(RequestDraws, SameSeedSameRequests) {
  const std::string text = "rate: 3 count: 50 prompt { mean: 99 spread: 2 } output { mean: 9 }";
  const RequestStream a = asked(text), b = asked(text), other = asked(text, 2);
  EXPECT_EQ(a.requests[49].arrival_s, b.requests[49].arrival_s);
  EXPECT_EQ(a.requests[49].prompt, b.requests[49].prompt);
  EXPECT_NE(a.requests[49].arrival_s, other.requests[49].arrival_s);
}

/// A folder of files that ends with the test.
class Folder {
 public:
  Folder() { std::filesystem::create_directories(path_); }

  ~Folder() { std::filesystem::remove_all(path_); }

  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }

  /// The stream asked for with this folder as the scenario's, or nothing and what was said.
  std::optional<RequestStream> ask(const std::string& text, std::string& errors) const {
    pb::ServingRequests requests;
    SourceMap places;
    Diagnostics diagnostics;
    EXPECT_TRUE(read_text(text, "study", requests, places, diagnostics));
    auto stream = read_requests(requests, places, "requests", path_.string(), 1, diagnostics);
    errors = said(diagnostics);
    return stream;
  }

 private:
  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / "aisle_requests";
};

constexpr const char* kRates =
    "client,window_start_s,rate_rps,iat_cv,iat_family,iat_shape,iat_scale\n"
    "a,0,20,2,Gamma,0.25,1\nb,0,1,1,Weibull,1,1\na,600,5,0.5,Weibull,2,1\n";
constexpr const char* kQuantiles =
    "client,window_start_s,field,mean,q0,q0.5,q1\n"
    "a,0,input_tokens,0,100,200,300\na,0,output_tokens,0,10,10,10\n"
    "b,0,input_tokens,0,7,7,7\nb,0,output_tokens,0,1,50,99\n";

TEST(RequestClients, KeepTheRateOfEachWindowAndTheLengthsOfEachClient) {
  const Folder folder;
  folder.write("rates.csv", kRates);
  folder.write("lengths.csv", kQuantiles);
  std::string errors;
  const auto stream = folder.ask("trace: \"rates.csv\" lengths: \"lengths.csv\"", errors);
  ASSERT_TRUE(stream.has_value()) << errors;
  int first = 0, second = 0, other = 0;
  double prompts = 0;
  for (const Request& request : stream->requests) {
    if (request.prompt == 7) {
      ++other;
      EXPECT_LE(request.output, 99);
      continue;
    }
    EXPECT_EQ(request.output, 10);
    prompts += request.prompt;
    ++(request.arrival_s < 600 ? first : second);
  }
  EXPECT_EQ(first, 12000);
  EXPECT_EQ(second, 3000);
  EXPECT_EQ(other, 600);
  EXPECT_NEAR(prompts / 15000, 200, 3);
  // Gaps of client a in its first window vary as its shape says: 1 / sqrt(0.25).
  double before = -1, sum = 0, squares = 0;
  int gaps = 0;
  for (const Request& request : stream->requests) {
    if (request.prompt == 7 || request.arrival_s >= 600) continue;
    if (before >= 0) {
      const double gap = request.arrival_s - before;
      sum += gap;
      squares += gap * gap;
      ++gaps;
    }
    before = request.arrival_s;
  }
  EXPECT_NEAR(std::sqrt(squares * gaps / (sum * sum) - 1), 2, 0.1);
}

TEST(RequestClients, APartIsDrawnAsInTheWhole) {
  const Folder folder;
  folder.write("rates.csv", kRates);
  std::string errors;
  const std::string asked = "trace: \"rates.csv\" prompt { mean: 9 } output { mean: 9 } ";
  const auto whole = folder.ask(asked, errors),
             part = folder.ask(asked + "from: \"10 min\"", errors);
  ASSERT_TRUE(whole && part) << errors;
  EXPECT_EQ(part->requests.size(), 3000U);
  EXPECT_NEAR(part->requests.back().arrival_s + 600, whole->requests.back().arrival_s, 1e-9);
}

TEST(RequestClients, FaultsHaveAPlace) {
  const Folder folder;
  folder.write("rates.csv", kRates);
  folder.write("lengths.csv", kQuantiles);
  folder.write("few.csv", "client,window_start_s,field,q0,q1\na,0,input_tokens,1,2\n");
  folder.write("falling.csv", "client,window_start_s,field,q0,q1\na,0,input_tokens,2,1\n");
  folder.write("twice.csv", std::string(kRates) + "a,600,5,0.5,Weibull,2,1\n");
  folder.write("unknown.csv", std::string(kRates) + "a,1200,5,0.5,Pareto,2,1\n");
  folder.write("negative.csv", std::string(kRates) + "a,1200,-5,0.5,Gamma,2,1\n");
  const auto error = [&](const std::string& text) {
    std::string errors;
    EXPECT_FALSE(folder.ask(text, errors).has_value()) << text;
    return errors;
  };
  const std::string lengths = " lengths: \"lengths.csv\"";
  EXPECT_NE(error("trace: \"rates.csv\"").find("requests.prompt"), std::string::npos);
  EXPECT_NE(error("trace: \"rates.csv\" lengths: \"few.csv\"").find("alone"), std::string::npos);
  EXPECT_NE(error("trace: \"rates.csv\" lengths: \"falling.csv\"").find("falling.csv:2:20"),
            std::string::npos);
  EXPECT_NE(error("trace: \"twice.csv\"" + lengths).find("twice.csv:5:3"), std::string::npos);
  EXPECT_NE(error("trace: \"unknown.csv\"" + lengths).find("unknown.csv:5:14"), std::string::npos);
  EXPECT_NE(error("trace: \"negative.csv\"" + lengths).find("negative.csv:5:8"), std::string::npos);
  EXPECT_NE(error("trace: \"missing.csv\"").find("no such file"), std::string::npos);
  EXPECT_NE(error("rate: 1 lengths: \"missing.csv\"").find("no such file"), std::string::npos);
}

TEST(RequestDraws, LengthsOfARecordedStreamAreDrawnAsPairs) {
  const Folder folder;
  folder.write("azure.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n1,10,1\n2,20,2\n3,30,3\n");
  std::string errors;
  const auto stream = folder.ask("rate: 5 count: 300 lengths: \"azure.csv\"", errors);
  ASSERT_TRUE(stream.has_value()) << errors;
  std::set<std::int32_t> seen;
  for (const Request& request : stream->requests) {
    EXPECT_EQ(request.prompt, 10 * request.output);
    seen.insert(request.output);
  }
  EXPECT_EQ(seen.size(), 3U);
}

/// Share of prefix blocks that a cache of unlimited space, empty at the start, would hold.
double hit_share(const RequestStream& stream) {
  std::set<std::int64_t> seen;
  double hits = 0;
  for (const Request& request : stream.requests) {
    bool all = true;
    for (std::int32_t i = 0; i < request.prefixes; ++i) {
      const bool fresh =
          seen.insert(stream.prefix_ids[static_cast<std::size_t>(request.first_prefix + i)]).second;
      all = all && !fresh;
      hits += all ? 1 : 0;
    }
  }
  return hits / static_cast<double>(stream.prefix_ids.size());
}

TEST(RequestFiles, RecordedStreamsAsTheirReadmeSays) {
  const std::string folder = AISLE_SOURCE_DIR "/../shared/data/request-traces/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no recorded streams here";
  const auto from = [&](const std::string& file) {
    return asked("trace: \"" + folder + file + "\"");
  };
  EXPECT_EQ(from("azure2023_conv_first.csv").requests.size(), 13927U);
  EXPECT_NEAR(hit_share(from("mooncake_fast25_conversation_first.jsonl")), 0.351, 0.0005);
  EXPECT_NEAR(hit_share(from("mooncake_fast25_synthetic_first.jsonl")), 0.428, 0.0005);
}

}  // namespace

}  // namespace aisle::workloads
