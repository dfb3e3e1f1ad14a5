// SPDX-License-Identifier: Apache-2.0
// Times of what NCCL chose: rings, trees and in-switch reductions. Formulas and the reasons for
// each term: docs/model/collectives.md.
#include "sim/base/diagnostics.hpp"
#include "workloads/collectives/nccl_tables.hpp"
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using namespace units;

constexpr Bytes kWideningOver = 16 * KiB;
constexpr Bytes kSwitchChunk = 128 * KiB;  // per head and channel (NCCL src/device)
constexpr int kNvlsChannelsAcross = 32;
constexpr double kSettledSteps = 15;
constexpr int kLargestNode = 16;       // members of a domain that is one host
constexpr double kLl128Payload = 0.9;  // 120 of 128 bytes, and the flag's wait

/// Relative growth of the latency once all channels work.
double widened(double widening, Bytes bytes) {
  return 1 + widening * (bytes / (bytes + kWideningOver));
}

double depth(const Setting& setting) {
  return std::floor(std::log2(setting.domains));
}

/// As many parallel rings as a domain has members: each ring enters and leaves a domain through
/// another member's NIC, so that a member's NIC carries 1/per_domain of what crosses the boundary.
void ring_traffic(CommunicationCost& cost, const Setting& setting) {
  const double around = static_cast<double>(setting.steps()) / setting.ranks;
  const double leaving = setting.domains > 1 ? 1.0 / setting.per_domain : 0.0;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (around * (1 - leaving));
  cost.scale_out_out = cost.scale_out_in = setting.bytes * (around * leaving);
  cost.hbm = setting.bytes * (2 * around);
}

/// Up and down a tree of domains, of which the two mirrored halves load every domain alike.
void tree_traffic(CommunicationCost& cost, const Setting& setting) {
  const double k = setting.domains;
  cost.scale_out_out = cost.scale_out_in = setting.bytes * (2 * (k - 1) / k / setting.per_domain);
  const double inside = 2.0 * (setting.per_domain - 1) / setting.per_domain;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * inside;
  cost.hbm = setting.bytes * 4.0;
}

/// Each member owns 1/n: it reads the sum through the switch and writes it back by multicast.
void switch_traffic(CommunicationCost& cost, const Setting& setting) {
  const double g = setting.per_domain, k = setting.domains;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (1 + 1 / g);
  if (k > 1) cost.scale_out_out = cost.scale_out_in = setting.bytes * (2 * (k - 1) / k / g);
  cost.hbm = setting.bytes * 2.0;
}

/// What a rank copies from its own input to its own output.
Seconds own_part(const Setting& setting) {
  const LibraryModel& m = setting.model();
  double share = 1;
  if (setting.kind == CollectiveKind::all_reduce) share = m.own_all_reduce;
  if (setting.kind == CollectiveKind::reduce_scatter) share = m.own_reduce_scatter;
  return share * (setting.bytes / static_cast<double>(setting.ranks)) /
         (setting.link * (m.own_copy * m.simple_share));
}

/// What passes a link inside one domain, and in how many steps.
struct Inside {
  Bytes wire;
  double steps;
};

Inside inside_of(const Setting& setting, Algorithm algorithm) {
  if (algorithm == Algorithm::tree) {
    return {setting.bytes * 2.0, 2.0 * (setting.per_domain - 1)};
  }
  return {setting.bytes * (static_cast<double>(setting.steps()) / setting.ranks),
          static_cast<double>(setting.steps())};
}

void time_ll(CommunicationCost& cost, const Setting& setting, const Inside& inside) {
  constexpr double kTreeShare = 0.8;  // a tree's node adds two streams
  const LibraryModel& m = setting.model();
  const double tree = cost.algorithm == Algorithm::tree ? kTreeShare : 1;
  const Seconds streaming = inside.wire / (nccl_ll_rate(setting) * (m.ll_share * tree));
  const double wide = widened(m.widening, setting.bytes);
  const Seconds alone = setting.base * wide +
                        overlapped(setting.hop * (inside.steps * wide), streaming, m.ll_overlap);
  set_time(cost, alone, streaming, "LL");
}

void time_ll128(CommunicationCost& cost, const Setting& setting, const Inside& inside) {
  const LibraryModel& m = setting.model();
  const BytesPerSecond rate = setting.link * m.ll128_share;
  const Seconds streaming = inside.wire / rate + own_part(setting);
  const Seconds latency = setting.base + m.ll128_base + inside.steps * m.ll128_step +
                          m.ll128_ramp * (filling(inside.wire, m.ll128_ramp_over) / rate);
  set_time(cost, latency + streaming, streaming, "LL128");
}

