// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/kineto.hpp"

#include "sim/base/hash.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

namespace aisle::workloads::traces {
namespace {

// Launch calls of CUDA, HIP and CANN by the words in their names.
std::int8_t call_kind(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char byte) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
  });
  const auto has = [&](std::string_view word) { return lower.find(word) != std::string::npos; };
  using Call = HostCall::Kind;
  const auto is = [](Call kind) { return static_cast<std::int8_t>(kind); };
  if (has("graphlaunch")) return is(Call::graph_launch);
  if (has("launch")) return is(Call::launch);
  if (has("waitevent")) return is(Call::wait_event);
  if (has("eventrecord") || has("recordevent")) return is(Call::record_event);
  if (has("synchronize")) return is(Call::wait);
  if (has("memcpy") || has("memset") || has("memcopy")) return is(Call::copy);
  return -1;
}

std::string_view host_text(std::string_view id) {
  return id.starts_with("thread ") ? id.substr(7) : id;
}

}  // namespace

KinetoBuilder::KinetoBuilder(const Source& source, Trace& trace, bool ascend)
    : source_(&source), trace_(&trace), ascend_(ascend) {
  Rank rank;
  rank.format = ascend ? Format::ascend_trace_view : Format::kineto;
  trace.ranks.push_back(std::move(rank));
}

KinetoBuilder::Kind KinetoBuilder::kind_of(std::string name) {
  for (char& byte : name) {
    byte = static_cast<char>(std::tolower(static_cast<unsigned char>(byte)));
  }
  if (name == "kernel" || name == "concurrent_kernel") return Kind::kernel;
  if (name == "memcpy" || name.ends_with("_memcpy")) return Kind::copy;
  if (name == "memset" || name.ends_with("_memset")) return Kind::fill;
  if (name == "runtime" || name.ends_with("_runtime") || name.ends_with("_driver"))
    return Kind::call;
  if (name == "cpu_op" || name == "operator") return Kind::op;
  if (name == "user_annotation") return Kind::annotation;
  if (name == "gpu_user_annotation") return Kind::device_annotation;
  if (name.ends_with("_sync")) return Kind::sync;
  for (const char* known : {"trace", "python_function", "overhead", "enqueue", "dequeue"}) {
    if (name == known) return Kind::unused;
  }
  return Kind::unknown;
}

KinetoBuilder::Category& KinetoBuilder::category_of(std::string_view text) {
  if (last_category_ < categories_.size() && categories_[last_category_].name == text)
    return categories_[last_category_];
  constexpr std::size_t kMost = 64;  // a hostile file has one for each event
  for (last_category_ = 0; last_category_ < categories_.size(); ++last_category_) {
    if (categories_[last_category_].name == text) return categories_[last_category_];
  }
  if (categories_.size() >= kMost) {
    last_category_ = kMost - 1;
    return categories_.back();
  }
  if (categories_.size() == kMost - 1) text = "...";
  categories_.push_back({std::string(text), kind_of(std::string(text)), 0});
  return categories_.back();
}

void KinetoBuilder::lose(std::string_view name, std::string_view advice) {
  ++trace_->accounting.events;
  trace_->accounting.lose(name, Severity::warning, Fault::file, advice);
}

std::uint32_t KinetoBuilder::text(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return trace_->texts.id(raw);
  return trace_->texts.id(unescaped(raw));
}

void KinetoBuilder::add(const KinetoEvent& event) {
  ++trace_->accounting.events;
  switch (event.phase) {
    case 'X':
      break;
    case 'M':
      return add_metadata(event);
    case 'B':
    case 'E':
      return begin_or_end(event);
    default:
      return add_other(event);
  }
  Category* category = ascend_ && event.category.empty() ? nullptr : &category_of(event.category);
  const Kind kind = category == nullptr ? ascend_kind(event) : category->kind;
  if (kind == Kind::unused || kind == Kind::unknown) {
    if (category != nullptr) ++category->unused;
    return;
  }
  const std::optional<std::int64_t> start = nanoseconds(event.ts);
  const std::optional<std::int64_t> duration =
      event.dur.empty() ? std::optional<std::int64_t>(0) : nanoseconds(event.dur);
  if (!start || !duration) {
    return trace_->accounting.lose("event without a readable time", Severity::warning, Fault::file,
                                   "report it to the writer of the trace");
  }
  if (add_span(event, kind, *start, std::max<std::int64_t>(*duration, 0)))
    ++trace_->accounting.imported;
}

