// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

// The first line is a --set assignment, the rest a scenario. A scenario that is read prints as text
// that reads the same; one that is refused has an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string body = line < input.size() ? input.substr(line + 1) : input;
  aisle::pb::Scenario scenario;
  aisle::SourceMap places;
  aisle::Diagnostics diagnostics;
  const bool read = aisle::read_text(body, "fuzz", scenario, places, diagnostics);
  AISLE_ASSERT(read == !diagnostics.has_errors(), "refused if and only if there is an error");
  for (const auto& diagnostic : diagnostics.all()) aisle::to_string(diagnostic);
  if (!read) return 0;
  aisle::set_field(input.substr(0, line), scenario, places, diagnostics);
  places.find("cluster.scale_out.nic");
  aisle::pb::Scenario again;
  aisle::SourceMap ignored;
  aisle::Diagnostics none;
  scenario.clear_extends();
  AISLE_ASSERT(aisle::read_text(aisle::write_text(scenario), "again", again, ignored, none),
               "written scenarios read back");
  return 0;
}
