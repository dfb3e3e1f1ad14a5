// SPDX-License-Identifier: Apache-2.0
// Execution traces of PyTorch: the operators of a host with operands, without times. Flat nodes up
// to schema 1.0.1, nested inputs, outputs and attributes after it.
#include "workloads/traces/assemble.hpp"
#include "workloads/traces/formats.hpp"
#include "workloads/traces/json_value.hpp"
#include "workloads/traces/table_rows.hpp"

#include <unordered_map>

namespace aisle::workloads::traces {
namespace {

class Nodes {
 public:
  Nodes(Trace& trace, const Source& source)
      : trace_(trace), assembler_(trace), rank_(add_rank(trace, source, Format::pytorch_et)) {}

  void add(JsonValue node) {
    Accounting& accounting = trace_.accounting;
    ++accounting.events;
    const auto id = node.member("id").integer();
    const std::string_view name = node.member("name").text();
    if (!id || name.empty()) {
      accounting.lose("node without id or name", Severity::warning, Fault::file,
                      "record the trace again");
      return;
    }
    if (name.starts_with("[pytorch|profiler|")) {
      accounting.lose("process or thread node", Severity::note, Fault::none, "");
      return;
    }
    JsonValue outer = node.member("ctrl_deps");
    if (!outer) outer = node.member("parent");
    Operator op;
    op.name = trace_.texts.id(name);
    op.rank = rank_;
    op.thread = assembler_.thread(rank_, "", thread_of(node));
    op.operands = assembler_.operands(operands_of(node));
    const auto index = static_cast<Index>(trace_.operators.size());
    trace_.operators.push_back(op);
    places_.try_emplace(*id, index);
    parents_.push_back(outer.integer().value_or(*id));
    ++accounting.imported;
  }

  /// Inner operators may come before those around them.
  void finish() {
    for (std::size_t i = 0; i < parents_.size(); ++i) {
      const auto outer = places_.find(parents_[i]);
      if (outer == places_.end() || outer->second == static_cast<Index>(i)) continue;
      trace_.operators[i].parent = outer->second;
    }
  }

 private:
  static std::string thread_of(JsonValue node) {
    JsonValue thread = node.member("tid");
    node.member("attrs").each_item([&](JsonValue attribute) {
      if (attribute.member("name").text() == "tid") thread = attribute.member("value");
    });
    const auto number = thread.integer();
    return number ? std::to_string(*number) : std::string();
  }

  static Operands operands_of(JsonValue node) {
    const JsonValue inputs = node.member("inputs"), outputs = node.member("outputs");
    if (inputs.is_object()) {
      const std::string types = inputs.member("types").literal();
      return {parse_tensors(inputs.member("shapes").literal(), types),
              parse_tensors(outputs.member("shapes").literal(), outputs.member("types").literal()),
              parse_scalars(inputs.member("values").literal(), types)};
    }
    const std::string types = node.member("input_types").literal();
    return {parse_tensors(node.member("input_shapes").literal(), types),
            parse_tensors(node.member("output_shapes").literal(),
                          node.member("output_types").literal()),
            parse_scalars(inputs.literal(), types)};
  }

  Trace& trace_;
  Assembler assembler_;
  Index rank_;
  std::unordered_map<std::int64_t, Index> places_;
  std::vector<std::int64_t> parents_;  // ids, of each operator
};

}  // namespace

bool is_pytorch_et(std::string_view head) {
  const std::string_view text = trimmed(head);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  return text.starts_with('{') && has("\"schema\"") && has("\"nodes\"") &&
         !has("\"traceEvents\"") &&
         (has("\"start_ts\"") || has("\"pid\"") || has("[pytorch|profiler|"));
}

bool import_pytorch_et(Source& source, Trace& trace, Diagnostics& diagnostics) {
  Nodes nodes(trace, source);
  const bool whole =
      read_records(source, "nodes", trace, diagnostics, [&](JsonValue node) { nodes.add(node); });
  nodes.finish();
  warn_if_broken(source, trace, diagnostics);
  return whole;
}

}  // namespace aisle::workloads::traces
