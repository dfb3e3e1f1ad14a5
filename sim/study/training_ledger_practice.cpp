// SPDX-License-Identifier: Apache-2.0
#include "sim/study/training_ledger_practice.hpp"

#include "sim/study/ledger_cells.hpp"

#include <algorithm>
#include <iterator>
#include <regex>

namespace aisle::sim {

namespace {

/// Fitted to mixtures of experts of the fitted half whose recipes have no graphs; judged on the
/// small models of vTrain's table among others. docs/model/parallel.md, "The host".
constexpr double kMegatronLaunch = 80;

/// The first that fits counts. Where none does, gradients and weights are communicated beside
/// computation, and FLOPs are those of causal attention.
constexpr Practice kPractices[] = {
    {"kor", "", FlopConvention::recompute, false, false, true, true},
    {"bl", "", FlopConvention::recompute, false, false, true, true},
    {"vt", "", FlopConvention::recompute, false, false, false, true, kMegatronLaunch},
    {"glm", "", FlopConvention::recompute, false, false, true, true},
    {"pap", "SC21", FlopConvention::recompute, false, false, true, true},
    {"pap", "MT-NLG", FlopConvention::recompute, false, false, true, true},
    {"pap", "", FlopConvention::recompute, false, false, false, false},
    {"smx", "", FlopConvention::causal, false, false, false, false, 0, false, true},
    {"mlp", "", FlopConvention::causal, true, true, false, false},
    {"dgxc", "", FlopConvention::causal, true, true, false, false, kMegatronLaunch},
    {"mb", "", FlopConvention::causal, true, true, false, false, kMegatronLaunch},
    {"zoo", "", FlopConvention::causal, true, true, false, false, kMegatronLaunch},
    {"mlm", "", FlopConvention::full_attention, true, true, false, false, kMegatronLaunch},
    {"nemo", "", FlopConvention::full_attention, true, true, false, false},
    {"asc", "", FlopConvention::full_attention, true, false, false, false},
    {"ali", "", FlopConvention::full_attention, true, false, false, false},
    {"dsp", "", FlopConvention::recompute, true, false, false, false},
    {"mpt", "", FlopConvention::causal, true, false, false, false, 0, true},
    {"tt", "", FlopConvention::causal, true, false, false, false, 0, true},
    {"ibm", "", FlopConvention::causal, true, false, false, false, 0, true},
};

/// Recipes with CUDA graphs, by release of the container ("26.04"), newest first; the first that
/// fits counts. From NVIDIA-NeMo/Megatron-Bridge scripts/performance/configs/*/
/// *workload_base_configs.py @ 0fa501ac (25.09 to 25.11), 01b2977e, 04264182 and 07eea52d (2026).
struct Recipe {
  std::string_view since, model, chip, precision;  ///< parts of the cells (chip: its start)
  std::string_view note;
  pb::CudaGraphs graphs;
};

constexpr Recipe kRecipes[] = {
    {"26.06", "DeepSeek", "GB", "MXFP8", "", pb::all_graphed},
    {"26.06", "gpt-oss", "GB", "MXFP8", "", pb::all_graphed},
    {"26.04", "Qwen3-30B", "B200", "", "", pb::attention_graphed},
    {"26.02", "DeepSeek", "GB", "", "", pb::attention_graphed},
    {"26.02", "Qwen3", "GB", "", "", pb::attention_graphed},
    {"25.09", "Qwen3", "GB", "", "", pb::all_graphed},
    {"25.09", "Qwen3-30B", "B200", "", "tokendrop", pb::all_graphed},
    {"25.09", "gpt-oss", "", "", "tokendrop", pb::all_graphed},
    // Megatron-LM's account of DeepSeek-V3 on GB200, one change upon the other.
    {"", "", "", "", "CUDA graphs", pb::attention_graphed},
    {"", "", "", "", "DeepEP tuning", pb::attention_graphed},
    {"", "", "", "", "HybridEP dispatcher", pb::attention_graphed},
};

}  // namespace

const Practice* practice_of(const TrainingRow& row) {
  const auto* found =
      std::find_if(std::begin(kPractices), std::end(kPractices), [&](const Practice& practice) {
        return practice.family == row.family() && says(row.source, practice.source);
      });
  return found == std::end(kPractices) ? nullptr : found;
}

pb::CudaGraphs graphs_of(const TrainingRow& row) {
  if (!row.experts) return pb::all_graphed;  // or long kernels, where the host does not matter
  static const std::regex release(R"(NeMo container (\d\d\.\d\d))");
  std::smatch match;
  const std::string released = std::regex_search(row.note, match, release) ? match[1].str() : "";
  const auto* found = std::find_if(std::begin(kRecipes), std::end(kRecipes), [&](const Recipe& r) {
    return released >= r.since && says(row.model, r.model) && row.chip.starts_with(r.chip) &&
           says(row.precision, r.precision) && says(row.note, r.note);
  });
  return found == std::end(kRecipes) ? pb::ungraphed : found->graphs;
}

}  // namespace aisle::sim