bool KinetoBuilder::add_span(const KinetoEvent& event, Kind kind, std::int64_t start,
                             std::int64_t duration) {
  switch (kind) {
    case Kind::kernel:
      return add_device(event, Activity::kernel, start, duration);
    case Kind::copy:
      return add_device(event, Activity::copy, start, duration);
    case Kind::fill:
      return add_device(event, Activity::fill, start, duration);
    case Kind::communication:
      return add_device(event, Activity::communication, start, duration);
    case Kind::call:
      return add_call(event, start, duration);
    case Kind::sync:
      return add_sync(event, start, duration);
    case Kind::op:
      add_operator(event, start, duration);
      return true;
    default:
      break;
  }
  Annotation annotation;
  annotation.start_ns = start;
  annotation.duration_ns = duration;
  annotation.name = text(event.name);
  annotation.step = event.name.starts_with("ProfilerStep");
  if (kind == Kind::annotation)
    annotation.thread = thread_of(event);
  else
    annotation.stream = stream_of(event);
  push(trace_->annotations, annotation);
  return true;
}

bool KinetoBuilder::add_device(const KinetoEvent& event, Activity activity, std::int64_t start,
                               std::int64_t duration) {
  DeviceEvent device;
  device.start_ns = start;
  device.duration_ns = duration;
  device.name = text(event.name);
  device.stream = stream_of(event);
  device.activity = activity;
  if (activity == Activity::kernel) {
    device.detail = shape_of(event);
    if (!event.collective.empty()) {
      device.activity = Activity::communication;
      device.detail = collective_of(event, device.detail);
    }
  } else if (activity == Activity::communication) {
    device.detail = ascend_collective_of(event);
  } else {
    device.detail = transfer_of(event);
  }
  push(trace_->device, device);
  push(device_correlation_, identifier(ascend_ ? event.connection : event.correlation));
  push(device_external_, identifier(event.external));
  return true;
}

bool KinetoBuilder::add_call(const KinetoEvent& event, std::int64_t start, std::int64_t duration) {
  constexpr std::int8_t kNotSeen = -2;
  const std::uint32_t name = text(event.name);
  if (name >= call_kinds_.size()) call_kinds_.resize(name + std::size_t{1}, kNotSeen);
  if (call_kinds_[name] == kNotSeen) call_kinds_[name] = call_kind(trace_->texts[name]);
  if (call_kinds_[name] < 0) {
    trace_->accounting.lose("host call without device work", Severity::note, Fault::none, "");
    return false;
  }
  HostCall call;
  call.start_ns = start;
  call.duration_ns = duration;
  call.name = name;
  call.thread = thread_of(event);
  call.kind = static_cast<HostCall::Kind>(call_kinds_[name]);
  if (const Index shape = shape_of(event); shape != kNone)
    call_shapes_.emplace_back(static_cast<Index>(trace_->calls.size()), shape);
  push(trace_->calls, call);
  push(call_correlation_, identifier(ascend_ ? event.connection : event.correlation));
  return true;
}

// A wait as the device side tells of it. It belongs to the host call of the same correlation; where
// the file has none (trimmed), it is a call of its own.
bool KinetoBuilder::add_sync(const KinetoEvent& event, std::int64_t start, std::int64_t duration) {
  Sync sync;
  sync.correlation = identifier(event.correlation);
  sync.wait_correlation = identifier(event.wait_correlation);
  const auto stream = [&](std::string_view number) {
    const std::int64_t known = whole(number, kNone);
    if (known < 0 || known >= 0xFFFFFFFF) return kNone;  // all streams, or not known
    KinetoEvent named = event;
    named.stream = number;
    return stream_of(named);
  };
  sync.stream = stream(event.stream);
  sync.wait_stream = stream(event.wait_stream);
  sync.start_ns = start;
  sync.duration_ns = duration;
  sync.name = text(event.name);
  syncs_.push_back(sync);
  return true;
}

void KinetoBuilder::add_operator(const KinetoEvent& event, std::int64_t start,
                                 std::int64_t duration) {
  Operator op;
  op.start_ns = start;
  op.duration_ns = duration;
  op.name = text(event.name);
  op.thread = thread_of(event);
  op.operands = operands_of(event);
  push(trace_->operators, op);
  push(operator_external_, identifier(event.external));
}

