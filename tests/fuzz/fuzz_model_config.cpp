// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "workloads/models/import.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"

#include <cstddef>
#include <cstdint>

// A configuration is refused with an error, or becomes a model whose counts are sums of its layers'
// and whose file reads back the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  aisle::SourceMap places;
  aisle::Diagnostics diagnostics;
  const auto model = aisle::workloads::import_model(input, "fuzz", places, diagnostics);
  AISLE_ASSERT(model.has_value() != diagnostics.has_errors(),
               "refused if and only if there is an error");
  for (const auto& diagnostic : diagnostics.all()) aisle::to_string(diagnostic);
  if (!model) return 0;
  const auto graph = aisle::workloads::build_model(*model, places, "", diagnostics);
  AISLE_ASSERT(graph.has_value(), "an imported model is a valid one");
  const auto count = aisle::workloads::count_parameters(*graph);
  AISLE_ASSERT(count.active <= count.total && count.embedding <= count.total, "parts are parts");
  aisle::pb::Model again;
  AISLE_ASSERT(aisle::read_text(aisle::write_text(*model), "again", again, places, diagnostics),
               "written models read back");
  return 0;
}
