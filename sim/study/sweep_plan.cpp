// SPDX-License-Identifier: Apache-2.0
// Which points a sweep has.
#include "sim/base/csv.hpp"
#include "sim/base/random.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/sweep.hpp"
#include "sim/study/sweep_condition.hpp"
#include "sim/study/variant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aisle::sim {

namespace {

constexpr double kMostPoints = 10e6;

/// A number and what stands behind it: "400 Gb/s".
struct Amount {
  double number = 0;
  std::string unit;
};

std::optional<Amount> amount_in(const std::string& text) {
  const std::size_t digits = text.find_first_not_of("0123456789.eE+-");
  const auto number = plain_number(text.substr(0, digits));
  if (!number) return std::nullopt;
  return Amount{*number, digits == std::string::npos ? "" : text.substr(digits)};
}

/// One axis after reading: its fields, and their values side by side; or a range.
struct Axis {
  std::vector<std::string> paths;
  std::vector<std::vector<std::string>> values;  ///< by position, then by path
  std::optional<std::pair<Amount, Amount>> range;
  bool log = false, whole = false;

  std::string at(double share) const {
    const double from = range->first.number, to = range->second.number;
    double value = log ? from * std::pow(to / from, share) : from + share * (to - from);
    if (whole) value = std::round(value);
    return fmt::format("{:.10g}{}", value, range->first.unit);
  }
};

/// Reads the axes; every fault is reported where it stands.
class AxisReader {
 public:
  AxisReader(const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics)
      : study_(study), catalogue_(catalogue), diagnostics_(diagnostics) {}

  std::vector<Axis> read() {
    std::vector<Axis> axes;
    const pb::Sweep& sweep = study_.scenario->sweep();
    for (int i = 0; i < sweep.axis_size(); ++i) {
      field_ = fmt::format("sweep.axis[{}]", i);
      axes.push_back(read(sweep.axis(i)));
    }
    if (axes.empty()) {
      diagnostics_.error(study_.places.find("sweep"), "sweep", "the study has no axes",
                         "sweep { axis { path: \"cluster.count\" value: [\"256\", \"512\"] } }");
    }
    return axes;
  }

 private:
  void error(const std::string& name, std::string sentence, std::string hint = {}) {
    const std::string path = name.empty() ? field_ : field_ + "." + name;
    diagnostics_.error(study_.places.find(path), path, std::move(sentence), std::move(hint));
  }

  Axis read(const pb::SweepAxis& asked) {
    Axis axis;
    axis.log = asked.log();
    axis.whole = asked.whole();
    if (asked.path().empty()) error("path", "names no field", "path: \"cluster.count\"");
    axis.paths.push_back(asked.path());
    const int ways = (asked.value_size() > 0 ? 1 : 0) +
                     (asked.has_from() || asked.has_to() ? 1 : 0) + (asked.has_catalogue() ? 1 : 0);
    if (ways != 1) {
      error("", "takes its values from one of `value`, `from` and `to`, and `catalogue`");
      return axis;
    }
    if (asked.has_from() || asked.has_to()) {
      read_range(asked, axis);
    } else {
      std::vector<std::string> values(asked.value().begin(), asked.value().end());
      if (asked.has_catalogue()) values = names_of(asked.catalogue());
      for (std::string& value : values) axis.values.push_back({std::move(value)});
    }
    read_companions(asked, axis);
    return axis;
  }

  std::vector<std::string> names_of(const std::string& kind) {
    const std::vector<EntryLine> lines = list_entries(catalogue_, kind);
    std::vector<std::string> names;
    for (std::size_t i = 1; i < lines.size(); ++i) names.push_back(lines[i].cells.front());
    if (names.empty()) {
      error("catalogue", fmt::format("'{}' is no kind of entry", kind),
            "accelerators, systems, fabrics or models");
    }
    return names;
  }

  void read_range(const pb::SweepAxis& asked, Axis& axis) {
    const auto from = amount_in(asked.from()), to = amount_in(asked.to());
    if (!from || !to || from->unit != to->unit) {
      error(from ? "to" : "from", "a range has two numbers of one unit",
            "from: \"100 Gb/s\" to: \"800 Gb/s\"");
      return;
    }
    if (asked.log() && !(from->number > 0 && to->number > 0)) {
      error("from", "equal ratios need numbers above 0");
      return;
    }
    if (asked.steps() < 2 || asked.steps() > 1'000'000) {
      error("steps", fmt::format("must be from 2 to 1,000,000, is {}", asked.steps()), "5");
      return;
    }
    axis.range = {*from, *to};
    for (int i = 0; i < asked.steps(); ++i) {
      std::string value = axis.at(i / static_cast<double>(asked.steps() - 1));
      if (axis.values.empty() || axis.values.back().front() != value) {
        axis.values.push_back({std::move(value)});
      }
    }
  }

