// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workloads/collectives/schedule.hpp"
#include "workloads/collectives/traffic_builder.hpp"

#include <cstdint>
#include <span>
#include <string>

namespace aisle::workloads {

/// The form in which all exchanges of the jobs can be laid out: classes where folding is asked for,
/// loads and arrivals are even and nothing but exchanges runs; else pairs, or ranks where those
/// would be too many.
ExchangeForm exchange_form(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                           const ScheduleOptions& options);

void exchange_by_pairs(const CollectiveJob& job, std::int32_t number,
                       const topology::Cluster& cluster, TrafficBuilder& builder);

void exchange_by_ranks(const CollectiveJob& job, std::int32_t number,
                       const topology::Cluster& cluster, TrafficBuilder& builder);

/// All jobs at once, by the orbits of endpoints and links under the network's symmetries that keep
/// every accelerator in its job. From one member of each orbit the pairs with all others are
/// followed; those over links of equal orbits are one flow, and each link of an orbit carries an
/// equal part of them. Exact, without spelling the pairs out. `cut` as in Schedule.
Traffic exchange_by_classes(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                            std::string& cut);

}  // namespace aisle::workloads
