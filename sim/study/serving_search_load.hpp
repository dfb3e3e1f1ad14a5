// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"
#include "sim/study/serving_run.hpp"

#include <memory>

/// Used by the search of serving layouts alone.
namespace aisle::sim {

/// The requests of a study, faster or slower.
class ScaledLoad {
 public:
  explicit ScaledLoad(std::shared_ptr<const workloads::RequestStream> stream);

  /// Requests per second that arrive, or that are always there; 0: all come at once.
  double own() const { return own_; }

  bool closed() const { return stream_->concurrency > 0; }

  double mean_prompt() const { return prompt_; }

  double mean_output() const { return output_; }

  /// The stream with its rate (or the number of requests that are always there) times `factor`,
  /// repeated until it lasts `seconds` (or is ten times as many requests as are always there), at
  /// most 60,000 requests. Repeats share no prefix.
  std::shared_ptr<const workloads::RequestStream> times(double factor, double seconds) const;

 private:
  std::shared_ptr<const workloads::RequestStream> stream_;
  double own_ = 0, span_s_ = 0, prompt_ = 0, output_ = 0;
};

}  // namespace aisle::sim
