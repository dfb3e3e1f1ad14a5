// SPDX-License-Identifier: Apache-2.0
// What a search finds: the best of all layouts, the same whatever the number of threads.
#include "sim/report/search.hpp"

#include "tests/property/search/ground.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace aisle::sim::test {

namespace {

using testing::HasSubstr;

/// No event engine: it runs in processes of its own, and its figures are not what is tested here.
SearchOptions quick() {
  SearchOptions options;
  options.limit = 0;
  options.threads = 1;
  return options;
}

SearchOutcome found(const Ground& on, const SearchOptions& options) {
  Diagnostics diagnostics;
  auto outcome = search(on.study, catalogue(), options, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  return outcome ? std::move(*outcome) : SearchOutcome{};
}

std::string errors_of(const Ground& on, const SearchOptions& options) {
  Diagnostics diagnostics;
  EXPECT_FALSE(search(on.study, catalogue(), options, diagnostics));
  std::string text;
  for (const Diagnostic& d : diagnostics.all()) text += to_string(d) + "\n";
  return text;
}

Ground small_dense() {
  return ground("accelerator: \"h100-sxm\" count: 16",
                "model: \"llama-3.1-8b\" sequence: 4096 global_batch: 32");
}

Ground small_sparse() {
  return ground("accelerator: \"h800-sxm\" count: 16",
                "model: \"deepseek-v2-lite\" sequence: 4096 global_batch: 32");
}

}  // namespace

TEST(Search, WinnerIsThatOfTheAnalyticEngineOverAll) {
  struct Case {
    Ground on;
    std::vector<std::string> fixed;
  };

  std::vector<Case> cases;
  cases.push_back({small_dense(), {"context=1", "recompute=none", "zero=1"}});
  cases.push_back({small_dense(), {"tensor=2", "recompute=selective"}});
  cases.push_back({small_sparse(), {"context=1", "tensor=1", "recompute=selective", "zero=1"}});
  for (const Case& one : cases) {
    SearchOptions options = quick();
    options.fixed = one.fixed;
    double best = 1e30;
    std::size_t ran = 0;
    for (const Estimated& layout : estimate_all(one.on, options)) {
      const pb::Result result = run_analytic(one.on, layout.mapping);
      if (result.feasible()) best = std::min(best, step_of(result));
      ++ran;
    }
    const SearchOutcome outcome = found(one.on, options);
    ASSERT_FALSE(outcome.best.empty());
    EXPECT_EQ(objective_of(outcome.best[0], "step_time_s"), best)
        << describe(outcome.best[0].mapping) << " of " << ran;
    EXPECT_GT(ran, 50U);
  }
}

TEST(Search, LeastEnergyIsThatOfTheAnalyticEngineOverAll) {
  const Ground on = small_dense();
  SearchOptions options = quick();
  options.objective = "energy_mwh";
  options.fixed = {"tensor=2", "recompute=selective", "context=1"};
  double least = 1e30;
  for (const Estimated& layout : estimate_all(on, options)) {
    FoundLayout ran;
    ran.result = run_analytic(on, layout.mapping);
    if (ran.result.feasible()) least = std::min(least, objective_of(ran, options.objective));
  }
  const SearchOutcome outcome = found(on, options);
  ASSERT_FALSE(outcome.best.empty());
  EXPECT_EQ(objective_of(outcome.best[0], options.objective), least);
}

TEST(Search, ThreadsChangeNothing) {
  const Ground on = small_sparse();
  SearchOptions options = quick();
  options.fixed = {"context=1"};
  const SearchOutcome one = found(on, options);
  options.threads = 3;
  const SearchOutcome three = found(on, options);
  ASSERT_EQ(one.best.size(), three.best.size());
  for (std::size_t i = 0; i < one.best.size(); ++i) {
    EXPECT_EQ(one.best[i].mapping, three.best[i].mapping);
    EXPECT_EQ(one.best[i].estimated_step_s, three.best[i].estimated_step_s);
  }
  ASSERT_EQ(one.pareto.size(), three.pareto.size());
  for (std::size_t i = 0; i < one.pareto.size(); ++i) {
    EXPECT_EQ(one.pareto[i].mapping, three.pareto[i].mapping);
  }
  EXPECT_EQ(one.counts.enumerated, three.counts.enumerated);
  EXPECT_EQ(one.counts.not_fitting, three.counts.not_fitting);
  EXPECT_EQ(one.counts.beyond_bound, three.counts.beyond_bound);
  EXPECT_EQ(one.counts.estimated, three.counts.estimated);
}

TEST(Search, FrontHoldsNoLayoutThatAnotherBeatsInBoth) {
  const SearchOutcome outcome = found(small_dense(), quick());
  ASSERT_GT(outcome.pareto.size(), 1U);
  for (const FoundLayout& a : outcome.pareto) {
    for (const FoundLayout& b : outcome.pareto) {
      if (a.mapping == b.mapping) continue;
      EXPECT_FALSE(objective_of(a, "step_time_s") <= objective_of(b, "step_time_s") &&
                   a.memory_bytes <= b.memory_bytes)
          << describe(a.mapping) << " beats " << describe(b.mapping);
    }
  }
}

TEST(Search, EveryLayoutIsCountedOnce) {
  const SearchCounts c = found(small_dense(), quick()).counts;
  EXPECT_EQ(c.enumerated, c.not_dividing + c.not_fitting + c.beyond_bound + c.estimated);
  EXPECT_GT(c.not_fitting, 0);
  EXPECT_GT(c.estimated, 0);
}

TEST(Search, FixedAxesStayAndOthersAreSearched) {
  SearchOptions options = quick();
  options.fixed = {"tensor=4", "recompute=full"};
  for (const FoundLayout& layout : found(small_dense(), options).best) {
    EXPECT_EQ(layout.mapping.tensor, 4);
    EXPECT_EQ(layout.mapping.recompute, pb::full);
  }
  options.fixed = {};
  options.over = {"zero"};
  const Ground on = ground("accelerator: \"h100-sxm\" count: 16",
                           "model: \"llama-3.1-8b\" sequence: 4096 global_batch: 32 "
                           "parallel { tensor: 2 pipeline: 2 }");
  const SearchOutcome outcome = found(on, options);
  EXPECT_EQ(outcome.counts.enumerated, 4);
  for (const FoundLayout& layout : outcome.best) EXPECT_EQ(layout.mapping.pipeline, 2);
}

TEST(Search, MoreMemoryLeftIsAnObjective) {
  SearchOptions options = quick();
  options.objective = "hbm_headroom_bytes";
  const SearchOutcome outcome = found(small_dense(), options);
  ASSERT_FALSE(outcome.best.empty());
  for (const Estimated& layout : estimate_all(small_dense(), options)) {
    EXPECT_GE(layout.bytes * (1 + 1e-12), outcome.best[0].memory_bytes);
  }
}

TEST(Search, NothingFitsIsAnAnswer) {
  const Ground on = ground("accelerator: \"a100-40gb-sxm\" count: 8",
                           "model: \"llama-3.1-405b\" sequence: 4096 global_batch: 8");
  const SearchOutcome outcome = found(on, quick());
  EXPECT_TRUE(outcome.best.empty());
  EXPECT_THAT(outcome.reason, HasSubstr("Nothing fits. Closest: tensor 8"));
  EXPECT_THAT(outcome.reason, HasSubstr("more than the"));
}

TEST(Search, BadInputNamesTheNearest) {
  const Ground on = small_dense();
  SearchOptions options = quick();
  options.objective = "step_time";
  EXPECT_THAT(errors_of(on, options), HasSubstr("did you mean 'step_time_s'"));
  options = quick();
  options.over = {"tensors"};
  EXPECT_THAT(errors_of(on, options), HasSubstr("did you mean 'tensor'"));
  options = quick();
  options.fixed = {"schedule=1f1b"};
  EXPECT_THAT(errors_of(on, options), HasSubstr("schedule=one_f_one_b"));
}

}  // namespace aisle::sim::test
