// SPDX-License-Identifier: Apache-2.0
// Chakra execution traces in Protobuf, read by field number: the schema of 2023-10 and later with
// its GlobalMetadata, and the one before it.
#include "workloads/traces/chakra_graph.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/importer.hpp"
#include "workloads/traces/table_rows.hpp"

#include <fmt/core.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace aisle::workloads::traces {
namespace {

namespace io = google::protobuf::io;

/// One field of a message as it is on the wire.
struct Field {
  std::uint32_t number = 0, type = 0;
  std::uint64_t value = 0;      // varint and fixed types
  std::string_view bytes = {};  // length-delimited ones
};

constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

/// The fields of a message, one after the other.
class Message {
 public:
  explicit Message(std::string_view bytes)
      : bytes_(bytes),
        in_(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {}

  bool next(Field& field) {
    const std::uint32_t tag = in_.ReadTag();
    field = {tag >> 3, tag & 7};
    if (tag == 0) {
      broken_ = static_cast<std::size_t>(in_.CurrentPosition()) < bytes_.size();
      return false;
    }
    broken_ = !read(field) || field.number == 0;
    return !broken_;
  }

  bool broken() const { return broken_; }

 private:
  bool read(Field& field) {
    std::uint32_t small = 0;
    switch (field.type) {
      case kVarint:
        return in_.ReadVarint64(&field.value);
      case kFixed64:
        return in_.ReadLittleEndian64(&field.value);
      case kFixed32:
        if (!in_.ReadLittleEndian32(&small)) return false;
        field.value = small;
        return true;
      case kBytes: {
        if (!in_.ReadVarint32(&small)) return false;
        const auto at = static_cast<std::size_t>(in_.CurrentPosition());
        if (small > bytes_.size() - at) return false;
        field.bytes = bytes_.substr(at, small);
        return in_.Skip(static_cast<int>(small));
      }
      default:
        return false;
    }
  }

  std::string_view bytes_;
  io::CodedInputStream in_;
  bool broken_ = false;
};

/// A number of any type that AttributeProto has, by its field number.
std::optional<std::int64_t> integer_of(const Field& field) {
  const auto whole = [](double value) -> std::optional<std::int64_t> {
    if (!(std::abs(value) < 9e18)) return std::nullopt;
    return std::llround(value);
  };
  const std::uint64_t zigzag = (field.value >> 1) ^ (~(field.value & 1) + 1);
  switch (field.number) {
    case 3:
      return whole(std::bit_cast<double>(field.value));
    case 5:
      return whole(std::bit_cast<float>(static_cast<std::uint32_t>(field.value)));
    case 15:
    case 17:
      return static_cast<std::int64_t>(zigzag);
    case 23:
      return static_cast<std::int32_t>(static_cast<std::uint32_t>(field.value));
    default:
      if (field.type == kBytes) return to_integer(field.bytes);
      return static_cast<std::int64_t>(field.value);
  }
}

bool read_attribute(std::string_view bytes, ChakraNode& node) {
  Message message(bytes);
  std::string_view name, text;
  std::optional<std::int64_t> integer;
  for (Field field; message.next(field);) {
    if (field.number == 1) name = field.bytes;
    if (field.number >= 3 && field.number <= 32) {
      integer = integer_of(field);
      text = field.bytes;
    }
  }
  if (!message.broken()) node.set(name, integer, text);
  return !message.broken();
}

bool read_values(std::string_view bytes, ChakraNode::Values& values) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (field.number == 1) values.values = field.bytes;
    if (field.number == 2) values.shapes = field.bytes;
    if (field.number == 3) values.types = field.bytes;
  }
  return !message.broken();
}

/// Repeated numbers, packed or not.
bool read_ids(const Field& field, std::vector<std::uint64_t>& ids) {
  if (field.type == kVarint) ids.push_back(field.value);
  if (field.type != kBytes) return true;
  io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(field.bytes.data()),
                          static_cast<int>(field.bytes.size()));
  std::uint64_t id = 0;
  while (static_cast<std::size_t>(in.CurrentPosition()) < field.bytes.size()) {
    if (!in.ReadVarint64(&id)) return false;
    ids.push_back(id);
  }
  return true;
}

