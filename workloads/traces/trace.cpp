// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/trace.hpp"

#include "sim/base/hash.hpp"

#include <algorithm>

namespace aisle::workloads::traces {

std::string_view to_string(Format format) {
  switch (format) {
    case Format::normalised:
      return "Aisle trace";
    case Format::kineto:
      return "Kineto";
    case Format::chakra:
      return "Chakra";
    case Format::chakra_json:
      return "Chakra JSON";
    case Format::pytorch_et:
      return "PyTorch execution trace";
    case Format::nsys_sqlite:
      return "Nsight Systems SQLite";
    case Format::nsys_kernel_sum:
      return "nsys stats cuda_gpu_kern_sum";
    case Format::nsys_gpu_trace:
      return "nsys stats cuda_gpu_trace";
    case Format::ncu:
      return "Nsight Compute CSV";
    case Format::ascend_kernels:
      return "Ascend kernel_details";
    case Format::ascend_operators:
      return "Ascend op_statistic";
    case Format::ascend_collectives:
      return "Ascend communication";
    case Format::ascend_steps:
      return "Ascend step_trace_time";
    case Format::ascend_trace_view:
      return "Ascend trace_view";
    case Format::jax_nvtx:
      return "JAX projected NVTX";
  }
  return "unknown";
}

std::string_view to_string(Activity activity) {
  switch (activity) {
    case Activity::kernel:
      return "kernel";
    case Activity::copy:
      return "copy";
    case Activity::fill:
      return "fill";
    case Activity::communication:
      return "communication";
  }
  return "unknown";
}

std::uint32_t Texts::id(std::string_view text) {
  if (2 * texts_.size() >= slots_.size()) grow();
  const std::uint64_t hash = text_hash(text);
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].id_plus_1 != 0; at = (at + 1) & mask) {
    const std::uint32_t id = slots_[at].id_plus_1 - 1;
    if (slots_[at].hash == hash && texts_[id] == text) return id;
  }
  const auto id = static_cast<std::uint32_t>(texts_.size());
  texts_.emplace_back(text);
  slots_[at] = {hash, id + 1};
  return id;
}

void Texts::grow() {
  std::vector<Slot> larger(std::max<std::size_t>(64, 2 * slots_.size()));
  const std::size_t mask = larger.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.id_plus_1 == 0) continue;
    std::size_t at = slot.hash & mask;
    while (larger[at].id_plus_1 != 0) at = (at + 1) & mask;
    larger[at] = slot;
  }
  slots_.swap(larger);
}

void Accounting::lose(std::string_view name, Severity severity, Fault fault,
                      std::string_view advice, std::int64_t count) {
  const auto same = std::find_if(unused.begin(), unused.end(),
                                 [&](const Unused& entry) { return entry.name == name; });
  if (same != unused.end()) {
    same->count += count;
    return;
  }
  unused.push_back({std::string(name), count, severity, fault, std::string(advice)});
}

}  // namespace aisle::workloads::traces
