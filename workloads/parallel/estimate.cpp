// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/estimate.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/parallel/assemble.hpp"
#include "workloads/parallel/layers.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

using Kind = Action::Kind;

bool goes_forward(const Action& action) {
  return action.kind == Kind::forward || action.kind == Kind::pair;
}

bool goes_backward(const Action& action) {
  return action.kind != Kind::forward && action.kind != Kind::weight;
}

/// Orders actions and messages as the planner does: by a time planned from FLOPs, in which messages
/// take none.
class Orderer {
 public:
  explicit Orderer(const Job& job)
      : job_(job),
        passes_(job.stages() * job.layout.micro_batches),
        arrival_(2 + 2 * static_cast<std::size_t>(passes_), kNever) {
    for (int stage = 0; stage < job.stages(); ++stage) {
      double cost = 1e-6;
      for (const Layer& layer : layers_of_stage(job, stage)) {
        cost += forward_flops(*job.model, layer, job.tokens(), job.sequence).in(units::TFLOP);
      }
      cost_.push_back(cost);
    }
  }

  PipelineOrder run() {
    const std::vector<std::vector<Action>> all = programs(job_);
    mark_last(all);
    std::vector<std::size_t> next(all.size(), 0);
    std::vector<double> free(all.size(), 0);
    std::size_t left = 0;
    for (const auto& program : all) left += program.size();
    for (; left > 0; --left) {
      std::size_t chosen = all.size();
      double start = kNever;
      for (std::size_t rank = 0; rank < all.size(); ++rank) {
        if (next[rank] == all[rank].size()) continue;
        const double at = std::max(free[rank], ready(all[rank][next[rank]]));
        if (at < start) {
          start = at;
          chosen = rank;
        }
      }
      AISLE_ASSERT(chosen < all.size(), "a pipeline schedule never locks up");
      deliver_until(start);
      const std::size_t index = next[chosen]++;
      const Action& action = all[chosen][index];
      free[chosen] = start + duration(action);
      add(action, static_cast<int>(chosen), free[chosen]);
      order_.steps.back().last_backward = last_.contains({static_cast<int>(chosen), index});
    }
    deliver_until(kNever);
    order_.slots = 2 + 2 * passes_;
    return std::move(order_);
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  /// Of messages that are ready at once, the planner's choice.
  using Turn = std::tuple<double, bool, int, int, int>;

  std::int32_t slot(const Pass& pass, bool forward) const {
    const int number = pass.stage * job_.layout.micro_batches + pass.micro_batch;
    return 2 + 2 * number + (forward ? 0 : 1);
  }

  double& arrival(const Pass& pass, bool forward) {
    return arrival_[static_cast<std::size_t>(slot(pass, forward))];
  }

  double cost(const Pass& pass) const { return cost_[static_cast<std::size_t>(pass.stage)]; }

  double duration(const Action& action) const {
    const double again = job_.recompute == Recompute::full ? 1 : 0;
    double sum = goes_forward(action) ? cost(action.forward) : 0;
    if (goes_backward(action)) {
      sum += ((action.kind == Kind::backward_input ? 1 : 2) + again) * cost(action.backward);
    }
    return action.kind == Kind::weight ? cost(action.backward) : sum;
  }

  /// Each stage's last action with weight gradients, at each of its ranks.
  void mark_last(const std::vector<std::vector<Action>>& all) {
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      std::map<int, std::size_t> at;
      for (std::size_t i = 0; i < all[rank].size(); ++i) {
        const Action& action = all[rank][i];
        if (action.backward.stage >= 0 && action.kind != Kind::backward_input) {
          at[action.backward.stage] = i;
        }
      }
      for (const auto& [stage, index] : at) last_.emplace(static_cast<int>(rank), index);
    }
  }

  double ready(const Action& action) {
    double at = 0;
    if (goes_forward(action) && action.forward.stage > 0) at = arrival(action.forward, true);
    if (goes_backward(action) && action.backward.stage < job_.stages() - 1) {
      at = std::max(at, arrival(action.backward, false));
    }
    return at;
  }

  void deliver_until(double time) {
    while (!messages_.empty() && std::get<double>(messages_.begin()->first) <= time) {
      order_.steps.push_back(messages_.begin()->second);
      messages_.erase(messages_.begin());
    }
  }

