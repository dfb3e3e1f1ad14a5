// SPDX-License-Identifier: Apache-2.0
#include "topology/faults.hpp"

#include "topology/network_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace aisle::topology {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(' ');
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(' ') - from + 1);
}

struct Vocabulary {
  std::string word;
  PartKind kind;
  int count;
};

std::vector<Vocabulary> vocabulary(const PartCounts& counts) {
  const int n = counts.accelerators;
  return {{counts.accelerator_word, PartKind::accelerator, n},
          {"scale-up", PartKind::scale_up, counts.domain_size > 1 ? n : 0},
          {"nic", PartKind::nic, n},
          {"leaf", PartKind::leaf, counts.fabric.leaf_switches},
          {"spine", PartKind::spine, counts.fabric.spine_switches},
          {"core", PartKind::core, counts.fabric.core_switches}};
}

std::string known_parts(const PartCounts& counts) {
  std::string text = "there are ";
  for (const Vocabulary& entry : vocabulary(counts)) {
    if (entry.count == 0) continue;
    if (text.back() != ' ') text += ", ";
    text += fmt::format("{} 0-{}", entry.word, entry.count - 1);
  }
  return text + "; cables are named by their ends, as \"leaf 0 - spine 1\"";
}

std::optional<Part> parse_end(std::string_view text, const PartCounts& counts, std::string& why) {
  text = trimmed(text);
  const auto space = text.find_last_of(' ');
  int number = -1;
  const std::string_view digits = space == std::string_view::npos ? "" : text.substr(space + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    why = fmt::format("'{}' is not a part and its number", text);
    return std::nullopt;
  }
  const std::string_view word = trimmed(text.substr(0, space));
  for (const Vocabulary& entry : vocabulary(counts)) {
    if (word != entry.word) continue;
    if (number >= 0 && number < entry.count) return Part{entry.kind, number};
    why = entry.count == 0
              ? fmt::format("this cluster has no {}", word)
              : fmt::format("'{}' is beyond the last, {} {}", text, word, entry.count - 1);
    return std::nullopt;
  }
  why = fmt::format("unknown part '{}'", text);
  return std::nullopt;
}

bool joins(PartKind a, PartKind b) {
  switch (a) {
    case PartKind::accelerator:
      return b == PartKind::accelerator;
    case PartKind::nic:
      return b == PartKind::leaf;
    case PartKind::leaf:
      return b == PartKind::spine || b == PartKind::leaf;
    case PartKind::spine:
      return b == PartKind::core;
    case PartKind::scale_up:
    case PartKind::core:
      break;
  }
  return false;
}

}  // namespace

std::optional<PartFault> parse_part(std::string_view text, double rate, const PartCounts& counts,
                                    const Place& place, const std::string& field,
                                    Diagnostics& diagnostics) {
  const auto dash = text.find(" - ");
  std::string why;
  const auto one = parse_end(text.substr(0, dash), counts, why);
  std::optional<Part> two;
  if (one && dash != std::string_view::npos) two = parse_end(text.substr(dash + 3), counts, why);
  if (why.empty() && two && !joins(one->kind, two->kind) && !joins(two->kind, one->kind)) {
    why = fmt::format("no cable joins '{}'", text);
  }
  if (why.empty() && two && one->kind == two->kind && one->number == two->number) {
    why = fmt::format("'{}' has one end only", text);
  }
  if (!why.empty()) {
    diagnostics.error(place, field, why, known_parts(counts));
    return std::nullopt;
  }
  PartFault fault{*one, two, rate};
  if (two && !joins(one->kind, two->kind)) fault = {*two, one, rate};
  return fault;
}

void Network::Impl::scale(int link, double rate) {
  capacity[static_cast<std::size_t>(link)] *= rate;
}

void Network::Impl::degrade_accelerator(int e, double rate) {
  if (has_ports && members > 1) {
    scale(port(e, false), rate);
    scale(port(e, true), rate);
    return;
  }
  const int base = e / members * members;
  if (w.domain.shape == DomainShape::mesh) {
    for (int other = base; other < base + members; ++other) {
      if (other == e) continue;
      scale(pair(e, other), rate);
      scale(pair(other, e), rate);
    }
    return;
  }
  for (int axis = 0; axis < 3; ++axis) {
    for (const bool back : {false, true}) {
      const int other = neighbour(e, axis, back);
      if (other == e) continue;
      scale(ring(e, axis, back), rate);
      scale(ring(other, axis, !back), rate);
    }
  }
}

