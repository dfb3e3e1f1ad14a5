// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/layers.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

constexpr Direction kForward = Direction::forward;
constexpr Direction kBackward = Direction::dgrad;

/// Streams count two-byte numbers (KernelList::stream).
constexpr double kActivation = 2;

/// Appends the bytes of a number: keys are compared, never read.
template <typename Number>
void append(std::string& key, Number number) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(Number)>>(number);
  key.append(bytes.data(), bytes.size());
}

void append(std::string& key, const Kernel& k) {
  append(key, k.family);
  append(key, k.direction);
  append(key, k.precision);
  for (const std::int64_t size : {k.m, k.n, k.k}) append(key, size);
  append(key, k.groups);
  for (const double amount : {k.flops.si(), k.hbm_bytes.si(), k.load}) append(key, amount);
  append(key, k.count);
  append(key, k.follows_rows);
  key += k.name;
  key += ';';
}

}  // namespace

ParallelAxis axis_of(Group group) {
  switch (group) {
    case Group::self:
    case Group::all:
      return ParallelAxis::none;
    case Group::tensor:
      return ParallelAxis::tensor;
    case Group::context:
      return ParallelAxis::context;
    case Group::expert:
    case Group::expert_tensor:
      return ParallelAxis::expert;
    default:
      return ParallelAxis::data;
  }
}

std::int32_t WorkTable::find_or_add(Work work, const std::string& key) {
  const auto found = known_.find(key);
  if (found != known_.end()) return found->second;
  const std::int32_t index = plan_.add_work(std::move(work));
  known_.emplace(key, index);
  return index;
}

std::int32_t WorkTable::computation(const std::string& name, std::vector<Kernel> kernels) {
  std::string key = name + "|";
  for (const Kernel& kernel : kernels) append(key, kernel);
  Work work;
  work.name = name;
  work.kernels = std::move(kernels);
  return find_or_add(std::move(work), key);
}

std::int32_t WorkTable::communication(const std::string& name, const Communication& c) {
  std::string key = name + "|";
  append(key, c.kind);
  for (const int size : {c.group.size, c.group.domains, c.group.per_domain, c.group.pods}) {
    append(key, size);
  }
  for (const double amount : {c.bytes.si(), c.copies_to_domains, c.copies_to_ranks}) {
    append(key, amount);
  }
  append(key, c.beside_computation);
  append(key, c.hottest_rank);
  append(key, c.hottest_domain);
  Work work;
  work.name = name;
  work.is_communication = true;
  work.communication = c;
  return find_or_add(std::move(work), key);
}

std::int32_t WorkTable::given(const std::string& name, Seconds time) {
  std::string key = name + "|";
  append(key, time.si());
  Work work;
  work.name = name;
  work.given = time;
  return find_or_add(std::move(work), key);
}

LayerBuilder::LayerBuilder(const Job& job, Groups& groups, WorkTable& works, int pipeline_rank)
    : job_(job), works_(works) {
  for (const Group group : {Group::tensor, Group::context, Group::expert, Group::expert_tensor}) {
    hierarchies_[group] = groups.hierarchy(group, pipeline_rank);
  }
}

void LayerBuilder::compute(Steps& steps, const std::string& name, KernelList& kernels, Phase phase,
                           Role role) {
  std::vector<Kernel> taken = kernels.take();
  if (taken.empty()) return;
  for (Kernel& kernel : taken) kernel.load *= software_;
  steps.push_back(
      {works_.computation(name, std::move(taken)), Group::self, Stream::compute, phase, role});
}

void LayerBuilder::communicate(Steps& steps, const std::string& name, CollectiveKind kind,
                               Group group, double bytes, Role role) {
  Communication c;
  c.kind = kind;
  c.bytes = bytes * units::B;
  c.group = hierarchies_.at(group);
  c.axis = axis_of(group);
  if (c.group.size <= 1) return;
  steps.push_back(
      {works_.communication(name, c), group, Stream::collective, Phase::communication, role});
}

