// SPDX-License-Identifier: Apache-2.0
#include "power/delivery.hpp"

#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::power {

double Stage::efficiency_at(double load) const {
  if (efficiency.empty()) return 1;
  if (load <= efficiency.front().load) return efficiency.front().efficiency;
  for (std::size_t i = 1; i < efficiency.size(); ++i) {
    const EfficiencyPoint &a = efficiency[i - 1], &b = efficiency[i];
    if (load > b.load) continue;
    return a.efficiency + (b.efficiency - a.efficiency) * (load - a.load) / (b.load - a.load);
  }
  return efficiency.back().efficiency;
}

Flow flow_of(const Delivery& delivery, Watts it, Watts cooling) {
  Flow flow;
  flow.stages.resize(delivery.stages.size());
  flow.it = it;
  for (std::size_t i = delivery.stages.size(); i-- > 0;) {
    const Stage& stage = delivery.stages[i];
    StageFlow& own = flow.stages[i];
    for (const Load load : stage.carries) own.output += load == Load::it ? it : cooling;
    const double rated = stage.rating.si() * stage.units;
    if (rated > 0) {
      own.load = own.output.si() / rated;
      own.load_failed = own.output.si() / (stage.rating.si() * (stage.units - stage.spare));
    }
    own.input = own.output / stage.efficiency_at(own.load);
    if (stage.counts_as_it) flow.it += own.loss();
    if (stage.from < 0) {
      flow.feed += own.input;
    } else {
      flow.stages[static_cast<std::size_t>(stage.from)].output += own.input;
    }
  }
  return flow;
}

std::vector<Overload> overloads(const Delivery& delivery, const Flow& flow) {
  std::vector<Overload> found;
  for (std::size_t i = 0; i < delivery.stages.size(); ++i) {
    const StageFlow& own = flow.stages[i];
    if (own.load > 1) {
      found.push_back({delivery.stages[i].name, own.load, false});
    } else if (own.load_failed > 1) {
      found.push_back({delivery.stages[i].name, own.load_failed, true});
    }
    const Stage& stage = delivery.stages[i];
    if (stage.stands_in_for < 0) continue;
    const auto lost = static_cast<std::size_t>(stage.stands_in_for);
    const double load = flow.stages[lost].output / (stage.rating * (stage.units - stage.spare));
    if (load > 1) found.push_back({stage.name, load, true, delivery.stages[lost].name});
  }
  return found;
}

namespace {

class Reader {
 public:
  Reader(const pb::Delivery& entry, const SourceMap& places, std::string path,
         Diagnostics& diagnostics)
      : entry_(entry), places_(places), path_(std::move(path)), diagnostics_(diagnostics) {}

  std::optional<Delivery> read(int accelerators) {
    const int errors_before = diagnostics_.error_count();
    if (entry_.stage().empty()) error("", "has no stage", "stage { name: \"transformer\" }");
    for (int i = 0; i < entry_.stage_size(); ++i) {
      if (!index_.try_emplace(entry_.stage(i).name(), i).second) {
        error(at(i, "name"), fmt::format("'{}' is named twice", entry_.stage(i).name()), "");
      }
    }
    for (int i = 0; i < entry_.stage_size(); ++i) read_stage(i, accelerators);
    if (diagnostics_.error_count() > errors_before) return std::nullopt;
    check_loads();
    check_starts();
    if (!order() || diagnostics_.error_count() > errors_before) return std::nullopt;
    return Delivery{entry_.name(), std::move(ordered_)};
  }

 private:
  static std::string at(int stage, const char* field) {
    return fmt::format("stage[{}].{}", stage, field);
  }

  std::string below(const std::string& field) const {
    if (path_.empty() || field.empty()) return path_ + field;
    return path_ + "." + field;
  }

  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = below(field);
    diagnostics_.error(places_.find(path), path, std::move(sentence), std::move(hint));
  }

  void read_stage(int i, int accelerators) {
    const pb::DeliveryStage& entry = entry_.stage(i);
    Stage stage;
    stage.name = entry.name();
    stage.counts_as_it = entry.counts_as_it();
    if (entry.has_from()) {
      const auto feeder = index_.find(entry.from());
      if (feeder == index_.end()) {
        error(at(i, "from"), fmt::format("no stage is named '{}'", entry.from()),
              "stages feed one another by name; leave it out where the utility does");
      } else {
        stage.from = feeder->second;
      }
    }
    if (entry.has_rating()) {
      const std::string field = below(at(i, "rating"));
      const auto rating =
          parse_quantity<Watts>(entry.rating(), places_.find(field), field, diagnostics_);
      if (rating) stage.rating = *rating;
    }
    read_units(i, accelerators, stage);
    if (entry.has_stands_in_for()) read_stand_in(i, stage);
    if (entry.has_rides_through()) {
      carried_ = std::max(carried_, seconds(at(i, "rides_through"), entry.rides_through()));
    }
    for (const int load : entry.carries()) {
      stage.carries.push_back(load == pb::cooling ? Load::cooling : Load::it);
    }
    read_efficiency(i, stage);
    stages_.push_back(std::move(stage));
  }

  Seconds seconds(const std::string& field, const std::string& text) {
    const std::string path = below(field);
    return parse_quantity<Seconds>(text, places_.find(path), path, diagnostics_)
        .value_or(Seconds{});
  }

