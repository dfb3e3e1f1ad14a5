// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/traces/assemble.hpp"
#include "workloads/traces/nsys_database.hpp"
#include "workloads/traces/trace.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aisle::workloads::traces {

/// NVTX ranges and calls of the CUDA interface, and who is inside whom on a thread. Used by
/// nsys_sqlite.cpp alone.
class NsysHost {
 public:
  /// `ranks`: of the processes with device work, by globalPid.
  NsysHost(NsysDatabase& db, Trace& trace, Assembler& assembler,
           const std::map<std::int64_t, Index>& ranks)
      : db_(db), trace_(trace), assembler_(assembler), ranks_(ranks) {}

  /// The process part of a globalTid, as a globalPid.
  static std::int64_t process_of(std::int64_t global_tid) { return global_tid & ~0xFFFFFFLL; }

  /// `by_process`: correlation ids count per process; older exports say nothing of processes.
  void read_calls(bool by_process);
  void read_ranges();
  /// Parents of operators, operators of calls, NCCL's messages of launches.
  void nest();

  /// The call that started device work, or kNone.
  Index call_of(std::int64_t process, std::int64_t correlation) const;

  /// What NCCL's ranges say of the communication that a call launched; nothing where they do not.
  std::optional<CollectiveCall> communication_of(Index call) const;

 private:
  /// One of NCCL's own ranges around sends, receives and collectives.
  struct Message {
    CollectiveKind kind = CollectiveKind::all_reduce;
    std::int64_t bytes = kUnknown;
    std::int32_t peer = kNone;
    bool send = false;
  };

  struct Span {
    std::int64_t start = 0, end = 0, thread = 0;
    Index op = kNone;       // kNone: an annotation
    Index message = kNone;  // into messages_
    bool nccl = false;
  };

  struct Known {
    std::int64_t process, correlation;
    Index call;
  };

  struct Payload {
    std::int64_t size_at = kNone, peer_at = kNone;
    bool certain = true;
  };

  Index thread_of(std::int64_t global_tid, Index rank);
  void read_payload_schemas();
  std::optional<Message> message_of(std::string_view name, const NsysDatabase::Rows& row) const;
  void add_range(const NsysDatabase::Rows& row, const std::string& name);
  Index add_operator(std::string_view name, std::int64_t start, std::int64_t duration, Index rank,
                     Index thread);
  void go_to(std::int64_t thread, std::int64_t time);
  void enter(const Span& span);
  void launched(Index call);

  NsysDatabase& db_;
  Trace& trace_;
  Assembler& assembler_;
  const std::map<std::int64_t, Index>& ranks_;
  std::vector<Known> known_;
  std::vector<std::pair<std::int64_t, Index>> call_threads_;  // globalTid and call
  std::vector<Span> spans_;
  std::vector<Message> messages_;
  std::int64_t thread_ = 0;  // where nest() is, and what is open there
  std::vector<const Span*> open_;
  std::vector<Index> pending_;               // messages since the last launch of the thread
  std::map<std::size_t, Payload> payloads_;  // by their size
  std::unordered_map<Index, CollectiveCall> communications_;  // by call
};

}  // namespace aisle::workloads::traces