void LayerBuilder::exchange(Steps& steps, const std::string& name, CollectiveKind kind,
                            const FeedForwardShape& shape, double bytes_per_token) {
  Communication c;
  c.kind = kind;
  c.group = hierarchies_.at(Group::expert);
  c.axis = ParallelAxis::expert;
  if (c.group.size <= 1) return;
  c.bytes = static_cast<double>(job_.shard_tokens()) * bytes_per_token * units::B;
  const Copies copies = token_copies(shape, c.group);
  c.copies_to_domains = copies.to_domains;
  c.copies_to_ranks = copies.to_ranks;
  c.beside_computation = exposure_.beside_computation;
  c.hottest_rank = exposure_.rank_copies;
  c.hottest_domain = exposure_.domain_copies;
  steps.push_back({works_.communication(name, c), Group::expert, Stream::collective,
                   Phase::communication, Role::chain});
}

void LayerBuilder::add_attention(const Layer& layer, LayerSteps& steps) {
  const AttentionKernels a = attention_kernels(job_, layer);
  const auto tokens = static_cast<double>(job_.tokens());
  Sizes sizes;
  sizes.gathered = tokens * a.gather_width * job_.number();
  sizes.whole = tokens * job_.model->hidden * job_.number();
  sizes.key_values = tokens * a.kv_width * job_.number();
  sizes.queries = tokens * a.query_width * job_.number();
  sizes.outputs = tokens * a.output_width * job_.number();
  attention_forward(layer, a, sizes, steps);
  attention_backward(layer, a, sizes, steps);
}

void LayerBuilder::attention_forward(const Layer& layer, const AttentionKernels& a,
                                     const Sizes& sizes, LayerSteps& steps) {
  const bool cut = job_.layout.tensor > 1;
  Steps& ahead = steps.attention;
  KernelList k(job_);
  k.append(a.forward_shard);
  if (cut) compute(ahead, "attention norm", k, Phase::forward);
  if (job_.rings_tensors()) {
    ring_product(ahead, "attention projections", a.forward_project, Phase::forward,
                 {sizes.gathered, 0});
    core_forward(ahead, k, a, sizes);
    compute(ahead, "attention core", k, Phase::forward);
    ring_product(ahead, "attention output", a.forward_output, Phase::forward, {0, sizes.whole});
  } else {
    if (cut) gather_operand(ahead, sizes.gathered);
    k.append(a.forward_project);
    core_forward(ahead, k, a, sizes);
    k.append(a.forward_output);
    if (cut) {
      compute(ahead, "attention forward", k, Phase::forward);
      sum(ahead, sizes.whole);
    }
  }
  k.append(a.forward_tail);
  if (layer.feed_forward.experts > 0) k.append(router_forward(job_, layer.feed_forward));
  compute(ahead, cut ? "feed-forward norm" : "attention forward", k, Phase::forward);
}

void LayerBuilder::attention_backward(const Layer& layer, const AttentionKernels& a,
                                      const Sizes& sizes, LayerSteps& steps) {
  const bool cut = job_.layout.tensor > 1, moe = layer.feed_forward.experts > 0;
  Steps& back = steps.attention_backward;
  KernelList k(job_);
  if (moe) k.append(router_backward(job_, layer.feed_forward));
  k.append(a.backward_head);
  if (cut) compute(back, "feed-forward norm backward", k, Phase::backward);
  if (job_.rings_tensors()) {
    ring_product(back, "attention output backward", a.backward_output, Phase::backward,
                 {sizes.whole, 0});
    gather_operand(back, sizes.gathered, Role::prefetch);
    gather_keys(back, k, sizes, Phase::backward);
  } else {
    if (cut) {
      gather_operand(back, sizes.whole);
      gather_operand(back, sizes.gathered, Role::prefetch);
    }
    gather_keys(back, k, sizes, Phase::backward);
    k.append(a.backward_output);
  }
  core_backward(back, k, a, sizes);
  if (cut) {
    compute(back, "attention backward", k, Phase::backward);
    sum(back, sizes.gathered);
  }
  k.append(a.backward_tail);
  // Gradients leave for the experts of the layer below in the exchange's format.
  if (moe) k.cast("cast dx for dispatch", kBackward, job_.shard_tokens(), job_.model->hidden);
  compute(cut ? steps.attention_tail : back, cut ? "attention norm backward" : "attention backward",
          k, Phase::backward);
  k.append(a.weight);
  compute(steps.attention_weight, "attention weight gradients", k, Phase::weight_gradient,
          Role::weight);
}

