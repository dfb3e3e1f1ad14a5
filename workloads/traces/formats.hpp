// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <string_view>

/// Recognition and import of the formats other than Chrome JSON, as Importer wants them; what each
/// reads and counts is in docs/formats/kernel-trace-formats.md.
namespace aisle::workloads::traces {

bool is_chakra(std::string_view head);
bool import_chakra(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_chakra_json(std::string_view head);
bool import_chakra_json(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_pytorch_et(std::string_view head);
bool import_pytorch_et(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_nsys_sqlite(std::string_view head);
bool import_nsys_sqlite(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_nsys_kernel_sum(std::string_view head);
bool import_nsys_kernel_sum(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_nsys_gpu_trace(std::string_view head);
bool import_nsys_gpu_trace(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_ncu(std::string_view head);
bool import_ncu(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_ascend_kernels(std::string_view head);
bool import_ascend_kernels(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_ascend_operators(std::string_view head);
bool import_ascend_operators(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_ascend_collectives(std::string_view head);
bool import_ascend_collectives(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_ascend_steps(std::string_view head);
bool import_ascend_steps(Source& source, Trace& trace, Diagnostics& diagnostics);

bool is_jax_nvtx(std::string_view head);
bool import_jax_nvtx(Source& source, Trace& trace, Diagnostics& diagnostics);

}  // namespace aisle::workloads::traces
