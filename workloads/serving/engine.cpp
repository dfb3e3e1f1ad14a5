// SPDX-License-Identifier: Apache-2.0
#include "workloads/serving/engine.hpp"

#include <algorithm>
#include <cmath>

namespace aisle::workloads {

double EnginePolicy::tokens_per_pass() const {
  if (acceptance >= 1) return 1 + drafts;
  return (1 - std::pow(acceptance, drafts + 1)) / (1 - acceptance);
}

std::int64_t EnginePolicy::blocks_of(std::int64_t tokens) const {
  if (window > 0 && tokens > window) {
    const auto beyond = static_cast<double>(tokens - window);
    tokens = window + static_cast<std::int64_t>(std::ceil(beyond * (1 - windowed)));
  }
  return (tokens + block_tokens - 1) / block_tokens;
}

std::int64_t EnginePolicy::tokens_in(std::int64_t held) const {
  const std::int64_t tokens = held * block_tokens;
  if (window == 0 || tokens <= window) return tokens;
  constexpr double kEver = 1e9;  // nothing but windows
  const double beyond = static_cast<double>(tokens - window) / std::max(1 - windowed, 1e-9);
  constexpr double kRounding = 1e-6;
  return window + static_cast<std::int64_t>(std::min(kEver, beyond + kRounding));
}

ServingEngine::ServingEngine(const EnginePolicy& policy, const RequestStream& stream,
                             const ServingClock& clock, std::vector<RequestOutcome>& outcomes,
                             KvStore& store, Transfer transfer)
    : policy_(policy),
      stream_(stream),
      clock_(clock),
      outcomes_(outcomes),
      store_(store),
      transfer_(std::move(transfer)),
      pace_(policy.tokens_per_pass()) {
  step_.tokens_each = 1 + policy.drafts;
}

bool ServingEngine::current(const Due& due) {
  return at(due.sequence).life == due.life;
}

/// The next tokens of a prompt, as many as the step has room for.
void ServingEngine::add_chunk(std::int32_t index) {
  const Sequence& sequence = at(index);
  const std::int32_t left = sequence.prompt - sequence.computed;
  // A whole prompt that is longer than a step has one for itself.
  const bool alone = chunks_.empty() && !policy_.chunked;
  const std::int32_t tokens = alone || policy_.fixed ? left : std::min(left, budget_);
  if (tokens <= 0 || (!policy_.chunked && tokens < left)) return;
  chunks_.emplace_back(index, tokens);
  step_.chunks.push_back({tokens, sequence.computed});
  if (tokens == left) ++step_.sampled;
  budget_ -= tokens;
}

void ServingEngine::add_chunks(double now) {
  for (const std::int32_t index : prompts_) {
    if (budget_ <= 0 && !policy_.fixed) return;
    add_chunk(index);
  }
  if (policy_.fixed || (preempted_ && running_ > 0)) return;  // they would take the blocks back
  let_in(now);
}

/// Those that wait, in order, while there is room for them.
void ServingEngine::let_in(double now) {
  while (!waiting_.empty() && budget_ > 0) {
    const Waiting next = waiting_.front();
    if (policy_.ahead && next.during == steps_) return;
    if (too_late(next, now)) {
      waiting_.pop_front();
      outcome(next.request).fate = Fate::too_late;
      outbox_.refused.push_back(next.request);
      continue;
    }
    if (!admit(next, now)) return;
    waiting_.pop_front();
    if (prompts_.empty() || at(prompts_.back()).request != next.request) continue;  // it loads
    const std::size_t before = chunks_.size();
    add_chunk(prompts_.back());
    if (chunks_.size() == before) return;
  }
}

/// Blocks for those whose next pass begins one.
void ServingEngine::find_blocks() {
  while (!needs_.empty() && needs_.top().pass <= pass_) {
    const Due due = needs_.top();
    if (!current(due)) {
      needs_.pop();
      continue;
    }
    if (!store_.blocks.take(1)) {
      preempt_last();
      continue;
    }
    needs_.pop();
    ++at(due.sequence).own;
    schedule(due.sequence);
  }
}

/// The least urgent one that came last gives up its blocks.
void ServingEngine::preempt_last() {
  auto victim = admitted_.rend();
  for (auto one = admitted_.rbegin(); one != admitted_.rend(); ++one) {
    const Sequence& sequence = at(one->first);
    const bool here = sequence.life == one->second &&
                      (sequence.state == State::prompting || sequence.state == State::generating);
    if (!here) continue;
    if (victim == admitted_.rend() ||
        asked(sequence.request).priority < asked(at(victim->first).request).priority) {
      victim = one;
      if (asked(sequence.request).priority == 0) break;
    }
  }
  const std::int32_t index = victim->first;
  admitted_.erase(std::next(victim).base());
  const Sequence& sequence = at(index);
  const Request& request = asked(sequence.request);
  Waiting back{sequence.request, request.output - sequence.left, Source::nowhere, request.priority};
  if (sequence.state == State::generating) {
    // With drafts, between two blocks, by the mean pace.
    const double ahead = pace_ * static_cast<double>(sequence.pass - pass_);
    back.generated += std::max(0, sequence.done - static_cast<std::int32_t>(std::lround(ahead)));
    const std::int64_t held = std::int64_t{request.prompt} + back.generated - 1;
    if (policy_.swap && store_.host.reserve(held)) {
      back.source = Source::host;
      ++swaps_;
    }
  } else {
    std::erase(prompts_, index);
  }
  ++outcome(sequence.request).preemptions;
  ++preemptions_;
  preempted_ = true;
  drop(index);
  enqueue(back, true);
}

/// Frees a sequence and its blocks.
void ServingEngine::drop(std::int32_t index) {
  Sequence& sequence = at(index);
  if (sequence.state == State::generating) {
    context_ -= sequence.prompt + sequence.done - pace_ * static_cast<double>(sequence.pass);
    --generating_;
  }
  if (sequence.state != State::sending) --running_;
  store_.blocks.give_back(sequence.own);
  store_.blocks.release(sequence.ids);
  sequence.ids.clear();
  sequence.request = -1;
  sequence.state = State::free;
  ++sequence.life;
  free_.push_back(index);
}

ServingStep* ServingEngine::start(double now) {
  if (idle()) return nullptr;
  step_.chunks.clear();
  chunks_.clear();
  preempted_ = false;
  step_.sampled = 0;
  budget_ = policy_.step_tokens;
  take_loaded(now);
  if (policy_.fixed && running_ == 0) fill_batch(now);
  const bool prompts_first = policy_.prompts_first || policy_.fixed;
  if (prompts_first) add_chunks(now);
  generates_ = generating_ > 0 && (chunks_.empty() || !prompts_first);
  if (generates_) find_blocks();
  if (!prompts_first) {
    budget_ -= static_cast<int>(generating_) * step_.tokens_each;
    add_chunks(now);
  }
  generates_ = generates_ && generating_ > 0;
  step_.decoding = generates_ ? static_cast<int>(generating_) : 0;
  const double context = context_ + pace_ * static_cast<double>(generating_ * pass_);
  step_.context = generates_ ? std::max<std::int64_t>(generating_, std::llround(context)) : 0;
  step_.sampled += step_.decoding * step_.tokens_each;
  ++steps_;
  // Preemption may have left nothing but what waits, or nothing was put together ahead.
  if (step_.decoding == 0 && chunks_.empty()) add_chunks(now);
  runs_ = step_.decoding > 0 || !chunks_.empty();
  return runs_ ? &step_ : nullptr;
}

/// Whole prefixes of so many cached tokens are there for others.
void ServingEngine::keep_prefixes(Sequence& sequence, const Request& request, std::int64_t tokens) {
  const int of_prefix = store_.blocks.of_prefix();
  const auto ids = prefixes(request);
  for (std::size_t i = sequence.ids.size(); i < ids.size(); ++i) {
    const auto upto = static_cast<std::int64_t>(i + 1) * stream_.prefix_tokens;
    if (upto > tokens || sequence.own < of_prefix || !store_.blocks.keep(ids[i])) break;
    sequence.ids.push_back(ids[i]);
    sequence.own -= of_prefix;
  }
}

/// A prompt is computed: its prefixes are there for others, and its first token is.
void ServingEngine::end_prompt(std::int32_t index, double now) {
  Sequence& sequence = at(index);
  const std::int32_t request = sequence.request;
  keep_prefixes(sequence, asked(request), sequence.prompt);
  if (outcome(request).first_token_s < 0) outcome(request).first_token_s = now;
  if (--sequence.left == 0) return end(index, now);
  if (!policy_.hands_over) return generate(index);
  sequence.state = State::sending;
  --running_;
  outbox_.handed.emplace_back(request, index);
}

void ServingEngine::sent(std::int32_t sequence) {
  drop(sequence);
}

void ServingEngine::generate(std::int32_t index) {
  Sequence& sequence = at(index);
  sequence.state = State::generating;
  sequence.pass = pass_;
  sequence.done = 0;
  ++generating_;
  context_ += sequence.prompt - pace_ * static_cast<double>(pass_);
  schedule(index);
}

/// Tokens that a pass gives: drafts count up to the first that is not accepted.
int ServingEngine::tokens_of_pass(std::int32_t index) {
  if (policy_.acceptance >= 1) return 1 + policy_.drafts;
  if (policy_.acceptance <= 0) return 1;
  const double chance = 1 - draws_[static_cast<std::size_t>(index)].uniform();
  const double accepted = std::log(chance) / std::log(policy_.acceptance);
  return 1 + static_cast<int>(std::min<double>(policy_.drafts, accepted));
}

/// The pass before which a sequence needs its next block, or behind which it ends.
void ServingEngine::schedule(std::int32_t index) {
  Sequence& sequence = at(index);
  const std::int64_t held =
      sequence.own + static_cast<std::int64_t>(sequence.ids.size()) * store_.blocks.of_prefix();
  const std::int64_t room = policy_.tokens_in(held) - sequence.prompt;
  // A pass writes its drafts too.
  const std::int64_t goal = room >= sequence.left ? sequence.left : room - policy_.drafts;
  const std::int64_t pass = sequence.pass;
  const std::int32_t done = sequence.done;
  if (policy_.drafts == 0) {
    sequence.pass += goal - sequence.done;
    sequence.done = static_cast<std::int32_t>(goal);
  } else {
    while (sequence.done < goal) {
      sequence.done = std::min(sequence.left, sequence.done + tokens_of_pass(index));
      ++sequence.pass;
    }
  }
  context_ += sequence.done - done - pace_ * static_cast<double>(sequence.pass - pass);
  (sequence.done >= sequence.left ? ends_ : needs_).push({sequence.pass, index, sequence.life});
}

void ServingEngine::end(std::int32_t index, double now) {
  Sequence& sequence = at(index);
  const std::int32_t request = sequence.request;
  const std::int32_t next = asked(request).next;
  if (next >= 0)
    keep_prefixes(sequence, asked(next),
                  std::int64_t{asked(request).prompt} + asked(request).output - 1);
  outcome(request).end_s = now;
  outcome(request).fate = Fate::served;
  outbox_.ended.push_back(request);
  drop(index);
}

void ServingEngine::finish(double now) {
  runs_ = false;
  if (generates_) ++pass_;
  generates_ = false;
  while (!ends_.empty() && ends_.top().pass <= pass_) {
    const Due due = ends_.top();
    ends_.pop();
    if (current(due)) end(due.sequence, now);
  }
  for (const auto& [index, tokens] : chunks_) {
    Sequence& sequence = at(index);
    sequence.computed += tokens;
    if (sequence.computed < sequence.prompt) continue;
    std::erase(prompts_, index);
    end_prompt(index, now);
  }
  chunks_.clear();
  // Those that ended long ago are not looked for again.
  if (admitted_.size() > 2 * sequences_.size() + 64) {
    std::erase_if(admitted_, [this](const auto& one) { return at(one.first).life != one.second; });
  }
}

}  // namespace aisle::workloads
