// SPDX-License-Identifier: Apache-2.0
#include "gui/models/recorded_trace.hpp"

#include "sim/study/result.pb.h"
#include "workloads/traces/read.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace aisle::gui {

namespace {

using workloads::traces::Activity;
using workloads::traces::DeviceEvent;
using workloads::traces::Trace;

/// Kinds of spans as result.proto numbers them, and one for what is neither.
int kind_of(Activity activity) {
  switch (activity) {
    case Activity::kernel:
      return static_cast<int>(SpanKind::compute);
    case Activity::communication:
      return static_cast<int>(SpanKind::communication);
    case Activity::copy:
    case Activity::fill:
      break;
  }
  return static_cast<int>(SpanKind::other);
}

bool has_time(const DeviceEvent& event) {
  return event.start_ns != workloads::traces::kUnknown && event.duration_ns >= 0;
}

/// Streams of ranks that have events, and names, filled as events come.
class Builder {
 public:
  explicit Builder(const Trace& trace) : trace_(trace) {
    origin_ = std::numeric_limits<std::int64_t>::max();
    for (const auto& event : trace.device)
      if (has_time(event)) origin_ = std::min(origin_, event.start_ns);
    for (std::size_t i = 0; i < trace.ranks.size(); ++i) {
      const auto& rank = trace.ranks[i];
      const int number = rank.number < 0 ? static_cast<int>(i) : rank.number;
      auto& to = *timeline().add_rank();
      to.set_name("rank " + std::to_string(number) +
                  (rank.device.empty() ? "" : ", " + rank.device));
    }
  }

  void add(const DeviceEvent& event) {
    pb::TimelineStream& stream = streamOf(event);
    stream.add_start_ns(event.start_ns - origin_);
    stream.add_duration_ns(event.duration_ns);
    const auto [name, is_new] = names_.emplace(event.name, timeline().name_size());
    if (is_new) timeline().add_name(trace_.texts[event.name]);
    stream.add_name_index(name->second);
    stream.add_kind(kind_of(event.activity));
  }

  std::shared_ptr<const pb::Result> take() { return std::move(result_); }

 private:
  pb::Timeline& timeline() { return *result_->mutable_timeline(); }

  pb::TimelineStream& streamOf(const DeviceEvent& event) {
    pb::TimelineStream*& stream = streams_[{event.rank, event.stream}];
    if (stream != nullptr) return *stream;
    stream = timeline().mutable_rank(event.rank)->add_stream();
    if (event.stream < 0) {
      stream->set_name("device");
    } else {
      const auto& of = trace_.streams[static_cast<std::size_t>(event.stream)];
      stream->set_name(of.name.empty() ? "stream " + std::to_string(of.number) : of.name);
    }
    return *stream;
  }

  const Trace& trace_;
  std::int64_t origin_ = 0;
  std::shared_ptr<pb::Result> result_ = std::make_shared<pb::Result>();
  std::map<std::pair<int, int>, pb::TimelineStream*> streams_;
  std::map<std::uint32_t, int> names_;
};

}  // namespace

std::shared_ptr<const TimelineModel> read_recorded(const QString& path, Diagnostics& diagnostics) {
  const auto trace = workloads::traces::read_trace({path.toStdString()}, diagnostics);
  if (!trace) return nullptr;
  Builder builder(*trace);
  bool any = false;
  for (const auto& event : trace->device) {
    if (!has_time(event)) continue;
    builder.add(event);
    any = true;
  }
  if (any) return std::make_shared<const TimelineModel>(builder.take());
  diagnostics.error({path.toStdString(), 0, 0}, {}, "holds no device events with times",
                    "tables of totals have none: record a trace of single executions");
  return nullptr;
}

}  // namespace aisle::gui
