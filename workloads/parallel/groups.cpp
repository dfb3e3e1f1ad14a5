// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/groups.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

/// Orders spreads by what they cost: more domains first, then fewer members sharing one.
bool wider(const topology::Hierarchy& a, const topology::Hierarchy& b) {
  if (a.domains != b.domains) return a.domains > b.domains;
  if (a.per_domain != b.per_domain) return a.per_domain < b.per_domain;
  return a.pods > b.pods;
}

bool equal(const topology::Hierarchy& a, const topology::Hierarchy& b) {
  return a.domains == b.domains && a.per_domain == b.per_domain && a.pods == b.pods;
}

}  // namespace

Group of_experts(Group group) {
  const int distance = static_cast<int>(Group::expert_data) - static_cast<int>(Group::data);
  return static_cast<Group>(static_cast<int>(group) + distance);
}

Groups::Groups(const Job& job) : job_(job), replicas_(job.planned_replicas()) {
  if (job.folding == Folding::folded) return;  // one representative of all groups
  for (const Group group : {Group::tensor, Group::context, Group::expert, Group::expert_tensor}) {
    real_.emplace(group, real_members(group));
  }
  for (const Group group : {Group::data, Group::shard, Group::across, Group::inner, Group::outer}) {
    if (group != Group::data && job.backward_shard() == job.holders()) continue;  // all are data
    real_.emplace(group, real_members(group));
    real_.emplace(of_experts(group), real_members(of_experts(group)));
  }
  real_.emplace(Group::self, real_members(Group::self));
  real_.emplace(Group::all, real_members(Group::all));
  if (job.folding == Folding::unfolded) return;
  for (const auto& [group, groups] : real_) {
    for (std::vector<int> members : groups) {
      std::erase_if(members, [this](int member) { return member >= replicas_; });
      if (!members.empty()) planned_[group].push_back(std::move(members));
    }
  }
}

/// Number of a holder's group among those that hold the same weights: `k` counts these holders.
int Groups::part_of(Group group, int k) const {
  const bool experts = group >= Group::expert_data;
  const int shard = experts ? job_.expert_shard(job_.shard()) : job_.shard();
  const int inner = experts ? job_.expert_shard(job_.backward_shard()) : job_.backward_shard();
  switch (group) {
    case Group::shard:
    case Group::expert_shard:
      return k / shard;
    case Group::across:
    case Group::expert_across:
      return k % shard;
    case Group::inner:
    case Group::expert_inner:
      return k / inner;
    case Group::outer:
    case Group::expert_outer:
      return k / shard * inner + k % inner;
    default:
      return 0;
  }
}

int Groups::number_of(Group group, int replica) const {
  const Layout& layout = job_.layout;
  const int tensor = replica % layout.tensor;
  // Which of the copies of all experts the replica belongs to, and its part of them.
  const int apart = job_.expert_holders(), parts = job_.expert_width(), cut = job_.expert_tensor;
  const bool far = job_.order.experts_apart;
  const int holder = far ? replica / cut % apart : replica / parts;
  const int part = far ? replica / cut / apart * cut + replica % cut : replica % parts;
  switch (group) {
    case Group::self:
      return replica;
    case Group::tensor:
      return replica / layout.tensor;
    case Group::context:
      return replica / (layout.tensor * layout.context) * layout.tensor + tensor;
    case Group::expert:
      return holder * job_.expert_tensor + part % job_.expert_tensor;
    case Group::expert_tensor:
      return replica / job_.expert_tensor;
    case Group::all:
      return 0;
    default:
      break;
  }
  return group >= Group::expert_data
             ? part_of(group, holder) * job_.expert_width() + part
             : part_of(group, replica / layout.tensor) * layout.tensor + tensor;
}

std::vector<std::vector<int>> Groups::real_members(Group group) const {
  std::vector<std::vector<int>> members;
  for (int i = 0; i < job_.stage_width(); ++i) {
    const auto number = static_cast<std::size_t>(number_of(group, i));
    if (members.size() <= number) members.resize(number + 1);
    members[number].push_back(i);
  }
  return members;
}

