// SPDX-License-Identifier: Apache-2.0
// What launches, copies, collectives and operators carry in their arguments.
#include "workloads/traces/kineto.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace aisle::workloads::traces {
namespace {

using Raw = std::string_view;

// The whole numbers of "[1, 2]"; a list that the writer cut ("[0, 1, ...") gives what is there.
template <typename Number>
std::vector<Number> numbers(Raw list) {
  std::vector<Number> found;
  const char* at = list.data();
  const char* const end = at + list.size();
  while (at < end) {
    Number value = 0;
    const auto [behind, failure] = std::from_chars(at, end, value);
    if (failure == std::errc()) found.push_back(value);
    at = std::max(at + 1, behind);
  }
  return found;
}

std::array<std::int32_t, 3> triple(Raw list) {
  std::array<std::int32_t, 3> value{};
  const std::vector<std::int32_t> found = numbers<std::int32_t>(list);
  std::copy_n(found.begin(), std::min(found.size(), value.size()), value.begin());
  return value;
}

std::string plain(Raw name) {
  std::string letters;
  for (const char byte : name) {
    const auto letter = static_cast<unsigned char>(byte);
    if (std::isalnum(letter) != 0) letters += static_cast<char>(std::tolower(letter));
  }
  return letters;
}

struct Size {
  Raw type;
  std::int64_t bytes;
};

std::int64_t bytes_of_type(const std::string& type) {
  static constexpr std::array<Size, 25> kSizes = {{
      {"float", 4}, {"float32", 4}, {"fp32", 4},    {"bfloat16", 2},     {"bf16", 2},
      {"bfp16", 2}, {"half", 2},    {"float16", 2}, {"fp16", 2},         {"double", 8},
      {"fp64", 8},  {"byte", 1},    {"char", 1},    {"bool", 1},         {"int8", 1},
      {"uint8", 1}, {"short", 2},   {"int16", 2},   {"int", 4},          {"int32", 4},
      {"long", 8},  {"int64", 8},   {"uint64", 8},  {"complexfloat", 8}, {"complexdouble", 16},
  }};
  if (type.starts_with("float8")) return 1;
  const auto* known = std::find_if(kSizes.begin(), kSizes.end(),
                                   [&](const Size& entry) { return entry.type == type; });
  return known == kSizes.end() ? kUnknown : known->bytes;
}

struct KindOfName {
  Raw part;
  CollectiveKind kind;
};

// First match wins: "reduce" is part of the others.
bool kind_of_name(const std::string& name, CollectiveKind& kind) {
  static constexpr std::array<KindOfName, 10> kKinds = {{
      {"allreduce", CollectiveKind::all_reduce},
      {"allgather", CollectiveKind::all_gather},
      {"reducescatter", CollectiveKind::reduce_scatter},
      {"alltoall", CollectiveKind::all_to_all},
      {"broadcast", CollectiveKind::broadcast},
      {"barrier", CollectiveKind::barrier},
      {"send", CollectiveKind::send_recv},
      {"recv", CollectiveKind::send_recv},
      {"receive", CollectiveKind::send_recv},
      {"reduce", CollectiveKind::reduce},
  }};
  for (const KindOfName& entry : kKinds) {
    if (name.find(entry.part) == std::string::npos) continue;
    kind = entry.kind;
    return true;
  }
  return false;
}

// nccl-tests' size: what all ranks together gather, or what one rank puts in.
void set_bytes(CollectiveCall& call) {
  const bool gathers = call.kind_known && call.kind == CollectiveKind::all_gather;
  call.bytes = gathers || call.bytes_in <= 0 ? call.bytes_out : call.bytes_in;
}

CopyKind copy_kind(Raw name) {
  const auto has = [&](Raw word) { return name.find(word) != Raw::npos; };
  if (has("HtoD") || has("host to device")) return CopyKind::host_to_device;
  if (has("DtoH") || has("device to host")) return CopyKind::device_to_host;
  if (has("DtoD") || has("device to device")) return CopyKind::within;
  if (has("PtoP")) return CopyKind::peer;
  return CopyKind::unknown;
}

// "[[1024, 72], [], 3]": the shapes of each operand. "1024,72;\r\n;..." as Ascend writes them.
std::vector<std::vector<std::int64_t>> shapes_of(Raw dims) {
  std::vector<std::vector<std::int64_t>> shapes;
  if (!dims.starts_with('[')) {
    while (!dims.empty()) {
      const std::size_t end = std::min(dims.find(';'), dims.size());
      shapes.push_back(numbers<std::int64_t>(dims.substr(0, end)));
      dims.remove_prefix(std::min(end + 1, dims.size()));
    }
    return shapes;
  }
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < dims.size(); ++at) {
    if (dims[at] == '[' && ++depth == 2) begin = at;
    if (dims[at] == ']' && depth-- == 2)
      shapes.push_back(numbers<std::int64_t>(dims.substr(begin, at + 1 - begin)));
  }
  return shapes;
}

