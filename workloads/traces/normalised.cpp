// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/normalised.hpp"

#include "workloads/traces/trace.pb.h"

#include <algorithm>
#include <limits>

namespace aisle::workloads::traces {
namespace {

namespace pb = aisle::pb::trace;

constexpr std::string_view kForm = "aisle trace 1";

// One record after the other, each behind its length.
class Records {
 public:
  explicit Records(Source& source) : source_(&source) {}

  /// False at the end, or where the file is damaged: then at_end() tells.
  bool next(pb::Record& record) {
    std::uint32_t size = 0;
    for (int shift = 0;; shift += 7) {
      if (shift > 28 || !need(1)) return false;
      const auto byte = static_cast<unsigned char>(buffer_[at_++]);
      size |= std::uint32_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) break;
    }
    if (size > kWindow || !need(size)) return false;
    const bool read = record.ParseFromArray(&buffer_[at_], static_cast<int>(size));
    at_ += size;
    return read;
  }

  bool at_end() { return !need(1); }

 private:
  bool need(std::size_t size) {
    if (buffer_.size() - at_ >= size) return true;
    buffer_.erase(0, at_);
    at_ = 0;
    constexpr std::size_t kChunk = std::size_t{1} << 18;
    while (buffer_.size() < size) {  // grows with what is there, not with what a length claims
      const std::size_t had = buffer_.size();
      buffer_.resize(had + kChunk);
      const std::size_t got = source_->read(&buffer_[had], kChunk);
      buffer_.resize(had + got);
      if (got == 0) return false;
    }
    return true;
  }

  Source* source_;
  std::string buffer_;
  std::size_t at_ = 0;
};

template <typename Enum>
Enum limited(int value, Enum last) {
  return static_cast<Enum>(std::clamp(value, 0, static_cast<int>(last)));
}

// Times of a real trace fit, and sums of two of them too.
std::int64_t time_of(bool known, std::int64_t value) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 8;
  return known ? std::clamp<std::int64_t>(value, 0, kMost) : kUnknown;
}

class Reader {
 public:
  explicit Reader(Trace& trace) : trace_(&trace) {}

  void add(const pb::Record& record) {
    switch (record.record_case()) {
      case pb::Record::kHeader:
        return add_header(record.header());
      case pb::Record::kText:
        texts_.push_back(trace_->texts.id(record.text()));
        return;
      case pb::Record::kRank:
        return add_rank(record.rank());
      case pb::Record::kCollective:
        return add_collective(record.collective());
      case pb::Record::kOperands:
        return add_operands(record.operands());
      case pb::Record::kOp:
      case pb::Record::kCall:
      case pb::Record::kDevice:
      case pb::Record::kAnnotation:
        return add_event(record);
      case pb::Record::kEnd:
        ended_ = true;
        return;
      default:
        return add_row(record);
    }
  }

  bool ended() const { return ended_; }

  /// What the header promised did not all come; and the loss of the rest is one record more.
  void recount() {
    Accounting& accounting = trace_->accounting;
    const std::size_t read = trace_->device.size() + trace_->calls.size() +
                             trace_->operators.size() + trace_->annotations.size();
    const std::int64_t imported = std::min(accounting.imported, static_cast<std::int64_t>(read));
    accounting.events += imported - accounting.imported + 1;
    accounting.imported = imported;
  }

  /// References of a damaged file may lead nowhere: they are forgotten. Done once all is read,
  /// since a trace may refer to what comes later.
  void check() {
    Trace& trace = *trace_;
    if (trace.ranks.empty()) trace.ranks.emplace_back();
    const auto check_span = [&](auto& span) { limit_rank(span.rank); };
    for (Stream& stream : trace.streams) limit_rank(stream.rank);
    for (Thread& thread : trace.threads) limit_rank(thread.rank);
    for (DeviceEvent& event : trace.device) {
      check_span(event);
      limit(event.stream, trace.streams.size());
      limit(event.launch, trace.calls.size());
      limit(event.op, trace.operators.size());
      const bool copies = event.activity == Activity::copy || event.activity == Activity::fill;
      limit(event.detail, copies                                      ? trace.transfers.size()
                          : event.activity == Activity::communication ? trace.collectives.size()
                                                                      : trace.launches.size());
    }
    for (HostCall& call : trace.calls) {
      check_span(call);
      limit(call.thread, trace.threads.size());
      limit(call.op, trace.operators.size());
      limit(call.stream, trace.streams.size());
    }
    for (Operator& op : trace.operators) {
      check_span(op);
      limit(op.thread, trace.threads.size());
      limit(op.parent, trace.operators.size());
      limit(op.operands, trace.operands.size());
    }
    cut_circles();
    for (Annotation& annotation : trace.annotations) {
      check_span(annotation);
      limit(annotation.thread, trace.threads.size());
      limit(annotation.stream, trace.streams.size());
    }
    for (CollectiveCall& call : trace.collectives) {
      limit(call.group, trace.groups.size());
      limit(call.shape, trace.launches.size());
    }
    for (Counters& counters : trace.counters) limit(counters.event, trace.device.size());
    std::erase_if(trace.dependencies, [&](Dependency& dependency) {
      limit(dependency.before, trace.device.size());
      limit(dependency.after, trace.device.size());
      return dependency.before == kNone || dependency.after == kNone;
    });
  }

