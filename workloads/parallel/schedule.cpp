// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/schedule.hpp"

#include "sim/base/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <deque>

namespace aisle::workloads::parallel {

namespace {

Action forward_of(Pass pass) {
  return {Action::Kind::forward, pass, {}};
}

Action backward_of(Pass pass) {
  return {Action::Kind::backward, {}, pass};
}

std::vector<Action> gpipe(const Job& job, int rank) {
  std::vector<Action> actions;
  const int count = job.layout.micro_batches;
  actions.reserve(2 * static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) actions.push_back(forward_of({rank, i, 0}));
  for (int i = 0; i < count; ++i) actions.push_back(backward_of({rank, i, 0}));
  return actions;
}

Action input_of(Pass pass) {
  return {Action::Kind::backward_input, {}, pass};
}

Action weight_of(Pass pass) {
  return {Action::Kind::weight, {}, pass};
}

/// First forward passes alone, then one forward and one backward in turn, then the last backward
/// passes. In pairs, a rank is one more forward pass ahead, so that the two never depend on each
/// other.
template <typename Forward, typename Backward>
std::vector<Action> alternating(const Job& job, int count, int warm_up, Forward forward,
                                Backward backward) {
  const bool pairs = job.overlap_experts;
  const int ahead = std::min(count, warm_up + (pairs ? 1 : 0));
  std::vector<Action> actions;
  actions.reserve(2 * static_cast<std::size_t>(count));
  for (int i = 0; i < ahead; ++i) actions.push_back(forward_of(forward(i)));
  for (int i = ahead; i < count; ++i) {
    if (pairs) {
      actions.push_back({Action::Kind::pair, forward(i), backward(i - ahead)});
    } else {
      actions.push_back(forward_of(forward(i)));
      actions.push_back(backward_of(backward(i - ahead)));
    }
  }
  for (int i = count - ahead; i < count; ++i) actions.push_back(backward_of(backward(i)));
  return actions;
}

std::vector<Action> one_f_one_b(const Job& job, int rank) {
  const auto pass = [rank](int i) { return Pass{rank, i, 0}; };
  // What a pair hands to its neighbours is there when all of it has ended: they take it two later.
  const int warm_up = (job.overlap_experts ? 2 : 1) * (job.layout.pipeline - 1 - rank);
  return alternating(job, job.layout.micro_batches, warm_up, pass, pass);
}

/// 1F1B in which rank r is r weight gradients behind, and so has as many activations as rank 0.
std::vector<Action> zero_bubble_h1(const Job& job, int rank) {
  std::vector<Action> actions;
  const int count = job.layout.micro_batches;
  const int warm_up = std::min(count, job.layout.pipeline - 1 - rank);
  for (int i = 0; i < warm_up; ++i) actions.push_back(forward_of({rank, i, 0}));
  for (int i = 0; i < count; ++i) {
    if (warm_up + i < count) actions.push_back(forward_of({rank, warm_up + i, 0}));
    actions.push_back(input_of({rank, i, 0}));
    if (i >= rank) actions.push_back(weight_of({rank, i - rank, 0}));
  }
  for (int i = std::max(0, count - rank); i < count; ++i) {
    actions.push_back(weight_of({rank, i, 0}));
  }
  return actions;
}

/// Two chunks per rank, the second in the reverse order of ranks: a rank's last forward pass is
/// followed by its first backward pass. Three warm-ups, a steady state of F I W of each chunk, and
/// a tail that fills the bubble with weight gradients.
class ZeroBubbleV {
 public:
  ZeroBubbleV(const Job& job, int rank)
      : pipeline_(job.layout.pipeline), rank_(rank), count_(job.layout.micro_batches) {}

  std::vector<Action> build() {
    const int needed = std::max(2 * pipeline_ - 1, count_);
    for (int i = 0; i < 2 * (pipeline_ - rank_) - 1; ++i) forward(0);
    for (int i = 0; i < rank_; ++i) {
      forward(1);
      forward(0);
    }
    for (int i = 0; i < pipeline_ - rank_; ++i) {
      forward(1);
      backward(1);
    }
    while (forwards_[1] < forwards_[0] || forwards_[0] < needed) {
      if (forwards_[0] < needed) forward(0);
      backward(0);
      forward(1);
      backward(1);
    }
    for (int i = 0; i < rank_; ++i) {
      input(0);
      input(1);
    }
    for (int i = 0; i < pipeline_ - rank_; ++i) {
      input(0);
      weight(0);
    }
    while (weights_[1] < inputs_[1]) weight(1);
    while (weights_[0] < inputs_[0]) weight(0);
    return std::move(actions_);
  }

