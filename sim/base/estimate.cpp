// SPDX-License-Identifier: Apache-2.0
#include "sim/base/estimate.hpp"

namespace aisle {

std::string_view to_string(Basis basis) {
  switch (basis) {
    case Basis::measured:
      return "measured";
    case Basis::calibrated:
      return "calibrated";
    case Basis::vendor:
      return "vendor";
    case Basis::extrapolated:
      return "extrapolated";
    case Basis::assumed:
      break;
  }
  return "assumed";
}

}  // namespace aisle
