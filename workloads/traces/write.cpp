// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/read.hpp"
#include "workloads/traces/trace.pb.h"

#include <fmt/core.h>
#include <google/protobuf/io/coded_stream.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace aisle::workloads::traces {
namespace {

namespace pb = aisle::pb::trace;

// Records into a gzip stream, through a buffer.
class Writer {
 public:
  explicit Writer(const std::string& path) : file_(gzopen(path.c_str(), "wb4")) {}

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  ~Writer() {
    if (file_ != nullptr) gzclose_w(file_);
  }

  void put(const pb::Record& record) {
    constexpr std::size_t kBuffer = std::size_t{1} << 20, kVarint = 5;
    const std::size_t size = record.ByteSizeLong(), at = buffer_.size();
    buffer_.resize(at + kVarint + size);
    auto* to = reinterpret_cast<std::uint8_t*>(&buffer_[at]);
    to = google::protobuf::io::CodedOutputStream::WriteVarint32ToArray(
        static_cast<std::uint32_t>(size), to);
    to = record.SerializeWithCachedSizesToArray(to);
    buffer_.resize(static_cast<std::size_t>(reinterpret_cast<char*>(to) - buffer_.data()));
    ++records_;
    if (buffer_.size() >= kBuffer) flush();
  }

  bool close() {
    if (file_ == nullptr) return false;
    flush();
    const bool closed = gzclose_w(file_) == Z_OK;
    file_ = nullptr;
    return closed && good_;
  }

  std::int64_t records() const { return records_; }

 private:
  void flush() {
    const auto size = static_cast<unsigned>(buffer_.size());
    if (file_ == nullptr || (size > 0 && gzwrite(file_, buffer_.data(), size) <= 0)) good_ = false;
    buffer_.clear();
  }

