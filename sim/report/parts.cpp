// SPDX-License-Identifier: Apache-2.0
#include "sim/report/format.hpp"
#include "sim/report/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>

namespace aisle::sim {
namespace report {
namespace {

struct Known {
  std::string_view name, colour;
  PartFamily family;
};

/// In the order of a report. Computation is blue to green, what slows it purple, exposed
/// communication warm, waiting grey.
constexpr Known kKnown[] = {
    {"tensor cores", "#2f66a6", PartFamily::computation},
    {"HBM", "#5b97d6", PartFamily::computation},
    {"launch gaps", "#84b1e0", PartFamily::computation},
    {"forward", "#5b97d6", PartFamily::computation},
    {"backward", "#2f66a6", PartFamily::computation},
    {"weight gradient", "#2b8c9e", PartFamily::computation},
    {"optimizer", "#2e9e77", PartFamily::computation},
    {"compute", "#3b6fb6", PartFamily::computation},
    {"other compute", "#84b1e0", PartFamily::computation},
    {"pace of the slowest accelerator", "#7765ab", PartFamily::slowed},
    {"compute slowed by communication", "#a896cc", PartFamily::slowed},
    {"slowed by communication", "#a896cc", PartFamily::slowed},
    {"exposed TP", "#c98b6b", PartFamily::exposed},
    {"exposed CP", "#8c4a32", PartFamily::exposed},
    {"exposed EP", "#e9b949", PartFamily::exposed},
    {"exposed PP", "#c8503c", PartFamily::exposed},
    {"exposed DP", "#a8506e", PartFamily::exposed},
    {"exposed dispatch", "#e9b949", PartFamily::exposed},
    {"exposed combine", "#e08a2e", PartFamily::exposed},
    {"exposed all_to_all", "#d9782b", PartFamily::exposed},
    {"exposed send_recv", "#c8503c", PartFamily::exposed},
    {"exposed reduce_scatter", "#a8506e", PartFamily::exposed},
    {"exposed all_gather", "#c98b6b", PartFamily::exposed},
    {"exposed all_reduce", "#8c4a32", PartFamily::exposed},
    {"exposed broadcast", "#e3a78c", PartFamily::exposed},
    {"exposed barrier", "#d8c3a5", PartFamily::exposed},
    {"imbalance", "#7c8796", PartFamily::waiting},
    {"pipeline bubble", "#a3adba", PartFamily::waiting},
    {"waiting for host memory", "#5f6b7a", PartFamily::waiting},
    {"host memory", "#5f6b7a", PartFamily::waiting},
    {"waiting for the host", "#8b95a3", PartFamily::waiting},
    {"pipeline bubble and waiting", "#a3adba", PartFamily::waiting},
};
/// For exposed communication and for other parts that the table does not know.
constexpr std::string_view kWarm[] = {"#b5713a", "#cf5c36", "#d8a13a"};
constexpr std::string_view kOther[] = {"#88a848", "#8c6d5a", "#4f7d6b"};

constexpr std::string_view kExposed = "exposed ";

struct Communication {
  std::string_view kind, label;
};

constexpr Communication kCommunications[] = {
    {"all_to_all", "all-to-all"},       {"all_gather", "all-gather"},
    {"all_reduce", "all-reduce"},       {"reduce_scatter", "reduce-scatter"},
    {"send_recv", "pipeline messages"}, {"dispatch", "expert dispatch"},
    {"combine", "expert combine"},
};

std::size_t place_of(std::string_view name) {
  const auto* end = std::end(kKnown);
  const auto* found =
      std::find_if(std::begin(kKnown), end, [&](const Known& known) { return known.name == name; });
  return static_cast<std::size_t>(found - std::begin(kKnown));
}

}  // namespace

std::string communication_label(std::string_view kind) {
  for (const Communication& known : kCommunications) {
    if (known.kind == kind) return std::string(known.label);
  }
  std::string label(kind);
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

std::string part_label(std::string_view name) {
  if (!name.starts_with(kExposed)) return std::string(name);
  return std::string(kExposed) + communication_label(name.substr(kExposed.size()));
}

PartFamily family_of(std::string_view part) {
  const std::size_t place = place_of(part);
  if (place < std::size(kKnown)) return kKnown[place].family;
  return part.starts_with(kExposed) ? PartFamily::exposed : PartFamily::other;
}

bool precedes(std::string_view a, double seconds_a, std::string_view b, double seconds_b) {
  const auto rank = [](std::string_view name, double seconds) {
    const PartFamily family = family_of(name);
    // Computation and what slows it have an order of their own; the rest goes by size.
    const bool fixed = family == PartFamily::computation || family == PartFamily::slowed;
    return std::tuple(family, fixed ? place_of(name) : 0, fixed ? 0.0 : -seconds);
  };
  return rank(a, seconds_a) < rank(b, seconds_b);
}

double family_seconds(const pb::Result& result, PartFamily family) {
  double sum = 0;
  for (const pb::Part& part : result.breakdown()) {
    if (family_of(part.name()) == family) sum += part.seconds();
  }
  return sum;
}

}  // namespace report

namespace {

std::vector<PartText> described(const google::protobuf::RepeatedPtrField<pb::Part>& from) {
  using namespace report;
  std::vector<PartText> parts;
  for (const pb::Part& part : from) {
    parts.push_back({part.name(), part_label(part.name()), {}, part.seconds()});
  }
  std::stable_sort(parts.begin(), parts.end(), [](const PartText& a, const PartText& b) {
    return precedes(a.name, a.seconds, b.name, b.seconds);
  });
  std::size_t warm = 0, other = 0;
  for (PartText& part : parts) {
    if (const std::size_t place = place_of(part.name); place < std::size(kKnown)) {
      part.colour = kKnown[place].colour;
    } else if (family_of(part.name) == PartFamily::exposed) {
      part.colour = kWarm[warm++ % std::size(kWarm)];
    } else {
      part.colour = kOther[other++ % std::size(kOther)];
    }
  }
  return parts;
}

}  // namespace

std::vector<PartText> describe_parts(const pb::Result& result) {
  return described(result.breakdown());
}

std::vector<PartText> describe_resources(const pb::Result& result) {
  return described(result.resource());
}

}  // namespace aisle::sim
