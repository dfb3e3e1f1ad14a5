// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/job.hpp"

#include <algorithm>
#include <numeric>

namespace aisle::workloads::parallel {

namespace {

constexpr int kGroups = 7;

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
  for (int kind = 0; kind < kGroups; ++kind) {
    if (job.folding == Folding::folded) {
      members_.push_back({{0}});
    } else {
      members_.push_back(all_members(static_cast<Group>(kind)));
    }
  }
}

std::vector<std::vector<int>> Groups::all_members(Group group) const {
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

topology::Hierarchy Groups::hierarchy(Group group, int pipeline_rank) const {
  const int width = job_.stage_width();
  if (group == Group::all) {
    std::vector<int> ids(static_cast<std::size_t>(width * job_.layout.pipeline));
    std::iota(ids.begin(), ids.end(), 0);
    return job_.cluster->hierarchy(ids);
  }
  const int mirror = mirror_of(job_, pipeline_rank);
  const bool both =
      mirror != pipeline_rank && (group == Group::data || group == Group::expert_data);
  topology::Hierarchy widest;
  bool first = true;
  for (const auto& members : all_members(group)) {
    std::vector<int> ids;
    for (const int member : members) {
      ids.push_back(pipeline_rank * width + member);
      if (both) ids.push_back(mirror * width + member);
    }
    std::sort(ids.begin(), ids.end());
    const topology::Hierarchy found = job_.cluster->hierarchy(ids);
    if (!first && !equal(found, widest)) uneven_ = true;
    if (first || wider(found, widest)) widest = found;
    first = false;
  }
  return widest;
}

topology::Hierarchy Groups::pair(int from_pipeline_rank, int to_pipeline_rank) const {
  const int width = job_.stage_width();
  topology::Hierarchy widest;
  for (int i = 0; i < width; ++i) {
    const int ids[] = {from_pipeline_rank * width + i, to_pipeline_rank * width + i};
    const topology::Hierarchy found = job_.cluster->hierarchy(ids);
    if (i > 0 && !equal(found, widest)) uneven_ = true;
    if (i == 0 || wider(found, widest)) widest = found;
  }
  return widest;
}

}  // namespace aisle::workloads::parallel
