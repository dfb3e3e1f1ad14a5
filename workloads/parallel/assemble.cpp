// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/assemble.hpp"

#include "sim/base/diagnostics.hpp"
#include "workloads/parallel/data_parallel.hpp"
#include "workloads/parallel/emit.hpp"
#include "workloads/parallel/schedule.hpp"

#include <fmt/format.h>
#include <queue>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

namespace aisle::workloads::parallel {

namespace {

using Kind = Action::Kind;

/// Message between two stages that waits, in planned time, for its producer to end.
struct Message {
  double ready = 0;
  bool forward = true;
  Pass to;  ///< the pass that needs it
  int from_rank = 0;

  /// What decides between messages that are ready at once. The same for DualPipe's mirrored
  /// messages, so that mirrored ranks queue alike and fold.
  std::tuple<double, bool, int, int, int> key() const {
    return {ready, !forward, to.stage, to.micro_batch, to.direction};
  }

  bool operator>(const Message& other) const { return key() > other.key(); }
};

/// Between two actions of a rank whose messages are not asynchronous: they leave when the first has
/// ended, and the second waits for them.
struct Border {
  std::vector<Operations> ended, sent;
};

/// Puts the ranks' programs into one plan. Actions are inserted in the order of a planned time by
/// FLOPs, in which every input exists before its consumer; so each queue agrees with the
/// dependencies and no plan can lock up.
class Assembler {
 public:
  Assembler(const Job& job, Plan& plan)
      : job_(job), groups_(job), plan_(plan), works_(plan), emitter_(job, groups_, plan) {
    add_ranks();
    build_stages();
    const auto passes =
        static_cast<std::size_t>(job.stages()) * static_cast<std::size_t>(job.layout.micro_batches);
    for (auto* table : {&forward_input_, &forward_output_, &backward_input_}) {
      table->resize(passes);
    }
    arrival_.assign(2 * passes, std::numeric_limits<double>::infinity());
    deferred_.resize(passes);
    borders_.resize(static_cast<std::size_t>(job_.layout.pipeline));
  }

  void run() {
    DataParallel data(job_, groups_, plan_, works_, stages_);
    data_ = &data;
    const bool whole = !job_.chunk && !job_.forward_only;  // steps end with an optimizer
    if (whole) data.begin();
    for (int rank = 0; rank < job_.layout.pipeline; ++rank) {
      data.expect(rank, program(job_, rank));
    }
    schedule();
    if (whole) data.finish();
    data_ = nullptr;
  }

  bool uneven() const { return groups_.uneven(); }

 private:
  std::size_t index(const Pass& pass) const {
    return static_cast<std::size_t>(pass.stage) *
               static_cast<std::size_t>(job_.layout.micro_batches) +
           static_cast<std::size_t>(pass.micro_batch);
  }

  double& arrival(const Pass& pass, bool forward) {
    return arrival_[2 * index(pass) + (forward ? 0 : 1)];
  }

  const std::vector<LayerSteps>& layers(const Pass& pass) const {
    return stages_[static_cast<std::size_t>(pass.stage)]
        .layers[static_cast<std::size_t>(pass.direction)];
  }

  const std::vector<LayerSteps>& paired(const Pass& pass) const {
    return stages_[static_cast<std::size_t>(pass.stage)]
        .paired[static_cast<std::size_t>(pass.direction)];
  }

  const std::vector<Beside>& beside_forward(const Pass& pass) const {
    return stages_[static_cast<std::size_t>(pass.stage)]
        .beside_forward[static_cast<std::size_t>(pass.direction)];
  }

  const std::vector<Beside>& beside_backward(const Pass& pass) const {
    return stages_[static_cast<std::size_t>(pass.stage)]
        .beside_backward[static_cast<std::size_t>(pass.direction)];
  }

  /// The pass's layer number `layer`, counted over all stages.
  int layer_number(const Pass& pass, std::size_t layer) const {
    return first_layer_[static_cast<std::size_t>(pass.stage)] + static_cast<int>(layer);
  }

