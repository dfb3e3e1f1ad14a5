// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/expert_loads.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

// A table is refused with an error, or gives a finite load for every step, layer and expert.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  for (const char* step : {"", "step"}) {
    aisle::Diagnostics diagnostics;
    const auto table = aisle::parse_csv(text, "fuzz", diagnostics);
    if (!table) return 0;
    const auto loads = aisle::workloads::expert_loads(*table, {{}, step}, diagnostics);
    AISLE_ASSERT(loads.has_value() == !diagnostics.has_errors(), "refused if and only if an error");
    if (!loads) continue;
    AISLE_ASSERT(loads->experts >= 2 && !loads->layers.empty() && !loads->steps.empty(),
                 "loads of something");
    for (std::size_t s = 0; s < loads->steps.size(); ++s) {
      for (std::size_t l = 0; l < loads->layers.size(); ++l) {
        double sum = 0;
        for (const double tokens : loads->row(s, l)) {
          AISLE_ASSERT(std::isfinite(tokens) && tokens >= 0, "loads are numbers of tokens");
          sum += tokens;
        }
        AISLE_ASSERT(sum > 0, "every layer receives tokens");
      }
    }
  }
  return 0;
}
