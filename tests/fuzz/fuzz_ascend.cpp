// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/trace_import.hpp"
#include "workloads/traces/formats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aisle::workloads::traces;
  import_bytes(is_ascend_kernels, import_ascend_kernels, data, size);
  import_bytes(is_ascend_operators, import_ascend_operators, data, size);
  import_bytes(is_ascend_steps, import_ascend_steps, data, size);
  import_bytes(is_ascend_collectives, import_ascend_collectives, data, size);
  return 0;
}
