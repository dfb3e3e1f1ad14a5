// SPDX-License-Identifier: Apache-2.0
// Exchanges of a mixture of experts: dispatch and combine, in two hops or one message per token.
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using namespace units;

/// What a library's kernels reach. Rates per core: inside a domain, and where some copies leave it.
struct ExchangeLibrary {
  double nic;   ///< share of line rate; 0: the profile's, by computation beside
  double link;  ///< share of the scale-up link
  double dispatch_core_gb, combine_core_gb, combine_core_across_gb;  ///< GB/s; 0: no limit
  double inside_us, across_us, level_us;  ///< fixed, and per doubling of domains
};

// deepseek-ai/DeepEP @ dd758ca and ai-dynamo/aiconfigurator @ 095f58a (4 to 24 SMs, H100, B200);
// DeepEP @ 94a9f8f (Hybrid-EP); uccl-project/uccl @ da914a2; TensorRT-LLM 1.2 on NVL72.
constexpr ExchangeLibrary kDeepEp{0, 0.66, 14.3, 15.5, 10.5, 30, 35, 15};
constexpr ExchangeLibrary kHybridEp{0.87, 0.70, 36, 36, 33, 20, 20, 0};
constexpr ExchangeLibrary kUcclEp{0.90, 0.66, 0, 0, 0, 30, 35, 15};
constexpr ExchangeLibrary kOneSided{0.90, 0.62, 0, 0, 0, 12, 12, 0};
// ROCm/mori @ 624002c: a copy per rank and node also for few tokens, so that 16 ranks of MI300X
// combine in 122 us what a message per expert could not move in 147.
constexpr ExchangeLibrary kMori{0.90, 0.70, 0, 0, 0, 22, 55, 5};
// sgl-kernel-npu on 910C, 8 to 128 dies: 146 to 57 GB/s; the middle, because its fall with the
// number of ranks is not understood.
constexpr ExchangeLibrary kAscend{0.80, 0.45, 0, 0, 0, 120, 120, 0};

const ExchangeLibrary& normal_kernels(Library library) {
  switch (library) {
    case Library::hybrid_ep:
      return kHybridEp;
    case Library::uccl_ep:
      return kUcclEp;
    case Library::mori:
      return kMori;
    case Library::hccl:
      return kAscend;
    case Library::one_sided:
      return kOneSided;
    default:
      return kDeepEp;
  }
}

/// Low-latency kernels: a fixed time and shares of NIC and link.
struct LowLatencyLibrary {
  double nic, link, inside_us, across_us;
  double level_us = 0;   ///< per doubling of the ranks
  bool batches = false;  ///< one write per peer, not per token: a proxy costs nothing
};

// 25 us + bytes that leave the node / 44 GB/s meets ten published points of DeepEP within 9 %.
constexpr LowLatencyLibrary kDeepEpLow{0.89, 0.59, 14, 25};
constexpr LowLatencyLibrary kUcclLow{0.75, 0.59, 30, 40};
constexpr LowLatencyLibrary kPplxLow{0.80, 0.59, 30, 55, 0, true};
// 8, 16 and 32 dies of 910C: 132, 139, 153 us to dispatch, 126, 135, 151 us to combine twice the
// bytes; CloudMatrix384 with 256 dies 152 and 149: the kernel's work takes the time.
constexpr LowLatencyLibrary kAscendLow{0.80, 0.9, 110, 110, 8};
/// A proxy on the CPU posts each message where the NIC takes no order from the GPU (EFA).
constexpr double kProxyShare = 0.55;
constexpr double kBlackwellLaunch = 7;  // us beyond Hopper's

const LowLatencyLibrary& low_latency_kernels(Library library) {
  switch (library) {
    case Library::uccl_ep:
      return kUcclLow;
    case Library::hccl:
      return kAscendLow;
    case Library::pplx:
      return kPplxLow;
    default:
      return kDeepEpLow;
  }
}

