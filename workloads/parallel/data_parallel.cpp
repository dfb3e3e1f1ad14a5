// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/data_parallel.hpp"

#include "workloads/parallel/optimizer.hpp"
#include "workloads/parallel/stages.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

/// Bytes of a gradient on the wire below which sums cannot be formed on the way: everybody sends
/// the shares to those who add them.
constexpr double kSummable = 2;

}  // namespace

DataParallel::DataParallel(const Job& job, Groups& groups, Plan& plan, WorkTable& works,
                           const std::vector<Stage>& stages)
    : job_(job), groups_(groups), plan_(plan), works_(works), stages_(stages) {
  // Gradients come last layer first: so buckets fill.
  for (const Stage& stage : stages) {
    const std::size_t layers = stage.layers[0].size();
    std::vector<std::size_t> units(layers, 0);
    std::size_t end = layers;
    double filled = 0;
    for (std::size_t layer = layers; layer > 0; --layer) {
      filled +=
          stage.layers[0][layer - 1].parameters + stage.layers[0][layer - 1].expert_parameters;
      if (filled < job.sharding.bucket && layer > 1) continue;
      std::fill(units.begin() + static_cast<std::ptrdiff_t>(layer) - 1,
                units.begin() + static_cast<std::ptrdiff_t>(end), layer - 1);
      end = layer - 1;
      filled = 0;
    }
    units_.push_back(std::move(units));
  }
}

std::size_t DataParallel::unit_of(int stage, std::size_t layer) const {
  return units_[static_cast<std::size_t>(stage)][layer];
}

std::size_t DataParallel::unit_end(int stage, std::size_t unit) const {
  const auto& units = units_[static_cast<std::size_t>(stage)];
  return static_cast<std::size_t>(std::upper_bound(units.begin(), units.end(), unit) -
                                  units.begin());
}

std::vector<DataParallel::Part> DataParallel::parts(int stage, std::size_t unit,
                                                    bool trained) const {
  Part shared, experts;
  experts.experts = true;
  for (std::size_t layer = unit; layer < unit_end(stage, unit); ++layer) {
    const LayerSteps& steps = stages_[static_cast<std::size_t>(stage)].layers[0][layer];
    shared.parameters += trained ? steps.trained : steps.parameters;
    experts.parameters += trained ? steps.trained_experts : steps.expert_parameters;
  }
  std::vector<Part> found;
  for (const Part& part : {shared, experts}) {
    if (part.parameters > 0) found.push_back(part);
  }
  return found;
}

/// Ranks that hold one copy of a part together.
int DataParallel::shard(const Part& part) const {
  return part.experts ? job_.expert_shard(job_.shard()) : job_.shard();
}

std::vector<int> DataParallel::holders(int stage) const {
  const int rank = rank_of_stage(job_, stage, 0);
  const int mirror = mirror_of(job_, rank);
  if (mirror == rank) return {rank};
  return {rank, mirror};
}

