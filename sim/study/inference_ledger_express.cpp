// SPDX-License-Identifier: Apache-2.0
// A row of a ledger of inference runs as a question to the simulator: model, machine, layout,
// formats, engine and load.
#include "sim/study/collective_ledger.hpp"
#include "sim/study/inference_ledger.hpp"
#include "sim/study/ledger_cells.hpp"
#include "sim/study/model_of.hpp"
#include "topology/catalogue/figures.hpp"
#include "workloads/models/model.pb.h"
#include "workloads/serving/engine.pb.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace aisle::sim {

namespace {

using topology::Precision;

std::string set_model(const InferenceRow& row, const topology::Catalogue& catalogue,
                      InferenceQuestion& question) {
  if (catalogue.model(row.model) == nullptr) {
    return fmt::format("the catalogue has no model '{}'", row.model);
  }
  Diagnostics diagnostics;
  auto model = model_of(row.model, catalogue, row.place, "model", diagnostics);
  AISLE_ASSERT(model.has_value(), "models of the catalogue are sound");
  question.model = std::move(*model);
  return {};
}

std::string set_chip(const InferenceRow& row, const topology::Catalogue& catalogue,
                     InferenceQuestion& question) {
  const bool small = row.chip == "A100" && says(row.note, "A100 40 GB");
  question.accelerator = find_accelerator(small ? "A100-40GB-SXM" : row.chip, catalogue);
  if (question.accelerator.empty()) {
    return fmt::format("the catalogue has no accelerator '{}'", row.chip);
  }
  return {};
}

/// Engines by the words of the column, the more special first.
std::string set_engine(const InferenceRow& row, const topology::Catalogue& catalogue,
                       InferenceQuestion& question) {
  struct Word {
    std::string_view word, engine;
  };

  static constexpr Word words[] = {
      {"vllm 0.2", "vllm-0.2"},
      {"vllm 2023", "vllm-0.2"},
      {"no cuda graph", "vllm-0.2"},
      {"vllm ascend", "vllm-ascend"},
      {"vllm 0.15", "vllm-0.15"},
      {"vllm 0.5", "vllm-0.6"},
      {"vllm 0.6", "vllm-0.6"},
      {"ci build", "vllm-0.6"},
      {"tensorrt-llm 0.", "tensorrt-llm-0.6"},
      {"tensorrt", "tensorrt-llm"},
      {"sglang", "sglang"},
      {"best of engines", "sglang"},
      {"deepseek in-house", "sglang"},
      {"vllm", "vllm"},
  };
  const std::string engine = lower(row.engine);
  std::string_view name = "static";
  for (const Word& word : words) {
    if (!says(engine, word.word)) continue;
    name = word.engine;
    break;
  }
  // Argonne and MLPerf 4.1 measured both engines in 2024.
  const bool of_2024 = row.family() == "ANL" || row.family() == "MLP41";
  if (of_2024 && name == "vllm") name = "vllm-0.6";
  if (of_2024 && name == "tensorrt-llm") name = "tensorrt-llm-0.6";
  const pb::EngineProfile* profile = catalogue.engine(name);
  if (profile == nullptr) return fmt::format("the catalogue has no engine '{}'", name);
  question.host = EngineHost::from(*profile);
  // NVIDIA's submissions start requests before the cache for their answers is sure (max_util).
  if (row.family().starts_with("MLP")) question.host.reserves_output = false;
  if (engine.empty()) question.assumed.emplace_back("an engine without overhead");
  if (const auto budget = number_after(row.note, "token budget ")) {
    question.host.limits.step_tokens = static_cast<int>(*budget);
  }
  if (says(row.note, "chunked prefill, 512 token budget")) question.host.limits.step_tokens = 512;
  return {};
}

/// Scales of 128 by 128 numbers are next to nothing.
constexpr double kFp8Weight = 1.0;

workloads::ProductFormat narrow(Precision precision, double weight) {
  return {precision, weight, {}};
}

/// TensorRT-LLM's narrow recipes, and those that say so, keep the cache in FP8.
void set_cache_format(const InferenceRow& row, InferenceQuestion& question) {
  const std::string stated = lower(row.precision);
  const bool tensorrt = says(lower(row.engine), "tensorrt");
  const bool wide_cache = says(stated, "bf16 kv") || says(stated, "bf16 mla");
  const bool narrow_cache = says(stated, "fp8 kv") || says(stated, "fp8, fp8") ||
                            (tensorrt && (says(stated, "fp8") || says(stated, "fp4"))) ||
                            (row.family().starts_with("MLP") && says(stated, "fp"));
  if (narrow_cache && !wide_cache && !says(stated, "fp16")) question.job.formats.cache_bytes = 1;
}

/// Formats of all products, by the words of the column; experts alone where the rest stays wide.
std::string set_formats(const InferenceRow& row, bool blackwell, InferenceQuestion& question) {
  workloads::ServingFormats& formats = question.job.formats;
  const std::string stated = lower(row.precision);
  const bool mixture = question.model.is_moe();
  // DeepSeek's weights are scaled by blocks, those of others by the tensor.
  const bool blocks = question.model.layers[1].attention.mla;
  workloads::ProductFormat fp8 = narrow(Precision::fp8, kFp8Weight);
  if (!blocks) fp8.variant = "trtllm fp8";
  const auto all = [&](const workloads::ProductFormat& format) {
    formats.attention = formats.dense = formats.experts = format;
  };
  if (stated.empty()) question.assumed.emplace_back("BF16");
  if (says(row.model, "gpt-oss") && says(stated, "fp4")) {  // published in MXFP4
    formats.experts = blackwell ? narrow(Precision::fp8, workloads::kMxfp4Weight)
                                : narrow(Precision::bf16, workloads::kMxfp4Weight);
    formats.experts.variant = blackwell ? "experts moe_torch_flow w4a8_mxfp4_mxfp8"
                                        : "experts moe_torch_flow w4a16_mxfp4";
  } else if (says(stated, "fp4")) {
    all(narrow(Precision::fp4,
               says(stated, "mx") ? workloads::kMxfp4Weight : workloads::kNvfp4Weight));
    if (mixture && blocks) {
      formats.attention = formats.dense = says(stated, "fp8") ? fp8 : workloads::ProductFormat{};
    }
  } else if (says(stated, "int4")) {
    all(narrow(Precision::bf16, workloads::kInt4Weight));
  } else if (says(stated, "w8a8")) {
    all(narrow(Precision::int8, 1));
  } else if (says(stated, "8 weights") || says(stated, "software conversion")) {
    all(narrow(Precision::bf16, 1));  // of INT8 or FP8, computed with wide
  } else if (says(stated, "fp8")) {
    all(fp8);
    if (says(stated, "bf16 attention + fp8 moe")) formats.attention = {};
  } else if (!stated.empty() && !says(stated, "bf16") && !says(stated, "fp16") &&
             stated != "not stated") {
    return fmt::format("the number format '{}' is not known", row.precision);
  }
  set_cache_format(row, question);
  return {};
}

/// Whether every rank has attention for sequences of its own.
bool has_attention_groups(const InferenceRow& row) {
  const std::string note = lower(row.note);
  if (says(note, "attention dp")) return true;
  return row.expert.value_or(1) > 1 && row.tensor.value_or(0) <= 1;
}

/// Fewest ranks of tensor parallelism that leave room for some sequences.
int fitting_tensor(const InferenceQuestion& question, Bytes capacity, int most) {
  constexpr double kRoom = 32;
  for (int tensor = 1; tensor < most; tensor *= 2) {
    workloads::ServingJob job = question.job;
    job.model = &question.model;
    job.layout.tensor = tensor;
    const auto memory = workloads::serving_memory(job, capacity, question.host.limits);
    if (memory.fits() &&
        memory.sequences(question.lengths.prompt + question.lengths.output) >= kRoom) {
      return tensor;
    }
  }
  return most;
}

/// Layouts of a row that names none: tensor parallelism from the fewest ranks that it fits on, the
/// same as stages, and for mixtures with latent attention a whole node of attention groups.
void leave_layout_open(int most, Bytes capacity, InferenceQuestion& question) {
  const workloads::ServingLayout stated = question.job.layout;
  const auto add = [&](int tensor, int pipeline, int data) {
    workloads::ServingLayout layout = stated;
    layout.tensor = tensor;
    layout.pipeline = stated.pipeline * pipeline;
    layout.data = layout.expert = data;
    question.layouts.push_back(layout);
  };
  const int fewest = fitting_tensor(question, capacity, most);
  for (int ranks = fewest; ranks <= most; ranks *= 2) {
    add(ranks, 1, 1);
    if (ranks > 1) add(1, ranks, 1);
  }
  if (question.model.layers[1].attention.mla && most > 1) add(1, 1, most);
}

void set_layout(const InferenceRow& row, const topology::Catalogue& catalogue,
                InferenceQuestion& question) {
  workloads::ServingLayout& layout = question.job.layout;
  const pb::Accelerator& chip = *catalogue.accelerator(question.accelerator);
  const Bytes capacity = topology::quantity_of<Bytes>(chip.hbm_capacity()).value_or(Bytes{});
  constexpr int kNode = 8;
  const int chips = row.chips.value_or(0);
  question.stated_chips = chips;
  layout.pipeline = row.pipeline.value_or(1);
  if (has_attention_groups(row)) {
    layout.data = row.expert.value_or(row.data.value_or(std::max(1, chips)));
    if (row.tensor.value_or(1) > 1) layout.data = *row.tensor;
    layout.expert = layout.data;
  } else if (row.tensor) {
    // Cores and dies are counted as ranks here and there; a chip is one to us.
    layout.tensor =
        chips > 0 ? std::min(*row.tensor, std::max(1, chips / layout.pipeline)) : *row.tensor;
    layout.expert = std::clamp(row.expert.value_or(1), 1, layout.tensor);
    while (layout.tensor % layout.expert != 0) --layout.expert;
  } else if (const auto likely = number_after(row.note, "not stated (probably ")) {
    layout.tensor = static_cast<int>(*likely);
    question.assumed.push_back(fmt::format("TP{} of each worker", layout.tensor));
    question.given = false;
  } else {
    // More than a node holds: stages over the nodes.
    if (chips > kNode && !row.pipeline && row.mode == "decode") layout.pipeline = chips / kNode;
    question.given = false;
    return leave_layout_open(chips > 0 ? std::min(chips, kNode) : kNode, capacity, question);
  }
  question.layouts = {layout};
  // Ranks of latent attention may have sequences of their own where tables say TP8 EP8.
  if (row.expert.value_or(1) > 1 && layout.tensor == layout.expert &&
      question.model.layers[1].attention.mla) {
    layout.data = std::exchange(layout.tensor, 1);
    question.layouts.push_back(layout);
  }
}

/// Lengths that sources name by their data set alone.
void set_lengths(const InferenceRow& row, InferenceQuestion& question) {
  constexpr double kOpenOrca = 294, kChat = 200, kReasoning = 300, kShareGptPrompt = 215,
                   kShareGptAnswer = 195, kDefault = 1024;
  RequestLengths& lengths = question.lengths;
  const auto assume = [&](double& to, const std::optional<double>& stated, double value,
                          const char* what) {
    to = stated.value_or(value);
    if (stated) return;
    question.given = false;
    question.assumed.push_back(fmt::format("{} of {} tokens", what, value));
  };
  double prompt = kDefault, answer = kDefault;
  if (row.family().starts_with("MLP")) {
    prompt = answer = kOpenOrca;
    if (row.model == "llama3.1-405b") answer = 650;
  }
  if (row.family() == "MLE") prompt = row.output.value_or(0) < 600 ? kChat : kReasoning;
  if (says(row.note, "ShareGPT")) {
    prompt = kShareGptPrompt;
    answer = kShareGptAnswer;
  }
  lengths.varied = row.family().starts_with("ML") || says(row.note, "ShareGPT");
  if (row.family() == "GPF") answer = 200;
  assume(lengths.prompt, row.prompt, prompt, "prompts");
  if (row.mode == "prefill") {
    lengths.output = row.output.value_or(1);
  } else {
    assume(lengths.output, row.output, answer, "answers");
  }
  lengths.output = std::max(1.0, lengths.output);
  if (const auto share = number_after(row.note, "cache hits (")) {
    lengths.cached = lengths.prompt * *share / 100;
  }
  if (const auto shared = number_after(row.note, "shared system prompt of ")) {
    lengths.cached = std::min(*shared, lengths.prompt - 1);
  }
  constexpr double kBlock = 16;
  if (says(row.note, "multi-turn flag on") && lengths.prompt > kBlock) {
    lengths.cached = lengths.prompt - kBlock;
    question.assumed.emplace_back("prompts of later turns cached but for a block");
  }
}

using Kind = InferenceLoad::Kind;

/// What a static run does: all at once, prompts or answers alone.
bool set_static_load(const InferenceRow& row, InferenceQuestion& question) {
  InferenceLoad& load = question.load;
  const bool first =
      row.metric == "ttft" || row.metric == "ttft_p50" || row.metric == "prompt_time";
  const bool alone = row.mode == "low-latency" || row.family() == "NRN";
  if (row.mode == "prefill" || (first && alone)) {
    load.kind = Kind::prompts;
  } else if (row.metric == "e2e_latency" || says(row.note, "static batch")) {
    load.kind = Kind::fixed_batch;
  } else if (row.mode == "decode" || alone) {
    load.kind = Kind::decoding;
  } else {
    return false;
  }
  load.amount = number_in(row.batch).value_or(1);
  load.per_group = says(row.batch, "/GPU");
  if (says(row.batch, "tokens/GPU")) load.amount /= question.lengths.prompt;
  if (row.batch.empty() && row.mode == "decode") {
    load.amount = 128;
    load.per_group = true;
    question.given = false;
    question.assumed.emplace_back("128 sequences per accelerator");
  }
  if (row.batch.empty() && load.kind == Kind::prompts) {
    load.amount = std::max(1.0, 16384 / question.lengths.prompt);
    load.per_group = true;
  }
  if (load.kind != Kind::prompts || row.mode != "prefill") return true;
  // A pass is as large as the batch.
  question.host.limits.step_tokens = std::max(question.host.limits.step_tokens, 16384);
  return true;
}

void set_load(const InferenceRow& row, InferenceQuestion& question) {
  if (set_static_load(row, question)) return;
  InferenceLoad& load = question.load;
  const auto batch = number_in(row.batch), rate = number_in(row.rate);
  const bool limit = says(row.batch, "max ") || row.family().starts_with("MLP");
  if (limit && batch && row.family() != "MLE") {
    question.host.sequences = static_cast<int>(*batch);
  }
  if (const auto speed = number_after(row.note, "at ");
      speed && says(row.note, "tok/s/user") && !batch) {
    load.kind = Kind::speed;
    load.amount = *speed;
  } else if (rate && !says(row.rate, "saturating") && !says(row.rate, "at once")) {
    load.kind = Kind::open;
    load.amount = *rate;
  } else if (says(row.batch, "at once") && says(row.note, "ShareGPT")) {
    load.kind = Kind::varied_batch;
    load.amount = batch.value_or(1);
  } else if (says(row.batch, "at once") || says(row.note, "1000 ShareGPT")) {
    load.endless = true;
    load.requests = says(row.batch, "at once") ? batch.value_or(0) : 1000;
  } else if (batch && !limit) {
    load.amount = *batch;
    load.per_group = says(row.batch, "/GPU");
  } else if (const auto mean = number_after(row.batch, "mean ")) {
    load.amount = *mean;
    question.host.sequences = std::max(question.host.sequences, static_cast<int>(*mean) + 1);
  } else {
    load.endless = true;
    if (row.family().starts_with("TRT") || row.family().starts_with("MLP")) {
      constexpr int kMaxLoad = 4096;  // these benchmarks raise the limit until memory binds
      if (!limit || !batch) question.host.sequences = kMaxLoad;
    } else {
      question.given = false;
      question.assumed.emplace_back("as many requests as can be served");
    }
  }
  for (const char* words : {" requests only", " prompts;", " random prompts"}) {
    if (load.requests == 0) load.requests = number_before(row.note, words).value_or(0);
  }
  if (load.kind == Kind::closed && !load.endless) {
    question.host.sequences =
        std::max(question.host.sequences, static_cast<int>(std::ceil(load.amount)));
  }
}

/// Workers of a disaggregated system: "1 prefill + 3 decode workers", "1P1D".
void set_workers(const InferenceRow& row, InferenceQuestion& question) {
  const std::string software = lower(row.engine) + " " + lower(row.note);
  question.disaggregated =
      (says(software, "disaggregated") || says(software, "mooncake")) && !says(software, "regular");
  if (!question.disaggregated) return;
  const auto prompts = number_before(row.note, " prefill + ");
  const auto others = number_after(row.note, " prefill + ");
  if (prompts && others) {
    question.prompt_workers = static_cast<int>(*prompts);
    question.workers = static_cast<int>(*others);
  } else if (says(row.note, "1P1D")) {
    question.prompt_workers = question.workers = 1;
  }
}

std::string unexpressed(const InferenceRow& row) {
  if (!row.value) return "the value is no single number";
  if (row.metric == "mean_acceptance_length") {
    return "acceptance is a property of prompts and drafts, which a scenario states";
  }
  static constexpr std::string_view kOperations[] = {
      "input_tokens_per_day", "output_tokens_per_day", "peak_nodes", "cost_per_day"};
  if (std::find(std::begin(kOperations), std::end(kOperations), row.metric) !=
      std::end(kOperations)) {
    return "the load over the day is not given";
  }
  if (row.metric == "throughput_ratio" || row.metric == "eplb_speedup" ||
      row.metric == "mtp_throughput_gain") {
    return "a ratio of two runs of which one is not given";
  }
  if (says(row.note, "of the prefix is cached") || says(row.note, "prefix is cached")) {
    return "how much of the prompts is computed is not given";
  }
  return {};
}

/// What the note says of speculation: tokens that a pass yields.
void set_speculation(const InferenceRow& row, InferenceQuestion& question) {
  if (says(row.note, "MTP 3 layers")) question.tokens_per_pass = 2.5;
  if (question.tokens_per_pass > 1)
    question.assumed.emplace_back("2.5 tokens a pass by speculation");
}

}  // namespace

