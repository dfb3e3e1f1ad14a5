// SPDX-License-Identifier: Apache-2.0
#include "sim/base/utf8.hpp"
#include "sim/report/trace_report.hpp"

#include <fmt/format.h>
#include <queue>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <system_error>
#include <unistd.h>

namespace aisle::sim {
namespace {

using namespace workloads::traces;

/// The inside of a JSON string; bytes that are no UTF-8 become question marks.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_character(text, i);
    const char c = text[i];
    if (length == 0) {
      out += '?';
    } else if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

/// A file that is written in pieces, beside its name until it is whole.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    const std::filesystem::path target(path);
    temporary_ =
        (target.parent_path() / fmt::format(".{}.{}.tmp", target.filename().string(), ::getpid()))
            .string();
    // "T": as it is, without compression.
    file_ = gzopen(temporary_.c_str(), path.ends_with(".gz") ? "wb6" : "wbT");
    if (file_ == nullptr) refuse();
  }

  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  ~Output() {
    if (file_ != nullptr) gzclose_w(file_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }

  /// The text's line, with what separates it from the one before.
  template <typename... T>
  void event(fmt::format_string<T...> form, T&&... values) {
    fmt::format_to(std::back_inserter(buffer_), "{}", first_ ? "" : ",\n");
    fmt::format_to(std::back_inserter(buffer_), form, std::forward<T>(values)...);
    first_ = false;
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    if (buffer_.size() > kPiece) flush();
  }

  void text(std::string_view text) { buffer_ += text; }

  void keep() {
    flush();
    const int status = gzclose_w(file_);
    file_ = nullptr;
    if (status != Z_OK || ::rename(temporary_.c_str(), path_.c_str()) != 0) refuse();
    temporary_.clear();
  }

 private:
  void flush() {
    if (buffer_.empty()) return;
    const int written = gzwrite(file_, buffer_.data(), static_cast<unsigned>(buffer_.size()));
    if (written <= 0) refuse();
    buffer_.clear();
  }

  [[noreturn]] void refuse() {
    throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
  }

  std::string path_, temporary_, buffer_;
  gzFile file_ = nullptr;
  bool first_ = true;
};

/// Gives each slice, in order of start, the lowest track that is free.
class Lanes {
 public:
  std::size_t place(std::int64_t start, std::int64_t end) {
    while (!busy_.empty() && busy_.top().first <= start) {
      free_.insert(busy_.top().second);
      busy_.pop();
    }
    if (free_.empty()) free_.insert(count_++);
    const std::size_t lane = *free_.begin();
    free_.erase(free_.begin());
    busy_.emplace(end, lane);
    return lane;
  }

  std::size_t count() const { return count_; }

 private:
  using Busy = std::pair<std::int64_t, std::size_t>;
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy_;
  std::set<std::size_t> free_;
  std::size_t count_ = 0;
};

/// Tracks for spans of the host, which may hold one another.
class Nests {
 public:
  std::size_t place(std::int64_t start, std::int64_t end) {
    constexpr std::size_t kMost = 64;  // beyond that, what crosses is shown as it is
    for (std::size_t lane = 0;; ++lane) {
      if (lane == open_.size()) open_.emplace_back();
      std::vector<std::int64_t>& ends = open_[lane];
      while (!ends.empty() && ends.back() <= start) ends.pop_back();
      if (!ends.empty() && ends.back() < end && lane + 1 < kMost) continue;
      ends.push_back(end);
      return lane;
    }
  }

  std::size_t count() const { return open_.size(); }

 private:
  std::vector<std::vector<std::int64_t>> open_;
};

struct HostSpan {
  std::int64_t start, duration;
  std::uint32_t name;
  const char* category;
  Index call;  ///< kNone: no call
};

/// Tracks are numbered per process; those of one stream or thread follow one another.
constexpr std::size_t kTracks = 64;

class Writer {
 public:
  Writer(const Trace& trace, const std::vector<Described>& described, Output& out)
      : trace_(trace), described_(described), out_(out), call_track_(trace.calls.size(), 0) {
    zero_ = std::numeric_limits<std::int64_t>::max();
    const auto see = [&](const auto& list) {
      for (const auto& event : list) {
        if (event.start_ns != kUnknown) zero_ = std::min(zero_, event.start_ns);
      }
    };
    see(trace.device);
    see(trace.calls);
    see(trace.operators);
    see(trace.annotations);
  }

  void run() {
    host();
    device();
  }

 private:
  static std::size_t host_process(Index rank) { return static_cast<std::size_t>(rank) * 1000 + 1; }

