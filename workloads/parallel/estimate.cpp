// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/estimate.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/parallel/assemble.hpp"
#include "workloads/parallel/layers.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <string>
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

/// Orders the actions of all ranks by a time at which a forward pass takes one unit and a backward
/// pass two.
class Orderer {
 public:
  explicit Orderer(const Job& job)
      : job_(job),
        passes_(job.stages() * job.layout.micro_batches),
        arrival_(2 * static_cast<std::size_t>(passes_), kNever) {}

  PipelineOrder run() {
    PipelineOrder order;
    order.slots = 2 * passes_;
    const std::vector<std::vector<Action>> all = programs(job_);
    std::vector<std::size_t> next(all.size(), 0);
    std::vector<double> free(all.size(), 0);
    std::size_t left = 0;
    for (const auto& program : all) left += program.size();
    mark_last(all);
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
      const std::size_t index = next[chosen]++;
      const Action& action = all[chosen][index];
      free[chosen] = start + (goes_forward(action) ? 1 : 0) + (goes_backward(action) ? 2 : 0) +
                     (action.kind == Kind::weight ? 1 : 0);
      order.actions.push_back(ordered(action, static_cast<int>(chosen), free[chosen]));
      order.actions.back().last_backward = last_.contains({static_cast<int>(chosen), index});
    }
    return order;
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  std::int32_t slot(const Pass& pass, bool forward) const {
    return 2 * (pass.stage * job_.layout.micro_batches + pass.micro_batch) + (forward ? 0 : 1);
  }

  /// Each stage's last action with weight gradients, at each of its ranks.
  void mark_last(const std::vector<std::vector<Action>>& all) {
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      std::vector<std::ptrdiff_t> at(static_cast<std::size_t>(job_.stages()), -1);
      for (std::size_t i = 0; i < all[rank].size(); ++i) {
        const Action& action = all[rank][i];
        if (action.backward.stage < 0 || action.kind == Kind::backward_input) continue;
        at[static_cast<std::size_t>(action.backward.stage)] = static_cast<std::ptrdiff_t>(i);
      }
      for (const std::ptrdiff_t i : at) {
        if (i >= 0) last_.emplace(static_cast<int>(rank), static_cast<std::size_t>(i));
      }
    }
  }

  double ready(const Action& action) const {
    double at = 0;
    if (goes_forward(action) && action.forward.stage > 0) {
      at = arrival_[static_cast<std::size_t>(slot(action.forward, true))];
    }
    if (goes_backward(action) && action.backward.stage < job_.stages() - 1) {
      at = std::max(at, arrival_[static_cast<std::size_t>(slot(action.backward, false))]);
    }
    return at;
  }

  OrderedAction ordered(const Action& action, int rank, double end) {
    OrderedAction o;
    o.kind = action.kind;
    o.rank = static_cast<std::int16_t>(rank);
    o.forward_stage = static_cast<std::int16_t>(goes_forward(action) ? action.forward.stage : -1);
    o.backward_stage = static_cast<std::int16_t>(action.backward.stage);
    if (goes_forward(action)) {
      const Pass& pass = action.forward;
      o.first_forward = entered_.emplace(rank, pass.stage).second;
      if (pass.stage > 0) o.forward_in = slot(pass, true);
      if (pass.stage < job_.stages() - 1) {
        Pass to = pass;
        ++to.stage;
        o.forward_out = slot(to, true);
        o.forward_to = receiver(rank, to);
        arrival_[static_cast<std::size_t>(o.forward_out)] = end;
      }
    }
    if (goes_backward(action)) {
      const Pass& pass = action.backward;
      if (pass.stage < job_.stages() - 1) o.backward_in = slot(pass, false);
      if (pass.stage > 0) {
        Pass to = pass;
        --to.stage;
        o.backward_out = slot(to, false);
        o.backward_to = receiver(rank, to);
        arrival_[static_cast<std::size_t>(o.backward_out)] = end;
      }
    }
    return o;
  }

  std::int16_t receiver(int rank, const Pass& to) const {
    const int other = rank_of_stage(job_, to.stage, to.direction);
    return static_cast<std::int16_t>(other == rank ? -1 : other);
  }

  const Job& job_;
  int passes_;
  std::vector<double> arrival_;
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
  part.schedule = interleaved ? Schedule::dual_pipe : Schedule::one_f_one_b;
  Layout& layout = part.layout;
  // As few replicas as show every way in which groups lie in scale-up domains.
  const int cut = layout.tensor * layout.context;
  const int period = std::lcm(std::lcm(layout.expert, cut), job.cluster->domain_size());
  layout.data = std::max(std::lcm(layout.expert, cut) / cut, std::min(layout.data, period / cut));
  layout.pipeline = 1;
  layout.virtual_stages = 1;
  layout.zero = 0;
  layout.micro_batches = 2;
  layout.stage_layers = {sequence.transformer_layers()};
  std::vector<std::string> caveats;
  return assemble(part, caveats);
}

ReplicaTraffic replica_traffic(const Job& job, Groups& groups, const Layer& layer) {
  const HeldParameters held = held_parameters(job, layer);
  const bool sharded = job.layout.zero >= 1;
  ReplicaTraffic traffic;
  const auto add = [&](double parameters, Group group) {
    Communication c;
    c.group = groups.hierarchy(group, 0);
    if (parameters <= 0 || c.group.size <= 1) return;
    c.kind = sharded ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce;
    c.bytes = parameters * job.states.gradients * units::B;
    traffic.reduce.push_back(c);
    if (!sharded) return;
    c.kind = CollectiveKind::all_gather;
    c.bytes = parameters * job.states.weights * units::B;
    traffic.gather.push_back(c);
  };
  add(held.shared, Group::data);
  add(held.experts, Group::expert_data);
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
