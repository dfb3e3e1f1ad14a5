// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/request_lengths.hpp"
#include "workloads/serving/requests.hpp"

#include <limits>

namespace aisle::workloads {

/// The table holds rates of arrivals by client and window of time, as ServeGen publishes them
/// (columns client, window_start_s, rate_rps, iat_family, iat_shape).
bool is_client_rates(const std::vector<std::string>& header);

struct ClientDraw {
  double from_s = 0;  ///< windows that overlap from there
  double until_s = std::numeric_limits<double>::infinity();
  std::int64_t count = 50'000'000;  ///< drawing ends with the window that reaches so many
  std::uint64_t seed = 0;
};

/// Draws the arrivals of every client: each is a renewal process of its own in each window, whose
/// gaps have the stated family and shape and are scaled so that the window's rate is the stated
/// one (the mean number of a window's requests, its fraction drawn). What a client draws in a
/// window hangs on the seed, the client and the window alone. Times as in the table.
std::optional<RequestStream> draw_clients(const CsvTable& rates, const LengthSource& lengths,
                                          const ClientDraw& draw, Diagnostics& diagnostics);

}  // namespace aisle::workloads
