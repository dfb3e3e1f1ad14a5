// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/engine.hpp"

#include <algorithm>
#include <span>

namespace aisle::workloads {

namespace {

int blocks_of_prefix(const EnginePolicy& policy, const RequestStream& stream) {
  // Prefixes are shared by whole blocks.
  if (!policy.prefix_caching || stream.prefix_tokens % policy.block_tokens != 0) return 0;
  return stream.prefix_tokens / policy.block_tokens;
}

}  // namespace

ServingEngine::ServingEngine(const EnginePolicy& policy, const RequestStream& stream,
                             std::vector<RequestOutcome>& outcomes)
    : policy_(policy),
      stream_(stream),
      outcomes_(outcomes),
      blocks_(policy.blocks, blocks_of_prefix(policy, stream)) {}

void ServingEngine::arrive(std::int32_t request, double now) {
  const Request& asked = stream_.requests[static_cast<std::size_t>(request)];
  RequestOutcome& outcome = outcomes_[static_cast<std::size_t>(request)];
  outcome.arrival_s = now;
  // The last token that is generated is never read.
  outcome.refused = blocks_of(std::int64_t{asked.prompt} + asked.output - 1) > policy_.blocks;
  if (!outcome.refused) waiting_.push_back({request, 0});
}

bool ServingEngine::current(const Due& due) const {
  return sequences_[static_cast<std::size_t>(due.sequence)].life == due.life;
}

/// Lets a request in if a sequence and blocks for its prompt are free.
bool ServingEngine::admit(const Waiting& waiting, double now) {
  if (running_ >= policy_.sequences) return false;
  const Request& asked = stream_.requests[static_cast<std::size_t>(waiting.request)];
  const std::int32_t prompt = asked.prompt + waiting.generated;
  std::span<const std::int64_t> ids;
  if (blocks_of_prefix(policy_, stream_) > 0) {
    ids = std::span(stream_.prefix_ids)
              .subspan(static_cast<std::size_t>(asked.first_prefix),
                       static_cast<std::size_t>(asked.prefixes));
  }
  // At least one token is computed, of which the next follows.
  const int hits = std::min(blocks_.known(ids), (prompt - 1) / std::max(1, stream_.prefix_tokens));
  const std::int32_t cached = hits * stream_.prefix_tokens;
  const std::span<const std::int64_t> used = ids.first(static_cast<std::size_t>(hits));
  const std::int64_t own = blocks_of(prompt) - cached / policy_.block_tokens;
  const auto reserve =
      running_ == 0
          ? 0
          : static_cast<std::int64_t>(policy_.watermark * static_cast<double>(policy_.blocks));
  blocks_.use(used);
  if (blocks_.available() < own + reserve || !blocks_.take(own)) {
    blocks_.release(used);
    return false;
  }
  if (free_.empty()) {
    free_.push_back(static_cast<std::int32_t>(sequences_.size()));
    sequences_.emplace_back();
  }
  const std::int32_t index = free_.back();
  free_.pop_back();
  Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
  sequence.request = waiting.request;
  sequence.prompt = prompt;
  sequence.computed = cached;
  sequence.left = asked.output - waiting.generated;
  sequence.own = own;
  sequence.ids.assign(used.begin(), used.end());
  admitted_.emplace_back(index, sequence.life);
  prompts_.push_back(index);
  ++running_;
  RequestOutcome& outcome = outcomes_[static_cast<std::size_t>(waiting.request)];
  if (outcome.start_s < 0) {
    outcome.start_s = now;
    outcome.cached = cached;
  }
  return true;
}

/// The next tokens of a prompt, as many as the step has room for.
void ServingEngine::add_chunk(std::int32_t index) {
  const Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
  const std::int32_t left = sequence.prompt - sequence.computed;
  // A whole prompt that is longer than a step has one for itself.
  const bool alone = chunks_.empty() && !policy_.chunked;
  const std::int32_t tokens = alone ? left : std::min(left, budget_);
  if (tokens <= 0 || (!policy_.chunked && tokens < left)) return;
  chunks_.emplace_back(index, tokens);
  step_.chunks.push_back({tokens, sequence.computed});
  if (tokens == left) ++step_.sampled;
  budget_ -= tokens;
}

void ServingEngine::add_chunks(double now) {
  for (const std::int32_t index : prompts_) {
    if (budget_ <= 0) return;
    add_chunk(index);
  }
  if (preempted_ && running_ > 0) return;  // whoever comes in would take the blocks back
  while (!waiting_.empty() && budget_ > 0 && admit(waiting_.front(), now)) {
    waiting_.pop_front();
    const std::size_t before = chunks_.size();
    add_chunk(prompts_.back());
    if (chunks_.size() == before) return;
  }
}

/// Blocks for those whose next token begins one.
void ServingEngine::find_blocks() {
  while (!needs_.empty() && needs_.top().pass <= pass_) {
    const Due due = needs_.top();
    if (!current(due)) {
      needs_.pop();
      continue;
    }
    if (!blocks_.take(1)) {
      preempt_last();
      continue;
    }
    needs_.pop();
    ++sequences_[static_cast<std::size_t>(due.sequence)].own;
    needs_.push({due.pass + policy_.block_tokens, due.sequence, due.life});
  }
}

void ServingEngine::preempt_last() {
  while (true) {
    const auto [index, life] = admitted_.back();
    admitted_.pop_back();
    Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
    if (sequence.request < 0 || sequence.life != life) continue;
    const std::int32_t request = sequence.request;
    const Request& asked = stream_.requests[static_cast<std::size_t>(request)];
    std::int32_t left = sequence.left;
    if (sequence.began >= 0) {
      const std::int64_t generated = pass_ - sequence.began;
      left -= static_cast<std::int32_t>(generated);
      context_ -= sequence.prompt - sequence.began;
      --generating_;
    } else {
      std::erase(prompts_, index);
    }
    ++outcomes_[static_cast<std::size_t>(request)].preemptions;
    ++preemptions_;
    preempted_ = true;
    drop(index);
    waiting_.push_front({request, asked.output - left});
    return;
  }
}

/// Frees a sequence and its blocks.
void ServingEngine::drop(std::int32_t index) {
  Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
  blocks_.give_back(sequence.own);
  blocks_.release(sequence.ids);
  sequence.ids.clear();
  sequence.request = -1;
  sequence.began = -1;
  ++sequence.life;
  free_.push_back(index);
  --running_;
}

const ServingStep* ServingEngine::start(double now) {
  if (idle()) return nullptr;
  step_.chunks.clear();
  chunks_.clear();
  preempted_ = false;
  step_.sampled = 0;
  budget_ = policy_.step_tokens;
  if (policy_.prompts_first) add_chunks(now);
  generates_ = generating_ > 0 && chunks_.empty();
  if (!policy_.prompts_first) {
    generates_ = generating_ > 0;
    find_blocks();
    budget_ -= static_cast<int>(generating_);
    add_chunks(now);
  } else if (generates_) {
    find_blocks();
  }
  generates_ = generates_ && generating_ > 0;
  step_.decoding = generates_ ? static_cast<int>(generating_) : 0;
  step_.context = generates_ ? context_ + generating_ * pass_ : 0;
  step_.sampled += step_.decoding;
  // Preemption may have left nothing but what waits.
  if (step_.decoding == 0 && chunks_.empty()) add_chunks(now);
  return step_.decoding == 0 && chunks_.empty() ? nullptr : &step_;
}

/// A prompt is computed: its prefixes are there for others, and its first token is.
void ServingEngine::begin_generating(std::int32_t index, double now) {
  Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
  const Request& asked = stream_.requests[static_cast<std::size_t>(sequence.request)];
  const int of_prefix = blocks_of_prefix(policy_, stream_);
  for (std::size_t i = sequence.ids.size();
       of_prefix > 0 && i < static_cast<std::size_t>(asked.prefixes); ++i) {
    const std::int64_t id = stream_.prefix_ids[static_cast<std::size_t>(asked.first_prefix) + i];
    const auto tokens = static_cast<std::int64_t>(i + 1) * stream_.prefix_tokens;
    if (tokens > sequence.prompt || sequence.own < of_prefix || !blocks_.keep(id)) break;
    sequence.ids.push_back(id);
    sequence.own -= of_prefix;
  }
  RequestOutcome& outcome = outcomes_[static_cast<std::size_t>(sequence.request)];
  if (outcome.first_token_s < 0) outcome.first_token_s = now;
  if (--sequence.left == 0) return end(index, now);
  sequence.began = pass_;
  ++generating_;
  context_ += sequence.prompt - pass_;
  ends_.push({pass_ + sequence.left, index, sequence.life});
  const std::int64_t room = blocks_of(sequence.prompt) * policy_.block_tokens - sequence.prompt;
  needs_.push({pass_ + room, index, sequence.life});
}

void ServingEngine::end(std::int32_t index, double now) {
  const std::int32_t request = sequences_[static_cast<std::size_t>(index)].request;
  outcomes_[static_cast<std::size_t>(request)].end_s = now;
  ended_.push_back(request);
  drop(index);
}

const std::vector<std::int32_t>& ServingEngine::finish(double now) {
  ended_.clear();
  if (generates_) ++pass_;
  generates_ = false;
  while (!ends_.empty() && ends_.top().pass <= pass_) {
    const Due due = ends_.top();
    ends_.pop();
    if (!current(due)) continue;
    const Sequence& sequence = sequences_[static_cast<std::size_t>(due.sequence)];
    context_ -= sequence.prompt - sequence.began;
    --generating_;
    end(due.sequence, now);
  }
  for (const auto& [index, tokens] : chunks_) {
    Sequence& sequence = sequences_[static_cast<std::size_t>(index)];
    sequence.computed += tokens;
    if (sequence.computed < sequence.prompt) continue;
    std::erase(prompts_, index);
    begin_generating(index, now);
  }
  chunks_.clear();
  // Those that ended long ago are not looked for again.
  if (admitted_.size() > 2 * sequences_.size() + 64) {
    std::erase_if(admitted_, [this](const auto& one) {
      const Sequence& sequence = sequences_[static_cast<std::size_t>(one.first)];
      return sequence.request < 0 || sequence.life != one.second;
    });
  }
  return ended_;
}

namespace {

/// Arrivals and ends of steps of several engines, in order of time.
class Server {
 public:
  Server(const RequestStream& stream, const EnginePolicy& policy, int engines, Router router,
         const ServingClock& clock)
      : stream_(stream), router_(router), clock_(clock) {
    run_.outcomes.resize(stream.requests.size());
    for (int i = 0; i < engines; ++i) engines_.emplace_back(policy, stream, run_.outcomes);
    runs_.assign(static_cast<std::size_t>(engines), false);
  }