ChakraNode::Kind kind_of(std::uint64_t type) {
  return type <= 7 ? static_cast<ChakraNode::Kind>(type) : ChakraNode::Kind::invalid;
}

bool read_node(std::string_view bytes, ChakraNode& node) {
  Message message(bytes);
  bool whole = true;
  for (Field field; message.next(field);) {
    const auto value = static_cast<std::int64_t>(field.value);
    switch (field.number) {
      case 1:
        node.id = field.value;
        break;
      case 2:
        node.name = field.bytes;
        break;
      case 3:
        node.kind = kind_of(field.value);
        break;
      case 4:
        whole = whole && read_ids(field, node.control);
        break;
      case 5:
        whole = whole && read_ids(field, node.data);
        break;
      case 6:
        node.start_us = value;
        break;
      case 7:
        node.duration_us = value;
        break;
      case 8:
        whole = whole && read_values(field.bytes, node.inputs);
        break;
      case 9:
        whole = whole && read_values(field.bytes, node.outputs);
        break;
      case 10:
        whole = whole && read_attribute(field.bytes, node);
        break;
      default:
        break;
    }
  }
  return whole && !message.broken();
}

/// The schema before 2023-10: attributes are fields, types count without metadata, collectives
/// from 1 in another order.
bool read_old_node(std::string_view bytes, ChakraNode& node) {
  Message message(bytes);
  bool whole = true;
  for (Field field; message.next(field);) {
    const auto value = static_cast<std::int64_t>(field.value);
    constexpr std::array<std::int64_t, 5> kCollectives = {-1, 0, 6, 2, 7};
    switch (field.number) {
      case 1:
        node.id = field.value;
        break;
      case 2:
        node.name = field.bytes;
        break;
      case 3:
        node.kind = field.value == 0 ? ChakraNode::Kind::invalid : kind_of(field.value + 1);
        break;
      case 4:
        whole = whole && read_ids(field, node.data);
        break;
      case 6:
        node.tensor_bytes = value;
        break;
      case 7:
        node.duration_us = value;
        break;
      case 12:
        node.operations = value;
        break;
      case 13:
        if (field.value < kCollectives.size()) node.comm_type = kCollectives[field.value];
        break;
      case 15:
        node.group = std::to_string(field.value);
        break;
      case 16:
        node.source = value;
        break;
      case 17:
        node.destination = value;
        break;
      case 18:
        node.comm_bytes = value;
        break;
      default:
        break;
    }
  }
  return whole && !message.broken();
}

/// The field is an attribute, or the version: the name of a node is no message with a name in it.
bool is_of_metadata(const Field& field) {
  if (field.type != kBytes || field.number > 2) return false;
  if (field.number == 1) return true;
  Message attribute(field.bytes);
  Field first;
  return attribute.next(first) && first.number == 1 && first.type == kBytes;
}

/// GlobalMetadata has a version and attributes, both length-delimited; a node at least a name.
bool is_metadata(std::string_view bytes) {
  Message message(bytes);
  for (Field field; message.next(field);) {
    if (!is_of_metadata(field)) return false;
  }
  return !message.broken();
}

/// The same for metadata that reaches beyond the head: its first attribute decides.
bool begins_as_metadata(std::string_view bytes) {
  Message message(bytes);
  Field field;
  return message.next(field) && field.number == 2 && is_of_metadata(field);
}

bool is_node(std::string_view bytes, bool cut) {
  Message message(bytes);
  bool named = false;
  for (Field field; message.next(field);) {
    if (field.number == 1 && field.type != kVarint) return false;
    if (field.number == 3 && (field.type != kVarint || field.value > 7)) return false;
    if (field.number > 64) return false;
    if (field.number != 2) continue;
    named = field.type == kBytes;
    for (const char letter : field.bytes) {
      if (static_cast<unsigned char>(letter) < ' ') return false;
    }
  }
  return named && (cut || !message.broken());
}