/// Groups of one kind are the same figure moved along the accelerators: shapes repeat with the
/// scale-up domain. Of each place in a domain where a group may begin, the first that does.
std::vector<std::vector<int>> Groups::distinct_members(Group group, int pipeline_rank) const {
  constexpr int kUnknown = -2, kLeftOut = -1;
  const int period = std::max(1, job_.cluster->domain_size());
  std::vector<bool> seen(static_cast<std::size_t>(period), false);
  std::vector<int> index_of;  // by number of a group
  std::vector<std::vector<int>> distinct;
  for (int i = 0; i < job_.stage_width(); ++i) {
    const auto number = static_cast<std::size_t>(number_of(group, i));
    if (index_of.size() <= number) index_of.resize(number + 1, kUnknown);
    int& index = index_of[number];
    if (index == kUnknown) {
      const auto offset = static_cast<std::size_t>(job_.accelerator(pipeline_rank, i) % period);
      index = seen[offset] ? kLeftOut : static_cast<int>(distinct.size());
      if (index != kLeftOut) distinct.emplace_back();
      seen[offset] = true;
    }
    if (index != kLeftOut) distinct[static_cast<std::size_t>(index)].push_back(i);
  }
  return distinct;
}

topology::Hierarchy Groups::widest(const std::vector<std::vector<int>>& groups,
                                   std::initializer_list<int> pipeline_ranks) {
  const int period = std::max(1, job_.cluster->domain_size());
  std::vector<bool> seen(static_cast<std::size_t>(period), false);
  topology::Hierarchy found;
  bool first = true;
  for (const auto& members : groups) {
    const auto offset = static_cast<std::size_t>(
        job_.accelerator(*pipeline_ranks.begin(), members.front()) % period);
    if (seen[offset]) continue;
    seen[offset] = true;
    std::vector<int> ids;
    ids.reserve(members.size() * pipeline_ranks.size());
    for (const int rank : pipeline_ranks) {
      for (const int member : members) ids.push_back(job_.accelerator(rank, member));
    }
    const topology::Hierarchy shape = job_.cluster->hierarchy(ids);
    if (!first && !equal(shape, found)) uneven_ = true;
    if (first || wider(shape, found)) found = shape;
    first = false;
  }
  return found;
}

topology::Hierarchy Groups::hierarchy(Group group, int pipeline_rank) {
  const auto key = std::pair{group, group == Group::all ? 0 : pipeline_rank};
  const auto known = hierarchies_.find(key);
  if (known != hierarchies_.end()) return known->second;
  if (group == Group::all) {
    std::vector<int> ids(static_cast<std::size_t>(job_.stage_width() * job_.layout.pipeline));
    std::iota(ids.begin(), ids.end(), 0);
    return hierarchies_[key] = job_.cluster->hierarchy(ids);
  }
  const int mirror = mirror_of(job_, pipeline_rank);
  const bool both =
      mirror != pipeline_rank && (group == Group::data || group == Group::expert_data);
  const int first = both ? std::min(mirror, pipeline_rank) : pipeline_rank;
  const auto groups = distinct_members(group, first);
  return hierarchies_[key] = both ? widest(groups, {first, std::max(mirror, pipeline_rank)})
                                  : widest(groups, {first});
}

topology::Hierarchy Groups::pair(int from_pipeline_rank, int to_pipeline_rank) {
  const auto key = std::pair{from_pipeline_rank, to_pipeline_rank};
  const auto known = pairs_.find(key);
  if (known != pairs_.end()) return known->second;
  std::vector<std::vector<int>> replicas;
  for (int i = 0; i < job_.stage_width(); ++i) replicas.push_back({i});
  return pairs_[key] = widest(replicas, {from_pipeline_rank, to_pipeline_rank});
}

}  // namespace aisle::workloads::parallel