// Foreign writers: a span as two records of one thread. Only host spans come so.
void KinetoBuilder::begin_or_end(const KinetoEvent& event) {
  constexpr std::size_t kDeepest = 1024;
  const std::optional<std::int64_t> time = nanoseconds(event.ts);
  const Index thread = thread_of(event);
  const auto open = std::find_if(begun_.rbegin(), begun_.rend(),
                                 [&](const Begun& span) { return span.thread == thread; });
  if (!time || (event.phase == 'E' && open == begun_.rend()) ||
      (event.phase == 'B' && begun_.size() == kDeepest)) {
    return trace_->accounting.lose("begin or end without its other half", Severity::warning,
                                   Fault::file, "record a longer window");
  }
  if (event.phase == 'B') {
    const Kind kind = category_of(event.category).kind;
    begun_.push_back({thread, text(event.name), kind, *time});
    return;
  }
  trace_->accounting.imported += 2;
  const std::int64_t duration = std::max<std::int64_t>(*time - open->start_ns, 0);
  if (open->kind == Kind::op) {
    Operator op;
    op.start_ns = open->start_ns;
    op.duration_ns = duration;
    op.name = open->name;
    op.thread = thread;
    push(trace_->operators, op);
    push(operator_external_, kNoId);
  } else {
    Annotation annotation;
    annotation.start_ns = open->start_ns;
    annotation.duration_ns = duration;
    annotation.name = open->name;
    annotation.thread = thread;
    trace_->annotations.push_back(annotation);
  }
  begun_.erase(std::next(open).base());
}

void KinetoBuilder::add_metadata(const KinetoEvent& event) {
  const bool process = event.name == "process_name";
  if (process || event.name == "thread_name") {
    metadata_.push_back(
        {std::string(event.pid), std::string(event.tid), unescaped(event.label), process});
    ++trace_->accounting.imported;
    return;
  }
  trace_->accounting.lose("labels and order of rows", Severity::note, Fault::none, "");
}

void KinetoBuilder::add_other(const KinetoEvent& event) {
  Accounting& accounting = trace_->accounting;
  if (ascend_ && event.phase == 's' && event.category == "async_npu") {
    const std::optional<std::int64_t> start = nanoseconds(event.ts);
    if (start) {
      ++accounting.imported;
      return arrows_.push_back({thread_of(event), *start, 0, whole(event.id, kUnknown), kNone});
    }
  }
  switch (event.phase) {
    case 's':
    case 't':
    case 'f':
      return accounting.lose("flow arrow (identifiers join the events)", Severity::note,
                             Fault::none, "");
    case 'C':
      return accounting.lose("counter", Severity::note, Fault::none, "");
    case 'i':
    case 'I':
    case 'R':
      return accounting.lose("instant", Severity::note, Fault::none, "");
    case 'b':
    case 'n':
    case 'e':
      return accounting.lose("asynchronous span", Severity::note, Fault::none, "");
    case '\0':
      return accounting.lose("record that is no event", Severity::warning, Fault::file,
                             "report it to the writer of the trace");
    default:
      return accounting.lose("event of another phase", Severity::note, Fault::aisle,
                             "report the format");
  }
}

Index KinetoBuilder::thread_of(const KinetoEvent& event) {
  thread_key_.assign(host_text(event.pid));
  thread_key_ += '/';
  thread_key_ += host_text(event.tid);
  if (last_thread_ != kNone && thread_key_ == last_thread_key_) return last_thread_;
  const auto [at, fresh] =
      threads_.try_emplace(thread_key_, static_cast<Index>(trace_->threads.size()));
  if (fresh) {
    trace_->threads.push_back(
        {0, unescaped(host_text(event.pid)), unescaped(host_text(event.tid))});
  }
  last_thread_key_ = thread_key_;
  last_thread_ = at->second;
  return last_thread_;
}

// Of the arguments where they say, else of the row on which the event is drawn.
Index KinetoBuilder::stream_of(const KinetoEvent& event) {
  const std::int64_t device =
      ascend_ ? 0 : whole(event.device.empty() ? event.pid : event.device, 0);
  const std::int64_t number =
      whole(event.stream.empty() || ascend_ ? event.tid : event.stream, kNone);
  // Ascend draws its collectives as another process, with numbers of its own.
  const auto row = static_cast<std::uint64_t>(ascend_ ? whole(event.pid, 0) : device);
  const std::uint64_t key = mixed(row) + static_cast<std::uint64_t>(number);
  if (!streams_.empty() && key == last_stream_key_) return last_stream_;
  const auto [at, fresh] = streams_.try_emplace(key, static_cast<Index>(trace_->streams.size()));
  if (fresh) {
    Stream stream;
    stream.device = static_cast<std::int32_t>(std::clamp<std::int64_t>(device, -1, 1 << 30));
    stream.number = number;
    trace_->streams.push_back(std::move(stream));
    stream_rows_.push_back(std::string(event.pid) + '/' + std::string(event.tid));
  }
  last_stream_key_ = key;
  last_stream_ = at->second;
  return last_stream_;
}

}  // namespace aisle::workloads::traces
