// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/data_parallel.hpp"

#include "workloads/parallel/kernel_list.hpp"

#include <algorithm>

namespace aisle::workloads::parallel {

std::vector<Kernel> optimizer_kernels(const Job& job, double parameters, double held) {
  const StateSizes& size = job.states;
  const auto rows = static_cast<std::int64_t>(parameters);
  const auto all = static_cast<std::int64_t>(held);
  KernelList kernels(job);
  kernels.stream(Family::optimizer, "gradient norm", Direction::forward, rows, 1, size.gradients);
  kernels.stream(Family::optimizer, "Adam update", Direction::forward, rows, 1,
                 size.gradients + 2 * size.master_weights + 4 * size.moments + size.weights);
  kernels.stream(Family::optimizer, "clear gradients", Direction::forward,
                 job.layout.zero >= 2 ? rows : all, 1, size.gradients);
  kernels.cast("cast weights", Direction::forward, all, 1);
  return kernels.take();
}

DataParallel::DataParallel(const Job& job, Groups& groups, Plan& plan, WorkTable& works,
                           const std::vector<Stage>& stages)
    : job_(job), groups_(groups), plan_(plan), works_(works), stages_(stages) {}

std::vector<DataParallel::Part> DataParallel::parts(int stage, std::size_t layer) const {
  const LayerSteps& steps = stages_[static_cast<std::size_t>(stage)].layers[0][layer];
  std::vector<Part> found;
  if (steps.parameters > 0) found.push_back({steps.parameters, Group::data});
  if (steps.expert_parameters > 0) found.push_back({steps.expert_parameters, Group::expert_data});
  return found;
}

std::vector<int> DataParallel::holders(int stage) const {
  const int rank = rank_of_stage(job_, stage, 0);
  const int mirror = mirror_of(job_, rank);
  if (mirror == rank) return {rank};
  return {rank, mirror};
}

void DataParallel::collective(const char* name, CollectiveKind kind, int stage, const Part& part,
                              double bytes_per_parameter, const ByRank& after, ByRank& done) {
  const std::vector<int> ranks = holders(stage);
  const topology::Hierarchy shape = groups_.hierarchy(part.group, ranks.front());
  const auto count = static_cast<std::size_t>(groups_.replicas());
  if (shape.size <= 1) {
    for (const int rank : ranks) {
      const auto found = after.find(rank);
      if (found == after.end()) continue;
      auto& list = done[rank];
      list.insert(list.end(), found->second.begin(), found->second.end());
    }
    return;
  }
  Communication c;
  c.kind = kind;
  c.bytes = part.parameters * bytes_per_parameter * units::B;
  c.group = shape;
  const std::int32_t work = works_.communication(name, c);
  std::map<int, Operations> results;
  for (const int rank : ranks) results[rank].assign(count, -1);
  for (const auto& members : groups_.members(part.group)) {
    std::vector<Place> places;
    std::vector<std::int32_t> waits;
    for (const int rank : ranks) {
      for (const int member : members) {
        places.push_back({rank * groups_.replicas() + member, Stream::data_parallel});
        const auto found = after.find(rank);
        if (found == after.end()) continue;
        for (const Operations& operations : found->second) {
          const std::int32_t operation = operations[static_cast<std::size_t>(member)];
          if (operation >= 0) waits.push_back(operation);
        }
      }
    }
    std::sort(waits.begin(), waits.end());
    waits.erase(std::unique(waits.begin(), waits.end()), waits.end());
    const std::int32_t operation = plan_.add(work, places, waits, Phase::communication);
    for (const int rank : ranks) {
      for (const int member : members) {
        results[rank][static_cast<std::size_t>(member)] = operation;
      }
    }
  }
  for (auto& [rank, operations] : results) done[rank].push_back(std::move(operations));
}

void DataParallel::begin() {
  const int zero = job_.layout.zero;
  if (!job_.overlap || zero < 1 || zero > 2) return;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    const std::size_t layers = stages_[static_cast<std::size_t>(stage)].layers[0].size();
    for (std::size_t layer = 0; layer < layers; ++layer) {
      for (const Part& part : parts(stage, layer)) {
        collective("weight all-gather", CollectiveKind::all_gather, stage, part,
                   job_.states.weights, {}, gathered_[{stage, layer}]);
      }
    }
  }
}

void DataParallel::expect(int pipeline_rank, const std::vector<Action>& program) {
  for (const Action& action : program) {
    if (action.kind == Action::Kind::forward || action.kind == Action::Kind::backward_input) {
      continue;
    }
    ++passes_left_[{action.backward.stage, pipeline_rank}];
    // After a chunk the step goes on: its pass is not the stage's last.
    if (job_.chunk) ++passes_left_[{action.backward.stage, pipeline_rank}];
  }
}

/// ZeRO-3: the gather may run while the layer before this one does.
void DataParallel::gather_ahead(Flow& flow, const Pass& pass, std::size_t layer) {
  ByRank done;
  for (const Part& part : parts(pass.stage, layer)) {
    collective("weight all-gather", CollectiveKind::all_gather, pass.stage, part,
               job_.states.weights, {{flow.pipeline_rank(), {flow.layer_start()}}}, done);
  }
  flow.start_layer();
  for (const Operations& operations : done[flow.pipeline_rank()]) flow.depend(operations);
}