void DataParallel::collective(const Exchange& exchange, int stage, const Part& part,
                              const ByRank& after, ByRank& done) {
  const std::vector<int> ranks = holders(stage);
  const Group group = part.experts ? of_experts(exchange.group) : exchange.group;
  const topology::Hierarchy shape = groups_.hierarchy(group, ranks.front());
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
  c.kind = exchange.kind;
  c.bytes = exchange.bytes * units::B;
  c.group = shape;
  c.axis = ParallelAxis::data;
  const std::int32_t work = works_.communication(exchange.name, c);
  std::map<int, Operations> results;
  for (const int rank : ranks) results[rank].assign(count, -1);
  for (const auto& members : groups_.members(group)) {
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

void DataParallel::gather(int stage, std::size_t unit, Group group, const ByRank& after,
                          ByRank& done, bool trained) {
  for (const Part& part : parts(stage, unit, trained)) {
    collective({"weight all-gather", CollectiveKind::all_gather, group,
                part.parameters * job_.sharding.weights},
               stage, part, after, done);
  }
}

void DataParallel::begin() {
  const int zero = job_.layout.zero;
  if (!job_.sharding.gather_ahead || zero < 1 || zero > 2) return;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    const std::size_t layers = stages_[static_cast<std::size_t>(stage)].layers[0].size();
    for (std::size_t unit = 0; unit < layers; unit = unit_end(stage, unit)) {
      gather(stage, unit, shard_group(), {}, gathered_[{stage, unit}], true);
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

/// ZeRO-3 gathers for every pass; breadth first for the first through each chunk, which keeps the
/// weights for the others, and sums gradients after the last.
bool DataParallel::gathers(const Pass& pass) const {
  return job_.schedule != Schedule::breadth_first || pass.micro_batch == 0;
}

/// ZeRO-3: the gather may run while the unit before this one does.
void DataParallel::gather_before(Flow& flow, const Pass& pass, std::size_t unit, Group group) {
  ByRank done;
  const Operations start = job_.sharding.gather_ahead ? flow.layer_start() : flow.last();
  gather(pass.stage, unit, group, {{flow.pipeline_rank(), {start}}}, done, false);
  flow.start_layer();
  for (const Operations& operations : done[flow.pipeline_rank()]) flow.depend(operations);
}

void DataParallel::before_forward(Flow& flow, const Pass& pass, std::size_t layer) {
  if (unit_of(pass.stage, layer) != layer) return;
  if (job_.layout.zero >= 3) {
    if (gathers(pass)) gather_before(flow, pass, layer, shard_group());
    return;
  }
  const auto found = gathered_.find({pass.stage, layer});
  if (found == gathered_.end()) return;
  // Only the first pass at each holder has to wait; queues order the others behind it.
  auto at = found->second.find(flow.pipeline_rank());
  if (at == found->second.end()) return;
  for (const Operations& operations : at->second) flow.depend(operations);
  found->second.erase(at);
}

void DataParallel::before_backward(Flow& flow, const Pass& pass, std::size_t layer) {
  const std::size_t unit = unit_of(pass.stage, layer);
  if (job_.layout.zero < 3 || job_.backward_shard() == 1 || !gathers(pass)) return;
  if (layer + 1 != unit_end(pass.stage, unit)) return;
  gather_before(flow, pass, unit,
                job_.backward_shard() < job_.shard() ? Group::inner : shard_group());
}

/// To each holder of a copy its share of the sum over that copy's holders. Narrow gradients are
/// sent to who adds them: in what keeps the weights together first, then among these.
DataParallel::ByRank DataParallel::reduce_in_shard(int stage, const Part& part,
                                                   const ByRank& after) {
  const double bytes = part.parameters * job_.sharding.gradients;
  ByRank done;
  if (job_.layout.zero < 1) {
    collective({"gradient all-reduce", CollectiveKind::all_reduce, Group::data, bytes}, stage, part,
               after, done);
    return done;
  }
  if (job_.sharding.gradients >= kSummable) {
    collective({"gradient reduce-scatter", CollectiveKind::reduce_scatter, shard_group(), bytes},
               stage, part, after, done);
    return done;
  }
  const int inner = part.experts ? job_.expert_shard(job_.backward_shard()) : job_.backward_shard();
  if (inner == shard(part) || inner == 1) {
    collective({"gradient all-to-all", CollectiveKind::all_to_all, shard_group(), bytes}, stage,
               part, after, done);
    return done;
  }
  ByRank added;
  collective({"gradient all-to-all inside", CollectiveKind::all_to_all, Group::inner, bytes}, stage,
             part, after, added);
  collective(
      {"gradient all-to-all outside", CollectiveKind::all_to_all, Group::outer, bytes / inner},
      stage, part, added, done);
  return done;
}

void DataParallel::reduce(int stage, std::size_t unit, const ByRank& after, bool across) {
  const bool copies = job_.layout.zero >= 1 && job_.shard() < job_.holders();
  for (const Part& part : parts(stage, unit, true)) {
    ByRank done = reduce_in_shard(stage, part, after);
    if (copies && across) {
      const double bytes = part.parameters * job_.sharding.gradients / shard(part);
      collective({"gradient all-reduce", CollectiveKind::all_reduce, Group::across, bytes}, stage,
                 part, std::exchange(done, {}), done);
    }
    for (auto& [rank, operations] : done) {
      auto& list = reduced_[rank];
      list.insert(list.end(), operations.begin(), operations.end());
    }
  }
}

void DataParallel::after_weight(Flow& flow, const Pass& pass, std::size_t layer) {
  if (unit_of(pass.stage, layer) != layer) return;
  const int rank = flow.pipeline_rank();
  const bool last = passes_left_.at({pass.stage, rank}) == 1;
  const bool now = job_.schedule != Schedule::breadth_first &&
                   (job_.layout.zero >= 3 || job_.sharding.every_pass);
  if (!last && !now) return;
  ByRank& ready = ready_[{pass.stage, layer}];
  ready[rank] = {flow.weights()};
  const bool everywhere = ready.size() == holders(pass.stage).size();
  if (!everywhere || (!job_.sharding.reduce_behind && !now && job_.layout.zero < 3)) return;
  reduce(pass.stage, layer, ready, last || job_.sharding.every_pass);
  ready_.erase({pass.stage, layer});
}

void DataParallel::after_pass(Flow& flow, const Pass& pass) {
  --passes_left_.at({pass.stage, flow.pipeline_rank()});
  computed_[flow.pipeline_rank()] = flow.weights();
}

DataParallel::UpdateWorks DataParallel::update_works(int pipeline_rank) {
  Update update;
  std::vector<Matrices> matrices;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    const std::vector<int> ranks = holders(stage);
    if (std::find(ranks.begin(), ranks.end(), pipeline_rank) == ranks.end()) continue;
    const int copies = static_cast<int>(ranks.size());
    const bool sharded = job_.layout.zero >= 1;
    const double sharing = sharded ? job_.shard() * copies : 1;
    const double expert_sharing = sharded ? job_.expert_shard(job_.shard()) * copies : 1;
    for (const Layer& layer : layers_of_stage(job_, stage)) {
      const HeldParameters held = trained_parameters(job_, layer);
      update.held += held.shared + held.experts;
      update.share += held.shared / sharing + held.experts / expert_sharing;
      if (layer.attention.heads == 0) update.tables += held.shared / sharing;
      if (job_.muon) add_matrices(job_, layer, copies, matrices);
    }
  }
  UpdateWorks works;
  if (const Seconds away = job_.offload.update(update.share, job_.states); away > Seconds()) {
    works.away = works_.given(
        job_.offload.updated_by_host ? "update by the host" : "states through the host link", away);
    if (job_.offload.updated_by_host) update.share *= 1 - job_.offload.optimizer;
  }
  works.here = works_.computation("optimizer", optimizer_kernels(job_, update, matrices));
  return works;
}

std::optional<Communication> tied_traffic(const Job& job, Groups& groups) {
  const int first = rank_of_stage(job, 0, 0), last = rank_of_stage(job, job.stages() - 1, 0);
  if (first == last || job.chunk || mirror_of(job, first) == last) return std::nullopt;
  if (!embedding_on_both_ends(job)) return std::nullopt;
  Communication c;
  c.kind = CollectiveKind::all_reduce;
  c.bytes = static_cast<double>(job.model->hidden) * job.model->vocabulary / job.layout.tensor *
            job.states.gradients * units::B;
  c.group = groups.pair(first, last);
  return c;
}

void DataParallel::sum_tied_embeddings() {
  const auto c = tied_traffic(job_, groups_);
  if (!c) return;
  const int first = rank_of_stage(job_, 0, 0), last = rank_of_stage(job_, job_.stages() - 1, 0);
  const std::int32_t work = works_.communication("embedding all-reduce", *c);
  Operations done;
  for (int i = 0; i < groups_.replicas(); ++i) {
    std::vector<std::int32_t> waits;
    for (const int rank : {first, last}) {
      for (const Operations& operations : reduced_[rank]) {
        waits.push_back(operations[static_cast<std::size_t>(i)]);
      }
      if (!computed_[rank].empty()) waits.push_back(computed_[rank][static_cast<std::size_t>(i)]);
    }
    std::sort(waits.begin(), waits.end());
    waits.erase(std::unique(waits.begin(), waits.end()), waits.end());
    waits.erase(std::remove(waits.begin(), waits.end(), -1), waits.end());
    done.push_back(plan_.add(work,
                             {{first * groups_.replicas() + i, Stream::data_parallel},
                              {last * groups_.replicas() + i, Stream::data_parallel}},
                             waits, Phase::communication));
  }
  for (const int rank : {first, last}) reduced_[rank].push_back(done);
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
    const UpdateWorks works = update_works(rank);
    Operations updated;
    for (int i = 0; i < replicas; ++i) {
      const int member = rank * replicas + i;
      std::vector<std::int32_t> after = waits;
      if (works.away >= 0) {
        after = {plan_.add(works.away, {{member, Stream::copy}}, waits, Phase::optimizer)};
      }
      updated.push_back(
          plan_.add(works.here, {{member, Stream::compute}}, after, Phase::optimizer));
    }
    computed_[rank] = updated;
  }
}

void DataParallel::finish() {
  for (const auto& [key, ready] : ready_) {
    ByRank after;
    for (const int rank : holders(key.first)) after[rank] = {computed_[rank]};
    reduce(key.first, key.second, after, true);
  }
  ready_.clear();
  sum_tied_embeddings();
  update();
  if (job_.sharding.gather_ahead || job_.layout.zero < 1 || job_.layout.zero > 2) return;
  for (int stage = 0; stage < job_.stages(); ++stage) {
    ByRank after, done;
    for (const int rank : holders(stage)) after[rank] = {computed_[rank]};
    const std::size_t layers = stages_[static_cast<std::size_t>(stage)].layers[0].size();
    for (std::size_t unit = 0; unit < layers; unit = unit_end(stage, unit)) {
      gather(stage, unit, shard_group(), after, done, true);
    }
  }
}

}  // namespace aisle::workloads::parallel