int Network::Impl::neighbour(int e, int axis, bool back) const {
  const auto a = static_cast<std::size_t>(axis);
  const int extent = w.domain.dimensions[a];
  const int x = coordinates(e)[a];
  return e + ((x + (back ? extent - 1 : 1)) % extent - x) * axis_stride(axis);
}

/// The direct links between two accelerators, both ways; how many there are.
int Network::Impl::degrade_direct(int a, int b, double rate) {
  if (a / members != b / members) return 0;
  if (w.domain.shape == DomainShape::mesh) {
    scale(pair(a, b), rate);
    scale(pair(b, a), rate);
    return 1;
  }
  if (w.domain.shape != DomainShape::torus) return 0;
  int found = 0;
  for (int axis = 0; axis < 3; ++axis) {
    for (const bool back : {false, true}) {
      if (neighbour(a, axis, back) != b || !live(ring(a, axis, back))) continue;
      scale(ring(a, axis, back), rate);
      scale(ring(b, axis, !back), rate);
      ++found;
    }
  }
  return found;
}

void Network::Impl::degrade_leaf(int leaf, double rate) {
  const int copy = leaf / leaves_per_copy, in_copy = leaf % leaves_per_copy;
  for (int e = 0; e < w.plan.endpoints(); ++e) {
    if (leaf_of[static_cast<std::size_t>(e)] != in_copy) continue;
    scale(nic(e, copy, false), rate);
    scale(nic(e, copy, true), rate);
  }
  if (w.plan.family() == FabricFamily::dragonfly) {
    const int size = w.plan.leaves_per_group(), base = leaf / size * size;
    for (int other = base; other < base + size; ++other) {
      if (other == leaf) continue;
      scale(local(leaf, other), rate);
      scale(local(other, leaf), rate);
    }
    for (int other = 0; other < leaves_per_copy; ++other) {
      if (other / size != leaf / size) degrade_global(leaf, other, rate);
    }
    return;
  }
  for (int position = 0; position < w.plan.spines_per_pod(); ++position) {
    leaf_spine.try_emplace({leaf, spine_of(leaf, position)}, 1).first->second *= rate;
  }
}

/// The dragonfly's cables between two leaves of different groups, both ways.
int Network::Impl::degrade_global(int leaf_a, int leaf_b, double rate) {
  const int n = groups(), size = w.plan.leaves_per_group(), each = w.plan.global_ports();
  const int ahead = (leaf_b / size - leaf_a / size + n) % n;
  int found = 0;
  for (int cable = 0; cable < cables_per_pair; ++cable) {
    const int out = (ahead - 1) * cables_per_pair + cable;
    const int back = (n - ahead - 1) * cables_per_pair + cable;
    if (out / each != leaf_a % size || back / each != leaf_b % size) continue;
    scale(global(leaf_a, out % each), rate);
    scale(global(leaf_b, back % each), rate);
    ++found;
  }
  return found;
}

void Network::Impl::degrade_spine(int spine, double rate) {
  const int position = spine % w.plan.spines_per_pod();
  const int offset = spine / spines_per_copy * leaves_per_copy;
  for (int leaf = offset; leaf < offset + leaves_per_copy; ++leaf) {
    if (spine_of(leaf, position) != spine) continue;
    leaf_spine.try_emplace({leaf, spine}, 1).first->second *= rate;
  }
  for (int reach = 0; reach < w.plan.cores_per_spine(); ++reach) {
    spine_core.try_emplace({spine, core_of(spine, reach)}, 1).first->second *= rate;
  }
  if (w.plan.family() != FabricFamily::dragonfly_plus) return;
  const double left = 1 - (1 - rate) / w.plan.spines_per_pod();
  for (int group = 0; group < groups(); ++group) {
    const int own = spine / w.plan.spines_per_pod();
    if (group == own) continue;
    scale(group_pair(own, group), left);
    scale(group_pair(group, own), left);
  }
}

