// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/classify.hpp"
#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

/// What the importers of tables and graphs share: ranks, streams and operands of a trace, numbers
/// in texts.
namespace aisle::workloads::traces {

/// Appends a rank of this file; its number is not known.
Index add_rank(Trace& trace, const Source& source, Format format);

/// Streams, launch shapes and operands of one import, each stored once.
class Assembler {
 public:
  explicit Assembler(Trace& trace) : trace_(trace) {}

  Index stream(Index rank, std::int32_t device, std::int64_t number, std::string_view name = {});
  Index thread(Index rank, std::string_view process, std::string_view thread);
  Index launch(const LaunchShape& shape);
  Index transfer(const Transfer& transfer);
  Index operands(Operands operands);
  Index group(std::string_view name);
  Index collective(CollectiveCall call);

  /// What the name tells; worked out once per name.
  const KernelClass& class_of(std::uint32_t name);

  /// Appends a kernel; reading makes it communication where its name says so.
  DeviceEvent& add_kernel(std::string_view name, Index rank, Index stream);

 private:
  Trace& trace_;
  std::map<std::tuple<Index, std::int32_t, std::int64_t, std::string>, Index> streams_;
  std::map<std::tuple<Index, std::string, std::string>, Index> threads_;
  std::map<std::string, Index, std::less<>> groups_;
  std::unordered_multimap<std::uint64_t, Index> launches_, operands_;
  std::unordered_map<std::uint32_t, KernelClass> classes_;
};

/// True for names of training steps: "ProfilerStep#3", "step 12", "iteration_7".
bool is_step(std::string_view name);

/// A decimal number as an integer of 10^-`exponent`: "12.3456" with 3 is 12346. Digits that a
/// double would lose are kept. Nothing if it is no number or beyond 4e18.
std::optional<std::int64_t> scaled_integer(std::string_view decimal, int exponent);
std::optional<std::int64_t> to_integer(std::string_view text);
std::optional<double> to_number(std::string_view text);

/// A non-negative value in the range of an int32, else 0.
std::int32_t small(std::int64_t value);

std::string_view trimmed(std::string_view text);
std::string lowered(std::string_view text);

/// Sum that stays at the limits of its type.
std::int64_t sum(std::int64_t a, std::int64_t b);

/// Length of [start, end]; kUnknown where the end lies before the start or is not known.
std::int64_t span_ns(std::int64_t start_ns, std::int64_t end_ns);

/// The tensors of nested list literals, as PyTorch's execution traces write them in JSON and in
/// Python: shapes "[[64, 3], [], [[2], [2]]]" with types "['Tensor(float)', 'Int', ...]".
std::vector<Operands::Tensor> parse_tensors(std::string_view shapes, std::string_view types);

/// The operands that are no tensors, in order, as "Concrete Inputs" of a profiler gives them.
std::string parse_scalars(std::string_view values, std::string_view types);

}  // namespace aisle::workloads::traces
