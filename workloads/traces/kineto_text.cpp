// SPDX-License-Identifier: Apache-2.0
#include "sim/base/hash.hpp"
#include "workloads/traces/kineto.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace aisle::workloads::traces {
namespace {

constexpr std::int64_t kLatest = 3'800'000'000'000'000;  // 2090, in us: sums of two fit in ns

bool digit(char byte) {
  return byte >= '0' && byte <= '9';
}

void append_utf8(std::string& to, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { to += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
  }
  byte(0x80 | (code & 0x3F));
}

// Four hexadecimal digits at `at`, or -1.
std::int64_t hexadecimal(std::string_view raw, std::size_t at) {
  std::uint32_t code = 0;
  if (at + 4 > raw.size()) return -1;
  const char* end = raw.data() + at + 4;
  return std::from_chars(raw.data() + at, end, code, 16).ptr == end ? std::int64_t{code} : -1;
}

}  // namespace

std::optional<std::int64_t> nanoseconds(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at < end && *at == '-';
  if (negative) ++at;
  if (at == end || !digit(*at)) return std::nullopt;
  std::int64_t value = 0;
  for (; at < end && digit(*at); ++at) {
    value = value * 10 + (*at - '0');
    if (value > kLatest) return std::nullopt;
  }
  value *= 1000;
  if (at < end && *at == '.') {
    ++at;
    for (std::int64_t place = 100; place > 0 && at < end && digit(*at); place /= 10, ++at) {
      value += place * (*at - '0');
    }
    if (at < end && digit(*at)) {
      if (*at >= '5') ++value;
      while (at < end && digit(*at)) ++at;
    }
  }
  if (at < end) {  // an exponent: foreign writers
    if (*at != 'e' && *at != 'E') return std::nullopt;
    const std::string copy(text);
    const long double precise = std::strtold(copy.c_str(), nullptr) * 1000;
    if (!(precise > -1000.0L * kLatest && precise < 1000.0L * kLatest)) return std::nullopt;
    value = static_cast<std::int64_t>(precise + (precise < 0 ? -0.5L : 0.5L));
    return value == kUnknown ? value - 1 : value;
  }
  if (negative) value = -value;
  return value == kUnknown ? value - 1 : value;  // -1 has another meaning
}

std::int64_t whole(std::string_view text, std::int64_t otherwise) {
  if (text.starts_with("stream ")) text.remove_prefix(7);
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || (at != end && *at != '.' && *at != ' ')) return otherwise;
  return value;
}

std::uint32_t identifier(std::string_view text) {
  const std::int64_t value = whole(text, 0);
  return value <= 0 ? kNoId : static_cast<std::uint32_t>(value);
}

std::string unescaped(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size(); ++at) {
    if (raw[at] != '\\' || at + 1 == raw.size()) {
      text += raw[at];
      continue;
    }
    const char sort = raw[++at];
    static constexpr std::string_view kFrom = "bfnrt", kTo = "\b\f\n\r\t";
    if (const std::size_t known = kFrom.find(sort); known != std::string_view::npos) {
      text += kTo[known];
      continue;
    }
    std::int64_t code = sort == 'u' ? hexadecimal(raw, at + 1) : -1;
    if (code < 0) {
      text += sort;
      continue;
    }
    at += 4;
    if (code >= 0xD800 && code < 0xDC00 && raw.substr(at + 1).starts_with("\\u")) {
      const std::int64_t low = hexadecimal(raw, at + 3);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
      }
    }
    append_utf8(text, code >= 0xD800 && code < 0xE000 ? 0xFFFD : static_cast<std::uint32_t>(code));
  }
  return text;
}

std::pair<Index, bool> SeenTexts::find(std::initializer_list<std::string_view> texts,
                                       std::size_t next) {
  std::uint64_t hash = 0;
  for (const std::string_view text : texts) hash = mixed(hash + text_hash(text));
  const auto [at, fresh] = seen_.try_emplace(hash, static_cast<Index>(next));
  return {at->second, fresh};
}

}  // namespace aisle::workloads::traces
