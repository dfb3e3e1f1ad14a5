// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/step.hpp"

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace aisle::workloads {

/// Seconds from the start of a step to the start of the next.
using ServingClock = std::function<double(const ServingStep&)>;

/// How one engine batches, as vLLM's scheduler does.
struct EnginePolicy {
  int sequences = 256;         ///< most that run at once
  int step_tokens = 8192;      ///< most that one step computes
  bool chunked = true;         ///< prompts are cut to fill a step; else they are computed whole
  bool prompts_first = false;  ///< nothing generates while a prompt is computed
  bool fixed = false;  ///< a batch, padded to its longest, starts when the one before has ended
  std::int64_t blocks = 0;  ///< of keys and values
  int block_tokens = 16;
  int window = 0;           ///< tokens that layers with a window keep; 0: there are none
  double windowed = 0;      ///< their share of the cache of a token
  double watermark = 0.01;  ///< share of the blocks that is left free when a request is let in
  bool prefix_caching = false;
  bool reserves_output = false;  ///< blocks for the whole answer are taken at the start
  bool ahead = false;  ///< a step is put together while the one before runs: who comes then is late
  bool swap = false;   ///< who loses its blocks goes to host memory, where that has room
  bool hands_over = false;  ///< others generate: it computes prompts alone
  int drafts = 0;           ///< tokens that each pass checks beside the one it computes
  double acceptance = 0;    ///< chance of a draft, given that those before it were accepted
  double promise_s = 0;     ///< who cannot have the first token in that time is refused; 0: nobody
  std::uint64_t seed = 1;

  /// Tokens of a pass, in the mean.
  double tokens_per_pass() const;
  /// Of a sequence; beyond the window only the other layers need more.
  std::int64_t blocks_of(std::int64_t tokens) const;
  /// The longest sequence that they hold.
  std::int64_t tokens_in(std::int64_t held) const;

  bool fits(std::int64_t tokens) const { return blocks_of(tokens) <= blocks; }
};

/// What has become of a request.
enum class Fate : std::uint8_t {
  unfinished,
  served,
  too_large,  ///< for all blocks
  too_long,   ///< for the longest context that is allowed
  too_late,   ///< its first token would have come later than promised
};

struct RequestOutcome {
  double arrival_s = -1, start_s = -1, first_token_s = -1, end_s = -1;
  std::int32_t cached = 0;       ///< tokens of its prompt that were cached when it first started
  std::int16_t preemptions = 0;  ///< times that it gave up its blocks
  Fate fate = Fate::unfinished;
};

/// What an engine has to say after a step starts or ends.
struct EngineOutbox {
  std::vector<std::int32_t> ended, refused;                   ///< requests
  std::vector<std::pair<std::int32_t, std::int32_t>> handed;  ///< request, sequence that holds it
  std::vector<double> wakes;  ///< times at which cache that is on its way will be there

  void clear() {
    ended.clear();
    refused.clear();
    handed.clear();
    wakes.clear();
  }
};

}  // namespace aisle::workloads
