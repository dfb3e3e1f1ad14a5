// SPDX-License-Identifier: Apache-2.0
// A row of a ledger of training steps as a question to the simulator: machine, layout, batch,
// formats, and what its note says of the software.
#include "sim/base/proto_text.hpp"
#include "sim/study/collective_ledger.hpp"
#include "sim/study/ledger_cells.hpp"
#include "sim/study/training_ledger.hpp"
#include "sim/study/training_ledger_practice.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <span>

namespace aisle::sim {

namespace {

/// FLOP convention by the note's words, else by the family's habit.
FlopConvention convention_of(const TrainingRow& row, bool moe) {
  if (says(row.note, "recompute counted") || says(row.note, "recompute included") ||
      says(row.note, "counts recompute")) {
    return FlopConvention::recompute;
  }
  if (says(row.note, "causal attention")) return FlopConvention::causal;
  // The tables of mixtures of experts come from Megatron Bridge, which counts the causal half.
  if (moe) return FlopConvention::causal;
  const Practice* practice = practice_of(row);
  if (practice == nullptr) return FlopConvention::causal;
  // Megatron-LM counts recomputation in TFLOP/s, but never in MFU.
  if (practice->convention == FlopConvention::recompute && row.metric == "mfu") {
    return FlopConvention::full_attention;
  }
  return practice->convention;
}

/// Chips that a job of so many takes of each scale-up domain, as schedulers deal them: all domains
/// give as many.
int filled_domain(int chips, int domain) {
  int filled = std::min(chips, domain);
  while (chips % filled != 0) --filled;
  return filled;
}

std::string set_cluster(const TrainingRow& row, const topology::Catalogue& catalogue,
                        TrainingQuestion& question) {
  pb::Cluster& cluster = *question.scenario.mutable_cluster();
  const std::string accelerator = find_accelerator(row.chip, catalogue);
  if (accelerator.empty()) {
    const std::string near = did_you_mean(row.chip, catalogue.names("accelerator"));
    return fmt::format("the catalogue has no accelerator '{}'{}{}", row.chip,
                       near.empty() ? "" : "; ", near);
  }
  cluster.set_accelerator(accelerator);
  static const std::regex limit(R"(\b(\d{3,4}) ?W\b)");  // "H100 SXM 96GB HBM2e 500W"
  if (std::smatch watts; std::regex_search(row.chip, watts, limit)) {
    cluster.set_power_cap(watts[1].str() + " W");
  }
  const double ranks = static_cast<double>(row.data.value_or(1)) * row.tensor.value_or(1) *
                       row.pipeline.value_or(1) * row.context.value_or(1);
  constexpr double kMostChips = 1e7;
  if (!row.chips && ranks > kMostChips) return fmt::format("{} chips", ranks);
  const int chips = row.chips.value_or(static_cast<int>(ranks));
  cluster.set_count(chips);
  const pb::Accelerator& chip = *catalogue.accelerator(accelerator);
  const bool torus = chip.scale_up_shape() == pb::torus && !row.domain;
  if (!torus) {
    const int sold = std::max(1, static_cast<int>(topology::number_or(chip.scale_up_domain(), 1)));
    const int domain = row.domain.value_or(sold);
    cluster.mutable_scale_up()->set_size(filled_domain(chips, domain));
    if (chips % domain != 0 && chips > domain) {
      question.assumed.push_back(
          fmt::format("{} chips of a domain of {}", cluster.scale_up().size(), domain));
    }
  }
  if (row.nic) {
    cluster.mutable_scale_out()->set_nic(
        fmt::format("{:.6f} GB/s", row.nic->in(units::GB / units::s)));
  } else if (!torus && chips > cluster.scale_up().size()) {
    question.assumed.emplace_back("network of the chip's usual system");
  }
  return {};
}

struct FormatWord {
  std::string_view word;  ///< in lower case, anywhere in the cell
  std::string_view means;
  pb::Scaling scaling;
};

std::string set_precision(const TrainingRow& row, TrainingQuestion& question) {
  static constexpr FormatWord words[] = {
      {"nvfp4", "fp4", pb::nv},
      {"mxfp8", "fp8", pb::mx},
      {"fp8", "fp8", pb::per_tensor},
      {"int8", "int8", pb::per_tensor},
      {"fp16/bf16", "bf16", pb::per_tensor},
      {"bf16", "bf16", pb::per_tensor},
      {"fp16", "fp16", pb::per_tensor},
  };
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  const std::string stated = lower(row.precision);
  if (stated.empty()) {
    training.set_precision("bf16");
    question.given = false;
    question.assumed.emplace_back("BF16");
    return {};
  }
  for (const FormatWord& word : words) {
    if (!says(stated, word.word)) continue;
    training.set_precision(std::string(word.means));
    training.set_scaling(word.scaling);
    // DeepSeek's own runs scale by blocks.
    if (row.schedule == "DualPipe" && word.means == "fp8") training.set_scaling(pb::blocks);
    return {};
  }
  return fmt::format("the number format '{}' is not known", row.precision);
}

/// Parts that "selective:mlp+mla_up_proj" names.
std::vector<pb::RecomputePart> recompute_parts(const std::string& stated) {
  std::vector<pb::RecomputePart> parts;
  if (!stated.starts_with("selective:")) return parts;
  if (says(stated, "mla_up_proj")) parts.push_back(pb::mla_up_projection);
  if (says(stated, "mlp")) parts.push_back(pb::mlp);
  return parts;
}

void set_recompute(const TrainingRow& row, TrainingQuestion& question) {
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  const std::string stated = lower(row.recompute);
  if (stated.starts_with("none") || stated.starts_with("minimal")) {
    training.set_recompute(pb::none);
  } else if (stated.starts_with("full")) {
    training.set_recompute(pb::full);
  } else if (says(stated, "offload")) {
    // MaxText's policies of that name: the block between attention and output is computed again,
    // what attention keeps goes to the host.
    training.add_recompute_parts(pb::norms);
    training.add_recompute_parts(pb::mlp);
    training.mutable_offload()->set_activations(1);
    question.assumed.emplace_back("activations on the host, feed-forward computed again");
  } else if (const auto parts = recompute_parts(stated); !parts.empty()) {
    for (const pb::RecomputePart part : parts) training.add_recompute_parts(part);
  } else if (const Practice* practice = practice_of(row);
             stated.starts_with("selective") && practice != nullptr && practice->early) {
    training.add_recompute_parts(pb::core_attention);  // Korthikanti et al.'s
  } else if (stated.starts_with("selective")) {
    training.set_recompute(pb::selective);
    if (says(stated, "op level")) training.add_recompute_parts(pb::every_second_product);
  } else {
    training.set_recompute(pb::none);
    question.may_recompute = true;
    question.assumed.emplace_back(stated.empty()
                                      ? "no recomputation"
                                      : fmt::format("'{}' as no recomputation", row.recompute));
  }
}

/// Layers of every stage as Megatron-LM deals them: equal, or with embedding and loss counted as a
/// layer each; empty where neither divides.
std::vector<int> even_stages(int layers, int stages) {
  if (stages < 2) return {};
  if (layers % stages == 0) {
    return std::vector<int>(static_cast<std::size_t>(stages), layers / stages);
  }
  if ((layers + 2) % stages != 0) return {};
  std::vector<int> split(static_cast<std::size_t>(stages), (layers + 2) / stages);
  --split.front();
  --split.back();
  return split;
}

std::string set_schedule(const TrainingRow& row, TrainingQuestion& question) {
  pb::Parallel& parallel =
      *question.scenario.mutable_workload()->mutable_training()->mutable_parallel();
  const std::string stated = lower(row.schedule);
  if (says(stated, "dualpipe")) {
    parallel.set_schedule(pb::dual_pipe);
    return {};
  }
  if (says(stated, "zbv")) {
    parallel.set_schedule(pb::zb_v);
    parallel.set_virtual_stages(2);
    return {};
  }
  int chunks = row.virtual_stages.value_or(1);
  if (parallel.pipeline() == 1) chunks = 1;
  if (says(stated, "interleaved") && !row.virtual_stages && parallel.pipeline() > 1) {
    // As many as there are layers for: what the tables that state it have.
    chunks = std::max(
        1, question.scenario.workload().training().what_if().layers() / parallel.pipeline());
    if (chunks > 1) question.assumed.push_back(fmt::format("{} chunks per rank", chunks));
  }
  if (chunks > 1) {
    parallel.set_schedule(pb::interleaved);
    parallel.set_virtual_stages(chunks);
  }
  const int layers = question.scenario.workload().training().what_if().layers();
  const int modules = question.scenario.workload().training().what_if().mtp_layers();
  if (modules > 0) return {};  // stages are dealt by cost
  const long stages = static_cast<long>(parallel.pipeline()) * chunks;
  if (stages > layers + 2) return {};  // too many, as planning will say
  for (const int count : even_stages(layers, static_cast<int>(stages))) {
    parallel.add_stage_layers(count);
  }
  return {};
}

/// What runs beside what, by the source's practice and the note's words.
void set_overlap(const TrainingRow& row, bool recipe, pb::Parallel& parallel) {
  const Practice* practice = practice_of(row);
  const std::string note = lower(row.note);
  const auto noted = [&note](std::string_view words) { return says(note, words); };
  // DualPipe is made to hide what a pass exchanges behind another pass.
  const bool dual = row.schedule == "DualPipe";
  parallel.set_overlap(practice == nullptr || practice->overlap || dual ||
                       says(lower(row.schedule), "overlap"));
  const bool pieces = recipe || noted("asynchronous tp");
  parallel.set_overlap_tensor(pieces && parallel.tensor() > 1);
  parallel.set_overlap_experts(noted("all-to-all overlap"));
  const bool stated = noted("sequence parallelism +") || noted("with sequence parallelism");
  parallel.set_sequence_parallel(practice == nullptr || !practice->whole_tokens || stated);
}

/// Among how many ranks states are cut, where the note says that it is not all.
void set_shard(const TrainingRow& row, TrainingQuestion& question) {
  pb::Parallel& parallel =
      *question.scenario.mutable_workload()->mutable_training()->mutable_parallel();
  const int ranks = question.scenario.cluster().count() / parallel.tensor() / parallel.pipeline();
  static const std::regex stated(R"(sharded over (\d{1,5}) GPUs)");
  std::smatch match;
  int shard = 0;
  if (std::regex_search(row.note, match, stated)) shard = std::stoi(match[1]);
  if (says(row.note, "shard in node, replicate across")) shard = row.domain.value_or(0);
  if (shard > 0 && shard < ranks && ranks % shard == 0) parallel.set_shard(shard);
}

std::string set_layout(const TrainingRow& row, bool recipe, TrainingQuestion& question) {
  pb::Parallel& parallel =
      *question.scenario.mutable_workload()->mutable_training()->mutable_parallel();
  const int chips = question.scenario.cluster().count();
  if (!row.tensor && !row.pipeline && !row.data) return "the layout is not given";
  if (!row.tensor || !row.pipeline) question.given = false;
  int tensor = row.tensor.value_or(1);
  if (says(row.note, "count NeuronCores")) {
    constexpr int kCores = 2;  // of one chip; tensor-parallel ranks are neighbours
    if (tensor % kCores != 0) return "a chip would hold different tensor-parallel ranks";
    tensor /= kCores;
  }
  parallel.set_tensor(tensor);
  parallel.set_pipeline(row.pipeline.value_or(1));
  parallel.set_context(row.context.value_or(1));
  parallel.set_expert(row.expert.value_or(1));
  if (row.data) parallel.set_data(*row.data);
  const double product = static_cast<double>(parallel.tensor()) * parallel.pipeline() *
                         parallel.context() * row.data.value_or(1);
  if (row.data ? product != chips : std::fmod(chips, product) != 0) {
    return fmt::format("TP x PP x CP x DP is {}, not the {} chips of the row", product, chips);
  }
  if (row.zero) {
    parallel.set_zero(*row.zero);
  } else {
    parallel.set_zero(1);
    question.assumed.emplace_back("ZeRO-1");
  }
  set_shard(row, question);
  set_overlap(row, recipe, parallel);
  return {};
}

std::string set_batch(const TrainingRow& row, TrainingQuestion& question) {
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  const pb::Parallel& parallel = training.parallel();
  const int replicas = question.scenario.cluster().count() /
                       (parallel.tensor() * parallel.pipeline() * parallel.context());
  if (row.sequence) {
    training.set_sequence(*row.sequence);
  } else {
    static const std::regex stated(R"(\((\d{3,6}) by the model config\))");
    std::smatch match;
    constexpr int kUsual = 8192;
    training.set_sequence(std::regex_search(row.note, match, stated) ? std::stoi(match[1])
                                                                     : kUsual);
    question.given = false;
    question.assumed.push_back(fmt::format("{} tokens in a sequence", training.sequence()));
  }
  if (!row.global_batch) return "the batch is not given";
  training.set_global_batch(*row.global_batch);
  training.set_micro_batch(row.micro_batch.value_or(1));
  if (!row.micro_batch) {
    question.given = false;
    question.assumed.emplace_back("micro-batches of one sequence");
  }
  const long at_once = static_cast<long>(replicas) * training.micro_batch();
  if (training.global_batch() % at_once != 0) {
    return fmt::format("{} sequences do not divide into {} replicas x micro-batch {}",
                       training.global_batch(), replicas, training.micro_batch());
  }
  return {};
}

/// NeMo's and MLPerf's adapters: rank 16 beside the projections of attention, unless the note says
/// otherwise.
void set_adapter(const TrainingRow& row, TrainingQuestion& question) {
  pb::Adapter& adapter =
      *question.scenario.mutable_workload()->mutable_training()->mutable_adapter();
  static const std::regex rank(R"(LoRA rank (\d{1,3}))");
  std::smatch match;
  if (std::regex_search(row.note, match, rank)) {
    adapter.set_rank(std::stoi(match[1]));
  } else {
    question.assumed.push_back(fmt::format("adapters of rank {}", adapter.rank()));
  }
}

/// What the note says of the software, and of what was measured.
void read_note(const TrainingRow& row, bool recipe, TrainingQuestion& question) {
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  const Practice* practice = practice_of(row);
  if (says(row.note, "eager") || (practice != nullptr && practice->eager)) {
    training.set_operators(pb::eager);
  }
  if (practice != nullptr && practice->early) {
    training.set_attention(pb::unfused);
    training.set_dropout(true);
  }
  if (practice != nullptr && practice->flash_2) training.set_attention(pb::flash_2);
  if (recipe) training.mutable_states()->set_gradients("bf16");
  if (practice != nullptr && practice->host_launch_us > 0) {
    training.set_host_launch(fmt::format("{:g} us", practice->host_launch_us));
    if (practice->recipe) training.set_cuda_graphs(graphs_of(row));
  }
  std::smatch match;
  static const std::regex expert_tensor(R"(\bETP (\d{1,2})\b)");
  if (std::regex_search(row.note, match, expert_tensor)) {
    training.mutable_parallel()->set_expert_tensor(std::stoi(match[1]));
  }
  if (says(row.model, "LoRA")) set_adapter(row, question);
  if (says(row.note, "CPU optimizer offload")) training.mutable_offload()->set_optimizer(1);
  static const std::regex evaluation(R"(INCLUDES evaluation \(about (\d{1,2})%)");
  if (std::regex_search(row.note, match, evaluation)) {
    question.beside_training = 1 + std::stod(match[1]) / 100;
    question.assumed.push_back(fmt::format("evaluation {} % of training", match[1].str()));
  }
}

}  // namespace

std::variant<TrainingQuestion, std::string> express(const TrainingRow& row,
                                                    const topology::Catalogue& catalogue) {
  TrainingQuestion question;
  question.scenario.set_engine(pb::analytic);
  question.scenario.set_title(row.id);
  pb::Training& training = *question.scenario.mutable_workload()->mutable_training();
  if (row.value <= 0) return "no figure is given";
  auto model = model_of_row(row, catalogue, question.assumed);
  if (!model) return fmt::format("the sizes of '{}' are not given", row.model);
  Diagnostics diagnostics;
  const auto graph = workloads::build_model(*model, SourceMap(), "", diagnostics);
  if (!graph) return diagnostics.all().front().sentence;
  question.model = *graph;
  *training.mutable_what_if() = std::move(*model);
  if (!row.chips && !row.data) return "the number of chips is not given";
  if (std::string reason = set_cluster(row, catalogue, question); !reason.empty()) return reason;
  const pb::Accelerator& chip = *catalogue.accelerator(question.scenario.cluster().accelerator());
  const Practice* practice = practice_of(row);
  const bool recipe = practice != nullptr && practice->recipe && chip.vendor() == "NVIDIA";
  if (std::string reason = set_precision(row, question); !reason.empty()) return reason;
  if (std::string reason = set_layout(row, recipe, question); !reason.empty()) return reason;
  if (std::string reason = set_schedule(row, question); !reason.empty()) return reason;
  if (std::string reason = set_batch(row, question); !reason.empty()) return reason;
  set_recompute(row, question);
  read_note(row, recipe, question);
  question.convention = convention_of(row, graph->is_moe());
  return question;
}

}  // namespace aisle::sim
