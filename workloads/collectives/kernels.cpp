// SPDX-License-Identifier: Apache-2.0
// Libraries beside the vendor's: kernels of inference engines, NCCL's device kernels, mscclpp,
// ctran. Their constants are the library's own; rates are shares of the links.
#include "workloads/collectives/setting.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

namespace {

using namespace units;

/// Launch of the one- and two-shot kernels from a CUDA graph, by architecture (vLLM, TensorRT-LLM;
/// ai-dynamo/aiconfigurator @ 095f58a).
Seconds kernel_launch(const Setting& setting) {
  struct Launch {
    double inference, tensorrt;
  };

  const Launch launch = [&]() -> Launch {
    switch (setting.model().architecture) {
      case Architecture::volta:
      case Architecture::ampere:
        return {4.9, 3.9};
      case Architecture::blackwell:
        return {6.6, 4.7};
      default:
        return {4.2, 2.7};
    }
  }();
  const bool tensorrt = setting.library == Library::tensorrt_llm;
  constexpr Seconds kPerPeer = 0.11 * us;
  return (tensorrt ? launch.tensorrt : launch.inference) * us + setting.ranks * kPerPeer;
}

/// Every rank reads all inputs.
CommunicationCost one_shot(const Setting& setting) {
  constexpr double kShare = 0.6;
  CommunicationCost cost;
  cost.algorithm = Algorithm::one_shot;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (setting.ranks - 1.0);
  cost.hbm = setting.bytes * (setting.ranks + 1.0);
  const Seconds streaming = cost.scale_up_out / (setting.link * kShare);
  set_time(cost, kernel_launch(setting) + streaming, streaming, "scale-up link");
  return cost;
}

/// Reduce-scatter and all-gather in one kernel, with a barrier between them.
CommunicationCost two_shot(const Setting& setting) {
  constexpr double kShare = 0.72;
  constexpr Seconds kBarrier = 4 * us;
  CommunicationCost cost;
  cost.algorithm = Algorithm::two_shot;
  const double n = setting.ranks;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (2 * (n - 1) / n);
  cost.hbm = setting.bytes * 4.0;
  const Seconds streaming = cost.scale_up_out / (setting.link * kShare);
  set_time(cost, kernel_launch(setting) + kBarrier + streaming, streaming, "scale-up link");
  return cost;
}

/// NCCL's example kernels with 4 thread blocks (NVIDIA/nccl @ 5067397, contrib/custom_algos). The
/// flag travels with the data (LL) or behind a barrier.
CommunicationCost device_kernel(const Setting& setting) {
  const bool flag = setting.protocol == Protocol::ll;
  const double n = setting.ranks;
  CommunicationCost cost;
  cost.protocol = setting.protocol;
  cost.channels = 4;
  cost.hbm = setting.bytes * 2.0;
  Seconds latency, streaming;
  if (setting.kind == CollectiveKind::all_to_all) {
    cost.algorithm = Algorithm::pairwise;
    cost.scale_up_out = cost.scale_up_in = setting.bytes * ((n - 1) / n);
    latency = ((flag ? 3.0 : 6.0) + 0.09 * n) * us;
    streaming = setting.bytes / (250 * GB / s);
  } else if (setting.algorithm == Algorithm::one_shot) {
    cost.algorithm = Algorithm::one_shot;
    cost.scale_up_out = cost.scale_up_in = setting.bytes;  // the switch returns the sum
    latency = (3.5 + 0.03 * n) * us;
    streaming = std::max(Bytes(), setting.bytes - 64 * KiB) / (28 * GB / s);
  } else {
    cost.algorithm = Algorithm::two_shot;
    cost.scale_up_out = cost.scale_up_in = setting.bytes * (1 + 1 / n);
    latency = ((flag ? 5.3 : 8.9) + 0.08 * n) * us;
    streaming = setting.bytes / (180 * GB / s);
  }
  set_time(cost, latency + streaming, streaming, "channels");
  return cost;
}

/// NCCL 2.30 under a CUDA graph: symmetric-memory kernels (src/sym_kernels.cc), GB200.
CommunicationCost graph_kernel(const Setting& setting) {
  CommunicationCost cost;
  const double n = setting.ranks;
  cost.algorithm = Algorithm::two_shot;
  cost.protocol = Protocol::ll;
  cost.scale_up_out = cost.scale_up_in = setting.bytes * (setting.steps() / n);
  cost.hbm = setting.bytes * 2.0;
  const Seconds streaming = setting.bytes / (400 * GB / s);
  set_time(
      cost,
      (5.8 + 0.43 * n) * us + 6.5 * us * (setting.bytes / (setting.bytes + 64 * KiB)) + streaming,
      streaming, "scale-up link");
  return cost;
}

/// Reduce-scatter inside, the shard across, all-gather inside, overlapped
/// (microsoft/mscclpp @ 1f5f065, A100 and H100).
CommunicationCost hierarchical(const Setting& setting) {
  constexpr double kLink = 0.82, kNic = 0.95;
  const double n = setting.ranks, k = setting.domains, g = setting.per_domain;
  const bool pairs = setting.kind == CollectiveKind::all_to_all;
  const double passes = setting.kind == CollectiveKind::all_reduce ? 2 : 1;
  CommunicationCost cost;
  cost.algorithm = pairs ? Algorithm::pairwise : Algorithm::hierarchical;
  cost.scale_up_out = cost.scale_up_in =
      setting.bytes * (pairs ? (g - 1) / n : passes * (g - 1) / g);
  cost.scale_out_out = cost.scale_out_in =
      setting.bytes * (pairs ? (n - g) / n : passes * (k - 1) / k / g);
  cost.hbm = setting.bytes * 4.0;
  const Seconds inside = cost.scale_up_out / (setting.link * kLink);
  if (setting.domains == 1) {
    set_time(cost, (5.5 + 0.11 * n) * us + inside, inside, "scale-up link");
    return cost;
  }
  const Seconds across = cost.scale_out_out / (setting.nic * kNic);
  const Seconds streaming = overlapped(inside, across, pairs ? 6 : 2);
  // Measured on two domains; more of them reduce by halves.
  const double hops = (pairs ? 2 : 4) * std::ceil(std::log2(k));
  set_time(cost, (9.1 + 0.11 * g) * us + hops * setting.network_hop + streaming, streaming,
           across > inside ? "NIC" : "scale-up link");
  return cost;
}

/// ctran over the network alone (torchcomms 2026, GB200 with NVLink off): a message below 8 MiB
/// stays on one port of two unless its queue pairs are interleaved.
class Ctran {
 public:
  explicit Ctran(const Setting& setting)
      : setting_(setting), interleaved_(setting.fabric.queue_pairs > 1) {}

