// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"
#include "sim/base/random.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aisle::pb {
class ServingLengths;
class ServingRequests;
}  // namespace aisle::pb

namespace aisle::workloads {

/// One length as a scenario asks for it: the mean, a log-normal draw around it, or evenly in a
/// range; at least 1.
std::int32_t draw_length(const pb::ServingLengths& asked, Random& random);

/// Lengths of prompts and answers that drawn requests take: as the scenario asks for each, pairs
/// out of a recorded stream, or quantiles by client and time of day as ServeGen publishes them
/// (columns client, window_start_s, field, q0 ... q1; linear between quantiles; prompt and answer
/// drawn apart, since their correlation is not published).
class LengthSource {
 public:
  struct Lengths {
    std::int32_t prompt = 0, output = 0;
  };

  /// `asked` must outlive it.
  explicit LengthSource(const pb::ServingRequests& asked) : asked_(&asked) {}

  /// A table, recognised by its columns.
  static std::optional<LengthSource> read(const std::string& path, Diagnostics& diagnostics);

  /// Of a request that arrives at `time`; `client` counts for quantiles alone.
  Lengths draw(Random& prompts, Random& outputs, std::string_view client = {},
               double time = 0) const;

  /// Lengths are known for each of several clients, of which this is one (or for none apart).
  bool knows(std::string_view client) const;

 private:
  LengthSource() = default;

  struct Window {
    double start_s;
    std::vector<double> values;  ///< at probabilities_
  };

  using Windows = std::vector<Window>;  ///< in order of time

  static std::optional<LengthSource> read_quantiles(const CsvTable& table,
                                                    Diagnostics& diagnostics);
  std::int32_t draw(const Windows& windows, double time, Random& random) const;

  const pb::ServingRequests* asked_ = nullptr;
  std::vector<Lengths> pairs_;
  std::vector<double> probabilities_;
  std::map<std::string, std::pair<Windows, Windows>, std::less<>> clients_;  ///< prompts, answers
};

}  // namespace aisle::workloads
