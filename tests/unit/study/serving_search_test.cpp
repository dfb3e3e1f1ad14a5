// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace aisle::sim {

namespace {

const topology::Catalogue& catalogue() {
  static const topology::Catalogue all = [] {
    Diagnostics diagnostics;
    return *topology::Catalogue::read(AISLE_SOURCE_DIR "/scenarios", diagnostics);
  }();
  return all;
}

Study study_of(const std::vector<std::string>& more) {
  std::vector<FlagAssignment> fields;
  for (const char* field :
       {"cluster.accelerator=h100-sxm", "cluster.count=8", "workload.serving.model=llama-3.1-8b",
        "workload.serving.requests.rate=20", "workload.serving.requests.count=4000",
        "workload.serving.requests.prompt.mean=800", "workload.serving.requests.prompt.spread=1",
        "workload.serving.requests.output.mean=100",
        "workload.serving.requests.output.spread=0.5"}) {
    fields.push_back({field, {}});
  }
  for (const std::string& field : more) fields.push_back({field, {}});
  Diagnostics diagnostics;
  auto study = assemble("study", fields, diagnostics);
  EXPECT_TRUE(study.has_value());
  return std::move(*study);
}

const std::vector<std::string> kPromise = {"workload.serving.slo.first_token=1 s",
                                           "workload.serving.slo.token=30 ms"};

std::optional<ServingSearchOutcome> searched(const Study& study, const SearchOptions& options,
                                             std::string& errors) {
  Diagnostics diagnostics;
  auto outcome = search_serving(study, catalogue(), options, diagnostics);
  for (const Diagnostic& each : diagnostics.all()) errors += to_string(each) + "\n";
  return outcome;
}

ServingSearchOutcome found(const Study& study, const SearchOptions& options) {
  std::string errors;
  auto outcome = searched(study, options, errors);
  EXPECT_TRUE(outcome.has_value()) << errors;
  return outcome ? std::move(*outcome) : ServingSearchOutcome{};
}

SearchOptions options_for(const std::string& objective) {
  SearchOptions options;
  options.objective = objective;
  options.threads = 1;
  return options;
}

double goodput(const FoundServing& layout, double rate, int replicas) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.rate=" + std::to_string(rate));
  fields.push_back("workload.serving.requests.count=" +
                   std::to_string(static_cast<int>(rate * 60)));
  Study study = study_of(fields);
  *study.scenario = with_layout(*study.scenario, layout.mapping, replicas);
  Diagnostics diagnostics;
  const auto result = run(study, catalogue(), {}, diagnostics);
  EXPECT_TRUE(result && result->feasible());
  for (const pb::Metric& metric : result->metric()) {
    if (metric.name() == "goodput") return metric.value();
  }
  return 0;
}

TEST(ServingSearch, TheRateFoundKeepsThePromiseAndAThirdMoreDoesNot) {
  const ServingSearchOutcome outcome = found(study_of(kPromise), options_for("slo_requests_per_s"));
  ASSERT_FALSE(outcome.best.empty());
  const FoundServing& best = outcome.best.front();
  EXPECT_GE(goodput(best, 0.93 * best.slo_requests_per_s, best.replicas), 0.985);
  EXPECT_LT(goodput(best, 1.3 * best.slo_requests_per_s, best.replicas), 0.985);
  for (const FoundServing& other : outcome.best) {
    EXPECT_LE(other.slo_requests_per_s, best.slo_requests_per_s);
  }
}

TEST(ServingSearch, FewestAcceleratorsAreEnoughAndOneReplicaLessIsNot) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.rate=100");
  const ServingSearchOutcome outcome = found(study_of(fields), options_for("accelerators"));
  ASSERT_FALSE(outcome.best.empty());
  const FoundServing& best = outcome.best.front();
  EXPECT_GE(goodput(best, 97, best.replicas), 0.985);
  ASSERT_GT(best.replicas, 1);
  EXPECT_LT(goodput(best, 100, best.replicas - 1), 0.99);
}

