// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/describe.hpp"

#include "workloads/traces/shapes.hpp"
#include "workloads/traces/spans.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace aisle::workloads::traces {

namespace {

using topology::Precision;

template <typename T>
const T* at(const std::vector<T>& list, Index index) {
  const auto place = static_cast<std::size_t>(index);
  return index < 0 || place >= list.size() ? nullptr : &list[place];
}

/// Kernels of one operator that do the same kind of work.
enum class Role : std::uint8_t { matrix, attention, stream };

Role role_of(Family family) {
  if (is_matrix_family(family)) return Role::matrix;
  return is_attention_family(family) ? Role::attention : Role::stream;
}

struct Launches {
  Index longest = kNone;
  int grouped = 0;  ///< grouped products so far
};

/// Batches of the annotations, by time.
class Batches {
 public:
  explicit Batches(const Trace& trace) {
    for (const Annotation& annotation : trace.annotations) {
      const auto batch = parse_batch(trace.texts[annotation.name]);
      if (!batch || annotation.start_ns == kUnknown || annotation.duration_ns < 0) continue;
      spans_.push_back({annotation.rank, annotation.stream != kNone, annotation.start_ns,
                        annotation.start_ns + annotation.duration_ns, *batch});
    }
  }

  /// The batch around a launch on the host, or around the kernel itself on the device.
  const Batch* around(Index rank, std::int64_t launch_ns, std::int64_t start_ns) const {
    for (const Span& span : spans_) {
      const std::int64_t time = span.device || launch_ns == kUnknown ? start_ns : launch_ns;
      if (span.rank == rank && span.start <= time && time <= span.end) return &span.batch;
    }
    // One step recorded: graph replay runs after the host's span has ended.
    return spans_.size() == 1 && spans_[0].rank == rank ? &spans_[0].batch : nullptr;
  }

 private:
  struct Span {
    Index rank;
    bool device;
    std::int64_t start, end;
    Batch batch;
  };

  std::vector<Span> spans_;
};

/// Whether an operator or one around it belongs to the backward pass.
bool in_backward(const Trace& trace, const Operator* op) {
  constexpr int kDeepest = 8;
  for (int depth = 0; op != nullptr && depth < kDeepest; ++depth) {
    const std::string& name = trace.texts[op->name];
    if (name.find("ackward") != std::string::npos) return true;
    op = at(trace.operators, op->parent);
  }
  return false;
}

/// Sums up the parts of a product that another kernel computed.
bool only_sums_parts(std::string_view name) {
  constexpr std::string_view kWords[] = {"splitKreduce", "splitk_reduce", "split_k_reduce",
                                         "ReduceSplitK"};
  return std::any_of(std::begin(kWords), std::end(kWords), [&](std::string_view word) {
    return name.find(word) != std::string_view::npos;
  });
}

class Describer {
 public:
  explicit Describer(const Trace& trace)
      : trace_(trace), batches_(trace), out_(trace.device.size()), ordinals_(trace.device.size()) {
    for (std::size_t i = 0; i < trace.device.size(); ++i) classify_event(i);
    gather();
  }

  std::vector<Described> take() {
    for (std::size_t i = 0; i < out_.size(); ++i) shape(i);
    mark_weight_gradients();
    return std::move(out_);
  }

 private:
  void classify_event(std::size_t i) {
    const DeviceEvent& event = trace_.device[i];
    const KernelClass& known = trace_.class_of(event);
    Kernel& kernel = out_[i].kernel;
    kernel.family = known.family;
    if (event.activity == Activity::copy || event.activity == Activity::fill) {
      kernel.family = Family::copy;
    }
    kernel.direction = known.direction;
    kernel.precision = known.precision.value_or(Precision::bf16);
    if (!known.direction_known && in_backward(trace_, at(trace_.operators, event.op))) {
      kernel.direction = Direction::dgrad;
    }
    const Operands* operands = operands_of(event);
    if (!known.precision && operands != nullptr) {
      for (const Tensor& tensor : operands->inputs) {
        const auto precision = precision_of_type(tensor.type);
        if (!precision) continue;
        kernel.precision = *precision;
        break;
      }
    }
    // What only moves bytes is known by the wide format that it reads or writes.
    const bool streams = role_of(kernel.family) == Role::stream;
    if (streams && topology::size_of(kernel.precision).si() < 2) kernel.precision = Precision::bf16;
  }

  const Operands* operands_of(const DeviceEvent& event) const {
    const Operator* op = at(trace_.operators, event.op);
    return op == nullptr ? nullptr : at(trace_.operands, op->operands);
  }

  void gather() {
    for (std::size_t i = 0; i < trace_.device.size(); ++i) {
      const DeviceEvent& event = trace_.device[i];
      if (event.op == kNone || event.activity != Activity::kernel) continue;
      if (only_sums_parts(trace_.name_of(event))) continue;
      Launches& launches = launches_[{event.op, role_of(out_[i].kernel.family)}];
      if (out_[i].kernel.family == Family::grouped_gemm) ordinals_[i] = launches.grouped++;
      const DeviceEvent* longest = at(trace_.device, launches.longest);
      if (longest == nullptr || longest->duration_ns < event.duration_ns) {
        launches.longest = static_cast<Index>(i);
      }
    }
  }

