// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/job.hpp"

#include <algorithm>
#include <numeric>

namespace aisle::workloads::parallel {

bool Job::recomputes(Part part) const {
  const auto bit = [](Part p) { return 1U << static_cast<unsigned>(p); };
  unsigned parts = recompute_parts;
  if (recompute == Recompute::selective) {
    parts |= bit(Part::norms) | bit(Part::activation) | bit(Part::moe_activation) |
             bit(Part::mla_up_projection) | (flash ? 0 : bit(Part::core_attention));
  }
  const bool whole = recompute == Recompute::full;
  return !whole && (parts & bit(part)) != 0;
}

Job Job::beyond_recomputed_layers() const {
  Job other = *this;
  other.recompute = Recompute::none;
  return other;
}

double Job::operand_number() const {
  if (!quantised() || block_scaled()) return number();
  return topology::size_of(precision).si() + scale_bytes();
}

double Job::message_bytes() const {
  return static_cast<double>(tokens()) / layout.tensor * model->hidden * number();
}

bool Job::asynchronous_messages() const {
  const bool waits = schedule == Schedule::one_f_one_b || schedule == Schedule::gpipe ||
                     schedule == Schedule::dual_pipe;
  return !waits && overlap;
}

double Job::scale_bytes() const {
  if (!quantised()) return 0;
  switch (scaling) {
    case Scaling::per_tensor:
      return 0;
    case Scaling::blocks:
      return 4.0 / 128;
    case Scaling::mx:
      return 1.0 / 32;
    case Scaling::nv:
      return 1.0 / 16;
  }
  return 0;
}

int mirror_of(const Job& job, int pipeline_rank) {
  return job.schedule == Schedule::dual_pipe ? job.layout.pipeline - 1 - pipeline_rank
                                             : pipeline_rank;
}

int rank_of_stage(const Job& job, int stage, int direction) {
  const bool back = job.schedule == Schedule::zb_v && stage >= job.layout.pipeline;
  const int rank = back ? job.stages() - 1 - stage : stage % job.layout.pipeline;
  return direction == 0 ? rank : job.layout.pipeline - 1 - rank;
}

int Job::accelerator(int pipeline_rank, int replica) const {
  const int t = replica % layout.tensor, c = replica / layout.tensor % layout.context;
  const int d = replica / (layout.tensor * layout.context);
  if (order.tensor == 0) return pipeline_rank * stage_width() + replica;
  return t * order.tensor + c * order.context + d * order.data + pipeline_rank * order.pipeline;
}

int Job::planned_replicas() const {
  switch (folding) {
    case Folding::folded:
      return 1;
    case Folding::one_group:
      return layout.expert;
    case Folding::unfolded:
      break;
  }
  return stage_width();
}

int Job::expert_shard(int ranks) const {
  const std::int64_t run = static_cast<std::int64_t>(ranks) * layout.tensor;
  const auto in_run =
      static_cast<int>(run / (order.experts_apart ? expert_tensor : expert_width()));
  return std::gcd(expert_holders(), std::max(1, in_run));
}

}  // namespace aisle::workloads::parallel
