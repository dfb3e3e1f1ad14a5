// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/plan.hpp"
#include "workloads/serving/step.hpp"

#include <string>
#include <vector>

namespace aisle::workloads {

/// How one replica is cut. Accelerators: tensor x pipeline x data.
struct ServingLayout {
  int tensor = 1;
  int pipeline = 1;
  int data = 1;    ///< attention groups, each with sequences of its own
  int expert = 1;  ///< ranks that experts are spread over; what is left of tensor x data cuts them
  bool two_batches = false;  ///< half of a step computes while the other half communicates

  int accelerators() const { return tensor * pipeline * data; }

  int stage() const { return tensor * data; }  ///< accelerators of one pipeline stage
};

/// Bytes of a narrow weight with its scales: of 16, 32 and 128 numbers.
inline constexpr double kNvfp4Weight = 0.5 + 1.0 / 16, kMxfp4Weight = 0.5 + 1.0 / 32;
inline constexpr double kInt4Weight = 0.5 + 2.5 / 128;

/// Format of products: what they are computed in, and bytes of a weight (scales included).
struct ProductFormat {
  topology::Precision computes = topology::Precision::bf16;
  double weight_bytes = 2;
  std::string variant;  ///< implementation whose curve is asked for; empty: the usual one

  double activation_bytes() const { return topology::size_of(computes).si(); }
};

struct ServingFormats {
  ProductFormat attention;  ///< projections of the attention block
  ProductFormat dense;      ///< dense blocks and shared experts
  ProductFormat experts;
  topology::Precision scores = topology::Precision::bf16;  ///< products with the cache
  double cache_bytes = 2;                                  ///< of a cached number
};

/// Load of the busiest expert rank over the mean one, beyond what chance makes of even routing.
struct ServingRouting {
  double busiest = 1;
  int redundant = 0;  ///< copies of busy experts, in all
};

/// Who computes what: model x mapping x formats.
struct ServingJob {
  const ModelGraph* model = nullptr;
  ServingLayout layout;
  ServingFormats formats;
  ServingRouting routing;
  Library reductions = Library::automatic;  ///< whose all-reduces sum inside a stage
};

/// `count` equal communications.
struct CountedCommunication {
  Communication communication;
  int count = 1;
  double low_latency_copies = 0;  ///< > 0: low-latency kernels may carry it, so many of a token
};

/// Work of the busiest accelerator in some part of a step, all layers of all stages together, in no
/// order: it runs one after the other.
struct StepWork {
  struct Product {
    Kernel kernel;
    std::string variant;  ///< implementation (ProductFormat); empty: the usual one
    bool early = false;   ///< before attention looks at the cache, or of shared experts
  };

  std::vector<Product> kernels;
  std::vector<CountedCommunication> communications;
};

/// Everything that depends on the number of new tokens of an attention group alone: projections,
/// feed-forward blocks but for routed experts, norms, and what ranks exchange. Byte counts as in
/// docs/model/serving.md.
StepWork token_work(const ServingJob& job, const topology::Cluster& cluster, int tokens);

/// Routed experts, for the new tokens of all attention groups together.
StepWork expert_work(const ServingJob& job, double together);

/// Attention over the cache, and what latent attention computes around it for prompts.
StepWork attention_work(const ServingJob& job, const ServingStep& step);

/// Last norm, vocabulary projection and sampling of `rows`.
StepWork head_work(const ServingJob& job, const topology::Cluster& cluster, int rows);

/// Distinct experts of `experts` that tokens of `top_k` each touch, drawn evenly.
double experts_touched(int experts, int top_k, double tokens);

}  // namespace aisle::workloads
