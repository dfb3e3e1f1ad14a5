// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/importer.hpp"

namespace aisle::workloads::traces {

std::span<const Importer> importers() {
  return {};
}

}  // namespace aisle::workloads::traces