/// One message per token and expert: `bytes` are a token's, once; copies to ranks count experts.
CommunicationCost low_latency(const Setting& setting, const Communication& exchange) {
  const LowLatencyLibrary& kernels = low_latency_kernels(setting.library);
  const double n = setting.ranks, g = setting.per_domain, levels = std::log2(n);
  const Bytes sent = setting.bytes * exchange.copies_to_ranks;
  CommunicationCost cost;
  cost.algorithm = Algorithm::low_latency;
  cost.scale_up_out = cost.scale_up_in = sent * ((g - 1) / n);
  cost.scale_out_out = cost.scale_out_in = sent * ((n - g) / n);
  cost.hbm = sent * 2.0;
  const double launch =
      setting.model().architecture == Architecture::blackwell ? kBlackwellLaunch : 0;
  // One message per token and expert: what is hot inside is as hot on the NIC.
  const Seconds inside = exchange.hottest_rank * cost.scale_up_out / (setting.link * kernels.link);
  if (setting.domains == 1) {
    const Seconds fixed = (kernels.inside_us + launch + levels * kernels.level_us) * us;
    if (kernels.level_us > 0) {
      set_time(cost, overlapped(fixed, inside), inside, "scale-up link");
    } else {
      set_time(cost, fixed + inside, inside, "scale-up link");
    }
    return cost;
  }
  const bool efa = setting.fabric.transport == "efa", proxy = efa && !kernels.batches;
  const Seconds across = exchange.hottest_rank * cost.scale_out_out /
                         (setting.nic * (kernels.nic * (proxy ? kProxyShare : 1.0)));
  const Seconds fixed = (kernels.across_us + launch + levels * kernels.level_us) * us +
                        (efa ? setting.network_hop : Seconds());
  const Seconds streaming = overlapped(inside, across);
  set_time(cost, fixed + streaming, streaming, across > inside ? "NIC" : "scale-up link");
  return cost;
}

/// Rate at which the exchange's cores handle bytes; nothing if they never bind.
BytesPerSecond handling_rate(const Setting& setting, const Communication& exchange,
                             const ExchangeLibrary& kernels) {
  const bool dispatch = setting.kind == CollectiveKind::dispatch;
  const double combine =
      setting.domains > 1 ? kernels.combine_core_across_gb : kernels.combine_core_gb;
  const int cores = exchange.cores > 0 ? exchange.cores : setting.profile.cores_expert;
  return (dispatch ? kernels.dispatch_core_gb : combine) * cores * GB / s;
}

double nic_share(const Setting& setting, const Communication& exchange,
                 const ExchangeLibrary& kernels) {
  if (kernels.nic > 0) return kernels.nic;
  const CommunicationProfile& p = setting.profile;
  if (setting.kind == CollectiveKind::dispatch) {
    return exchange.beside_computation ? p.dispatch_efficiency_beside : p.dispatch_efficiency;
  }
  return exchange.beside_computation ? p.combine_efficiency_beside : p.combine_efficiency;
}

Seconds fixed_time(const Setting& setting, const ExchangeLibrary& kernels) {
  const double levels = std::log2(static_cast<double>(setting.domains));
  if (setting.library == Library::one_sided) {
    const double peers = std::log2(static_cast<double>(setting.ranks));
    return (kernels.inside_us + (setting.kind == CollectiveKind::dispatch ? 1.9 : 3.4) * peers) *
           us;
  }
  if (setting.domains == 1) return kernels.inside_us * us;
  return (kernels.across_us + kernels.level_us * levels) * us;
}

}  // namespace

CommunicationCost expert_exchange(const Setting& setting, const Communication& exchange) {
  if (setting.algorithm == Algorithm::low_latency) return low_latency(setting, exchange);
  const ExchangeLibrary& kernels = normal_kernels(setting.library);
  const double k = setting.domains, g = setting.per_domain;
  CommunicationCost cost;
  cost.algorithm = setting.domains > 1 ? Algorithm::two_hop : Algorithm::pairwise;
  cost.scale_out_out = cost.scale_out_in =
      setting.bytes * (exchange.copies_to_domains * (k - 1) / k);
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (exchange.copies_to_ranks * (g - 1) / g);
  // Send buffer read, relay buffer written and read, receive buffer written.
  cost.hbm = setting.bytes * (2 * exchange.copies_to_domains + 2 * exchange.copies_to_ranks);
  // In two hops a NIC takes what its domain takes, and the link inside what its rank takes.
  const Bytes inside = exchange.hottest_rank * cost.scale_up_out;
  const Bytes outside = exchange.hottest_domain * cost.scale_out_out;
  Seconds streaming = inside / (setting.link * kernels.link);
  const char* bound = "scale-up link";
  if (setting.domains > 1) {
    const Seconds across = outside / (setting.nic * nic_share(setting, exchange, kernels));
    if (across > streaming) bound = "NIC";
    streaming = std::max(streaming, across);
  }
  const BytesPerSecond handling = handling_rate(setting, exchange, kernels);
  if (handling.si() > 0) {
    const Seconds handled = (inside + outside) / handling;
    if (handled > streaming) bound = "cores";
    streaming = overlapped(streaming, handled);
  }
  set_time(cost, fixed_time(setting, kernels) + streaming, streaming, bound);
  return cost;
}

}  // namespace aisle::workloads
