// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_run.hpp"
#include "workloads/serving/engine.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

namespace aisle::sim {

namespace {

using workloads::EnginePolicy;
using workloads::RequestStream;
using workloads::ServingJob;

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

/// Reads a serving workload; every fault is reported where it stands.
class Reader {
 public:
  Reader(const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics)
      : study_(study),
        catalogue_(catalogue),
        diagnostics_(diagnostics),
        asked_(study.scenario->workload().serving()) {}

  std::optional<PreparedServing> read(std::shared_ptr<const RequestStream> stream) {
    auto cluster = topology::build_cluster(study_.scenario->cluster(), study_.places, catalogue_,
                                           diagnostics_);
    auto model =
        model_of(asked_.model(), catalogue_, study_.places.find(std::string(kField) + "model"),
                 std::string(kField) + "model", diagnostics_);
    if (!cluster || !model) return std::nullopt;
    PreparedServing made;
    made.model = std::make_shared<const workloads::ModelGraph>(std::move(*model));
    made.router = asked_.router() == pb::round_robin ? workloads::Router::round_robin
                                                     : workloads::Router::least_loaded;
    ServingPool pool;
    pool.cluster = std::make_shared<const topology::Cluster>(std::move(*cluster));
    pool.job.model = made.model.get();
    read_layout(pool);
    read_formats(pool.job);
    read_engine(pool);
    read_promise(made);
    made.pools.push_back(std::move(pool));
    made.stream = stream ? std::move(stream) : read_stream();
    if (!made.stream || diagnostics_.has_errors()) return std::nullopt;
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

  std::shared_ptr<const RequestStream> read_stream() {
    auto stream =
        workloads::read_requests(asked_.requests(), study_.places, std::string(kField) + "requests",
                                 std::filesystem::path(study_.path).parent_path().string(),
                                 study_.scenario->seed(), diagnostics_);
    if (!stream) return nullptr;
    if (stream->requests.empty()) {
      error("requests", "no request comes", "name a trace, or a rate and a count");
    }
    return std::make_shared<const RequestStream>(std::move(*stream));
  }

  void read_layout(ServingPool& pool) {
    const pb::ServingParallel& parallel = asked_.parallel();
    workloads::ServingLayout& layout = pool.job.layout;
    layout.tensor = at_least("parallel.tensor", parallel.tensor(), 1);
    layout.pipeline = at_least("parallel.pipeline", parallel.pipeline(), 1);
    layout.data = at_least("parallel.data", parallel.data(), 1);
    layout.expert = at_least("parallel.expert", parallel.expert(), 1);
    layout.two_batches = parallel.two_batches();
    if (layout.pipeline > 1 || layout.data > 1) {
      error("parallel", "pipelines and attention groups are not played request by request yet",
            "tensor and expert alone");
    }
    if (layout.stage() % layout.expert != 0) {
      error("parallel.expert",
            fmt::format("{} does not divide the {} ranks of a pipeline stage", layout.expert,
                        layout.stage()),
            fmt::format("1 or {}", layout.stage()));
    }
    const int each = layout.accelerators(), most = pool.cluster->count() / each;
    if (most < 1) {
      error("parallel",
            fmt::format("a replica of {} is more than the {} accelerators of the cluster", each,
                        pool.cluster->count()),
            "fewer ranks, or more accelerators");
    }
    pool.replicas = asked_.has_replicas() ? at_least("replicas", asked_.replicas(), 1) : most;
    if (pool.replicas > most && most >= 1) {
      error("replicas",
            fmt::format("{} replicas of {} accelerators are more than the cluster's {}",
                        pool.replicas, each, pool.cluster->count()),
            fmt::format("at most {}", most));
    }
  }

  void read_formats(ServingJob& job) {
    const auto* const format =
        std::find_if(std::begin(kFormats), std::end(kFormats),
                     [&](const FormatWord& word) { return word.name == asked_.precision(); });
    if (format == std::end(kFormats)) {
      error("precision", fmt::format("'{}' is not a format of serving", asked_.precision()),
            "bf16, fp8, int8, int4, nvfp4 or mxfp4");
      return;
    }
    workloads::ProductFormat all{format->computes, format->weight_bytes, {}};
    const bool latent = std::any_of(job.model->layers.begin(), job.model->layers.end(),
                                    [](const auto& layer) { return layer.attention.mla; });
    if (format->computes == topology::Precision::fp8 && !latent) all.variant = "trtllm fp8";
    job.formats.attention = job.formats.dense = job.formats.experts = all;
    if (asked_.cache() == "fp8") {
      job.formats.cache_bytes = 1;
    } else if (asked_.cache() != "bf16") {
      error("cache", fmt::format("'{}' is not a format of the cache", asked_.cache()),
            "bf16 or fp8");
    }
  }

  void read_engine(ServingPool& pool) {
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
    pool.host = EngineHost::from(*profile);
    pool.job.reductions = pool.host.reductions;
    EnginePolicy& policy = pool.policy;
    if (engine.has_step_tokens()) {
      pool.host.limits.step_tokens = at_least("engine.step_tokens", engine.step_tokens(), 1);
    }
    if (engine.has_sequences()) {
      pool.host.sequences = at_least("engine.sequences", engine.sequences(), 1);
    }
    if (engine.has_cache_tokens()) {
      if (engine.cache_tokens() < 1) error("engine.cache_tokens", "must be above 0", "100000");
      pool.host.limits.cache_tokens = static_cast<double>(engine.cache_tokens());
    }
    policy.step_tokens = pool.host.limits.step_tokens;
    policy.sequences = pool.host.sequences;
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

  void read_promise(PreparedServing& made) {
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

}  // namespace

std::optional<PreparedServing> prepare_serving(
    const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics,
    std::shared_ptr<const workloads::RequestStream> stream) {
  return Reader(study, catalogue, diagnostics).read(std::move(stream));
}

}  // namespace aisle::sim
