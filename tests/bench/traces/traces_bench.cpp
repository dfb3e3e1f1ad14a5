// SPDX-License-Identifier: Apache-2.0
// Import of Kineto traces beside plain simdjson parsing of the same bytes: a synthetic training
// step, and, with AISLE_BENCH_TRACE, a file (then also the peak of the process's memory).
#include "workloads/traces/read.hpp"

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace aisle::workloads::traces {
namespace {

std::string event(const std::string& fields) {
  return "{\n    " + fields + "\n  },\n  ";
}

// Operators, launches, flows and kernels in the proportions and lengths of a training step as
// PyTorch writes it.
std::string synthetic_step(int kernels) {
  const std::string kernel_name =
      "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, "
      "std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul>)";
  std::string text = R"({"schemaVersion": 1, "traceEvents": [)";
  std::int64_t tenths = 16'000'000'000'000'000;
  for (int i = 0; i < kernels; ++i) {
    const auto time = [&](int later) {
      return std::to_string((tenths + later) / 10) + "." + std::to_string((tenths + later) % 10);
    };
    const std::string id = std::to_string(1000 + i), host = R"("pid": 1166, "tid": 1166, "ts": )";
    const std::string from = R"("ph": "X", "cat": )";
    for (int op = 0; op < 5; ++op) {
      text +=
          event(from + R"("cpu_op", "name": "aten::operator_)" + std::to_string(op) + "\", " +
                host + time(op) + R"(, "dur": )" + std::to_string(90 - op) +
                R"(, "args": {"External id": )" + id + R"(, "Ev Idx": )" + std::to_string(i) + "}");
    }
    for (const char* call : {"cudaEventQuery", "cudaEventQuery", "cudaLaunchKernel"}) {
      text += event(from + R"("cuda_runtime", "name": ")" + call + "\", " + host + time(20) +
                    R"(, "dur": 3, "args": {"cbid": 211, "correlation": )" + id + "}");
      text += event(R"("ph": "f", "id": )" + id + ", " + host + time(20) +
                    R"(, "cat": "ac2g", "name": "ac2g", "bp": "e")");
    }
    text +=
        event(from + R"("kernel", "name": ")" + kernel_name + R"(", "pid": 0, "tid": 7, "ts": )" +
              time(60) + R"(, "dur": 52.125, "args": {"External id": )" + id +
              R"(, "queued": 0, "device": 0, "context": 1, "stream": 7, "correlation": )" + id +
              R"(, "registers per thread": 31, "shared memory": 0, "blocks per SM": 31.03, )"
              R"("warps per SM": 124.12, "grid": [4096, 1, 1], "block": [128, 1, 1], )"
              R"("est. achieved occupancy %": 100})");
    tenths += 1000;
  }
  return text + R"({"ph": "M", "name": "process_name", "pid": 0, "tid": 0}]})";
}

const std::string& synthetic() {
  static const std::string text = synthetic_step(20'000);
  return text;
}

void count(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void import_synthetic(benchmark::State& state) {
  for (auto _ : state) {
    Diagnostics diagnostics;
    const auto trace = read_trace(Source::over(synthetic(), "synthetic"), diagnostics);
    if (!trace || trace->device.size() != 20'000) state.SkipWithError("not imported");
  }
  count(state, synthetic().size());
}

void parse_dom(benchmark::State& state, const std::string& text) {
  simdjson::dom::parser parser;
  benchmark::DoNotOptimize(parser.parse(text).error());  // its memory is there from here on
  for (auto _ : state) { benchmark::DoNotOptimize(parser.parse(text).error()); }
  count(state, text.size());
}

std::string whole_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Bytes of the normalised form before compression.
std::size_t normalised_size(const Trace& trace) {
  const std::string path = std::filesystem::temp_directory_path() / "aisle-bench.trace";
  Diagnostics diagnostics;
  std::size_t size = 0;
  if (write_trace(trace, path, diagnostics)) {
    std::optional<Source> source = Source::open(path, diagnostics);
    std::vector<char> block(std::size_t{1} << 20);
    while (const std::size_t got = source ? source->read(block.data(), block.size()) : 0) {
      size += got;
    }
  }
  std::filesystem::remove(path);
  return size;
}

void import_file(benchmark::State& state, const char* path) {
  for (auto _ : state) {
    Diagnostics diagnostics;
    const auto trace = read_trace({path}, diagnostics);
    state.PauseTiming();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    state.counters["peak_MB"] = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
    if (trace) {
      state.counters["events"] = static_cast<double>(trace->accounting.events);
      state.counters["normalised_MB"] = static_cast<double>(normalised_size(*trace)) / 1e6;
    }
    state.ResumeTiming();
  }
  count(state, std::filesystem::file_size(path));
}

}  // namespace
}  // namespace aisle::workloads::traces

int main(int argc, char** argv) {
  namespace traces = aisle::workloads::traces;
  if (const char* path = std::getenv("AISLE_BENCH_TRACE"); path != nullptr) {
    benchmark::RegisterBenchmark("import_file", traces::import_file, path)
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(
        "parse_file_dom",
        [path](benchmark::State& state) { traces::parse_dom(state, traces::whole_file(path)); })
        ->Iterations(1)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::RegisterBenchmark("import_synthetic", traces::import_synthetic)
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("parse_synthetic_dom", [](benchmark::State& state) {
    traces::parse_dom(state, traces::synthetic());
  })->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
