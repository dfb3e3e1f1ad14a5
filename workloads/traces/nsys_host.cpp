// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/nsys_host.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

namespace aisle::workloads::traces {
namespace {

std::optional<HostCall::Kind> kind_of(std::string_view name) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("GraphLaunch")) return HostCall::Kind::graph_launch;
  if (has("LaunchHostFunc")) return std::nullopt;
  if (has("Launch")) return HostCall::Kind::launch;
  if (has("Memcpy") || has("Memset")) return HostCall::Kind::copy;
  if (has("StreamWaitEvent")) return HostCall::Kind::wait_event;
  if (has("EventRecord")) return HostCall::Kind::record_event;
  if (has("Synchronize")) return HostCall::Kind::wait;
  return std::nullopt;
}

/// The collectives of NCCL by the end of a name: "ncclAllReduce", "nccl:all_to_all".
std::optional<CollectiveKind> collective_of(std::string_view name) {
  std::string text;
  for (const char letter : lowered(name)) {
    if (letter >= 'a' && letter <= 'z') text += letter;
  }
  constexpr std::array<std::pair<std::string_view, CollectiveKind>, 10> kNames = {{
      {"allreduce", CollectiveKind::all_reduce},
      {"allgather", CollectiveKind::all_gather},
      {"reducescatter", CollectiveKind::reduce_scatter},
      {"alltoall", CollectiveKind::all_to_all},
      {"broadcast", CollectiveKind::broadcast},
      {"bcast", CollectiveKind::broadcast},
      {"reduce", CollectiveKind::reduce},
      {"barrier", CollectiveKind::barrier},
      {"send", CollectiveKind::send_recv},
      {"recv", CollectiveKind::send_recv},
  }};
  for (const auto& [stem, kind] : kNames) {
    if (text.find(stem) != std::string::npos) return kind;
  }
  return std::nullopt;
}

std::optional<std::int64_t> number_behind(std::string_view text, std::string_view key) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t from = text.find_first_of("0123456789", at + key.size());
  if (from == std::string_view::npos || from > at + key.size() + 4) return std::nullopt;
  const std::size_t end = std::min(text.find_first_not_of("0123456789", from), text.size());
  return to_integer(text.substr(from, end - from));
}

template <class Number>
std::optional<std::int64_t> read_at(std::string_view bytes, std::int64_t at) {
  if (at < 0 || static_cast<std::size_t>(at) + sizeof(Number) > bytes.size()) return std::nullopt;
  Number value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(Number));
  return static_cast<std::int64_t>(value);
}

/// No message is longer: what claims to be is no size.
constexpr std::int64_t kLongestMessage = std::int64_t{1} << 44;

}  // namespace

Index NsysHost::thread_of(std::int64_t global_tid, Index rank) {
  return assembler_.thread(rank, std::to_string((global_tid >> 24) & 0xFFFFFF),
                           std::to_string(global_tid & 0xFFFFFF));
}

void NsysHost::read_calls(bool by_process) {
  auto rows = db_.select("CUPTI_ACTIVITY_KIND_RUNTIME",
                         {"start", "end", "globalTid", "correlationId", "nameId"});
  Accounting& accounting = trace_.accounting;
  while (rows.next()) {
    ++accounting.events;
    const std::int64_t tid = rows.integer(2), process = process_of(tid);
    const std::string name = db_.string(rows.integer(4, -1));
    const auto kind = kind_of(name);
    const auto rank = ranks_.find(process);
    const std::int64_t start = rows.integer(0), duration = span_ns(start, rows.integer(1));
    if (rows.is_null(0) || rows.is_null(1) || duration == kUnknown) {
      accounting.lose("host call without times", Severity::warning, Fault::file, "");
    } else if (!kind) {
      accounting.lose("host call without device work", Severity::note, Fault::none, "");
    } else if (by_process && rank == ranks_.end()) {
      accounting.lose("host call of a process without device work", Severity::note, Fault::none,
                      "");
    } else {
      HostCall call;
      call.start_ns = start;
      call.duration_ns = duration;
      call.name = trace_.texts.id(name);
      call.rank = rank == ranks_.end() ? 0 : rank->second;
      call.thread = thread_of(tid, call.rank);
      call.kind = *kind;
      const auto index = static_cast<Index>(trace_.calls.size());
      trace_.calls.push_back(call);
      call_threads_.emplace_back(tid, index);
      known_.push_back({by_process ? process : 0, rows.integer(3, -1), index});
      ++accounting.imported;
    }
  }
  std::sort(known_.begin(), known_.end(), [](const Known& a, const Known& b) {
    return std::tie(a.process, a.correlation, a.call) < std::tie(b.process, b.correlation, b.call);
  });
}

Index NsysHost::call_of(std::int64_t process, std::int64_t correlation) const {
  const auto at = std::lower_bound(
      known_.begin(), known_.end(), std::tie(process, correlation),
      [](const Known& a, const auto& key) { return std::tie(a.process, a.correlation) < key; });
  const bool found = at != known_.end() && at->process == process && at->correlation == correlation;
  return found ? at->call : kNone;
}

