// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/kernel_tables.hpp"
#include "workloads/serving/kernel_shapes.hpp"

#include <initializer_list>
#include <string_view>
#include <unordered_map>

namespace aisle::pb {
class Model;
}

/// One line of a table of kernels while it is read. Used by the readers of the layouts alone.
namespace aisle::sim {

using workloads::busiest_rank;
using workloads::CacheAttention;
using workloads::dense_product;
using workloads::expert_layer;
using workloads::expert_product;
using workloads::ExpertLoad;
using workloads::OperandBytes;
using workloads::streaming;

class TableLine {
 public:
  TableLine(const CsvTable& table, Diagnostics& diagnostics);

  void move_to(std::size_t row) { row_ = row; }

  std::string_view text(std::string_view column) const;
  /// The number in a cell; 0 for an empty or absent one. A cell that is no number is warned of and
  /// makes the line bad.
  double number(std::string_view column);

  bool has(std::string_view column) const { return !text(column).empty(); }

  const std::string& file() const { return table_.file; }

  int line() const { return table_.rows[row_].front().line; }

  /// Hash of the named cells, joined: the key that tables are split by.
  std::uint32_t key(std::initializer_list<std::string_view> columns) const;

  /// A column that every line needs is empty, or no number was readable.
  bool bad() const { return bad_; }

  void fail(std::string_view column, const std::string& sentence, const std::string& hint);

  /// Cells that could not be read so far; each is a located warning, the first of a table at least.
  int failures() const { return failures_; }

  /// A new line is not bad yet.
  void begin() { bad_ = false; }

 private:
  const CsvTable::Cell* cell(std::string_view column) const;

  const CsvTable& table_;
  Diagnostics& diagnostics_;
  std::unordered_map<std::string_view, std::size_t> columns_;
  std::size_t row_ = 0;
  bool bad_ = false;
  int failures_ = 0;
};

/// The device whose name a file's name holds: "vidur_h100_llama2_70b_layers.csv".
std::string device_in_name(const std::string& file, const topology::Catalogue& catalogue);

/// The model of the catalogue whose name a file's name holds, punctuation aside.
const pb::Model* model_in_name(const std::string& file, const topology::Catalogue& catalogue);

std::uint32_t crc32(std::string_view text);

/// "bfloat16", "c10::BFloat16", "fp8_block", "float8_e4m3fnuz", "w4a16_mxfp4" ... : the format in
/// which products are computed and the bytes of one number of each operand.
struct NumberFormat {
  topology::Precision precision = topology::Precision::bf16;
  OperandBytes bytes;
};

std::optional<NumberFormat> number_format(std::string_view name);

/// A layout: the columns that tell it from others, and what a line of it holds.
struct TableLayout {
  std::string_view name;
  std::vector<std::string_view> columns;
  void (*read)(TableLine& line, const topology::Catalogue& catalogue, std::vector<KernelRow>& out);
};

const std::vector<TableLayout>& inference_layouts();  ///< aiconfigurator, aiter, InferSim
const std::vector<TableLayout>& layer_layouts();      ///< Vidur, Frontier, LLMServingSim
const std::vector<TableLayout>& other_layouts();      ///< SimuMax, DeepGEMM, NeuSight, recordings

const std::vector<TableLayout>& profile_layouts();  ///< Ascend

/// A row with what most have.
KernelRow kernel_row(const workloads::Kernel& kernel, std::string variant, Seconds time,
                     std::uint32_t shape, std::string name = {});

}  // namespace aisle::sim
