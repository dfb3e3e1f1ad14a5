// SPDX-License-Identifier: Apache-2.0
// Domains without a switch between equals: direct meshes (xGMI, HCCS), tori (ICI, NeuronLink), and
// boxes whose accelerators meet on the host's PCIe.
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using namespace units;

constexpr double kRoots = 0.41;  // of a card's link, where more than two meet on PCIe

/// Around a ring of all ranks: what each sends, and in how many steps.
struct Around {
  Bytes wire;
  double steps;
};

Around around(const Setting& setting) {
  const bool chain =
      setting.kind == CollectiveKind::broadcast || setting.kind == CollectiveKind::reduce;
  if (chain) return {setting.bytes, static_cast<double>(setting.ranks - 1)};
  if (setting.kind == CollectiveKind::send_recv) return {setting.bytes, 1};
  const double n = setting.ranks;
  return {setting.bytes * (setting.steps() / n), static_cast<double>(setting.steps())};
}

CommunicationCost inside(const Setting& setting, Algorithm algorithm) {
  CommunicationCost cost;
  cost.algorithm = algorithm;
  cost.scale_up_out = cost.scale_up_in = around(setting).wire;
  cost.hbm = cost.scale_up_out * 2.0;
  return cost;
}

/// Takes the faster of LL and Simple.
void faster(CommunicationCost& cost, Seconds ll, Seconds ll_streaming, Seconds simple,
            Seconds streaming, const char* bound) {
  const bool takes_ll = ll < simple;
  cost.protocol = takes_ll ? Protocol::ll : Protocol::simple;
  set_time(cost, takes_ll ? ll : simple, takes_ll ? ll_streaming : streaming, bound);
}

}  // namespace

Setting cube_mesh(const Setting& setting) {
  // Eight V100 have six links each, two to some peers and none to others, so that n members close
  // fewer rings than a full mesh: bus bandwidth over that of one link (vTrain's all-reduces).
  constexpr double kRings[] = {6, 6, 1, 2, 4, 1.65, 2, 4, 6};
  Setting rings = setting;
  rings.link *= kRings[std::min(setting.ranks, 8)] / 6;
  return rings;
}

CommunicationCost mesh_collective(const Setting& setting) {
  constexpr Seconds kSimple = 10 * us;  // beyond LL (rccl-tests a7809b3, 8 x MI300X)
  constexpr Bytes kFilling = 30e6 * B;
  constexpr double kFillingShare = 0.55;
  const LibraryModel& m = setting.model();
  CommunicationCost cost =
      inside(setting, is_pairs(setting.kind) ? Algorithm::pairwise : Algorithm::ring);
  const Around ring = around(setting);
  // A pair owns one link; rings over all pairs keep every link busy.
  const double links = setting.kind == CollectiveKind::send_recv ? 1 : setting.ranks - 1;
  const BytesPerSecond rate =
      std::min(setting.link, setting.domain.pair_bandwidth.value * links) * m.simple_share;
  const double steps = is_pairs(setting.kind) ? 1 : ring.steps;
  const Seconds latency = setting.base + steps * setting.hop;
  const Seconds slow = ring.wire / (rate * m.ll_share), fast = ring.wire / rate;
  faster(cost, latency + slow, slow,
         latency + kSimple + kFillingShare * (filling(ring.wire, kFilling) / rate) + fast, fast,
         "scale-up link");
  return cost;
}

Setting pcie_roots(const Setting& setting) {
  Setting roots = setting;
  const double share = kRoots / setting.model().simple_share;
  roots.link *= share;
  roots.profile.library.search_share /= share;  // the library's search sees each card's own link
  return roots;
}

