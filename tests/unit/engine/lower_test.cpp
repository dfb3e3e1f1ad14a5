// SPDX-License-Identifier: Apache-2.0
// A computation lasts as long as on the most loaded and slowest member; gaps between launches and
// communication do not.
#include "sim/base/proto_text.hpp"
#include "sim/engine/engine.hpp"
#include "sim/study/scenario.pb.h"
#include "tests/unit/kernels/support.hpp"

#include <string>

namespace aisle::sim {
namespace {

topology::Cluster cluster(const std::string& fields) {
  Diagnostics diagnostics;
  SourceMap places;
  pb::Cluster spec;
  EXPECT_TRUE(
      read_text("accelerator: \"h800\" count: 2048 " + fields, "test", spec, places, diagnostics));
  return topology::build_cluster(spec, places, shipped_catalogue(), diagnostics).value();
}

/// One product, launched three times, then a reduction over 64 ranks.
workloads::Plan plan_with(double load) {
  workloads::Plan plan;
  workloads::Work compute;
  compute.kernels = {product(4096, 4096, 4096)};
  compute.kernels.front().count = 3;
  compute.kernels.front().load = load;
  plan.add_work(compute);
  workloads::Work communication;
  communication.is_communication = true;
  communication.communication.kind = workloads::CollectiveKind::all_reduce;
  communication.communication.bytes = 1 * units::GB;
  communication.communication.group = {64, 8, 8, 1};
  plan.add_work(communication);
  return plan;
}

TEST(Lower, LoadAndSlowestMemberStretchComputation) {
  const KernelModel kernels(hopper("h800-sxm"), shipped_catalogue());
  const topology::Cluster even = cluster("speed_spread: 0"), uneven = cluster("");
  const workloads::Plan mean = plan_with(1), loaded = plan_with(1.18);
  const TimedPlan alone = lower(mean, even, kernels);
  const TimedPlan stretched = lower(loaded, uneven, kernels);
  const double launches = 3 * kernels.time_of(mean.works[0].kernels[0]).time.si();
  const double gaps = 3 * kernels.launch_gap().si();
  EXPECT_EQ(alone.slowest, 1);
  EXPECT_EQ(stretched.slowest, uneven.slowest_factor());
  EXPECT_NEAR(alone.works[0].alone.si(), launches + gaps, 1e-12);
  EXPECT_NEAR(stretched.works[0].alone.si(), launches * 1.18 * uneven.slowest_factor() + gaps,
              1e-12);
  EXPECT_EQ(stretched.works[1].alone, alone.works[1].alone);
}

}  // namespace
}  // namespace aisle::sim