 private:
  /// Micro-batches that a shorter step lacks are left out.
  void add(const Action& action, int micro_batch) {
    if (micro_batch < count_) actions_.push_back(action);
  }

  Pass pass(int chunk, int micro_batch) const {
    return {chunk == 0 ? rank_ : 2 * pipeline_ - 1 - rank_, micro_batch, 0};
  }

  int next(std::array<int, 2>& counters, int chunk) {
    return counters[static_cast<std::size_t>(chunk)]++;
  }

  void forward(int chunk) {
    const int i = next(forwards_, chunk);
    add(forward_of(pass(chunk, i)), i);
  }

  void input(int chunk) {
    const int i = next(inputs_, chunk);
    add(input_of(pass(chunk, i)), i);
  }

  void weight(int chunk) {
    const int i = next(weights_, chunk);
    add(weight_of(pass(chunk, i)), i);
  }

  void backward(int chunk) {
    input(chunk);
    weight(chunk);
  }

  int pipeline_, rank_, count_;
  std::array<int, 2> forwards_{}, inputs_{}, weights_{};
  std::vector<Action> actions_;
};

/// All micro-batches through one chunk of the rank, then through the next; backward in reverse.
std::vector<Action> breadth_first(const Job& job, int rank) {
  const Layout& layout = job.layout;
  std::vector<Action> actions;
  for (int chunk = 0; chunk < layout.virtual_stages; ++chunk) {
    for (int i = 0; i < layout.micro_batches; ++i) {
      actions.push_back(forward_of({chunk * layout.pipeline + rank, i, 0}));
    }
  }
  for (int chunk = layout.virtual_stages; chunk > 0; --chunk) {
    for (int i = 0; i < layout.micro_batches; ++i) {
      actions.push_back(backward_of({(chunk - 1) * layout.pipeline + rank, i, 0}));
    }
  }
  return actions;
}

/// Pass number `index` of a rank: groups of `pipeline` micro-batches go through its chunks in turn.
Pass interleaved_pass(const Layout& layout, int rank, int index, bool forward) {
  const int round = layout.pipeline * layout.virtual_stages;
  const int chunk = index % round / layout.pipeline;
  const int ordered = forward ? chunk : layout.virtual_stages - 1 - chunk;
  const int micro_batch = index / round * layout.pipeline + index % layout.pipeline;
  return {ordered * layout.pipeline + rank, micro_batch, 0};
}

std::vector<Action> interleaved(const Job& job, int rank) {
  const Layout& layout = job.layout;
  const int warm_up =
      (layout.pipeline - rank - 1) * 2 + (layout.virtual_stages - 1) * layout.pipeline;
  return alternating(
      job, layout.micro_batches * layout.virtual_stages, warm_up,
      [&](int i) { return interleaved_pass(layout, rank, i, true); },
      [&](int i) { return interleaved_pass(layout, rank, i, false); });
}

/// Micro-batch 0 goes forward, micro-batch 1 (whose forward pass is past) backward.
std::vector<Action> chunk(const Job& job) {
  const Pass ahead{0, 0, 0}, back{0, 1, job.schedule == Schedule::dual_pipe ? 1 : 0};
  if (job.pairs()) return {{Action::Kind::pair, ahead, back}};
  return {forward_of(ahead), backward_of(back)};
}

/// Builds DualPipe's program of one rank. Phase 0 and 1 are the rank's near and far direction: the
/// second half of the ranks sees the two directions swapped.
class DualPipe {
 public:
  DualPipe(const Job& job, int rank)
      : pipeline_(job.layout.pipeline),
        rank_(rank),
        half_rank_(std::min(rank, pipeline_ - 1 - rank)),
        half_count_(job.layout.micro_batches / 2) {}

