// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "sim/base/random.hpp"
#include "sim/engine/flows.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/collective.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/rank_sample.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/workload_runs.hpp"
#include "topology/network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace aisle::sim {

using workloads::CollectiveJob;
using workloads::Traffic;

namespace {

class TaskRunner {
 public:
  TaskRunner(const std::vector<CollectiveTask>& tasks, const topology::Cluster& cluster,
             const KernelModel& kernels, const CollectiveOptions& options)
      : tasks_(tasks), cluster_(cluster), kernels_(kernels), options_(options) {}

  CollectiveOutcome run() {
    std::vector<CollectiveJob> jobs;
    for (const CollectiveTask& task : tasks_) jobs.push_back(job_of(task));
    for (CollectiveJob& job : jobs) {
      for (Seconds& arrival : job.arrival) arrival += earliest_;
    }
    if (wants_sample(jobs)) {
      sample_.emplace(jobs.front(), options_.sampled_ranks);
      outcome_.caveats.push_back(sample_->caveat());
    }
    workloads::Schedule schedule =
        workloads::schedule(jobs, cluster_, {options_.fold, sample_.has_value(), options_.seed});
    if (sample_) sample_->thin_out(schedule.traffic, cluster_);
    outcome_.cut = schedule.cut;
    for (const CollectiveJob& job : jobs) {
      outcome_.jobs.push_back({job.cost, job.cost.alone, job.cost.bound_by, {}, {}});
    }
    if (!outcome_.cut.empty()) return std::move(outcome_);
    if (schedule.form == workloads::ExchangeForm::ranks) {
      outcome_.caveats.emplace_back(
          "exchanges are simulated as two flows per rank, what it sends and what it receives, "
          "because their pairs would be too many");
    }
    const bool folds = options_.fold && !sample_;
    const Traffic traffic = folds ? fold(schedule.traffic).traffic : std::move(schedule.traffic);
    outcome_.flows = static_cast<std::int64_t>(traffic.flows.size());
    options_.event ? run_event(traffic) : run_analytic(traffic);
    return std::move(outcome_);
  }

 private:
  CollectiveJob job_of(const CollectiveTask& task) {
    CollectiveJob job;
    job.communication = task.communication;
    job.cost = workloads::cost_of(task.communication, cluster_, kernels_.communication());
    job.members = task.members;
    if (options_.arrival_jitter.si() <= 0 && options_.load_spread <= 0) return job;
    for (std::size_t i = 0; i < task.members.size(); ++i) {
      Random random(options_.seed, fmt::format("{} rank {}", task.name, i));
      if (options_.arrival_jitter.si() > 0) {
        job.arrival.push_back(options_.arrival_jitter * random.normal());
        earliest_ = std::max(earliest_, -job.arrival.back());
      }
      if (options_.load_spread > 0) {
        job.load.push_back(std::max(0.0, 1 + options_.load_spread * random.normal()));
      }
    }
    return job;
  }

  /// A lone exchange among more ranks that differ by chance than are to be simulated.
  bool wants_sample(const std::vector<CollectiveJob>& jobs) const {
    const CollectiveJob& job = jobs.front();
    const bool differs = !job.arrival.empty() || !job.load.empty();
    return options_.fold && jobs.size() == 1 && differs &&
           workloads::is_exchange(job.communication.kind) &&
           job.members.size() > static_cast<std::size_t>(options_.sampled_ranks);
  }

  void set_time(CollectiveOutcome::Job& job, Seconds end) const {
    job.time = end - earliest_;
    if (!sample_) return;
    const RankSample::Range range = sample_->range(job.time);
    job.low = range.low;
    job.high = range.high;
  }

  void run_event(const Traffic& traffic) {
    const FlowExecution execution = execute(traffic);
    double end = 0;
    for (std::size_t j = 0; j < outcome_.jobs.size(); ++j) {
      CollectiveOutcome::Job& job = outcome_.jobs[j];
      set_time(job, Seconds::from_si(execution.job_end_s[j]));
      end = std::max(end, execution.job_end_s[j]);
      // What held the flow that ended last, if it lost time at all.
      if (job.time <= job.cost.alone * (1 + 1e-6)) continue;
      double last = -1;
      for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
        if (traffic.flows[f].job != static_cast<std::int32_t>(j)) continue;
        if (execution.end_s[f] <= last) continue;
        last = execution.end_s[f];
        const std::int32_t link = execution.held_by[f];
        if (link >= 0) job.bound_by = name_of(traffic, link);
      }
    }
    add_loads(traffic, execution.bytes_on_link, end);
  }

  void run_analytic(const Traffic& traffic) {
    const std::vector<Seconds> ends = bound(traffic);
    for (std::size_t j = 0; j < outcome_.jobs.size(); ++j) {
      CollectiveOutcome::Job& job = outcome_.jobs[j];
      set_time(job, ends[j]);
      if (job.time > job.cost.alone * (1 + 1e-6)) job.bound_by = "network";
    }
    add_loads(traffic, bytes_on_links(traffic), std::max_element(ends.begin(), ends.end())->si());
  }

