// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/proto_text.hpp"
#include "sim/base/text_parse.hpp"

#include <string>

namespace aisle {

/// What a SourceMap holds; shared by the files that implement proto_text.hpp.
struct SourceMap::Data {
  std::string file;  ///< the file asked for, not one that it extends
  PlaceMap places;
};

}  // namespace aisle