  double cost(const Pass& pass) const { return stages_[static_cast<std::size_t>(pass.stage)].cost; }

  void add_ranks();
  void build_stages();
  void schedule();
  double ready_time(const Action& action);
  double duration(const Action& action) const;
  void emit(const Action& action, int rank, double end);
  void deliver(const Message& message);
  void post(const Pass& pass, int rank, double end, bool forward);

  Flow begin(int rank, int micro_batch, const Operations& inputs) const;
  Flow begin_forward(const Pass& pass, int rank);
  Flow begin_backward(const Pass& pass, int rank);
  void receive(Flow& flow, const Pass& pass, int from_stage);
  void forward_layer(Flow& flow, const Pass& pass, std::size_t layer);
  void backward_layer(Flow& flow, const Pass& pass, std::size_t layer, bool put_off);
  void wait_beside(Flow& flow, const std::vector<Beside>& all, const Operations& inputs);
  void end_forward(Flow& flow, const Pass& pass);
  void end_backward(Flow& flow, const Pass& pass, bool put_off);
  void weight_pass(const Pass& pass, int rank);
  std::vector<Operations> pair(const Action& action, int rank);
  void pair_layer(Flow& ahead, const Pass& f, std::size_t i, Flow& back, const Pass& b,
                  std::size_t j);

