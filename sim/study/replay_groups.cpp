// SPDX-License-Identifier: Apache-2.0
// Process groups of a trace, and how they grow with the job.
#include "sim/study/collective.hpp"
#include "sim/study/replay.hpp"
#include "sim/study/scenario.pb.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace aisle::sim {

using workloads::CollectiveKind;
using workloads::traces::CollectiveCall;
using workloads::traces::Group;
using workloads::traces::kNone;
using workloads::traces::Trace;

namespace {

struct KindName {
  std::string_view text;  ///< as `plain` leaves it
  GroupKind kind;
};

// Parts of the names that Megatron, DeepSpeed, TorchTitan, vLLM and SGLang give their groups; the
// first match counts.
constexpr std::array kPartsOfNames = {
    KindName{"expertdata", GroupKind::data},
    KindName{"expertmodel", GroupKind::expert},
    KindName{"expert", GroupKind::expert},
    KindName{"tensor", GroupKind::tensor},
    KindName{"modelparallel", GroupKind::tensor},
    KindName{"pipeline", GroupKind::pipeline},
    KindName{"embedding", GroupKind::pipeline},
    KindName{"dataparallel", GroupKind::data},
    KindName{"fsdp", GroupKind::data},
    KindName{"shard", GroupKind::data},
    KindName{"replicate", GroupKind::data},
    KindName{"defaultpg", GroupKind::data},
};

/// Names that are the whole of a group's name, but for a number behind.
constexpr std::array kShortNames = {
    KindName{"tp", GroupKind::tensor},   KindName{"mp", GroupKind::tensor},
    KindName{"pp", GroupKind::pipeline}, KindName{"dp", GroupKind::data},
    KindName{"ddp", GroupKind::data},    KindName{"ep", GroupKind::expert},
    KindName{"world", GroupKind::data},  KindName{"data", GroupKind::data},
    KindName{"cp", GroupKind::tensor},
};

std::optional<GroupKind> kind_by_name(const std::string& text) {
  std::string name = plain(text);
  for (const KindName& known : kPartsOfNames) {
    if (name.find(known.text) != std::string::npos) return known.kind;
  }
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.pop_back();
  for (const KindName& known : kShortNames) {
    if (name == known.text) return known.kind;
  }
  return std::nullopt;
}

bool moves_tokens(CollectiveKind kind) {
  return kind == CollectiveKind::dispatch || kind == CollectiveKind::combine;
}

bool grows(GroupKind kind, const pb::Replay& asked) {
  if (asked.grow_size() == 0) return kind == GroupKind::data || kind == GroupKind::expert;
  return std::any_of(asked.grow().begin(), asked.grow().end(),
                     [&](const std::string& name) { return plain(name) == to_string(kind); });
}

void grow(ReplayGroup& group, const std::string& description, const pb::Replay& asked, int recorded,
          int replayed) {
  group.replayed = group.recorded;
  if (grows(group.kind, asked)) {
    const double factor = static_cast<double>(replayed) / recorded;
    group.replayed = std::max(1, static_cast<int>(std::lround(group.recorded * factor)));
  }
  for (const pb::GroupSize& own : asked.group()) {
    const std::string name = plain(own.name());
    if (name == to_string(group.kind) || own.name() == group.name || own.name() == description) {
      group.replayed = own.size();
    }
  }
  group.replayed = std::min(group.replayed, replayed);
}

}  // namespace

std::string_view to_string(GroupKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"tensor", "pipeline", "data", "expert"};
  return kNames[static_cast<std::size_t>(kind)];
}

ReplayGroups::ReplayGroups(const Trace& trace, const pb::Replay& asked, int recorded,
                           int replayed) {
  for (std::size_t g = 0; g <= trace.groups.size(); ++g) {
    ReplayGroup group;
    std::string description;
    group.recorded = recorded;
    group.name = "all";
    if (g < trace.groups.size()) {
      const Group& entry = trace.groups[g];
      group.name = entry.name;
      description = entry.description;
      if (entry.size > 0) group.recorded = entry.size;
      if (entry.size <= 0 && entry.ranks.size() > 1) {
        group.recorded = static_cast<int>(entry.ranks.size());
      }
      if (entry.ranks.size() > 1) group.stride = std::max(1, entry.ranks[1] - entry.ranks[0]);
      group.kind = kind_of(trace, g);
      if (group.recorded >= recorded) group.kind = std::max(group.kind, GroupKind::data);
    }
    ReplayGroup exchange = group;
    exchange.kind = GroupKind::expert;
    grow(group, description, asked, recorded, replayed);
    grow(exchange, description, asked, recorded, replayed);
    // No more ranks than experts.
    exchange.replayed =
        std::min(exchange.replayed, std::max(exchange.recorded, asked.routing().experts()));
    groups_.push_back(group);
    exchanges_.push_back(exchange);
  }
}

GroupKind ReplayGroups::kind_of(const Trace& trace, std::size_t group) const {
  const Group& entry = trace.groups[group];
  if (const auto kind = kind_by_name(entry.description)) return *kind;
  if (const auto kind = kind_by_name(entry.name)) return *kind;
  bool messages = false, exchanges = false, sums = false;
  for (const CollectiveCall& call : trace.collectives) {
    if (call.group == kNone || static_cast<std::size_t>(call.group) != group) continue;
    messages |= call.kind == CollectiveKind::send_recv && call.peer != kNone;
    exchanges |= call.kind == CollectiveKind::all_to_all || moves_tokens(call.kind);
    sums |= call.kind == CollectiveKind::all_reduce || call.kind == CollectiveKind::all_gather ||
            call.kind == CollectiveKind::reduce_scatter;
  }
  if (messages && !sums) return GroupKind::pipeline;
  if (exchanges && !sums) return GroupKind::expert;
  // Neighbours within one node sum activations; those further apart gradients.
  constexpr int kNode = 8;
  const bool neighbours = entry.ranks.size() > 1 && entry.ranks[1] - entry.ranks[0] == 1;
  return neighbours && entry.size <= kNode ? GroupKind::tensor : GroupKind::data;
}

const ReplayGroup& ReplayGroups::of(const CollectiveCall& call) const {
  const std::size_t g =
      call.group == kNone ? groups_.size() - 1 : static_cast<std::size_t>(call.group);
  return moves_tokens(call.kind) ? exchanges_[g] : groups_[g];
}

std::vector<ReplayGroup> ReplayGroups::used(const Trace& trace) const {
  std::set<const ReplayGroup*> found;
  for (const CollectiveCall& call : trace.collectives) found.insert(&of(call));
  std::vector<ReplayGroup> used;
  for (const auto* groups : {&groups_, &exchanges_}) {
    for (const ReplayGroup& group : *groups) {
      if (found.contains(&group)) used.push_back(group);
    }
  }
  return used;
}

topology::Hierarchy ReplayGroups::hierarchy(const ReplayGroup& group, int size,
                                            const topology::Cluster& cluster) const {
  const int most = std::min(size, cluster.count());
  int stride = group.stride;
  if (static_cast<long long>(stride) * (most - 1) >= cluster.count()) {
    stride = std::max(1, cluster.count() / most);
  }
  const auto [found, is_new] = hierarchies_.try_emplace({&cluster, {most, stride}});
  if (is_new) {
    std::vector<int> members;
    for (int i = 0; i < most; ++i) members.push_back(i * stride);
    found->second = cluster.hierarchy(members);
  }
  return found->second;
}

}  // namespace aisle::sim
