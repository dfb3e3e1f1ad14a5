// SPDX-License-Identifier: Apache-2.0
#include "sim/base/json.hpp"
#include "sim/base/table.hpp"
#include "sim/cli/commands.hpp"
#include "sim/study/edit.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <iostream>
#include <iterator>

namespace aisle::cli {

void print(const Diagnostics& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    fmt::print(stderr, "{}\n", to_string(diagnostic));
  }
}

int bad_input(const Diagnostics& diagnostics) {
  print(diagnostics);
  return kBadInput;
}

void say(const std::string& text) {
  fmt::print(stderr, "aisle: {}\n", text);
}

std::optional<sim::Study> open_study(const std::string& name,
                                     const std::vector<std::string>& assignments, bool from_stdin,
                                     Diagnostics& diagnostics) {
  if (!from_stdin) return sim::load(name, assignments, diagnostics);
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  return sim::load_text(name, text, assignments, diagnostics);
}

void print_rows(const std::vector<std::vector<std::string>>& rows, const std::string& key,
                bool json) {
  if (rows.empty()) return;
  const std::vector<std::string>& header = rows.front();
  if (!json) {
    Table table(header);
    for (std::size_t i = 1; i < rows.size(); ++i) table.add(rows[i]);
    fmt::print("{}", table.to_string());
    return;
  }
  JsonWriter writer;
  writer.begin_object().key(key).begin_array();
  for (std::size_t i = 1; i < rows.size(); ++i) {
    writer.begin_object();
    for (std::size_t c = 0; c < header.size() && c < rows[i].size(); ++c) {
      std::string name = header[c];
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
        return letter == ' ' || letter == '-' ? '_' : static_cast<char>(std::tolower(letter));
      });
      writer.key(name).value(rows[i][c]);
    }
    writer.end_object();
  }
  writer.end_array().end_object();
  fmt::print("{}", writer.take());
}

std::optional<topology::Catalogue> read_catalogue(Diagnostics& diagnostics) {
  return topology::Catalogue::read(sim::scenarios_root(), diagnostics);
}

}  // namespace aisle::cli
