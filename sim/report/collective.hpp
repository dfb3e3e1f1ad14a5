// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: jobs and link loads of a collective workload.
#pragma once

#include "sim/report/text.hpp"
#include "sim/study/result.pb.h"

#include <string>

namespace aisle {
class JsonWriter;
}

namespace aisle::sim::report {

struct Document;

/// "all-reduce of 1 GiB on 131,072 chips"; of several jobs, how many.
std::string collective_line(const pb::Collective& collective);
/// One sentence for a planner.
std::string collective_answer(const pb::Result& result);
void append_collective(Page& page, const pb::Result& result);
void add_collective(Document& document, const pb::Result& result);
void write_collective(JsonWriter& json, const pb::Result& result);
std::string collective_csv(const pb::Result& result);

}  // namespace aisle::sim::report
