// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/assemble.hpp"

#include "sim/base/hash.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace aisle::workloads::traces {
namespace {

std::uint64_t hash_of(const LaunchShape& shape) {
  std::uint64_t hash = 0;
  const auto add = [&](std::int32_t value) {
    hash = mixed(hash ^ static_cast<std::uint64_t>(static_cast<std::uint32_t>(value)));
  };
  for (const std::int32_t value : shape.grid) add(value);
  for (const std::int32_t value : shape.block) add(value);
  add(shape.registers);
  add(shape.shared_memory);
  return hash;
}

std::uint64_t hash_of(const Operands& operands) {
  std::uint64_t hash = std::hash<std::string>{}(operands.values);
  for (const auto* side : {&operands.inputs, &operands.outputs}) {
    hash = mixed(hash ^ side->size());
    for (const Operands::Tensor& tensor : *side) {
      hash = mixed(hash ^ std::hash<std::string>{}(tensor.type));
      for (const std::int64_t length : tensor.shape) {
        hash = mixed(hash ^ static_cast<std::uint64_t>(length));
      }
    }
  }
  return hash;
}

template <class Value>
Index stored_once(std::unordered_multimap<std::uint64_t, Index>& known, std::vector<Value>& values,
                  Value value) {
  const std::uint64_t hash = hash_of(value);
  const auto [first, last] = known.equal_range(hash);
  for (auto same = first; same != last; ++same) {
    if (values[static_cast<std::size_t>(same->second)] == value) return same->second;
  }
  const auto index = static_cast<Index>(values.size());
  values.push_back(std::move(value));
  known.emplace(hash, index);
  return index;
}

}  // namespace

Index add_rank(Trace& trace, const Source& source, Format format) {
  Rank rank;
  rank.file = source.name();
  rank.format = format;
  trace.ranks.push_back(std::move(rank));
  return static_cast<Index>(trace.ranks.size() - 1);
}

Index Assembler::stream(Index rank, std::int32_t device, std::int64_t number,
                        std::string_view name) {
  const auto [place, fresh] = streams_.try_emplace({rank, device, number, std::string(name)},
                                                   static_cast<Index>(trace_.streams.size()));
  if (fresh) trace_.streams.push_back({rank, device, number, std::string(name)});
  return place->second;
}

Index Assembler::thread(Index rank, std::string_view process, std::string_view thread) {
  const auto [place, fresh] = threads_.try_emplace(
      {rank, std::string(process), std::string(thread)}, static_cast<Index>(trace_.threads.size()));
  if (fresh) trace_.threads.push_back({rank, std::string(process), std::string(thread)});
  return place->second;
}

Index Assembler::launch(const LaunchShape& shape) {
  return stored_once(launches_, trace_.launches, shape);
}

Index Assembler::transfer(const Transfer& transfer) {
  trace_.transfers.push_back(transfer);
  return static_cast<Index>(trace_.transfers.size() - 1);
}

Index Assembler::operands(Operands operands) {
  if (operands == Operands{}) return kNone;
  return stored_once(operands_, trace_.operands, std::move(operands));
}

Index Assembler::group(std::string_view name) {
  const auto known = groups_.find(name);
  if (known != groups_.end()) return known->second;
  const auto index = static_cast<Index>(trace_.groups.size());
  trace_.groups.push_back({std::string(name), {}, 0, {}});
  groups_.emplace(name, index);
  return index;
}

Index Assembler::collective(CollectiveCall call) {
  trace_.collectives.push_back(std::move(call));
  return static_cast<Index>(trace_.collectives.size() - 1);
}

const KernelClass& Assembler::class_of(std::uint32_t name) {
  const auto known = classes_.find(name);
  if (known != classes_.end()) return known->second;
  return classes_.emplace(name, classify(trace_.texts[name])).first->second;
}

DeviceEvent& Assembler::add_kernel(std::string_view name, Index rank, Index stream) {
  DeviceEvent event;
  event.name = trace_.texts.id(name);
  event.rank = rank;
  event.stream = stream;
  trace_.device.push_back(event);
  return trace_.device.back();
}

bool is_step(std::string_view name) {
  const std::string text = lowered(name);
  if (text.starts_with("profilerstep#")) return true;
  for (const std::string_view word :
       {"global_step", "train_step", "training step", "train step", "step", "iteration", "iter"}) {
    if (!text.starts_with(word)) continue;
    const std::string_view rest = std::string_view(text).substr(word.size());
    const std::size_t digit = rest.find_first_not_of(" _#:=-");
    return digit <= 2 && rest.find_first_not_of("0123456789", digit) == std::string_view::npos;
  }
  return false;
}

std::int32_t small(std::int64_t value) {
  return value < 0 || value > std::numeric_limits<std::int32_t>::max()
             ? 0
             : static_cast<std::int32_t>(value);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t\r\n");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return out;
}

std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t total = 0;
  if (!__builtin_add_overflow(a, b, &total)) return total;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

std::int64_t span_ns(std::int64_t start_ns, std::int64_t end_ns) {
  if (end_ns < start_ns) return kUnknown;
  return sum(end_ns, start_ns == std::numeric_limits<std::int64_t>::min() ? 0 : -start_ns);
}

}  // namespace aisle::workloads::traces
