// SPDX-License-Identifier: Apache-2.0
#include "sim/study/kernel_tables.hpp"

#include "sim/study/collective_ledger.hpp"
#include "sim/study/kernel_table_line.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/traces/source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>

namespace aisle::sim {

namespace {

/// Most that a table may hold.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
/// Bad cells of one table that are told one by one.
constexpr int kMostWarnings = 20;

std::array<const std::vector<TableLayout>*, 4> all_layouts() {
  return {&inference_layouts(), &layer_layouts(), &other_layouts(), &profile_layouts()};
}

const TableLayout* layout_of(const CsvTable& table) {
  const TableLayout* best = nullptr;
  for (const auto* list : all_layouts()) {
    for (const TableLayout& layout : *list) {
      const bool fits = std::all_of(layout.columns.begin(), layout.columns.end(),
                                    [&](std::string_view name) { return table.column(name) >= 0; });
      if (fits && (best == nullptr || layout.columns.size() > best->columns.size())) {
        best = &layout;
      }
    }
  }
  return best;
}

/// Spellings repeat on every line; each is looked up once.
class Devices {
 public:
  explicit Devices(const topology::Catalogue& catalogue) : catalogue_(catalogue) {}

  const std::string& accelerator(const std::string& spelling) {
    const auto [place, fresh] = known_.try_emplace(spelling);
    if (!fresh) return place->second;
    place->second = find_accelerator(spelling, catalogue_);
    // A kernel does not see the socket: boards carry the same die and memory.
    static const std::regex board(R"([- _]*pcie)", std::regex::icase);
    if (place->second.empty()) {
      place->second = find_accelerator(std::regex_replace(spelling, board, ""), catalogue_);
    }
    return place->second;
  }

 private:
  const topology::Catalogue& catalogue_;
  std::unordered_map<std::string, std::string> known_;
};

std::string device_of(const TableLine& line, const std::string& of_file) {
  for (const std::string_view column : {"device", "system", "accelerator"}) {
    if (line.has(column)) return std::string(line.text(column));
  }
  if (line.has("gfx")) return fmt::format("{} {}", line.text("gfx"), line.text("cu_num"));
  return of_file;
}

bool is_gzip(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x1f && file.get() == 0x8b;
}

std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? 0xedb88320U ^ (value >> 1U) : value >> 1U;
    }
    table[i] = value;
  }
  return table;
}

}  // namespace

std::string device_in_name(const std::string& file, const topology::Catalogue& catalogue) {
  std::string stem = std::filesystem::path(file).filename().string();
  stem = stem.substr(0, stem.find('.'));
  for (std::size_t begin = 0; begin < stem.size();) {
    std::size_t end = stem.find_first_of("_- ", begin);
    if (end == std::string::npos) end = stem.size();
    std::string word = stem.substr(begin, end - begin);
    if (word.size() > 1 && !find_accelerator(word, catalogue).empty()) return word;
    begin = end + 1;
  }
  return {};
}

const pb::Model* model_in_name(const std::string& file, const topology::Catalogue& catalogue) {
  const auto bare = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
        out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
    }
    return out;
  };
  const std::string stem = bare(std::filesystem::path(file).filename().string());
  const pb::Model* best = nullptr;
  for (const pb::Model* model : catalogue.models()) {
    const std::string name = bare(model->name());
    if (stem.find(name) == std::string::npos) continue;
    if (best == nullptr || name.size() > bare(best->name()).size()) best = model;
  }
  return best;
}

std::uint32_t crc32(std::string_view text) {
  static const std::array<std::uint32_t, 256> table = crc_table();
  std::uint32_t value = 0xffffffffU;
  for (const char c : text) {
    value = table[(value ^ static_cast<unsigned char>(c)) & 0xffU] ^ (value >> 8U);
  }
  return value ^ 0xffffffffU;
}

TableLine::TableLine(const CsvTable& table, Diagnostics& diagnostics)
    : table_(table), diagnostics_(diagnostics) {
  for (std::size_t i = 0; i < table.header.size(); ++i) columns_.emplace(table.header[i], i);
}

const CsvTable::Cell* TableLine::cell(std::string_view column) const {
  const auto found = columns_.find(column);
  return found == columns_.end() ? nullptr : &table_.rows[row_][found->second];
}