  void name(std::string_view what, std::size_t process, std::size_t track, const std::string& text,
            std::size_t order) {
    out_.event(R"({{"ph":"M","name":"{}_name","pid":{},"tid":{},"args":{{"name":"{}"}}}})", what,
               process, track, escaped(text));
    out_.event(
        R"({{"ph":"M","name":"{}_sort_index","pid":{},"tid":{},"args":{{"sort_index":{}}}}})", what,
        process, track, order);
  }

  std::string rank_name(Index rank) const {
    return fmt::format("rank {}", trace_.ranks[static_cast<std::size_t>(rank)].number);
  }

  /// Microseconds with three decimals from whole nanoseconds: nothing is rounded.
  std::string time(std::int64_t ns) const {
    const std::int64_t at = ns - zero_;
    return fmt::format("{}.{:03}", at / 1000, at % 1000);
  }

  static std::string length(std::int64_t ns) {
    return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
  }

  void slice(std::uint32_t text, std::string_view category, std::int64_t start,
             std::int64_t length_ns, std::size_t process, std::size_t track,
             const std::string& arguments) {
    out_.event(
        R"({{"ph":"X","name":"{}","cat":"{}","ts":{},"dur":{},"pid":{},"tid":{},"args":{{{}}}}})",
        escaped(trace_.texts[text]), category, time(start), length(length_ns), process, track,
        arguments);
  }

  void host() {
    std::map<std::pair<Index, Index>, std::vector<HostSpan>> threads;
    const auto add = [&](const auto& span, const char* category, Index call) {
      if (span.start_ns == kUnknown || span.duration_ns < 0) return;
      threads[{span.rank, span.thread}].push_back(
          {span.start_ns, span.duration_ns, span.name, category, call});
    };
    for (const Annotation& span : trace_.annotations) {
      if (span.stream == kNone) add(span, "annotation", kNone);
    }
    for (const Operator& op : trace_.operators) add(op, "operator", kNone);
    for (std::size_t i = 0; i < trace_.calls.size(); ++i) {
      add(trace_.calls[i], "call", static_cast<Index>(i));
    }
    std::map<Index, std::size_t> used;
    for (auto& [key, spans] : threads) {
      const auto [rank, thread] = key;
      const std::size_t process = host_process(rank);
      if (used[rank] == 0) name("process", process, 0, rank_name(rank) + " host", process);
      thread_tracks(rank, thread, spans, used[rank]);
    }
  }

  void thread_tracks(Index rank, Index thread, std::vector<HostSpan>& spans, std::size_t& used) {
    std::stable_sort(spans.begin(), spans.end(), [](const HostSpan& a, const HostSpan& b) {
      return a.start != b.start ? a.start < b.start : a.duration > b.duration;
    });
    const std::size_t process = host_process(rank), first = used + 1;
    Nests nests;
    for (const HostSpan& span : spans) {
      const std::size_t track = first + nests.place(span.start, span.start + span.duration);
      if (span.call != kNone) call_track_[static_cast<std::size_t>(span.call)] = track;
      slice(span.name, span.category, span.start, span.duration, process, track, "");
    }
    used += nests.count();
    std::string title = "host";
    if (thread != kNone) {
      const Thread& entry = trace_.threads[static_cast<std::size_t>(thread)];
      title = fmt::format("thread {} {}", entry.process, entry.thread);
    }
    for (std::size_t lane = 0; lane < nests.count(); ++lane) {
      name("thread", process, first + lane, lane == 0 ? title : title + " (beside)", first + lane);
    }
  }

  void device() {
    std::vector<std::size_t> order(trace_.device.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return trace_.device[a].start_ns < trace_.device[b].start_ns;
    });
    std::map<std::pair<Index, Index>, Lanes> lanes;
    for (const std::size_t i : order) {
      const DeviceEvent& event = trace_.device[i];
      if (event.start_ns == kUnknown || event.duration_ns < 0) continue;
      Lanes& own = lanes[{event.rank, event.stream}];
      const std::size_t track =
          track_of(event.stream, own.place(event.start_ns, event.start_ns + event.duration_ns));
      const std::size_t process = device_process(event.rank, event.stream);
      slice(event.name, category(event), event.start_ns, event.duration_ns, process, track,
            arguments(event, described_[i].kernel, described_[i].from));
      flow(event, i, process, track);
    }
    for (const Annotation& span : trace_.annotations) {
      if (span.stream == kNone || span.start_ns == kUnknown || span.duration_ns < 0) continue;
      slice(span.name, "annotation", span.start_ns, span.duration_ns,
            device_process(span.rank, span.stream), track_of(span.stream, kTracks - 1), "");
      lanes.try_emplace({span.rank, span.stream});
    }
    device_names(lanes);
  }

  std::size_t device_process(Index rank, Index stream) const {
    const std::int32_t device =
        stream < 0 ? 0 : trace_.streams[static_cast<std::size_t>(stream)].device;
    return host_process(rank) + 1 + static_cast<std::size_t>(std::clamp(device, 0, 900));
  }

