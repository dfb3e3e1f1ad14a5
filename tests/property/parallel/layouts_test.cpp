// SPDX-License-Identifier: Apache-2.0
// Laws that hold for any layout, over seeded random ones: the engines agree where nothing is
// shared, folding changes nothing, and every layout computes the model.
#include "sim/base/random.hpp"
#include "sim/engine/engine.hpp"
#include "tests/analytic/engine/hand_made.hpp"
#include "tests/unit/parallel/fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

namespace aisle::sim {
namespace {

using workloads::Folding;
using workloads::Plan;
using workloads::TrainingPlan;
using workloads::Work;

constexpr std::uint64_t kSeeds = 60;
constexpr int kAccelerators = 16;

template <typename T>
const T& one_of(Random& random, const std::vector<T>& values) {
  return values[static_cast<std::size_t>(random.below(values.size()))];
}

std::string field(const std::string& name, const std::string& value) {
  return value.empty() ? "" : name + ": " + value + " ";
}

/// A layout of 16 accelerators with options that go together.
std::string layout(Random& random, bool moe) {
  const int tensor = one_of<int>(random, {1, 2, 4}), pipeline = one_of<int>(random, {1, 2, 4});
  const int context = tensor * pipeline <= 8 ? one_of<int>(random, {1, 2}) : 1;
  const int holders = kAccelerators / tensor / pipeline;
  const int zero = one_of<int>(random, {0, 1, 2, 3});
  const std::string schedule = one_of<std::string>(
      random, {"one_f_one_b", "interleaved", "gpipe", "zb_h1", "zb_v", "breadth_first"});
  const bool chunks = schedule == "interleaved" || schedule == "breadth_first";
  const bool alternates = schedule == "interleaved" || schedule == "one_f_one_b";
  std::string text = "tensor: " + std::to_string(tensor) +
                     " pipeline: " + std::to_string(pipeline) +
                     " context: " + std::to_string(context) + " zero: " + std::to_string(zero) +
                     " schedule: " + schedule + (chunks ? " virtual_stages: 2 " : " ");
  const std::vector<std::string> truth{"", "true", "false"};
  const int shard = std::max(1, holders / one_of<int>(random, {1, 2}));
  if (zero > 0 && shard < holders) text += "shard: " + std::to_string(shard) + " ";
  if (zero == 3) text += field("backward_shard", one_of<std::string>(random, {"", "1"}));
  text += field("bucket", one_of<std::string>(random, {"", "4e8"}));
  for (const char* name : {"overlap", "overlap_gradients", "overlap_weights"}) {
    text += field(name, one_of(random, truth));
  }
  text += field("gradients_every_pass", one_of(random, truth));
  text += field("reduce_format", one_of<std::string>(random, {"", "\"bf16\"", "\"int4\""}));
  text +=
      field("order", one_of<std::string>(random, {"", "\"tp-pp-cp-dp\"", "\"tp-cp-dp-ep-pp\""}));
  text += field("context_kind", one_of<std::string>(random, {"", "kv_ring", "ulysses"}));
  if (alternates) text += field("overlap_experts", one_of(random, truth));
  if (!moe) return text + field("sequence_parallel", one_of(random, truth));
  const int cut = std::min(tensor, one_of<int>(random, {1, 2}));
  text += "expert_tensor: " + std::to_string(cut) + " ";
  return text + "expert: " + std::to_string(std::min(4, kAccelerators / pipeline / cut)) + " ";
}

std::string training(Random& random, bool moe) {
  std::string text = "sequence: 4096 global_batch: 64 parallel { " + layout(random, moe) + "} ";
  text += one_of<std::string>(random,
                              {"", "recompute: selective ", "recompute: full ",
                               "recompute: full recompute_layers: 1 ", "recompute_parts: norms "});
  text += one_of<std::string>(random, {"", "optimizer: muon ", "document_tokens: 1024 ",
                                       "states { weights: \"fp32\" master_weights: \"none\" } "});
  return text;
}

/// A time for each work that follows from what it is, and shares nothing with others.
TimedPlan timed(const Plan& plan) {
  TimedPlan result;
  result.plan = &plan;
  result.cores = 132;
  for (const Work& work : plan.works) {
    TimedWork one;
    double seconds = 1e-6;
    for (const auto& kernel : work.kernels) {
      seconds += kernel.count * (1e-6 + kernel.flops.si() / 4e14 + kernel.hbm_bytes.si() / 2e12);
    }
    if (work.is_communication) {
      seconds += 1e-5 * work.communication.group.size + work.communication.bytes.si() / 1e11;
    } else {
      one.widths = {{Seconds::from_si(seconds), result.cores}};
    }
    one.alone = Seconds::from_si(seconds);
    result.works.push_back(one);
  }
  return result;
}

class Layouts : public testing::TestWithParam<bool> {
 protected:
  workloads::test::Ground on_ =
      GetParam() ? workloads::test::ground("mixtral-8x7b", "b200-sxm", kAccelerators, "layers: 8")
                 : workloads::test::ground("llama-3.1-8b", "b200-sxm", kAccelerators, "layers: 8");
};

TEST_P(Layouts, EnginesAgreeAndFoldingChangesNothing) {
  int planned = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed, "layouts");
    const std::string text = training(random, GetParam());
    SCOPED_TRACE(testing::Message() << "seed " << seed << ": " << text);
    Diagnostics diagnostics;
    const auto folded = workloads::test::placed(on_, text, diagnostics);
    for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << to_string(d);
    if (!folded || !std::holds_alternative<TrainingPlan>(*folded)) continue;
    ++planned;
    const Plan& plan = std::get<TrainingPlan>(*folded).plan;
    const double analytic = execute_analytic(timed(plan)).makespan.si();
    EXPECT_GT(analytic, 0);
    EXPECT_NEAR(test::event_in_child(timed(plan)).makespan.si() / analytic, 1, 1e-6);
    const TrainingPlan whole = workloads::test::plan_of(on_, text, Folding::unfolded);
    EXPECT_NEAR(execute_analytic(timed(whole.plan)).makespan.si() / analytic, 1, 1e-6);
    const double flops = workloads::test::plan_flops(plan, true);
    EXPECT_NEAR(workloads::test::plan_flops(whole.plan, true) / flops, 1, 1e-9);
  }
  EXPECT_GT(planned, static_cast<int>(kSeeds) * 3 / 4);
}

INSTANTIATE_TEST_SUITE_P(Models, Layouts, testing::Bool());

}  // namespace
}  // namespace aisle::sim
