// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace aisle {

/// Bytes of the UTF-8 character that starts at text[at] (1 to 4), or 0 if none does: stray
/// continuation bytes, overlong forms, surrogates and code points beyond U+10FFFF are none.
std::size_t utf8_character(std::string_view text, std::size_t at);

}  // namespace aisle
