// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/match.hpp"

#include <algorithm>
#include <cctype>

namespace aisle::workloads::traces {

namespace {

using topology::Precision;

/// Beyond this many characters nothing of a name is looked at: templates of CUTLASS reach 10,000,
/// and what they are stands in front.
constexpr std::size_t kLongest = 8192;

/// Where the list of arguments begins: the parenthesis that the last one closes.
std::size_t arguments_of(std::string_view name) {
  if (name.empty() || name.back() != ')') return name.size();
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) return i;
  }
  return name.size();
}

std::string lowered(std::string_view name) {
  std::string text(name.substr(0, kLongest));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool alphanumeric(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

/// "aclnnMatmul_MatMulCommon_MatMulV2" to "matmulv", "Conv2D10" to "conv2d".
void cut_to_type(std::string& text) {
  if (text.starts_with("aclnn")) {
    const std::size_t last = text.rfind('_');
    if (last != std::string::npos && last + 1 < text.size()) text.erase(0, last + 1);
  }
  if (!alphanumeric(text)) return;
  while (text.size() > 1 && std::isdigit(static_cast<unsigned char>(text.back())) != 0) {
    text.pop_back();
  }
}

std::size_t pair_of(std::string_view text, std::size_t at) {
  return (static_cast<std::size_t>(static_cast<unsigned char>(text[at])) << 8) |
         static_cast<unsigned char>(text[at + 1]);
}

/// Each part between stars must occur after the one before.
bool occurs(std::string_view pattern, std::string_view text) {
  bool anchored = pattern.starts_with('^');
  if (anchored) pattern.remove_prefix(1);
  const bool to_end = pattern.ends_with('$');
  if (to_end) pattern.remove_suffix(1);
  while (true) {
    const std::size_t star = pattern.find('*');
    const std::string_view part = pattern.substr(0, star);
    const bool last = star == std::string_view::npos;
    if (anchored && !text.starts_with(part)) return false;
    if (last && to_end && !anchored) return text.ends_with(part);
    const std::size_t found = anchored ? 0 : text.find(part);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + part.size());
    if (last) return !to_end || text.empty();
    anchored = false;
    pattern.remove_prefix(star + 1);
  }
}

struct Token {
  std::string_view text;
  Precision precision;
};

/// Types as C++, Itanium mangling (DF16b), CUTLASS, Triton, Tensile and aiter write them; the first
/// that occurs decides, so narrow ones come first.
constexpr Token kTokens[] = {
    {"e4m3", Precision::fp8},           {"e5m2", Precision::fp8},
    {"fp8_", Precision::fp8},           {"_fp8", Precision::fp8},
    {"fp8x", Precision::fp8},           {"mxfp8", Precision::fp8},
    {"float8", Precision::fp8},         {"f8f8", Precision::fp8},
    {"_f8_", Precision::fp8},           {"f8b8", Precision::fp8},
    {"a8w8", Precision::fp8},           {"e3m2", Precision::fp6},
    {"e2m3", Precision::fp6},           {"mxfp6", Precision::fp6},
    {"e2m1", Precision::fp4},           {"nvfp4", Precision::fp4},
    {"mxfp4", Precision::fp4},          {"_fp4", Precision::fp4},
    {"fp4_", Precision::fp4},           {"nv_float4", Precision::fp4},
    {"i8816gemm", Precision::int8},     {"i16832gemm", Precision::int8},
    {"gemm_s8", Precision::int8},       {"_i8i8", Precision::int8},
    {"i8ii", Precision::int8},          {"w8a8_int", Precision::int8},
    {"bf16", Precision::bf16},          {"bfloat16", Precision::bf16},
    {"df16b", Precision::bf16},         {"_bbs_", Precision::bf16},
    {"_bss_", Precision::bf16},         {"_b_bs_", Precision::bf16},
    {"_bb_", Precision::bf16},          {"df16_", Precision::fp16},
    {"__half", Precision::fp16},        {"c10::half", Precision::fp16},
    {"half_t", Precision::fp16},        {"_half", Precision::fp16},
    {"f16f16", Precision::fp16},        {"_f16", Precision::fp16},
    {"fp16", Precision::fp16},          {"float16", Precision::fp16},
    {"hgemm", Precision::fp16},         {"h884", Precision::fp16},
    {"h1688", Precision::fp16},         {"h16816", Precision::fp16},
    {"s884gemm_fp16", Precision::fp16}, {"_hhs_", Precision::fp16},
    {"_hss_", Precision::fp16},         {"_hb_", Precision::fp16},
    {"<half", Precision::fp16},         {" half", Precision::fp16},
    {"tf32", Precision::tf32},          {"xf32", Precision::tf32},
    {"s1688gemm", Precision::tf32},     {"s16816gemm", Precision::tf32},
    {"dgemm", Precision::fp64},         {"d884gemm", Precision::fp64},
    {"_db_", Precision::fp64},          {"double", Precision::fp64},
    {"sgemm", Precision::fp32},         {"scudnn", Precision::fp32},
    {"f32f32", Precision::fp32},        {"_sb_", Precision::fp32},
    {"_s_b_", Precision::fp32},         {"fp32", Precision::fp32},
    {"float", Precision::fp32},         {"_f32", Precision::fp32},
};

/// cuBLAS 12.3 on: nvjet_[smNNN_]<A>..., one letter per matrix: t bf16, h fp16, s tf32, q and r
/// fp8, o fp4, d fp64, i int8.
std::optional<Precision> nvjet_precision(std::string_view name) {
  std::size_t at = name.find("nvjet_");
  if (at == std::string_view::npos) return std::nullopt;
  at += 6;
  if (name.substr(at).starts_with("sm") && at + 2 < name.size() &&
      std::isdigit(static_cast<unsigned char>(name[at + 2])) != 0) {
    at = name.find('_', at);
    if (at == std::string_view::npos) return std::nullopt;
    ++at;
  }
  switch (at < name.size() ? name[at] : '\0') {
    case 't':
      return Precision::bf16;
    case 'h':
      return Precision::fp16;
    case 's':
      return Precision::tf32;
    case 'q':
    case 'r':
      return Precision::fp8;
    case 'o':
      return Precision::fp4;
    case 'd':
      return Precision::fp64;
    case 'i':
      return Precision::int8;
    default:
      return std::nullopt;
  }
}

}  // namespace

