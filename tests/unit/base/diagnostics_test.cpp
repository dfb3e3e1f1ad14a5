// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aisle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Diagnostics, PrintAsCompilersDo) {
  Diagnostics diagnostics;
  diagnostics.error({"study.textproto", 7, 34}, "fabric.link[1].bandwith", "unknown field",
                    "did you mean 'bandwidth'?");
  diagnostics.warning({"a", 3, 0}, "", "odd");
  diagnostics.note({"a", 0, 0}, "", "so");
  diagnostics.error({}, "x", "wrong");
  std::vector<std::string> printed;
  for (const Diagnostic& diagnostic : diagnostics.all()) printed.push_back(to_string(diagnostic));
  EXPECT_THAT(printed,
              ElementsAre("study.textproto:7:34: error: fabric.link[1].bandwith: unknown field "
                          "(did you mean 'bandwidth'?)",
                          "a:3: warning: odd", "a: note: so", "error: x: wrong"));
}

TEST(Diagnostics, OnlyErrorsCountAsErrors) {
  Diagnostics diagnostics;
  diagnostics.warning({}, "", "a");
  diagnostics.note({}, "", "b");
  EXPECT_FALSE(diagnostics.has_errors());
  diagnostics.error({}, "", "c");
  diagnostics.error({}, "", "d");
  EXPECT_EQ(diagnostics.error_count(), 2);
  EXPECT_EQ(diagnostics.all().size(), 4U);
}

TEST(Nearest, IgnoresCaseAndPunctuation) {
  const std::vector<std::string> names = {"h100-sxm", "h800-sxm", "a100-sxm", "mi300x"};
  EXPECT_EQ(nearest("H800_SXM", names).front(), "h800-sxm");
  EXPECT_EQ(nearest("MI300", names), std::vector<std::string>{"mi300x"});
}

TEST(Nearest, ContainedWordsAreNear) {
  const std::vector<std::string> names = {"hbm_capacity", "l2_capacity", "hbm_bandwidth", "price"};
  EXPECT_THAT(nearest("hbm", names), ElementsAre("hbm_capacity", "hbm_bandwidth"));
  EXPECT_THAT(nearest("bandwith", names), ElementsAre("hbm_bandwidth"));
}

TEST(Nearest, SwappedLettersAreOneSlip) {
  EXPECT_THAT(nearest("cuont", {"context", "count", "sound"}, 1), ElementsAre("count"));
}

TEST(Nearest, NothingWhereTooLittleIsShared) {
  EXPECT_THAT(nearest("zebra", {"count", "system", "nic"}), IsEmpty());
  EXPECT_THAT(nearest("", {"count"}), IsEmpty());
  EXPECT_THAT(nearest("--", {"count"}), IsEmpty());
}

TEST(Nearest, KeepsToTheLimit) {
  EXPECT_EQ(nearest("node", {"node1", "node2", "node3", "node4"}).size(), 3U);
  EXPECT_EQ(nearest("node", {"node1", "node2"}, 1).size(), 1U);
}

TEST(DidYouMean, JoinsTheCandidates) {
  EXPECT_EQ(did_you_mean("node", {"node1"}), "did you mean 'node1'?");
  EXPECT_EQ(did_you_mean("node", {"node1", "node2", "node3"}),
            "did you mean 'node1', 'node2' or 'node3'?");
  EXPECT_EQ(did_you_mean("qqq", {"node1"}), "");
}

TEST(AssertDeathTest, NamesPlaceAndSentence) {
  EXPECT_DEATH(AISLE_ASSERT(1 + 1 == 3, "sums are broken"),
               "diagnostics_test.cpp:.*internal error: sums are broken .1 . 1 == 3.");
}

}  // namespace
}  // namespace aisle
