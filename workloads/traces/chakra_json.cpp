// SPDX-License-Identifier: Apache-2.0
// Chakra execution traces in JSON: an object with the nodes in "workload_graph".
#include "workloads/traces/chakra_graph.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/json_value.hpp"
#include "workloads/traces/table_rows.hpp"

#include <algorithm>

namespace aisle::workloads::traces {
namespace {

/// "ctrlDeps", "ctrl_deps" and "CtrlDeps" are one key.
std::string key_of(std::string_view name) {
  std::string out = lowered(name);
  std::erase(out, '_');
  return out;
}

ChakraNode::Kind kind_of(JsonValue value) {
  constexpr std::array<std::string_view, 8> kNames = {
      "INVALID_NODE", "METADATA_NODE",  "MEM_LOAD_NODE",  "MEM_STORE_NODE",
      "COMP_NODE",    "COMM_SEND_NODE", "COMM_RECV_NODE", "COMM_COLL_NODE"};
  const auto name = std::find(kNames.begin(), kNames.end(), value.text());
  const std::int64_t number =
      name != kNames.end() ? name - kNames.begin() : value.integer().value_or(0);
  return number >= 0 && number <= 7 ? static_cast<ChakraNode::Kind>(number)
                                    : ChakraNode::Kind::invalid;
}

std::vector<std::uint64_t> ids_of(JsonValue list) {
  std::vector<std::uint64_t> out;
  list.each_item([&](JsonValue id) {
    if (const auto number = id.integer()) out.push_back(static_cast<std::uint64_t>(*number));
  });
  return out;
}

/// A list literal, or a text that holds one.
std::string literal_of(JsonValue value) {
  return value.text().empty() ? value.literal() : std::string(value.text());
}

ChakraNode::Values values_of(JsonValue object) {
  return {literal_of(object.member("values")), literal_of(object.member("shapes")),
          literal_of(object.member("types"))};
}

/// {"name": "comm_type", "int64Val": "0"}: Protobuf's way of writing attributes in JSON.
void set_attribute(ChakraNode& node, JsonValue attribute) {
  const std::string_view name = attribute.member("name").text();
  attribute.each_member([&](std::string_view key, JsonValue value) {
    if (key != "name" && key_of(key) != "docstring") node.set(name, value.integer(), value.text());
  });
}

void set_member(ChakraNode& node, std::string_view name, JsonValue value) {
  const std::string key = key_of(name);
  if (key == "id") {
    node.id = static_cast<std::uint64_t>(value.integer().value_or(0));
  } else if (key == "name") {
    node.name = value.text();
  } else if (key == "nodetype" || key == "type") {
    node.kind = kind_of(value);
  } else if (key == "ctrldeps") {
    node.control = ids_of(value);
  } else if (key == "datadeps") {
    node.data = ids_of(value);
  } else if (key == "starttimemicros") {
    node.start_us = value.integer().value_or(0);
  } else if (key == "durationmicros" || key == "runtime") {
    node.duration_us = value.integer().value_or(0);
  } else if (key == "inputs") {
    node.inputs = values_of(value);
  } else if (key == "outputs") {
    node.outputs = values_of(value);
  } else if (key == "attr" || key == "attrs") {
    value.each_item([&](JsonValue attribute) { set_attribute(node, attribute); });
  } else {
    node.set(name, value.integer(), value.text());
  }
}

}  // namespace

bool is_chakra_json(std::string_view head) {
  const std::string_view text = trimmed(head);
  return text.starts_with('{') && text.find("\"workload_graph\"") != std::string_view::npos &&
         text.find("\"traceEvents\"") == std::string_view::npos;
}

bool import_chakra_json(Source& source, Trace& trace, Diagnostics& diagnostics) {
  ChakraGraph graph(trace, source, Format::chakra_json);
  const bool whole =
      read_records(source, "workload_graph", trace, diagnostics, [&](JsonValue record) {
        if (!record.is_object()) {
          ++trace.accounting.events;
          trace.accounting.lose("record that is no node", Severity::warning, Fault::file, "");
          return;
        }
        ChakraNode node;
        record.each_member(
            [&](std::string_view name, JsonValue value) { set_member(node, name, value); });
        graph.add(node);
      });
  graph.finish(source, diagnostics);
  warn_if_broken(source, trace, diagnostics);
  return whole;
}

}  // namespace aisle::workloads::traces