CommunicationCost pcie_collective(const Setting& setting) {
  // 2, 4 and 8 RTX PRO 6000 (ai-dynamo/aiconfigurator @ 095f58a): two share a switch, more meet on
  // the hosts' roots; LL's small writes fill the roots.
  constexpr double kPair = 0.61, kPairs = 0.36, kLlOfAll = 0.77;
  constexpr Seconds kSimple = 12 * us, kSimpleStep = 2 * us, kPeer = 0.5 * us;
  CommunicationCost cost =
      inside(setting, is_pairs(setting.kind) ? Algorithm::pairwise : Algorithm::ring);
  const Around ring = around(setting);
  const double n = setting.ranks;
  const double share = is_pairs(setting.kind) ? kPairs : n > 2 ? kRoots : kPair;
  const Seconds streaming = ring.wire / (setting.link * share);
  if (is_pairs(setting.kind)) {
    const Seconds latency = setting.base + 2.4 * us + (n - 1) * kPeer +
                            kSimple * (setting.bytes / (setting.bytes + 256 * KiB));
    cost.protocol = Protocol::simple;
    set_time(cost, latency + streaming, streaming, "PCIe");
    return cost;
  }
  const Seconds latency = setting.base + ring.steps * setting.hop;
  const Seconds slow = ring.wire / (setting.link * (kLlOfAll / n));
  faster(cost, latency + slow, slow, latency + kSimple + ring.steps * kSimpleStep + streaming,
         streaming, "PCIe");
  return cost;
}

CommunicationCost torus_collective(const Setting& setting) {
  const LibraryModel& m = setting.model();
  const topology::Domain& domain = setting.domain;
  CommunicationCost cost = inside(setting, Algorithm::torus);
  BytesPerSecond all_axes;
  Seconds longest;
  double hops = 0;
  int left = setting.ranks;
  for (std::size_t axis = 0; axis < 3 && left > 1; ++axis) {
    const int length = std::min(left, domain.dimensions[axis]);
    if (length <= 1) continue;
    left = (left + length - 1) / length;
    // A closed ring sends both ways; two members have one link between them.
    const bool both = domain.closed[axis] && domain.wraps && length > 2;
    const BytesPerSecond rate = domain.axis_bandwidth[axis] * (m.simple_share * (both ? 2.0 : 1.0));
    all_axes += rate;
    hops += both ? length / 2.0 : length - 1.0;
    longest = std::max(longest, setting.bytes * (length / (both ? 4.0 : 2.0)) / (rate / 1.0));
  }
  if (all_axes.si() <= 0) all_axes = setting.link * m.simple_share;
  const double passes = setting.kind == CollectiveKind::all_reduce ? 2 : 1;
  Seconds streaming = around(setting).wire / all_axes;
  if (setting.kind == CollectiveKind::send_recv) {
    // One path: a link of the first axis, on the mean half of the way round each.
    streaming = setting.bytes / (setting.domain.axis_bandwidth[0].si() > 0
                                     ? setting.domain.axis_bandwidth[0] * m.simple_share
                                     : all_axes);
  }
  if (setting.kind == CollectiveKind::all_to_all) {
    streaming = longest;
    cost.scale_up_out = cost.scale_up_in = longest * all_axes;
  }
  set_time(cost, setting.base + passes * hops * setting.hop + streaming, streaming, "torus axes");
  return cost;
}

CommunicationCost torus_across(const Setting& setting) {
  // One phase after the other: the torus, then each member with its peers in the other tori, in
  // logarithmic steps (XLA over data-centre networks, Neuron over EFA).
  constexpr double kNic = 0.9;
  Setting own = setting;
  own.ranks = setting.per_domain;
  own.domains = 1;
  const double n = setting.ranks, k = setting.domains, g = setting.per_domain;
  const bool sends = setting.kind == CollectiveKind::send_recv;
  CommunicationCost cost;
  cost.algorithm = Algorithm::torus;
  if (g > 1 && !sends) { cost = torus_collective(own); }
  double share = 1 / g;  // of the bytes, that a member exchanges with its peers
  if (setting.kind == CollectiveKind::all_to_all) share = (n - g) / n;
  if (sends) share = 1;
  const bool once = sends || setting.kind == CollectiveKind::all_to_all;
  const double passes = setting.kind == CollectiveKind::all_reduce ? 2 : 1;
  cost.scale_out_out = cost.scale_out_in =
      setting.bytes * (share * (once ? 1 : passes * (k - 1) / k));
  cost.hbm += cost.scale_out_out * 2.0;
  const Seconds wire = cost.scale_out_out / (setting.nic * kNic);
  const Seconds before = std::max(cost.alone, setting.base);
  const Seconds hops = (once ? 1.0 : passes * std::ceil(std::log2(k))) * setting.network_hop;
  const Seconds inside = cost.alone - cost.latency;
  set_time(cost, before + hops + wire, inside + wire, wire > inside ? "NIC" : "torus axes");
  return cost;
}

}  // namespace aisle::workloads
