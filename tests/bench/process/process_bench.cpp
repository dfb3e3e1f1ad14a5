// SPDX-License-Identifier: Apache-2.0
// Whole-process time and peak memory of `aisle run`, as a user pays it. Compare ratios within one
// run: machines are noisy.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

void run_study(benchmark::State& state, const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {AISLE_PROGRAM, "run", "-q", "--json"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  double peak_mb = 0;
  for (auto _ : state) {
    const pid_t child = fork();
    if (child == 0) {
      dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
      execv(argv[0], const_cast<char* const*>(argv.data()));
      _exit(127);
    }
    int status = 0;
    rusage usage{};
    wait4(child, &status, 0, &usage);
    if (status != 0) state.SkipWithError("aisle run failed");
    peak_mb = std::max(peak_mb, static_cast<double>(usage.ru_maxrss) / 1024);
  }
  state.counters["peak_MiB"] = peak_mb;
}

const std::vector<std::string> kWide = {"--set", "cluster.count=16384",
                                        "--set", "workload.training.parallel.data=1024",
                                        "--set", "workload.training.global_batch=122880"};

std::vector<std::string> with(std::vector<std::string> first,
                              const std::vector<std::string>& more) {
  first.insert(first.end(), more.begin(), more.end());
  return first;
}

const bool kRegistered = [] {
  for (const std::string engine : {"event", "analytic"}) {
    const auto add = [&](const std::string& name, const std::vector<std::string>& arguments) {
      benchmark::RegisterBenchmark((name + "/" + engine).c_str(), run_study,
                                   with(arguments, {"--engine", engine}))
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond)
          ->Repetitions(5)
          ->ReportAggregatesOnly();
    };
    add("deepseek-v3-h800", {"deepseek-v3-h800"});
    add("deepseek-v3-h800 with 1,024 replicas", with({"deepseek-v3-h800"}, kWide));
    add("llama3-405b-h100", {"llama3-405b-h100"});
  }
  return true;
}();

}  // namespace
