// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_search.hpp"

#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"

#include <gtest/gtest.h>

#include <set>
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
       {"cluster.accelerator=h100-sxm", "cluster.count=4", "workload.serving.model=llama-3.1-8b",
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

/// Of the layouts that are best in closed form, two are played.
SearchOptions few(const std::string& objective) {
  SearchOptions options = options_for(objective);
  options.rerank = options.limit = 2;
  return options;
}

double goodput(const FoundServing& layout, double rate, int replicas) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.rate=" + std::to_string(rate));
  fields.push_back("workload.serving.requests.count=" +
                   std::to_string(static_cast<int>(rate * 60)));
  Study study = study_of(fields);
  ServingParts parts = layout.parts;
  parts.front().replicas = replicas;
  *study.scenario = with_layout(*study.scenario, parts);
  Diagnostics diagnostics;
  const auto result = run(study, catalogue(), {}, diagnostics);
  EXPECT_TRUE(result && result->feasible());
  for (const pb::Metric& metric : result->metric()) {
    if (metric.name() == "goodput") return metric.value();
  }
  return 0;
}

TEST(ServingSearch, TheRateFoundKeepsThePromiseAndAThirdMoreDoesNot) {
  const ServingSearchOutcome outcome = found(study_of(kPromise), few("slo_requests_per_s"));
  ASSERT_FALSE(outcome.best.empty());
  const FoundServing& best = outcome.best.front();
  EXPECT_GE(goodput(best, 0.93 * best.slo_requests_per_s, best.parts.front().replicas), 0.985);
  EXPECT_LT(goodput(best, 1.3 * best.slo_requests_per_s, best.parts.front().replicas), 0.985);
  for (const FoundServing& other : outcome.best) {
    EXPECT_LE(other.slo_requests_per_s, best.slo_requests_per_s);
  }
}

TEST(ServingSearch, FewestAcceleratorsAreEnoughAndOneReplicaLessIsNot) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.rate=100");
  const ServingSearchOutcome outcome = found(study_of(fields), few("accelerators"));
  ASSERT_FALSE(outcome.best.empty());
  const FoundServing& best = outcome.best.front();
  EXPECT_GE(goodput(best, 97, best.parts.front().replicas), 0.985);
  ASSERT_GT(best.parts.front().replicas, 1);
  EXPECT_LT(goodput(best, 100, best.parts.front().replicas - 1), 0.99);
}

TEST(ServingSearch, TheFrontFallsAndThreadsChangeNothing) {
  SearchOptions one = few("slo_requests_per_s"), two = one;
  two.threads = 2;
  const Study study = study_of(kPromise);
  const ServingSearchOutcome a = found(study, one), b = found(study, two);
  ASSERT_EQ(a.pareto.size(), b.pareto.size());
  ASSERT_GT(a.pareto.size(), 2U);
  for (std::size_t i = 0; i < a.pareto.size(); ++i) {
    EXPECT_EQ(a.pareto[i].parts, b.pareto[i].parts);
    EXPECT_EQ(a.pareto[i].output_tokens_per_s_per_chip, b.pareto[i].output_tokens_per_s_per_chip);
    if (i == 0) continue;
    EXPECT_LT(a.pareto[i].output_tokens_per_s_per_chip,
              a.pareto[i - 1].output_tokens_per_s_per_chip);
    EXPECT_GT(a.pareto[i].tokens_per_s_per_user, a.pareto[i - 1].tokens_per_s_per_user);
  }
  EXPECT_EQ(a.best.front().parts, b.best.front().parts);
}

TEST(ServingSearch, ClosedLoopsAreRaisedByTheirNumber) {
  std::vector<std::string> fields = kPromise;
  fields.push_back("workload.serving.requests.concurrency=64");
  const ServingSearchOutcome outcome = found(study_of(fields), few(""));
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
  const auto outcome = found(study, few("slo_requests_per_s"));
  ASSERT_FALSE(outcome.best.empty()) << outcome.reason;
  EXPECT_GT(outcome.best.front().slo_requests_per_s, 50);
}

TEST(ServingSearch, PromisesTooShortForAnyLayoutAreSaid) {
  const ServingSearchOutcome outcome =
      found(study_of({"workload.serving.slo.token=0.1 ms"}), few("slo_requests_per_s"));
  EXPECT_TRUE(outcome.best.empty());
  EXPECT_NE(outcome.reason.find("promised"), std::string::npos) << outcome.reason;
}

