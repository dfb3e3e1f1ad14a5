// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/json_stream.hpp"
#include "workloads/traces/kineto.hpp"
#include "workloads/traces/kineto_import.hpp"

#include <simdjson.h>

#include <cstring>
#include <utility>

namespace aisle::workloads::traces {
namespace {

namespace json = simdjson::ondemand;
using Raw = std::string_view;

Raw trimmed(Raw token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

// A string or a number, as text.
Raw scalar(json::value& value) {
  Raw token = trimmed(value.raw_json_token());
  if (token.size() >= 2 && token.front() == '"') token = token.substr(1, token.size() - 2);
  return token;
}

// An array with its brackets; of anything else its text.
bool text_of(json::value& value, Raw& to) {
  if (value.raw_json_token().front() != '[') {
    to = scalar(value);
    return true;
  }
  json::array array;
  return value.get_array().get(array) == simdjson::SUCCESS &&
         array.raw_json().get(to) == simdjson::SUCCESS && ((to = trimmed(to)), true);
}

// Is the key, whose text ends with a quote, this one?
template <std::size_t kSize>
bool is(const char* key, const char (&name)[kSize]) {
  return std::memcmp(key, name, kSize - 1) == 0 && key[kSize - 1] == '"';
}

Raw* rare_argument(const char* key, KinetoEvent& event) {
  if (is(key, "Collective name")) return &event.collective;
  if (is(key, "In msg nelems")) return &event.elements_in;
  if (is(key, "Out msg nelems")) return &event.elements_out;
  if (is(key, "Group size")) return &event.group_size;
  if (is(key, "dtype") || is(key, "data_type")) return &event.dtype;
  if (is(key, "In split size")) return &event.split_in;
  if (is(key, "Out split size")) return &event.split_out;
  if (is(key, "Process Group Name")) return &event.group_name;
  if (is(key, "Process Group Description")) return &event.group_description;
  if (is(key, "Process Group Ranks")) return &event.group_ranks;
  if (is(key, "Seq")) return &event.sequence;
  if (is(key, "Src Rank") || is(key, "Dst Rank")) return &event.peer;
  if (is(key, "wait_on_stream")) return &event.wait_stream;
  if (is(key, "wait_on_cuda_event_record_corr_id")) return &event.wait_correlation;
  if (is(key, "name")) return &event.label;
  if (is(key, "connection_id")) return &event.connection;
  if (is(key, "Task Type") || is(key, "task type")) return &event.task_type;
  if (is(key, "memcpy direction")) return &event.direction;
  if (is(key, "data size(Byte)")) return &event.bytes;
  if (is(key, "count")) return &event.elements_in;
  if (is(key, "alg_type")) return &event.collective;
  if (is(key, "level")) return &event.level;
  return nullptr;
}

Raw* argument(const char* key, KinetoEvent& event) {
  switch (key[0]) {
    case 'E':
    case 'e':
      return is(key, "External id") || is(key, "external id") ? &event.external : nullptr;
    case 'c':
      if (is(key, "correlation")) return &event.correlation;
      break;
    case 's':
      if (is(key, "stream")) return &event.stream;
      if (is(key, "shared memory")) return &event.shared_memory;
      return nullptr;
    case 'd':
      if (is(key, "device")) return &event.device;
      break;
    case 'g':
      return is(key, "grid") ? &event.grid : nullptr;
    case 'b':
      if (is(key, "block")) return &event.block;
      return is(key, "bytes") ? &event.bytes : nullptr;
    case 'r':
      return is(key, "registers per thread") ? &event.registers : nullptr;
    case 'k':
      return is(key, "kind") ? &event.kind : nullptr;
    case 'I':
      if (is(key, "Input Dims")) return &event.dims;
      if (is(key, "Input type")) return &event.types;
      break;
    case 'C':
      if (is(key, "Concrete Inputs")) return &event.values;
      break;
    case 'q':
    case 'w':
      if (key[1] != 'a' || key[4] != '_') return nullptr;  // queued, warps per SM
      break;
    default:
      break;
  }
  return rare_argument(key, event);
}

Raw* member(const char* key, KinetoEvent& event) {
  switch (key[0]) {
    case 'c':
      return is(key, "cat") ? &event.category : nullptr;
    case 'n':
      return is(key, "name") ? &event.name : nullptr;
    case 'p':
      return is(key, "pid") ? &event.pid : nullptr;
    case 't':
      if (is(key, "ts")) return &event.ts;
      return is(key, "tid") ? &event.tid : nullptr;
    case 'd':
      return is(key, "dur") ? &event.dur : nullptr;
    case 'i':
      return is(key, "id") ? &event.id : nullptr;
    default:
      return nullptr;
  }
}

bool read_arguments(json::value& value, KinetoEvent& event) {
  json::object arguments;
  if (value.raw_json_token().front() != '{') return true;  // null, a text: nothing of use
  if (value.get_object().get(arguments) != simdjson::SUCCESS) return false;
  for (auto found : arguments) {
    json::field field;
    if (std::move(found).get(field) != simdjson::SUCCESS) return false;
    if (Raw* to = argument(field.key().raw(), event); to != nullptr) {
      if (!text_of(field.value(), *to)) return false;
    }
  }
  return true;
}

bool read_event(json::object object, KinetoEvent& event) {
  event = {};
  for (auto found : object) {
    json::field field;
    if (std::move(found).get(field) != simdjson::SUCCESS) return false;
    const char* key = field.key().raw();
    if (is(key, "args")) {
      if (!read_arguments(field.value(), event)) return false;
    } else if (is(key, "ph")) {
      const Raw phase = scalar(field.value());
      event.phase = phase.empty() ? '\0' : phase.front();
    } else if (Raw* to = member(key, event); to != nullptr) {
      *to = scalar(field.value());
    }
  }
  return true;
}

// How many records of a batch could be read.
std::size_t read_batch(json::parser& parser, Raw text, KinetoBuilder& builder, bool& whole) {
  std::size_t done = 0;
  whole = false;
  json::document document;
  json::array array;
  if (parser.iterate(text, text.size() + simdjson::SIMDJSON_PADDING).get(document) !=
          simdjson::SUCCESS ||
      document.get_array().get(array) != simdjson::SUCCESS)
    return done;
  KinetoEvent event;
  for (auto element : array) {
    json::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS || !read_event(object, event))
      return done;
    builder.add(event);
    ++done;
  }
  whole = true;
  return done;
}

bool import_events(Source& source, Trace& trace, Diagnostics& diagnostics, bool ascend) {
  constexpr int kTold = 5;  // damaged records that are told one by one
  JsonStream stream(source, "traceEvents", diagnostics);
  KinetoBuilder builder(source, trace, ascend);
  json::parser parser;
  int told = 0;
  while (true) {
    const JsonStream::Item item = stream.next();
    if (item == JsonStream::Item::end) break;
    if (item == JsonStream::Item::member) builder.add_member(stream.name(), stream.text());
    if (item == JsonStream::Item::lost) builder.lose(stream.reason(), "copy the file again");
    if (item != JsonStream::Item::batch) continue;
    bool whole = false;
    const std::size_t done = read_batch(parser, stream.text(), builder, whole);
    if (whole || (stream.single() && done == 1)) continue;
    if (!stream.single()) {
      stream.one_by_one(done);
      continue;
    }
    if (++told <= kTold) {
      diagnostics.warning(stream.place(1), {}, "this record cannot be read and is left out",
                          "copy the file again, or report it to the writer");
    }
    builder.lose("damaged record", "copy the file again, or report it to the writer");
  }
  if (stream.failed()) return false;
  builder.finish();
  return true;
}

Raw start_of(Raw head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const std::size_t at = head.find_first_not_of(" \t\r\n");
  return at == Raw::npos ? Raw() : head.substr(at);
}

bool has(Raw head, Raw text) {
  return head.find(text) != Raw::npos;
}

// Is a time stamp a string? So Ascend's profiler writes them, and nobody else.
bool texts_for_times(Raw head) {
  const std::size_t at = head.find("\"ts\"");
  if (at == Raw::npos) return false;
  const std::size_t value = head.find_first_not_of(" \t\r\n:", at + 4);
  return value != Raw::npos && head[value] == '"';
}

}  // namespace

bool recognises_ascend_trace_view(Raw head) {
  const Raw start = start_of(head);
  if (start.empty() || (start.front() != '[' && start.front() != '{') || !has(start, "\"ph\""))
    return false;
  return texts_for_times(start) || has(start, "\"Ascend Hardware\"") || has(start, "\"async_npu\"");
}

bool recognises_kineto(Raw head) {
  const Raw start = start_of(head);
  if (start.empty()) return false;
  if (start.front() == '[') return has(start, "\"ph\"");
  return start.front() == '{' && (has(start, "\"traceEvents\"") || has(start, "\"schemaVersion\""));
}

bool import_kineto(Source& source, Trace& trace, Diagnostics& diagnostics) {
  return import_events(source, trace, diagnostics, false);
}

bool import_ascend_trace_view(Source& source, Trace& trace, Diagnostics& diagnostics) {
  return import_events(source, trace, diagnostics, true);
}

}  // namespace aisle::workloads::traces
