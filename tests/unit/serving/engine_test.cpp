// SPDX-License-Identifier: Apache-2.0
// Laws that a serving engine keeps whatever its clock is.
#include "tests/unit/serving/streams.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace aisle::workloads {
namespace {

ServingRun serve(const RequestStream& requests, const EnginePolicy& with, int replicas,
                 Router router, const ServingClock& clock) {
  FleetPlan plan = fleet(with, replicas, clock);
  plan.router = router;
  return serve(requests, plan);
}

TEST(ServingEngine, EveryRequestEndsAndEveryBlockComesBack) {
  const RequestStream requests = stream(2000, 20, 300, 100);
  for (const std::int64_t blocks : {100, 400, 4000}) {  // from always full to never
    for (const bool chunked : {true, false}) {
      for (const bool first : {true, false}) {
        EnginePolicy with = policy(blocks);
        with.chunked = chunked;
        with.prompts_first = first;
        const ServingRun run = serve(requests, with, 2, Router::least_loaded, clock_of);
        EXPECT_EQ(run.total().blocks_left, 0);
        EXPECT_LE(run.total().most_blocks, blocks);
        EXPECT_EQ(run.total().preemptions > 0, blocks == 100) << blocks;
        for (const RequestOutcome& outcome : run.outcomes) {
          EXPECT_EQ(outcome.fate, Fate::served);
          EXPECT_LE(outcome.arrival_s, outcome.start_s);
          EXPECT_LT(outcome.start_s, outcome.first_token_s);
          EXPECT_LE(outcome.first_token_s, outcome.end_s);
        }
      }
    }
  }
}

TEST(ServingEngine, WhatIsTooLargeForAllBlocksIsRefused) {
  RequestStream requests = stream(3, 1, 10, 10);
  requests.requests[1].prompt = 16 * 50;
  requests.requests[1].output = 2;
  const ServingRun run = serve(requests, policy(50), 1, Router::round_robin, clock_of);
  EXPECT_EQ(run.outcomes[1].fate, Fate::too_large);
  EXPECT_GT(run.outcomes[2].end_s, 0);
  requests.requests[1].output = 1;
  EXPECT_GT(serve(requests, policy(50), 1, Router::round_robin, clock_of).outcomes[1].end_s, 0);
}

TEST(ServingEngine, OneByOneItIsAQueue) {
  // One token each and one at a time: M/D/1, whose mean wait is rho/(2 (1 - rho)) services.
  const double service = 0.01, load = 0.8;
  RequestStream requests = stream(200000, load / service, 10, 1);
  for (Request& request : requests.requests) request.output = 1;
  EnginePolicy with = policy();
  with.sequences = 1;
  const ServingRun run =
      serve(requests, with, 1, Router::round_robin, [&](const ServingStep&) { return service; });
  double waited = 0;
  for (const RequestOutcome& outcome : run.outcomes) waited += outcome.start_s - outcome.arrival_s;
  waited /= static_cast<double>(run.outcomes.size());
  EXPECT_NEAR(waited, service * load / (2 * (1 - load)), 0.03 * waited);
  EXPECT_NEAR(run.total().busy_s, service * static_cast<double>(run.outcomes.size()), 1e-6);
}

TEST(ServingEngine, ServicesOfManyLengthsWaitByTheirVariance) {
  // One at a time, service by tokens generated: M/G/1 (Pollaczek-Khinchine).
  const double rate = 0.7 / 1.5;
  RequestStream requests = stream(200000, rate, 5, 1);
  double mean = 0, square = 0;
  Random random(7, "lengths");
  for (Request& request : requests.requests) {
    request.output = 1 + static_cast<int>(random.uniform() * 2);  // one or two steps of a second
    mean += request.output;
    square += request.output * request.output;
  }
  const auto count = static_cast<double>(requests.requests.size());
  mean /= count;
  square /= count;
  EnginePolicy with = policy();
  with.sequences = 1;
  const ServingRun run =
      serve(requests, with, 1, Router::round_robin, [](const ServingStep&) { return 1.0; });
  double waited = 0;
  for (const RequestOutcome& outcome : run.outcomes) waited += outcome.start_s - outcome.arrival_s;
  waited /= count;
  EXPECT_NEAR(waited, rate * square / (2 * (1 - rate * mean)), 0.03 * waited);
}

TEST(ServingEngine, WhoComesDuringAStepPutTogetherAheadWaitsOneMore) {
  // Steps of one second; the second request comes during the first one's prompt.
  RequestStream requests = equal(3, 0, 100, 5);
  requests.requests[1].arrival_s = 0.5;
  requests.requests[2].arrival_s = 100;  // to an idle engine
  const ServingClock second = [](const ServingStep&) { return 1.0; };
  for (const bool ahead : {false, true}) {
    EnginePolicy with = policy();
    with.ahead = ahead;
    const ServingRun run = serve(requests, with, 1, Router::round_robin, second);
    EXPECT_DOUBLE_EQ(run.outcomes[0].first_token_s, 1);
    EXPECT_DOUBLE_EQ(run.outcomes[1].first_token_s, ahead ? 3 : 2);
    EXPECT_DOUBLE_EQ(run.outcomes[2].first_token_s, 101);
  }
}

TEST(ServingEngine, LittlesLaw) {
  const RequestStream requests = stream(20000, 15, 300, 100);
  const ServingRun run = serve(requests, policy(), 1, Router::round_robin, clock_of);
  double inside = 0;
  for (const RequestOutcome& outcome : run.outcomes) inside += outcome.end_s - outcome.arrival_s;
  EXPECT_NEAR(run.sequences_s, inside, 1e-9 * inside);
}

TEST(ServingEngine, TokensAreConserved) {
  const RequestStream requests = stream(1000, 10, 300, 100);
  std::int64_t prompts = 0, generated = 0, context_errors = 0;
  const ServingClock counting = [&](const ServingStep& step) {
    for (const ServingStep::Chunk& chunk : step.chunks) prompts += chunk.tokens;
    generated += step.sampled;
    if (step.context < step.decoding) ++context_errors;
    return clock_of(step);
  };
  const ServingRun run = serve(requests, policy(100000), 1, Router::round_robin, counting);
  EXPECT_EQ(run.total().preemptions, 0);
  std::int64_t asked_prompts = 0, asked = 0;
  for (const Request& request : requests.requests) {
    asked_prompts += request.prompt;
    asked += request.output;
  }
  EXPECT_EQ(prompts, asked_prompts);
  EXPECT_EQ(generated, asked);
  EXPECT_EQ(context_errors, 0);
}

TEST(ServingEngine, SharedPrefixesAreComputedOnce) {
  RequestStream requests = stream(50, 1000, 10, 20);
  requests.prefix_tokens = 64;
  requests.prefix_ids = {1, 2, 3, 4};
  for (Request& request : requests.requests) {
    request.arrival_s *= 100;  // after one another
    request.prompt = 64 * 4 + 7;
    request.prefixes = 4;
  }
  std::int64_t computed = 0;
  const ServingClock counting = [&](const ServingStep& step) {
    for (const ServingStep::Chunk& chunk : step.chunks) computed += chunk.tokens;
    return 1e-4;
  };
  EnginePolicy with = policy();
  serve(requests, with, 1, Router::round_robin, counting);
  EXPECT_EQ(computed, 50 * (64 * 4 + 7));
  computed = 0;
  with.prefix_caching = true;
  const ServingRun run = serve(requests, with, 1, Router::round_robin, counting);
  const auto hit = std::count_if(run.outcomes.begin(), run.outcomes.end(),
                                 [](const RequestOutcome& one) { return one.cached == 256; });
  EXPECT_EQ(computed, 50 * (64 * 4 + 7) - hit * 256);
  EXPECT_GE(hit, 45);
  EXPECT_EQ(run.total().blocks_left, 0);
}

TEST(ServingEngine, PrefixesGiveWayToRequests) {
  RequestStream requests = stream(300, 50, 200, 50);
  requests.prefix_tokens = 32;
  for (Request& request : requests.requests) {
    request.first_prefix = static_cast<std::int32_t>(requests.prefix_ids.size());
    request.prefixes = request.prompt / 32;
    for (int i = 0; i < request.prefixes; ++i) {
      requests.prefix_ids.push_back(static_cast<std::int64_t>(requests.prefix_ids.size()));
    }
  }
  EnginePolicy with = policy(200);
  with.prefix_caching = true;
  const ServingRun run = serve(requests, with, 1, Router::round_robin, clock_of);
  EXPECT_EQ(run.total().blocks_left, 0);
  EXPECT_LE(run.total().most_blocks, 200);
  for (const RequestOutcome& outcome : run.outcomes) EXPECT_GT(outcome.end_s, 0);
}

TEST(ServingEngine, MoreEnginesNeverServeLess) {
  const RequestStream requests = stream(3000, 40, 300, 100);
  double before = 1e300;
  for (const int engines : {1, 2, 4, 8}) {
    const ServingRun run = serve(requests, policy(), engines, Router::least_loaded, clock_of);
    double waited = 0;
    for (const RequestOutcome& one : run.outcomes) waited += one.end_s - one.arrival_s;
    EXPECT_LE(waited, before);
    before = waited;
  }
}

TEST(ServingEngine, SessionsAndClosedLoopsFollowAnswers) {
  RequestStream requests = stream(10, 1, 50, 10);
  requests.requests[0].next = 9;
  requests.requests[9].waits = true;
  requests.requests[9].arrival_s = 3;
  const ServingRun run = serve(requests, policy(), 1, Router::round_robin, clock_of);
  EXPECT_DOUBLE_EQ(run.outcomes[9].arrival_s, run.outcomes[0].end_s + 3);
  RequestStream loop = stream(500, 1, 50, 10);
  loop.concurrency = 4;
  const ServingRun closed = serve(loop, policy(), 1, Router::round_robin, clock_of);
  EXPECT_NEAR(closed.sequences_s / closed.end_s, 4, 0.1);
  for (const RequestOutcome& one : closed.outcomes) EXPECT_GT(one.end_s, 0);
}

TEST(ServingEngine, TheSameTwice) {
  const RequestStream requests = stream(500, 40, 300, 100);
  const auto run = [&] { return serve(requests, policy(300), 3, Router::least_loaded, clock_of); };
  const ServingRun a = run(), b = run();
  for (std::size_t i = 0; i < a.outcomes.size(); ++i) {
    EXPECT_EQ(a.outcomes[i].end_s, b.outcomes[i].end_s);
  }
}

}  // namespace
}  // namespace aisle::workloads