/// Where NCCL's payloads keep size and peer: by the length of the payload, since the export does
/// not say which schema a payload follows; usable where all schemas of a length agree.
void NsysHost::read_payload_schemas() {
  std::map<std::int64_t, std::size_t> sizes;
  auto schemas = db_.select("NVTX_PAYLOAD_SCHEMAS", {"schemaId", "payloadSize"});
  while (schemas.next()) {
    sizes[schemas.integer(0)] =
        static_cast<std::size_t>(std::max<std::int64_t>(schemas.integer(1), 0));
  }
  auto entries = db_.select("NVTX_PAYLOAD_SCHEMA_ENTRIES", {"schemaId", "name", "offset"});
  while (entries.next()) {
    const auto size = sizes.find(entries.integer(0));
    if (size == sizes.end()) continue;
    Payload& payload = payloads_[size->second];
    const std::string_view name = entries.text(1);
    std::int64_t* place = name.starts_with("Message size") ? &payload.size_at
                          : name == "Peer rank"            ? &payload.peer_at
                                                           : nullptr;
    if (place == nullptr) continue;
    if (*place != kNone && *place != entries.integer(2)) payload.certain = false;
    *place = entries.integer(2);
  }
}

std::optional<NsysHost::Message> NsysHost::message_of(std::string_view name,
                                                      const NsysDatabase::Rows& row) const {
  if (!name.starts_with("nccl") || name.starts_with("nccl:") ||
      name.find("Comm") != std::string_view::npos || name.find("Group") != std::string_view::npos) {
    return std::nullopt;
  }
  const auto kind = collective_of(name);
  if (!kind) return std::nullopt;
  Message message;
  message.kind = *kind;
  message.send = name == "ncclSend";
  std::optional<std::int64_t> bytes = number_behind(row.text(6), "Message size [bytes]\"");
  std::optional<std::int64_t> peer = number_behind(row.text(6), "Peer rank\"");
  const std::string_view blob = row.bytes(7);
  const auto payload = payloads_.find(blob.size());
  if (!bytes && payload != payloads_.end() && payload->second.certain) {
    bytes = read_at<std::uint64_t>(blob, payload->second.size_at);
    if (*kind == CollectiveKind::send_recv) {
      peer = read_at<std::int32_t>(blob, payload->second.peer_at);
    }
  }
  if (bytes && *bytes >= 0 && *bytes < kLongestMessage) message.bytes = *bytes;
  if (peer && *peer >= 0) message.peer = small(*peer);
  return message;
}

Index NsysHost::add_operator(std::string_view name, std::int64_t start, std::int64_t duration,
                             Index rank, Index thread) {
  // "aten::mul, seq = 1, op_id = 2, sizes = [[2, 3], []]", as emit_nvtx writes.
  const std::size_t detail = std::min(name.find(", seq = "), name.find(", op_id = "));
  Operator op;
  op.start_ns = start;
  op.duration_ns = duration;
  op.name = trace_.texts.id(name.substr(0, detail));
  op.rank = rank;
  op.thread = thread;
  constexpr std::string_view kSizes = "sizes = ";
  if (const std::size_t sizes = name.find(kSizes); sizes != std::string_view::npos) {
    std::string_view list = name.substr(sizes + kSizes.size());
    list = list.substr(0, list.find(", input_op_ids"));
    op.operands = assembler_.operands({parse_tensors(list, {}), {}, {}});
  }
  trace_.operators.push_back(op);
  return static_cast<Index>(trace_.operators.size() - 1);
}

void NsysHost::add_range(const NsysDatabase::Rows& row, const std::string& name) {
  constexpr std::int64_t kPushPop = 59, kPushPopForeign = 70;
  const std::int64_t tid = row.integer(3), start = row.integer(0), end = row.integer(1);
  const auto rank = ranks_.find(process_of(tid));
  const Index owner = rank == ranks_.end() ? 0 : rank->second;
  const Index thread = thread_of(tid, owner);
  const std::int64_t type = row.integer(2), duration = span_ns(start, end);
  const bool nested = type == kPushPop || type == kPushPopForeign;
  Span span{start, end,   tid,
            kNone, kNone, name.starts_with("nccl") && name.find(':') == std::string::npos};
  if (nested && name.find(", op_id = ") != std::string::npos) {
    span.op = add_operator(name, start, duration, owner, thread);
  } else {
    trace_.annotations.push_back(
        {start, duration, trace_.texts.id(name), owner, thread, kNone, is_step(name)});
    if (const auto message = message_of(name, row)) {
      span.message = static_cast<Index>(messages_.size());
      messages_.push_back(*message);
    }
  }
  if (nested && (span.op != kNone || span.nccl)) spans_.push_back(span);
  ++trace_.accounting.imported;
}

