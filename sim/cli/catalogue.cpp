// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

namespace aisle::cli {

namespace {

std::vector<std::vector<std::string>> cells(const std::vector<sim::EntryLine>& lines) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(lines.size());
  for (const sim::EntryLine& line : lines) rows.push_back(line.cells);
  return rows;
}

}  // namespace

int list(const std::string& kind, bool json) {
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  print_rows(cells(sim::list_entries(*catalogue, kind)), kind, json);
  return kDone;
}

int show(const std::string& name, bool json) {
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  std::vector<std::vector<std::string>> rows =
      cells(sim::show_entry(*catalogue, name, diagnostics));
  if (rows.empty()) return bad_input(diagnostics);
  rows.insert(rows.begin(), {"FIELD", "VALUE", "BASIS", "SOURCE"});
  print_rows(rows, "fields", json);
  return kDone;
}

int explain(const std::string& path, bool json) {
  Diagnostics diagnostics;
  const auto text = sim::explain(path, diagnostics);
  if (!text) return bad_input(diagnostics);
  if (json) {
    JsonWriter writer;
    writer.begin_object().key("path").value(path).key("explanation").value(*text).end_object();
    fmt::print("{}", writer.take());
  } else {
    fmt::print("{}", *text);
  }
  return kDone;
}

}  // namespace aisle::cli
