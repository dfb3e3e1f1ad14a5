// SPDX-License-Identifier: Apache-2.0
#include "sim/base/random.hpp"

#include "sim/base/diagnostics.hpp"

#include <cmath>

namespace aisle {
namespace {

std::uint64_t rotate_left(std::uint64_t x, int by) {
  return (x << by) | (x >> (64 - by));
}

// SplitMix64 (Vigna), which xoshiro's authors give for filling its state.
std::uint64_t split_mix(std::uint64_t& x) {
  x += 0x9E3779B97F4A7C15U;
  std::uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U; }
  return hash;
}

// Natural logarithm for x > 0 from IEEE operations only: mathematics libraries differ in the last
// bit between machines, and one bit is enough to reorder events. 2 atanh((m-1)/(m+1)) with m in
// [sqrt(1/2), sqrt(2)), where the 13th term is below 1e-19.
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double y = (mantissa - 1) / (mantissa + 1);
  double sum = 0;
  for (int term = 25; term > 0; term -= 2) { sum = sum * (y * y) + 1.0 / term; }
  return 2 * y * sum + exponent * 0.69314718055994531;
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view name) {
  std::uint64_t x = seed ^ fnv1a(name);
  for (std::uint64_t& word : state_) word = split_mix(x);
}

// xoshiro256** 1.0, Blackman and Vigna.
std::uint64_t Random::next() {
  const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::uint64_t Random::below(std::uint64_t bound) {
  AISLE_ASSERT(bound > 0, "a random number below zero was asked for");
  const std::uint64_t uneven = (0 - bound) % bound;  // 2^64 mod bound: draws that would bias
  std::uint64_t draw = next();
  while (draw < uneven) draw = next();
  return draw % bound;
}

// Marsaglia's polar method; its second value is dropped so that a stream has no hidden state.
double Random::normal() {
  for (;;) {
    const double u = 2 * uniform() - 1;
    const double v = 2 * uniform() - 1;
    const double r = u * u + v * v;
    if (r > 0 && r < 1) return u * std::sqrt(-2 * portable_log(r) / r);
  }
}

double Random::exponential() {
  return -portable_log(1 - uniform());
}

}  // namespace aisle
