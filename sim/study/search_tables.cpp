// SPDX-License-Identifier: Apache-2.0
#include "sim/study/search_tables.hpp"

#include "workloads/parallel/data_parallel.hpp"
#include "workloads/parallel/groups.hpp"
#include "workloads/parallel/optimizer.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

namespace aisle::sim {

namespace {

namespace parallel = workloads::parallel;
using parallel::Job;

/// Numbers below 2^width side by side in one key.
class Key {
 public:
  Key& add(int value, unsigned width) {
    key_ = key_ << width | static_cast<std::uint64_t>(value);
    return *this;
  }

  std::uint64_t value() const { return key_; }

 private:
  std::uint64_t key_ = 0;
};

constexpr unsigned kSize = 14;  // bits for a number of ranks, stages or sequences

/// Micro-batches beyond which a rank never has more in hand.
int saturating(const Job& job) {
  if (goes_in_rows(job)) return 1;
  return std::min(job.layout.micro_batches, 2 * job.layout.pipeline);
}

power::Activity activity_of(const workloads::CommunicationCost& cost) {
  power::Activity activity;
  activity.hbm = cost.hbm;
  activity.scale_up = cost.scale_up_out + cost.scale_up_in;
  activity.nic = cost.scale_out_out + cost.scale_out_in;
  return activity;
}

}  // namespace

bool goes_in_rows(const Job& job) {
  return job.schedule == parallel::Schedule::gpipe ||
         job.schedule == parallel::Schedule::breadth_first;
}

const parallel::PipelineOrder& SearchTables::order(const Job& job, int micro_batches) {
  const std::uint64_t key = Key()
                                .add(static_cast<int>(job.schedule), 6)
                                .add(job.layout.pipeline, kSize)
                                .add(job.layout.virtual_stages, kSize)
                                .add(job.recompute == parallel::Recompute::full ? 1 : 0, 1)
                                .add(micro_batches, 20)
                                .value();
  const auto found = orders_.find(key);
  if (found != orders_.end()) return found->second;
  Job other = job;
  other.layout.micro_batches = micro_batches;
  return orders_.emplace(key, parallel::order_of(other)).first->second;
}

const std::vector<parallel::Backlog>& SearchTables::backlog(const Job& job) {
  const std::uint64_t key = Key()
                                .add(static_cast<int>(job.schedule), 6)
                                .add(job.layout.pipeline, kSize)
                                .add(job.layout.virtual_stages, kSize)
                                .add(saturating(job), 20)
                                .value();
  const auto found = backlogs_.find(key);
  if (found != backlogs_.end()) return found->second;
  Job other = job;
  other.layout.micro_batches = saturating(job);
  std::vector<parallel::Backlog> ranks;
  for (int rank = 0; rank < job.layout.pipeline; ++rank) {
    ranks.push_back(parallel::backlog_of(other, rank));
  }
  return backlogs_.emplace(key, std::move(ranks)).first->second;
}

const std::vector<int>& SearchTables::fullest(const Job& job) {
  const std::vector<parallel::Backlog>& ranks = backlog(job);
  const auto [at, is_new] = fullest_.try_emplace({&ranks, &passes.shape(job, 0)});
  if (!is_new) return at->second;
  const auto like = [&](const parallel::Backlog& a, const parallel::Backlog& b) {
    return std::equal(a.stages.begin(), a.stages.end(), b.stages.begin(), b.stages.end(),
                      [&](int one, int other) {
                        return passes.shape(job, one).id == passes.shape(job, other).id;
                      });
  };
  using States = std::vector<std::vector<int>>;
  const auto within = [](const States& a, const States& b) {
    return std::all_of(a.begin(), a.end(), [&](const std::vector<int>& state) {
      return std::any_of(b.begin(), b.end(), [&](const std::vector<int>& other) {
        return std::equal(state.begin(), state.end(), other.begin(), std::less_equal<>());
      });
    });
  };
  const auto exceeds = [&](int other, int rank) {
    const parallel::Backlog& a = ranks[static_cast<std::size_t>(rank)];
    const parallel::Backlog& b = ranks[static_cast<std::size_t>(other)];
    return like(a, b) && within(a.kept, b.kept) && within(a.open, b.open);
  };
  std::vector<int>& kept = at->second;
  for (int rank = 0; rank < job.layout.pipeline; ++rank) {
    const auto beyond = [&](int other) { return exceeds(other, rank); };
    if (std::any_of(kept.begin(), kept.end(), beyond)) continue;
    std::erase_if(kept, [&](int other) { return exceeds(rank, other); });
    kept.push_back(rank);
  }
  return kept;
}

const std::vector<parallel::StageLoad>& SearchTables::load(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::uint64_t key = Key()
                                .add(layout.tensor, 10)
                                .add(layout.context, kSize)
                                .add(layout.expert, kSize)
                                .add(job.micro_batch, kSize)
                                .add(static_cast<int>(job.recompute), 3)
                                .add(layout.pipeline > 1 ? 1 : 0, 1)
                                .add(static_cast<int>(job.schedule), 6)
                                .value();
  const auto found = loads_.find(key);
  if (found != loads_.end()) return found->second;
  std::vector<parallel::StageLoad> classes;
  for (const workloads::Layer& layer : passes.classes()) {
    classes.push_back(parallel::load_of(job, {layer}));
  }
  return loads_.emplace(key, std::move(classes)).first->second;
}

const std::vector<ReplicaTimes>& SearchTables::replica(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const bool mirrored = parallel::mirror_of(job, 0) != 0, sharded = layout.zero >= 1;
  const std::uint64_t cut = Key()
                                .add(layout.tensor, 10)
                                .add(layout.context, kSize)
                                .add(layout.expert, kSize)
                                .add(layout.pipeline, kSize)
                                .add(mirrored ? 1 : 0, 1)
                                .add(sharded ? 1 : 0, 1)
                                .value();
  // What is sent of a parameter, and among how many, follows from the ZeRO stage too.
  const std::tuple key{cut, job.shard(), job.sharding.gradients, job.sharding.weights};
  const auto found = replicas_.find(key);
  if (found != replicas_.end()) return found->second;
  parallel::Groups groups(job);
  std::vector<ReplicaTimes> classes;
  for (const workloads::Layer& layer : passes.classes()) {
    const auto traffic = parallel::replica_traffic(job, groups, layer);
    ReplicaTimes times;
    for (const workloads::Communication& c : traffic.reduce) {
      const auto cost = workloads::cost_of(c, cluster_, kernels_.communication());
      times.reduce += cost.alone.si();
      times.cores = std::max(times.cores, cost.cores);
      times.reduce_activity += activity_of(cost);
    }
    for (const workloads::Communication& c : traffic.gather) {
      const auto cost = workloads::cost_of(c, cluster_, kernels_.communication());
      times.gather += cost.alone.si();
      times.gather_activity += activity_of(cost);
    }
    classes.push_back(times);
  }
  return replicas_.emplace(key, std::move(classes)).first->second;
}

/// Neighbours lie in few different ways: each is timed once.
const std::vector<double>& SearchTables::messages(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const int width = job.stage_width(), ranks = layout.pipeline;
  const std::uint64_t key = Key()
                                .add(width, 20)
                                .add(layout.tensor, 10)
                                .add(layout.context, kSize)
                                .add(job.micro_batch, kSize)
                                .value();
  const auto found = messages_.find(key);
  if (found != messages_.end()) return found->second;
  const auto spread = [](const topology::Hierarchy& a) {
    return std::tuple{a.domains, a.per_domain, a.pods};
  };
  std::map<std::tuple<int, int, int>, double> known;
  workloads::Communication c;
  c.kind = workloads::CollectiveKind::send_recv;
  c.bytes = job.message_bytes() * units::B;
  std::vector<double> seconds;
  for (int rank = 0; rank < ranks && ranks > 1; ++rank) {
    double longest = 0;
    for (int replica = 0; replica < std::min(width, cluster_.domain_size()); ++replica) {
      c.group = cluster_.hierarchy(
          std::array{job.accelerator(rank, replica), job.accelerator((rank + 1) % ranks, replica)});
      const auto [at, is_new] = known.emplace(spread(c.group), 0);
      if (is_new) {
        at->second = workloads::cost_of(c, cluster_, kernels_.communication()).alone.si();
      }
      longest = std::max(longest, at->second);
    }
    seconds.push_back(longest);
  }
  return messages_.emplace(key, std::move(seconds)).first->second;
}

double SearchTables::tied(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::uint64_t key = Key()
                                .add(job.stage_width(), 20)
                                .add(layout.tensor, 10)
                                .add(layout.pipeline, kSize)
                                .add(layout.virtual_stages, 12)
                                .add(static_cast<int>(job.schedule), 5)
                                .value();
  const auto [at, is_new] = ties_.emplace(key, 0);
  if (!is_new) return at->second;
  parallel::Groups groups(job);
  const auto c = parallel::tied_traffic(job, groups);
  if (c) at->second = workloads::cost_of(*c, cluster_, kernels_.communication()).alone.si();
  return at->second;
}

double SearchTables::norm(const Job& job) {
  if (!norm_) {
    const workloads::Communication c = parallel::norm_traffic(job);
    norm_ =
        c.group.size > 1 ? workloads::cost_of(c, cluster_, kernels_.communication()).alone.si() : 0;
  }
  return *norm_;
}

/// On the rank that updates most.
const UpdateTimes& SearchTables::optimizer(const Job& job) {
  const workloads::Layout& layout = job.layout;
  const std::uint64_t key = Key()
                                .add(layout.tensor, 10)
                                .add(layout.context, 12)
                                .add(layout.expert, 12)
                                .add(layout.pipeline, 12)
                                .add(layout.virtual_stages, 10)
                                .add(static_cast<int>(job.schedule), 5)
                                .add(layout.zero, 2)
                                .value();
  const auto found = optimizers_.find(key);
  if (found != optimizers_.end()) return found->second;
  const auto& classes = load(job);
  double most_shared = 0, most_experts = 0;
  for (const parallel::Backlog& rank : backlog(job)) {
    double shared = 0, experts = 0;
    for (const int stage : rank.stages) {
      for (const StageRun& run : passes.shape(job, stage).runs) {
        const parallel::StageLoad& one = classes[static_cast<std::size_t>(run.layer)];
        shared += run.count * one.shared;
        experts += run.count * one.experts;
      }
    }
    if (shared + experts <= most_shared + most_experts) continue;
    most_shared = shared;
    most_experts = experts;
  }
  const double copies = parallel::mirror_of(job, 0) == 0 ? 1 : 2;
  const bool sharded = layout.zero >= 1;
  parallel::Update update;
  update.share = most_shared / (sharded ? job.shard() * copies : 1) +
                 most_experts / (sharded ? job.expert_shard(job.shard()) * copies : 1);
  update.held = most_shared + most_experts;
  UpdateTimes times;
  times.seconds = job.offload.update(update.share, job.states).si();
  if (job.offload.updated_by_host) update.share *= 1 - job.offload.optimizer;
  for (const workloads::Kernel& kernel : parallel::optimizer_kernels(job, update, {})) {
    times.activity.flops[static_cast<std::size_t>(kernel.precision)] += kernel.count * kernel.flops;
    times.activity.hbm += kernel.count * kernel.hbm_bytes;
    times.seconds += kernel.count *
                     (kernels_.time_of(kernel).time.si() * kernel.load * cluster_.slowest_factor() +
                      kernels_.launch_gap().si());
  }
  times.activity.computing = times.seconds * units::s;
  return optimizers_.emplace(key, times).first->second;
}

}  // namespace aisle::sim
