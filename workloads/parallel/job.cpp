// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/job.hpp"

#include <algorithm>
#include <numeric>

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
  const int rank = stage % job.layout.pipeline;
  return direction == 0 ? rank : job.layout.pipeline - 1 - rank;
}

Groups::Groups(const Job& job)
    : job_(job), replicas_(job.folding == Folding::folded ? 1 : job.stage_width()) {
  for (const Group group :
       {Group::tensor, Group::context, Group::expert, Group::data, Group::expert_data}) {
    real_.emplace(group, real_members(group));
  }
  if (job.folding == Folding::folded) return;
  real_.emplace(Group::self, real_members(Group::self));
  real_.emplace(Group::all, real_members(Group::all));
}

std::vector<std::vector<int>> Groups::real_members(Group group) const {
  const Layout& layout = job_.layout;
  const int width = job_.stage_width();
  int groups = 1;
  std::vector<int> group_of(static_cast<std::size_t>(width));
  for (int i = 0; i < width; ++i) {
    const int tensor = i % layout.tensor;
    const int data = i / (layout.tensor * layout.context);
    int index = 0;
    switch (group) {
      case Group::self:
        index = i;
        break;
      case Group::tensor:
        index = i / layout.tensor;
        break;
      case Group::context:
        index = data * layout.tensor + tensor;
        break;
      case Group::expert:
        index = i / layout.expert;
        break;
      case Group::data:
        index = tensor;
        break;
      case Group::expert_data:
        index = i % layout.expert;
        break;
      case Group::all:
        index = 0;
        break;
    }
    group_of[static_cast<std::size_t>(i)] = index;
    groups = std::max(groups, index + 1);
  }
  std::vector<std::vector<int>> members(static_cast<std::size_t>(groups));
  for (int i = 0; i < width; ++i) {
    members[static_cast<std::size_t>(group_of[static_cast<std::size_t>(i)])].push_back(i);
  }
  return members;
}

/// Groups of one kind are the same figure moved along the accelerators: shapes repeat with the
/// scale-up domain, so that the cost does not follow the number of groups.
topology::Hierarchy Groups::widest(const std::vector<std::vector<int>>& groups,
                                   std::initializer_list<int> bases) {
  const int period = std::max(1, job_.cluster->domain_size());
  std::vector<bool> seen(static_cast<std::size_t>(period), false);
  topology::Hierarchy found;
  bool first = true;
  for (const auto& members : groups) {
    const auto offset = static_cast<std::size_t>((*bases.begin() + members.front()) % period);
    if (seen[offset]) continue;
    seen[offset] = true;
    std::vector<int> ids;
    ids.reserve(members.size() * bases.size());
    for (const int base : bases) {
      for (const int member : members) ids.push_back(base + member);
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
  const int width = job_.stage_width();
  if (group == Group::all) {
    std::vector<int> ids(static_cast<std::size_t>(width * job_.layout.pipeline));
    std::iota(ids.begin(), ids.end(), 0);
    return hierarchies_[key] = job_.cluster->hierarchy(ids);
  }
  const int mirror = mirror_of(job_, pipeline_rank);
  const bool both =
      mirror != pipeline_rank && (group == Group::data || group == Group::expert_data);
  const auto& groups = real_.at(group);
  return hierarchies_[key] = both ? widest(groups, {std::min(mirror, pipeline_rank) * width,
                                                    std::max(mirror, pipeline_rank) * width})
                                  : widest(groups, {pipeline_rank * width});
}

topology::Hierarchy Groups::pair(int from_pipeline_rank, int to_pipeline_rank) {
  const auto key = std::pair{from_pipeline_rank, to_pipeline_rank};
  const auto known = pairs_.find(key);
  if (known != pairs_.end()) return known->second;
  const int width = job_.stage_width();
  std::vector<std::vector<int>> replicas;
  for (int i = 0; i < std::min(width, job_.cluster->domain_size()); ++i) replicas.push_back({i});
  return pairs_[key] = widest(replicas, {from_pipeline_rank * width, to_pipeline_rank * width});
}

}  // namespace aisle::workloads::parallel
