// SPDX-License-Identifier: Apache-2.0
// A stream of requests through replicas of a serving engine: what run() and check() do for it.
#include "sim/base/quantity.hpp"
#include "sim/base/statistics.hpp"
#include "sim/study/measure.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_time.hpp"
#include "sim/study/workload_runs.hpp"
#include "workloads/serving/engine.hpp"
#include "workloads/serving/engine.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::sim {

namespace {

using workloads::EnginePolicy;
using workloads::RequestOutcome;
using workloads::RequestStream;
using workloads::ServingJob;
using workloads::ServingRun;

constexpr const char* kField = "workload.serving.";

/// Bytes of a weight with its scales; kinds of products that compute wide keep `computes` at BF16.
struct FormatWord {
  std::string_view name;
  topology::Precision computes;
  double weight_bytes;
};

constexpr FormatWord kFormats[] = {
    {"bf16", topology::Precision::bf16, 2},
    {"fp8", topology::Precision::fp8, 1},
    {"int8", topology::Precision::int8, 1},
    {"nvfp4", topology::Precision::fp4, workloads::kNvfp4Weight},
    {"mxfp4", topology::Precision::fp4, workloads::kMxfp4Weight},
    {"int4", topology::Precision::bf16, workloads::kInt4Weight},
};

/// What a serving study needs to run.
struct Prepared {
  topology::Cluster cluster;
  workloads::ModelGraph model;
  ServingJob job;
  EngineHost host;
  EnginePolicy policy;
  RequestStream stream;
  Seconds first_token, token;  ///< promised; 0: nothing is
  int replicas = 1;
};

/// Reads a serving workload; every fault is reported where it stands.
class Reader {
 public:
  Reader(const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics)
      : study_(study),
        catalogue_(catalogue),
        diagnostics_(diagnostics),
        asked_(study.scenario->workload().serving()) {}

  std::optional<Prepared> read() {
    auto cluster = topology::build_cluster(study_.scenario->cluster(), study_.places, catalogue_,
                                           diagnostics_);
    auto model =
        model_of(asked_.model(), catalogue_, study_.places.find(std::string(kField) + "model"),
                 std::string(kField) + "model", diagnostics_);
    if (!cluster || !model) return std::nullopt;
    Prepared made{std::move(*cluster), std::move(*model), {}, {}, {}, {}, {}, {}, 1};
    read_layout(made);
    read_formats(made);
    read_engine(made);
    read_promise(made);
    auto stream =
        workloads::read_requests(asked_.requests(), study_.places, std::string(kField) + "requests",
                                 std::filesystem::path(study_.path).parent_path().string(),
                                 study_.scenario->seed(), diagnostics_);
    if (!stream || diagnostics_.has_errors()) return std::nullopt;
    made.stream = std::move(*stream);
    if (made.stream.requests.empty()) {
      error("requests", "no request comes", "name a trace, or a rate and a count");
      return std::nullopt;
    }
    return made;
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    const std::string path = kField + field;
    diagnostics_.error(study_.places.find(path), path, std::move(sentence), std::move(hint));
  }

  int at_least(const std::string& field, int value, int least) {
    if (value >= least) return value;
    error(field, fmt::format("must be at least {}, is {}", least, value), fmt::format("{}", least));
    return least;
  }

  void read_layout(Prepared& made) {
    workloads::ServingLayout& layout = made.job.layout;
    layout.tensor = at_least("tensor", asked_.tensor(), 1);
    layout.expert = at_least("expert", asked_.expert(), 1);
    if (layout.tensor % layout.expert != 0) {
      error(
          "expert",
          fmt::format("{} does not divide the {} ranks of a replica", layout.expert, layout.tensor),
          fmt::format("1 or {}", layout.tensor));
    }
    const int most = made.cluster.count() / layout.tensor;
    if (most < 1) {
      error("tensor",
            fmt::format("a replica of {} is more than the {} accelerators of the cluster",
                        layout.tensor, made.cluster.count()),
            "fewer ranks, or more accelerators");
    }
    made.replicas = asked_.has_replicas() ? at_least("replicas", asked_.replicas(), 1) : most;
    if (made.replicas > most && most >= 1) {
      error("replicas",
            fmt::format("{} replicas of {} accelerators are more than the cluster's {}",
                        made.replicas, layout.tensor, made.cluster.count()),
            fmt::format("at most {}", most));
    }
  }

