// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/read.hpp"

#include "workloads/traces/finish.hpp"
#include "workloads/traces/importer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

namespace aisle::workloads::traces {
namespace {

const Importer* importer_of(Source& source) {
  const std::string_view head = source.head();
  for (const Importer& importer : importers()) {
    if (importer.recognises(head)) return &importer;
  }
  return nullptr;
}

// One file as a trace of its own, times from 0.
std::optional<Trace> import_one(Source& source, Diagnostics& diagnostics) {
  const Importer* importer = importer_of(source);
  if (importer == nullptr) {
    diagnostics.error({source.name(), 1, 1}, {}, "is no trace of a format that Aisle knows",
                      "docs/formats/kernel-traces.md lists the formats");
    return std::nullopt;
  }
  Trace trace;
  if (!importer->import(source, trace, diagnostics)) return std::nullopt;
  for (Rank& rank : trace.ranks) {
    if (rank.file.empty()) rank.file = source.name();
  }
  rebase(trace);
  return trace;
}

// The files that a path stands for: those of a folder in the order of their names, of which
// unknown ones are left out with a note.
std::vector<std::string> files_of(const std::string& path, Diagnostics& diagnostics) {
  namespace fs = std::filesystem;
  std::error_code failure;
  if (!fs::is_directory(path, failure)) return {path};
  std::vector<std::string> found, traces;
  for (fs::directory_iterator at(path, failure), end; !failure && at != end; at.increment(failure))
    if (at->is_regular_file(failure)) found.push_back(at->path().string());
  std::sort(found.begin(), found.end());
  for (const std::string& file : found) {
    Diagnostics quiet;
    std::optional<Source> source = Source::open(file, quiet);
    if (source && importer_of(*source) != nullptr) {
      traces.push_back(file);
    } else {
      diagnostics.note({file, 0, 0}, {}, "is left out: no trace of a format that Aisle knows");
    }
  }
  if (traces.empty()) {
    diagnostics.error({path, 0, 0}, {}, "no trace in this folder",
                      "docs/formats/kernel-traces.md lists the formats");
  }
  return traces;
}

}  // namespace

std::optional<Trace> read_trace(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::optional<Trace> whole;
  int files = 0;
  for (const std::string& path : paths) {
    for (const std::string& file : files_of(path, diagnostics)) {
      std::optional<Source> source = Source::open(file, diagnostics);
      if (!source) continue;
      std::optional<Trace> one = import_one(*source, diagnostics);
      if (!one) continue;
      ++files;
      if (whole) {
        append(*whole, std::move(*one));
      } else {
        whole = std::move(one);
      }
    }
  }
  if (whole) finish(*whole, files > 1, diagnostics);
  return whole;
}

std::optional<Trace> read_trace(Source source, Diagnostics& diagnostics) {
  std::optional<Trace> trace = import_one(source, diagnostics);
  if (trace) finish(*trace, false, diagnostics);
  return trace;
}

}  // namespace aisle::workloads::traces
