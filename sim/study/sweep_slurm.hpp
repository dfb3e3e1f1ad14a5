// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

/// Sweeps on a cluster that Slurm runs: a job array whose tasks each run a shard into a database of
/// their own, on a file system that all nodes see. Tasks resume: one that Slurm requeues, or whose
/// array is submitted again, runs what its database lacks.
namespace aisle::sim {

struct SlurmArray {
  std::string program;                 ///< as the nodes find it
  std::string study;                   ///< file, folder or name, as the nodes find it
  std::vector<std::string> arguments;  ///< of each task's sweep besides
  std::string database;                ///< that the parts become; they lie beside it, in a folder
  int tasks = 1;
  int processors = 1;                   ///< of a task
  std::string partition, time, memory;  ///< as sbatch takes them; empty: the cluster's own
};

/// "points.db.slurm": the script, the parts and what the tasks said.
std::string folder_of(const SlurmArray& array);
/// Database of a task, from 1.
std::string part_of(const SlurmArray& array, int task);
/// The batch script.
std::string slurm_script(const SlurmArray& array);

/// Submits a script and returns the id of its job; throws std::runtime_error with what sbatch said.
std::string slurm_submit(const std::string& script);
/// Tasks in the queue by state ("RUNNING": 3); empty when none is left. Throws as above when the
/// queue cannot be read.
std::map<std::string, int> slurm_queue(const std::string& job);

}  // namespace aisle::sim