void time_simple(CommunicationCost& cost, const Setting& setting, const Inside& inside) {
  const LibraryModel& m = setting.model();
  const Seconds wire = inside.wire / (setting.link * m.simple_share);
  const Seconds alone = overlapped(setting.base + inside.steps * m.simple_step + 0.5 * wire,
                                   setting.base + m.simple_settle + wire) +
                        own_part(setting);
  set_time(cost, alone, wire, "scale-up link");
}

void time_nvls(CommunicationCost& cost, const Setting& setting) {
  const LibraryModel& m = setting.model();
  const BytesPerSecond rate = setting.link * m.nvls_share;
  const Seconds streaming = setting.bytes / rate;
  // One chunk per head and channel is scattered, reduced, multicast and gathered in turn.
  const Bytes loop =
      kSwitchChunk * (m.nvls_ramp_chunks * setting.ranks * nvls_channels(m.architecture));
  const Seconds latency =
      setting.base + m.nvls_base + m.nvls_ramp * (filling(setting.bytes, loop) / rate);
  set_time(cost, latency + streaming, streaming, "switch reduction");
}

void time_inside(CommunicationCost& cost, const Setting& setting) {
  if (cost.algorithm == Algorithm::nvls) {
    switch_traffic(cost, setting);
    return time_nvls(cost, setting);
  }
  ring_traffic(cost, setting);
  const Inside inside = inside_of(setting, cost.algorithm);
  if (cost.algorithm == Algorithm::tree) {
    cost.scale_up_out = cost.scale_up_in =
        setting.bytes * (2.0 * (setting.ranks - 1) / setting.ranks);
  }
  if (cost.protocol == Protocol::ll) return time_ll(cost, setting, inside);
  if (cost.protocol == Protocol::ll128) return time_ll128(cost, setting, inside);
  time_simple(cost, setting, inside);
}

/// Usable rate of all NICs of a domain.
BytesPerSecond nics(const Setting& setting) {
  const LibraryModel& m = setting.model();
  const bool gathers = setting.kind != CollectiveKind::all_reduce;
  return setting.nic *
         (m.network_share * setting.per_domain * (gathers ? m.network_gather_share : 1.0));
}

/// A domain sends its sum up and gets the total back: with two domains the halves of the double
/// tree meet, so that each direction carries the buffer once.
Bytes tree_wire(const Setting& setting) {
  return setting.bytes * (setting.domains == 2 ? 1.0 : 2.0);
}

/// LL's rate across domains: what was fitted, or half of wires that are slower.
BytesPerSecond ll_across(const Setting& setting, BytesPerSecond fitted) {
  return std::min({fitted, 0.5 * nics(setting), 0.5 * setting.link});
}

void time_tree_across(CommunicationCost& cost, const Setting& setting) {
  const LibraryModel& m = setting.model();
  const double chain = 2.0 * (setting.per_domain - 1), levels = 2 * depth(setting);
  const Seconds x = setting.network_hop;
  if (cost.protocol == Protocol::ll) {
    const Seconds latency = (setting.base + chain * setting.hop + levels * x) *
                            widened(m.network_widening, setting.bytes);
    const Seconds streaming = setting.bytes / ll_across(setting, m.tree_ll_rate);
    return set_time(cost, latency + streaming, streaming, "LL");
  }
  const bool ll128 = cost.protocol == Protocol::ll128;
  const double share = ll128 ? m.ll128_share : m.simple_share * m.tree_share;
  const Seconds across = tree_wire(setting) / nics(setting);
  const Seconds inside = setting.bytes * 2.0 / (setting.link * share);
  const Seconds fill =
      ll128 ? m.network_ll128_ramp *
                  (filling(setting.bytes, m.network_ll128_ramp_over) / nics(setting))
            : m.tree_ramp * (filling(setting.bytes, m.tree_ramp_over) / nics(setting));
  const Seconds latency = setting.base + (ll128 ? m.network_ll128_base : m.tree_base) +
                          chain * (ll128 ? m.ll128_step : m.tree_step) +
                          levels * (ll128 ? m.tree_ll128_hop : m.tree_hop) * x + fill;
  set_time(cost, latency + overlapped(across, inside), std::max(across, inside),
           across > inside ? "NIC" : "scale-up link");
}

void time_nvls_tree(CommunicationCost& cost, const Setting& setting) {
  const LibraryModel& m = setting.model();
  const Seconds across = tree_wire(setting) / nics(setting);
  const Seconds inside = setting.bytes / (setting.link * m.nvls_tree_share);
  const Bytes loop = kSwitchChunk * (m.nvls_tree_chunks * setting.per_domain * kNvlsChannelsAcross);
  const double levels = depth(setting);
  // The first loops pass at the rate of what binds, which in a rack is the switch and not the NICs.
  const Seconds streaming = overlapped(across, inside);
  const Seconds latency = setting.base + m.nvls_base + m.nvls_tree_base +
                          2 * levels * (m.nvls_tree_hop * setting.network_hop + m.nvls_tree_step) +
                          m.nvls_tree_ramp * (1 + m.nvls_tree_depth * levels) *
                              (streaming * (filling(setting.bytes, loop) / setting.bytes));
  set_time(cost, latency + streaming, std::max(across, inside),
           across > inside ? "NIC" : "switch reduction");
}

