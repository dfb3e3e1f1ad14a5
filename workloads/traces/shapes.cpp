// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/shapes.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

namespace aisle::workloads::traces {

namespace {

using topology::Precision;

struct TypeName {
  std::string_view text;  ///< lower case
  double size;
  std::optional<Precision> precision;
};

// What is longer stands before what it contains.
constexpr TypeName kTypes[] = {
    {"float8", 1, Precision::fp8},
    {"fp8", 1, Precision::fp8},
    {"float4", 0.5, Precision::fp4},
    {"fp4", 0.5, Precision::fp4},
    {"bfloat16", 2, Precision::bf16},
    {"bf16", 2, Precision::bf16},
    {"float16", 2, Precision::fp16},
    {"half", 2, Precision::fp16},
    {"double", 8, Precision::fp64},
    {"float64", 8, Precision::fp64},
    {"dt_float", 4, Precision::fp32},
    {"float", 4, Precision::fp32},
    {"uint8", 1, std::nullopt},
    {"int8", 1, Precision::int8},
    {"signed char", 1, Precision::int8},
    {"char", 1, std::nullopt},
    {"int64", 8, std::nullopt},
    {"long", 8, std::nullopt},
    {"int32", 4, std::nullopt},
    {"int16", 2, std::nullopt},
    {"short", 2, std::nullopt},
    {"bool", 1, std::nullopt},
    {"int", 4, std::nullopt},
};

const TypeName* find_type(std::string_view type) {
  std::string lower(type.substr(0, 64));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.find("scalar") != std::string::npos) return nullptr;
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& entry) {
    return lower.find(entry.text) != std::string::npos;
  });
  return found == std::end(kTypes) ? nullptr : found;
}

/// The number after `word`, 0 where there is none.
double number_after(std::string_view text, std::string_view word) {
  const std::size_t at = text.find(word);
  if (at == std::string_view::npos) return 0;
  std::int64_t value = 0;
  const std::string_view rest = text.substr(at + word.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return static_cast<double>(std::max<std::int64_t>(value, 0));
}

std::string_view in_brackets(std::string_view text) {
  const std::size_t open = text.find('('), close = text.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return text.substr(open + 1, close - open - 1);
}

Batch::Part parse_part(std::string_view text, std::string_view word, bool generation) {
  Batch::Part part;
  part.requests = number_after(text, word);
  const std::string_view sums = in_brackets(text.substr(std::min(text.find(word), text.size())));
  if (sums.starts_with("sq")) {
    part.queries = number_after(sums, "sq");
    part.keys = number_after(sums, "sk");
    part.queries_squared = number_after(sums, "sqsq");
    part.queries_keys = number_after(sums, "sqsk");
  } else if (generation) {
    part.queries = part.queries_squared = part.requests;
    part.keys = part.queries_keys = number_after(sums, "");
  } else {
    part.queries = part.keys = number_after(sums, "");
    part.queries_squared = part.queries_keys = number_after(sums, "_");
  }
  return part;
}

}  // namespace

double size_of_type(std::string_view type) {
  const TypeName* entry = find_type(type);
  return entry == nullptr ? 0 : entry->size;
}

std::optional<Precision> precision_of_type(std::string_view type) {
  const TypeName* entry = find_type(type);
  return entry == nullptr ? std::nullopt : entry->precision;
}

double numbers(const Tensor& tensor) {
  if (tensor.shape.empty()) return 0;
  double product = 1;
  for (const std::int64_t length : tensor.shape) product *= static_cast<double>(length);
  return std::max(product, 0.0);
}

double bytes_of(const Tensor& tensor) {
  return numbers(tensor) * size_of_type(tensor.type);
}

bool is_matrix_family(Family family) {
  return family == Family::gemm || family == Family::grouped_gemm || family == Family::convolution;
}

bool is_attention_family(Family family) {
  return family == Family::attention || family == Family::attention_decode ||
         family == Family::mla || family == Family::mla_decode;
}

std::vector<std::string_view> arguments_of(std::string_view values) {
  std::vector<std::string_view> out;
  int depth = 0;
  bool quoted = false;
  std::size_t start = std::string_view::npos;
  const auto close = [&](std::size_t end) {
    if (start == std::string_view::npos) return;
    std::string_view text = values.substr(start, end - start);
    const auto outer = [](char c) { return c == ' ' || c == '"' || c == '\n' || c == '\r'; };
    while (!text.empty() && outer(text.front())) text.remove_prefix(1);
    while (!text.empty() && outer(text.back())) text.remove_suffix(1);
    out.push_back(text);
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const char c = values[i];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '[' && ++depth == 1) start = i + 1;
    if (c == ',' && depth == 1) {
      close(i);
      start = i + 1;
    }
    if (c == ']' && --depth == 0) close(i);
  }
  return out;
}

std::optional<Batch> parse_batch(std::string_view annotation) {
  if (!annotation.starts_with("execute_")) return std::nullopt;
  if (annotation.find("context_") == std::string_view::npos) return std::nullopt;
  Batch batch;
  batch.context = parse_part(annotation, "context_", false);
  const std::size_t generation = annotation.find("generation_");
  if (generation != std::string_view::npos) {
    batch.generation = parse_part(annotation.substr(generation), "generation_", true);
  }
  return batch;
}

void count_matrix(Kernel& kernel, double weights, double operand, double output, double extra) {
  const auto m = static_cast<double>(kernel.m), n = static_cast<double>(kernel.n),
             k = static_cast<double>(kernel.k);
  kernel.flops = 2 * m * n * k * units::FLOP;
  kernel.hbm_bytes = ((m * k + weights) * operand + m * n * output + extra) * units::B;
}

void count_attention(Kernel& kernel, const AttentionWork& work) {
  const bool forward = kernel.direction == Direction::forward;
  const auto heads = static_cast<double>(work.heads), kv_heads = static_cast<double>(work.kv_heads);
  const auto qk = static_cast<double>(work.qk), v = static_cast<double>(work.v);
  kernel.m = static_cast<std::int64_t>(work.queries);
  kernel.n = work.qk + work.v;
  kernel.k = work.heads;
  kernel.flops = 2 * work.pairs * heads * (forward ? qk + v : 3 * qk + 2 * v) * units::FLOP;
  kernel.hbm_bytes = (forward ? 1.0 : 3.0) * (qk + v) * work.operand *
                     (work.queries * heads + work.keys * kv_heads) * units::B;
}

}  // namespace aisle::workloads::traces
