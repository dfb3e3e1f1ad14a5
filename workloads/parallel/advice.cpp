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
  // Runs that were given must still divide what they are runs of.
  if (!divides(job.shard(), job.holders()) || !divides(job.backward_shard(), job.shard())) {
    return false;
  }
  if (l.data < 1 || l.micro_batches < 1 || job.stages() > job.model->transformer_layers()) {
    return false;
  }
  if (job.schedule == Schedule::dual_pipe &&
      (l.pipeline % 2 != 0 || l.micro_batches < 2 * l.pipeline || l.micro_batches % 2 != 0)) {
    return false;
  }
  if (job.schedule == Schedule::interleaved && !divides(l.pipeline, l.micro_batches)) return false;
  return !moe || divides(job.expert_width(), job.stage_width());
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

/// A field set to a value, applicable wherever it is.
template <typename Apply>
Change setting(std::string words, Apply apply) {
  return {std::move(words), [apply](Job& job) {
            apply(job);
            return true;
          }};
}

/// What costs no time, or nearly none.
void add_free_changes(const Job& job, std::vector<Change>& list) {
  if (!job.flash) {
    list.push_back(setting("attention = flash", [](Job& j) { j.flash = true; }));
  }
  if (!job.sequence_parallel && job.layout.tensor > 1) {
    list.push_back(
        setting("parallel.sequence_parallel = true", [](Job& j) { j.sequence_parallel = true; }));
  }
  if (job.layout.zero >= 1 && job.shard() < job.holders()) {
    list.push_back(setting(fmt::format("parallel.shard = {}", job.holders()), [](Job& j) {
      j.sharding.backward = j.backward_shard();
      j.sharding.ranks = 0;
    }));
  }
  if (job.layout.zero >= 3 && job.backward_shard() < job.shard()) {
    list.push_back(setting(fmt::format("parallel.backward_shard = {}", job.shard()),
                           [](Job& j) { j.sharding.backward = 0; }));
  }
}

std::vector<Change> changes(const Job& job) {
  std::vector<Change> list;
  add_free_changes(job, list);
  for (int zero = job.layout.zero + 1; zero <= 3; ++zero) {
    list.push_back({fmt::format("parallel.zero = {}", zero), [zero](Job& j) {
                      j.layout.zero = zero;
                      return zero < 3 || j.schedule != Schedule::dual_pipe;
                    }});
  }
  if (job.schedule == Schedule::gpipe) {
    list.push_back(setting("parallel.schedule = one_f_one_b",
                           [](Job& j) { j.schedule = Schedule::one_f_one_b; }));
  }
  if (job.recompute == Recompute::none) {
    list.push_back(
        setting("recompute = selective", [](Job& j) { j.recompute = Recompute::selective; }));
  }
  if (job.micro_batch > 1) {
    list.push_back(setting("micro_batch = 1", [](Job& j) {
      j.layout.micro_batches *= j.micro_batch;
      j.micro_batch = 1;
    }));
  }
  if (job.recompute != Recompute::full || job.recompute_layers >= 0) {
    list.push_back(setting("recompute = full", [](Job& j) {
      j.recompute = Recompute::full;
      j.recompute_layers = -1;
    }));
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

/// Which tensor takes most of the activations of a rank.
std::string largest_tensor(const Job& job, int pipeline_rank) {
  std::vector<MemoryItem> sums;
  for (const int stage : backlog_of(job, pipeline_rank).stages) {
    for (const Layer& layer : layers_of_stage(job, stage)) {
      for (const MemoryItem& item : activations_by_tensor(job, layer)) {
        const auto same = std::find_if(sums.begin(), sums.end(),
                                       [&](const MemoryItem& sum) { return sum.use == item.use; });
        if (same == sums.end()) {
          sums.push_back(item);
        } else {
          same->bytes += item.bytes;
        }
      }
    }
  }
  const auto most =
      std::max_element(sums.begin(), sums.end(),
                       [](const MemoryItem& a, const MemoryItem& b) { return a.bytes < b.bytes; });
  return most == sums.end() ? "" : " (most: " + most->use + ")";
}

std::string largest_holders(const Job& job, const RankMemory& rank) {
  std::vector<MemoryItem> items = rank.items;
  std::stable_sort(items.begin(), items.end(),
                   [](const MemoryItem& a, const MemoryItem& b) { return a.bytes > b.bytes; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, items.size()); ++i) {
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", items[i].use, print_short(items[i].bytes));
    if (items[i].use == "activations") text += largest_tensor(job, rank.pipeline_rank);
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
  return "No single change of recomputation, ZeRO stage, micro-batch, pipeline or tensor "
         "parallelism makes it fit: use more accelerators or ones with more memory.";
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
      print_short(capacity), accelerator.name, largest_holders(job, *worst), remedy(job));
}

}  // namespace aisle::workloads::parallel
