// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// Brackets of a JSON text, outside its strings, 64 bytes at a time. Used by json_stream.cpp alone.
namespace aisle::workloads::traces {

/// What a scan knows between two pieces of text.
struct JsonScan {
  bool in_string = false, escaped = false;
  std::int64_t depth = 0;
};

/// Which of 64 bytes are quotes, backslashes, { or [, } or ].
struct JsonBlock {
  std::uint64_t quotes = 0, escapes = 0, opens = 0, closes = 0;
};

inline JsonBlock json_block(const char* text) {
  JsonBlock block;
#if defined(__SSE2__)
  const __m128i lower = _mm_set1_epi8(0x20);
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + std::ptrdiff_t{16} * part));
    const __m128i folded = _mm_or_si128(bytes, lower);  // [ ] become { }
    const auto mask = [&](__m128i of, char sought) {
      const int bits = _mm_movemask_epi8(_mm_cmpeq_epi8(of, _mm_set1_epi8(sought)));
      return std::uint64_t{static_cast<std::uint32_t>(bits)} << (16 * part);
    };
    block.quotes |= mask(bytes, '"');
    block.escapes |= mask(bytes, '\\');
    block.opens |= mask(folded, '{');
    block.closes |= mask(folded, '}');
  }
#else
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << i;
    const int folded = text[i] | 0x20;
    if (text[i] == '"') block.quotes |= bit;
    if (text[i] == '\\') block.escapes |= bit;
    if (folded == '{') block.opens |= bit;
    if (folded == '}') block.closes |= bit;
  }
#endif
  return block;
}

/// Calls on(offset) at each bracket outside strings, scan.depth being the depth behind it, until it
/// returns true: then that offset is returned, else `size`.
template <typename On>
std::size_t scan_brackets(const char* text, std::size_t size, JsonScan& scan, On&& on) {
  std::size_t at = 0;
  const auto slowly = [&](std::size_t end) {
    for (; at < end; ++at) {
      const char byte = text[at];
      if (scan.escaped) {
        scan.escaped = false;
      } else if (scan.in_string) {
        scan.escaped = byte == '\\';
        scan.in_string = byte != '"';
      } else if (byte == '"') {
        scan.in_string = true;
      } else if ((byte | 0x20) == '{' || (byte | 0x20) == '}') {
        scan.depth += (byte | 0x20) == '{' ? 1 : -1;
        if (on(at)) return true;
      }
    }
    return false;
  };
  while (size - at >= 64) {
    const JsonBlock block = json_block(text + at);
    if (scan.escaped || block.escapes != 0) {
      if (slowly(at + 64)) return at;
      continue;
    }
    std::uint64_t strings = block.quotes;  // becomes: ones from each opening quote to its closing
    for (int shift = 1; shift < 64; shift *= 2) strings ^= strings << shift;
    if (scan.in_string) strings = ~strings;
    scan.in_string = (strings >> 63) != 0;
    for (std::uint64_t left = (block.opens | block.closes) & ~strings; left != 0;
         left &= left - 1) {
      const std::uint64_t bit = left & (~left + 1);
      scan.depth += (block.opens & bit) != 0 ? 1 : -1;
      const std::size_t offset = at + static_cast<std::size_t>(std::countr_zero(left));
      if (on(offset)) return offset;
    }
    at += 64;
  }
  return slowly(size) ? at : size;
}

}  // namespace aisle::workloads::traces