  void read_formats(Prepared& made) {
    const auto* const format =
        std::find_if(std::begin(kFormats), std::end(kFormats),
                     [&](const FormatWord& word) { return word.name == asked_.precision(); });
    if (format == std::end(kFormats)) {
      error("precision", fmt::format("'{}' is not a format of serving", asked_.precision()),
            "bf16, fp8, int8, int4, nvfp4 or mxfp4");
      return;
    }
    workloads::ProductFormat all{format->computes, format->weight_bytes, {}};
    const bool latent = std::any_of(made.model.layers.begin(), made.model.layers.end(),
                                    [](const auto& layer) { return layer.attention.mla; });
    if (format->computes == topology::Precision::fp8 && !latent) all.variant = "trtllm fp8";
    made.job.formats.attention = made.job.formats.dense = made.job.formats.experts = all;
    if (asked_.cache() == "fp8") {
      made.job.formats.cache_bytes = 1;
    } else if (asked_.cache() != "bf16") {
      error("cache", fmt::format("'{}' is not a format of the cache", asked_.cache()),
            "bf16 or fp8");
    }
  }

  void read_engine(Prepared& made) {
    const pb::ServingEngine& engine = asked_.engine();
    const pb::EngineProfile* profile = catalogue_.engine(engine.profile());
    if (profile == nullptr) {
      std::string known;
      for (const pb::EngineProfile* one : catalogue_.engines()) {
        known += (known.empty() ? "" : ", ") + one->name();
      }
      error("engine.profile", fmt::format("the catalogue has no engine '{}'", engine.profile()),
            known);
      return;
    }
    made.host = EngineHost::from(*profile);
    made.job.reductions = made.host.reductions;
    EnginePolicy& policy = made.policy;
    if (engine.has_step_tokens()) {
      made.host.limits.step_tokens = at_least("engine.step_tokens", engine.step_tokens(), 1);
    }
    if (engine.has_sequences()) {
      made.host.sequences = at_least("engine.sequences", engine.sequences(), 1);
    }
    if (engine.has_cache_tokens()) {
      if (engine.cache_tokens() < 1) error("engine.cache_tokens", "must be above 0", "100000");
      made.host.limits.cache_tokens = static_cast<double>(engine.cache_tokens());
    }
    policy.step_tokens = made.host.limits.step_tokens;
    policy.sequences = made.host.sequences;
    policy.block_tokens = at_least("engine.block_tokens", engine.block_tokens(), 1);
    policy.chunked = engine.chunked();
    policy.prompts_first = engine.prompts_first();
    policy.prefix_caching = engine.prefix_cache();
    policy.watermark = engine.watermark();
    if (!(policy.watermark >= 0 && policy.watermark < 1)) {
      error("engine.watermark", "a share lies from 0 to below 1", "0.01");
    }
    if (policy.chunked && policy.step_tokens < policy.sequences) {
      error("engine.step_tokens",
            fmt::format("{} tokens leave no room for the {} sequences that may generate",
                        policy.step_tokens, policy.sequences),
            fmt::format("more than {}", policy.sequences));
    }
  }

  void read_promise(Prepared& made) {
    const auto time = [&](const char* field, bool given, const std::string& text) {
      if (!given) return Seconds();
      const std::string path = kField + std::string("slo.") + field;
      return parse_quantity<Seconds>(text, study_.places.find(path), path, diagnostics_)
          .value_or(Seconds());
    };
    const pb::ServingSlo& slo = asked_.slo();
    made.first_token = time("first_token", slo.has_first_token(), slo.first_token());
    made.token = time("token", slo.has_token(), slo.token());
  }