TEST(ServingSearch, TheFrontFallsAndThreadsChangeNothing) {
  SearchOptions one = options_for("slo_requests_per_s"), two = one;
  two.threads = 2;
  const Study study = study_of(kPromise);
  const ServingSearchOutcome a = found(study, one), b = found(study, two);
  ASSERT_EQ(a.pareto.size(), b.pareto.size());
  ASSERT_GT(a.pareto.size(), 2U);
  for (std::size_t i = 0; i < a.pareto.size(); ++i) {
    EXPECT_EQ(a.pareto[i].mapping, b.pareto[i].mapping);
    EXPECT_EQ(a.pareto[i].output_tokens_per_s_per_chip, b.pareto[i].output_tokens_per_s_per_chip);
    if (i == 0) continue;
    EXPECT_LT(a.pareto[i].output_tokens_per_s_per_chip,
              a.pareto[i - 1].output_tokens_per_s_per_chip);
    EXPECT_GT(a.pareto[i].tokens_per_s_per_user, a.pareto[i - 1].tokens_per_s_per_user);
  }
  EXPECT_EQ(a.best.front().mapping, b.best.front().mapping);
}

TEST(ServingSearch, ClosedLoopsAreRaisedByTheirNumber) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.concurrency=64");
  const ServingSearchOutcome outcome = found(study_of(fields), options_for(""));
  ASSERT_FALSE(outcome.best.empty());
  EXPECT_GT(outcome.best.front().slo_requests_per_s, 0);
}

TEST(ServingSearch, WhatDoesNotFitIsSaid) {
  const ServingSearchOutcome outcome =
      found(study_of({"workload.serving.model=llama-3.1-405b", "cluster.count=2"}),
            options_for("e2e_p50_s"));
  EXPECT_TRUE(outcome.best.empty());
  EXPECT_NE(outcome.reason.find("weights"), std::string::npos) << outcome.reason;
}

TEST(ServingSearch, FindsTheRateFarBelowTheClosedFormToo) {
  // So slow a token is promised that the closed form fills the batch, and first tokens come late.
  const Study study =
      study_of({"workload.serving.slo.first_token=1 s", "workload.serving.slo.token=300 ms"});
  const auto outcome = found(study, options_for("slo_requests_per_s"));
  ASSERT_FALSE(outcome.best.empty()) << outcome.reason;
  EXPECT_GT(outcome.best.front().slo_requests_per_s, 100);
}

TEST(ServingSearch, PromisesTooShortForAnyLayoutAreSaid) {
  const ServingSearchOutcome outcome =
      found(study_of({"workload.serving.slo.token=0.1 ms"}), options_for("slo_requests_per_s"));
  EXPECT_TRUE(outcome.best.empty());
  EXPECT_NE(outcome.reason.find("promised"), std::string::npos) << outcome.reason;
}

TEST(ServingSearch, BadQuestionsAreExplained) {
  const auto refused = [](const Study& study, const SearchOptions& options) {
    std::string errors;
    EXPECT_FALSE(searched(study, options, errors).has_value());
    return errors;
  };
  EXPECT_NE(refused(study_of({}), options_for("accelerators")).find("nothing is promised"),
            std::string::npos);
  EXPECT_NE(refused(study_of(kPromise), options_for("step_time_s")).find("no objective"),
            std::string::npos);
  SearchOptions options = options_for("slo_requests_per_s");
  options.over = {"tensr"};
  EXPECT_NE(refused(study_of(kPromise), options).find("tensor"), std::string::npos);
  options.over.clear();
  options.fixed = {"tensor=none"};
  EXPECT_NE(refused(study_of(kPromise), options).find("--fix tensor=8"), std::string::npos);
  std::vector<std::string> pools = kPromise;
  pools.push_back("workload.serving.pools.prefill.replicas=2");
  EXPECT_NE(refused(study_of(pools), options_for("accelerators")).find("aisle sweep"),
            std::string::npos);
  std::vector<std::string> at_once = kPromise;
  at_once.push_back("workload.serving.requests.arrivals=at_once");
  Study study = study_of(at_once);
  study.scenario->mutable_workload()->mutable_serving()->mutable_requests()->clear_rate();
  EXPECT_NE(refused(study, options_for("slo_requests_per_s")).find("at once"), std::string::npos);
}

}  // namespace

}  // namespace aisle::sim
