// SPDX-License-Identifier: Apache-2.0
// NCCL's published cost model. Figures: NVIDIA/nccl @ 5067397 (2.30.7), src/graph/tuning.cc and
// src/graph/search.cc; microseconds and GB/s. They decide what NCCL runs, not how long it takes.
#include "workloads/collectives/nccl_tables.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace aisle::workloads {

namespace {

using PerProtocol = std::array<double, 3>;  // LL, LL128, Simple
using PerNodes = std::array<double, 3>;     // 1, 2, 3 or more

constexpr PerProtocol kTreeBase{6.8, 14.0, 8.4}, kRingBase{6.6, 14.0, 8.4};
constexpr PerProtocol kTreeNvlink{0.6, 1.25, 4.0}, kRingNvlink{0.6, 1.9, 3.4};
constexpr PerProtocol kTreePcie{1.0, 1.9, 4.0}, kRingPcie{1.0, 2.5, 5.7};
constexpr PerProtocol kTreeNetwork{5.0, 8.5, 14.0}, kRingNetwork{2.7, 4.0, 14.0};
constexpr double kNvls = 25, kNvlsTreeNetwork = 20.9;
constexpr double kPostOverhead = 1.0;  // Intel or other CPU; three times that for Simple

struct Rates {
  PerNodes ll_max;  // total
  double ring_ll128;
  PerNodes tree_ll128, tree;
  double nvls_efficiency;
  int channels, nvls_channels;
};

constexpr Rates kVolta{{39, 39, 20.4}, 20, {20, 20, 20}, {26.5, 18.5, 10}, 0, 12, 0};
constexpr Rates kAmpere{{87.7, 39, 20.4}, 20, {20, 20, 20}, {24, 23.6, 17.8}, 0, 24, 0};
constexpr Rates kHopper{{141, 39, 20.4}, 36.7, {36.7, 36.7, 29}, {38.7, 41.4, 36}, 0.85, 24, 16};
constexpr Rates kBlackwell{{282, 39, 20.4}, 40, {55.6, 31.7, 20}, {70, 42.8, 24}, 0.74, 16, 24};

// The search gives trees across nodes a fraction of the rings' rate for LL128 where NVLSTree
// exists: 2 and 4 nodes of H100 leave LL128 at 1 to 2 MiB (NVIDIA/nccl-tests issue 309).
constexpr double kTreeLl128AcrossShare = 0.3;
constexpr double kPlainTree = 0.85;  // tree on one node runs the plain pattern
constexpr double kNvlsSearchShare = 0.9, kNicSearchShare = 0.96;
constexpr int kNetworkChannels = 16;

const Rates& rates_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::volta:
      return kVolta;
    case Architecture::ampere:
      return kAmpere;
    case Architecture::blackwell:
      return kBlackwell;
    default:
      return kHopper;
  }
}

/// NCCL's correction of the tree's rate by size, as corners on a logarithmic axis.
double tree_correction(int protocol, double bytes) {
  struct Corner {
    double bytes, factor;
  };

  constexpr double Ki = 1024, Mi = 1048576;
  static const std::vector<Corner> kCorners[] = {
      {{512, 1}, {4 * Ki, .7}, {32 * Ki, .7}, {256 * Ki, .4}, {512 * Ki, .4}, {32 * Mi, 1}},
      {{Ki, 1},
       {4 * Ki, .8},
       {16 * Ki, .8},
       {64 * Ki, .6},
       {2 * Mi, .6},
       {8 * Mi, .9},
       {64 * Mi, .9},
       {128 * Mi, 1}},
      {{4 * Ki, .9}, {128 * Ki, .5}, {Mi, .5}, {8 * Mi, .8}, {128 * Mi, .9}}};
  const auto& corners = kCorners[protocol];
  if (bytes >= 256 * Mi) return 1;
  if (bytes <= corners.front().bytes) return corners.front().factor;
  for (std::size_t i = 1; i < corners.size(); ++i) {
    if (bytes > corners[i].bytes) continue;
    const Corner &low = corners[i - 1], &high = corners[i];
    const double share = std::log2(bytes / low.bytes) / std::log2(high.bytes / low.bytes);
    return low.factor + (high.factor - low.factor) * share;
  }
  return corners.back().factor;
}

