// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "workloads/parallel/memory.hpp"
#include "workloads/parallel/stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace aisle::workloads::parallel {

namespace {

Bytes peak(const std::vector<RankMemory>& memory) {
  Bytes most;
  for (const RankMemory& rank : memory) most = std::max(most, rank.total());
  return most;
}

bool fits(const Job& job) {
  return peak(memory_of(job)) <= job.cluster->accelerator().hbm_capacity.value;
}

bool divides(int part, int whole) {
  return part > 0 && whole % part == 0;
}

/// Whether a layout that was changed by one step still divides what it must.
bool sound(const Job& job) {
  const Layout& l = job.layout;
  const bool moe = job.model->is_moe();
  for (const Layer& layer : job.model->layers) {
    if (layer.attention.heads > 0 && !divides(l.tensor, layer.attention.heads)) return false;
  }
  if (l.data < 1 || l.micro_batches < 1 || job.stages() > job.model->transformer_layers()) {
    return false;
  }
  if (job.schedule == Schedule::dual_pipe &&
      (l.pipeline % 2 != 0 || l.micro_batches < 2 * l.pipeline || l.micro_batches % 2 != 0)) {
    return false;
  }
  if (job.schedule == Schedule::interleaved && !divides(l.pipeline, l.micro_batches)) return false;
  return !moe || divides(l.expert, job.stage_width());
}

/// Half of the data-parallel replicas given to another dimension; false if that does not divide.
bool halve_data(Job& job) {
  if (job.layout.data % 2 != 0) return false;
  job.layout.data /= 2;
  job.layout.micro_batches *= 2;
  return true;
}

struct Change {
  std::string words;
  std::function<bool(Job&)> apply;  ///< false: not applicable
};

std::vector<Change> changes(const Job& job) {
  std::vector<Change> list;
  for (int zero = job.layout.zero + 1; zero <= 3; ++zero) {
    list.push_back({fmt::format("parallel.zero = {}", zero), [zero](Job& j) {
                      j.layout.zero = zero;
                      return zero < 3 || j.schedule != Schedule::dual_pipe;
                    }});
  }
  if (job.recompute == Recompute::none) {
    list.push_back({"recompute = selective", [](Job& j) {
                      j.recompute = Recompute::selective;
                      return true;
                    }});
  }
  if (job.recompute != Recompute::full) {
    list.push_back({"recompute = full", [](Job& j) {
                      j.recompute = Recompute::full;
                      return true;
                    }});
  }
  list.push_back({fmt::format("parallel.pipeline = {}", job.layout.pipeline * 2), [](Job& j) {
                    j.layout.pipeline *= 2;
                    if (!halve_data(j)) return false;
                    j.layout.stage_layers = balanced_stage_layers(*j.model, j.stages(), j.sequence);
                    return true;
                  }});
  list.push_back({fmt::format("parallel.tensor = {}", job.layout.tensor * 2), [](Job& j) {
                    j.layout.tensor *= 2;
                    return halve_data(j);
                  }});
  return list;
}

std::string largest_holders(const RankMemory& rank) {
  std::vector<MemoryItem> items = rank.items;
  std::stable_sort(items.begin(), items.end(),
                   [](const MemoryItem& a, const MemoryItem& b) { return a.bytes > b.bytes; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, items.size()); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", items[i].use, print_short(items[i].bytes));
  }
  return text;
}

std::string remedy(const Job& job) {
  for (const bool full : {false, true}) {  // one change alone, then each with full recomputation
    for (const Change& change : changes(job)) {
      Job other = job;
      if (full) other.recompute = Recompute::full;
      if (!change.apply(other) || !sound(other) || !fits(other)) continue;
      const bool named = full && job.recompute != Recompute::full;
      return fmt::format("It would fit with {}{}.", change.words,
                         named ? " and recompute = full" : "");
    }
  }
  return "No single change of recomputation, ZeRO stage, pipeline or tensor parallelism makes it "
         "fit: use more accelerators or ones with more memory.";
}

}  // namespace

std::string explain_misfit(const Job& job, const std::vector<RankMemory>& memory) {
  const auto worst = std::max_element(
      memory.begin(), memory.end(),
      [](const RankMemory& a, const RankMemory& b) { return a.total() < b.total(); });
  const topology::Accelerator& accelerator = job.cluster->accelerator();
  const Bytes capacity = accelerator.hbm_capacity.value;
  return fmt::format(
      "Pipeline rank {} needs {} per accelerator, {} more than the {} of {}. Largest: {}. {}",
      worst->pipeline_rank, print_short(worst->total()), print_short(worst->total() - capacity),
      print_short(capacity), accelerator.name, largest_holders(*worst), remedy(job));
}

}  // namespace aisle::workloads::parallel
