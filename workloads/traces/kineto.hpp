// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/source.hpp"
#include "workloads/traces/trace.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

/// Chrome trace events as Kineto and Ascend's profiler write them. Used by workloads/traces alone.
namespace aisle::workloads::traces {

/// One event as text of the file: numbers as they stand there, strings without their quotes and
/// not unescaped, arrays with their brackets. Empty: not there.
struct KinetoEvent {
  using Raw = std::string_view;
  char phase = 0;
  Raw category, name, pid, tid, ts, dur, id;
  Raw external, correlation, device, stream, bytes, kind;
  Raw grid, block, registers, shared_memory;
  Raw dims, types, values;
  Raw collective, elements_in, elements_out, group_size, dtype, split_in, split_out;
  Raw group_name, group_description, group_ranks, sequence, peer;
  Raw wait_stream, wait_correlation;
  Raw label;                                    ///< name that a metadata event gives
  Raw connection, task_type, direction, level;  ///< Ascend
};

/// Microseconds as decimal text, in whole nanoseconds: 19 digits do not fit a double. Nothing if it
/// is no number or beyond the year 2090.
std::optional<std::int64_t> nanoseconds(std::string_view microseconds);

/// A whole number, also of the form "7" or "stream 7"; `otherwise` if it is none.
std::int64_t whole(std::string_view text, std::int64_t otherwise);

/// An identifier, cut to 32 bits; kNoId if there is none (0 and -1 are none as well).
inline constexpr std::uint32_t kNoId = 0;
std::uint32_t identifier(std::string_view text);

/// What a string of the file says, escapes resolved.
std::string unescaped(std::string_view raw);

/// Index of a value by the text that it was made from; the text itself is not kept.
class SeenTexts {
 public:
  /// The index for these texts, and whether it is new (then it is `next`).
  std::pair<Index, bool> find(std::initializer_list<std::string_view> texts, std::size_t next);

 private:
  std::unordered_map<std::uint64_t, Index> seen_;
};

/// Builds one rank of a trace from events in any order.
class KinetoBuilder {
 public:
  KinetoBuilder(const Source& source, Trace& trace, bool ascend);

  /// Uses an event or counts it as unused.
  void add(const KinetoEvent& event);

  /// Counts a record that could not be read.
  void lose(std::string_view name, std::string_view advice);

  /// Properties of rank, devices, groups; the clock's origin. `raw` is JSON with 64 readable bytes
  /// behind it.
  void add_member(std::string_view name, std::string_view raw);

  /// Joins what belongs together. Called once, after the last event.
  void finish();

 private:
  enum class Kind : std::uint8_t {
    kernel,
    copy,
    fill,
    communication,
    call,
    op,
    annotation,
    device_annotation,
    sync,
    unused,   ///< known, and of no use here
    unknown,  ///< a category that we have not seen
  };

  struct Category {
    std::string name;
    Kind kind = Kind::unknown;
    std::int64_t unused = 0;
  };

  struct Metadata {
    std::string pid, tid, name;
    bool process = false;
  };

  struct Sync {  // a wait; wait_correlation: of the call that recorded the event waited for
    std::uint32_t correlation, wait_correlation;
    std::int64_t start_ns, duration_ns;
    Index stream, wait_stream;
    std::uint32_t name;
  };

  struct Arrow {  // Ascend: from an operator's point of launch to the task that starts at `task_ns`
    Index thread;
    std::int64_t start_ns, duration_ns, task_ns;
    Index op;
  };

  struct Begun {
    Index thread;
    std::uint32_t name;
    Kind kind;
    std::int64_t start_ns;
  };

  static Kind kind_of(std::string name);
  Category& category_of(std::string_view text);
  void add_metadata(const KinetoEvent& event);
  void add_other(const KinetoEvent& event);
  bool add_span(const KinetoEvent& event, Kind kind, std::int64_t start, std::int64_t duration);
  bool add_device(const KinetoEvent& event, Activity activity, std::int64_t start,
                  std::int64_t duration);
  bool add_call(const KinetoEvent& event, std::int64_t start, std::int64_t duration);
  bool add_sync(const KinetoEvent& event, std::int64_t start, std::int64_t duration);
  void add_operator(const KinetoEvent& event, std::int64_t start, std::int64_t duration);
  void begin_or_end(const KinetoEvent& event);
  Kind ascend_kind(const KinetoEvent& event);
  Index collective_of(const KinetoEvent& event, Index shape);
  Index ascend_collective_of(const KinetoEvent& event);
  Index group_of(const KinetoEvent& event);
  Index known_group(Group group);
  Index shape_of(const KinetoEvent& event);
  Index transfer_of(const KinetoEvent& event);
  Index operands_of(const KinetoEvent& event);
  Index stream_of(const KinetoEvent& event);
  Index thread_of(const KinetoEvent& event);
  std::uint32_t text(std::string_view raw);

  void join_operators();
  void join_launches();
  void join_external();
  void join_arrows();
  void join_waits();
  void name_streams();
  void describe_rank();
  void report_unused();

  // Tables grow to what the share of the file that was read promises: a vector that doubles would
  // hold up to three times its content.
  template <typename Item>
  void push(std::vector<Item>& table, const Item& item) {
    constexpr double kEnough = 0.02;
    if (table.size() == table.capacity() && table.size() >= 4096) {
      const double progress = source_->progress();
      if (progress > kEnough) {
        const double expected = 1.02 * static_cast<double>(table.size()) / progress;
        table.reserve(
            std::max(static_cast<std::size_t>(expected), table.size() + table.size() / 8));
      }
    }
    table.push_back(item);
  }

  const Source* source_;
  Trace* trace_;
  bool ascend_;
  std::vector<Category> categories_;
  std::size_t last_category_ = 0;
  // Identifiers by which events are joined, cut to 32 bits: writers count them up.
  std::vector<std::uint32_t> device_correlation_, device_external_;  // beside Trace::device
  std::vector<std::uint32_t> call_correlation_, operator_external_;
  std::vector<std::pair<Index, Index>>
      call_shapes_;                      // HIP: the call may have what the kernel lacks
  std::vector<std::int8_t> call_kinds_;  // by text: HostCall::Kind, -1 none, -2 not looked at
  std::vector<Sync> syncs_;
  std::vector<Arrow> arrows_;
  std::vector<Metadata> metadata_;
  std::vector<Begun> begun_;
  std::unordered_map<std::string, Index> threads_;
  std::string thread_key_, last_thread_key_;
  Index last_thread_ = kNone;
  std::unordered_map<std::uint64_t, Index> streams_;
  std::vector<std::string> stream_rows_;  // where they are drawn: "pid/tid"
  std::uint64_t last_stream_key_ = 0;
  Index last_stream_ = kNone;
  SeenTexts shapes_, transfers_, operands_;
  std::unordered_map<std::string, Index> groups_;  // by name
  std::vector<Rank> devices_;                      // as deviceProperties has them
  std::vector<std::int32_t> numbers_;              // of these
};

}  // namespace aisle::workloads::traces