// "[\"float\", \"Scalar\"]", or "float;\r\nScalar".
std::vector<std::string> types_of(Raw types) {
  std::vector<std::string> found;
  if (!types.starts_with('[')) {
    while (!types.empty()) {
      const std::size_t end = std::min(types.find(';'), types.size());
      std::string type = unescaped(types.substr(0, end));
      type.erase(0, type.find_first_not_of("\r\n"));
      found.push_back(std::move(type));
      types.remove_prefix(std::min(end + 1, types.size()));
    }
    return found;
  }
  for (std::size_t at = 0; (at = types.find('"', at)) != Raw::npos;) {
    const std::size_t end = types.find('"', at + 1);
    if (end == Raw::npos) break;
    found.emplace_back(types.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return found;
}

template <typename Number>
Number limited(std::int64_t value) {
  return static_cast<Number>(std::clamp<std::int64_t>(value, 0, 1 << 30));
}

}  // namespace

Index KinetoBuilder::shape_of(const KinetoEvent& event) {
  if (event.grid.empty() && event.block.empty()) return kNone;
  const auto [index, fresh] = shapes_.find(
      {event.grid, event.block, event.registers, event.shared_memory}, trace_->launches.size());
  if (fresh) {
    LaunchShape shape;
    shape.grid = triple(event.grid);
    shape.block = triple(event.block);
    shape.registers = limited<std::int32_t>(whole(event.registers, 0));
    shape.shared_memory = limited<std::int32_t>(whole(event.shared_memory, 0));
    trace_->launches.push_back(shape);
  }
  return index;
}

Index KinetoBuilder::transfer_of(const KinetoEvent& event) {
  const CopyKind kind = copy_kind(event.direction.empty() ? event.name : event.direction);
  const std::array<char, 1> letter = {static_cast<char>(kind)};
  const auto [index, fresh] =
      transfers_.find({event.bytes, Raw(letter.data(), 1)}, trace_->transfers.size());
  if (fresh) trace_->transfers.push_back({whole(event.bytes, kUnknown), kind});
  return index;
}

Index KinetoBuilder::operands_of(const KinetoEvent& event) {
  if (event.dims.empty() && event.types.empty() && event.values.empty()) return kNone;
  const auto [index, fresh] =
      operands_.find({event.dims, event.types, event.values}, trace_->operands.size());
  if (!fresh) return index;
  Operands operands;
  std::vector<std::vector<std::int64_t>> shapes = shapes_of(event.dims);
  std::vector<std::string> types = types_of(event.types);
  operands.inputs.resize(std::max(shapes.size(), types.size()));
  for (std::size_t i = 0; i < operands.inputs.size(); ++i) {
    if (i < shapes.size()) operands.inputs[i].shape = std::move(shapes[i]);
    if (i < types.size()) operands.inputs[i].type = std::move(types[i]);
  }
  operands.values = event.values;
  trace_->operands.push_back(std::move(operands));
  return index;
}

Index KinetoBuilder::group_of(const KinetoEvent& event) {
  if (event.group_name.empty() && event.group_ranks.empty()) return kNone;
  std::string key = "of a kernel: ";
  key += event.group_name.empty() ? event.group_ranks : event.group_name;
  if (const auto known = groups_.find(key); known != groups_.end()) return known->second;
  Group group;
  group.name = unescaped(event.group_name);
  group.description = unescaped(event.group_description);
  group.size = limited<std::int32_t>(whole(event.group_size, 0));
  group.ranks = numbers<std::int32_t>(event.group_ranks);
  const Index index = known_group(std::move(group));
  groups_.emplace(std::move(key), index);
  return index;
}

// Kernels name the groups that distributedInfo lists, before or behind them.
Index KinetoBuilder::known_group(Group group) {
  const auto [at, fresh] =
      groups_.try_emplace(group.name, static_cast<Index>(trace_->groups.size()));
  if (fresh || group.name.empty()) {
    trace_->groups.push_back(std::move(group));
    return static_cast<Index>(trace_->groups.size() - 1);
  }
  Group& known = trace_->groups[static_cast<std::size_t>(at->second)];
  if (known.ranks.size() < group.ranks.size()) known.ranks = std::move(group.ranks);
  if (known.size == 0) known.size = group.size;
  if (known.description.empty()) known.description = std::move(group.description);
  return at->second;
}

// Sizes are elements in the file.
Index KinetoBuilder::collective_of(const KinetoEvent& event, Index shape) {
  CollectiveCall call;
  const std::string name = plain(event.collective);
  call.kind_known = kind_of_name(name, call.kind);
  const std::int64_t each = bytes_of_type(plain(event.dtype));
  constexpr std::int64_t kMost = std::int64_t{1} << 50;
  const auto bytes = [&](Raw elements) {
    const std::int64_t count = whole(elements, kUnknown);
    return each == kUnknown || count < 0 || count > kMost ? kUnknown : count * each;
  };
  call.bytes_in = bytes(event.elements_in);
  call.bytes_out = bytes(event.elements_out);
  set_bytes(call);
  call.group = group_of(event);
  if (!event.peer.empty()) call.peer = limited<std::int32_t>(whole(event.peer, 0));
  call.sequence = std::max(whole(event.sequence, kNone), std::int64_t{kNone});
  call.shape = shape;
  call.split_in = numbers<std::int64_t>(event.split_in);
  call.split_out = numbers<std::int64_t>(event.split_out);
  call.dtype = text(event.dtype);
  trace_->collectives.push_back(std::move(call));
  return static_cast<Index>(trace_->collectives.size() - 1);
}

// "hcom_allReduce__271_0_1" with a count of elements: of the input, by HCCL's interface.
Index KinetoBuilder::ascend_collective_of(const KinetoEvent& event) {
  CollectiveCall call;
  call.kind_known = kind_of_name(plain(event.name), call.kind);
  const std::int64_t each = bytes_of_type(plain(event.dtype));
  const std::int64_t count = whole(event.elements_in, kUnknown);
  if (each != kUnknown && count >= 0 && count < std::int64_t{1} << 50) call.bytes_in = count * each;
  const bool partial = call.kind_known && (call.kind == CollectiveKind::all_gather ||
                                           call.kind == CollectiveKind::reduce_scatter);
  if (!partial) call.bytes = call.bytes_in;  // else it takes the size of the group, not told here
  call.dtype = text(event.dtype);
  trace_->collectives.push_back(std::move(call));
  return static_cast<Index>(trace_->collectives.size() - 1);
}

KinetoBuilder::Kind KinetoBuilder::ascend_kind(const KinetoEvent& event) {
  Accounting& accounting = trace_->accounting;
  if (event.name.starts_with("hcom_")) return Kind::communication;
  if (!event.level.empty()) return Kind::call;
  const Raw type = event.task_type;
  const auto is = [&](Raw word) { return type.find(word) != Raw::npos; };
  if (event.name == "MEMCPY_ASYNC") return Kind::copy;
  if (is("AI_CORE") || is("AI_VECTOR") || is("AIV") || is("AIC") || is("AI_CPU") || is("AICPU") ||
      is("DSA"))
    return Kind::kernel;
  if (type.empty()) {
    accounting.lose("derived span (overlap analysis)", Severity::note, Fault::none, "");
  } else if (is("EVENT") || is("PLACE_HOLDER")) {
    accounting.lose("event or marker on the device", Severity::note, Fault::none, "");
  } else {
    accounting.lose("step of a collective", Severity::note, Fault::none,
                    "the collective itself is used");
  }
  return Kind::unused;
}

}  // namespace aisle::workloads::traces