  void shape(std::size_t i) {
    const DeviceEvent& event = trace_.device[i];
    Described& described = out_[i];
    if (event.activity == Activity::copy || event.activity == Activity::fill) {
      const Transfer* transfer = at(trace_.transfers, event.detail);
      if (transfer == nullptr || transfer->bytes < 1) return;
      // Copies within the device read and write; others touch its memory once.
      const bool twice = transfer->kind == CopyKind::within;
      described.kernel.m = transfer->bytes;
      described.kernel.n = 1;
      described.kernel.hbm_bytes =
          (twice ? 2.0 : 1.0) * static_cast<double>(transfer->bytes) * units::B;
      described.from = ShapeFrom::bytes;
      return;
    }
    if (event.activity != Activity::kernel) return;
    const Around around = around_of(i);
    if (from_operands(i, around)) {
      const bool batch =
          around.batch != nullptr && role_of(described.kernel.family) == Role::attention;
      described.from = batch ? ShapeFrom::annotation : ShapeFrom::operands;
      return;
    }
    const LaunchShape* launch = at(trace_.launches, event.detail);
    if (launch == nullptr || role_of(described.kernel.family) != Role::stream) return;
    if (shape_from_grid(trace_.name_of(event), *launch, described.kernel)) {
      described.from = ShapeFrom::grid;
    }
  }

  Around around_of(std::size_t i) const {
    const DeviceEvent& event = trace_.device[i];
    Around around;
    around.op = at(trace_.operators, event.op);
    around.operands = operands_of(event);
    if (around.op != nullptr) around.op_name = trace_.texts[around.op->name];
    const HostCall* call = at(trace_.calls, event.launch);
    around.batch =
        batches_.around(event.rank, call == nullptr ? kUnknown : call->start_ns, event.start_ns);
    const auto found = launches_.find({event.op, role_of(out_[i].kernel.family)});
    if (found == launches_.end()) return around;
    around.longest = found->second.longest == static_cast<Index>(i);
    around.ordinal = ordinals_[i];
    return around;
  }

  bool from_operands(std::size_t i, const Around& around) {
    Kernel& kernel = out_[i].kernel;
    switch (kernel.family) {
      case Family::gemm:
        return matrix_from_operands(around, kernel);
      case Family::grouped_gemm:
        return grouped_from_operands(around, kernel);
      case Family::convolution:
        return convolution_from_operands(around, kernel);
      case Family::attention:
      case Family::attention_decode:
      case Family::mla:
      case Family::mla_decode:
        return attention_from_operands(around, kernel);
      default:
        return stream_from_operands(around, trace_.name_of(trace_.device[i]), kernel);
    }
  }

  /// Of the two products of a layer's backward pass, that of the weights is as deep as the other
  /// one is high: both run over the tokens.
  void mark_weight_gradients() {
    std::map<Index, std::vector<std::size_t>> products;  // by the operator around theirs
    for (std::size_t i = 0; i < out_.size(); ++i) {
      const Operator* op = at(trace_.operators, trace_.device[i].op);
      const bool product = out_[i].kernel.family == Family::gemm &&
                           out_[i].from != ShapeFrom::none &&
                           out_[i].kernel.direction == Direction::dgrad;
      if (product && op != nullptr && op->parent != kNone) products[op->parent].push_back(i);
    }
    for (const auto& [parent, kernels] : products) {
      if (kernels.size() != 2) continue;
      const Kernel& first = out_[kernels[0]].kernel;
      Kernel& second = out_[kernels[1]].kernel;
      if (first.groups == 1 && second.k == first.m) second.direction = Direction::wgrad;
    }
  }

  struct Hash {
    std::size_t operator()(const std::pair<Index, Role>& key) const {
      return static_cast<std::size_t>(key.first) * 4 + static_cast<std::size_t>(key.second);
    }
  };

  const Trace& trace_;
  Batches batches_;
  std::vector<Described> out_;
  std::vector<int> ordinals_;  ///< of grouped products within their operator
  std::unordered_map<std::pair<Index, Role>, Launches, Hash> launches_;
};

}  // namespace

std::string_view to_string(ShapeFrom from) {
  switch (from) {
    case ShapeFrom::none:
      return "none";
    case ShapeFrom::operands:
      return "operands";
    case ShapeFrom::grid:
      return "grid";
    case ShapeFrom::model:
      return "model";
    case ShapeFrom::annotation:
      return "annotation";
    case ShapeFrom::bytes:
      return "bytes";
  }
  return "none";
}

std::vector<Described> describe(const Trace& trace, const ModelGraph* model) {
  std::vector<Described> out = Describer(trace).take();
  if (model != nullptr) shapes_from_model(trace, *model, out);
  return out;
}

std::vector<double> beside_communication(const Trace& trace) {
  const auto device_of = [&](const DeviceEvent& event) {
    const Stream* stream = at(trace.streams, event.stream);
    return std::pair(event.rank, stream == nullptr ? 0 : stream->device);
  };
  const auto communicates = [&](const DeviceEvent& event) {
    return event.activity == Activity::communication || trace.class_of(event).communication;
  };
  std::map<std::pair<Index, std::int32_t>, std::vector<Span>> moving;
  for (const DeviceEvent& event : trace.device) {
    const bool moves = communicates(event) && !trace.class_of(event).rendezvous;
    if (!moves || event.start_ns == kUnknown || event.duration_ns < 1) continue;
    moving[device_of(event)].push_back({event.start_ns, event.start_ns + event.duration_ns});
  }
  for (auto& [device, spans] : moving) spans = united(std::move(spans));
  std::vector<double> shares(trace.device.size());
  for (std::size_t i = 0; i < trace.device.size(); ++i) {
    const DeviceEvent& event = trace.device[i];
    if (communicates(event) || event.start_ns == kUnknown || event.duration_ns < 1) continue;
    const auto found = moving.find(device_of(event));
    if (found == moving.end()) continue;
    const Span span{event.start_ns, event.start_ns + event.duration_ns};
    shares[i] =
        static_cast<double>(covered(span, found->second)) / static_cast<double>(event.duration_ns);
  }
  return shares;
}

}  // namespace aisle::workloads::traces
