// SPDX-License-Identifier: Apache-2.0
// What the notes of expert exchanges say about tokens, experts and kernels.
#include "sim/study/collective_ledger.hpp"

#include <cctype>
#include <regex>

namespace aisle::sim {

namespace {

std::optional<int> number(const std::string& text, const std::regex& pattern) {
  std::smatch found;
  if (!std::regex_search(text, found, pattern)) return std::nullopt;
  return std::stoi(found[1]);
}

bool has(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

/// Bytes of one token on the wire. FP8 and FP4 carry a scale per 128 and per 16 numbers (DeepEP;
/// NVFP4), INT8 one per token.
Bytes token_bytes(const std::string& note, int hidden, bool combine) {
  const double numbers = hidden;
  const Bytes fp8 = (numbers + numbers / 128 * 4) * units::B;
  const bool both_named = has(note, "dispatch/") || has(note, "dispatch,");
  if (combine && (both_named || has(note, "fp8"))) return 2 * numbers * units::B;
  if (has(note, "nvfp4") || has(note, "fp4")) {
    return combine ? 2 * numbers * units::B : (numbers / 2 + numbers / 16) * units::B;
  }
  if (has(note, "int8")) return (numbers + 4) * units::B;
  if (has(note, "bf16") && !both_named && !has(note, "fp8")) return 2 * numbers * units::B;
  return combine ? 2 * numbers * units::B : fp8;
}

}  // namespace

TokenExchange read_tokens(const std::string& written, bool combine) {
  static const std::regex tokens(R"((\d{1,7}) *tok(?:ens?)?\b)"),
      hidden_after(R"(hidden *(\d{1,7}))"), hidden_before(R"((\d{1,7}) *hidden)"),
      hidden_alone(R"(tok[^,]*, *(\d{4,5}) *,)"), top_k(R"(top-(\d{1,7})(?! *groups))"),
      groups(R"(top-(\d{1,7}) *groups)"), experts(R"(top-\d+ +of +(\d{1,7}))"),
      cores(R"((\d{1,7}) *sms\b)");
  std::string note = written;
  for (char& letter : note) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  if (note.size() > 500) note.resize(500);  // the patterns' cost grows with the text
  TokenExchange out;
  out.tokens = number(note, tokens).value_or(0);
  for (const std::regex* pattern : {&hidden_after, &hidden_before, &hidden_alone}) {
    if (const auto found = number(note, *pattern)) {
      out.hidden = *found;
      break;
    }
  }
  out.top_k = number(note, top_k).value_or(out.top_k);
  out.experts = number(note, experts).value_or(out.experts);
  if (const auto limit = number(note, groups)) {
    out.groups = 8;  // DeepSeek-V3's
    out.group_limit = *limit;
  }
  out.cores = number(note, cores).value_or(0);
  out.per_token = token_bytes(note, out.hidden, combine);
  return out;
}

}  // namespace aisle::sim
