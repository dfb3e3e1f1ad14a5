// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/importer.hpp"
#include "workloads/traces/kineto_import.hpp"
#include "workloads/traces/normalised.hpp"

#include <vector>

namespace aisle::workloads::traces {

std::span<const Importer> importers() {
  static const std::vector<Importer> table = {
      {Format::normalised, recognises_normalised, import_normalised},
      {Format::ascend_trace_view, recognises_ascend_trace_view, import_ascend_trace_view},
      {Format::kineto, recognises_kineto, import_kineto},
  };
  return table;
}

}  // namespace aisle::workloads::traces