  ServingRun run() {
    first_arrivals();
    while (!arrivals_.empty() || !steps_.empty()) {
      const bool arrival =
          !arrivals_.empty() && (steps_.empty() || arrivals_.top().first <= steps_.top().first);
      const auto [time, index] = arrival ? arrivals_.top() : steps_.top();
      run_.sequences_s += static_cast<double>(inside_) * (time - now_);
      now_ = time;
      if (arrival) {
        arrivals_.pop();
        arrive(index);
      } else {
        steps_.pop();
        finish(static_cast<std::size_t>(index));
      }
    }
    run_.end_s = now_;
    for (const ServingEngine& engine : engines_) {
      run_.preemptions += engine.preemptions();
      run_.blocks_left += engine.blocks().in_use();
    }
    return std::move(run_);
  }

 private:
  using Event = std::pair<double, std::int32_t>;
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

  void first_arrivals() {
    const auto count = static_cast<std::int32_t>(stream_.requests.size());
    for (; next_ < count; ++next_) {
      const Request& request = stream_.requests[static_cast<std::size_t>(next_)];
      if (request.waits) continue;
      if (stream_.concurrency > 0 && next_ >= stream_.concurrency) break;
      arrivals_.emplace(stream_.concurrency > 0 ? 0 : request.arrival_s, next_);
    }
  }