  gzFile file_;
  std::string buffer_;
  std::int64_t records_ = 0;
  bool good_ = true;
};

void put_header(const Trace& trace, Writer& writer) {
  pb::Record record;
  pb::Header& header = *record.mutable_header();
  header.set_form("aisle trace 1");
  header.set_origin_ns(trace.origin_ns);
  header.set_events(trace.accounting.events);
  header.set_imported(trace.accounting.imported);
  for (const Unused& entry : trace.accounting.unused) {
    pb::Unused& to = *header.add_unused();
    to.set_name(entry.name);
    to.set_count(entry.count);
    to.set_severity(static_cast<int>(entry.severity));
    to.set_fault(static_cast<int>(entry.fault));
    to.set_advice(entry.advice);
  }
  writer.put(record);
}

void fill(const Rank& rank, pb::Rank& to) {
  to.set_number(rank.number);
  to.set_world(rank.world);
  to.set_file(rank.file);
  to.set_format(static_cast<int>(rank.format));
  to.set_device(rank.device);
  to.set_cores(rank.cores);
  to.set_memory_bytes(rank.memory_bytes);
  to.set_clock_shift_ns(rank.clock_shift_ns);
  to.set_clock_error_ns(rank.clock_error_ns);
}

void fill(const CollectiveCall& call, pb::Collective& to) {
  if (call.kind_known) to.set_kind(static_cast<int>(call.kind));
  if (call.bytes != kUnknown) to.set_bytes(call.bytes);
  if (call.bytes_in != kUnknown) to.set_bytes_in(call.bytes_in);
  if (call.bytes_out != kUnknown) to.set_bytes_out(call.bytes_out);
  if (call.group != kNone) to.set_group(call.group);
  if (call.peer != kNone) to.set_peer(call.peer);
  if (call.sequence != kNone) to.set_sequence(call.sequence);
  to.mutable_split_in()->Add(call.split_in.begin(), call.split_in.end());
  to.mutable_split_out()->Add(call.split_out.begin(), call.split_out.end());
  to.set_dtype(call.dtype);
  if (call.shape != kNone) to.set_shape(call.shape);
  if (call.wire_bytes != kUnknown) to.set_wire_bytes(call.wire_bytes);
  if (call.wire_bytes != kUnknown) to.set_link(call.link);
}

void fill(const std::vector<Operands::Tensor>& tensors,
          google::protobuf::RepeatedPtrField<pb::Operands::Tensor>& to) {
  for (const Operands::Tensor& tensor : tensors) {
    pb::Operands::Tensor& copy = *to.Add();
    copy.mutable_shape()->Add(tensor.shape.begin(), tensor.shape.end());
    copy.set_type(tensor.type);
  }
}

template <typename Span>
void fill_span(const Span& span, pb::Event& to) {
  if (span.start_ns != kUnknown) to.set_start_ns(span.start_ns);
  if (span.duration_ns != kUnknown) to.set_duration_ns(span.duration_ns);
  to.set_name(span.name);
  if (span.rank != 0) to.set_rank(span.rank);
}

void fill(const DeviceEvent& event, pb::Event& to) {
  fill_span(event, to);
  if (event.stream != kNone) to.set_stream(event.stream);
  if (event.launch != kNone) to.set_launch(event.launch);
  if (event.op != kNone) to.set_op(event.op);
  if (event.detail != kNone) to.set_detail(event.detail);
  if (event.activity != Activity::kernel) to.set_kind(static_cast<int>(event.activity));
}

void fill(const HostCall& call, pb::Event& to) {
  fill_span(call, to);
  if (call.thread != kNone) to.set_thread(call.thread);
  if (call.op != kNone) to.set_op(call.op);
  if (call.stream != kNone) to.set_stream(call.stream);
  if (call.kind != HostCall::Kind::launch) to.set_kind(static_cast<int>(call.kind));
}

void fill(const Operator& op, pb::Event& to) {
  fill_span(op, to);
  if (op.thread != kNone) to.set_thread(op.thread);
  if (op.parent != kNone) to.set_op(op.parent);
  if (op.operands != kNone) to.set_detail(op.operands);
}

void fill(const Annotation& annotation, pb::Event& to) {
  fill_span(annotation, to);
  if (annotation.thread != kNone) to.set_thread(annotation.thread);
  if (annotation.stream != kNone) to.set_stream(annotation.stream);
  if (annotation.step) to.set_kind(1);
}

// One record for each item, which `set` fills in.
template <typename Items, typename Set>
void put(const Items& items, pb::Record& record, Writer& writer, Set&& set) {
  for (const auto& item : items) {
    set(item);
    writer.put(record);
    record.Clear();
  }
}

void put_places(const Trace& trace, Writer& writer) {
  pb::Record record;
  for (std::uint32_t id = 0; id < trace.texts.size(); ++id) {
    record.set_text(trace.texts[id]);
    writer.put(record);
  }
  record.Clear();
  put(trace.ranks, record, writer, [&](const Rank& rank) { fill(rank, *record.mutable_rank()); });
  put(trace.streams, record, writer, [&](const Stream& stream) {
    pb::Stream& to = *record.mutable_stream();
    to.set_rank(stream.rank);
    to.set_device(stream.device);
    to.set_number(stream.number);
    to.set_name(stream.name);
  });
  put(trace.threads, record, writer, [&](const Thread& thread) {
    pb::Thread& to = *record.mutable_thread();
    to.set_rank(thread.rank);
    to.set_process(thread.process);
    to.set_thread(thread.thread);
  });
  put(trace.groups, record, writer, [&](const Group& group) {
    pb::Group& to = *record.mutable_group();
    to.set_name(group.name);
    to.set_description(group.description);
    to.set_size(group.size);
    to.mutable_ranks()->Add(group.ranks.begin(), group.ranks.end());
  });
}

void put_details(const Trace& trace, Writer& writer) {
  pb::Record record;
  put(trace.launches, record, writer, [&](const LaunchShape& shape) {
    pb::LaunchShape& to = *record.mutable_launch();
    to.mutable_grid()->Add(shape.grid.begin(), shape.grid.end());
    to.mutable_block()->Add(shape.block.begin(), shape.block.end());
    to.set_registers(shape.registers);
    to.set_shared_memory(shape.shared_memory);
  });
  put(trace.transfers, record, writer, [&](const Transfer& transfer) {
    pb::Transfer& to = *record.mutable_transfer();
    if (transfer.bytes != kUnknown) to.set_bytes(transfer.bytes);
    to.set_kind(static_cast<int>(transfer.kind));
  });
  put(trace.collectives, record, writer,
      [&](const CollectiveCall& call) { fill(call, *record.mutable_collective()); });
  put(trace.operands, record, writer, [&](const Operands& operands) {
    pb::Operands& to = *record.mutable_operands();
    fill(operands.inputs, *to.mutable_inputs());
    fill(operands.outputs, *to.mutable_outputs());
    to.set_values(operands.values);
  });
}

void put_events(const Trace& trace, Writer& writer) {
  pb::Record record;
  put(trace.operators, record, writer, [&](const Operator& op) { fill(op, *record.mutable_op()); });
  put(trace.calls, record, writer,
      [&](const HostCall& call) { fill(call, *record.mutable_call()); });
  put(trace.device, record, writer,
      [&](const DeviceEvent& event) { fill(event, *record.mutable_device()); });
  put(trace.annotations, record, writer,
      [&](const Annotation& annotation) { fill(annotation, *record.mutable_annotation()); });
}

void put_rest(const Trace& trace, Writer& writer) {
  pb::Record record;
  for (const Dependency& dependency : trace.dependencies) {
    record.mutable_dependency()->set_before(dependency.before);
    record.mutable_dependency()->set_after(dependency.after);
    writer.put(record);
  }
  for (const KernelTotal& total : trace.totals) {
    pb::Total& to = *record.mutable_total();
    to.Clear();
    to.set_name(total.name);
    to.set_count(total.count);
    to.set_total_ns(total.total_ns);
    if (total.median_ns != kUnknown) to.set_median_ns(total.median_ns);
    if (total.min_ns != kUnknown) to.set_min_ns(total.min_ns);
    if (total.max_ns != kUnknown) to.set_max_ns(total.max_ns);
    writer.put(record);
  }
  for (const Counters& counters : trace.counters) {
    pb::Counters& to = *record.mutable_counters();
    to.Clear();
    to.set_event(counters.event);
    to.set_dram_bytes(counters.dram_bytes);
    to.set_flops(counters.flops);
    to.set_tensor_share(counters.tensor_share);
    writer.put(record);
  }
  record.set_end(writer.records());
  writer.put(record);
}

}  // namespace

bool write_trace(const Trace& trace, const std::string& path, Diagnostics& diagnostics) {
  const std::string beside = path + ".part";
  errno = 0;
  Writer writer(beside);
  put_header(trace, writer);
  put_places(trace, writer);
  put_details(trace, writer);
  put_events(trace, writer);
  put_rest(trace, writer);
  std::error_code failure;
  if (writer.close()) {
    std::filesystem::rename(beside, path, failure);
    if (!failure) return true;
  }
  const std::string why = failure ? failure.message() : std::strerror(errno);
  std::filesystem::remove(beside, failure);
  diagnostics.error({path, 0, 0}, {}, fmt::format("cannot be written: {}", why),
                    "check the folder and the space on the disk");
  return false;
}

}  // namespace aisle::workloads::traces