Protocol protocol_of(int index) {
  constexpr Protocol kProtocols[] = {Protocol::ll, Protocol::ll128, Protocol::simple};
  return kProtocols[index];
}

/// Every pair of algorithm and protocol that the setting allows, with what NCCL expects of it.
class Candidates {
 public:
  explicit Candidates(const Setting& setting)
      : setting_(setting),
        rates_(rates_of(setting.model().architecture)),
        bus_one_(setting.link.si() * setting.model().search_share * 1e-9),
        bus_(bus_one_),
        channels_(rates_.channels) {
    const int k = setting.domains;
    column_ = static_cast<std::size_t>(std::min(k, 3) - 1);
    if (k > 1) {
      bus_ = std::min(bus_one_, nic());
      const bool wide = rates_.nvls_efficiency > 0;
      channels_ = wide ? kNetworkChannels : std::clamp(setting.per_domain, 2, 24);  // one per NIC
    }
    for (int p = 0; p < 3; ++p) {
      if (p == 1 && !ll128()) continue;
      add_ring(p);
      if (setting.kind == CollectiveKind::all_reduce && (p == 0 || !one_long_ring())) add_tree(p);
    }
    if (nvls_runs(setting)) {
      if (k == 1) add_nvls();
      if (k > 1 && !one_long_ring() && nvls_tree_starts()) add_nvls_tree();
    }
    const bool gathers = setting.kind == CollectiveKind::all_gather ||
                         setting.kind == CollectiveKind::reduce_scatter;
    if (gathers && k > 1 && setting.per_domain == 1) add_pat();
  }

  const std::vector<NcclChoice>& all() const { return all_; }

 private:
  double nic() const { return setting_.nic.si() * 1e-9 * kNicSearchShare * setting_.per_domain; }

  /// Observed, not in the tables: 20 racks of NVL72 behave as one ring of 1,440 (4.7 ms at 512 MiB,
  /// CoreWeave), two racks as an NVLSTree.
  bool one_long_ring() const { return setting_.domains > 2 && setting_.per_domain > 8; }

  /// Observed, not in the tables: 8 B over two racks of 64 GB200 take 183 to 200 us, which is the
  /// LL tree's time (186); 16 and 32 H100 leave LL128 for NVLSTree at 1 to 2 MiB.
  bool nvls_tree_starts() const {
    return setting_.bytes >= 1 * units::MiB || setting_.algorithm == Algorithm::nvls_tree;
  }

  bool pcie() const { return setting_.domain.shape == topology::DomainShape::pcie; }

  bool ll128() const { return !pcie() && (setting_.domains > 1 || setting_.model().ll128_inside); }

  double bytes() const { return setting_.bytes.si(); }

  void add(Algorithm algorithm, int protocol, double latency, double rate, int channels) {
    all_.push_back({algorithm, protocol_of(protocol),
                    Seconds::from_si(latency * 1e-6 + bytes() / (rate * 1e9)), channels});
  }

  void add_ring(int p) {
    const auto i = static_cast<std::size_t>(p);
    const int k = setting_.domains;
    const double post = k > 1 ? kPostOverhead * (p == 2 ? 3 : 1) : 0;
    const double inside = std::max((pcie() ? kRingPcie : kRingNvlink)[i], post);
    const double across = (setting_.per_domain == 1 ? kTreeNetwork : kRingNetwork)[i];
    const int between = setting_.network_steps();
    const double latency = kRingBase[i] + (setting_.steps() - between) * inside + between * across;
    double rate = bus_;
    if (p == 0) rate = std::min(rates_.ll_max[column_], 0.5 * bus_);
    if (p == 1) rate = std::min(0.92 * bus_, channels_ * rates_.ring_ll128);
    add(Algorithm::ring, p, latency, rate * setting_.ranks / setting_.steps(), channels_);
  }

