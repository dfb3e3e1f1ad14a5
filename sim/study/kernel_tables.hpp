// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"
#include "sim/base/diagnostics.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "workloads/plan.hpp"

#include <optional>
#include <string>
#include <vector>

/// Tables of measured kernel times, as published by others or recorded by users.
namespace aisle::sim {

/// One measured kernel. A line of a table may hold several (a column per operator).
struct KernelRow {
  std::string device;       ///< as the table spells it
  std::string accelerator;  ///< catalogue name; empty: unknown
  workloads::Kernel kernel;
  std::string variant;  ///< which implementation: "trtllm fp8_block"
  std::string name;     ///< of the operator, where the line holds several
  Seconds time;
  std::uint32_t shape = 0;  ///< of the shape's hash; sizes along one shape share it
  int line = 0;
};

struct KernelTable {
  std::string file, layout;
  std::vector<KernelRow> rows;
  int lines = 0;
  int unused = 0;  ///< lines that describe no kernel of ours (another operator, no time)
};

/// Whether the columns are those of a table of kernels.
bool is_kernel_table(const CsvTable& table);

/// Every measured kernel of a table, recognised by its columns. Bad cells are located errors.
/// Tables without a column for the device are of the one that the file's name holds.
KernelTable read_kernel_table(const CsvTable& table, const topology::Catalogue& catalogue,
                              Diagnostics& diagnostics);

/// A CSV file, plain or gzip.
std::optional<CsvTable> read_table_file(const std::string& path, Diagnostics& diagnostics);

/// Whether a file begins like a table of kernels; else it may be a trace.
bool is_table_file(const std::string& path);

/// The kernels of a recorded trace whose shapes are known and that ran without communication
/// beside them. `accelerator` is left to the caller.
std::optional<KernelTable> read_kernel_trace(const std::string& path, Diagnostics& diagnostics);

/// What the layouts are called, for messages.
std::string kernel_layouts();

}  // namespace aisle::sim
