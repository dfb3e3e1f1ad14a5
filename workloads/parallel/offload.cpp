// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/offload.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace aisle::workloads::parallel {

Seconds Offload::update(double parameters, const StateSizes& sizes) const {
  if (optimizer <= 0) return {};
  const double own = optimizer * parameters;
  const double states = sizes.master_weights + 2 * sizes.moments;
  if (!updated_by_host) return own * states * units::B / link;
  const Seconds out = own * sizes.gradients * units::B / link;
  const Seconds back = own * sizes.weights * units::B / link;
  const double moved = sizes.gradients + 2 * states + sizes.weights;  // states are read and written
  return std::max({out, back, own * moved * units::B / memory});
}

Offload read_offload(const pb::Offload& asked, const SourceMap& places, Diagnostics& diagnostics) {
  Offload offload;
  const auto path = [](const char* field) {
    return std::string("workload.training.offload.") + field;
  };
  const auto share = [&](const char* field, double value) {
    if (value >= 0 && value <= 1) return value;
    diagnostics.error(places.find(path(field)), path(field),
                      fmt::format("a share lies from 0 to 1, this is {:g}", value),
                      "1 puts all of it into host memory");
    return 0.0;
  };
  const auto rate = [&](const char* field, const std::string& text) {
    const auto read =
        parse_quantity<BytesPerSecond>(text, places.find(path(field)), path(field), diagnostics);
    if (read && !(read->si() > 0)) {
      diagnostics.error(places.find(path(field)), path(field), "must be above 0", "\"50 GB/s\"");
    }
    return read.value_or(BytesPerSecond::from_si(1));
  };
  offload.optimizer = share("optimizer", asked.optimizer());
  offload.activations = share("activations", asked.activations());
  offload.updated_by_host = asked.updated_by() == pb::by_host;
  offload.link = rate("link", asked.link());
  offload.memory = rate("memory", asked.memory());
  return offload;
}

}  // namespace aisle::workloads::parallel
