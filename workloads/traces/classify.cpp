// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/classify.hpp"

namespace aisle::workloads::traces {

KernelClass classify(std::string_view kernel_name) {
  KernelClass found;
  if (kernel_name.starts_with("nccl")) {
    found.known = found.communication = true;
    found.library = "NCCL";
  }
  return found;
}

}  // namespace aisle::workloads::traces
