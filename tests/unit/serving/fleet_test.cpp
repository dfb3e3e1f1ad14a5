// SPDX-License-Identifier: Apache-2.0
// Fleets against closed forms: layouts, prompts apart, drafts, memory of the host, routers,
// scaling.
#include "tests/unit/serving/streams.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace aisle::workloads {
namespace {

double second(const ServingStep&) {
  return 1;
}

std::int64_t count(const ServingRun& run, Fate fate) {
  return std::count_if(run.outcomes.begin(), run.outcomes.end(),
                       [&](const RequestOutcome& one) { return one.fate == fate; });
}

double mean_first(const ServingRun& run) {
  double sum = 0;
  for (const RequestOutcome& one : run.outcomes) sum += one.first_token_s - one.arrival_s;
  return sum / static_cast<double>(run.outcomes.size());
}

TEST(ServingFleet, NobodyRestsWhileRequestsWait) {
  // All come at once: every replica works until its last request has ended.
  RequestStream requests = stream(400, 1, 300, 100);
  for (Request& request : requests.requests) request.arrival_s = 0;
  for (const bool first : {false, true}) {
    for (const int groups : {1, 4}) {
      EnginePolicy with = policy(150);
      with.prompts_first = first;
      FleetPlan plan = fleet(with, 2, clock_of);
      plan.pools.front().groups = groups;
      std::vector<double> ends(2);
      FleetHooks hooks;
      hooks.step = [&](const FleetStep& step) {
        const auto replica = static_cast<std::size_t>(step.replica);
        EXPECT_DOUBLE_EQ(step.start_s, ends[replica]);
        ends[replica] = step.end_s;
      };
      EXPECT_EQ(count(serve(requests, plan, hooks), Fate::served), 400);
    }
  }
}

TEST(ServingFleet, PipelinesPassOnePassPerStageTime) {
  // Four stages of a quarter second: a request alone takes a second, four at a time take one each.
  EnginePolicy with = policy();
  with.sequences = 1;
  FleetPlan plan = fleet(with, 1, second);
  plan.pools.front().stages = 4;
  const ServingRun alone = serve(equal(1, 0, 10, 3), plan);
  EXPECT_DOUBLE_EQ(alone.outcomes[0].first_token_s, 1);
  EXPECT_DOUBLE_EQ(alone.outcomes[0].end_s, 3);
  const ServingRun many = serve(equal(400, 0, 10, 1), plan);
  EXPECT_DOUBLE_EQ(many.end_s, 400 * 0.25 + 0.75);
  EXPECT_DOUBLE_EQ(many.outcomes[399].end_s - many.outcomes[399].start_s, 1);
}

TEST(ServingFleet, BatchesOfAPipelineShareTheCache) {
  // Each request needs more than half of the blocks: one at a time, whatever the slots.
  EnginePolicy with = policy(100);
  FleetPlan plan = fleet(with, 1, second);
  plan.pools.front().stages = 4;
  const ServingRun run = serve(equal(20, 0, 16 * 60, 1), plan);
  EXPECT_EQ(count(run, Fate::served), 20);
  EXPECT_LE(run.total().most_blocks, 100);
  EXPECT_NEAR(run.end_s, 40, 1e-9);  // two steps of 512 tokens each
}

TEST(ServingFleet, GroupsWaitForTheLongest) {
  RequestStream requests = equal(2, 0, 100, 1);
  requests.requests[1].prompt = 300;
  const auto by_tokens = [](const ServingStep& step) { return 0.01 * step.chunks.front().tokens; };
  FleetPlan plan = fleet(policy(), 1, by_tokens);
  plan.pools.front().groups = 2;
  plan.router = Router::round_robin;
  const ServingRun run = serve(requests, plan);
  // Steps know the tokens of both groups.
  std::vector<std::int64_t> together;
  plan.pools.front().clock = [&](const ServingStep& step) {
    together.push_back(step.together);
    return by_tokens(step);
  };
  RequestStream both = requests;
  both.requests.insert(both.requests.begin(), both.requests[0]);
  serve(both, plan);
  EXPECT_EQ(together, (std::vector<std::int64_t>{100, 400, 400}));
  plan.pools.front().clock = by_tokens;
  // The first came before the second, alone: its pass is over after a second.
  EXPECT_DOUBLE_EQ(run.outcomes[0].end_s, 1);
  EXPECT_DOUBLE_EQ(run.outcomes[1].end_s, 4);
  requests.requests.insert(requests.requests.begin(), requests.requests[0]);
  requests.requests[0].output = 2;
  const ServingRun later = serve(requests, plan);
  // What came during the first pass goes together: 300 tokens, with the second token beside them.
  EXPECT_DOUBLE_EQ(later.outcomes[1].end_s, 4);
  EXPECT_DOUBLE_EQ(later.outcomes[2].end_s, 4);
}

TEST(ServingFleet, GroupsHaveCachesOfTheirOwn) {
  const RequestStream requests = equal(8, 0, 16 * 90, 1);
  EnginePolicy with = policy(100);
  with.step_tokens = 16 * 90;
  FleetPlan plan = fleet(with, 1, second);
  EXPECT_DOUBLE_EQ(serve(requests, plan).end_s, 8);
  plan.pools.front().groups = 4;
  // The first request starts alone, three join at the next pass, the rest follow.
  EXPECT_DOUBLE_EQ(serve(requests, plan).end_s, 3);
}

TEST(ServingFleet, CachesGoOverTheNetworkOneByOne) {
  FleetPlan plan = apart(policy(), second);
  plan.pools[0].ways.network_s = 0.001;
  plan.pools[1].ways.network_s = 0.002;  // the slower side
  plan.network_latency_s = 0.25;
  const ServingRun one = serve(equal(1, 0, 100, 3), plan);
  EXPECT_DOUBLE_EQ(one.outcomes[0].first_token_s, 1);
  EXPECT_DOUBLE_EQ(one.outcomes[0].end_s, 1 + 0.2 + 0.25 + 2);
  EXPECT_DOUBLE_EQ(one.sending_s, 0.45);
  // Three prompts in one step: their caches follow one another.
  RequestStream three = equal(4, 0, 100, 2);
  three.requests[0].output = 1;  // ends with its prompt
  const ServingRun run = serve(three, plan);
  EXPECT_DOUBLE_EQ(run.outcomes[0].end_s, 1);
  EXPECT_EQ(run.sent, 3);
  EXPECT_NEAR(run.sending_s, 3 * 0.25 + 0.2 + 0.4 + 0.6, 1e-12);
  EXPECT_EQ(run.total().blocks_left, 0);
}

TEST(ServingFleet, LayersGoWhileOthersAreComputed) {
  FleetPlan plan = apart(policy(), second);
  plan.pools[0].ways.network_s = plan.pools[1].ways.network_s = 0.004;
  plan.layers_sent = 10;
  // 0.4 s behind the prompt's second: all but one layer in ten is there by then.
  EXPECT_DOUBLE_EQ(serve(equal(1, 0, 100, 2), plan).outcomes[0].end_s, 1 + 0.04 + 1);
  // 2 s: they have had a second.
  EXPECT_DOUBLE_EQ(serve(equal(1, 0, 500, 2), plan).outcomes[0].end_s, 2 + 1);
}

TEST(ServingFleet, PromptsWaitWhereTheOtherSideIsFull) {
  FleetPlan plan = apart(policy(20), second);
  plan.pools[1].policy.blocks = 10;  // one at a time generates
  plan.pools[0].ways.network_s = plan.pools[1].ways.network_s = 1e-6;
  const ServingRun run = serve(equal(10, 0, 16 * 8, 17), plan);
  EXPECT_EQ(count(run, Fate::served), 10);
  EXPECT_LE(run.pools[0].most_blocks, 20);
  EXPECT_LE(run.pools[1].most_blocks, 10);
  EXPECT_EQ(run.total().blocks_left, 0);
  EXPECT_GT(run.end_s, 160);
}

TEST(ServingFleet, DraftsGiveWhatChanceGives) {
  for (const double acceptance : {0.0, 0.5, 0.8, 1.0}) {
    EnginePolicy with = policy(100000);
    with.drafts = 3;
    with.acceptance = acceptance;
    double expected = 0;
    for (int i = 0; i <= 3; ++i) expected += std::pow(acceptance, i);
    EXPECT_NEAR(with.tokens_per_pass(), expected, 1e-12);
    const RequestStream requests = stream(100, 1, 50, 2000);
    double tokens = 0, context = 0, passes = 0;
    const ServingRun run = serve(requests, fleet(with, 1, [&](const ServingStep& step) {
                                   EXPECT_EQ(step.tokens_each, 4);
                                   context += static_cast<double>(step.context);
                                   passes += step.decoding;
                                   return 1e-3;
                                 }));
    for (const Request& request : requests.requests) tokens += request.output - 1;
    EXPECT_NEAR(tokens / static_cast<double>(run.total().passes), expected, 0.01 * expected);
    // The context of a sequence grows from its prompt by what it generates.
    double mean = 0;
    for (const Request& one : requests.requests)
      mean += one.output * (one.prompt + one.output / 2.0);
    EXPECT_NEAR(context / passes, mean / tokens, 0.01 * mean / tokens);
    EXPECT_EQ(run.total().blocks_left, 0);
  }
}

TEST(ServingFleet, DraftsHaveBlocksToo) {
  // A pass over token 12 writes 12 to 16 with four drafts: into the second block of 16.
  for (const int drafts : {0, 4}) {
    EnginePolicy with = policy(100);
    with.drafts = drafts;
    std::vector<std::int64_t> blocks;
    FleetHooks hooks;
    hooks.step = [&](const FleetStep& step) { blocks.push_back(step.blocks); };
    serve(equal(1, 0, 12, 10), fleet(with, 1, second), hooks);
    EXPECT_EQ(blocks.at(0), 1);
    EXPECT_EQ(blocks.at(1), drafts > 0 ? 2 : 1);
  }
}

TEST(ServingFleet, WhatIsSwappedIsNotComputedAgain) {
  const RequestStream requests = stream(500, 20, 300, 100);
  std::int64_t computed = 0, asked = 0;
  for (const Request& request : requests.requests) asked += request.prompt;
  const auto counting = [&](const ServingStep& step) {
    for (const ServingStep::Chunk& chunk : step.chunks) computed += chunk.tokens;
    return clock_of(step);
  };
  EnginePolicy with = policy(100);
  with.swap = true;
  with.prompts_first = true;  // nobody loses blocks before the prompt is through
  FleetPlan plan = fleet(with, 1, counting);
  plan.pools.front().ways.host_tokens = 100000;
  plan.pools.front().ways.host_s = 1e-5;
  const ServingRun run = serve(requests, plan);
  EXPECT_GT(run.total().swaps, 0);
  EXPECT_EQ(run.total().swaps, run.total().preemptions);
  EXPECT_EQ(computed, asked);
  EXPECT_EQ(run.total().host_left, 0);
  plan.pools.front().ways.host_tokens = 0;
  computed = 0;
  const ServingRun without = serve(requests, plan);
  EXPECT_EQ(without.total().swaps, 0);
  EXPECT_GT(computed, asked);
}

/// So many different prompts of ten prefixes, one after the other, round after round.
RequestStream rounds(int prompts, int times, double gap) {
  RequestStream made = equal(prompts * times, gap, 641, 1);
  made.prefix_tokens = 64;
  for (int i = 0; i < prompts * 10; ++i) made.prefix_ids.push_back(i);
  for (int i = 0; i < prompts * times; ++i) {
    Request& request = made.requests[static_cast<std::size_t>(i)];
    request.first_prefix = i % prompts * 10;
    request.prefixes = 10;
  }
  return made;
}

TEST(ServingFleet, HostMemoryAndTheSharedPoolKeepPrefixes) {
  const RequestStream requests = rounds(10, 2, 10);  // 400 blocks of prefixes
  EnginePolicy with = policy(100);
  with.prefix_caching = true;
  with.step_tokens = 1000;
  FleetPlan plan = fleet(with, 1, second);
  CacheWays& ways = plan.pools.front().ways;
  ways.host_s = 0.001;
  ways.pool_s = 0.01;
  for (const RequestOutcome& one : serve(requests, plan).outcomes) EXPECT_EQ(one.cached, 0);
  ways.host_tokens = 10000;
  const ServingRun host = serve(requests, plan);
  EXPECT_EQ(host.total().from_host, 10 * 640);
  EXPECT_NEAR(host.outcomes[10].first_token_s - host.outcomes[10].arrival_s, 0.64 + 1, 1e-9);
  ways.host_tokens = 0;
  plan.pool_tokens = 10000;
  const ServingRun shared = serve(requests, plan);
  EXPECT_EQ(shared.total().from_pool, 10 * 640);
  EXPECT_NEAR(shared.outcomes[10].first_token_s - shared.outcomes[10].arrival_s, 6.4 + 1, 1e-9);
  // What the host has no room for goes on to the pool.
  ways.host_tokens = 1280;
  const ServingRun both = serve(requests, plan);
  EXPECT_EQ(both.total().from_host + both.total().from_pool, 10 * 640);
  EXPECT_EQ(both.total().blocks_left, 0);
}

TEST(ServingFleet, RequestsGoWhereTheirPrefixIs) {
  const RequestStream requests = rounds(5, 20, 0.5);
  EnginePolicy with = policy(100);
  with.prefix_caching = true;
  FleetPlan plan = fleet(with, 3, clock_of);
  std::int64_t hits[2] = {};
  for (const Router router : {Router::round_robin, Router::prefix_aware}) {
    plan.router = router;
    for (const RequestOutcome& one : serve(requests, plan).outcomes) {
      hits[router == Router::prefix_aware] += one.cached;
    }
  }
  EXPECT_GT(hits[1], 640 * 90);
  EXPECT_GT(hits[1], 2 * hits[0]);
  // All want one prefix: those that are not busy get their share all the same.
  plan.router = Router::prefix_aware;
  std::vector<int> steps(3);
  FleetHooks hooks;
  hooks.step = [&](const FleetStep& step) { ++steps[static_cast<std::size_t>(step.replica)]; };
  serve(rounds(1, 3000, 1e-4), plan, hooks);
  for (const int one : steps) EXPECT_GT(one, 0);
}

TEST(ServingFleet, WindowsNeedNoBlocksBeyondThemselves) {
  EnginePolicy with = policy(100);
  with.window = 160;
  with.windowed = 0.75;
  EXPECT_EQ(with.blocks_of(160), 10);
  EXPECT_EQ(with.blocks_of(160 + 64), 11);
  EXPECT_EQ(with.blocks_of(160 + 65), 12);
  for (std::int64_t tokens = 1; tokens < 3000; ++tokens) {
    EXPECT_GE(with.tokens_in(with.blocks_of(tokens)), tokens);
    EXPECT_LT(with.tokens_in(with.blocks_of(tokens) - 1), tokens);
  }
  // A hundred blocks hold 160 tokens and four times the rest.
  EXPECT_TRUE(with.fits(160 + 4 * 1440));
  EXPECT_FALSE(with.fits(160 + 4 * 1440 + 1));
  const ServingRun run = serve(equal(1, 0, 100, 5000), fleet(with, 1, clock_of));
  EXPECT_EQ(run.outcomes[0].fate, Fate::served);
  EXPECT_EQ(run.total().most_blocks, with.blocks_of(5099));
}

TEST(ServingFleet, UrgentOnesGoFirst) {
  RequestStream requests = equal(100, 0.1, 100, 1);
  for (std::size_t i = 0; i < 100; i += 10) requests.requests[i].priority = 1;
  EnginePolicy with = policy();
  with.sequences = 1;
  const ServingRun run = serve(requests, fleet(with, 1, second));
  for (std::size_t i = 0; i < 100; ++i) {
    const double waited = run.outcomes[i].start_s - run.outcomes[i].arrival_s;
    if (requests.requests[i].priority > 0) { EXPECT_LE(waited, 2) << i; }
  }
  EXPECT_EQ(count(run, Fate::served), 100);
}

TEST(ServingFleet, WhoWouldComeTooLateIsRefused) {
  // Twice as many as can be served: without shedding the queue grows and all miss their promise.
  const RequestStream requests = equal(1000, 0.5, 100, 1);
  EnginePolicy with = policy();
  with.sequences = 1;
  const auto kept = [&] {
    const ServingRun run = serve(requests, fleet(with, 1, second));
    return std::count_if(run.outcomes.begin(), run.outcomes.end(), [](const auto& one) {
      return one.fate == Fate::served && one.first_token_s - one.arrival_s <= 3;
    });
  };
  EXPECT_LT(kept(), 10);
  with.promise_s = 3;
  EXPECT_NEAR(static_cast<double>(kept()), 500, 5);
  const ServingRun run = serve(requests, fleet(with, 1, second));
  EXPECT_EQ(count(run, Fate::served) + count(run, Fate::too_late), 1000);
}

TEST(ServingFleet, LongerContextsAreRefused) {
  RequestStream requests = equal(3, 1, 100, 20);
  requests.requests[1].output = 21;
  FleetPlan plan = fleet(policy(), 1, second);
  plan.max_context = 120;
  const ServingRun run = serve(requests, plan);
  EXPECT_EQ(run.outcomes[1].fate, Fate::too_long);
  EXPECT_EQ(count(run, Fate::served), 2);
}

TEST(ServingFleet, ReplicasComeAndGoWithTheLoad) {
  // A burst, and silence, and a burst.
  RequestStream requests = equal(200, 0.01, 100, 1);
  for (std::size_t i = 100; i < 200; ++i) requests.requests[i].arrival_s += 1000;
  EnginePolicy with = policy();
  with.sequences = 1;
  FleetPlan plan = fleet(with, 8, second);
  const ServingRun always = serve(requests, plan);
  EXPECT_DOUBLE_EQ(always.total().replica_s, 8 * always.end_s);
  plan.pools.front().scaling = {1, 4, 5, 30};
  const ServingRun scaled = serve(requests, plan);
  EXPECT_EQ(count(scaled, Fate::served), 200);
  EXPECT_GE(scaled.total().starts, 4);
  EXPECT_LT(scaled.total().replica_s, 0.4 * always.total().replica_s);
  EXPECT_GT(scaled.total().replica_s, scaled.end_s);
  EXPECT_GT(mean_first(scaled), mean_first(always));
  plan.pools.front().scaling.queue = 1e9;  // never
  EXPECT_DOUBLE_EQ(serve(requests, plan).total().replica_s, serve(requests, plan).end_s);
}

TEST(ServingFleet, FixedBatchesEndWithTheirLongest) {
  RequestStream requests = stream(40, 1e6, 200, 50);
  EnginePolicy with = policy(100000);
  with.fixed = true;
  with.sequences = 10;
  std::int64_t padded = 0;
  const ServingRun run = serve(requests, fleet(with, 1, [&](const ServingStep& step) {
                                 for (const auto& chunk : step.chunks) padded += chunk.tokens;
                                 return 1.0;
                               }));
  // The first comes alone; then batches of up to ten.
  double end = requests.requests[0].arrival_s + requests.requests[0].output;
  std::int64_t tokens = requests.requests[0].prompt;
  EXPECT_DOUBLE_EQ(run.outcomes[0].end_s, end);
  for (std::size_t first = 1; first < 40; first += 10) {
    int prompt = 0, output = 0;
    const std::size_t last = std::min<std::size_t>(40, first + 10);
    for (std::size_t i = first; i < last; ++i) {
      prompt = std::max(prompt, requests.requests[i].prompt);
      output = std::max(output, requests.requests[i].output);
    }
    end += output;
    tokens += static_cast<std::int64_t>(last - first) * prompt;
    for (std::size_t i = first; i < last; ++i) EXPECT_DOUBLE_EQ(run.outcomes[i].end_s, end);
  }
  EXPECT_EQ(padded, tokens);
  EXPECT_EQ(run.total().blocks_left, 0);
}

TEST(ServingFleet, StopsWhereAsked) {
  int events = 0;
  FleetHooks hooks;
  hooks.stop = [&] { return ++events > 500; };
  const ServingRun run = serve(stream(1000, 10, 300, 100), fleet(policy(), 1, clock_of), hooks);
  EXPECT_TRUE(run.stopped);
  EXPECT_GT(count(run, Fate::unfinished), 0);
  EXPECT_GT(count(run, Fate::served), 0);
}

}  // namespace
}  // namespace aisle::workloads
