// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace aisle::workloads {

/// A mixture of experts as the exchange of tokens sees it.
struct Routing {
  int experts = 0;
  int top_k = 0;
  int groups = 1;       ///< experts lie in so many equal groups, in order
  int group_limit = 0;  ///< groups that one token may use; 0: all
};

/// Expected number of distinct bins that one token is sent to, when the experts lie in `bins` equal
/// bins (ranks, or scale-up domains) in order. Assumes uniform routing: `group_limit` of the groups
/// and then `top_k` experts inside them are drawn without replacement, every choice equally likely.
/// Where neither groups divide bins nor bins divide groups, the limit is left out (an upper bound).
/// DeepSeek-V3 over 64 ranks in 8 domains: 7.359 ranks, 3.629 domains; the received rows of
/// its published training trace agree to 0.3 % (docs/model/collectives.md).
double expected_copies(const Routing& routing, int bins);

}  // namespace aisle::workloads