  std::string name_of(const Traffic& traffic, std::int32_t link) const {
    const Traffic::Link& entry = traffic.links[static_cast<std::size_t>(link)];
    std::string name = cluster_.network().name(entry.original);
    if (entry.multiplicity <= 1) return name;
    return fmt::format("{} and {:.0f} alike", name, entry.multiplicity - 1);
  }

  void add_loads(const Traffic& traffic, const std::vector<double>& bytes, double duration) {
    std::map<std::pair<int, bool>, CollectiveOutcome::Load> loads;
    const topology::Network& network = cluster_.network();
    for (std::size_t l = 0; l < traffic.links.size(); ++l) {
      if (bytes[l] <= 0) continue;
      const Traffic::Link& link = traffic.links[l];
      const topology::LinkKind kind = network.kind(link.original);
      const bool outward = network.outward(link.original);
      CollectiveOutcome::Load& load = loads[{static_cast<int>(kind), !outward}];
      const double share = bytes[l] / (link.capacity.si() * duration);
      load.kind = kind;
      load.outward = outward;
      load.mean_share = (load.mean_share * load.links + share * link.multiplicity) /
                        (load.links + link.multiplicity);
      load.links += link.multiplicity;
      load.bytes += Bytes::from_si(bytes[l] * link.multiplicity);
      if (share > load.max_share) {
        load.max_share = share;
        load.busiest = name_of(traffic, static_cast<std::int32_t>(l));
      }
    }
    for (auto& [key, load] : loads) outcome_.loads.push_back(std::move(load));
  }

  const std::vector<CollectiveTask>& tasks_;
  const topology::Cluster& cluster_;
  const KernelModel& kernels_;
  const CollectiveOptions& options_;
  std::optional<RankSample> sample_;
  Seconds earliest_;  ///< shift that makes all arrivals positive
  CollectiveOutcome outcome_;
};

}  // namespace

CollectiveOutcome run_tasks(const std::vector<CollectiveTask>& tasks,
                            const topology::Cluster& cluster, const KernelModel& kernels,
                            const CollectiveOptions& options) {
  return TaskRunner(tasks, cluster, kernels, options).run();
}

void record(const std::vector<CollectiveTask>& tasks, const CollectiveOutcome& outcome,
            pb::Result& result) {
  for (std::size_t j = 0; j < tasks.size(); ++j) {
    const CollectiveTask& task = tasks[j];
    const CollectiveOutcome::Job& job = outcome.jobs[j];
    const double rate = task.communication.bytes.in(units::GB) / job.time.si();
    const double bus = rate * bus_factor(task.communication.kind, task.communication.group.size);
    pb::CollectiveOutcome& entry = *result.add_collective();
    entry.set_job(task.name);
    entry.set_operation(std::string(to_string(task.communication.kind)));
    entry.set_bytes(task.communication.bytes.in(units::B));
    entry.set_ranks(task.communication.group.size);
    entry.set_domains(task.communication.group.domains);
    entry.set_algorithm(std::string(to_string(job.cost.algorithm)));
    entry.set_protocol(std::string(to_string(job.cost.protocol)));
    entry.set_channels(job.cost.channels);
    entry.set_time_s(job.time.si());
    entry.set_alone_s(job.cost.alone.si());
    entry.set_algbw_gbps(rate);
    entry.set_busbw_gbps(bus);
    entry.set_bound_by(job.bound_by);
    if (job.high.si() > 0) {
      entry.set_low_s(job.low.si());
      entry.set_high_s(job.high.si());
    }
    const std::string of = tasks.size() > 1 ? task.name + " " : std::string();
    add_metric(result, of + "time_s", job.time.si(), job.cost.basis);
    add_metric(result, of + "alone_time_s", job.cost.alone.si(), job.cost.basis);
    add_metric(result, of + "slowdown", job.time / job.cost.alone, job.cost.basis);
    add_metric(result, of + "algbw_GBps", rate, job.cost.basis);
    add_metric(result, of + "busbw_GBps", bus, job.cost.basis);
  }
  for (const CollectiveOutcome::Load& load : outcome.loads) {
    pb::LinkLoad& entry = *result.add_link_load();
    entry.set_kind(std::string(to_string(load.kind)));
    entry.set_outward(load.outward);
    entry.set_links(load.links);
    entry.set_bytes(load.bytes.in(units::B));
    entry.set_mean_share(load.mean_share);
    entry.set_max_share(load.max_share);
    entry.set_busiest(load.busiest);
  }
  for (const std::string& caveat : outcome.caveats) result.add_caveat(caveat);
}

