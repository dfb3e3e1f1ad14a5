// SPDX-License-Identifier: Apache-2.0
#include "sim/study/replay.hpp"

#include "sim/study/measure.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/rank_power.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/workload_runs.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "workloads/models/model.hpp"
#include "workloads/traces/read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace aisle::sim {

namespace {

namespace traces = workloads::traces;

/// A replay with everything read and every name resolved: what run() and check() share.
struct Prepared {
  traces::Trace trace;
  std::optional<workloads::ModelGraph> model;
  std::string recorded_on;  ///< accelerator; empty: not known
  int recorded = 1, ranks = 1;
  std::optional<ReplayMachine> from, to;
  std::vector<RankPower> powers;  ///< one, of `to`; empty: as recorded
};

constexpr const char* kPath = "workload.replay.";

class Preparer {
 public:
  Preparer(const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics)
      : study_(study),
        asked_(study.scenario->workload().replay()),
        catalogue_(catalogue),
        diagnostics_(diagnostics) {}

  std::optional<Prepared> run() {
    check_words();
    if (!read() || !read_model()) return std::nullopt;
    made_.recorded = recorded_world(made_.trace);
    if (!choose_ranks() || !find_recorded() || diagnostics_.has_errors()) return std::nullopt;
    if (!is_changed()) return std::move(made_);
    if (!build_to()) return std::nullopt;
    return std::move(made_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = kPath + field;
    diagnostics_.error(study_.places.find(path), path, std::move(sentence), std::move(hint));
  }

  void check_words() {
    constexpr std::array kKinds = {"tensor", "pipeline", "data", "expert"};
    for (const std::string& name : asked_.grow()) {
      if (std::find(kKinds.begin(), kKinds.end(), name) == kKinds.end()) {
        error("grow", fmt::format("unknown kind of group '{}'", name),
              "tensor, pipeline, data or expert");
      }
    }
    for (const pb::GroupSize& group : asked_.group()) {
      if (group.size() >= 1 && !group.name().empty()) continue;
      error("group", "a group needs a name and a size of at least 1",
            "for example group { name: \"expert\" size: 64 }");
    }
    const pb::ExpertRouting& routing = asked_.routing();
    const bool good = routing.experts() >= 1 && routing.top_k() >= 1 &&
                      routing.top_k() <= routing.experts() && routing.groups() >= 1 &&
                      routing.experts() % routing.groups() == 0 && routing.group_limit() >= 0;
    if (!good) {
      error("routing", "is no routing of tokens to experts",
            "top_k is 1 to experts, and groups divide experts");
    }
  }

  bool read() {
    if (asked_.trace_size() == 0) {
      error("trace", "no trace is named", "for example trace: \"rank0.json.gz\"");
      return false;
    }
    const auto folder = std::filesystem::path(study_.path).parent_path();
    std::vector<std::string> paths;
    for (const std::string& path : asked_.trace()) {
      paths.push_back(study_.path.empty() ? path : (folder / path).string());
    }
    auto trace = traces::read_trace(paths, diagnostics_);
    if (!trace) return false;
    made_.trace = std::move(*trace);
    const auto timed = [](const traces::DeviceEvent& event) {
      return event.start_ns != traces::kUnknown && event.duration_ns != traces::kUnknown;
    };
    if (std::none_of(made_.trace.device.begin(), made_.trace.device.end(), timed)) {
      error("trace", "the trace has no device activity with times, so there is nothing to replay",
            "record with the device's activities (ProfilerActivity.CUDA)");
      return false;
    }
    return true;
  }

  bool read_model() {
    if (!asked_.has_model()) return true;
    const std::string field = "workload.replay.model";
    made_.model =
        model_of(asked_.model(), catalogue_, study_.places.find(field), field, diagnostics_);
    return made_.model.has_value();
  }

  bool choose_ranks() {
    made_.ranks = made_.recorded;
    if (asked_.has_ranks()) made_.ranks = asked_.ranks();
    const auto shown = static_cast<int>(made_.trace.ranks.size());
    if (made_.ranks >= shown) return true;
    error("ranks",
          fmt::format("{} ranks are fewer than the {} that were recorded", made_.ranks, shown),
          "a replay grows a job; leave recorded ranks out by naming fewer files");
    return false;
  }

  bool is_changed() const {
    return study_.scenario->has_cluster() || made_.ranks != made_.recorded;
  }

  bool find_recorded() {
    made_.recorded_on = asked_.has_from()
                            ? asked_.from()
                            : recorded_accelerator(made_.trace.ranks.front(), catalogue_);
    const pb::Accelerator* entry = catalogue_.accelerator(made_.recorded_on);
    if (entry == nullptr && asked_.has_from()) {
      const std::string near = did_you_mean(asked_.from(), catalogue_.names("accelerator"));
      error("from", fmt::format("unknown accelerator '{}'", asked_.from()),
            near.empty() ? "`aisle list accelerators` names them" : near);
      return false;
    }
    if (entry == nullptr) {
      if (!is_changed()) return true;
      const std::string& device = made_.trace.ranks.front().device;
      error("from",
            device.empty()
                ? "the trace does not say which accelerator it was recorded on"
                : fmt::format("the trace was recorded on '{}', which the catalogue does not have",
                              device),
            "name the nearest with --from, e.g. --from h100-sxm");
      return false;
    }
    made_.recorded_on = entry->name();
    pb::Cluster spec;
    spec.set_accelerator(entry->name());
    // The network's defaults suit the job as it was; nothing of it was recorded.
    SourceMap nowhere;
    const pb::System* system = catalogue_.usual_system(entry->name());
    const int domain = domain_of(*entry, system);
    spec.set_count(whole_domains(made_.recorded, domain));
    auto cluster = topology::build_cluster(spec, nowhere, catalogue_, diagnostics_);
    if (!cluster) return false;
    made_.from.emplace(std::move(*cluster), catalogue_);
    return true;
  }

  static int domain_of(const pb::Accelerator& entry, const pb::System* system) {
    const std::string size = system != nullptr && system->has_scale_up_domain()
                                 ? system->scale_up_domain().value()
                                 : entry.scale_up_domain().value();
    return std::max(1, std::atoi(size.c_str()));
  }

  bool build_to() {
    pb::Cluster spec = study_.scenario->cluster();
    if (!spec.has_accelerator()) {
      if (spec.has_system()) {
        spec.set_accelerator(accelerator_of(catalogue_, spec.system()));
      } else {
        spec.set_accelerator(made_.recorded_on);
      }
    }
    if (!spec.has_count()) {
      const pb::Accelerator* entry = catalogue_.accelerator(spec.accelerator());
      const pb::System* system = spec.has_system() ? catalogue_.system(spec.system())
                                                   : catalogue_.usual_system(spec.accelerator());
      int domain = entry != nullptr ? domain_of(*entry, system) : 1;
      if (spec.scale_up().has_size()) domain = spec.scale_up().size();
      spec.set_count(whole_domains(made_.ranks, domain));
    }
    auto cluster = topology::build_cluster(spec, study_.places, catalogue_, diagnostics_);
    if (!cluster) return false;
    if (cluster->count() < made_.ranks) {
      diagnostics_.error(study_.places.find("cluster.count"), "cluster.count",
                         fmt::format("{} accelerators are fewer than the {} ranks of the job",
                                     cluster->count(), made_.ranks),
                         "leave count out for as many as the job needs");
      return false;
    }
    const topology::Accelerator& chip = cluster->accelerator();
    const power::PowerCurve curve =
        power::power_curve(chip, catalogue_.power(chip.name), diagnostics_);
    const auto power =
        read_own_power(study_.scenario->cluster(), curve, *cluster, study_.places, diagnostics_);
    if (!power) return false;
    made_.powers = {*power};
    made_.to.emplace(std::move(*cluster), catalogue_);
    return true;
  }

  const Study& study_;
  const pb::Replay& asked_;
  const topology::Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  Prepared made_;
};

/// Computation on the slowest of all ranks over that of the slowest of the recorded job; ranks that
/// nothing joins do not wait for the slowest.
double slower(const Prepared& prepared) {
  if (!prepared.to || !prepared.from || prepared.ranks == prepared.recorded) return 1;
  const bool joined = std::any_of(
      prepared.trace.device.begin(), prepared.trace.device.end(),
      [](const auto& event) { return event.activity == traces::Activity::communication; });
  if (!joined) return 1;
  return std::max(1.0,
                  prepared.to->cluster.slowest_factor() / prepared.from->cluster.slowest_factor());
}

void add_caveats(const Prepared& prepared, const traces::ReplayPlan& replay, const Retimed& retimed,
                 const ReplayGroups& groups, pb::Result& result) {
  const auto add = [&](std::string text) { result.add_caveat(std::move(text)); };
  if (replay.without_time > 0) {
    add(fmt::format("{} device events have no times or no stream and are left out.",
                    replay.without_time));
  }
  if (replay.deduced > 0) {
    add(
        fmt::format("{} waits of streams and of the host are deduced from their times, since the "
                    "trace does not record what was waited for.",
                    replay.deduced));
  }
  if (!prepared.to) return;
  if (replay.uncoupled > 0) {
    add(
        fmt::format("{} collectives could not be matched over the recorded ranks; each rank keeps "
                    "its own waiting in them.",
                    replay.uncoupled));
  }
  for (const std::string& text : retimed.notes) add(text);
  add("Host calls take the recorded time.");
  const auto memory = [](const ReplayMachine& machine) {
    return machine.cluster.accelerator().hbm_capacity.value.in(units::GB);
  };
  if (memory(*prepared.to) < 0.99 * memory(*prepared.from)) {
    add(fmt::format(
        "Whether the job fits is not checked: it ran with {:.0f} GB per accelerator, and "
        "{} has {:.0f} GB.",
        memory(*prepared.from), prepared.to->cluster.accelerator().name, memory(*prepared.to)));
  } else {
    add("Whether the job fits into memory is not checked.");
  }
  if (prepared.ranks != prepared.recorded) {
    std::vector<std::string> grown;
    for (const ReplayGroup& group : groups.used(prepared.trace)) {
      grown.push_back(fmt::format("{} ({}) {} to {}", group.name, to_string(group.kind),
                                  group.recorded, group.replayed));
    }
    add(
        fmt::format("Groups of {} ranks for the {} recorded: {}. Each rank keeps its own work; "
                    "collectives keep the bytes of one rank.",
                    prepared.ranks, prepared.recorded, fmt::join(grown, ", ")));
  }
  for (const std::string& text : prepared.from->kernels.caveats()) add(text);
  if (prepared.to->cluster.accelerator().name != prepared.from->cluster.accelerator().name) {
    for (const std::string& text : prepared.to->kernels.caveats()) add(text);
  }
  for (const std::string& note : prepared.to->cluster.notes()) add(note);
}

void execute(const Prepared& prepared, const Study& study, const topology::Catalogue& catalogue,
             const RunOptions& options, pb::Result& result) {
  const pb::Scenario& scenario = *study.scenario;
  const pb::Replay& asked = scenario.workload().replay();
  traces::ReplayPlan replay =
      traces::plan_of(prepared.trace, prepared.to ? traces::Ranks::coupled : traces::Ranks::apart);
  const auto represented = static_cast<std::int64_t>(prepared.ranks);
  const auto shown = static_cast<std::int64_t>(replay.plan.ranks.size());
  for (std::int64_t r = 0; r < shown; ++r) {
    replay.plan.ranks[static_cast<std::size_t>(r)].multiplicity =
        represented / shown + (r < represented % shown ? 1 : 0);
  }
  const auto described =
      traces::describe(prepared.trace, prepared.model ? &*prepared.model : nullptr);
  const auto beside = traces::beside_communication(prepared.trace);
  const ReplayGroups groups(prepared.trace, asked, prepared.recorded, prepared.ranks);
  std::optional<KernelRatio> ratio;
  if (prepared.to) ratio.emplace(*prepared.from, *prepared.to, catalogue);
  const RetimeInput input{prepared.trace,
                          replay,
                          described,
                          beside,
                          prepared.from ? &*prepared.from : nullptr,
                          prepared.to ? &*prepared.to : nullptr,
                          ratio ? &*ratio : nullptr,
                          groups,
                          asked,
                          slower(prepared)};
  Retimed retimed = retime(input);
  std::vector<RankPower> powers = prepared.powers;
  if (!powers.empty()) hold_power(retimed.timed, powers);
  if (options.progress) {
    options.progress(fmt::format("simulating {} operations on {} recorded ranks ({} engine)",
                                 replay.plan.operations.size(), replay.plan.ranks.size(),
                                 pb::Engine_Name(scenario.engine())));
  }
  const bool event = scenario.engine() == pb::event;
  if (options.both_engines) {
    const Execution other = event ? execute_analytic(retimed.timed) : execute_event(retimed.timed);
    result.set_other_engine_step_time_s(other.makespan.in(units::s));
  }
  const Execution execution =
      event ? execute_event(retimed.timed) : execute_analytic(retimed.timed);
  result.set_rank_classes(shown);
  result.set_operations(static_cast<std::int64_t>(replay.plan.operations.size()));
  result.set_recorded_on(prepared.recorded_on);
  measure_replay(input, retimed, execution, result);
  record_timeline(retimed.timed, execution, result);
  add_caveats(prepared, replay, retimed, groups, result);
}

/// The cluster as it was built, so that the result says on what it ran.
void note_cluster(const Prepared& prepared, pb::Result& result) {
  const ReplayMachine* machine = prepared.to     ? &*prepared.to
                                 : prepared.from ? &*prepared.from
                                                 : nullptr;
  pb::Cluster& cluster = *result.mutable_scenario()->mutable_cluster();
  cluster.set_count(prepared.ranks);
  if (machine != nullptr) cluster.set_accelerator(machine->cluster.accelerator().name);
}

}  // namespace

bool run_replay(const Study& study, const topology::Catalogue& catalogue, const RunOptions& options,
                pb::Result& result, Diagnostics& diagnostics) {
  const std::optional<Prepared> prepared = Preparer(study, catalogue, diagnostics).run();
  if (!prepared || diagnostics.has_errors()) return false;
  result.set_feasible(true);
  execute(*prepared, study, catalogue, options, result);
  note_cluster(*prepared, result);
  return true;
}

std::optional<std::vector<std::string>> check_replay(const Study& study,
                                                     const topology::Catalogue& catalogue,
                                                     Diagnostics& diagnostics) {
  const std::optional<Prepared> prepared = Preparer(study, catalogue, diagnostics).run();
  if (!prepared || diagnostics.has_errors()) return std::nullopt;
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "recorded  {} of {} ranks on {}", prepared->trace.ranks.size(), prepared->recorded,
      prepared->recorded_on.empty() ? "an unknown accelerator" : prepared->recorded_on));
  if (prepared->to) lines.push_back(describe(prepared->to->cluster));
  lines.push_back(fmt::format("replay    {} device events and {} host calls as {} ranks",
                              prepared->trace.device.size(), prepared->trace.calls.size(),
                              prepared->ranks));
  return lines;
}

}  // namespace aisle::sim