/// What the channels of a ring over racks carry: 20 racks of NVL72 move 213 GB/s at n = 1,440,
/// which is 16 channels of 26.6 GB/s (CoreWeave); nodes end at their NICs before that.
BytesPerSecond channels_across(const Setting& setting) {
  constexpr BytesPerSecond kChannel = 26.6 * GB / s;
  constexpr int kChannels = 16;
  return setting.per_domain > kLargestNode ? kChannel * double{kChannels}
                                           : BytesPerSecond::from_si(1e18);
}

void time_ring_across(CommunicationCost& cost, const Setting& setting) {
  const LibraryModel& m = setting.model();
  const double between = setting.network_steps(), inside = setting.steps() - between;
  const Seconds x = setting.network_hop;
  const Bytes wire = setting.bytes * (static_cast<double>(setting.steps()) / setting.ranks);
  if (cost.protocol == Protocol::ll) {
    const Seconds latency = (setting.base + inside * setting.hop + between * x) *
                            widened(m.network_widening, setting.bytes);
    const Seconds streaming = wire / ll_across(setting, m.ring_ll_rate);
    return set_time(cost, latency + streaming, streaming, "LL");
  }
  const Seconds nic = wire / nics(setting);
  const Seconds link = wire / std::min(setting.link * m.simple_share, channels_across(setting));
  const Seconds streaming = overlapped(nic, link);
  const char* bound = nic > link ? "NIC" : "scale-up link";
  if (cost.protocol == Protocol::ll128) {
    const Seconds latency =
        setting.base + m.network_ll128_base + inside * m.ll128_step +
        between * m.ring_ll128_hop * x +
        m.network_ll128_ramp * (filling(wire, m.network_ll128_ramp_over) / nics(setting));
    return set_time(cost, latency + streaming / kLl128Payload, streaming, bound);
  }
  const Seconds steps = inside * m.ring_step + between * m.ring_hop * x;
  // Constants are of 16 ranks and more; a shorter ring fills sooner (2 x 4 GB300, gather: 79 us).
  const Seconds settle = m.ring_settle * std::min(1.0, setting.steps() / kSettledSteps);
  const Seconds alone = overlapped(setting.base + m.ring_base + steps + 0.5 * streaming,
                                   setting.base + settle + streaming);
  set_time(cost, alone, streaming, bound);
}

void time_across(CommunicationCost& cost, const Setting& setting) {
  switch (cost.algorithm) {
    case Algorithm::tree:
      tree_traffic(cost, setting);
      return time_tree_across(cost, setting);
    case Algorithm::nvls_tree:
      switch_traffic(cost, setting);
      return time_nvls_tree(cost, setting);
    default:
      ring_traffic(cost, setting);
      return time_ring_across(cost, setting);
  }
}

/// A chain from the root through all ranks; chunks follow each other.
void time_chain(CommunicationCost& cost, const Setting& setting) {
  const LibraryModel& m = setting.model();
  const double between = setting.domains - 1, inside = setting.ranks - 1 - between;
  if (setting.domains > 1) {
    cost.scale_out_out = cost.scale_out_in = setting.bytes / setting.per_domain;
  }
  if (setting.per_domain > 1) cost.scale_up_out = cost.scale_up_in = setting.bytes;
  cost.hbm = setting.bytes;
  Seconds streaming = setting.bytes / (setting.link * m.simple_share);
  if (setting.per_domain == 1) streaming = Seconds();
  if (setting.domains > 1) streaming = std::max(streaming, setting.bytes / nics(setting));
  const Seconds settle = m.simple_settle * (setting.bytes / (setting.bytes + 1 * MiB));
  set_time(cost,
           setting.base + inside * setting.hop + between * setting.network_hop + settle + streaming,
           streaming, setting.domains > 1 ? "NIC" : "scale-up link");
}

}  // namespace

CommunicationCost nccl_collective(const Setting& setting) {
  CommunicationCost cost;
  const bool chain =
      setting.kind == CollectiveKind::broadcast || setting.kind == CollectiveKind::reduce;
  if (chain) {
    cost.algorithm = Algorithm::ring;
    cost.protocol = Protocol::simple;
    time_chain(cost, setting);
    return cost;
  }
  const NcclChoice choice = nccl_choice(setting);
  cost.algorithm = choice.algorithm;
  cost.protocol = choice.protocol;
  cost.channels = choice.channels;
  if (choice.algorithm == Algorithm::pat) return pat(setting);
  setting.domains == 1 ? time_inside(cost, setting) : time_across(cost, setting);
  return cost;
}

}  // namespace aisle::workloads
