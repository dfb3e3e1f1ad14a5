// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/memory.hpp"

#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aisle::workloads {
namespace {

using parallel::Job;
using parallel::Part;
using parallel::Recompute;
using test::Ground;
using test::ground;

/// Activations of one layer as Korthikanti et al. (arXiv 2205.05198, table 2) count them: trained
/// with dropout, attention not fused, operands of two bytes.
struct Case {
  bool sequence_parallel;
  Recompute recompute;
  bool scores_again;  ///< the paper's selective recomputation
  int tensor;
};

double closed_form(const Case& c, double sbh, double scores) {
  const double t = c.tensor;
  if (c.recompute == Recompute::full) return sbh * (c.sequence_parallel ? 2 / t : 2);
  const double kept = c.scores_again ? 0 : scores;
  return sbh * (c.sequence_parallel ? (34 + kept) / t : 10 + (24 + kept) / t);
}

Job paper_job(const Ground& on, Layout layout, const Case& c) {
  layout.tensor = c.tensor;
  Job job = test::job_of(on, layout,
                         layout.virtual_stages > 1 ? parallel::Schedule::interleaved
                                                   : parallel::Schedule::one_f_one_b);
  job.sequence = 2048;
  job.flash = false;
  job.dropout = true;
  job.sequence_parallel = c.sequence_parallel;
  job.recompute = c.recompute;
  if (c.scores_again) job.recompute_parts = 1U << static_cast<unsigned>(Part::core_attention);
  return job;
}

TEST(ActivationMemory, IsThatOfThePaperForEveryLayer) {
  const Ground on = ground("megatron-22b", "a100-80gb-sxm", 8);
  Layout layout;
  layout.micro_batches = 1;
  for (const int tensor : {1, 2, 8}) {
    for (const bool sequence_parallel : {false, true}) {
      for (const auto& [recompute, again] :
           {std::pair{Recompute::none, false}, std::pair{Recompute::none, true},
            std::pair{Recompute::full, false}}) {
        const Case c{sequence_parallel, recompute, again, tensor};
        const Job job = paper_job(on, layout, c);
        const double sbh = 2048.0 * 6144, scores = 5.0 * 64 * 2048 / 6144;
        double found = 0;
        for (const Layer& layer : on.model.layers) {
          if (layer.kind == LayerKind::dense) found = parallel::activation_bytes(job, layer);
        }
        EXPECT_NEAR(found / closed_form(c, sbh, scores), 1, 1e-12)
            << "tensor " << tensor << " sequence parallel " << sequence_parallel << " recompute "
            << static_cast<int>(recompute) << again;
      }
    }
  }
}

/// What every layer of a rank's first stages holds at the peak of the schedule, in GiB.
double first_stage(const Job& job) {
  double embedding = 0;
  for (const Layer& layer : job.model->layers) {
    if (layer.kind == LayerKind::embedding) embedding = parallel::activation_bytes(job, layer);
    if (job.layout.pipeline == 1 && layer.kind == LayerKind::head) {
      embedding += parallel::activation_bytes(job, layer);
    }
  }
  const std::vector<RankMemory> memory = parallel::memory_of(job);
  for (const MemoryItem& item : memory.front().items) {
    if (item.use == "activations") return (item.bytes.si() - embedding) / (1 << 30);
  }
  return 0;
}

TEST(ActivationMemory, OfTheFirstStageIsWhatTheAuthorsState) {
  // Their figures for 22B on 8 and 175B on 64 A100, without embedding and head.
  const Ground small = ground("megatron-22b", "a100-80gb-sxm", 8);
  Layout one;
  one.micro_batches = 1;
  for (const auto& [c, gibibytes] : {std::pair{Case{false, Recompute::none, false, 8}, 59.25},
                                     std::pair{Case{true, Recompute::none, true, 8}, 9.5625}}) {
    Job job = paper_job(small, one, c);
    job.micro_batch = 4;
    EXPECT_NEAR(first_stage(job) / gibibytes, 1, 1e-4);
  }
  const Ground large = ground("gpt-3-175b", "a100-80gb-sxm", 64);
  Layout deep;
  deep.pipeline = 8;
  deep.virtual_stages = 3;
  deep.micro_batches = 64;
  deep.stage_layers.assign(24, 4);
  for (const auto& [c, gibibytes] : {std::pair{Case{false, Recompute::none, false, 8}, 66.8438},
                                     std::pair{Case{true, Recompute::none, true, 8}, 12.3516}}) {
    EXPECT_NEAR(first_stage(paper_job(large, deep, c)) / gibibytes, 1, 1e-3);
  }
}

TEST(ActivationMemory, CountsLayersThatAreRecomputedWhole) {
  const Ground on = ground("megatron-22b", "a100-80gb-sxm", 8);
  Layout layout;
  layout.micro_batches = 1;
  const auto with = [&](Recompute recompute, int layers) {
    Job job = paper_job(on, layout, {true, recompute, false, 8});
    job.recompute_layers = layers;
    return first_stage(job);
  };
  const double none = with(Recompute::none, -1), full = with(Recompute::full, -1);
  EXPECT_NEAR(with(Recompute::full, 12) / (none - (none - full) * 12 / 48), 1, 1e-9);
  EXPECT_DOUBLE_EQ(with(Recompute::full, 0), none);
}

}  // namespace
}  // namespace aisle::workloads