void LayerBuilder::add_feed_forward(const Layer& layer, LayerSteps& steps) {
  const FeedForwardKernels f = feed_forward_kernels(job_, layer, exposure_.expert_load);
  const bool moe = layer.feed_forward.experts > 0;
  const bool has_whole = !f.forward.empty();  // cut by tensor parallelism: dense or shared experts
  const double whole = static_cast<double>(job_.tokens()) * job_.model->hidden * job_.number();
  const char* forward = moe ? "expert forward" : "feed-forward forward";
  const char* backward = moe ? "expert backward" : "feed-forward backward";
  const bool cut = job_.layout.tensor > 1 && has_whole;

  KernelList k(job_);
  Steps& ahead = steps.feed_forward;
  if (cut && job_.rings_tensors()) {
    ring_product(ahead, moe ? "shared expert forward" : forward, f.forward, Phase::forward,
                 {whole, whole});
  } else if (cut) {
    gather_operand(ahead, whole);
    k.append(f.forward);
    compute(ahead, moe ? "shared expert forward" : forward, k, Phase::forward);
    sum(ahead, whole);
  } else {
    k.append(f.forward);
  }
  k.append(f.expert_forward);
  compute(ahead, forward, k, Phase::forward);

  Steps& back = steps.feed_forward_backward;
  if (cut) {
    if (job_.rings_tensors()) {
      ring_product(back, moe ? "shared expert backward" : backward, f.backward, Phase::backward,
                   {whole, 0});
      gather_operand(back, whole, Role::prefetch);
    } else {
      gather_operand(back, whole);
      gather_operand(back, whole, Role::prefetch);
      k.append(f.backward);
    }
    k.append(f.expert_backward);
    compute(back, backward, k, Phase::backward);
    sum(back, whole);
  } else {
    k.append(f.backward);
    k.append(f.expert_backward);
    compute(back, backward, k, Phase::backward);
  }
  k.append(f.weight);
  k.append(f.expert_weight);
  compute(steps.feed_forward_weight,
          moe ? "expert weight gradients" : "feed-forward weight gradients", k,
          Phase::weight_gradient, Role::weight);
}

void LayerBuilder::add_exchanges(const Layer& layer, LayerSteps& steps) {
  const double hidden = job_.model->hidden;
  const double wide = hidden * job_.number();
  const double narrow = job_.block_scaled()
                            ? hidden * (topology::size_of(job_.precision).si() + job_.scale_bytes())
                            : wide;
  const FeedForwardShape& shape = layer.feed_forward;
  // Where each expert is cut, its parts get the same tokens, and their results are summed.
  const double received = static_cast<double>(job_.shard_tokens()) *
                          arriving_copies(shape, job_.layout.expert) * job_.expert_tensor;
  const auto cut = [&](Steps& slot, bool before) {
    communicate(slot, before ? "expert all-gather" : "expert reduce-scatter",
                before ? CollectiveKind::all_gather : CollectiveKind::reduce_scatter,
                Group::expert_tensor, received * (before ? narrow : wide));
  };
  exchange(steps.dispatch, "expert dispatch", CollectiveKind::dispatch, shape, narrow);
  cut(steps.dispatch, true);
  cut(steps.combine, false);
  exchange(steps.combine, "expert combine", CollectiveKind::combine, shape, wide);
  exchange(steps.gradient_dispatch, "expert gradient dispatch", CollectiveKind::dispatch, shape,
           narrow);
  cut(steps.gradient_dispatch, true);
  cut(steps.gradient_combine, false);
  exchange(steps.gradient_combine, "expert gradient combine", CollectiveKind::combine, shape, wide);
}

/// Slots of the forward pass that run again before the first of the backward pass: all where the
/// layer is recomputed whole, those of its feed-forward block where that is.
void LayerBuilder::add_recompute(const Layer& layer, LayerSteps& steps) {
  const bool whole = job_.recompute == Recompute::full;
  const Part block = layer.feed_forward.experts > 0 ? Part::moe : Part::mlp;
  if (!whole && !job_.recomputes(block)) return;
  Steps again;
  if (whole) again = steps.attention;
  for (const Steps* slot : {&steps.dispatch, &steps.feed_forward, &steps.combine}) {
    again.insert(again.end(), slot->begin(), slot->end());
  }
  for (Step& step : again) {
    if (step.phase == Phase::forward) step.phase = Phase::backward;
  }
  steps.gradient_dispatch.insert(steps.gradient_dispatch.begin(), again.begin(), again.end());
}

