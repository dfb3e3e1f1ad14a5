// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/ncu_metrics.hpp"

#include "workloads/traces/assemble.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace aisle::workloads::traces {
namespace {

/// The digits and separators of a number; false for words.
bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-eE") == std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos;
}

/// Which letter separates the fraction, as far as this number tells; 0 where it does not.
char decimal_of(std::string_view text) {
  const std::size_t last = text.find_last_of(".,");
  if (last == std::string_view::npos) return 0;
  const char mark = text[last], other = mark == '.' ? ',' : '.';
  const bool repeated = text.find(mark) != last;
  if (repeated) return other;                                   // 1,354,752
  if (text.find(other) != std::string_view::npos) return mark;  // 8,382.70
  const std::size_t digits = text.size() - last - 1;
  if (digits != 3 || last == 0 || last > 3 || text.front() == '0') return mark;
  return 0;
}

/// 10^n of a prefix of a unit: "Kbyte", "Mbyte", "usecond", "ns", "Ghz".
double prefix_of(std::string_view unit, std::string_view stem, bool time) {
  if (unit.size() <= stem.size()) return 1;
  switch (unit.front()) {
    case 'n':
      return 1e-9;
    case 'u':
      return 1e-6;
    case 'm':
      return time ? 1e-3 : 1e6;
    case 'k':
      return 1e3;
    case 'g':
      return 1e9;
    case 't':
      return 1e12;
    default:
      return 1;
  }
}

/// Factor to bytes, seconds, hertz or plain counts; units are scaled row by row.
double factor_of(std::string_view unit) {
  std::string text = lowered(unit);
  if (text.starts_with("cycle/")) {  // a clock
    const std::string_view per = std::string_view(text).substr(6);
    return 1 / prefix_of(per, per.ends_with("second") ? "second" : "s", true);
  }
  text = text.substr(0, text.find('/'));  // per block, per thread
  for (const std::string_view stem : {"second", "byte", "hz"}) {
    if (text.ends_with(stem)) return prefix_of(text, stem, stem == "second");
  }
  if (text == "s" || text == "ns" || text == "us" || text == "ms")
    return prefix_of(text, "s", true);
  if (text == "kb" || text == "mb" || text == "gb" || text == "tb")
    return prefix_of(text, "b", false);
  return text == "%" ? 0.01 : 1;
}

double plus(double a, double b) {
  return a == kUnknown ? b : b == kUnknown ? a : a + b;
}

/// Operations per thread-level instruction: "...op_ffma_pred_on.sum".
int operations_of(std::string_view name) {
  constexpr std::string_view kStem = "sass_thread_inst_executed_op_";
  const std::size_t at = name.find(kStem);
  if (at == std::string_view::npos || !name.ends_with("_pred_on.sum")) return 0;
  const std::string_view op = name.substr(at + kStem.size());
  if (op.size() < 4 || (op[0] != 'f' && op[0] != 'h' && op[0] != 'd')) return 0;
  const std::string_view verb = op.substr(1, 3);
  if (verb == "fma") return 2;
  return verb == "add" || verb == "mul" ? 1 : 0;
}

struct LaunchName {
  std::string_view details, raw;
};

constexpr LaunchName kRegisters = {"Registers Per Thread", "launch__registers_per_thread"};
constexpr LaunchName kGrid = {"Grid Size", "launch__grid_size"};
constexpr LaunchName kBlock = {"Block Size", "launch__block_size"};
constexpr LaunchName kWaves = {"Waves Per SM", "launch__waves_per_multiprocessor"};

bool is(const LaunchName& wanted, std::string_view name) {
  return name == wanted.details || name == wanted.raw;
}

}  // namespace

void NcuNumbers::learn(std::string_view text) {
  for (std::size_t at = text.find('"'); at != std::string_view::npos && decimal_ == 0;
       at = text.find('"', at)) {
    const std::size_t end = text.find('"', at + 1);
    if (end == std::string_view::npos) return;
    const std::string_view cell = text.substr(at + 1, end - at - 1);
    // "12.0" may be a compute capability and "1.2.3" a version: only what has both marks, or a
    // mark twice in groups of three, is a number of a language for certain.
    if (is_number(cell) && cell.size() > 5 && cell.find_first_of("eE") == std::string_view::npos) {
      const std::size_t last = cell.find_last_of(".,");
      const bool both =
          cell.find('.') != std::string_view::npos && cell.find(',') != std::string_view::npos;
      if (both && last != std::string_view::npos) decimal_ = decimal_of(cell);
    }
    at = end + 1;
  }
}