  void add_tree(int p) {
    const auto i = static_cast<std::size_t>(p);
    const int k = setting_.domains;
    const double depth = std::floor(std::log2(k));
    const double inside = (pcie() ? kTreePcie : kTreeNvlink)[i];
    const double latency =
        kTreeBase[i] + 2 * ((setting_.per_domain - 1) * inside + depth * kTreeNetwork[i]);
    // Up to two nodes the search's rate inside a node counts, whatever the NICs.
    const double bus = k == 2 ? bus_one_ : bus_;
    double rate = std::min(0.92 * bus, channels_ * rates_.tree[column_]);
    if (p == 0) rate = std::min(bus / 3.8, rates_.ll_max[column_]);
    if (p == 1) {
      rate =
          std::min(bus * (k == 1 ? 7.0 / 9 : 120.0 / 128), channels_ * rates_.tree_ll128[column_]);
      if (k > 1 && rates_.nvls_efficiency > 0) rate *= kTreeLl128AcrossShare;
    }
    if (k == 1) rate *= kPlainTree;
    add(Algorithm::tree, p, latency, rate * 0.5 * tree_correction(p, bytes()), channels_);
  }

  void add_nvls() {
    const double channels = rates_.nvls_channels;
    const double rate = bus_one_ * rates_.nvls_efficiency * (channels - 1) / channels * 2 *
                        kNvlsSearchShare * setting_.ranks / setting_.steps();
    add(Algorithm::nvls, 2, kNvls, rate, rates_.nvls_channels);
  }

  void add_nvls_tree() {
    const int k = setting_.domains;
    const double inside = bus_one_ * rates_.nvls_efficiency * 2 * setting_.ranks / setting_.steps();
    const double across = nic() * (k == 2 ? 1.0 : 0.5);
    add(Algorithm::nvls_tree, 2, kNvls + 2 * std::floor(std::log2(k)) * kNvlsTreeNetwork,
        std::min(inside, across), kNetworkChannels);
  }

  void add_pat() {
    constexpr double kBase = 8, kLevel = 14 / 3.5, kRank = 2.8, kShare = 0.75;
    const double levels = std::floor(std::log2(setting_.domains));
    add(Algorithm::pat, 2, kBase + levels * kLevel + setting_.ranks * kRank, bus_ * kShare,
        channels_);
  }

  const Setting& setting_;
  const Rates& rates_;
  double bus_one_, bus_;  // GB/s of all channels: one node, and this group
  int channels_;
  std::size_t column_ = 0;
  std::vector<NcclChoice> all_;
};

}  // namespace

int nvls_channels(Architecture architecture) {
  return rates_of(architecture).nvls_channels;
}

bool nvls_runs(const Setting& setting) {
  return setting.kind == CollectiveKind::all_reduce && setting.domain.in_switch_reduction &&
         setting.summable_in_switch && rates_of(setting.model().architecture).nvls_channels > 0 &&
         setting.per_domain > (setting.domains > 1 ? 3 : 4);
}

BytesPerSecond nccl_ll_rate(const Setting& setting) {
  const double bus = setting.link.si() * setting.model().search_share;
  return BytesPerSecond::from_si(
      std::min(rates_of(setting.model().architecture).ll_max[0] * 1e9, 0.5 * bus));
}

NcclChoice nccl_choice(const Setting& setting) {
  const Candidates candidates(setting);
  const NcclChoice* best = nullptr;
  // Forced values that nothing matches are why_not's business; here they count as not given.
  for (const bool forced : {true, false}) {
    for (const NcclChoice& c : candidates.all()) {
      const bool fits =
          (setting.algorithm == Algorithm::automatic || c.algorithm == setting.algorithm) &&
          (setting.protocol == Protocol::automatic || c.protocol == setting.protocol);
      if (forced && !fits) continue;
      if (best == nullptr || c.expected < best->expected) best = &c;
    }
    if (best != nullptr) return *best;
  }
  return {};
}

}  // namespace aisle::workloads