/// The cables between a leaf and a spine or another leaf, or between a spine and a core.
int Network::Impl::degrade_cable(const Part& end, const Part& other, double rate) {
  if (other.kind == PartKind::spine) {
    const int position = other.number % w.plan.spines_per_pod();
    if (spine_of(end.number, position) != other.number) return 0;
    leaf_spine.try_emplace({end.number, other.number}, 1).first->second *= rate;
    return 1;
  }
  if (other.kind == PartKind::core) {
    const int reach = other.number - core_of(end.number, 0);
    if (reach < 0 || reach >= w.plan.cores_per_spine()) return 0;
    spine_core.try_emplace({end.number, other.number}, 1).first->second *= rate;
    return 1;
  }
  if (w.plan.family() != FabricFamily::dragonfly) return 0;
  const int size = w.plan.leaves_per_group();
  if (end.number / size != other.number / size) {
    return degrade_global(end.number, other.number, rate);
  }
  scale(local(end.number, other.number), rate);
  scale(local(other.number, end.number), rate);
  return 1;
}

int Network::Impl::degrade_nic(int e, int leaf, double rate) {
  int found = 0;
  for (int copy = 0; copy < copies; ++copy) {
    if (leaf >= 0 && leaf != copy * leaves_per_copy + leaf_of[static_cast<std::size_t>(e)])
      continue;
    scale(nic(e, copy, false), rate);
    scale(nic(e, copy, true), rate);
    ++found;
  }
  return found;
}

bool Network::Impl::apply(const PartFault& fault) {
  const int n = fault.end.number;
  if (fault.other) {
    switch (fault.end.kind) {
      case PartKind::accelerator:
        return degrade_direct(n, fault.other->number, fault.rate) > 0;
      case PartKind::nic:
        return degrade_nic(n, fault.other->number, fault.rate) > 0;
      default:
        return degrade_cable(fault.end, *fault.other, fault.rate) > 0;
    }
  }
  switch (fault.end.kind) {
    case PartKind::accelerator:
      degrade_accelerator(n, fault.rate);
      degrade_nic(n, -1, fault.rate);
      break;
    case PartKind::scale_up:
      degrade_accelerator(n, fault.rate);
      break;
    case PartKind::nic:
      degrade_nic(n, -1, fault.rate);
      break;
    case PartKind::leaf:
      degrade_leaf(n, fault.rate);
      break;
    case PartKind::spine:
      degrade_spine(n, fault.rate);
      break;
    case PartKind::core:
      for (int spine = 0; spine < copies * spines_per_copy; ++spine) {
        degrade_cable({PartKind::spine, spine}, fault.end, fault.rate);
      }
      break;
  }
  return true;
}

/// Capacities of the tree's links from the shares of their cables.
void Network::Impl::rebuild_tree() {
  const BytesPerSecond cable = w.nic * w.plan.uplink_ratio();
  const int spines_in_pod = w.plan.spines_per_pod();
  for (const auto& [ends, share] : leaf_spine) {
    const int leaf = ends.first, position = ends.second % spines_in_pod;
    const int parallel = w.plan.leaf_uplinks() / spines_in_pod;
    for (const bool down : {false, true}) {
      if (!hashed) {
        capacity[static_cast<std::size_t>(leaf_link(leaf, 0, down))] -=
            (1 - share) * parallel * cable;
        continue;
      }
      for (int c = 0; c < parallel; ++c) {
        scale(leaf_link(leaf, position + c * spines_in_pod, down), share);
      }
    }
  }
  const int reach = w.plan.cores_per_spine();
  for (const auto& [ends, share] : spine_core) {
    const int spine = ends.first, core = ends.second - core_of(ends.first, 0);
    for (int c = core; c < w.plan.spine_uplinks(); c += reach) {
      for (const bool down : {false, true}) {
        if (hashed) {
          scale(spine_link(spine, c, down), share);
        } else {
          capacity[static_cast<std::size_t>(spine_link(spine / spines_in_pod, 0, down))] -=
              (1 - share) * cable;
        }
      }
    }
  }
  for (BytesPerSecond& rate : capacity) {  // what is left of a bundle by rounding is nothing
    if (rate < 1e-9 * cable) rate = {};
  }
}

}  // namespace aisle::topology
