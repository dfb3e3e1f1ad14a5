// SPDX-License-Identifier: Apache-2.0
// Laws that hold whatever options are combined.
#include "tests/unit/serving/streams.hpp"

#include <gtest/gtest.h>

#include <map>
#include <tuple>
#include <utility>

namespace aisle::workloads {
namespace {

/// Requests with sessions, prefixes, urgency, or a closed loop, by chance.
RequestStream any_stream(Random& random) {
  RequestStream made =
      stream(150, 5 + 60 * random.uniform(), 1 + static_cast<int>(random.below(400)),
             1 + static_cast<int>(random.below(80)), random.next());
  if (random.below(2) == 0) {
    made.prefix_tokens = 32;
    for (Request& request : made.requests) {
      request.first_prefix = static_cast<std::int32_t>(made.prefix_ids.size());
      request.prefixes = request.prompt / 32;
      const auto family = static_cast<std::int64_t>(random.below(8)) * 1000;
      const auto shared = static_cast<std::int32_t>(random.below(20));
      for (std::int32_t i = 0; i < request.prefixes; ++i) {
        const auto own = static_cast<std::int64_t>(made.prefix_ids.size());
        made.prefix_ids.push_back(i < shared ? family + i : 1000000 + own);
      }
    }
  }
  if (random.below(3) == 0) {
    for (std::size_t i = 0; i < 50; ++i) {
      made.requests[i].next = static_cast<std::int32_t>(100 + i);
      made.requests[100 + i].waits = true;
      made.requests[100 + i].arrival_s = random.uniform();
    }
  } else if (random.below(3) == 0) {
    made.concurrency = 1 + static_cast<int>(random.below(40));
  }
  for (Request& request : made.requests) request.priority = random.below(4) == 0 ? 1 : 0;
  return made;
}

PoolPlan any_pool(Random& random) {
  PoolPlan pool;
  EnginePolicy& with = pool.policy;
  with.blocks = 40 + static_cast<std::int64_t>(random.below(200));
  with.sequences = 1 + static_cast<int>(random.below(64));
  with.drafts = random.below(2) == 0 ? 0 : static_cast<int>(random.below(20));
  with.acceptance = random.uniform();
  with.step_tokens = with.sequences * (1 + with.drafts) + 1 + static_cast<int>(random.below(600));
  with.chunked = random.below(2) == 0;
  with.prompts_first = random.below(2) == 0;
  with.prefix_caching = random.below(2) == 0;
  with.reserves_output = random.below(4) == 0;
  with.swap = random.below(2) == 0;
  with.ahead = random.below(2) == 0;
  with.watermark = 0.05 * random.uniform();
  with.seed = random.next();
  if (random.below(3) == 0) {
    with.window = 1 + static_cast<int>(random.below(200));
    with.windowed = random.below(4) == 0 ? 1 : random.uniform();
  }
  pool.replicas = 1 + static_cast<int>(random.below(4));
  pool.groups = 1 + static_cast<int>(random.below(3));
  pool.stages = 1 + static_cast<int>(random.below(3));
  pool.clock = clock_of;
  pool.ways = {1e-5 * random.uniform(), 1e-5 * random.uniform(), 1e-5 * random.uniform(),
               static_cast<std::int64_t>(random.below(3) * 2000)};
  if (random.below(3) == 0) {
    const int least = 1 + static_cast<int>(random.below(static_cast<std::uint64_t>(pool.replicas)));
    pool.scaling = {least, 3 * random.uniform(), random.uniform(), random.uniform()};
  }
  return pool;
}

FleetPlan any_plan(Random& random) {
  FleetPlan plan;
  plan.router = static_cast<Router>(random.below(3));
  plan.pool_tokens = static_cast<std::int64_t>(random.below(2) * 5000);
  plan.max_context = random.below(3) == 0 ? 700 : 0;
  plan.pools.reserve(2);
  plan.pools.push_back(any_pool(random));
  EnginePolicy& first = plan.pools.front().policy;
  if (random.below(4) == 0) first.promise_s = 0.5 * random.uniform();
  if (random.below(2) == 0) {
    plan.pools.push_back(any_pool(random));
    first.hands_over = true;
    first.drafts = 0;
    first.reserves_output = false;
    plan.pools.back().policy.prefix_caching = false;
    plan.network_latency_s = 1e-3 * random.uniform();
    plan.layers_sent = static_cast<int>(random.below(2) * 30);
  } else if (random.below(4) == 0) {
    first.fixed = true;
    first.prefix_caching = false;
  }
  return plan;
}

void expect_in_order(const RequestOutcome& one, std::uint64_t seed) {
  ASSERT_NE(one.fate, Fate::unfinished) << "seed " << seed;
  if (one.fate != Fate::served) {
    EXPECT_LT(one.end_s, 0) << "seed " << seed;
    return;
  }
  EXPECT_LE(one.arrival_s, one.start_s) << "seed " << seed;
  EXPECT_LT(one.start_s, one.first_token_s) << "seed " << seed;
  EXPECT_LE(one.first_token_s, one.end_s) << "seed " << seed;
}

TEST(ServingFleet, LawsHoldWhateverIsCombined) {
  std::map<Fate, int> fates;
  std::int64_t preemptions = 0, swaps = 0, sent = 0, loaded = 0, shared = 0, starts = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    Random random(seed, "fleet");
    const RequestStream requests = any_stream(random);
    const FleetPlan plan = any_plan(random);
    std::map<std::tuple<int, int, int>, double> busy_until;
    FleetHooks hooks;
    int events = 0;
    hooks.stop = [&] { return ++events > 200000; };  // for ever
    hooks.step = [&](const FleetStep& step) {
      const PoolPlan& pool = plan.pools[static_cast<std::size_t>(step.pool)];
      EXPECT_LE(step.blocks, pool.policy.blocks * pool.groups) << "seed " << seed;
      double& until = busy_until[{step.pool, step.replica, step.slot}];
      EXPECT_GE(step.start_s, until) << "seed " << seed;
      until = step.end_s;
    };
    const ServingRun run = serve(requests, plan, hooks);
    double inside = 0;
    for (const RequestOutcome& one : run.outcomes) {
      expect_in_order(one, seed);
      ++fates[one.fate];
      if (one.fate == Fate::served) inside += one.end_s - one.arrival_s;
    }
    // Little's law; what was refused late had waited too.
    EXPECT_GE(run.sequences_s, inside * (1 - 1e-9)) << "seed " << seed;
    if (plan.pools.front().policy.promise_s == 0) {
      EXPECT_NEAR(run.sequences_s, inside, 1e-9 * inside) << "seed " << seed;
    }
    EXPECT_EQ(run.total().blocks_left, 0) << "seed " << seed;
    EXPECT_EQ(run.total().host_left, 0) << "seed " << seed;
    for (std::size_t i = 0; i < plan.pools.size(); ++i) {
      EXPECT_LE(run.pools[i].most_blocks, plan.pools[i].policy.blocks) << "seed " << seed;
    }
    const ServingRun again = serve(requests, plan);
    EXPECT_EQ(run.end_s, again.end_s) << "seed " << seed;
    EXPECT_EQ(run.total().steps, again.total().steps) << "seed " << seed;
    if (HasFailure()) return;
    const PoolRun all = run.total();
    preemptions += all.preemptions;
    swaps += all.swaps;
    sent += run.sent;
    loaded += all.from_host;
    shared += all.from_pool;
    starts += all.starts;
  }
  // The draws reach everything.
  for (const std::int64_t one : {preemptions, swaps, sent, loaded, shared, starts}) {
    EXPECT_GT(one, 50);
  }
  for (const Fate fate : {Fate::served, Fate::too_large, Fate::too_long, Fate::too_late}) {
    EXPECT_GT(fates[fate], 50);
  }
}

TEST(ServingFleet, MoreReplicasNeverKeepLessOfWhatIsPromised) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const RequestStream requests = stream(800, 30, 300, 100, seed);
    for (const bool apart_too : {false, true}) {
      std::int64_t before = 0;
      for (const int replicas : {1, 2, 4, 8}) {
        FleetPlan plan = apart_too ? apart(policy(), clock_of) : fleet(policy(), 1, clock_of);
        for (PoolPlan& pool : plan.pools) pool.replicas = replicas;
        std::int64_t kept = 0;
        for (const RequestOutcome& one : serve(requests, plan).outcomes) {
          kept += one.first_token_s - one.arrival_s <= 0.2 && one.end_s - one.arrival_s <= 2;
        }
        EXPECT_GE(kept, before) << "seed " << seed;
        before = kept;
      }
    }
  }
}

}  // namespace
}  // namespace aisle::workloads
