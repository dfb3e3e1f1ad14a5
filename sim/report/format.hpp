// SPDX-License-Identifier: Apache-2.0
// Internal to sim/report: how figures, names and lines are written for people.
#pragma once

#include "sim/study/result.pb.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim::report {

/// `value` rounded to `digits` significant digits, with thousands separators: "19.9", "180,000".
std::string significant(double value, int digits);
/// Exact whole number with thousands separators: "15,360".
std::string thousands(long long value);
/// As significant(), in words from a million up: "3.16 million".
std::string large(double value, int digits);
/// A fraction as percent with one decimal: "38.9 %".
std::string percent(double fraction);
/// A share of a whole: as percent(), but what is there never reads as nothing: "< 0.1 %".
std::string share(double fraction);
/// A difference with its sign: "+1.2 %"; "-0.0" is written "0.0".
std::string signed_percent(double fraction);
/// In the unit that suits its size, ns to days: "19.9 s".
std::string format_seconds(double seconds, int digits);
/// Decimal bytes, as hardware is sold: "71.2 GB".
std::string format_bytes(double bytes, int digits);

/// What a metric is about; reports list them in this order.
enum class Group { speed, exposed, memory, power, run, other };
inline constexpr Group kGroups[] = {Group::speed, Group::exposed, Group::memory,
                                    Group::power, Group::run,     Group::other};
std::string_view title_of(Group group);
/// The same with what the figures are of: one step, or a whole run.
std::string title_of(Group group, const pb::Result& result);
Group group_of(std::string_view metric);
/// Label for people: "tokens/s per chip" for tokens_per_s_per_chip.
std::string label_of(std::string_view metric);
/// Value with unit, to `digits` significant digits.
std::string format_metric(std::string_view metric, double value, int digits);
/// Unit of the number as it stands in a result: "s", "tokens/s", "1" for ratios.
std::string unit_of(std::string_view metric);

/// Rates and shares of what is useful; less is better of everything else.
bool larger_is_better(std::string_view metric);

std::optional<double> metric(const pb::Result& result, std::string_view name);
/// Basis of a metric; empty where the result has no such metric.
std::string basis_of(const pb::Result& result, std::string_view name);
/// A figure that names no basis rests on the weakest.
std::string basis_name(pb::Basis basis);
/// What a basis means, one sentence.
std::string_view basis_meaning(pb::Basis basis);
inline constexpr pb::Basis kBases[] = {pb::measured, pb::calibrated, pb::vendor, pb::extrapolated,
                                       pb::assumed};

/// Title of the scenario, or else the name of the study.
std::string title_of(const pb::Result& result);
/// The scenario in three lines: on what, what, and how it is placed. Absent figures are left out.
std::string cluster_line(const pb::Scenario& scenario);
std::string workload_line(const pb::Scenario& scenario);
std::string layout_line(const pb::Scenario& scenario);
/// Engine, folding, size of the simulation.
std::string engine_line(const pb::Result& result);
/// What a planner reads first, in at most four sentences; empty for a job that does not run.
std::string answer(const pb::Result& result);

/// What a part of the step is: work, work that takes longer than alone on a mean chip,
/// communication that nothing hides, anything else, waiting. Reports list parts in this order.
enum class PartFamily { computation, slowed, exposed, other, waiting };
PartFamily family_of(std::string_view part);
/// "exposed expert dispatch" for "exposed dispatch".
std::string part_label(std::string_view name);
/// "pipeline messages" for send_recv.
std::string communication_label(std::string_view kind);
/// Whether a report lists part `a` before part `b`.
bool precedes(std::string_view a, double seconds_a, std::string_view b, double seconds_b);
double family_seconds(const pb::Result& result, PartFamily family);

double total_bytes(const pb::MemoryUse& rank);
double total_seconds(const pb::Result& result);
/// The rank with the largest share of its capacity in use; null where memory is not known.
const pb::MemoryUse* fullest(const pb::Result& result);
/// |ln(simulated/published)| against the bound; empty where no bound is given, which is a row for
/// information, judged by nobody.
std::optional<bool> within_bound(const pb::Comparison& comparison);
/// Uses of memory in the order in which they first appear.
std::vector<std::string> memory_uses(const pb::Result& result);
double bytes_of(const pb::MemoryUse& rank, std::string_view use);

/// "17.9 to 21.1 s": where eight of ten measurements like a metric would lie; empty where that is
/// not known.
std::string range_text(const pb::Metric& metric);
/// "training steps of sparse models, kernels measured".
std::string like_rows_text(const pb::LikeRows& rows);

/// Hash of the scenario as it ran, eight hexadecimal digits, to tell results apart.
std::string scenario_hash(const pb::Result& result);

}  // namespace aisle::sim::report
