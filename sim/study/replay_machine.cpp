// SPDX-License-Identifier: Apache-2.0
// Which accelerator a trace was recorded on.
#include "sim/base/text_parse.hpp"
#include "sim/study/collective.hpp"
#include "sim/study/replay.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace aisle::sim {

using workloads::traces::Rank;

namespace {

double memory_of(const pb::Accelerator& entry) {
  return topology::quantity_of<Bytes>(entry.hbm_capacity()).value_or(Bytes{}).si();
}

int cores_of(const pb::Accelerator& entry) {
  return static_cast<int>(topology::number_or(entry.cores(), 0));
}

/// How far the memory of an entry is from the recorded one; devices keep a few per cent of what is
/// sold for themselves.
double misfit(const pb::Accelerator& entry, const Rank& rank) {
  double misfit = 0;
  const double memory = memory_of(entry);
  if (rank.memory_bytes > 0 && memory > 0) {
    misfit += std::abs(std::log(static_cast<double>(rank.memory_bytes) / memory));
  }
  const int cores = cores_of(entry);
  if (rank.cores > 0 && cores > 0) {
    misfit += std::abs(std::log(static_cast<double>(rank.cores) / cores));
  }
  return misfit;
}

/// The words of a device's name without those that only say whose it is.
std::vector<std::string> words_of(const std::string& name) {
  std::vector<std::string> words(1);
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.back().empty()) words.pop_back();
  std::erase_if(words, [](const std::string& word) {
    const std::string plainly = plain(word);
    return plainly == "nvidia" || plainly == "tesla" || plainly == "amd" || plainly == "instinct" ||
           plainly == "huawei" || plainly == "radeon";
  });
  return words;
}

}  // namespace

std::string recorded_accelerator(const Rank& rank, const topology::Catalogue& catalogue) {
  constexpr double kFits = 0.25;
  std::vector<std::string> words = words_of(rank.device);
  const pb::Accelerator* best = nullptr;
  for (; !words.empty() && best == nullptr; words.pop_back()) {
    std::string name;
    for (const std::string& word : words) name += (name.empty() ? "" : " ") + word;
    best = catalogue.accelerator(name);
    if (best != nullptr && misfit(*best, rank) < kFits) return best->name();
    // The same chip with another memory or on another board: what begins alike and fits best.
    double least = best != nullptr ? misfit(*best, rank) : kFits;
    const std::string start = plain(name);
    for (const pb::Accelerator* entry : catalogue.accelerators()) {
      if (!plain(entry->name()).starts_with(start) || misfit(*entry, rank) >= least) continue;
      least = misfit(*entry, rank);
      best = entry;
    }
  }
  if (best != nullptr) return best->name();
  if (!rank.device.empty() || rank.cores <= 0 || rank.memory_bytes <= 0) return "";
  double least = kFits;
  for (const pb::Accelerator* entry : catalogue.accelerators()) {
    if (cores_of(*entry) != rank.cores || misfit(*entry, rank) >= least) continue;
    least = misfit(*entry, rank);
    best = entry;
  }
  return best == nullptr ? "" : best->name();
}

int recorded_world(const workloads::traces::Trace& trace) {
  int world = static_cast<int>(trace.ranks.size());
  for (const Rank& rank : trace.ranks) {
    world = std::max({world, static_cast<int>(rank.world), static_cast<int>(rank.number) + 1});
  }
  for (const workloads::traces::CollectiveCall& call : trace.collectives) {
    if (call.group == workloads::traces::kNone) continue;
    world =
        std::max(world, static_cast<int>(trace.groups[static_cast<std::size_t>(call.group)].size));
  }
  return world;
}

int whole_domains(int count, int domain) {
  if (domain <= 1 || count <= domain) return count;
  return (count + domain - 1) / domain * domain;
}

}  // namespace aisle::sim