  const Study& study_;
  const topology::Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  const pb::Serving& asked_;
};

void add_times(const std::string& name, std::vector<double> values, pb::Result& result) {
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  const auto add = [&](const char* which, double value) {
    add_metric(result, fmt::format("{}_{}_s", name, which), value, Basis::extrapolated);
  };
  add("mean", values.empty() ? 0 : sum / static_cast<double>(values.size()));
  add("p50", quantile(values, 0.5));
  add("p90", quantile(values, 0.9));
  add("p99", quantile(values, 0.99));
}

/// Tokens and times of the requests that were served.
struct Sums {
  double served = 0, refused = 0, prompts = 0, outputs = 0, cached = 0, kept = 0;
  std::vector<double> first, token, whole;
};

Sums sums_of(const Prepared& prepared, const ServingRun& run) {
  Sums sums;
  const double outside = prepared.host.request.si();
  for (std::size_t i = 0; i < run.outcomes.size(); ++i) {
    const RequestOutcome& outcome = run.outcomes[i];
    const workloads::Request& request = prepared.stream.requests[i];
    if (outcome.end_s < 0) {
      ++sums.refused;
      continue;
    }
    ++sums.served;
    sums.prompts += request.prompt;
    sums.outputs += request.output;
    sums.cached += outcome.cached;
    const double first = outcome.first_token_s - outcome.arrival_s + outside;
    const double later = outcome.end_s - outcome.first_token_s;
    const double token = request.output > 1 ? later / (request.output - 1) : 0;
    sums.first.push_back(first);
    if (request.output > 1) sums.token.push_back(token);
    sums.whole.push_back(first + later);
    const bool soon = prepared.first_token <= Seconds() || first <= prepared.first_token.si();
    const bool fast = prepared.token <= Seconds() || token <= prepared.token.si();
    if (soon && fast) ++sums.kept;
  }
  return sums;
}

void record(const Prepared& prepared, const ServingRun& run, pb::Result& result) {
  const Sums sums = sums_of(prepared, run);
  const auto add = [&](const char* name, double value) {
    add_metric(result, name, value, Basis::extrapolated);
  };
  const double chips = static_cast<double>(prepared.replicas) * prepared.job.layout.tensor;
  add_times("ttft", sums.first, result);
  add_times("tpot", sums.token, result);
  add_times("e2e", sums.whole, result);
  add("output_tokens_per_s", sums.outputs / run.end_s);
  add("output_tokens_per_s_per_chip", sums.outputs / run.end_s / chips);
  add("tokens_per_s_per_chip", (sums.outputs + sums.prompts) / run.end_s / chips);
  add("requests_per_s", sums.served / run.end_s);
  add("requests_served", sums.served);
  add("requests_refused", sums.refused);
  if (prepared.first_token > Seconds() || prepared.token > Seconds()) {
    add("goodput", sums.kept / static_cast<double>(run.outcomes.size()));
  }
  add("requests_inside_mean", run.sequences_s / run.end_s);
  add("engine_busy_share", run.busy_s / run.end_s / prepared.replicas);
  add("kv_occupancy_peak",
      static_cast<double>(run.most_blocks) / static_cast<double>(prepared.policy.blocks));
  add("preemptions", static_cast<double>(run.preemptions));
  add("prefix_hit_share", sums.prompts > 0 ? sums.cached / sums.prompts : 0);
  add("engine_steps", static_cast<double>(run.steps));
  add("serving_time_s", run.end_s);
}

/// Blocks of the cache of one replica.
std::int64_t blocks_of(const Prepared& prepared, const workloads::ServingMemory& memory) {
  const double tokens = prepared.host.limits.cache_tokens > 0
                            ? prepared.host.limits.cache_tokens
                            : memory.cache / (memory.cache_per_token + memory.window_per_token);
  return static_cast<std::int64_t>(tokens / prepared.policy.block_tokens);
}

}  // namespace

bool run_serving(const Study& study, const topology::Catalogue& catalogue, const RunOptions&,
                 pb::Result& result, Diagnostics& diagnostics) {
  auto prepared = Reader(study, catalogue, diagnostics).read();
  if (!prepared) return false;
  prepared->job.model = &prepared->model;
  const StepTimes times(prepared->job, prepared->cluster, catalogue, prepared->host);
  const workloads::ServingMemory memory = times.memory();
  result.set_feasible(memory.fits());
  if (!memory.fits()) {
    result.set_reason(memory.misfit());
    return true;
  }
  prepared->policy.blocks = blocks_of(*prepared, memory);
  const auto router = study.scenario->workload().serving().router() == pb::round_robin
                          ? workloads::Router::round_robin
                          : workloads::Router::least_loaded;
  const ServingRun run = workloads::serve(
      prepared->stream, prepared->policy, prepared->replicas, router,
      [&times](const workloads::ServingStep& step) { return times.time(step).si(); });
  record(*prepared, run, result);
  result.set_operations(run.steps);
  for (const std::string& note : prepared->stream.caveats) result.add_caveat(note);
  for (const std::string& note : times.kernels().caveats()) result.add_caveat(note);
  for (const std::string& note : prepared->cluster.notes()) result.add_caveat(note);
  if (memory.window > 0) {
    result.add_caveat("Layers with a window are given cache as if they had none.");
  }
  return true;
}

std::optional<std::vector<std::string>> check_serving(const Study& study,
                                                      const topology::Catalogue& catalogue,
                                                      Diagnostics& diagnostics) {
  const auto prepared = Reader(study, catalogue, diagnostics).read();
  if (!prepared) return std::nullopt;
  return std::vector<std::string>{
      describe(prepared->cluster),
      fmt::format("{} requests to {} replica{} of {} accelerator{}",
                  prepared->stream.requests.size(), prepared->replicas,
                  prepared->replicas == 1 ? "" : "s", prepared->job.layout.tensor,
                  prepared->job.layout.tensor == 1 ? "" : "s")};
}

}  // namespace aisle::sim
