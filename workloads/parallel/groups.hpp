// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/parallel/job.hpp"

#include <initializer_list>
#include <map>
#include <utility>
#include <vector>

namespace aisle::workloads::parallel {

/// Who takes part in a communication of one pipeline rank.
enum class Group {
  self,
  tensor,
  context,
  expert,
  expert_tensor,  ///< those that hold parts of the same experts
  data,           ///< holders of the same part of the shared weights
  shard,          ///< those of them that hold one copy together
  across,         ///< those of them with the same share of their copies
  inner,          ///< those of a shard that keep the weights for the backward pass
  outer,          ///< those of a shard with the same share of what `inner` keeps
  expert_data,    ///< holders of the same routed experts; below: as with shared weights
  expert_shard,
  expert_across,
  expert_inner,
  expert_outer,
  all  ///< every accelerator of the job
};

/// The group of routed experts that belongs to one of shared weights.
Group of_experts(Group group);

/// Groups of replicas by their index below one pipeline rank (tensor fastest, then context, then
/// data); shards and what they keep inside are runs. Expert groups are runs of `expert` consecutive
/// replicas. In a folded plan there is one representative, index 0, and it alone is a member;
/// shapes are always those of the real groups.
class Groups {
 public:
  explicit Groups(const Job& job);

  int replicas() const { return replicas_; }

  /// Members by replica index, group by group; planned ranks only.
  const std::vector<std::vector<int>>& members(Group group) const {
    if (job_.folding == Folding::folded) return representative_;
    return job_.folding == Folding::one_group ? planned_.at(group) : real_.at(group);
  }

  /// How the groups of a pipeline rank lie in the cluster; the widest spread where they differ
  /// (then `uneven` is set). DualPipe's data groups reach over the mirrored pipeline rank too.
  topology::Hierarchy hierarchy(Group group, int pipeline_rank);
  /// Of sender and receiver of pipeline messages.
  topology::Hierarchy pair(int from_pipeline_rank, int to_pipeline_rank);

  bool uneven() const { return uneven_; }

 private:
  std::vector<std::vector<int>> real_members(Group group) const;
  std::vector<std::vector<int>> distinct_members(Group group, int pipeline_rank) const;
  int number_of(Group group, int replica) const;
  int part_of(Group group, int k) const;
  /// Widest spread of the groups' members, at each of these pipeline ranks together.
  topology::Hierarchy widest(const std::vector<std::vector<int>>& groups,
                             std::initializer_list<int> pipeline_ranks);

  const Job& job_;
  int replicas_ = 1;
  std::vector<std::vector<int>> representative_{{0}};
  std::map<Group, std::vector<std::vector<int>>> real_;
  std::map<Group, std::vector<std::vector<int>>> planned_;  ///< the first replicas alone
  std::map<std::pair<Group, int>, topology::Hierarchy> hierarchies_;
  std::map<std::pair<int, int>, topology::Hierarchy> pairs_;
  bool uneven_ = false;
};

}  // namespace aisle::workloads::parallel