 private:
  // Operators around each other: the link that closes the circle goes.
  void cut_circles() {
    std::vector<Operator>& operators = trace_->operators;
    std::vector<Index> walk(operators.size(), kNone);  // which walk came by first
    for (std::size_t i = 0; i < operators.size(); ++i) {
      const auto self = static_cast<Index>(i);
      for (Index at = self; walk[static_cast<std::size_t>(at)] == kNone;) {
        walk[static_cast<std::size_t>(at)] = self;
        Index& parent = operators[static_cast<std::size_t>(at)].parent;
        if (parent != kNone && walk[static_cast<std::size_t>(parent)] == self) parent = kNone;
        if (parent == kNone) break;
        at = parent;
      }
    }
  }

  static void limit(Index& index, std::size_t size) {
    if (index < 0 || static_cast<std::size_t>(index) >= size) index = kNone;
  }

  void limit_rank(Index& rank) const {
    limit(rank, trace_->ranks.size());
    if (rank == kNone) rank = 0;
  }

  std::uint32_t text(std::uint32_t row) {
    return row < texts_.size() ? texts_[row] : trace_->texts.id("");
  }

  void add_header(const pb::Header& header) {
    trace_->origin_ns = time_of(true, header.origin_ns());
    Accounting& accounting = trace_->accounting;
    accounting = {};  // of a damaged file with two headers the later one counts
    accounting.imported = time_of(true, header.imported());
    accounting.events = accounting.imported;
    for (const pb::Unused& unused : header.unused()) {
      const std::int64_t count = std::clamp<std::int64_t>(unused.count(), 0, std::int64_t{1} << 40);
      accounting.lose(unused.name(), limited(unused.severity(), Severity::note),
                      limited(unused.fault(), Fault::aisle), unused.advice(), count);
      accounting.events += count;
    }
  }

  void add_rank(const pb::Rank& from) {
    Rank rank;
    rank.number = from.number();
    rank.world = from.world();
    rank.file = from.file();
    rank.format = limited(from.format(), Format::jax_nvtx);
    rank.device = from.device();
    rank.cores = from.cores();
    rank.memory_bytes = from.memory_bytes();
    rank.clock_shift_ns = from.clock_shift_ns();
    rank.clock_error_ns = from.clock_error_ns();
    trace_->ranks.push_back(std::move(rank));
  }

  void add_collective(const pb::Collective& from) {
    CollectiveCall call;
    call.kind_known = from.has_kind();
    call.kind = limited(from.kind(), CollectiveKind::barrier);
    if (from.has_bytes()) call.bytes = from.bytes();
    if (from.has_bytes_in()) call.bytes_in = from.bytes_in();
    if (from.has_bytes_out()) call.bytes_out = from.bytes_out();
    if (from.has_group()) call.group = from.group();
    if (from.has_peer()) call.peer = from.peer();
    if (from.has_sequence()) call.sequence = from.sequence();
    call.split_in.assign(from.split_in().begin(), from.split_in().end());
    call.split_out.assign(from.split_out().begin(), from.split_out().end());
    call.dtype = text(from.dtype());
    if (from.has_shape()) call.shape = from.shape();
    if (from.has_wire_bytes()) call.wire_bytes = from.wire_bytes();
    if (from.has_link()) call.link = text(from.link());
    if (from.has_transit_ns()) call.transit_ns = from.transit_ns();
    if (from.has_wait_ns()) call.wait_ns = from.wait_ns();
    trace_->collectives.push_back(std::move(call));
  }

  static std::vector<Operands::Tensor> tensors(
      const google::protobuf::RepeatedPtrField<pb::Operands::Tensor>& from) {
    std::vector<Operands::Tensor> copies;
    for (const pb::Operands::Tensor& tensor : from) {
      copies.push_back({{tensor.shape().begin(), tensor.shape().end()}, tensor.type()});
    }
    return copies;
  }

  void add_operands(const pb::Operands& from) {
    trace_->operands.push_back({tensors(from.inputs()), tensors(from.outputs()), from.values()});
  }

  template <typename Span>
  Span span(const pb::Event& event) {
    Span to;
    to.start_ns = time_of(event.has_start_ns(), event.start_ns());
    to.duration_ns = time_of(event.has_duration_ns(), event.duration_ns());
    to.name = text(event.name());
    to.rank = event.rank();
    return to;
  }