  void add(const Action& action, int rank, double end) {
    OrderedStep step;
    step.kind = action.kind;
    step.rank = static_cast<std::int16_t>(rank);
    step.backward_stage = static_cast<std::int16_t>(action.backward.stage);
    if (goes_forward(action)) {
      const Pass& pass = action.forward;
      step.forward_stage = static_cast<std::int16_t>(pass.stage);
      step.first_forward = entered_.emplace(rank, pass.stage).second;
      if (pass.stage > 0) step.forward_in = slot(pass, true);
      step.forward_out = post(pass, 1, rank, end);
    }
    if (goes_backward(action)) {
      const Pass& pass = action.backward;
      if (pass.stage < job_.stages() - 1) step.backward_in = slot(pass, false);
      step.backward_out = post(pass, -1, rank, end);
    }
    const int stage = step.forward_stage >= 0 ? step.forward_stage : step.backward_stage;
    step.work = stage * OrderedStep::kKinds + static_cast<int>(step.kind);
    order_.steps.push_back(step);
  }

  /// Slot of the output for the neighbouring stage, to whose rank a message will take it.
  std::int32_t post(Pass to, int by, int rank, double end) {
    const bool forward = by > 0;
    to.stage += by;
    if (to.stage < 0 || to.stage >= job_.stages()) return OrderedStep::kNowhere;
    arrival(to, forward) = end;
    const int receiver = rank_of_stage(job_, to.stage, to.direction);
    if (receiver != rank) {
      OrderedStep message;
      message.is_message = true;
      message.rank = static_cast<std::int16_t>(rank);
      message.to = static_cast<std::int16_t>(receiver);
      const int low = std::min(rank, receiver), high = std::max(rank, receiver);
      message.work = high - low == 1 ? low : high;
      message.forward_in = slot(to, forward);
      messages_.emplace(Turn{end, !forward, to.stage, to.micro_batch, to.direction}, message);
    }
    return slot(to, forward);
  }

  const Job& job_;
  int passes_;
  std::vector<double> cost_, arrival_;
  PipelineOrder order_;
  std::map<Turn, OrderedStep> messages_;
  std::set<std::pair<int, int>> entered_;       // rank and stage
  std::set<std::pair<int, std::size_t>> last_;  // rank and index in its program
};

}  // namespace

PipelineOrder order_of(const Job& job) {
  return Orderer(job).run();
}

Plan pass_plan(const Job& job, const ModelGraph& sequence, bool interleaved) {
  Job part = job;
  part.model = &sequence;
  part.chunk = true;
  part.overlap_experts = false;
  part.schedule = interleaved ? Schedule::dual_pipe : Schedule::one_f_one_b;
  Layout& layout = part.layout;
  // As few replicas as show every way in which groups lie in scale-up domains.
  const int cut = layout.tensor * layout.context;
  const int period = std::lcm(std::lcm(job.expert_width(), cut), job.cluster->domain_size());
  layout.data =
      std::max(std::lcm(job.expert_width(), cut) / cut, std::min(layout.data, period / cut));
  layout.pipeline = 1;
  layout.virtual_stages = 1;
  layout.zero = 0;
  part.sharding.every_pass = false;
  layout.micro_batches = 2;
  layout.stage_layers = {sequence.transformer_layers()};
  std::vector<std::string> caveats;
  return assemble(part, caveats);
}

ReplicaTraffic replica_traffic(const Job& job, Groups& groups, const Layer& layer) {
  const HeldParameters trained = trained_parameters(job, layer);
  const bool sharded = job.layout.zero >= 1;
  ReplicaTraffic traffic;
  const bool copies = sharded && job.shard() < job.holders();
  const auto exchange = [&](CollectiveKind kind, Group group, double bytes,
                            std::vector<Communication>& list) {
    Communication c;
    c.kind = kind;
    c.group = groups.hierarchy(group, 0);
    c.bytes = bytes * units::B;
    if (bytes > 0 && c.group.size > 1) list.push_back(c);
  };
  const auto add = [&](double parameters, bool experts, int shard) {
    const auto group = [&](Group one) { return experts ? of_experts(one) : one; };
    const Group in_shard = group(copies ? Group::shard : Group::data);
    exchange(sharded ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce, in_shard,
             parameters * job.sharding.gradients, traffic.reduce);
    if (copies) {
      exchange(CollectiveKind::all_reduce, group(Group::across),
               parameters * job.sharding.gradients / shard, traffic.reduce);
    }
    if (!sharded) return;
    exchange(CollectiveKind::all_gather, in_shard, parameters * job.sharding.weights,
             traffic.gather);
  };
  add(trained.shared, false, job.shard());
  add(trained.experts, true, job.expert_shard(job.shard()));
  return traffic;
}

Communication norm_traffic(const Job& job) {
  std::vector<int> everyone(static_cast<std::size_t>(job.stage_width() * job.layout.pipeline));
  std::iota(everyone.begin(), everyone.end(), 0);
  Communication c;
  c.kind = CollectiveKind::all_reduce;
  c.bytes = 8.0 * units::B;
  c.group = job.cluster->hierarchy(everyone);
  return c;
}

}  // namespace aisle::workloads::parallel