  std::size_t choose() {
    if (router_ == Router::round_robin) return turn_++ % engines_.size();
    const auto least =
        std::min_element(engines_.begin(), engines_.end(),
                         [](const auto& a, const auto& b) { return a.load() < b.load(); });
    return static_cast<std::size_t>(least - engines_.begin());
  }

  void arrive(std::int32_t request) {
    const std::size_t engine = choose();
    engines_[engine].arrive(request, now_);
    if (run_.outcomes[static_cast<std::size_t>(request)].refused) return follow(request);
    ++inside_;
    if (!runs_[engine]) start(engine);
  }

  void start(std::size_t engine) {
    const ServingStep* step = engines_[engine].start(now_);
    runs_[engine] = step != nullptr;
    if (step == nullptr) return;
    const double seconds = clock_(*step);
    run_.busy_s += seconds;
    ++run_.steps;
    run_.most_blocks = std::max(run_.most_blocks, engines_[engine].blocks().in_use());
    steps_.emplace(now_ + seconds, static_cast<std::int32_t>(engine));
  }

  void finish(std::size_t engine) {
    for (const std::int32_t request : engines_[engine].finish(now_)) {
      --inside_;
      follow(request);
    }
    start(engine);
  }

  /// What comes because a request has ended: the turn that waited, or whoever stands in line.
  void follow(std::int32_t request) {
    const std::int32_t turn = stream_.requests[static_cast<std::size_t>(request)].next;
    if (turn >= 0) {
      const double think = stream_.requests[static_cast<std::size_t>(turn)].arrival_s;
      arrivals_.emplace(now_ + think, turn);
      return;
    }
    const auto count = static_cast<std::int32_t>(stream_.requests.size());
    while (next_ < count && stream_.requests[static_cast<std::size_t>(next_)].waits) ++next_;
    if (stream_.concurrency > 0 && next_ < count) arrivals_.emplace(now_, next_++);
  }

  const RequestStream& stream_;
  Router router_;
  const ServingClock& clock_;
  ServingRun run_;
  std::vector<ServingEngine> engines_;
  std::vector<bool> runs_;
  Events arrivals_, steps_;
  double now_ = 0;
  std::int64_t inside_ = 0;
  std::int32_t next_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace

ServingRun serve(const RequestStream& stream, const EnginePolicy& policy, int engines,
                 Router router, const ServingClock& clock) {
  return Server(stream, policy, engines, router, clock).run();
}

}  // namespace aisle::workloads