  const Job& job_;
  Groups groups_;
  Plan& plan_;
  WorkTable works_;
  Emitter emitter_;
  std::vector<Stage> stages_;
  std::vector<int> first_layer_{0};  ///< by stage, and the number of all
  DataParallel* data_ = nullptr;
  // By pass: operations by replica.
  std::vector<Operations> forward_input_, forward_output_, backward_input_;
  std::vector<std::vector<Operations>> deferred_;  ///< what put-off weight gradients wait for
  std::vector<Border> borders_;                    ///< by rank
  std::vector<double> arrival_;                    ///< planned; infinite until posted
  std::priority_queue<Message, std::vector<Message>, std::greater<>> messages_;
};

void Assembler::add_ranks() {
  const Layout& layout = job_.layout;
  for (int p = 0; p < layout.pipeline; ++p) {
    for (int i = 0; i < groups_.replicas(); ++i) {
      Rank rank;
      rank.name = fmt::format("pipeline {}", p);
      rank.pipeline = p;
      rank.multiplicity = job_.stage_width() / job_.planned_replicas();
      if (job_.folding != Folding::folded) {
        if (layout.data > 1) {
          rank.name += fmt::format(" data {}", i / (layout.tensor * layout.context));
        }
        if (layout.context > 1) {
          rank.name += fmt::format(" context {}", i / layout.tensor % layout.context);
        }
        if (layout.tensor > 1) rank.name += fmt::format(" tensor {}", i % layout.tensor);
      }
      plan_.ranks.push_back(rank);
    }
  }
}

void Assembler::build_stages() {
  for (int s = 0; s < job_.stages(); ++s) {
    stages_.push_back(build_stage(job_, groups_, works_, plan_, s));
    first_layer_.push_back(first_layer_.back() + static_cast<int>(stages_.back().layers[0].size()));
  }
}

double Assembler::duration(const Action& action) const {
  const double again = job_.recompute == Recompute::full ? 1 : 0;
  switch (action.kind) {
    case Kind::forward:
      return cost(action.forward);
    case Kind::backward:
      return (2 + again) * cost(action.backward);
    case Kind::backward_input:
      return (1 + again) * cost(action.backward);
    case Kind::weight:
      return cost(action.backward);
    case Kind::pair:
      return cost(action.forward) + (2 + again) * cost(action.backward);
  }
  return 0;
}

/// When the action's inputs are there, in planned time; infinite if one has not been posted.
double Assembler::ready_time(const Action& action) {
  double ready = 0;
  const bool has_forward = action.kind == Kind::forward || action.kind == Kind::pair;
  if (has_forward && action.forward.stage > 0) {
    ready = std::max(ready, arrival(action.forward, true));
  }
  const bool has_backward = action.kind != Kind::forward && action.kind != Kind::weight;
  if (has_backward && action.backward.stage < job_.stages() - 1) {
    ready = std::max(ready, arrival(action.backward, false));
  }
  return ready;
}

void Assembler::schedule() {
  const std::vector<std::vector<Action>> all = programs(job_);
  std::vector<std::size_t> next(all.size(), 0);
  std::vector<double> free(all.size(), 0);
  for (;;) {
    std::size_t chosen = all.size();
    double start = std::numeric_limits<double>::infinity();
    bool left = false;
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
      if (next[rank] == all[rank].size()) continue;
      left = true;
      const double at = std::max(free[rank], ready_time(all[rank][next[rank]]));
      if (at < start) {
        start = at;
        chosen = rank;
      }
    }
    if (!left) break;
    AISLE_ASSERT(chosen < all.size(), "a pipeline schedule never locks up");
    while (!messages_.empty() && messages_.top().ready <= start) {
      const Message message = messages_.top();
      messages_.pop();
      deliver(message);
    }
    const Action& action = all[chosen][next[chosen]++];
    free[chosen] = start + duration(action);
    emit(action, static_cast<int>(chosen), free[chosen]);
  }
  AISLE_ASSERT(messages_.empty(), "every message between stages is consumed");
}

void Assembler::emit(const Action& action, int rank, double end) {
  std::vector<Operations> ended;
  switch (action.kind) {
    case Kind::forward: {
      Flow flow = begin_forward(action.forward, rank);
      for (std::size_t i = 0; i < layers(action.forward).size(); ++i) {
        forward_layer(flow, action.forward, i);
      }
      end_forward(flow, action.forward);
      ended = {flow.last()};
      break;
    }
    case Kind::backward:
    case Kind::backward_input: {
      const bool put_off = action.kind == Kind::backward_input;
      Flow flow = begin_backward(action.backward, rank);
      for (std::size_t i = layers(action.backward).size(); i > 0; --i) {
        backward_layer(flow, action.backward, i - 1, put_off);
      }
      end_backward(flow, action.backward, put_off);
      ended = {flow.last(), flow.weights()};
      break;
    }
    case Kind::weight:
      weight_pass(action.backward, rank);
      break;
    case Kind::pair:
      ended = pair(action, rank);
      break;
  }
  borders_[static_cast<std::size_t>(rank)] = {std::move(ended), {}};
  if (action.kind == Kind::forward || action.kind == Kind::pair) {
    post(action.forward, rank, end, true);
  }
  if (action.kind != Kind::forward && action.kind != Kind::weight) {
    post(action.backward, rank, end, false);
  }
}

/// Announces a pass's output to the neighbouring stage.
void Assembler::post(const Pass& pass, int rank, double end, bool forward) {
  Message message{end, forward, pass, rank};
  message.to.stage += forward ? 1 : -1;
  if (message.to.stage < 0 || message.to.stage >= job_.stages()) return;
  arrival(message.to, forward) = end;
  messages_.push(message);
}

void Assembler::deliver(const Message& message) {
  Pass from = message.to;
  from.stage -= message.forward ? 1 : -1;
  const Operations& produced =
      message.forward ? forward_output_[index(from)] : backward_input_[index(from)];
  const int to_rank = rank_of_stage(job_, message.to.stage, message.to.direction);
  Operations& input =
      message.forward ? forward_input_[index(message.to)] : backward_input_[index(message.to)];
  if (to_rank == message.from_rank) {
    input = produced;
    return;
  }
  Communication c;
  c.kind = CollectiveKind::send_recv;
  c.axis = ParallelAxis::pipeline;
  c.bytes = job_.message_bytes() * units::B;
  c.group = groups_.pair(message.from_rank, to_rank);
  const std::int32_t work =
      works_.communication(message.forward ? "pipeline forward" : "pipeline backward", c);
  std::vector<Operations> after{produced};
  Border& border = borders_[static_cast<std::size_t>(message.from_rank)];
  if (!job_.asynchronous_messages())
    after.insert(after.end(), border.ended.begin(), border.ended.end());
  input = emitter_.message(work, message.from_rank, to_rank, after, message.to.micro_batch);
  if (!job_.asynchronous_messages()) border.sent.push_back(input);
}

/// A pass's operations, after its inputs and after the messages that the rank sent before it.
Flow Assembler::begin(int rank, int micro_batch, const Operations& inputs) const {
  Flow flow = emitter_.begin(rank, micro_batch, inputs);
  for (const Operations& sent : borders_[static_cast<std::size_t>(rank)].sent) flow.depend(sent);
  return flow;
}

Flow Assembler::begin_forward(const Pass& pass, int rank) {
  Flow flow = begin(rank, pass.micro_batch, forward_input_[index(pass)]);
  receive(flow, pass, pass.stage - 1);
  return flow;
}

void Assembler::receive(Flow& flow, const Pass& pass, int from_stage) {
  if (from_stage < 0 || from_stage >= job_.stages()) return;
  if (rank_of_stage(job_, from_stage, pass.direction) == flow.pipeline_rank()) return;
  const auto direction = static_cast<std::size_t>(pass.direction);
  emitter_.run(flow, stages_[static_cast<std::size_t>(pass.stage)].receipt[direction]);
}

/// The last stage starts from its own output (the loss), others from the gradient received.
Flow Assembler::begin_backward(const Pass& pass, int rank) {
  const bool last = pass.stage == job_.stages() - 1;
  Flow flow = begin(rank, pass.micro_batch,
                    last ? forward_output_[index(pass)] : backward_input_[index(pass)]);
  if (!last) flow.depend(forward_output_[index(pass)]);
  receive(flow, pass, pass.stage + 1);
  return flow;
}

void Assembler::forward_layer(Flow& flow, const Pass& pass, std::size_t layer) {
  const LayerSteps& steps = layers(pass)[layer];
  flow.enter_layer(layer_number(pass, layer));
  data_->before_forward(flow, pass, layer);
  const bool last = layer + 1 == layers(pass).size();
  const Steps* const end = steps.feed_forward.empty() ? &steps.attention : &steps.feed_forward;
  for (const Steps* slot :
       {&steps.attention, &steps.dispatch, &steps.feed_forward, &steps.combine}) {
    if (last && slot == end) wait_beside(flow, beside_forward(pass), forward_input_[index(pass)]);
    emitter_.run(flow, *slot);
  }
}

void Assembler::backward_layer(Flow& flow, const Pass& pass, std::size_t layer, bool put_off) {
  const LayerSteps& steps = layers(pass)[layer];
  flow.enter_layer(layer_number(pass, layer));
  data_->before_backward(flow, pass, layer);
  emitter_.run(flow, steps.gradient_dispatch);
  emitter_.run(flow, steps.feed_forward_backward);
  emitter_.run(flow, steps.gradient_combine);
  if (!put_off) emitter_.run(flow, steps.feed_forward_weight);
  if (layer == 0) wait_beside(flow, beside_backward(pass), backward_input_[index(pass)]);
  emitter_.run(flow, steps.attention_backward);
  if (!put_off) emitter_.run(flow, steps.attention_weight);
  emitter_.run(flow, steps.attention_tail);
  if (!put_off) data_->after_weight(flow, pass, layer);
}

/// The last computation of a pass waits until the host has issued what comes before it, and until
/// what lies in host memory is there. Hosts that wait for messages start when the pass's input is
/// there, and so do copies.
void Assembler::wait_beside(Flow& flow, const std::vector<Beside>& all, const Operations& inputs) {
  for (const Beside& one : all) {
    const bool ahead = one.stream == Stream::host && job_.asynchronous_messages();
    emitter_.beside(flow, one, ahead ? Operations{} : inputs);
  }
}

void Assembler::end_forward(Flow& flow, const Pass& pass) {
  forward_output_[index(pass)] = flow.last();
}

void Assembler::end_backward(Flow& flow, const Pass& pass, bool put_off) {
  if (put_off) deferred_[index(pass)] = {flow.last(), flow.prefetched()};
  // From here on the slot holds the gradient of the pass's input, for the stage before.
  backward_input_[index(pass)] = flow.last();
  if (!put_off) data_->after_pass(flow, pass);
}

void Assembler::weight_pass(const Pass& pass, int rank) {
  auto& waits = deferred_[index(pass)];
  AISLE_ASSERT(!waits.empty(), "weight gradients follow their backward pass");
  Flow flow = begin(rank, pass.micro_batch, waits.front());
  for (std::size_t i = 1; i < waits.size(); ++i) flow.depend(waits[i]);
  waits.clear();
  const std::int32_t work = stages_[static_cast<std::size_t>(pass.stage)]
                                .weight_work[static_cast<std::size_t>(pass.direction)];
  if (!plan_.works[static_cast<std::size_t>(work)].kernels.empty()) {
    emitter_.run(flow, {{work, Group::self, Stream::compute, Phase::weight_gradient, Role::chain}});
  }
  for (std::size_t i = layers(pass).size(); i > 0; --i) data_->after_weight(flow, pass, i - 1);
  data_->after_pass(flow, pass);
}

/// One layer forward and one backward, in the order of the published trace: each exchange of one
/// pass runs beside computation of the other.
void Assembler::pair_layer(Flow& ahead, const Pass& f, std::size_t i, Flow& back, const Pass& b,
                           std::size_t j) {
  const LayerSteps& forward = paired(f)[i];
  const LayerSteps& backward = paired(b)[j];
  ahead.enter_layer(layer_number(f, i));
  back.enter_layer(layer_number(b, j));
  data_->before_forward(ahead, f, i);
  data_->before_backward(back, b, j);
  emitter_.run(back, backward.gradient_dispatch);
  emitter_.run(ahead, forward.attention);
  emitter_.run(ahead, forward.dispatch);
  emitter_.run(back, backward.feed_forward_backward);
  emitter_.run(back, backward.gradient_combine);
  emitter_.run(back, backward.feed_forward_weight);
  emitter_.run(ahead, forward.feed_forward);
  emitter_.run(ahead, forward.combine);
  emitter_.run(back, backward.attention_backward);
  emitter_.run(back, backward.attention_weight);
  emitter_.run(back, backward.attention_tail);
  data_->after_weight(back, b, j);
}

/// Returns the last operations of both passes.
std::vector<Operations> Assembler::pair(const Action& action, int rank) {
  const Pass &f = action.forward, &b = action.backward;
  const std::size_t ahead_layers = layers(f).size(), back_layers = layers(b).size();
  const std::size_t together = job_.overlap ? std::min(ahead_layers, back_layers) : 0;
  Flow ahead = begin_forward(f, rank), back = begin_backward(b, rank);
  for (std::size_t i = 0; i < together; ++i) {
    pair_layer(ahead, f, i, back, b, back_layers - 1 - i);
  }
  for (std::size_t i = together; i < ahead_layers; ++i) forward_layer(ahead, f, i);
  end_forward(ahead, f);
  for (std::size_t i = together; i < back_layers; ++i) {
    backward_layer(back, b, back_layers - 1 - i, false);
  }
  end_backward(back, b, false);
  return {ahead.last(), back.last(), back.weights()};
}

}  // namespace

Plan assemble(const Job& job, std::vector<std::string>& caveats) {
  Plan plan;
  Assembler assembler(job, plan);
  assembler.run();
  if (assembler.uneven() && job.folding != Folding::unfolded) {
    caveats.emplace_back(
        "Groups of one kind lie differently in the cluster; every one is taken as the widest.");
  }
  return plan;
}

}  // namespace aisle::workloads::parallel