std::string_view TableLine::text(std::string_view column) const {
  const CsvTable::Cell* found = cell(column);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

double TableLine::number(std::string_view column) {
  const std::string_view digits = text(column);
  if (digits.empty()) return 0;
  double value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool good = failure == std::errc() && end == digits.data() + digits.size();
  if (!good || !std::isfinite(value) || value < 0 || value > 1e15) {
    fail(column, fmt::format("'{}' is no size or time", digits.substr(0, 40)),
         "a number of at least 0");
    return 0;
  }
  return value;
}

void TableLine::fail(std::string_view column, const std::string& sentence,
                     const std::string& hint) {
  bad_ = true;
  if (++failures_ > kMostWarnings) return;
  const CsvTable::Cell* found = cell(column);
  diagnostics_.warning(found == nullptr ? Place{table_.file, line(), 1} : table_.place(*found),
                       std::string(column), sentence, hint);
}

std::uint32_t TableLine::key(std::initializer_list<std::string_view> columns) const {
  std::string joined;
  for (const std::string_view column : columns) {
    if (!joined.empty()) joined += '|';
    joined += text(column);
  }
  return crc32(joined);
}

KernelRow kernel_row(const workloads::Kernel& kernel, std::string variant, Seconds time,
                     std::uint32_t shape, std::string name) {
  KernelRow row;
  row.kernel = kernel;
  row.variant = std::move(variant);
  row.time = time;
  row.shape = shape;
  row.name = std::move(name);
  return row;
}

std::optional<NumberFormat> number_format(std::string_view name) {
  using topology::Precision;
  const auto holds = [&](std::string_view part) { return name.find(part) != name.npos; };
  if (holds("w4a16") || holds("int4")) return NumberFormat{Precision::bf16, {2, 0.5, 2}};
  if (holds("w4a8")) return NumberFormat{Precision::fp8, {1, 0.5, 2}};
  if (holds("int8_wo")) return NumberFormat{Precision::bf16, {2, 1, 2}};
  if (name == "sq" || holds("int8")) return NumberFormat{Precision::int8, {1, 1, 2}};
  if (holds("fp4") || holds("float4")) return NumberFormat{Precision::fp4, {0.5, 0.5, 2}};
  if (holds("fp8") || holds("float8") || holds("Float8") || holds("FP8")) {
    return NumberFormat{Precision::fp8, {1, 1, 2}};
  }
  if (holds("bf16") || holds("bfloat16") || holds("BFloat16") || holds("BF16")) {
    return NumberFormat{Precision::bf16, {2, 2, 2}};
  }
  if (holds("fp16") || holds("float16") || holds("half") || holds("Half") || holds("FP16")) {
    return NumberFormat{Precision::fp16, {2, 2, 2}};
  }
  if (holds("tf32")) return NumberFormat{Precision::tf32, {4, 4, 4}};
  if (holds("fp32") || holds("float32") || name == "float") {
    return NumberFormat{Precision::fp32, {4, 4, 4}};
  }
  return std::nullopt;
}

bool is_kernel_table(const CsvTable& table) {
  return layout_of(table) != nullptr;
}

KernelTable read_kernel_table(const CsvTable& table, const topology::Catalogue& catalogue,
                              Diagnostics& diagnostics) {
  KernelTable out;
  out.file = table.file;
  out.lines = static_cast<int>(table.rows.size());
  const TableLayout* layout = layout_of(table);
  if (layout == nullptr) {
    diagnostics.error({table.file, 1, 1}, {}, "the columns are those of no table of kernels",
                      "known are " + kernel_layouts());
    return out;
  }
  out.layout = std::string(layout->name);
  const std::string of_file = device_in_name(table.file, catalogue);
  Devices devices(catalogue);
  TableLine line(table, diagnostics);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    line.begin();
    line.move_to(i);
    const std::size_t before = out.rows.size();
    layout->read(line, catalogue, out.rows);
    if (line.bad()) out.rows.resize(before);
    const auto first = out.rows.begin() + static_cast<std::ptrdiff_t>(before);
    out.rows.erase(std::remove_if(first, out.rows.end(),
                                  [](const KernelRow& row) { return !(row.time.si() > 0); }),
                   out.rows.end());
    if (out.rows.size() == before) {
      ++out.unused;
      continue;
    }
    const std::string device = device_of(line, of_file);
    for (std::size_t r = before; r < out.rows.size(); ++r) {
      out.rows[r].device = device;
      out.rows[r].accelerator = devices.accelerator(device);
      out.rows[r].line = line.line();
    }
  }
  if (line.failures() > kMostWarnings) {
    diagnostics.warning({table.file, 0, 0}, {},
                        fmt::format("{} cells in all could not be read; their lines are not used",
                                    line.failures()));
  }
  return out;
}

std::optional<CsvTable> read_table_file(const std::string& path, Diagnostics& diagnostics) {
  if (!is_gzip(path)) return read_csv(path, diagnostics);
  auto source = workloads::traces::Source::open(path, diagnostics);
  if (!source) return std::nullopt;
  const auto text = workloads::traces::read_all(*source, kMostBytes, diagnostics);
  if (!text) return std::nullopt;
  if (source->broken()) {
    diagnostics.error({path, 0, 0}, {}, "the compressed file breaks off", "copy it again");
    return std::nullopt;
  }
  return parse_csv(*text, path, diagnostics);
}

std::string kernel_layouts() {
  std::vector<std::string_view> names;
  for (const auto* list : all_layouts()) {
    for (const TableLayout& layout : *list) names.push_back(layout.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace aisle::sim
