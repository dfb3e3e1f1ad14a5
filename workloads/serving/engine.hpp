// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/serving/prefix_cache.hpp"
#include "workloads/serving/requests.hpp"
#include "workloads/serving/step.hpp"

#include <queue>

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

namespace aisle::workloads {

/// How one engine batches, as vLLM's scheduler does.
struct EnginePolicy {
  int sequences = 256;         ///< most that run at once
  int step_tokens = 8192;      ///< most that one step computes
  bool chunked = true;         ///< prompts are cut to fill a step; else they are computed whole
  bool prompts_first = false;  ///< nothing generates while a prompt is computed
  std::int64_t blocks = 0;     ///< of keys and values
  int block_tokens = 16;
  double watermark = 0.01;  ///< share of the blocks that is left free when a request is let in
  bool prefix_caching = false;
};

/// What became of one request.
struct RequestOutcome {
  double arrival_s = -1, start_s = -1, first_token_s = -1, end_s = -1;
  std::int32_t cached = 0;       ///< tokens of its prompt that were cached when it first started
  std::int32_t preemptions = 0;  ///< times that it gave up its blocks and was computed anew
  bool refused = false;          ///< larger than all blocks
};

/// One engine, step by step: continuous batching with paged keys and values. The pass that ends a
/// prompt gives the first token, each later pass one more. Sequences that find no block make the
/// one that came last give up its own; it is computed anew, with what it had generated, before
/// those that wait. A step costs by what changes in it, not by how many sequences run: ends and
/// new blocks lie in heaps by the pass at which they come.
class ServingEngine {
 public:
  /// `stream` and `outcomes` (one for each request) must outlive it.
  ServingEngine(const EnginePolicy& policy, const RequestStream& stream,
                std::vector<RequestOutcome>& outcomes);

  /// A request comes at `now`.
  void arrive(std::int32_t request, double now);
  /// What the step that starts now computes; nullptr: there is nothing to do.
  const ServingStep* start(double now);
  /// The step ends; requests that ended with it.
  const std::vector<std::int32_t>& finish(double now);

  bool idle() const { return waiting_.empty() && running_ == 0; }

  /// Requests that wait or run.
  std::int64_t load() const { return static_cast<std::int64_t>(waiting_.size()) + running_; }

  const KvBlocks& blocks() const { return blocks_; }

  std::int64_t preemptions() const { return preemptions_; }

 private:
  /// A request that runs.
  struct Sequence {
    std::int32_t request = -1;  ///< -1: free
    std::uint32_t life = 0;     ///< tells entries of heaps apart that are out of date
    std::int32_t prompt =
        0;  ///< tokens to compute first: after preemption with what it had generated
    std::int32_t computed = 0;      ///< of them
    std::int32_t left = 0;          ///< tokens still to come
    std::int64_t began = -1;        ///< pass behind which it generates; -1: not yet
    std::int64_t own = 0;           ///< blocks of its own
    std::vector<std::int64_t> ids;  ///< prefixes that it uses
  };

  struct Due {
    std::int64_t pass;
    std::int32_t sequence;
    std::uint32_t life;

    friend bool operator>(const Due& a, const Due& b) {
      return std::pair(a.pass, a.sequence) > std::pair(b.pass, b.sequence);
    }
  };

  using Heap = std::priority_queue<Due, std::vector<Due>, std::greater<>>;

  /// A request that waits, with what it had generated before it lost its blocks.
  struct Waiting {
    std::int32_t request;
    std::int32_t generated;
  };

  bool admit(const Waiting& waiting, double now);
  void add_chunks(double now);
  void add_chunk(std::int32_t index);
  void find_blocks();
  void preempt_last();
  void begin_generating(std::int32_t index, double now);
  void end(std::int32_t index, double now);
  void drop(std::int32_t index);
  bool current(const Due& due) const;

  std::int64_t blocks_of(std::int64_t tokens) const {
    return (tokens + policy_.block_tokens - 1) / policy_.block_tokens;
  }

  EnginePolicy policy_;
  const RequestStream& stream_;
  std::vector<RequestOutcome>& outcomes_;
  KvBlocks blocks_;
  std::deque<Waiting> waiting_;
  std::vector<Sequence> sequences_;
  std::vector<std::int32_t> free_;
  std::vector<std::pair<std::int32_t, std::uint32_t>> admitted_;  ///< in order, with their life
  std::deque<std::int32_t> prompts_;                              ///< not computed yet, in order
  std::vector<std::pair<std::int32_t, std::int32_t>> chunks_;     ///< sequence, tokens of this step
  Heap ends_, needs_;
  ServingStep step_;
  std::vector<std::int32_t> ended_;
  std::int64_t pass_ = 0;  ///< passes in which sequences generated
  std::int64_t running_ = 0, generating_ = 0;
  std::int64_t context_ = 0;  ///< sum over those that generate of context minus pass
  std::int64_t preemptions_ = 0;
  int budget_ = 0;
  bool generates_ = false, preempted_ = false;  ///< in this step
};

/// Seconds from the start of a step to the start of the next.
using ServingClock = std::function<double(const ServingStep&)>;

/// Which engine a request goes to.
enum class Router { round_robin, least_loaded };

struct ServingRun {
  std::vector<RequestOutcome> outcomes;
  double end_s = 0;
  std::int64_t steps = 0, preemptions = 0;
  double busy_s = 0;             ///< of all engines
  double sequences_s = 0;        ///< integral of requests that wait or run
  std::int64_t most_blocks = 0;  ///< in use on one engine
  std::int64_t blocks_left = 0;  ///< in use at the end: none
};

/// The stream through equal engines, event by event: arrivals and ends of steps in order of time,
/// ties by engine. Deterministic.
ServingRun serve(const RequestStream& stream, const EnginePolicy& policy, int engines,
                 Router router, const ServingClock& clock);

}  // namespace aisle::workloads