  static std::size_t track_of(Index stream, std::size_t lane) {
    return static_cast<std::size_t>(stream + 1) * kTracks + std::min(lane, kTracks - 1) + 1;
  }

  void device_names(const std::map<std::pair<Index, Index>, Lanes>& lanes) {
    std::set<std::size_t> named;
    for (const auto& [key, own] : lanes) {
      const auto [rank, stream] = key;
      const std::size_t process = device_process(rank, stream);
      std::int32_t device = 0;
      std::string title = "device";
      if (stream >= 0) {
        const Stream& entry = trace_.streams[static_cast<std::size_t>(stream)];
        device = entry.device;
        title = entry.name.empty() ? fmt::format("stream {}", entry.number) : entry.name;
      }
      if (named.insert(process).second) {
        name("process", process, 0, fmt::format("{} device {}", rank_name(rank), device), process);
      }
      for (std::size_t lane = 0; lane < std::min(own.count(), kTracks); ++lane) {
        const std::size_t track = track_of(stream, lane);
        name("thread", process, track, lane == 0 ? title : title + " (beside)", track);
      }
      const std::size_t spans = track_of(stream, kTracks - 1);
      name("thread", process, spans, title + " spans", spans);
    }
  }

  std::string category(const DeviceEvent& event) const {
    const KernelClass& known = trace_.class_of(event);
    if (event.activity != Activity::kernel) return std::string(to_string(event.activity));
    return std::string(known.known ? to_string(known.family) : "unknown");
  }

  std::string arguments(const DeviceEvent& event, const workloads::Kernel& kernel,
                        ShapeFrom from) const {
    const KernelClass& known = trace_.class_of(event);
    std::string out = fmt::format(R"("library":"{}")", escaped(known.library));
    const auto append = std::back_inserter(out);
    if (event.activity == Activity::communication && event.detail >= 0) {
      const CollectiveCall& call = trace_.collectives[static_cast<std::size_t>(event.detail)];
      fmt::format_to(append, R"(,"collective":"{}")",
                     call.kind_known ? workloads::to_string(call.kind) : "unknown");
      if (call.bytes != kUnknown) fmt::format_to(append, R"(,"bytes":{})", call.bytes);
      if (call.group >= 0) {
        const Group& group = trace_.groups[static_cast<std::size_t>(call.group)];
        fmt::format_to(append, R"(,"group":"{}","members":{})", escaped(group.name), group.size);
      }
    }
    if (event.activity == Activity::kernel && event.detail >= 0) {
      const LaunchShape& shape = trace_.launches[static_cast<std::size_t>(event.detail)];
      fmt::format_to(append, R"(,"grid":"{} x {} x {}","block":"{} x {} x {}")", shape.grid[0],
                     shape.grid[1], shape.grid[2], shape.block[0], shape.block[1], shape.block[2]);
    }
    if (from != ShapeFrom::none) {
      fmt::format_to(append, R"(,"shape":"{} x {} x {}","shape_from":"{}","precision":"{}")",
                     kernel.m, kernel.n, kernel.k, workloads::traces::to_string(from),
                     topology::to_string(kernel.precision));
      fmt::format_to(append, R"(,"gflop":{:.6g},"hbm_mb":{:.6g})", kernel.flops.si() / 1e9,
                     kernel.hbm_bytes.si() / 1e6);
    }
    return out;
  }

  void flow(const DeviceEvent& event, std::size_t id, std::size_t process, std::size_t track) {
    if (event.launch < 0) return;
    const HostCall& call = trace_.calls[static_cast<std::size_t>(event.launch)];
    if (call.start_ns == kUnknown || call.start_ns > event.start_ns) return;
    out_.event(R"({{"ph":"s","name":"launch","cat":"launch","id":{},"ts":{},"pid":{},"tid":{}}})",
               id, time(call.start_ns), host_process(call.rank),
               call_track_[static_cast<std::size_t>(event.launch)]);
    out_.event(
        R"({{"ph":"f","bp":"e","name":"launch","cat":"launch","id":{},"ts":{},"pid":{},"tid":{}}})",
        id, time(event.start_ns), process, track);
  }

  const Trace& trace_;
  const std::vector<Described>& described_;
  Output& out_;
  std::int64_t zero_ = 0;
  std::vector<std::size_t> call_track_;
};

}  // namespace

void write_trace_perfetto(const Trace& trace, const std::vector<Described>& described,
                          const std::string& path) {
  Output out(path);
  out.text("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  Writer(trace, described, out).run();
  out.text("\n]}\n");
  out.keep();
}

}  // namespace aisle::sim
