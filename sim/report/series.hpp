// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: what a result holds over time and of each request.
#pragma once

#include "sim/study/result.pb.h"

#include <string>

namespace aisle::sim {

namespace report {

struct Document;

/// Distributions of the first token's and the later tokens' time; none without requests.
void add_latencies(Document& document, const pb::Result& result);
/// Figures of all series, one for each unit; none without series.
void add_series(Document& document, const pb::Result& result);

}  // namespace report

/// series,time_s,value.
std::string series_csv(const pb::Result& result);
/// One row a request, in the order of the stream; empty cells: it never came so far.
std::string requests_csv(const pb::Result& result);

}  // namespace aisle::sim