Study pools_of(std::vector<std::string> more) {
  more.insert(more.end(), kPromise.begin(), kPromise.end());
  more.emplace_back("cluster.count=8");
  for (const char* pool : {"prefill", "decode"}) {
    more.push_back(std::string("workload.serving.pools.") + pool + ".replicas=1");
  }
  return study_of(more);
}

double kept_by(const Study& study, const ServingParts& parts, double rate) {
  Study other = study_of({});
  *other.scenario = with_layout(*study.scenario, parts);
  pb::ServingRequests& requests =
      *other.scenario->mutable_workload()->mutable_serving()->mutable_requests();
  requests.set_rate(rate);
  requests.set_count(static_cast<int>(rate * 60));
  Diagnostics diagnostics;
  const auto result = run(other, catalogue(), {}, diagnostics);
  EXPECT_TRUE(result && result->feasible()) << diagnostics.all().size();
  for (const pb::Metric& metric : result->metric()) {
    if (metric.name() == "goodput") return metric.value();
  }
  return 0;
}

TEST(ServingSearch, PoolsAreCutAndBalanced) {
  const Study study = pools_of({});
  SearchOptions options = few("slo_requests_per_s");
  options.fixed = {"prefill.tensor=1", "pipeline=1", "decode.tensor=2"};
  const ServingSearchOutcome outcome = found(study, options);
  ASSERT_FALSE(outcome.best.empty()) << outcome.reason;
  const FoundServing& best = outcome.best.front();
  ASSERT_EQ(best.parts.size(), 2U);
  EXPECT_EQ(best.parts[0].mapping.tensor, 1);
  EXPECT_EQ(best.parts[1].mapping.tensor, 2);
  EXPECT_LE(accelerators_of(best.parts), 8);
  EXPECT_GE(kept_by(study, best.parts, 0.93 * best.slo_requests_per_s), 0.985);
  // Any other ratio of as many accelerators carries less.
  for (int answers = 1; answers < 4; ++answers) {
    ServingParts other = best.parts;
    other[0].replicas = 8 - 2 * answers;
    other[1].replicas = answers;
    if (other == best.parts) continue;
    EXPECT_LT(kept_by(study, other, 1.05 * best.slo_requests_per_s), 0.99) << answers;
  }
}

TEST(ServingSearch, FewestAcceleratorsOfPoolsCannotSpareAReplica) {
  const Study study = pools_of({"workload.serving.requests.rate=60"});
  const ServingSearchOutcome outcome = found(study, few("accelerators"));
  ASSERT_FALSE(outcome.best.empty()) << outcome.reason;
  const ServingParts& best = outcome.best.front().parts;
  EXPECT_GE(kept_by(study, best, 57), 0.985);
  for (const std::size_t pool : {std::size_t{0}, std::size_t{1}}) {
    ServingParts fewer = best;
    if (--fewer[pool].replicas == 0) continue;
    EXPECT_LT(kept_by(study, fewer, 62), 0.99) << pool;
  }
}

TEST(ServingSearch, KindsOfPoolsAreChosen) {
  SearchOptions options = few("usd_per_million_tokens");
  options.accelerators = {"h100-sxm", "h200-sxm"};
  const Study study = pools_of({});
  const ServingSearchOutcome outcome = found(study, options);
  ASSERT_FALSE(outcome.best.empty()) << outcome.reason;
  SearchOptions own = few("usd_per_million_tokens");
  const ServingSearchOutcome alone = found(study, own);
  ASSERT_FALSE(alone.best.empty());
  // The study's own kind is among them.
  EXPECT_LE(objective_of(outcome.best.front(), own.objective),
            1.05 * objective_of(alone.best.front(), own.objective));
  std::set<std::string> kinds;
  for (const FoundServing& each : outcome.best) {
    for (const ServingPart& part : each.parts) kinds.insert(part.accelerator);
  }
  EXPECT_TRUE(kinds.contains("") || kinds.contains("h200-sxm"));
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
  options.fixed.clear();
  options.accelerators = {"h20"};
  EXPECT_NE(refused(study_of(kPromise), options).find("pools"), std::string::npos);
  std::vector<std::string> at_once = kPromise;
  at_once.push_back("workload.serving.requests.arrivals=at_once");
  Study study = study_of(at_once);
  study.scenario->mutable_workload()->mutable_serving()->mutable_requests()->clear_rate();
  EXPECT_NE(refused(study, options_for("slo_requests_per_s")).find("at once"), std::string::npos);
}

}  // namespace

}  // namespace aisle::sim