  CommunicationCost run() const {
    CommunicationCost cost;
    const double n = setting_.ranks;
    cost.scale_out_out = cost.scale_out_in = setting_.bytes * (setting_.steps() / n);
    cost.hbm = cost.scale_out_out * 2.0;
    cost.protocol = Protocol::simple;
    const bool doubling =
        setting_.algorithm == Algorithm::recursive && setting_.kind != CollectiveKind::all_reduce;
    cost.algorithm = doubling ? Algorithm::recursive : Algorithm::ring;
    doubling ? time_doubling(cost) : time_ring(cost);
    return cost;
  }

 private:
  Seconds wire(Bytes bytes, Bytes message) const {
    constexpr double kShare = 0.96;
    const double ports = interleaved_ || message >= 8 * MiB ? 1 : 0.5;
    return bytes / (setting_.nic * (kShare * ports));
  }

  void time_doubling(CommunicationCost& cost) const {
    constexpr Seconds kStart = 24 * us, kStep = 9.9 * us;
    Seconds latency = kStart, streaming;
    for (Bytes message = setting_.bytes / static_cast<double>(setting_.ranks);
         message < setting_.bytes * 0.999; message *= 2) {
      latency += kStep + setting_.network_hop;
      streaming += wire(message, message);
    }
    set_time(cost, latency + streaming, streaming, "NIC");
  }

  void time_ring(CommunicationCost& cost) const {
    const bool reduces = setting_.kind == CollectiveKind::all_reduce;
    const Seconds start = (reduces ? 30.0 : 34.0) * us, step = (reduces ? 12.4 : 5.9) * us;
    const Seconds streaming =
        wire(cost.scale_out_out, setting_.bytes / static_cast<double>(setting_.ranks));
    set_time(
        cost,
        start + static_cast<double>(setting_.steps()) * (step + setting_.network_hop) + streaming,
        streaming, "NIC");
  }

  const Setting& setting_;
  bool interleaved_;
};

/// The faster of the engine's kernels and NCCL, as the engines choose by size.
CommunicationCost inference_all_reduce(const Setting& setting) {
  constexpr Bytes kHandOver = 8 * MiB;  // vLLM leaves larger messages to NCCL
  Setting handed = setting;
  handed.library = Library::nccl;
  CommunicationCost nccl = nccl_collective(handed);
  const bool tensorrt = setting.library == Library::tensorrt_llm;
  if (!tensorrt && setting.bytes >= kHandOver) return nccl;
  CommunicationCost own = one_shot(setting);
  if (!tensorrt) {
    const CommunicationCost other = two_shot(setting);
    if (other.alone < own.alone) own = other;
  }
  return own.alone < nccl.alone ? own : nccl;
}

}  // namespace

CommunicationCost other_library(const Setting& setting) {
  switch (setting.library) {
    case Library::nccl_device:
      return device_kernel(setting);
    case Library::nccl_graph:
      return setting.kind == CollectiveKind::all_reduce ? graph_kernel(setting)
                                                        : nccl_pairs(setting);
    case Library::mscclpp:
      return hierarchical(setting);
    case Library::torchcomms:
      return Ctran(setting).run();
    default:
      if (setting.kind == CollectiveKind::all_reduce) return inference_all_reduce(setting);
      return is_pairs(setting.kind) ? nccl_pairs(setting) : nccl_collective(setting);
  }
}

CommunicationCost forced_kernel(const Setting& setting) {
  if (setting.algorithm == Algorithm::hierarchical) return hierarchical(setting);
  return setting.algorithm == Algorithm::one_shot ? one_shot(setting) : two_shot(setting);
}

}  // namespace aisle::workloads
