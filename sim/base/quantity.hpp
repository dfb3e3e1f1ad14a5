// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace aisle {

/// Reads `number unit` ("900 GB/s", "1.2 us", "0.08 USD/kWh", "989 TFLOP/s", "0.5 pJ/FLOP", "380
/// g/kWh", "0.3 L/kWh", "2 USD/h", "700 W", "1830 MHz", "80 GiB"). Units combine with one `/`; SI
/// prefixes are case-sensitive (m is milli, M is mega), b is bit and B is byte. A bare number, an
/// unknown unit, a unit of another dimension or trailing text is an error at `place` that names the
/// unit expected and gives an example. Negative and non-finite values are errors. Instantiated for
/// every quantity named in units.hpp.
template <typename Q>
std::optional<Q> parse_quantity(std::string_view text, const Place& place, std::string_view field,
                                Diagnostics& diagnostics);

/// The shortest text that parses back to exactly the same value, in a unit that suits its size:
/// "3.35 TB/s".
template <typename Q>
std::string print_quantity(Q quantity);

/// For people: three significant digits in a unit that suits its size.
template <typename Q>
std::string print_short(Q quantity);

/// A plain count such as "132" with optional decimals; errors as above.
std::optional<double> parse_number(std::string_view text, const Place& place,
                                   std::string_view field, Diagnostics& diagnostics);

}  // namespace aisle