void DataParallel::before_forward(Flow& flow, const Pass& pass, std::size_t layer) {
  if (job_.layout.zero >= 3) return gather_ahead(flow, pass, layer);
  const auto found = gathered_.find({pass.stage, layer});
  if (found == gathered_.end()) return;
  // Only the first pass at each holder has to wait; queues order the others behind it.
  auto at = found->second.find(flow.pipeline_rank());
  if (at == found->second.end()) return;
  for (const Operations& operations : at->second) flow.depend(operations);
  found->second.erase(at);
}

void DataParallel::before_backward(Flow& flow, const Pass& pass, std::size_t layer) {
  if (job_.layout.zero >= 3) gather_ahead(flow, pass, layer);
}

void DataParallel::reduce(int stage, std::size_t layer, const ByRank& after) {
  const bool sharded = job_.layout.zero >= 1;
  for (const Part& part : parts(stage, layer)) {
    collective(sharded ? "gradient reduce-scatter" : "gradient all-reduce",
               sharded ? CollectiveKind::reduce_scatter : CollectiveKind::all_reduce, stage, part,
               job_.states.gradients, after, reduced_);
  }
}

void DataParallel::after_weight(Flow& flow, const Pass& pass, std::size_t layer) {
  const int rank = flow.pipeline_rank();
  const bool last = passes_left_.at({pass.stage, rank}) == 1;
  if (!last && job_.layout.zero < 3) return;
  ByRank& ready = ready_[{pass.stage, layer}];
  ready[rank] = {flow.weights()};
  const bool everywhere = ready.size() == holders(pass.stage).size();
  if (!everywhere || (!job_.overlap && job_.layout.zero < 3)) return;
  reduce(pass.stage, layer, ready);
  ready_.erase({pass.stage, layer});
}

void DataParallel::after_pass(Flow& flow, const Pass& pass) {
  --passes_left_.at({pass.stage, flow.pipeline_rank()});
  computed_[flow.pipeline_rank()] = flow.weights();
}

std::int32_t DataParallel::optimizer_work(int pipeline_rank) {
  double parameters = 0, held = 0;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    const std::vector<int> ranks = holders(stage);
    if (std::find(ranks.begin(), ranks.end(), pipeline_rank) == ranks.end()) continue;
    const double copies = static_cast<double>(ranks.size());
    const double sharing = job_.layout.data * job_.layout.context * copies;
    const double expert_sharing = job_.expert_holders() * copies;
    for (const LayerSteps& layer : stages_[static_cast<std::size_t>(stage)].layers[0]) {
      const bool sharded = job_.layout.zero >= 1;
      held += layer.parameters + layer.expert_parameters;
      parameters += layer.parameters / (sharded ? sharing : 1);
      parameters += layer.expert_parameters / (sharded ? expert_sharing : 1);
    }
  }
  return works_.computation("optimizer", optimizer_kernels(job_, parameters, held));
}

void DataParallel::update() {
  const int replicas = groups_.replicas();
  std::vector<Place> places;
  std::vector<std::int32_t> waits;
  std::map<int, std::vector<std::int32_t>> by_replica;  // of rank index in the plan
  for (int rank = 0; rank < job_.layout.pipeline; ++rank) {
    for (int i = 0; i < replicas; ++i) {
      places.push_back({rank * replicas + i, Stream::data_parallel});
      auto& own = by_replica[rank * replicas + i];
      for (const Operations& operations : reduced_[rank]) {
        own.push_back(operations[static_cast<std::size_t>(i)]);
      }
      if (!computed_[rank].empty()) { own.push_back(computed_[rank][static_cast<std::size_t>(i)]); }
      own.erase(std::remove(own.begin(), own.end(), -1), own.end());
      waits.insert(waits.end(), own.begin(), own.end());
    }
  }
  std::sort(waits.begin(), waits.end());
  waits.erase(std::unique(waits.begin(), waits.end()), waits.end());
  Communication c;
  c.kind = CollectiveKind::all_reduce;
  c.bytes = 8.0 * units::B;  // clipping needs the norm over all gradients
  c.group = groups_.hierarchy(Group::all, 0);
  if (c.group.size > 1) {
    waits = {plan_.add(works_.communication("gradient norm all-reduce", c), places, waits,
                       Phase::communication)};
  }
  for (int rank = 0; rank < job_.layout.pipeline; ++rank) {
    const std::int32_t work = optimizer_work(rank);
    Operations updated;
    for (int i = 0; i < replicas; ++i) {
      updated.push_back(
          plan_.add(work, {{rank * replicas + i, Stream::compute}}, waits, Phase::optimizer));
    }
    computed_[rank] = updated;
  }
}

void DataParallel::finish() {
  for (const auto& [key, ready] : ready_) {
    ByRank after;
    for (const int rank : holders(key.first)) after[rank] = {computed_[rank]};
    reduce(key.first, key.second, after);
  }
  ready_.clear();
  update();
  if (job_.overlap || job_.layout.zero < 1 || job_.layout.zero > 2) return;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    ByRank after, done;
    for (const int rank : holders(stage)) after[rank] = {computed_[rank]};
    const std::size_t layers = stages_[static_cast<std::size_t>(stage)].layers[0].size();
    for (std::size_t layer = 0; layer < layers; ++layer) {
      for (const Part& part : parts(stage, layer)) {
        collective("weight all-gather", CollectiveKind::all_gather, stage, part,
                   job_.states.weights, after, done);
      }
    }
  }
}

}  // namespace aisle::workloads::parallel
