// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/trace_import.hpp"
#include "workloads/traces/formats.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aisle::workloads::traces;
  import_bytes(is_pytorch_et, import_pytorch_et, data, size);
  return 0;
}
