// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/parallel/job.hpp"
#include "workloads/parallel/place.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace aisle::workloads::test {

/// A catalogue model on `count` catalogue accelerators; lives as long as the test.
struct Ground {
  ModelGraph model;
  topology::Cluster cluster;
};

/// `what_if`: fields of the model to change, as text.
Ground ground(const std::string& model, const std::string& accelerator, int count,
              const std::string& what_if = "");

/// place() of a training given as text (fields of workload.training).
std::optional<std::variant<TrainingPlan, Infeasible>> placed(const Ground& on,
                                                             const std::string& training,
                                                             Diagnostics& diagnostics,
                                                             Folding folding = Folding::folded,
                                                             const ExpertLoads* loads = nullptr);

/// The same where it must work.
TrainingPlan plan_of(const Ground& on, const std::string& training,
                     Folding folding = Folding::folded, const ExpertLoads* loads = nullptr);

/// A job of the inner interface, with balanced stages.
parallel::Job job_of(const Ground& on, const Layout& layout, parallel::Schedule schedule);

/// DeepSeek-V3's published job.
parallel::Job deepseek_job(const Ground& on);
Ground deepseek_ground();

struct Times {
  std::vector<double> start, end;  ///< by operation; empty if the plan locks up
};

/// Times on queues and dependencies as engines execute them, without sharing.
Times times_of(const Plan& plan, const std::function<double(const Operation&)>& duration);

/// End times of all operations when every computation takes one unit, a message nothing.
std::vector<double> unit_times(const Plan& plan);

const Work& work_of(const Plan& plan, const Operation& operation);

/// How often an exchange occurs, in which groups (of the last), and with how many bytes in all.
struct Seen {
  int count = 0;
  topology::Hierarchy group;
  double bytes = 0;
};

/// All exchanges of a plan by name.
std::map<std::string, Seen> exchanges(const Plan& plan);

/// FLOPs of all kernels of the plan on all accelerators, by family.
double plan_flops(const Plan& plan, bool attention);

}  // namespace aisle::workloads::test