std::optional<double> NcuNumbers::read(std::string_view text) const {
  std::string plain;
  for (const char letter : trimmed(text)) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == ' ' || letter == '\'' || byte == 0xC2 || byte == 0xA0 || byte == 0xE2 ||
        byte == 0x80 || byte == 0xAF) {
      continue;  // groups set off by blanks: plain, no-break or narrow, and Swiss apostrophes
    }
    plain += letter;
  }
  if (!is_number(plain)) return std::nullopt;
  char decimal = decimal_;
  if (const char told = decimal_of(plain); decimal == 0) decimal = told;
  if (plain.find('.') != std::string::npos && plain.find(',') == std::string::npos &&
      decimal == ',' && decimal_of(plain) == '.') {
    decimal = '.';  // against the file's language, but it cannot be read otherwise
  }
  std::string number;
  for (const char letter : plain) {
    if (letter == decimal) number += '.';
    if (letter != '.' && letter != ',') number += letter;
  }
  return to_number(number);
}

void NcuMetrics::dimensions(std::string_view text, std::array<std::int32_t, 3>& out) {
  std::size_t i = 0;
  while (!text.empty() && i < out.size()) {
    const std::size_t from = text.find_first_of("0123456789");
    if (from == std::string_view::npos) return;
    text.remove_prefix(from);
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    out[i++] = small(to_integer(text.substr(0, end)).value_or(0));
    text.remove_prefix(end);
  }
}

bool NcuMetrics::take(std::string_view name, std::string_view unit, std::string_view text,
                      const NcuNumbers& numbers) {
  if ((is(kGrid, name) || is(kBlock, name)) && text.starts_with('(')) return false;
  const auto read = numbers.read(text);
  if (!read || *read < 0) return false;
  const double value = *read * factor_of(unit);
  const auto count = small(std::isfinite(value) && value < 9e18 ? std::llround(value) : 0);
  if (name == "dram__bytes.sum") return dram_ = value, true;
  if (name == "dram__bytes_read.sum") return dram_read_ = value, true;
  if (name == "dram__bytes_write.sum") return dram_write_ = value, true;
  if (name == "gpu__time_duration.sum" || name == "Duration")
    return duration_ns_ = value * 1e9, true;
  if (name == "sm__cycles_elapsed.avg") return cycles_ = value, true;
  if (name == "sm__cycles_elapsed.avg.per_second") return clock_hz_ = value, true;
  if (const int operations = operations_of(name)) {
    return plain_flops_ = plus(plain_flops_, operations * value), true;
  }
  if (name.starts_with("sm__ops_path_tensor_src_") && name.ends_with(".sum")) {
    return tensor_flops_ = plus(tensor_flops_, value), true;
  }
  if (name == "sm__inst_executed_pipe_tensor.sum") return tensor_instructions_ = value, true;
  if (name.starts_with("sm__pipe_tensor") &&
      name.find("cycles_active.avg.pct_of_peak_sustained") != std::string_view::npos) {
    return tensor_share_ = std::max(tensor_share_, value), true;
  }
  if (is(kRegisters, name)) return shape.registers = count, true;
  if (is(kGrid, name)) {
    if (shape.grid[0] == 0) shape.grid = {count, 1, 1};
    return true;
  }
  if (is(kBlock, name)) {
    if (shape.block[0] == 0) shape.block = {count, 1, 1};
    return true;
  }
  if (name == "Dynamic Shared Memory Per Block" || name == "Static Shared Memory Per Block" ||
      name == "launch__shared_mem_per_block_dynamic" ||
      name == "launch__shared_mem_per_block_static") {
    return shape.shared_memory = small(sum(shape.shared_memory, count)), true;
  }
  if (is(kWaves, name)) return waves = value, true;
  if (name.starts_with("Block Limit") || name.starts_with("launch__occupancy_limit_")) {
    if (value >= 1 && (blocks_per_core == 0 || value < blocks_per_core)) blocks_per_core = value;
    return true;
  }
  return false;
}

std::int64_t NcuMetrics::duration_ns() const {
  double ns = duration_ns_;
  if (ns == kUnknown && cycles_ != kUnknown && clock_hz_ > 0) ns = cycles_ / clock_hz_ * 1e9;
  return ns >= 0 && ns < 9e18 ? std::llround(ns) : kUnknown;
}

double NcuMetrics::dram_bytes() const {
  return dram_ != kUnknown ? dram_ : plus(dram_read_, dram_write_);
}

double NcuMetrics::flops() const {
  if (tensor_instructions_ > 0 && tensor_flops_ <= 0) return kUnknown;
  return plus(plain_flops_, tensor_flops_);
}

void NcuCores::narrow(const NcuMetrics& metrics) {
  constexpr double kRounding = 0.005;
  if (metrics.waves <= kRounding || metrics.blocks_per_core <= 0) return;
  double blocks = 1;
  for (const std::int32_t length : metrics.shape.grid) blocks *= std::max(length, 1);
  if (metrics.shape.grid[0] == 0) return;
  const double per_wave = blocks / metrics.blocks_per_core;
  least_ = std::max(least_, per_wave / (metrics.waves + kRounding));
  most_ = std::min(most_, per_wave / (metrics.waves - kRounding));
}

std::int32_t NcuCores::cores() const {
  const double least = std::ceil(least_ - 1e-6), most = std::floor(most_ + 1e-6);
  return least == most && least > 1 ? static_cast<std::int32_t>(least) : 0;
}

}  // namespace aisle::workloads::traces
