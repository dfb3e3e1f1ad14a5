// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "sim/base/units.hpp"

#include <cstddef>
#include <cstdint>

namespace {

// A text is either refused with an error or read; what is read prints as text that reads the same.
template <typename Q>
void check(std::string_view text) {
  aisle::Diagnostics diagnostics;
  const auto value = aisle::parse_quantity<Q>(text, {"fuzz", 1, 1}, "field", diagnostics);
  AISLE_ASSERT(value.has_value() == !diagnostics.has_errors(), "refused if and only if an error");
  if (!value) return;
  const auto again =
      aisle::parse_quantity<Q>(aisle::print_quantity(*value), {}, "field", diagnostics);
  AISLE_ASSERT(again.has_value() && *again == *value, "printed quantities read back");
  aisle::print_short(*value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check<aisle::Bytes>(text);
  check<aisle::BytesPerSecond>(text);
  check<aisle::FlopsPerSecond>(text);
  check<aisle::Seconds>(text);
  check<aisle::DollarsPerJoule>(text);
  aisle::Diagnostics diagnostics;
  aisle::parse_number(text, {}, "field", diagnostics);
  return 0;
}