LayerSteps LayerBuilder::block(const Layer& layer) {
  LayerSteps steps;
  const bool mixed = layer.feed_forward.experts > 0;
  software_ = mixed ? job_.software : 1;
  add_attention(layer, steps);
  if (mixed) add_exchanges(layer, steps);
  add_feed_forward(layer, steps);
  add_recompute(layer, steps);
  software_ = 1;
  return steps;
}

LayerSteps LayerBuilder::embedding(const Layer&) {
  LayerSteps steps;
  KernelList k(job_);
  const std::int64_t hidden = job_.model->hidden;
  const double whole = static_cast<double>(job_.tokens() * hidden) * job_.number();
  k.stream(Family::embedding, "embedding", kForward, job_.tokens(), hidden, 2 * kActivation);
  compute(steps.attention, "embedding", k, Phase::forward);
  sum(steps.attention, whole);
  gather(steps.attention_backward, whole);
  // Gradients read; the touched rows of this rank's part of the table read and written.
  k.stream(Family::embedding, "embedding gradient", Direction::wgrad, job_.tokens(), hidden,
           kActivation + 2 * job_.states.gradients / job_.layout.tensor);
  compute(steps.attention_weight, "embedding gradient", k, Phase::weight_gradient, Role::weight);
  return steps;
}

LayerSteps LayerBuilder::head(const Layer&) {
  LayerSteps steps;
  KernelList k(job_);
  const std::int64_t hidden = job_.model->hidden, tokens = job_.tokens();
  const std::int64_t columns = job_.model->vocabulary / job_.layout.tensor;
  const double whole = static_cast<double>(tokens * hidden) * job_.number();
  const bool cut = job_.layout.tensor > 1;
  k.stream(Family::norm, "last norm", kForward, job_.shard_tokens(), hidden, 2 * kActivation);
  if (cut) {
    compute(steps.attention, "last norm", k, Phase::forward);
    gather(steps.attention, whole);
  }
  k.wide_gemm("head", kForward, tokens, columns, hidden);
  // The logits are read for the maximum and for the sum of exponentials.
  k.stream(Family::loss, "loss", kForward, tokens, columns, 2 * kActivation);
  compute(steps.attention, "head and loss", k, Phase::forward);
  communicate(steps.attention, "loss all-reduce", CollectiveKind::all_reduce, Group::tensor,
              static_cast<double>(tokens) * 8);

  k.stream(Family::loss, "loss gradient", kBackward, tokens, columns, 2 * kActivation);
  k.wide_gemm("head", kBackward, tokens, hidden, columns);
  if (cut) {
    gather(steps.attention_backward, whole, Role::prefetch);
    compute(steps.attention_backward, "head backward", k, Phase::backward);
    sum(steps.attention_backward, whole);
  }
  k.stream(Family::norm, "last norm gradient", kBackward, job_.shard_tokens(), hidden,
           4 * kActivation);
  compute(cut ? steps.attention_tail : steps.attention_backward, "head backward", k,
          Phase::backward);
  k.wide_weight_gradient("head", columns, hidden, tokens);
  compute(steps.attention_weight, "head weight gradient", k, Phase::weight_gradient, Role::weight);
  return steps;
}

/// What a multi-token-prediction module does before its block: the embedding of the next token and
/// the hidden state, normed, side by side, to one vector.
LayerSteps LayerBuilder::projection() {
  LayerSteps steps;
  KernelList k(job_);
  const std::int64_t hidden = job_.model->hidden, tokens = job_.shard_tokens();
  k.stream(Family::embedding, "embedding", kForward, tokens, hidden, 2 * kActivation);
  k.stream(Family::norm, "prediction norms", kForward, tokens, hidden, 2 * kActivation, 2);
  k.stream(Family::elementwise, "concatenate", kForward, tokens, 2 * hidden, 2 * kActivation);
  k.cast("cast x", kForward, tokens, 2 * hidden);
  k.gemm("prediction projection", kForward, tokens, hidden, 2 * hidden);
  compute(steps.attention, "prediction projection", k, Phase::forward);

  k.cast("cast dy", kBackward, tokens, hidden);
  k.transpose("projection weight transpose", kBackward, hidden, 2 * hidden);
  k.gemm("prediction projection", kBackward, tokens, 2 * hidden, hidden);
  k.cast_transpose("dy cast and transpose", tokens, hidden);
  k.cast_transpose("x cast and transpose", tokens, 2 * hidden);
  k.stream(Family::norm, "prediction norm gradients", kBackward, tokens, hidden, 4 * kActivation,
           2);
  compute(steps.attention_backward, "prediction projection backward", k, Phase::backward);
  k.weight_gradient("prediction projection", hidden, 2 * hidden, tokens);
  k.stream(Family::embedding, "embedding gradient", Direction::wgrad, tokens, hidden,
           kActivation + 2 * job_.states.gradients);
  compute(steps.attention_weight, "prediction projection weight gradient", k,
          Phase::weight_gradient, Role::weight);
  return steps;
}