std::variant<InferenceQuestion, std::string> express(const InferenceRow& row,
                                                     const topology::Catalogue& catalogue) {
  InferenceQuestion question;
  std::string reason = unexpressed(row);
  if (reason.empty()) reason = set_chip(row, catalogue, question);
  if (reason.empty()) reason = set_model(row, catalogue, question);
  if (reason.empty()) reason = set_engine(row, catalogue, question);
  const bool blackwell = row.chip.find("B200") != std::string::npos || row.chip == "B300";
  if (reason.empty()) reason = set_formats(row, blackwell, question);
  if (!reason.empty()) return reason;
  set_workers(row, question);
  if (const auto blocks = number_after(row.note, "token budget ")) {
    const std::size_t at = row.note.find(" KV blocks of 16");
    const std::size_t from = at == std::string::npos ? at : row.note.rfind(' ', at - 1);
    if (from != std::string::npos) {
      constexpr double kBlock = 16;
      question.cache_tokens = kBlock * number_in(row.note.substr(from)).value_or(0);
    }
  }
  if (says(row.note, "USD/h")) {
    const std::size_t at = row.note.find(" USD/h");
    question.price = number_in(row.note.substr(row.note.rfind(' ', at - 1)));
  }
  set_lengths(row, question);
  question.job.layout.two_batches =
      (says(row.note, "TBO") && !says(row.note, "without two-batch")) ||
      says(row.note, "microbatch overlap") || says(row.note, "dual-batch overlap");
  set_layout(row, catalogue, question);
  set_load(row, question);
  set_speculation(row, question);
  return question;
}

}  // namespace aisle::sim