  void add_event(const pb::Record& record) {
    if (record.has_device()) {
      const pb::Event& event = record.device();
      auto device = span<DeviceEvent>(event);
      if (event.has_stream()) device.stream = event.stream();
      if (event.has_launch()) device.launch = event.launch();
      if (event.has_op()) device.op = event.op();
      if (event.has_detail()) device.detail = event.detail();
      device.activity = limited(event.kind(), Activity::communication);
      trace_->device.push_back(device);
    } else if (record.has_call()) {
      const pb::Event& event = record.call();
      auto call = span<HostCall>(event);
      if (event.has_thread()) call.thread = event.thread();
      if (event.has_op()) call.op = event.op();
      if (event.has_stream()) call.stream = event.stream();
      call.kind = limited(event.kind(), HostCall::Kind::record_event);
      trace_->calls.push_back(call);
    } else if (record.has_op()) {
      const pb::Event& event = record.op();
      auto op = span<Operator>(event);
      if (event.has_thread()) op.thread = event.thread();
      if (event.has_op()) op.parent = event.op();
      if (event.has_detail()) op.operands = event.detail();
      trace_->operators.push_back(op);
    } else {
      const pb::Event& event = record.annotation();
      auto annotation = span<Annotation>(event);
      if (event.has_thread()) annotation.thread = event.thread();
      if (event.has_stream()) annotation.stream = event.stream();
      annotation.step = event.kind() == 1;
      trace_->annotations.push_back(annotation);
    }
  }

  void add_row(const pb::Record& record) {
    Trace& trace = *trace_;
    if (record.has_stream()) {
      const pb::Stream& from = record.stream();
      trace.streams.push_back({from.rank(), from.device(), from.number(), from.name()});
    } else if (record.has_thread()) {
      const pb::Thread& from = record.thread();
      trace.threads.push_back({from.rank(), from.process(), from.thread()});
    } else if (record.has_group()) {
      const pb::Group& from = record.group();
      trace.groups.push_back({from.name(),
                              from.description(),
                              from.size(),
                              {from.ranks().begin(), from.ranks().end()}});
    } else if (record.has_launch()) {
      const pb::LaunchShape& from = record.launch();
      LaunchShape shape;
      std::copy_n(from.grid().begin(), std::min(from.grid_size(), 3), shape.grid.begin());
      std::copy_n(from.block().begin(), std::min(from.block_size(), 3), shape.block.begin());
      shape.registers = from.registers();
      shape.shared_memory = from.shared_memory();
      trace.launches.push_back(shape);
    } else if (record.has_transfer()) {
      const pb::Transfer& from = record.transfer();
      trace.transfers.push_back(
          {from.has_bytes() ? from.bytes() : kUnknown, limited(from.kind(), CopyKind::peer)});
    } else if (record.has_dependency()) {
      trace.dependencies.push_back({record.dependency().before(), record.dependency().after()});
    } else if (record.has_total()) {
      const pb::Total& from = record.total();
      trace.totals.push_back({text(from.name()), from.count(), from.total_ns(),
                              from.has_median_ns() ? from.median_ns() : kUnknown,
                              from.has_min_ns() ? from.min_ns() : kUnknown,
                              from.has_max_ns() ? from.max_ns() : kUnknown});
    } else if (record.has_counters()) {
      const pb::Counters& from = record.counters();
      trace.counters.push_back(
          {from.event(), from.dram_bytes(), from.flops(), from.tensor_share()});
    }
  }

  Trace* trace_;
  std::vector<std::uint32_t> texts_;  // ids by row
  bool ended_ = false;
};

}  // namespace

bool recognises_normalised(std::string_view head) {
  constexpr std::size_t kNear = 24;  // behind the lengths of record and header
  return head.substr(0, kNear).find(kForm) != std::string_view::npos;
}

bool import_normalised(Source& source, Trace& trace, Diagnostics& diagnostics) {
  Records records(source);
  Reader reader(trace);
  pb::Record record;
  if (!records.next(record) || record.header().form() != kForm) {
    diagnostics.error({source.name(), 0, 0}, {}, "the header is damaged", "import the trace again");
    return false;
  }
  do { reader.add(record); } while (!reader.ended() && records.next(record));
  if (!reader.ended() || !records.at_end()) {
    const char* const what = reader.ended() ? "something follows the end of the trace"
                                            : "the trace breaks off; what came before is used";
    diagnostics.warning({source.name(), 0, 0}, {}, what, "import the trace again");
    reader.recount();
    trace.accounting.lose("rest of a damaged file", Severity::warning, Fault::file,
                          "import the trace again");
  }
  reader.check();
  return true;
}

}  // namespace aisle::workloads::traces