bool embedding_on_both_ends(const Job& job) {
  const auto is_mtp = [](const Layer& layer) { return layer.kind == LayerKind::mtp; };
  const std::vector<Layer>& layers = job.model->layers;
  return job.layout.pipeline > 1 &&
         (job.model->tied_embeddings || std::any_of(layers.begin(), layers.end(), is_mtp));
}

HeldParameters held_parameters(const Job& job, const Layer& layer) {
  const ModelGraph& model = *job.model;
  const ParameterCount count = count_parameters(model, layer);
  const AttentionShape& a = layer.attention;
  const double hidden = model.hidden, tensor = job.layout.tensor;
  const double table = hidden * model.vocabulary;
  const bool split = rank_of_stage(job, 0, 0) != rank_of_stage(job, job.stages() - 1, 0);
  double uncut = 0;
  double copies = 0;
  if (a.mla) uncut += hidden * (a.q_lora_rank + a.kv_lora_rank + a.rope_dim);
  uncut += hidden * layer.feed_forward.experts;  // the router
  if (layer.kind == LayerKind::head && model.tied_embeddings && split) copies = table;
  if (layer.kind == LayerKind::mtp) {
    uncut += 2 * hidden * hidden;
    if (split && job.schedule != Schedule::dual_pipe) copies = table;  // of the embedding
  }
  HeldParameters held;
  const double shared = static_cast<double>(count.total - count.routed_experts) + copies;
  held.shared = uncut + (shared - uncut) / tensor;
  held.experts = static_cast<double>(count.routed_experts) / job.expert_width();
  if (job.redundant_experts > 0 && layer.feed_forward.experts > 0) {
    held.experts *= 1 + static_cast<double>(job.redundant_experts) / layer.feed_forward.experts;
  }
  return held;
}

std::vector<LayerSteps> LayerBuilder::build(const Layer& layer) {
  std::vector<LayerSteps> built;
  switch (layer.kind) {
    case LayerKind::embedding:
      built.push_back(embedding(layer));
      break;
    case LayerKind::head:
      built.push_back(head(layer));
      break;
    case LayerKind::dense:
    case LayerKind::moe:
      built.push_back(block(layer));
      break;
    case LayerKind::mtp:
      built.push_back(projection());
      built.push_back(block(layer));
      built.push_back(head(layer));
      break;
  }
  const HeldParameters held = held_parameters(job_, layer);
  LayerSteps& owner = built[built.size() / 2];
  owner.parameters = held.shared;
  owner.expert_parameters = held.experts;
  add_casts(built.front(), held);
  const HeldParameters trained = trained_parameters(job_, layer);
  owner.trained = trained.shared;
  owner.trained_experts = trained.experts;
  return built;
}

/// Weights kept wider than they are computed with are cast before a pass: whole before the forward
/// pass, which leaves the result to the backward pass; with ZeRO-3 each rank's share before it is
/// gathered. The latter stands in the chain of the pass: it is short.
void LayerBuilder::add_casts(LayerSteps& steps, const HeldParameters& held) {
  if (!job_.casts_weights()) return;
  const bool shares = job_.layout.zero >= 3;
  double numbers = held.shared + held.experts;
  if (shares) {
    numbers = held.shared / job_.shard() + held.experts / job_.expert_shard(job_.shard());
  }
  KernelList k(job_);
  const auto before = [&](Steps& slot, Phase phase) {
    k.stream(Family::cast, "cast weights", kForward, static_cast<std::int64_t>(numbers), 1,
             job_.states.weights + job_.number());
    Steps cast;
    compute(cast, "cast weights", k, phase);
    slot.insert(slot.begin(), cast.begin(), cast.end());
  };
  before(steps.attention, Phase::forward);
  if (shares && job_.backward_shard() == job_.shard()) {
    before(steps.gradient_dispatch, Phase::backward);
  }
}

}  // namespace aisle::workloads::parallel