void NsysHost::read_ranges() {
  constexpr std::array<std::int64_t, 4> kRanges = {59, 60, 70, 71};
  read_payload_schemas();
  auto rows = db_.select("NVTX_EVENTS", {"start", "end", "eventType", "globalTid", "text", "textId",
                                         "jsonText", "binaryData"});
  Accounting& accounting = trace_.accounting;
  while (rows.next()) {
    ++accounting.events;
    const std::int64_t type = rows.integer(2);
    if (std::find(kRanges.begin(), kRanges.end(), type) == kRanges.end()) {
      accounting.lose(type == 34 ? "NVTX mark" : "NVTX definition", Severity::note, Fault::none,
                      "");
      continue;
    }
    if (rows.is_null(0) || rows.is_null(1) || rows.integer(1) < rows.integer(0)) {
      accounting.lose("NVTX range without an end", Severity::note, Fault::none,
                      "it was open when recording stopped");
      continue;
    }
    std::string name =
        rows.is_null(4) ? db_.string(rows.integer(5, -1)) : std::string(rows.text(4));
    if (name.empty()) {
      accounting.lose("NVTX range without a name", Severity::note, Fault::none, "");
    } else {
      add_range(rows, name);
    }
  }
}

void NsysHost::launched(Index call) {
  HostCall& host = trace_.calls[static_cast<std::size_t>(call)];
  std::optional<CollectiveKind> kind;
  bool nccl = false;
  for (auto span = open_.rbegin(); span != open_.rend(); ++span) {
    nccl = nccl || (*span)->nccl;
    if ((*span)->op == kNone) continue;
    const Operator& op = trace_.operators[static_cast<std::size_t>((*span)->op)];
    if (host.op == kNone) host.op = (*span)->op;
    const std::string& name = trace_.texts[op.name];
    if (!kind && name.starts_with("nccl:")) kind = collective_of(name);
  }
  if (host.kind != HostCall::Kind::launch || (!kind && !nccl)) return;
  CollectiveCall out;
  std::int64_t sent = kUnknown, messages = 0;
  for (const Index index : pending_) {
    const Message& message = messages_[static_cast<std::size_t>(index)];
    if (message.kind == CollectiveKind::send_recv && !message.send && pending_.size() > 1) continue;
    ++messages;
    if (message.bytes != kUnknown) sent = sum(std::max<std::int64_t>(sent, 0), message.bytes);
    out.peer = message.peer;
    out.kind = message.kind;
    out.kind_known = true;
  }
  pending_.clear();
  if (out.kind == CollectiveKind::send_recv && messages > 1) out.kind = CollectiveKind::all_to_all;
  if (kind) out.kind = *kind;
  out.kind_known = out.kind_known || kind.has_value();
  if (out.kind != CollectiveKind::send_recv) out.peer = kNone;
  // NCCL counts one rank's share of gathered and scattered buffers.
  if (out.kind == CollectiveKind::all_gather) {
    out.bytes_in = sent;
  } else if (out.kind == CollectiveKind::reduce_scatter) {
    out.bytes_out = sent;
  } else {
    out.bytes = sent;
  }
  communications_[call] = std::move(out);
}

void NsysHost::go_to(std::int64_t thread, std::int64_t time) {
  if (thread != thread_) {
    open_.clear();
    pending_.clear();
    thread_ = thread;
  }
  while (!open_.empty() && open_.back()->end <= time) open_.pop_back();
}

void NsysHost::enter(const Span& span) {
  constexpr std::size_t kDeepest = 1000;  // what nests deeper is left without parents
  go_to(span.thread, span.start);
  const auto outer = std::find_if(open_.rbegin(), open_.rend(),
                                  [](const Span* around) { return around->op != kNone; });
  if (span.op != kNone && outer != open_.rend()) {
    trace_.operators[static_cast<std::size_t>(span.op)].parent = (*outer)->op;
  }
  if (span.message != kNone && pending_.size() < kDeepest) pending_.push_back(span.message);
  if (open_.size() < kDeepest) open_.push_back(&span);
}

void NsysHost::nest() {
  std::sort(spans_.begin(), spans_.end(), [](const Span& a, const Span& b) {
    return std::tie(a.thread, a.start, b.end) < std::tie(b.thread, b.start, a.end);
  });
  const auto start_of = [&](Index call) {
    return trace_.calls[static_cast<std::size_t>(call)].start_ns;
  };
  std::sort(call_threads_.begin(), call_threads_.end(), [&](const auto& a, const auto& b) {
    return std::tuple(a.first, start_of(a.second), a.second) <
           std::tuple(b.first, start_of(b.second), b.second);
  });
  auto next = spans_.begin();
  for (const auto& [tid, call] : call_threads_) {
    const std::int64_t start = start_of(call);
    for (; next != spans_.end() && std::tie(next->thread, next->start) <= std::tie(tid, start);
         ++next) {
      enter(*next);
    }
    go_to(tid, start);
    launched(call);
  }
  for (; next != spans_.end(); ++next) enter(*next);
  open_.clear();
  spans_ = {};
}

std::optional<CollectiveCall> NsysHost::communication_of(Index call) const {
  const auto known = communications_.find(call);
  if (known == communications_.end()) return std::nullopt;
  return known->second;
}

}  // namespace aisle::workloads::traces
