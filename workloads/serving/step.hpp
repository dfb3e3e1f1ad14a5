// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace aisle::workloads {

/// What one pass of an engine through the model computes: new tokens of prompts, and one or more
/// tokens of each decoding sequence. With several attention groups: of one of them; the others do
/// as much.
struct ServingStep {
  struct Chunk {
    int tokens = 0;           ///< new tokens of one prompt
    std::int64_t before = 0;  ///< tokens of it that are cached

    friend bool operator==(const Chunk&, const Chunk&) = default;
  };

  std::vector<Chunk> chunks;
  int decoding = 0;           ///< sequences that generate
  int tokens_each = 1;        ///< of each of them: 1, or 1 + drafts with speculation
  std::int64_t context = 0;   ///< cached tokens of the decoding sequences, summed
  int sampled = 0;            ///< rows that go through the vocabulary projection
  std::int64_t together = 0;  ///< new tokens of all attention groups; 0: each has as many

  int new_tokens() const {
    int tokens = decoding * tokens_each;
    for (const Chunk& chunk : chunks) tokens += chunk.tokens;
    return tokens;
  }

  friend bool operator==(const ServingStep&, const ServingStep&) = default;
};

}  // namespace aisle::workloads
