// SPDX-License-Identifier: Apache-2.0
// What the commands share.
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/catalogue/catalogue.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace aisle::pb {
class Result;
}

namespace aisle::workloads::traces {
struct Trace;
}

namespace aisle::cli {

/// Writes "job.et" as "job.0.et", "job.1.et", ...: Chakra has one file per rank. False: a failure
/// to write, which is in the diagnostics.
bool write_chakra_ranks(const workloads::traces::Trace& trace, const std::string& path,
                        Diagnostics& diagnostics);
/// Whether an input is a result that was written, else a study.
bool is_result(const std::string& input);
/// The results of inputs, studies among them run first, each in a process of its own; else the exit
/// code.
std::variant<std::vector<pb::Result>, int> results_of(const std::vector<std::string>& inputs,
                                                      const std::string& engine);

/// Every diagnostic on stderr, one line each.
void print(const Diagnostics& diagnostics);
/// Prints the diagnostics and returns kBadInput.
int bad_input(const Diagnostics& diagnostics);
/// One line of talk on stderr.
void say(const std::string& text);
/// Rows with a header as a table for people, or as one JSON array of objects.
void print_rows(const std::vector<std::vector<std::string>>& rows, const std::string& key,
                bool json);
std::optional<topology::Catalogue> read_catalogue(Diagnostics& diagnostics);

}  // namespace aisle::cli
