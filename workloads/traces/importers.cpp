// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/formats.hpp"
#include "workloads/traces/importer.hpp"
#include "workloads/traces/kineto_import.hpp"
#include "workloads/traces/normalised.hpp"

#include <vector>

namespace aisle::workloads::traces {

std::span<const Importer> importers() {
  static const std::vector<Importer> table = {
      {Format::normalised, recognises_normalised, import_normalised},
      {Format::nsys_sqlite, is_nsys_sqlite, import_nsys_sqlite},
      {Format::chakra, is_chakra, import_chakra},
      {Format::nsys_kernel_sum, is_nsys_kernel_sum, import_nsys_kernel_sum},
      {Format::nsys_gpu_trace, is_nsys_gpu_trace, import_nsys_gpu_trace},
      {Format::ncu, is_ncu, import_ncu},
      {Format::ascend_kernels, is_ascend_kernels, import_ascend_kernels},
      {Format::ascend_operators, is_ascend_operators, import_ascend_operators},
      {Format::ascend_steps, is_ascend_steps, import_ascend_steps},
      {Format::jax_nvtx, is_jax_nvtx, import_jax_nvtx},
      {Format::chakra_json, is_chakra_json, import_chakra_json},
      {Format::pytorch_et, is_pytorch_et, import_pytorch_et},
      {Format::ascend_collectives, is_ascend_collectives, import_ascend_collectives},
      {Format::ascend_trace_view, recognises_ascend_trace_view, import_ascend_trace_view},
      {Format::kineto, recognises_kineto, import_kineto},
  };
  return table;
}

}  // namespace aisle::workloads::traces
