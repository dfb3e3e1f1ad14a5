// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/serving_run.hpp"
#include "sim/study/serving_search.hpp"

#include <vector>

/// Used by the search of serving layouts alone.
namespace aisle::sim {

/// The layouts of one study: every axis that is searched takes its values, the others stay.
/// `tensor`: divisors of a scale-up domain; `pipeline`: powers of two; for mixtures of experts
/// `data` (attention groups): powers of two, and `expert`: none, or all ranks of a replica;
/// `sequences` and `step_tokens`, which are searched only where --over names them: powers of two
/// from 8 to 1,024 and from 512 to 32,768.
class ServingSpace {
 public:
  /// Nothing if the choice of axes is wrong, which is reported. `pool` names the one that is cut
  /// ("prefill", "decode"): axes may be given for one of them alone ("decode.tensor").
  static std::optional<ServingSpace> build(const Study& study, const PreparedServing& own,
                                           const SearchOptions& options, const std::string& pool,
                                           Diagnostics& diagnostics);

  const std::vector<ServingMapping>& mappings() const { return mappings_; }

 private:
  std::vector<ServingMapping> mappings_;
};

}  // namespace aisle::sim