/// The next record of a recognition's head: its bytes, and whether the head cuts them.
std::optional<std::pair<std::string_view, bool>> take_record(std::string_view& head) {
  io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(head.data()),
                          static_cast<int>(head.size()));
  std::uint32_t size = 0;
  if (!in.ReadVarint32(&size) || size > kWindow) return std::nullopt;
  head.remove_prefix(static_cast<std::size_t>(in.CurrentPosition()));
  const bool cut = size > head.size();
  const std::string_view record = head.substr(0, size);
  head.remove_prefix(record.size());
  return std::pair(record, cut);
}

/// Bytes of a Source for Protobuf.
class SourceBytes : public io::CopyingInputStream {
 public:
  explicit SourceBytes(Source& source) : source_(source) {}

  int Read(void* to, int size) override {
    return static_cast<int>(source_.read(static_cast<char*>(to), static_cast<std::size_t>(size)));
  }

 private:
  Source& source_;
};

enum class Got : std::uint8_t { record, end, cut, too_long };

Got read_record(io::ZeroCopyInputStream& bytes, std::string& record) {
  io::CodedInputStream in(&bytes);
  std::uint32_t size = 0;
  const void* rest = nullptr;
  int left = 0;
  if (!in.GetDirectBufferPointer(&rest, &left)) return Got::end;
  if (!in.ReadVarint32(&size)) return Got::cut;
  if (size > kWindow) return Got::too_long;
  return in.ReadString(&record, static_cast<int>(size)) ? Got::record : Got::cut;
}

/// Counts what a stream that stops in the middle of a record lost.
void broke_off(Got got, std::int64_t number, const Source& source, Trace& trace,
               Diagnostics& diagnostics) {
  ++trace.accounting.events;
  trace.accounting.lose("record that breaks off", Severity::warning, Fault::file,
                        "copy the file again");
  diagnostics.warning({source.name(), 0, 0}, fmt::format("record {}", number),
                      got == Got::cut ? "the file breaks off in this record"
                                      : "the record says it is longer than 64 MB: what follows "
                                        "cannot be read",
                      "copy or convert the trace again");
}

}  // namespace

bool is_chakra(std::string_view head) {
  const auto first = take_record(head);
  if (!first || (first->first.empty() && head.empty())) return false;
  const auto& [bytes, cut] = *first;
  if (cut) return begins_as_metadata(bytes);
  if (!is_metadata(bytes) && !is_node(bytes, false)) return false;
  if (head.empty()) return true;
  const auto second = take_record(head);
  return second && is_node(second->first, second->second);
}

bool import_chakra(Source& source, Trace& trace, Diagnostics& diagnostics) {
  SourceBytes copying(source);
  io::CopyingInputStreamAdaptor bytes(&copying);
  ChakraGraph graph(trace, source, Format::chakra);
  std::string record;
  bool old = false;
  std::int64_t number = 0;
  for (;; ++number) {
    const Got got = read_record(bytes, record);
    if (got == Got::end) break;
    if (got != Got::record) {
      broke_off(got, number, source, trace, diagnostics);
      break;
    }
    if (number == 0) {
      old = !is_metadata(record);
      if (!old) {
        ++trace.accounting.events;
        ++trace.accounting.imported;
        continue;
      }
      diagnostics.note({source.name(), 0, 0}, {},
                       "has no GlobalMetadata: read by the schema before October 2023");
    }
    ChakraNode node;
    if (old ? read_old_node(record, node) : read_node(record, node)) {
      graph.add(node);
      continue;
    }
    ++trace.accounting.events;
    trace.accounting.lose("malformed node", Severity::warning, Fault::file,
                          "convert the trace again");
  }
  graph.finish(source, diagnostics);
  warn_if_broken(source, trace, diagnostics);
  if (trace.accounting.imported > 0) return true;
  diagnostics.error({source.name(), 0, 0}, {}, "no node of this Chakra trace can be used",
                    "convert the trace again");
  return false;
}

}  // namespace aisle::workloads::traces
