// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/purpose.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/parallel/software.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace aisle::workloads::parallel {

void read_purpose(const pb::Training& training, const SourceMap& places, Job& job,
                  Diagnostics& diagnostics) {
  const auto error = [&](const std::string& field, std::string sentence, std::string hint) {
    const std::string path = "workload.training." + field;
    diagnostics.error(places.find(path), path, std::move(sentence), std::move(hint));
  };
  job.forward_only = training.passes() == pb::forward_only;
  if (job.forward_only && job.chunk) {
    error("passes", "a chunk has a pass each way", "leave chunk or passes out");
  }
  if (training.has_software()) {
    job.software = software_factor(training.software(), places, diagnostics);
  }
  if (training.has_host_launch()) {
    const std::string launch = "workload.training.host_launch";
    const auto issued =
        parse_quantity<Seconds>(training.host_launch(), places.find(launch), launch, diagnostics);
    if (issued && *issued < Seconds()) error("host_launch", "must not be below 0", "\"45 us\"");
    if (issued && training.cuda_graphs() != pb::all_graphed) job.host_launch = *issued;
  }
  job.attention_graphed = training.cuda_graphs() == pb::attention_graphed;
  if (training.has_offload()) job.offload = read_offload(training.offload(), places, diagnostics);
  if (!training.has_adapter()) return;
  const pb::Adapter& adapter = training.adapter();
  if (adapter.rank() < 1) {
    error("adapter.rank", fmt::format("must be at least 1, is {}", adapter.rank()), "16");
    return;
  }
  job.adapters = {adapter.rank(), adapter.attention(), adapter.feed_forward()};
  if (!adapter.attention() && !adapter.feed_forward()) {
    error("adapter", "nothing is adapted, so nothing is trained", "attention: true");
  }
  if (job.muon) {
    error("adapter", "Muon is for whole matrices, which are frozen here", "optimizer: adam");
  }
  if (adapter.rank() > job.model->hidden) {
    error("adapter.rank",
          fmt::format("{} is more than the model's width, {}", adapter.rank(), job.model->hidden),
          "ranks of 8 to 128 are usual");
  }
}

}  // namespace aisle::workloads::parallel
