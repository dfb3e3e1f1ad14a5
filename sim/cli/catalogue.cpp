// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/cli/commands.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace aisle::cli {

namespace {

std::vector<std::vector<std::string>> cells(const std::vector<sim::EntryLine>& lines) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(lines.size());
  for (const sim::EntryLine& line : lines) rows.push_back(line.cells);
  return rows;
}

/// For people: long texts below the table, and each source once, by number.
void print_entry(std::vector<std::vector<std::string>> rows,
                 const std::vector<std::string>& header) {
  constexpr std::size_t kLong = 48;
  std::vector<std::vector<std::string>> table = {header};
  std::vector<std::string> sources, texts;
  for (std::vector<std::string>& row : rows) {
    if (row[1].size() > kLong) {
      texts.push_back(row[0] + ": " + row[1]);
      continue;
    }
    if (!row[3].empty()) {
      const auto known = std::find(sources.begin(), sources.end(), row[3]);
      const auto number = known - sources.begin() + 1;
      if (known == sources.end()) sources.push_back(row[3]);
      row[3] = fmt::format("[{}]", number);
    }
    table.push_back(std::move(row));
  }
  print_rows(table, "fields", false);
  for (const std::string& text : texts) fmt::print("\n{}\n", text);
  if (!sources.empty()) fmt::print("\nSources\n");
  for (std::size_t i = 0; i < sources.size(); ++i) fmt::print("  [{}] {}\n", i + 1, sources[i]);
}

}  // namespace

int list(const std::string& kind, bool json) {
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  print_rows(cells(sim::list_entries(*catalogue, kind)), kind, json);
  return kDone;
}

int show(const std::string& name, int chips, bool json) {
  Diagnostics diagnostics;
  const auto catalogue = read_catalogue(diagnostics);
  if (!catalogue) return bad_input(diagnostics);
  std::vector<std::vector<std::string>> rows =
      cells(sim::show_entry(*catalogue, name, chips, diagnostics));
  if (diagnostics.has_errors()) return bad_input(diagnostics);
  const std::vector<std::string> header = {"FIELD", "VALUE", "BASIS", "SOURCE"};
  if (json) {
    rows.insert(rows.begin(), header);
    print_rows(rows, "fields", true);
  } else {
    print_entry(std::move(rows), header);
  }
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
