// SPDX-License-Identifier: Apache-2.0
// Tables of measured kernels and collectives of any layout.
#include "sim/base/csv.hpp"
#include "sim/base/diagnostics.hpp"
#include "sim/study/collective_tables.hpp"
#include "sim/study/kernel_tables.hpp"
#include "sim/study/study.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  aisle::Diagnostics diagnostics;
  static const auto catalogue =
      aisle::topology::Catalogue::read(aisle::sim::scenarios_root(), diagnostics);
  AISLE_ASSERT(catalogue, "the shipped catalogue reads");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = aisle::parse_csv(text, "fuzz_h100.csv", diagnostics);
  if (!table) return 0;
  if (aisle::sim::is_collective_table(*table)) {
    const auto rows = aisle::sim::read_collective_table(*table, *catalogue, diagnostics);
    if (!rows) return 0;
    for (const aisle::sim::LedgerRow& row : *rows) aisle::sim::express(row, *catalogue);
  }
  if (!aisle::sim::is_kernel_table(*table)) return 0;
  const auto read = aisle::sim::read_kernel_table(*table, *catalogue, diagnostics);
  for (const aisle::sim::KernelRow& row : read.rows) {
    AISLE_ASSERT(row.time.si() > 0, "a kernel takes time");
    AISLE_ASSERT(row.kernel.flops.si() >= 0 && row.kernel.hbm_bytes.si() >= 0,
                 "work is not negative");
  }
  return 0;
}
