// SPDX-License-Identifier: Apache-2.0
// Who is let in, with what is cached of its prompt.
#include "workloads/serving/engine.hpp"

#include <algorithm>

namespace aisle::workloads {

std::span<const std::int64_t> ServingEngine::prefixes(const Request& request) const {
  if (store_.blocks.of_prefix() == 0) return {};
  return std::span(stream_.prefix_ids)
      .subspan(static_cast<std::size_t>(request.first_prefix),
               static_cast<std::size_t>(request.prefixes));
}

/// Behind those that are as urgent; or before them.
void ServingEngine::enqueue(const Waiting& waiting, bool first) {
  auto place = waiting_.begin();
  if (first) {
    while (place != waiting_.end() && place->priority > waiting.priority) ++place;
  } else {
    place = waiting_.end();
    while (place != waiting_.begin() && std::prev(place)->priority < waiting.priority) --place;
  }
  waiting_.insert(place, waiting);
}

void ServingEngine::arrive(std::int32_t request, bool computed) {
  const std::uint8_t priority = asked(request).priority;
  enqueue({request, computed ? 1 : 0, computed ? Source::elsewhere : Source::nowhere, priority,
           runs_ ? steps_ : -1},
          false);
}

/// Prefixes that are here, then those in the host's memory, then those in the pool behind it. At
/// least one token is computed, of which the next follows.
ServingEngine::Hits ServingEngine::find(const Request& request, std::int32_t prompt) const {
  Hits hits;
  const auto ids = prefixes(request);
  if (ids.empty()) return hits;
  // Nor more than its blocks, which are fewer where layers have a window.
  const std::int64_t most_tokens =
      std::min<std::int64_t>(prompt - 1, blocks_of(prompt) * policy_.block_tokens);
  const auto most =
      std::min(ids.size(), static_cast<std::size_t>(most_tokens / stream_.prefix_tokens));
  auto count = std::min(static_cast<std::size_t>(store_.blocks.known(ids)), most);
  hits.here = ids.first(count);
  const CacheTier& host = store_.host;
  for (; count < most; ++count) {
    if (host.contains(ids[count])) {
      hits.from_host += stream_.prefix_tokens;
    } else if (host.below() != nullptr && host.below()->contains(ids[count])) {
      hits.from_pool += stream_.prefix_tokens;
    } else {
      break;
    }
  }
  return hits;
}

std::int64_t ServingEngine::cached(std::int32_t request) const {
  const Hits hits = find(asked(request), asked(request).prompt);
  return static_cast<std::int64_t>(hits.here.size()) * stream_.prefix_tokens + hits.from_host +
         hits.from_pool;
}

/// Whether its first token cannot come in time any more, even alone.
bool ServingEngine::too_late(const Waiting& waiting, double now) const {
  if (policy_.promise_s <= 0 || waiting.generated > 0) return false;
  const RequestOutcome& known = outcomes_[static_cast<std::size_t>(waiting.request)];
  if (known.start_s >= 0) return false;
  const double left = known.arrival_s + policy_.promise_s - now;
  if (left <= 0) return true;
  const Request& request = asked(waiting.request);
  ServingStep alone;
  const std::int64_t before = cached(waiting.request);
  alone.chunks.push_back({static_cast<int>(request.prompt - before), before});
  alone.sampled = 1;
  return clock_(alone) > left;
}

/// Lets a request in if a sequence and blocks for its prompt are free.
bool ServingEngine::admit(const Waiting& waiting, double now) {
  if (running_ >= policy_.sequences) return false;
  const Request& request = asked(waiting.request);
  const bool computes = waiting.source == Source::nowhere;
  // What was generated last is not cached yet.
  const std::int32_t held = request.prompt + waiting.generated - (computes ? 0 : 1);
  const Hits hits = computes ? find(request, held) : Hits{};
  // Who generates at once has room for a pass, so that each coming in is worth something.
  const std::int64_t all = std::int64_t{request.prompt} + request.output - 1;
  const std::int64_t next =
      computes ? held : std::min<std::int64_t>(all, held + 1 + policy_.drafts);
  const std::int64_t tokens = policy_.reserves_output ? all : next;
  const std::int64_t own =
      blocks_of(tokens) - static_cast<std::int64_t>(hits.here.size()) * store_.blocks.of_prefix();
  const std::int64_t reserve =
      store_.blocks.in_use() == 0
          ? 0
          : static_cast<std::int64_t>(policy_.watermark * static_cast<double>(policy_.blocks));
  store_.blocks.use(hits.here);
  if (store_.blocks.available() < own + reserve || !store_.blocks.take(own)) {
    store_.blocks.release(hits.here);
    return false;
  }
  place(waiting, held, own, hits, now);
  return true;
}

/// A sequence of its own for a request that has its blocks.
void ServingEngine::place(const Waiting& waiting, std::int32_t held, std::int64_t own,
                          const Hits& hits, double now) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::int32_t>(sequences_.size()));
    sequences_.emplace_back();
    if (policy_.drafts > 0) draws_.emplace_back(0);
  }
  const std::int32_t index = free_.back();
  free_.pop_back();
  Sequence& sequence = at(index);
  const auto here = static_cast<std::int32_t>(hits.here.size()) * stream_.prefix_tokens;
  const bool computes = waiting.source == Source::nowhere;
  sequence.request = waiting.request;
  sequence.prompt = held;
  sequence.computed = computes ? here + hits.from_host + hits.from_pool : held;
  sequence.left = asked(waiting.request).output - waiting.generated;
  sequence.own = own;
  sequence.ids.assign(hits.here.begin(), hits.here.end());
  admitted_.emplace_back(index, sequence.life);
  ++running_;
  if (policy_.drafts > 0) {
    const auto own_seed = static_cast<std::uint64_t>(waiting.request) << 20U;
    draws_[static_cast<std::size_t>(index)] =
        Random(policy_.seed + own_seed + static_cast<std::uint64_t>(waiting.generated), "drafts");
  }
  RequestOutcome& known = outcome(waiting.request);
  if (known.start_s < 0) {
    known.start_s = now;
    known.cached = sequence.computed;
  }
  if (computes && hits.from_host + hits.from_pool == 0) {
    sequence.state = State::prompting;
    prompts_.push_back(index);
    return;
  }
  sequence.state = State::loading;
  const double ready = load(waiting, held, hits, now);
  loads_.push({ready, index});
  outbox_.wakes.push_back(ready);
}