  void read_stand_in(int i, Stage& stage) {
    const pb::DeliveryStage& entry = entry_.stage(i);
    const auto lost = index_.find(entry.stands_in_for());
    if (lost == index_.end()) {
      error(at(i, "stands_in_for"), fmt::format("no stage is named '{}'", entry.stands_in_for()),
            "generators stand in for one of the stages by name");
      return;
    }
    stage.stands_in_for = lost->second;
    if (stage.rating.si() <= 0) {
      error(at(i, "rating"), "is missing: what stands in has a rating", "rating: \"2.5 MW\"");
    }
  }

  /// Until generators run, batteries carry the load.
  void check_starts() {
    for (int i = 0; i < entry_.stage_size(); ++i) {
      const pb::DeliveryStage& entry = entry_.stage(i);
      if (!entry.has_starts_in()) continue;
      const Seconds starts = seconds(at(i, "starts_in"), entry.starts_in());
      if (starts <= carried_) continue;
      error(at(i, "starts_in"),
            fmt::format("nothing carries the load until '{}' runs: batteries ride through {:g} s",
                        entry.name(), carried_.si()),
            "a UPS stage with rides_through: \"5 min\"");
    }
  }

  void read_units(int i, int accelerators, Stage& stage) {
    const pb::DeliveryStage& entry = entry_.stage(i);
    if (entry.has_accelerators_per_unit() && entry.accelerators_per_unit() <= 0) {
      error(at(i, "accelerators_per_unit"), "must be above 0", "");
      return;
    }
    const double served = entry.has_accelerators_per_unit()
                              ? std::ceil(accelerators / entry.accelerators_per_unit() - 1e-9)
                              : 1;
    if (entry.units() <= 0 || entry.spare_units() < 0 || entry.spare_units() >= entry.units()) {
      error(at(i, "units"),
            fmt::format("of {} units {} cannot be spare", entry.units(), entry.spare_units()),
            "2N: units: 2 spare_units: 1; 4+2 supplies: units: 6 spare_units: 2");
      return;
    }
    stage.units = served * entry.units();
    stage.spare = served * entry.spare_units();
  }

  void read_efficiency(int i, Stage& stage) {
    double last = -1;
    for (int p = 0; p < entry_.stage(i).efficiency_size(); ++p) {
      const pb::EfficiencyAtLoad& point = entry_.stage(i).efficiency(p);
      if (!(point.efficiency() > 0 && point.efficiency() <= 1) || !(point.load() > last)) {
        error(at(i, "efficiency"),
              fmt::format("{:g} at a load of {:g} cannot be", point.efficiency(), point.load()),
              "loads rise, and efficiencies lie above 0 and at most at 1");
        return;
      }
      last = point.load();
      stage.efficiency.push_back({point.load(), point.efficiency()});
    }
    if (stage.efficiency.size() > 1 && stage.rating.si() <= 0) {
      error(at(i, "rating"), "is missing: efficiency over load needs one", "rating: \"33 kW\"");
    }
  }

  /// Each load hangs on one stage.
  void check_loads() {
    for (const Load load : {Load::it, Load::cooling}) {
      int carriers = 0;
      for (const Stage& stage : stages_) {
        carriers += static_cast<int>(std::count(stage.carries.begin(), stage.carries.end(), load));
      }
      const char* name = load == Load::it ? "it" : "cooling";
      if (carriers == 1) continue;
      error("", fmt::format("{} stages carry '{}'", carriers, name),
            fmt::format("one stage says carries: {}", name));
    }
  }

  /// Feeders first; false with an error where stages feed one another in a circle.
  bool order() {
    std::vector<int> place(stages_.size(), -1);
    while (ordered_.size() < stages_.size()) {
      const std::size_t before = ordered_.size();
      for (std::size_t i = 0; i < stages_.size(); ++i) {
        const int from = stages_[i].from;
        if (place[i] >= 0 || (from >= 0 && place[static_cast<std::size_t>(from)] < 0)) continue;
        place[i] = static_cast<int>(ordered_.size());
        ordered_.push_back(stages_[i]);
        if (from >= 0) ordered_.back().from = place[static_cast<std::size_t>(from)];
      }
      if (ordered_.size() > before) continue;
      const auto stuck = std::find(place.begin(), place.end(), -1) - place.begin();
      error(at(static_cast<int>(stuck), "from"),
            fmt::format("'{}' feeds itself, by way of '{}'",
                        stages_[static_cast<std::size_t>(stuck)].name,
                        entry_.stage(static_cast<int>(stuck)).from()),
            "one stage has no `from`: the utility feeds it");
      return false;
    }
    for (Stage& stage : ordered_) {
      if (stage.stands_in_for < 0) continue;
      stage.stands_in_for = place[static_cast<std::size_t>(stage.stands_in_for)];
    }
    return true;
  }

  const pb::Delivery& entry_;
  const SourceMap& places_;
  std::string path_;
  Diagnostics& diagnostics_;
  std::map<std::string, int> index_;
  std::vector<Stage> stages_, ordered_;
  Seconds carried_;  ///< by batteries, the longest
};

}  // namespace

std::optional<Delivery> build_delivery(const pb::Delivery& entry, int accelerators,
                                       const SourceMap& places, const std::string& path,
                                       Diagnostics& diagnostics) {
  return Reader(entry, places, path, diagnostics).read(accelerators);
}

}  // namespace aisle::power
