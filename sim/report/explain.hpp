// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace aisle::pb {
class Result;
}

namespace aisle::sim {

/// Why result `at` takes longer or shorter than the first, by resource, in one sentence; empty
/// where that is not known.
std::string explain_difference(std::span<const pb::Result> results, std::size_t at);

}  // namespace aisle::sim