KernelName::KernelName(std::string_view name) {
  const bool transfer = name.starts_with("Mem");
  text_ = lowered(transfer ? name : name.substr(0, arguments_of(name)));
  if (text_.empty()) text_ = lowered(name);
  if (text_.starts_with("void ")) text_.erase(0, 5);
  cut_to_type(text_);
  const std::size_t operation = text_.find("hlo_op=");
  if (operation != std::string::npos) {
    whole_ = text_;
    text_ = text_.substr(operation + 7, text_.find_first_of(",#", operation) - operation - 7);
  }
  for (std::size_t i = 0; i + 1 < text_.size(); ++i) pairs_.set(pair_of(text_, i));
}

bool KernelName::may_have(std::string_view literal) const {
  for (std::size_t i = 0; i + 1 < literal.size(); ++i) {
    if (!pairs_.test(pair_of(literal, i))) return false;
  }
  return true;
}

bool KernelName::has(std::string_view pattern) const {
  if (pattern.starts_with('@')) return occurs(pattern.substr(1), whole_);
  const std::size_t first = pattern.starts_with('^') ? 1 : 0;
  return may_have(pattern.substr(first, pattern.find_first_of("*$") - first)) &&
         occurs(pattern, text_);
}

std::optional<Precision> KernelName::precision() const {
  if (const auto precision = nvjet_precision(text_)) return precision;
  for (const Token& token : kTokens) {
    if (may_have(token.text) && text_.find(token.text) != std::string::npos) {
      return token.precision;
    }
  }
  return std::nullopt;
}

}  // namespace aisle::workloads::traces
