// SPDX-License-Identifier: Apache-2.0
#include "sim/study/sweep_slurm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>

namespace aisle::sim {

namespace {

/// A word for the shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// What a command of Slurm prints; throws with it where the command fails.
std::string said_by(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::system_error(errno, std::generic_category(), command);
  std::string out;
  std::array<char, 4096> buffer{};
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe)) {
    out.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  constexpr int kNoCommand = 127;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoCommand) {
    throw std::runtime_error(
        "Slurm's commands are not found: sweeps by --slurm are submitted on a machine of the "
        "cluster (Debian: slurm-client)");
  }
  if (status != 0) throw std::runtime_error(fmt::format("Slurm refuses: {}", out));
  return out;
}

}  // namespace

std::string folder_of(const SlurmArray& array) {
  return array.database + ".slurm";
}

std::string part_of(const SlurmArray& array, int task) {
  return fmt::format("{}/part-{}.db", folder_of(array), task);
}

std::string slurm_script(const SlurmArray& array) {
  const std::string folder = folder_of(array);
  const std::string name = std::filesystem::path(array.database).stem().string();
  std::string out = fmt::format(
      "#!/bin/bash\n"
      "#SBATCH --job-name={}\n"
      "#SBATCH --array=1-{}\n"
      "#SBATCH --ntasks=1\n"
      "#SBATCH --cpus-per-task={}\n",
      quoted("aisle " + name), array.tasks, array.processors);
  for (const auto& [flag, value] :
       {std::pair("partition", array.partition), std::pair("time", array.time),
        std::pair("mem", array.memory)}) {
    if (!value.empty()) out += fmt::format("#SBATCH --{}={}\n", flag, quoted(value));
  }
  out += fmt::format(
      "#SBATCH --requeue\n"
      "#SBATCH --open-mode=append\n"
      "#SBATCH --output={}\n"
      "# A task that is requeued goes on with what its database lacks.\n"
      "exec {} sweep {} \\\n"
      "  --output {}/part-\"$SLURM_ARRAY_TASK_ID\".db --shard \"$SLURM_ARRAY_TASK_ID/{}\" \\\n"
      "  --resume --quiet --jobs {}",
      quoted(folder + "/task-%a.log"), quoted(array.program), quoted(array.study), quoted(folder),
      array.tasks, array.processors);
  for (const std::string& argument : array.arguments) out += " \\\n  " + quoted(argument);
  return out + "\n";
}

std::string slurm_submit(const std::string& script) {
  std::string job = said_by("sbatch --parsable " + quoted(script));
  // "17" or "17;cluster"; warnings stand in lines before it.
  if (job.ends_with('\n')) job.pop_back();
  job = job.substr(job.rfind('\n') + 1);
  return job.substr(0, job.find(';'));
}

std::map<std::string, int> slurm_queue(const std::string& job) {
  std::istringstream lines(
      said_by("squeue --noheader --array --format=%T --states=all --jobs=" + quoted(job)));
  std::map<std::string, int> states;
  std::string state;
  // Whatever is not over is there still: Slurm has states for many things on the way.
  constexpr std::array kOver = {"COMPLETED", "CANCELLED", "FAILED",   "TIMEOUT", "NODE_FAIL",
                                "PREEMPTED", "BOOT_FAIL", "DEADLINE", "REVOKED", "OUT_OF_MEMORY"};
  while (std::getline(lines, state)) {
    if (std::find(kOver.begin(), kOver.end(), state) == kOver.end()) ++states[state];
  }
  return states;
}

}  // namespace aisle::sim
