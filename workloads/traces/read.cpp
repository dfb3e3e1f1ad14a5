// SPDX-License-Identifier: Apache-2.0
#include "workloads/traces/read.hpp"

#include "workloads/traces/finish.hpp"
#include "workloads/traces/importer.hpp"
#include "workloads/traces/join.hpp"
#include "workloads/traces/rank_files.hpp"

#include <set>
#include <utility>

namespace aisle::workloads::traces {
namespace {

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

std::optional<Trace> import_file(const InputFile& file, Diagnostics& diagnostics) {
  Diagnostics own;
  std::optional<Source> source = Source::open(file.path, own);
  std::optional<Trace> trace;
  if (source) trace = import_one(*source, own);
  if (trace || file.named) {
    diagnostics.append(own);
    return trace;
  }
  // Nobody asked for a file that lies in a folder among others.
  for (const Diagnostic& said : own.all()) {
    diagnostics.warning(said.place, said.field, said.sentence, "the file is left out");
  }
  return std::nullopt;
}

// All files of one rank, or of one recording of several.
std::optional<Trace> import_rank(const RankFiles& rank, Diagnostics& diagnostics) {
  std::vector<Trace> parts;
  for (const InputFile& file : rank.files) {
    std::optional<Trace> part = import_file(file, diagnostics);
    if (part && !part->ranks.empty()) parts.push_back(std::move(*part));
  }
  if (parts.empty()) return std::nullopt;
  Trace trace =
      parts.size() == 1 ? std::move(parts.front()) : join_parts(std::move(parts), diagnostics);
  split_devices(trace);
  return trace;
}

// Numbers that names tell, for ranks whose files do not state one; where another has it, none.
void number_by_names(Trace& trace, const std::vector<std::pair<std::size_t, std::int32_t>>& named) {
  std::set<std::int32_t> stated;
  for (const Rank& rank : trace.ranks) stated.insert(rank.number);
  for (const auto& [rank, number] : named) {
    if (trace.ranks[rank].number == kNone && stated.insert(number).second) {
      trace.ranks[rank].number = number;
    }
  }
}

}  // namespace

std::optional<Trace> read_trace(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::optional<Trace> whole;
  int recordings = 0;
  std::vector<std::pair<std::size_t, std::int32_t>> named;
  for (const RankFiles& files : find_rank_files(paths, diagnostics)) {
    std::optional<Trace> one = import_rank(files, diagnostics);
    if (!one) continue;
    ++recordings;
    const std::size_t rank = whole ? whole->ranks.size() : 0;
    if (files.number != kNone && one->ranks.size() == 1) named.emplace_back(rank, files.number);
    if (whole) {
      append(*whole, std::move(*one));
    } else {
      whole = std::move(one);
    }
  }
  if (!whole) {
    if (!diagnostics.has_errors()) {
      diagnostics.error({paths.empty() ? "" : paths.front(), 0, 0}, {}, "holds no readable trace",
                        "docs/formats/kernel-traces.md lists the formats");
    }
    return std::nullopt;
  }
  if (recordings > 1) number_by_names(*whole, named);
  finish(*whole, recordings > 1, diagnostics);
  return whole;
}

std::optional<Trace> read_trace(Source source, Diagnostics& diagnostics) {
  std::optional<Trace> trace = import_one(source, diagnostics);
  if (!trace) return std::nullopt;
  split_devices(*trace);
  finish(*trace, false, diagnostics);
  return trace;
}

}  // namespace aisle::workloads::traces