  std::vector<Action> build() {
    const int half = pipeline_ / 2;
    const bool middle = half_rank_ == half - 1;
    repeat((half - half_rank_ - 1) * 2, [&](int) { forward(0); });
    repeat(half_rank_ + 1, [&](int) {
      forward(0);
      forward(1);
    });
    repeat(half - half_rank_ - 1, [&](int) {
      backward(1, true);
      weight();
      forward(1);
    });
    repeat(half_count_ - pipeline_ + half_rank_ + 1, [&](int i) {
      if (i == 0 && middle) {  // the published schedule keeps these two apart: a smaller bubble
        forward(0);
        backward(1, false);
      } else {
        pair(0, 1);
      }
      pair(1, 0);
    });
    repeat(half - half_rank_ - 1, [&](int) {
      backward(1, false);
      pair(1, 0);
    });
    bool put_off = false;
    const int last = half_rank_ + 1;
    repeat(last, [&](int i) {
      if (i == last / 2 && half_rank_ % 2 == 1) put_off = true;
      backward(1, put_off);
      if (i == last / 2 && half_rank_ % 2 == 0) put_off = true;
      backward(0, put_off);
    });
    repeat(half - half_rank_ - 1, [&](int) {
      weight();
      backward(0, true);
    });
    repeat(half_rank_ + 1, [&](int) { weight(); });
    AISLE_ASSERT(waiting_.empty(), "DualPipe computes every weight gradient that it put off");
    return std::move(actions_);
  }

 private:
  template <typename Body>
  static void repeat(int count, Body body) {
    for (int i = 0; i < count; ++i) body(i);
  }

  Pass next(int phase, std::array<int, 2>& counters) const {
    const int direction = rank_ >= pipeline_ / 2 ? 1 - phase : phase;
    const int stage = direction == 0 ? rank_ : pipeline_ - 1 - rank_;
    int& counter = counters[static_cast<std::size_t>(direction)];
    return {stage, direction * half_count_ + counter++, direction};
  }

  void forward(int phase) { actions_.push_back(forward_of(next(phase, forwards_))); }

  void backward(int phase, bool put_off) {
    Action action = backward_of(next(phase, backwards_));
    if (put_off) {
      action.kind = Action::Kind::backward_input;
      waiting_.push_back(action.backward);
    }
    actions_.push_back(action);
  }

  void weight() {
    AISLE_ASSERT(!waiting_.empty(), "a weight gradient was put off before it is computed");
    actions_.push_back(weight_of(waiting_.front()));
    waiting_.pop_front();
  }

  void pair(int forward_phase, int backward_phase) {
    Action action;
    action.kind = Action::Kind::pair;
    action.forward = next(forward_phase, forwards_);
    action.backward = next(backward_phase, backwards_);
    actions_.push_back(action);
  }

  int pipeline_, rank_, half_rank_, half_count_;
  std::array<int, 2> forwards_{}, backwards_{};
  std::deque<Pass> waiting_;
  std::vector<Action> actions_;
};

/// The schedule's forward passes alone, in its order; DualPipe's all enter from the front.
std::vector<Action> forward_passes(const Job& job, int rank) {
  Job whole = job;
  whole.forward_only = false;
  if (job.schedule == Schedule::dual_pipe) whole.schedule = Schedule::one_f_one_b;
  std::vector<Action> actions;
  for (const Action& action : program(whole, rank)) {
    if (action.forward.stage >= 0) actions.push_back(forward_of(action.forward));
  }
  return actions;
}

}  // namespace

std::vector<Action> program(const Job& job, int pipeline_rank) {
  if (job.chunk) return chunk(job);
  if (job.forward_only) return forward_passes(job, pipeline_rank);
  switch (job.schedule) {
    case Schedule::gpipe:
      return gpipe(job, pipeline_rank);
    case Schedule::one_f_one_b:
      return one_f_one_b(job, pipeline_rank);
    case Schedule::interleaved:
      return interleaved(job, pipeline_rank);
    case Schedule::dual_pipe:
      return DualPipe(job, pipeline_rank).build();
    case Schedule::zb_h1:
      return zero_bubble_h1(job, pipeline_rank);
    case Schedule::zb_v:
      return ZeroBubbleV(job, pipeline_rank).build();
    case Schedule::breadth_first:
      return breadth_first(job, pipeline_rank);
  }
  return {};
}

std::vector<std::vector<Action>> programs(const Job& job) {
  std::vector<std::vector<Action>> all;
  all.reserve(static_cast<std::size_t>(job.layout.pipeline));
  for (int rank = 0; rank < job.layout.pipeline; ++rank) all.push_back(program(job, rank));
  return all;
}

}  // namespace aisle::workloads::parallel
