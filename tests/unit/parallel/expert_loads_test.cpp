// SPDX-License-Identifier: Apache-2.0
// Tables of recorded expert loads: their forms, and what is refused.
#include "workloads/parallel/expert_loads.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aisle::workloads {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::optional<ExpertLoads> read(const std::string& text, const LoadSelection& selection,
                                Diagnostics& diagnostics) {
  const auto table = parse_csv(text, "loads.csv", diagnostics);
  return table ? expert_loads(*table, selection, diagnostics) : std::nullopt;
}

ExpertLoads good(const std::string& text, const LoadSelection& selection = {}) {
  Diagnostics diagnostics;
  auto loads = read(text, selection, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
  return loads.value_or(ExpertLoads{});
}

std::string refused(const std::string& text, const LoadSelection& selection = {}) {
  Diagnostics diagnostics;
  EXPECT_FALSE(read(text, selection, diagnostics));
  std::string all;
  for (const Diagnostic& d : diagnostics.all()) all += to_string(d) + "\n";
  return all;
}

TEST(ExpertLoads, FormsOfATableSayTheSame) {
  const ExpertLoads wide = good("layer,e0,e1,e2\n4,1,2,0\n2,3,3,3\n");
  EXPECT_EQ(wide.experts, 3);
  EXPECT_THAT(wide.layers, ElementsAre(2, 4));
  EXPECT_THAT(wide.row(0, 0), ElementsAre(3, 3, 3));
  EXPECT_THAT(wide.row(0, 1), ElementsAre(1, 2, 0));
  const ExpertLoads tall = good("expert,layer,count\n0,4,1\n1,4,2\n2,4,0\n0,2,3\n1,2,3\n2,2,3\n");
  EXPECT_EQ(tall.tokens, wide.tokens);
  const ExpertLoads by_source =
      good("layer,source_rank,to_e0,to_e1,to_e2\n4,0,1,1,0\n4,1,0,1,0\n2,0,3,3,3\n");
  EXPECT_EQ(by_source.tokens, wide.tokens);
  const ExpertLoads by_token = good("token,L2,L4\n0,0-1-2,0-1\n1,0 1 2,1\n2,2;1;0,\n");
  EXPECT_EQ(by_token.tokens, wide.tokens);
  EXPECT_EQ(by_token.layers, wide.layers);
}

TEST(ExpertLoads, StepsFollowOneAnotherAndConditionsSelect) {
  const std::string text =
      "task,iteration,layer,e0,e1\nlaw,9,0,1,3\nlaw,10,0,2,2\nintent,9,0,100,0\nlaw,9,0,1,1\n";
  const ExpertLoads law = good(text, {{"task=law"}, "iteration"});
  EXPECT_THAT(law.steps, ElementsAre("9", "10"));
  EXPECT_THAT(law.row(0, 0), ElementsAre(2, 4));
  EXPECT_THAT(law.row(1, 0), ElementsAre(2, 2));
  EXPECT_THAT(good(text, {{"task=law", "iteration=10"}, ""}).row(0, 0), ElementsAre(2, 2));
}

TEST(ExpertLoads, FirstChoicesAreNotCountedTwice) {
  const std::string text = "selection,layer,e0,e1\ntopk,0,4,6\ntop1,0,1,9\n";
  EXPECT_THAT(good(text).row(0, 0), ElementsAre(4, 6));
  EXPECT_THAT(good(text, {{"selection=top1"}, ""}).row(0, 0), ElementsAre(1, 9));
}

TEST(ExpertLoads, ErrorsStandAtTheirCell) {
  const std::string numbers = refused("layer,e0,e1\n0,1,-2\nx,1,1\n1,nan,1\n");
  EXPECT_THAT(numbers, HasSubstr("loads.csv:2:5: error: '-2' is no number of tokens"));
  EXPECT_THAT(numbers, HasSubstr("loads.csv:3:1: error: 'x' is no number of a layer"));
  EXPECT_THAT(numbers, HasSubstr("loads.csv:4:3: error: 'nan'"));
  EXPECT_THAT(refused("token,L0\n0,1-70000\n"), HasSubstr("loads.csv:2:3: error: '70000'"));
  EXPECT_THAT(refused("layer,e0,e2\n0,1,2\n"), HasSubstr("column 'e1' is missing"));
  EXPECT_THAT(refused("layer,tokens\n0,1\n"), HasSubstr("holds no expert loads"));
  EXPECT_THAT(refused("layer,e0,e1\n7,0,0\n"), HasSubstr("no expert of layer 7 received a token"));
  EXPECT_THAT(refused("s,layer,e0,e1\na,0,1,1\nb,1,1,1\n", {{}, "s"}),
              HasSubstr("layer 1 received a token in step 'a'"));
  EXPECT_THAT(refused("layer,e0\n0,1\n"), HasSubstr("one expert"));
  EXPECT_THAT(refused("layer,e0,e1\n0,1,1\n", {{"domain=law"}, ""}),
              HasSubstr("names no column of the table"));
  EXPECT_THAT(refused("layer,e0,e1\n0,1,1\n", {{"layer=3"}, ""}), HasSubstr("no row is selected"));
  EXPECT_THAT(refused("iteration,layer,e0,e1\n1,0,1,1\n", {{}, "itration"}),
              HasSubstr("did you mean 'iteration'?"));
}

}  // namespace
}  // namespace aisle::workloads
