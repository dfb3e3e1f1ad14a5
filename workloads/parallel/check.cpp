// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/check.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/nearest.hpp"
#include "workloads/parallel/purpose.hpp"
#include "workloads/parallel/recipe.hpp"
#include "workloads/parallel/routing_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace aisle::workloads::parallel {

namespace {

/// Beyond these a plan would not fit in the planner's own memory.
constexpr std::int64_t kMaxOperations = 20'000'000;
constexpr int kMaxUnfolded = 1024;

/// ZeRO stage, recomputation, and how replicas cut what they hold, into a job whose layout is
/// known.
void read_states(Job& job, const pb::Training& training, const Refuse& refuse) {
  job.layout.zero = training.parallel().zero();
  read_recompute(job, training, refuse);
  job.sharding = read_sharding(job, training, refuse);
}

/// Checks a training description against model and cluster; every error at its field.
class Checker {
 public:
  Checker(const ModelGraph& model, const pb::Training& training, const topology::Cluster& cluster,
          const SourceMap& places, Diagnostics& diagnostics)
      : model_(model),
        training_(training),
        cluster_(cluster),
        places_(places),
        diagnostics_(diagnostics) {}

  /// Without `states`, all but what read_states() reads.
  std::optional<Job> check(Folding folding, const ExpertLoads* loads, bool states);

