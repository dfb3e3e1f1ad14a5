// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/random.hpp"
#include "workloads/serving/policy.hpp"
#include "workloads/serving/prefix_cache.hpp"
#include "workloads/serving/requests.hpp"
#include "workloads/serving/step.hpp"

#include <queue>

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <utility>
#include <vector>

namespace aisle::workloads {

/// One engine, step by step: continuous batching with paged keys and values. The pass that ends a
/// prompt gives the first token, each later pass one more, or some with drafts. Sequences that find
/// no block make the least urgent that came last give up its own; it goes to host memory, or is
/// computed anew with what it had generated, before those that wait. A step costs by what changes
/// in it, not by how many sequences run: ends and new blocks lie in heaps by the pass at which they
/// come.
class ServingEngine {
 public:
  /// When the cache of a request that was computed elsewhere will be here, if it is sent now.
  using Transfer = std::function<double(std::int32_t request, double now)>;

  /// All but the policy must outlive it. Engines may share a store: batches of one pipeline.
  ServingEngine(const EnginePolicy& policy, const RequestStream& stream, const ServingClock& clock,
                std::vector<RequestOutcome>& outcomes, KvStore& store, Transfer transfer);

  /// A request comes; with `computed`, its prompt is at another engine.
  void arrive(std::int32_t request, bool computed = false);
  /// What the step that starts now computes; nullptr: there is nothing to do.
  ServingStep* start(double now);
  /// The step ends.
  void finish(double now);
  /// A sequence that was handed over has been sent.
  void sent(std::int32_t sequence);

  EngineOutbox& outbox() { return outbox_; }

  bool idle() const { return waiting_.empty() && running_ == 0; }

  /// Requests that wait or run.
  std::int64_t load() const { return static_cast<std::int64_t>(waiting_.size()) + running_; }

  std::int64_t waiting() const { return static_cast<std::int64_t>(waiting_.size()); }

  const KvStore& store() const { return store_; }

  /// Tokens of a prompt that are cached here, on the accelerators or behind them.
  std::int64_t cached(std::int32_t request) const;

  std::int64_t preemptions() const { return preemptions_; }

  std::int64_t swaps() const { return swaps_; }

  /// Tokens of prompts that came from memory of the host, and from the pool behind it.
  std::int64_t from_host() const { return from_host_; }

  std::int64_t from_pool() const { return from_pool_; }

 private:
  enum class State : std::uint8_t { free, loading, prompting, generating, sending };

  struct Sequence {
    std::int32_t request = -1;
    std::uint32_t life = 0;  ///< tells entries of heaps apart that are out of date
    State state = State::free;
    std::int32_t prompt = 0;        ///< tokens that are cached before it generates
    std::int32_t computed = 0;      ///< of them
    std::int32_t left = 0;          ///< tokens still to come when it begins to generate
    std::int64_t pass = 0;          ///< behind which `done` of them will be there:
    std::int32_t done = 0;          ///< at the next block, or at the end
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

  /// Cache on its way, by the time at which it is there.
  struct Load {
    double ready_s;
    std::int32_t sequence;

    friend bool operator>(const Load& a, const Load& b) {
      return std::pair(a.ready_s, a.sequence) > std::pair(b.ready_s, b.sequence);
    }
  };

  template <typename T>
  using Heap = std::priority_queue<T, std::vector<T>, std::greater<>>;

  /// Where the cache of a request lies that waits.
  enum class Source : std::uint8_t { nowhere, host, elsewhere };

  /// A request that waits, with what it had generated before it lost its blocks.
  struct Waiting {
    std::int32_t request;
    std::int32_t generated;
    Source source;
    std::uint8_t priority;
    std::int64_t during = -1;  ///< the step that ran when it came; -1: none
  };

  /// Prefixes of a prompt that are cached.
  struct Hits {
    std::span<const std::int64_t> here;
    std::int32_t from_host = 0, from_pool = 0;  ///< tokens behind them
  };

  const Request& asked(std::int32_t request) const {
    return stream_.requests[static_cast<std::size_t>(request)];
  }

  RequestOutcome& outcome(std::int32_t request) {
    return outcomes_[static_cast<std::size_t>(request)];
  }

  Sequence& at(std::int32_t index) { return sequences_[static_cast<std::size_t>(index)]; }

  std::span<const std::int64_t> prefixes(const Request& request) const;
  void enqueue(const Waiting& waiting, bool first);
  Hits find(const Request& request, std::int32_t prompt) const;
  bool admit(const Waiting& waiting, double now);
  void place(const Waiting& waiting, std::int32_t held, std::int64_t own, const Hits& hits,
             double now);
  double load(const Waiting& waiting, std::int32_t held, const Hits& hits, double now);
  void take_loaded(double now);
  bool too_late(const Waiting& waiting, double now) const;
  void fill_batch(double now);
  void add_chunks(double now);
  void add_chunk(std::int32_t index);
  void let_in(double now);
  void find_blocks();
  void preempt_last();
  void keep_prefixes(Sequence& sequence, const Request& request, std::int64_t tokens);
  void end_prompt(std::int32_t index, double now);
  void generate(std::int32_t index);
  void schedule(std::int32_t index);
  int tokens_of_pass(std::int32_t index);
  void end(std::int32_t index, double now);
  void drop(std::int32_t index);
  bool current(const Due& due);

  std::int64_t blocks_of(std::int64_t tokens) const { return policy_.blocks_of(tokens); }

  EnginePolicy policy_;
  const RequestStream& stream_;
  const ServingClock& clock_;
  std::vector<RequestOutcome>& outcomes_;
  KvStore& store_;
  Transfer transfer_;
  double pace_;  ///< tokens of a pass
  std::deque<Waiting> waiting_;
  std::vector<Sequence> sequences_;
  std::vector<Random> draws_;  ///< of drafts, by sequence; empty without them
  std::vector<std::int32_t> free_;
  std::vector<std::pair<std::int32_t, std::uint32_t>> admitted_;  ///< in order, with their life
  std::deque<std::int32_t> prompts_;                              ///< not computed yet, in order
  std::vector<std::pair<std::int32_t, std::int32_t>> chunks_;     ///< sequence, tokens of this step
  Heap<Due> ends_, needs_;
  Heap<Load> loads_;
  ServingStep step_;
  EngineOutbox outbox_;
  std::int64_t steps_ = 0;  ///< started
  bool runs_ = false;       ///< a step is under way
  std::int64_t pass_ = 0;   ///< passes in which sequences generated
  std::int64_t running_ = 0, generating_ = 0;
  double context_ = 0;  ///< sum over those that generate of context, less what passes add to it
  std::int64_t preemptions_ = 0, swaps_ = 0, from_host_ = 0, from_pool_ = 0;
  int budget_ = 0;
  bool generates_ = false, preempted_ = false;  ///< in this step
};

}  // namespace aisle::workloads
