// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/schedule.hpp"

#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace aisle::workloads::parallel {
namespace {

using Kind = Action::Kind;

Job scheduled(Schedule schedule, int pipeline, int micro_batches, int virtual_stages = 1) {
  Job job;
  job.schedule = schedule;
  job.layout.pipeline = pipeline;
  job.layout.micro_batches = micro_batches;
  job.layout.virtual_stages = virtual_stages;
  return job;
}

bool computes_forward(const Action& action) {
  return action.kind == Kind::forward || action.kind == Kind::pair;
}

bool computes_input_gradient(const Action& action) {
  return action.kind == Kind::backward || action.kind == Kind::backward_input ||
         action.kind == Kind::pair;
}

bool computes_weight_gradient(const Action& action) {
  return action.kind == Kind::backward || action.kind == Kind::weight || action.kind == Kind::pair;
}

/// Every pass once, in an order in which each is possible.
void expect_complete(const Job& job) {
  using Key = std::tuple<int, int>;
  std::set<Key> forwards, inputs, weights;
  for (int rank = 0; rank < job.layout.pipeline; ++rank) {
    for (const Action& action : program(job, rank)) {
      const Key f{action.forward.stage, action.forward.micro_batch};
      const Key b{action.backward.stage, action.backward.micro_batch};
      if (computes_forward(action)) {
        EXPECT_TRUE(forwards.insert(f).second);
        EXPECT_EQ(rank_of_stage(job, action.forward.stage, action.forward.direction), rank);
      }
      if (computes_input_gradient(action)) {
        EXPECT_TRUE(forwards.count(b) == 1) << "backward before forward";
        EXPECT_TRUE(inputs.insert(b).second);
      }
      if (computes_weight_gradient(action)) {
        EXPECT_TRUE(inputs.count(b) == 1) << "weight gradient before input gradient";
        EXPECT_TRUE(weights.insert(b).second);
      }
    }
  }
  const auto all =
      static_cast<std::size_t>(job.stages()) * static_cast<std::size_t>(job.layout.micro_batches);
  EXPECT_EQ(forwards.size(), all);
  EXPECT_EQ(inputs.size(), all);
  EXPECT_EQ(weights.size(), all);
}

struct Durations {
  double forward = 1, input = 1, weight = 1;
  double pair = 3;
};

/// Makespan when messages take no time.
double makespan(const Job& job, const Durations& d) {
  const auto all = programs(job);
  std::vector<std::size_t> next(all.size(), 0);
  std::vector<double> free(all.size(), 0);
  std::map<std::tuple<bool, int, int>, double> done;  // forward?, stage, micro-batch
  bool moved = true;
  while (moved) {
    moved = false;
    for (std::size_t r = 0; r < all.size(); ++r) {
      while (next[r] < all[r].size()) {
        const Action& a = all[r][next[r]];
        double start = free[r];
        bool ready = true;
        const auto need = [&](bool forward, int stage, int micro_batch) {
          const auto found = done.find({forward, stage, micro_batch});
          ready = ready && found != done.end();
          if (found != done.end()) start = std::max(start, found->second);
        };
        if (computes_forward(a) && a.forward.stage > 0) {
          need(true, a.forward.stage - 1, a.forward.micro_batch);
        }
        if (computes_input_gradient(a)) {
          const bool last = a.backward.stage == job.stages() - 1;
          need(last, a.backward.stage + (last ? 0 : 1), a.backward.micro_batch);
        }
        if (!ready) break;
        const double time = a.kind == Kind::forward          ? d.forward
                            : a.kind == Kind::backward       ? d.input + d.weight
                            : a.kind == Kind::backward_input ? d.input
                            : a.kind == Kind::weight         ? d.weight
                                                             : d.pair;
        free[r] = start + time;
        if (computes_forward(a)) done[{true, a.forward.stage, a.forward.micro_batch}] = free[r];
        if (computes_input_gradient(a)) {
          done[{false, a.backward.stage, a.backward.micro_batch}] = free[r];
        }
        ++next[r];
        moved = true;
      }
    }
  }
  for (std::size_t r = 0; r < all.size(); ++r) EXPECT_EQ(next[r], all[r].size()) << "locked up";
  return *std::max_element(free.begin(), free.end());
}

TEST(Schedule, EveryPassOnce) {
  for (const int p : {1, 2, 4, 8}) {
    for (const int m : {p, 2 * p, 5 * p}) {
      expect_complete(scheduled(Schedule::gpipe, p, m));
      expect_complete(scheduled(Schedule::one_f_one_b, p, m));
      for (const int v : {2, 3}) {
        expect_complete(scheduled(Schedule::interleaved, p, m, v));
        expect_complete(scheduled(Schedule::breadth_first, p, m, v));
      }
      expect_complete(scheduled(Schedule::zb_h1, p, m));
      expect_complete(scheduled(Schedule::zb_v, p, m, 2));
    }
  }
  expect_complete(scheduled(Schedule::one_f_one_b, 8, 3));
}

TEST(Schedule, DualPipeEveryPassOnce) {
  for (const int p : {2, 4, 6, 8, 16}) {
    for (const int m : {2 * p, 2 * p + 2, 120}) {
      SCOPED_TRACE(testing::Message() << p << " ranks, " << m << " micro-batches");
      expect_complete(scheduled(Schedule::dual_pipe, p, m));
    }
  }
}

TEST(Schedule, BubblesOfPublishedFormulas) {
  // (P-1)(F+B), whatever the number of micro-batches; interleaving divides it by the chunks.
  const Durations d;
  for (const int p : {2, 4, 8}) {
    for (const int m : {p, 4 * p}) {
      EXPECT_DOUBLE_EQ(makespan(scheduled(Schedule::gpipe, p, m), d), 3.0 * (m + p - 1));
      EXPECT_DOUBLE_EQ(makespan(scheduled(Schedule::one_f_one_b, p, m), d), 3.0 * (m + p - 1));
      EXPECT_DOUBLE_EQ(makespan(scheduled(Schedule::interleaved, p, m, 2), d),
                       3.0 * (2 * m + p - 1));
    }
  }
}

TEST(Schedule, ZeroBubblesAreThoseOfTheirPaper) {
  // arXiv 2401.10241, table 2: ZB-H1 leaves (P-1)(F + I - W); ZB-V nothing of each rank's own time
  // where F, I and W are alike, so that the last starts and ends P-1 chunk passes later.
  for (const int p : {2, 4, 8}) {
    for (const int m : {2 * p, 5 * p}) {
      SCOPED_TRACE(testing::Message() << p << " ranks, " << m << " micro-batches");
      for (const Durations& d : {Durations{1, 1, 1, 3}, Durations{1, 1.25, 0.75, 3}}) {
        EXPECT_NEAR(
            makespan(scheduled(Schedule::zb_h1, p, m), d),
            m * (d.forward + d.input + d.weight) + (p - 1) * (d.forward + d.input - d.weight),
            1e-9);
      }
      EXPECT_LE(makespan(scheduled(Schedule::zb_v, p, m, 2), Durations{}), 6 * m + p - 1 + 1e-9);
    }
  }
}

TEST(Schedule, ZeroBubbleKeepsTheActivationsOfOneFOneB) {
  // In passes whose weight gradient is to come; chunks of ZB-V are halves.
  for (const auto& [schedule, chunks] : {std::pair{Schedule::zb_h1, 1}, {Schedule::zb_v, 2}}) {
    for (int rank = 0; rank < 8; ++rank) {
      int live = 0, most = 0;
      for (const Action& action : program(scheduled(schedule, 8, 32, chunks), rank)) {
        if (computes_forward(action)) most = std::max(most, ++live);
        if (action.kind == Kind::weight) --live;
      }
      EXPECT_LE(most, 8 * chunks) << rank;
    }
  }
}

TEST(Schedule, BreadthFirstBubbleIsThatOfInterleaving) {
  const Durations d;
  for (const int p : {2, 4}) {
    for (const int m : {p, 3 * p}) {
      EXPECT_DOUBLE_EQ(makespan(scheduled(Schedule::breadth_first, p, m, 2), d),
                       3.0 * (2 * m + p - 1));
    }
  }
}

TEST(Schedule, PairsOutsideOfDualPipe) {
  for (const int p : {1, 2, 4}) {
    for (const auto& [schedule, chunks] :
         {std::pair{Schedule::one_f_one_b, 1}, {Schedule::interleaved, 2}}) {
      if (p == 1 && chunks > 1) continue;
      Job job = scheduled(schedule, p, 4 * p, chunks);
      const double apart = makespan(job, {});
      job.overlap_experts = true;
      expect_complete(job);
      int pairs = 0;
      for (const Action& action : program(job, p - 1)) pairs += action.kind == Kind::pair ? 1 : 0;
      EXPECT_GT(pairs, 0);
      // Pairs that take as long as both passes: a forward pass more at each end at most.
      EXPECT_LE(makespan(job, {}), apart + 3.0 * p);
      EXPECT_LT(makespan(job, {1, 1, 1, 2}), apart);
    }
  }
}

TEST(Schedule, DualPipeBubbleIsSmaller) {
  // (P/2-1)(F&B + B - 3W), B with its weight gradient: arXiv 2412.19437, table 2. 1F1B's is
  // (P-1)(F+B). A rank has as many chunk passes in both, 2M of DualPipe's being M/2 each way.
  const Durations d;
  for (const int p : {4, 8, 16}) {
    const int m = 4 * p;
    const double busy = 3.0 * m;
    const double dual = makespan(scheduled(Schedule::dual_pipe, p, m), d) - busy;
    const double formula = (p / 2 - 1) * (d.pair + d.input + d.weight - 3 * d.weight);
    EXPECT_GE(dual, formula - 1e-9);
    EXPECT_LE(dual, formula + d.pair) << p;
    EXPECT_LT(dual, makespan(scheduled(Schedule::one_f_one_b, p, m), d) - busy);
  }
}

TEST(Schedule, DualPipeKeepsPipelinePlusOneInFlight) {
  for (const int p : {4, 8, 16}) {
    const Job job = scheduled(Schedule::dual_pipe, p, 4 * p);
    for (int rank = 0; rank < p; ++rank) {
      int live = 0, most = 0;
      for (const Action& action : program(job, rank)) {
        if (computes_forward(action)) most = std::max(most, ++live);
        if (computes_input_gradient(action)) --live;
      }
      EXPECT_LE(most, p + 1);
    }
  }
}

TEST(Schedule, OneFOneBKeepsAsManyAsStagesFollow) {
  for (int rank = 0; rank < 8; ++rank) {
    int live = 0, most = 0;
    for (const Action& action : program(scheduled(Schedule::one_f_one_b, 8, 32), rank)) {
      live += computes_forward(action) ? 1 : -1;
      most = std::max(most, live);
    }
    EXPECT_EQ(most, 8 - rank);
  }
}

}  // namespace
}  // namespace aisle::workloads::parallel
