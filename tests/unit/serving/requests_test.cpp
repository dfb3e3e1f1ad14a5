// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/requests.hpp"

#include "sim/base/proto_text.hpp"
#include "workloads/serving/requests.pb.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <string>

namespace aisle::workloads {

namespace {

std::string said(const Diagnostics& diagnostics) {
  std::string all;
  for (const Diagnostic& each : diagnostics.all()) all += to_string(each) + "\n";
  return all;
}

RequestStream parsed(const std::string& text) {
  Diagnostics diagnostics;
  const auto stream = parse_requests(text, "stream", diagnostics);
  EXPECT_TRUE(stream.has_value()) << said(diagnostics);
  return stream.value_or(RequestStream{});
}

std::string refused(const std::string& text) {
  Diagnostics diagnostics;
  EXPECT_FALSE(parse_requests(text, "stream", diagnostics).has_value()) << text;
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

TEST(RequestDraws, SameSeedSameRequests) {
  const std::string text = "rate: 3 count: 50 prompt { mean: 99 spread: 2 } output { mean: 9 }";
  const RequestStream a = asked(text), b = asked(text), other = asked(text, 2);
  EXPECT_EQ(a.requests[49].arrival_s, b.requests[49].arrival_s);
  EXPECT_EQ(a.requests[49].prompt, b.requests[49].prompt);
  EXPECT_NE(a.requests[49].arrival_s, other.requests[49].arrival_s);
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