 private:
  void error(const std::string& field, std::string sentence, std::string hint = {}) {
    const std::string path = "workload.training." + field;
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  bool positive(const std::string& field, int value) {
    if (value > 0) return true;
    error(field, fmt::format("must be at least 1, is {}", value));
    return false;
  }

  bool read_sizes();
  void read_layout();
  void read_precision();
  double state_size(const std::string& field, const std::string& name);
  void check_batch();
  void check_model_cuts();
  void check_context();
  void check_experts();
  void check_schedule();
  void check_plan_size();

  const ModelGraph& model_;
  const pb::Training& training_;
  const topology::Cluster& cluster_;
  const SourceMap& places_;
  Diagnostics& diagnostics_;
  Job job_;
};

bool Checker::read_sizes() {
  const pb::Parallel& p = training_.parallel();
  bool good = positive("sequence", training_.sequence());
  good &= positive("micro_batch", training_.micro_batch());
  good &= positive("parallel.tensor", p.tensor());
  good &= positive("parallel.pipeline", p.pipeline());
  good &= positive("parallel.context", p.context());
  good &= positive("parallel.expert", p.expert());
  good &= positive("parallel.virtual_stages", p.virtual_stages());
  good &= positive("parallel.expert_tensor", p.expert_tensor());
  if (p.has_data()) good &= positive("parallel.data", p.data());
  job_.chunk = training_.has_chunk();
  if (training_.has_global_batch()) {
    good &= positive("global_batch", training_.global_batch());
  } else if (!job_.chunk) {
    error("global_batch", "is missing", "sequences of one optimizer step over the whole cluster");
    good = false;
  }
  if (p.zero() < 0 || p.zero() > 3) {
    error("parallel.zero", fmt::format("must lie between 0 and 3, is {}", p.zero()),
          p.zero() < 0 ? "0" : "3");
    good = false;
  }
  job_.sequence = training_.sequence();
  job_.micro_batch = training_.micro_batch();
  job_.global_batch = training_.global_batch();
  job_.overlap = p.overlap();
  job_.eager = training_.operators() == pb::eager;
  job_.scaling = static_cast<Scaling>(training_.scaling());
  job_.flash = training_.attention() != pb::unfused;
  job_.dropout = training_.dropout();
  job_.muon = training_.optimizer() == pb::muon;
  job_.fragmentation = training_.fragmentation();
  if (!(job_.fragmentation >= 0 && job_.fragmentation <= 1)) {
    error("fragmentation", "is a share between 0 and 1");
    good = false;
  }
  if (training_.has_document_tokens()) {
    good &= positive("document_tokens", training_.document_tokens());
    job_.document = std::min(training_.document_tokens(), training_.sequence());
  }
  job_.sequence_parallel = p.sequence_parallel();
  return good;
}

void Checker::read_layout() {
  const pb::Parallel& p = training_.parallel();
  Layout& l = job_.layout;
  l.tensor = p.tensor();
  l.pipeline = p.pipeline();
  l.context = p.context();
  l.expert = p.expert();
  l.virtual_stages = p.virtual_stages();
  const std::int64_t model_ranks =
      static_cast<std::int64_t>(l.tensor) * l.context * static_cast<std::int64_t>(l.pipeline);
  const int count = cluster_.count();
  if (p.has_data()) {
    l.data = p.data();
    if (model_ranks * l.data != count) {
      error("parallel.data",
            fmt::format("tensor {} x context {} x pipeline {} x data {} = {} accelerators, but the "
                        "cluster has {}",
                        l.tensor, l.context, l.pipeline, l.data, model_ranks * l.data, count),
            count % model_ranks == 0
                ? fmt::format("data = {} would use all of them", count / model_ranks)
                : std::string("the product must be the number of accelerators"));
    }
  } else if (count % model_ranks != 0) {
    const auto asked = static_cast<int>(std::min<std::int64_t>(model_ranks, count));
    error("parallel",
          fmt::format("tensor {} x context {} x pipeline {} = {} does not divide the cluster's {} "
                      "accelerators",
                      l.tensor, l.context, l.pipeline, model_ranks, count),
          around(asked, count, [&](int ranks) { return count % ranks == 0; }) + " would");
  } else {
    l.data = static_cast<int>(count / model_ranks);
  }
  job_.schedule = static_cast<Schedule>(p.schedule());
  if (job_.schedule == Schedule::zb_v && !p.has_virtual_stages()) l.virtual_stages = 2;
  job_.overlap_experts = p.overlap_experts();
  job_.overlap_tensor = p.overlap_tensor();
  job_.context_kind = static_cast<ContextKind>(p.context_kind());
  job_.expert_tensor = p.expert_tensor();
  if (const auto order = parse_order(p.order(), l)) {
    job_.order = *order;
  } else {
    error("parallel.order", fmt::format("'{}' is not an order of tp, cp, dp and pp", p.order()),
          "each once, fastest first, e.g. tp-cp-dp-pp; ep before or after dp");
  }
}

double Checker::state_size(const std::string& field, const std::string& name) {
  if (const auto bytes = format_bytes(name)) return *bytes;
  error(field, fmt::format("unknown number format '{}'", name),
        did_you_mean(name, {"fp32", "bf16", "fp16", "fp8"}));
  return 4;
}

void Checker::read_precision() {
  const topology::Accelerator& accelerator = cluster_.accelerator();
  const auto precision = topology::parse_precision(training_.precision());
  std::vector<std::string> supported;
  for (int i = 0; i < topology::kPrecisions; ++i) {
    const auto candidate = static_cast<topology::Precision>(i);
    if (accelerator.peak_of(candidate).value.si() > 0) {
      supported.emplace_back(topology::to_string(candidate));
    }
  }
  if (!precision) {
    error("precision", fmt::format("unknown number format '{}'", training_.precision()),
          did_you_mean(training_.precision(), supported));
  } else if (accelerator.peak_of(*precision).value.si() <= 0) {
    error("precision",
          fmt::format("{} has no {} arithmetic", accelerator.name, topology::to_string(*precision)),
          fmt::format("it has {}", fmt::join(supported, ", ")));
  } else {
    job_.precision = *precision;
    if (accelerator.peak_of(job_.wide()).value.si() <= 0) {
      error("precision",
            fmt::format("training in {} needs {} for attention and head, which {} lacks",
                        training_.precision(), topology::to_string(job_.wide()), accelerator.name));
    }
  }
  const pb::StateFormats& states = training_.states();
  job_.states.weights = state_size("states.weights", states.weights());
  job_.states.gradients = state_size("states.gradients", states.gradients());
  if (states.master_weights() == "none") {
    job_.states.master_weights = 0;
    if (job_.states.weights < 4) {
      error("states.master_weights", "weights of two bytes take updates from a wider copy",
            "fp32, or weights: fp32");
    }
  } else {
    job_.states.master_weights = state_size("states.master_weights", states.master_weights());
  }
  job_.states.moments = state_size("states.optimizer_moments", states.optimizer_moments());
}

void Checker::check_batch() {
  Layout& l = job_.layout;
  const std::int64_t at_once = static_cast<std::int64_t>(l.data) * job_.micro_batch;
  if (job_.chunk) {
    if (training_.has_global_batch() && job_.global_batch != at_once) {
      error("global_batch",
            fmt::format("a chunk has one micro-batch of each replica: {} sequences", at_once),
            "leave it out");
    }
    job_.global_batch = static_cast<int>(at_once);
    l.micro_batches = 2;  // one forward, another backward
    return;
  }
  if (job_.global_batch % at_once != 0) {
    const std::int64_t below = job_.global_batch / at_once * at_once;
    error("global_batch",
          fmt::format("{} sequences do not divide into data {} x micro_batch {} = {}",
                      job_.global_batch, l.data, job_.micro_batch, at_once),
          below > 0 ? fmt::format("{} or {} would", below, below + at_once)
                    : fmt::format("{} would", at_once));
    return;
  }
  l.micro_batches = static_cast<int>(job_.global_batch / at_once);
}

void Checker::check_model_cuts() {
  const Layout& l = job_.layout;
  int most = 0;  // heads of any layer
  for (const Layer& layer : model_.layers) most = std::max(most, layer.attention.heads);
  const auto cuts = [this](int tensor) {
    return cuts_heads(model_, tensor) && cuts_widths(model_, tensor);
  };
  if (!cuts_heads(model_, l.tensor)) {
    error("parallel.tensor",
          fmt::format("{} does not divide the attention heads of {}", l.tensor, model_.name),
          around(l.tensor, most, cuts));
  }
  if (!cuts_widths(model_, l.tensor)) {
    error("parallel.tensor",
          fmt::format("{} does not divide the feed-forward width of {}", l.tensor, model_.name),
          around(l.tensor, most, cuts));
  }
  if (!job_.sequence_parallel && l.tensor > 1 && model_.is_moe()) {
    error("parallel.sequence_parallel",
          "experts beside tensor parallelism need it: each rank sends its own share of the tokens",
          "sequence_parallel: true, or tensor: 1");
  }
  check_context();
  if (job_.overlap_tensor && !job_.sequence_parallel) {
    error("parallel.overlap_tensor", "all-reduces are not cut into parts",
          "sequence_parallel: true");
  }
  const std::int64_t cut = static_cast<std::int64_t>(l.tensor) * l.context;
  if (job_.sequence % cut != 0) {
    const std::int64_t below = job_.sequence / cut * cut;
    error("sequence",
          fmt::format("{} tokens do not divide into context {} x tensor {}", job_.sequence,
                      l.context, l.tensor),
          below > 0 ? fmt::format("{} or {}", below, below + cut) : fmt::format("{}", cut));
  }
}

/// What each way of seeing the other tokens of a sequence cannot have.
void Checker::check_context() {
  const Layout& l = job_.layout;
  if (l.context == 1) return;
  if (job_.context_kind == ContextKind::kv_ring && !job_.flash) {
    error("parallel.context_kind", "blocks of a ring are joined by the row sums of fused attention",
          "attention: flash, or context_kind: kv_gather");
  }
  if (job_.context_kind != ContextKind::ulysses) return;
  for (const Layer& layer : model_.layers) {
    const int heads = std::max(1, layer.attention.heads / l.tensor);
    if (layer.attention.heads == 0 || heads % l.context == 0) continue;
    error("parallel.context",
          fmt::format("{} does not divide the {} heads of a rank, which Ulysses deals out",
                      l.context, heads),
          fmt::format("{}, or context_kind: kv_gather", std::gcd(l.context, heads)));
    return;
  }
}

void Checker::check_experts() {
  job_.expert_load_spread = training_.expert_load_spread();
  if (!(job_.expert_load_spread >= 0 && job_.expert_load_spread <= 1)) {
    error("expert_load_spread", "a spread lies between 0 and 1",
          "0.076 is what a recorded DeepSeek-V3 step shows");
  }
  const Layout& l = job_.layout;
  if (l.tensor % job_.expert_tensor != 0) {
    error("parallel.expert_tensor",
          fmt::format("{} does not divide tensor {}", job_.expert_tensor, l.tensor),
          fmt::format("{}", std::gcd(job_.expert_tensor, l.tensor)));
    job_.expert_tensor = 1;
  }
  if (training_.ranks() == pb::individual && (job_.order.experts_apart || job_.expert_tensor > 1)) {
    error(job_.order.experts_apart ? "parallel.order" : "parallel.expert_tensor",
          "individual ranks draw loads for neighbouring ranks with whole experts",
          job_.order.experts_apart ? "ep before dp" : "1");
  }
  if (l.expert == 1 && job_.expert_tensor == 1) return;
  if (!model_.is_moe()) {
    error("parallel.expert", fmt::format("{} has no experts to spread", model_.name));
    return;
  }
  for (const Layer& layer : model_.layers) {
    const int experts = layer.feed_forward.experts;
    if (experts > 0 && experts % l.expert != 0) {
      error("parallel.expert", fmt::format("{} does not divide {} experts", l.expert, experts),
            around(l.expert, experts, [experts](int ranks) { return experts % ranks == 0; }));
      break;
    }
    if (experts > 0 && layer.feed_forward.hidden % job_.expert_tensor != 0) {
      error("parallel.expert_tensor", fmt::format("{} does not divide the width of an expert, {}",
                                                  job_.expert_tensor, layer.feed_forward.hidden));
      break;
    }
  }
  if (job_.stage_width() % job_.expert_width() != 0) {
    error("parallel.expert",
          fmt::format("{} does not divide the {} accelerators of a pipeline rank (tensor x context "
                      "x data)",
                      job_.expert_width(), job_.stage_width()),
          fmt::format("{}", std::gcd(l.expert, job_.stage_width() / job_.expert_tensor)));
  }
}

void Checker::check_schedule() {
  const Layout& l = job_.layout;
  if (job_.chunk) {
    if (l.pipeline != 1 || l.virtual_stages != 1) {
      error("parallel.pipeline", "a chunk is of one pipeline rank, which holds all its layers",
            "pipeline: 1, and no virtual_stages");
    }
    return;
  }
  const bool interleaved = job_.schedule == Schedule::interleaved;
  const bool chunked = interleaved || job_.schedule == Schedule::breadth_first;
  if (job_.schedule == Schedule::zb_v && l.virtual_stages != 2) {
    error("parallel.virtual_stages",
          fmt::format("ZB-V has 2 chunks per rank, not {}", l.virtual_stages), "2");
  } else if (!chunked && job_.schedule != Schedule::zb_v && l.virtual_stages != 1) {
    error("parallel.virtual_stages",
          fmt::format("{} chunks per rank need a schedule for several", l.virtual_stages),
          "schedule: interleaved, or breadth_first");
  }
  if (job_.overlap_experts && !interleaved && job_.schedule != Schedule::one_f_one_b) {
    error("parallel.overlap_experts",
          job_.schedule == Schedule::dual_pipe ? "is what DualPipe does anyway"
                                               : "needs passes that alternate",
          job_.schedule == Schedule::dual_pipe ? "leave it out"
                                               : "schedule: one_f_one_b, or interleaved");
  }
  if (l.micro_batches < 1) return;  // reported with the batch
  if (interleaved && l.micro_batches % l.pipeline != 0) {
    error("global_batch",
          fmt::format("the interleaved schedule needs micro-batches in groups of pipeline {}, but "
                      "each replica has {}",
                      l.pipeline, l.micro_batches),
          fmt::format("a multiple of {}", l.pipeline * l.data * job_.micro_batch));
  }
  if (job_.schedule != Schedule::dual_pipe || job_.forward_only) return;
  if (l.pipeline % 2 != 0) {
    error("parallel.pipeline",
          fmt::format("DualPipe needs an even number of ranks, not {}", l.pipeline),
          fmt::format("{}", l.pipeline + 1));
  }
  if (l.micro_batches % 2 != 0 || l.micro_batches < 2 * l.pipeline) {
    error("global_batch",
          fmt::format("DualPipe needs an even number of at least {} micro-batches per replica, but "
                      "there are {}",
                      2 * l.pipeline, l.micro_batches),
          "a larger global_batch or fewer replicas");
  }
}

void Checker::check_plan_size() {
  const Layout& l = job_.layout;
  const int planned = job_.planned_replicas() * l.pipeline;
  if (job_.folding != Folding::folded && planned > kMaxUnfolded) {
    error("parallel",
          fmt::format("unfolded plans go up to {} accelerators, not {}", kMaxUnfolded, planned),
          training_.ranks() == pb::alike ? "run folded" : "ranks: alike");
  }
  const std::int64_t operations = static_cast<std::int64_t>(model_.layers.size()) *
                                  l.micro_batches * 24 * job_.planned_replicas();
  if (operations > kMaxOperations) {
    error("global_batch",
          fmt::format("{} micro-batches per replica make about {} operations, more than {}",
                      l.micro_batches, operations, kMaxOperations),
          "a larger micro_batch or more replicas");
  }
}

std::optional<Job> Checker::check(Folding folding, const ExpertLoads* loads, bool states) {
  const int before = diagnostics_.error_count();
  const bool alike = training_.ranks() == pb::alike;
  job_.model = &model_;
  job_.cluster = &cluster_;
  job_.own_loads = !alike;
  if (alike) {
    job_.folding = folding;
  } else {
    const bool each = training_.ranks() == pb::individual;
    job_.folding = each ? Folding::unfolded : Folding::one_group;
  }
  const bool sizes = read_sizes();
  read_precision();
  if (!sizes) return std::nullopt;
  read_purpose(training_, places_, job_, diagnostics_);
  read_layout();
  const Refuse refuse = [this](const std::string& field, std::string sentence, std::string hint) {
    error(field, std::move(sentence), std::move(hint));
  };
  check_scaling(job_, training_, refuse);
  // Without a product that fills the cluster, the batch means nothing.
  const Layout& l = job_.layout;
  if (static_cast<std::int64_t>(l.tensor) * l.context * l.pipeline * l.data == cluster_.count()) {
    if (states) read_states(job_, training_, refuse);
    check_batch();
    check_experts();
    if (!alike) job_.expert_load_spread = 0;  // each draws its own
    if (job_.folding == Folding::one_group &&
        (job_.expert_tensor > 1 || job_.order.experts_apart)) {
      error("ranks",
            "expert ranks are told apart where each holds whole experts, one after another",
            "expert_tensor: 1, and expert ranks not apart; or ranks: alike");
    }
    if (diagnostics_.error_count() == before) {
      read_routing(training_, loads, places_, job_, diagnostics_);
    }
    check_plan_size();
  }
  check_model_cuts();
  check_schedule();
  read_stage_layers(job_, training_, refuse);
  if (diagnostics_.error_count() > before) return std::nullopt;
  return job_;
}

}  // namespace

std::optional<Job> check(const ModelGraph& model, const pb::Training& training,
                         const topology::Cluster& cluster, Folding folding, const SourceMap& places,
                         Diagnostics& diagnostics, const ExpertLoads* loads) {
  return Checker(model, training, cluster, places, diagnostics).check(folding, loads, true);
}

std::optional<Job> check_layout(const ModelGraph& model, const pb::Training& training,
                                const topology::Cluster& cluster, Folding folding) {
  const SourceMap places;
  Diagnostics refused;
  return Checker(model, training, cluster, places, refused).check(folding, nullptr, false);
}

bool change_states(Job& job, const pb::Training& training) {
  bool good = true;
  read_states(job, training, [&good](const std::string&, const std::string&, const std::string&) {
    good = false;
  });
  return good;
}

}  // namespace aisle::workloads::parallel
