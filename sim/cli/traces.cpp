// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/report/trace_report.hpp"
#include "sim/study/model_of.hpp"
#include "workloads/models/model.hpp"
#include "workloads/traces/describe.hpp"
#include "workloads/traces/read.hpp"
#include "workloads/traces/summary.hpp"
#include "workloads/traces/write_chakra.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace aisle::cli {

namespace {

namespace traces = workloads::traces;

/// The model named, if one is; false: there is none of that name.
bool find_model(const std::string& name, std::optional<workloads::ModelGraph>& model,
                Diagnostics& diagnostics) {
  if (name.empty()) return true;
  const auto catalogue = read_catalogue(diagnostics);
  if (catalogue) model = sim::model_of(name, *catalogue, {"--model", 0, 0}, {}, diagnostics);
  return model.has_value();
}

std::optional<traces::Trace> read(const std::vector<std::string>& paths, bool quiet,
                                  Diagnostics& diagnostics) {
  constexpr std::uintmax_t kLarge = std::uintmax_t{64} << 20;
  std::uintmax_t size = 0;
  for (const std::string& path : paths) {
    std::error_code ignored;
    const std::uintmax_t own = std::filesystem::file_size(path, ignored);
    if (!ignored) size += own;
  }
  if (size > kLarge && !quiet) say(fmt::format("reading {} MB", size >> 20));
  return traces::read_trace(paths, diagnostics);
}

enum class Form { normalised, perfetto, chakra };

Form form_of(const std::string& path) {
  if (path.ends_with(".et")) return Form::chakra;
  const bool json = path.ends_with(".json") || path.ends_with(".json.gz");
  return json ? Form::perfetto : Form::normalised;
}

/// False: bad input or a failure to write, which is in the diagnostics.
bool write(const traces::Trace& trace, const std::string& path, Diagnostics& diagnostics) {
  switch (form_of(path)) {
    case Form::perfetto:
      sim::write_trace_perfetto(trace, traces::describe(trace, nullptr), path);
      return true;
    case Form::chakra:
      return write_chakra_ranks(trace, path, diagnostics);
    case Form::normalised:
      return traces::write_trace(trace, path, diagnostics);
  }
  return false;
}

}  // namespace

bool write_chakra_ranks(const traces::Trace& trace, const std::string& path,
                        Diagnostics& diagnostics) {
  const std::string prefix = path.substr(0, path.size() - std::string_view(".et").size());
  for (std::size_t i = 0; i < trace.ranks.size(); ++i) {
    const std::string own = fmt::format("{}.{}.et", prefix, trace.ranks[i].number);
    if (!traces::write_chakra(trace, static_cast<traces::Index>(i), own, diagnostics)) return false;
  }
  return true;
}

int import_traces(const std::vector<std::string>& paths, const std::string& output, bool json) {
  Diagnostics diagnostics;
  const auto trace = read(paths, json, diagnostics);
  if (!trace) return bad_input(diagnostics);
  if (!write(*trace, output, diagnostics)) {
    print(diagnostics);
    return kMachineFailure;
  }
  print(diagnostics);
  const traces::Accounting& accounting = trace->accounting;
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("trace").value(output);
    writer.key("events").value(accounting.events).key("imported").value(accounting.imported);
    writer.key("unused").value(accounting.events - accounting.imported).end_object();
    fmt::print("{}", writer.take());
    return kDone;
  }
  for (const traces::Unused& entry : accounting.unused) {
    if (entry.severity == Severity::note) continue;
    say(fmt::format("{} records not used: {}{}{}", entry.count, entry.name,
                    entry.advice.empty() ? "" : "; ", entry.advice));
  }
  const std::size_t ranks = trace->ranks.size();
  say(fmt::format("wrote {}: {} {}, {} device events; {} of {} records imported", output, ranks,
                  ranks == 1 ? "rank" : "ranks", trace->device.size(), accounting.imported,
                  accounting.events));
  return kDone;
}

int inspect_traces(const std::vector<std::string>& paths, const std::string& model_name, int top,
                   bool json) {
  Diagnostics diagnostics;
  std::optional<workloads::ModelGraph> model;
  const bool model_found = find_model(model_name, model, diagnostics);
  const auto trace = read(paths, json, diagnostics);
  if (!trace || !model_found) return bad_input(diagnostics);
  print(diagnostics);
  const std::vector<traces::Described> described =
      traces::describe(*trace, model ? &*model : nullptr);
  const traces::Summary summary = traces::summarise(*trace, described);
  const auto most = static_cast<std::size_t>(std::max(top, 0));
  fmt::print(
      "{}", json ? sim::trace_json(*trace, summary, most) : sim::trace_text(*trace, summary, most));
  return kDone;
}

}  // namespace aisle::cli