  void read_companions(const pb::SweepAxis& asked, Axis& axis) {
    for (int i = 0; i < asked.with_size(); ++i) {
      const pb::SweepField& other = asked.with(i);
      if (static_cast<std::size_t>(other.value_size()) != axis.values.size()) {
        error(fmt::format("with[{}]", i),
              fmt::format("has {} values beside the {} of the axis", other.value_size(),
                          axis.values.size()),
              "one for each");
        continue;
      }
      axis.range.reset();  // drawn by position
      axis.paths.push_back(other.path());
      for (int k = 0; k < other.value_size(); ++k) {
        axis.values[static_cast<std::size_t>(k)].push_back(other.value(k));
      }
    }
  }

  const Study& study_;
  const topology::Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  std::string field_;
};

void add(const Axis& axis, const std::vector<std::string>& values, SweepPoint& point) {
  for (std::size_t i = 0; i < axis.paths.size(); ++i) {
    point.fields.emplace_back(axis.paths[i], values[i]);
  }
}

std::vector<SweepPoint> combinations(const std::vector<Axis>& axes) {
  std::vector<SweepPoint> points(1);
  for (const Axis& axis : axes) {
    std::vector<SweepPoint> longer;
    longer.reserve(points.size() * axis.values.size());
    for (const SweepPoint& point : points) {
      for (const auto& values : axis.values) {
        longer.push_back(point);
        add(axis, values, longer.back());
      }
    }
    points = std::move(longer);
  }
  return points;
}

std::vector<SweepPoint> drawn(const std::vector<Axis>& axes, const pb::SweepSample& sample,
                              std::uint64_t seed) {
  const auto count = static_cast<std::size_t>(sample.points());
  std::vector<SweepPoint> points(count);
  for (const Axis& axis : axes) {
    Random random(seed, "sweep " + axis.paths.front());
    std::vector<std::size_t> part(count);
    std::iota(part.begin(), part.end(), std::size_t{0});
    for (std::size_t i = count; i > 1; --i) std::swap(part[i - 1], part[random.below(i)]);
    for (std::size_t i = 0; i < count; ++i) {
      const double own = random.uniform();
      const double share = sample.latin_hypercube()
                               ? (static_cast<double>(part[i]) + own) / static_cast<double>(count)
                               : own;
      if (axis.range) {
        add(axis, {axis.at(share)}, points[i]);
      } else {
        const auto at = static_cast<std::size_t>(share * static_cast<double>(axis.values.size()));
        add(axis, axis.values[std::min(at, axis.values.size() - 1)], points[i]);
      }
    }
  }
  return points;
}

}  // namespace

std::optional<Study> at_point(const Study& study, const SweepPoint& point,
                              Diagnostics& diagnostics) {
  Study made = variant_of(study, *study.scenario);
  made.scenario->clear_sweep();
  made.scenario->clear_reference();  // published figures are those of the study as written
  bool good = true;
  for (const auto& [path, value] : point.fields) {
    const std::string assignment = fmt::format("{}={}", path, value);
    good = set_field(assignment, *made.scenario, made.places, diagnostics, assignment) && good;
  }
  if (!good) return std::nullopt;
  return made;
}

std::optional<std::vector<SweepPoint>> sweep_points(const Study& study,
                                                    const topology::Catalogue& catalogue,
                                                    Diagnostics& diagnostics) {
  const pb::Sweep& sweep = study.scenario->sweep();
  Diagnostics own;
  const std::vector<Axis> axes = AxisReader(study, catalogue, own).read();
  std::vector<Condition> conditions;
  for (int i = 0; i < sweep.where_size(); ++i) {
    const std::string field = fmt::format("sweep.where[{}]", i);
    auto condition = Condition::parse(sweep.where(i), study.places.find(field), field, own);
    if (condition) conditions.push_back(std::move(*condition));
  }
  double size = sweep.has_sample() ? sweep.sample().points() : 1;
  if (!sweep.has_sample()) {
    for (const Axis& axis : axes) size *= static_cast<double>(axis.values.size());
  }
  if (!(size >= 1 && size <= kMostPoints)) {
    own.error(study.places.find("sweep"), "sweep", fmt::format("has {:.0f} points", size),
              "from 1 to 10 million");
  }
  diagnostics.append(own);
  if (own.has_errors()) return std::nullopt;
  std::vector<SweepPoint> all =
      sweep.has_sample() ? drawn(axes, sweep.sample(), study.scenario->seed()) : combinations(axes);
  std::vector<SweepPoint> points;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].id = static_cast<std::int64_t>(i);
    bool wanted = true;
    if (i == 0 || !conditions.empty()) {
      const auto made = at_point(study, all[i], diagnostics);
      if (!made) return std::nullopt;
      for (const Condition& condition : conditions) {
        const auto holds = condition.holds(*made->scenario, diagnostics);
        if (!holds) return std::nullopt;
        wanted = wanted && *holds;
      }
    }
    if (wanted) points.push_back(std::move(all[i]));
  }
  if (points.empty()) {
    diagnostics.error(study.places.find("sweep.where"), "sweep.where",
                      "no point meets the conditions", "loosen them");
    return std::nullopt;
  }
  return points;
}

}  // namespace aisle::sim
