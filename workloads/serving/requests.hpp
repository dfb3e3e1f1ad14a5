// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/csv.hpp"
#include "sim/base/diagnostics.hpp"
#include "sim/base/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace aisle::pb {
class ServingRequests;
}

namespace aisle {
class SourceMap;
}

namespace aisle::workloads {

/// One request to a serving system.
struct Request {
  double arrival_s = 0;  ///< of turns behind the first: seconds after the answer before
  std::int32_t prompt = 0, output = 0;  ///< tokens
  std::int32_t first_prefix = 0;        ///< its prefix ids begin there in the stream's
  std::int32_t prefixes = 0;            ///< one id for each `prefix_tokens` of the prompt
  std::int32_t next = -1;               ///< the turn that waits for this one
  bool waits = false;                   ///< is such a turn
  std::uint8_t priority = 0;            ///< higher goes first
};

/// Requests in order of arrival, turns that wait for another behind it.
struct RequestStream {
  std::vector<Request> requests;
  /// Equal ids stand for equal tokens of a prompt and of all of it before them.
  std::vector<std::int64_t> prefix_ids;
  int prefix_tokens = 0;  ///< of one id; 0: nothing is known of prefixes
  int concurrency = 0;    ///< > 0: so many are always there; one that ends starts the next
  std::vector<std::string> caveats;
};

/// Prefix ids of so many tokens each, a multiple of what they are of now: what prompts share beyond
/// a whole one is forgotten.
void lengthen_prefixes(RequestStream& stream, int tokens);

/// Reads a recorded stream, recognised by its columns: Azure (TIMESTAMP, ContextTokens,
/// GeneratedTokens), BurstGPT (Timestamp, Request tokens, Response tokens), lengths with or without
/// arrivals (arrival_time_s or arrived_at; input_tokens, num_prefill_tokens; output_tokens,
/// num_decode_tokens), or JSON lines with timestamp (ms), input_length, output_length, hash_ids
/// (Mooncake); `priority` where there is one. Without arrivals all come at 0. Unsorted stamps are
/// sorted, requests without an answer left out, and both counted in caveats; anything that is no
/// number is an error.
std::optional<RequestStream> parse_requests(CsvStream::Read read, const std::string& file,
                                            Diagnostics& diagnostics);

/// The stream that a scenario asks for: read (paths relative to `folder`) or drawn with the seed,
/// cut to its window, and scaled.
std::optional<RequestStream> read_requests(const pb::ServingRequests& asked,
                                           const SourceMap& places, const std::string& path,
                                           const std::string& folder, std::uint64_t seed,
                                           Diagnostics& diagnostics);

}  // namespace aisle::workloads
