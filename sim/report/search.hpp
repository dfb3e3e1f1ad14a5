// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/search.hpp"
#include "sim/study/serving_search.hpp"

#include <string>

namespace aisle::sim {

/// What a search found, for people: best layouts, front, what binds the winner and what the
/// runner-up lacks.
std::string search_text(const SearchOutcome& outcome, const SearchOptions& options);
/// The same as one JSON document.
std::string search_json(const SearchOutcome& outcome, const SearchOptions& options);
/// What a search over serving layouts found by the objective, for people and as one document.
std::string serving_search_text(const ServingSearchOutcome& outcome, const std::string& objective);
std::string serving_search_json(const ServingSearchOutcome& outcome, const std::string& objective);
/// "TP8 PP16 DP32 ..." as tables and talk name a layout.
std::string describe(const Mapping& mapping);

}  // namespace aisle::sim
