// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace aisle {

/// Seeded random numbers that are the same on every machine (xoshiro256**, no std:: distributions).
/// A stream belongs to a name ("rank 17 jitter"), so what one part draws never shifts what another
/// draws.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::string_view name = {});
  std::uint64_t next();
  double uniform();                          ///< [0, 1)
  std::uint64_t below(std::uint64_t bound);  ///< [0, bound), unbiased
  double normal();                           ///< mean 0, variance 1
  double exponential();                      ///< mean 1

 private:
  std::uint64_t state_[4];
};

}  // namespace aisle