namespace {

struct PreparedTasks {
  topology::Cluster cluster;
  std::vector<CollectiveTask> tasks;
};

std::optional<PreparedTasks> prepare_tasks(const Study& study, const topology::Catalogue& catalogue,
                                           Diagnostics& diagnostics) {
  pb::Cluster spec = study.scenario->cluster();
  spec.set_speed_spread(0);  // of computation, and there is none
  auto cluster = topology::build_cluster(spec, study.places, catalogue, diagnostics,
                                         topology::Oversubscription::in_links);
  if (!cluster) return std::nullopt;
  auto tasks = read_tasks(*study.scenario, *cluster, study.places, diagnostics);
  if (!tasks || diagnostics.has_errors()) return std::nullopt;
  return PreparedTasks{std::move(*cluster), std::move(*tasks)};
}

std::optional<CollectiveOptions> read_options(const Study& study, const RunOptions& options,
                                              Diagnostics& diagnostics) {
  const pb::Scenario& scenario = *study.scenario;
  const pb::Collective& asked = scenario.workload().collective();
  CollectiveOptions how;
  how.event = scenario.engine() == pb::event;
  how.fold = options.fold;
  how.seed = scenario.seed();
  how.load_spread = asked.load_spread();
  if (asked.sampled_ranks() > 0) how.sampled_ranks = asked.sampled_ranks();
  const std::string path = "workload.collective.";
  if (!(how.load_spread >= 0 && how.load_spread <= 1)) {
    diagnostics.error(study.places.find(path + "load_spread"), path + "load_spread",
                      "a spread lies between 0 and 1", "recorded expert loads show 0.05 to 0.3");
    return std::nullopt;
  }
  if (asked.has_arrival_jitter()) {
    const std::string field = path + "arrival_jitter";
    const auto jitter = parse_quantity<Seconds>(asked.arrival_jitter(), study.places.find(field),
                                                field, diagnostics);
    if (!jitter) return std::nullopt;
    how.arrival_jitter = *jitter;
  }
  return how;
}

}  // namespace

bool run_collective(const Study& study, const topology::Catalogue& catalogue,
                    const RunOptions& options, pb::Result& result, Diagnostics& diagnostics) {
  const auto prepared = prepare_tasks(study, catalogue, diagnostics);
  if (!prepared) return false;
  const auto how = read_options(study, options, diagnostics);
  if (!how) return false;
  const KernelModel kernels(prepared->cluster.accelerator(), catalogue);
  const CollectiveOutcome outcome = run_tasks(prepared->tasks, prepared->cluster, kernels, *how);
  result.set_feasible(outcome.cut.empty());
  if (!outcome.cut.empty()) {
    result.set_reason(fmt::format("faults have cut {}", outcome.cut));
    return true;
  }
  if (options.both_engines) {
    CollectiveOptions other = *how;
    other.event = !how->event;
    const auto beside = run_tasks(prepared->tasks, prepared->cluster, kernels, other);
    result.set_other_engine_step_time_s(beside.jobs.front().time.si());
  }
  record(prepared->tasks, outcome, result);
  result.set_operations(outcome.flows);
  for (const std::string& note : prepared->cluster.notes()) result.add_caveat(note);
  return true;
}

std::optional<std::vector<CollectiveRow>> run_sizes(
    const Study& study, const topology::Catalogue& catalogue, const std::vector<double>& bytes,
    const RunOptions& options, std::vector<std::string>& notes, Diagnostics& diagnostics) {
  auto prepared = prepare_tasks(study, catalogue, diagnostics);
  if (!prepared) return std::nullopt;
  const auto how = read_options(study, options, diagnostics);
  if (!how) return std::nullopt;
  const KernelModel kernels(prepared->cluster.accelerator(), catalogue);
  std::vector<CollectiveRow> rows;
  for (const double size : bytes) {
    CollectiveTask& task = prepared->tasks.front();
    task.communication.bytes = Bytes::from_si(size);
    const CollectiveOutcome outcome = run_tasks(prepared->tasks, prepared->cluster, kernels, *how);
    if (!outcome.cut.empty()) {
      diagnostics.error(study.places.find("cluster.fault"), "cluster.fault",
                        fmt::format("faults have cut {}", outcome.cut),
                        "leave the accelerator out, or repair a way to it");
      return std::nullopt;
    }
    const CollectiveOutcome::Job& job = outcome.jobs.front();
    const double rate = size / job.time.si() / 1e9;
    rows.push_back({size, job.time.si(), rate,
                    rate * bus_factor(task.communication.kind, task.communication.group.size),
                    std::string(to_string(job.cost.algorithm)),
                    std::string(to_string(job.cost.protocol)), job.bound_by, job.cost.channels});
    if (&size == &bytes.back()) notes = outcome.caveats;
  }
  for (const std::string& note : prepared->cluster.notes()) notes.push_back(note);
  return rows;
}

std::optional<std::vector<std::string>> check_collective(const Study& study,
                                                         const topology::Catalogue& catalogue,
                                                         Diagnostics& diagnostics) {
  const auto prepared = prepare_tasks(study, catalogue, diagnostics);
  if (!prepared) return std::nullopt;
  std::vector<std::string> lines = {describe(prepared->cluster)};
  for (const CollectiveTask& task : prepared->tasks) {
    lines.push_back(fmt::format("{:<9} {} of {} over {} accelerators in {} scale-up domains",
                                task.name, to_string(task.communication.kind),
                                print_short(task.communication.bytes), task.members.size(),
                                task.communication.group.domains));
  }
  return lines;
}

}  // namespace aisle::sim