/// Books the way of what is cached elsewhere; when it is here.
double ServingEngine::load(const Waiting& waiting, std::int32_t held, const Hits& hits,
                           double now) {
  if (waiting.source == Source::elsewhere) return transfer_(waiting.request, now);
  if (waiting.source == Source::host) {
    store_.host.give_back(held);
    return store_.from_host.book(now, held);
  }
  from_host_ += hits.from_host;
  from_pool_ += hits.from_pool;
  // They are used now, wherever they lie.
  const auto ids = prefixes(asked(waiting.request));
  const int tokens = hits.from_host + hits.from_pool;
  for (std::size_t i = hits.here.size(),
                   n = i + static_cast<std::size_t>(tokens / stream_.prefix_tokens);
       i < n; ++i) {
    store_.host.put(ids[i], stream_.prefix_tokens);
  }
  double ready = now;
  if (hits.from_host > 0) ready = store_.from_host.book(now, hits.from_host);
  if (hits.from_pool > 0) ready = std::max(ready, store_.from_pool.book(now, hits.from_pool));
  return ready;
}

void ServingEngine::take_loaded(double now) {
  while (!loads_.empty() && loads_.top().ready_s <= now) {
    const std::int32_t index = loads_.top().sequence;
    loads_.pop();
    Sequence& sequence = at(index);
    if (sequence.computed == sequence.prompt) {
      generate(index);
      continue;
    }
    sequence.state = State::prompting;
    prompts_.push_back(index);
  }
}

/// A batch of as many as there are sequences and blocks for, each as long as the longest.
void ServingEngine::fill_batch(double now) {
  std::int32_t prompt = 0, output = 0;
  std::size_t count = 0;
  const auto most = std::min(waiting_.size(), static_cast<std::size_t>(policy_.sequences));
  for (; count < most; ++count) {
    const Request& request = asked(waiting_[count].request);
    const std::int32_t longest = std::max(prompt, request.prompt);
    const std::int32_t last = std::max(output, request.output);
    const std::int64_t each = blocks_of(std::int64_t{longest} + last - 1);
    if (static_cast<std::int64_t>(count + 1) * each > store_.blocks.available()) break;
    prompt = longest;
    output = last;
  }
  const std::int64_t each = blocks_of(std::int64_t{prompt} + output - 1);
  for (; count > 0; --count) {
    store_.blocks.take(each);
    place(waiting_.front(), prompt, each, Hits{}, now);
    at(prompts_.back()).left = output;
    waiting_.pop_front();
  }
}

}  // namespace aisle::workloads
