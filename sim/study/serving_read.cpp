// SPDX-License-Identifier: Apache-2.0
#include "sim/base/quantity.hpp"
#include "sim/study/draw.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/serving_run.hpp"
#include "workloads/parallel/uneven.hpp"
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

  std::optional<PreparedServing> read(std::shared_ptr<const RequestStream> stream);

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

  /// `otherwise` where nothing is said.
  template <typename Quantity>
  Quantity quantity(const std::string& field, bool given, const std::string& text,
                    Quantity otherwise = {}) {
    if (!given) return otherwise;
    const std::string path = kField + field;
    return parse_quantity<Quantity>(text, study_.places.find(path), path, diagnostics_)
        .value_or(otherwise);
  }

  std::shared_ptr<const workloads::ModelGraph> read_model(const std::string& field,
                                                          const std::string& name);
  std::shared_ptr<const RequestStream> read_stream(const EnginePolicy& policy);
  void read_promise(PreparedServing& made);
  ServingPool read_pool(const PreparedServing& made, const std::string& name,
                        const pb::ServingPool& asked);
  std::shared_ptr<const topology::Cluster> other_cluster(const std::string& field,
                                                         const pb::ServingPool& asked, int count);
  void read_layout(ServingPool& pool, const std::string& field, const pb::ServingParallel& asked);
  void read_loads(ServingPool& pool, const std::string& field, const pb::ServingParallel& asked);
  void read_replicas(ServingPool& pool, const std::string& field, bool given, int asked);
  void read_formats(ServingJob& job, const std::string& field, const std::string& precision);
  void read_engine(ServingPool& pool, const std::string& field, const pb::ServingEngine& asked);
  void read_limits(ServingPool& pool, const std::string& field, const pb::ServingEngine& asked);
  void read_drafts(ServingPool& pool, const std::string& field, const pb::ServingDrafts& asked);
  void read_ways(ServingPool& pool, const std::string& field, const pb::ServingEngine& asked);
  void read_scaling(ServingPool& pool, const std::string& field, const pb::ServingScaling& asked);
  void check_room(const PreparedServing& made);

  const Study& study_;
  const topology::Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  const pb::Serving& asked_;
  std::shared_ptr<const topology::Cluster> cluster_;
};

workloads::Router router_of(pb::ServingRouter router) {
  switch (router) {
    case pb::round_robin:
      return workloads::Router::round_robin;
    case pb::least_loaded:
      return workloads::Router::least_loaded;
    case pb::prefix_aware:
      return workloads::Router::prefix_aware;
  }
  return workloads::Router::least_loaded;
}

std::optional<PreparedServing> Reader::read(std::shared_ptr<const RequestStream> stream) {
  auto cluster =
      topology::build_cluster(study_.scenario->cluster(), study_.places, catalogue_, diagnostics_);
  PreparedServing made;
  made.model = read_model("model", asked_.model());
  if (!cluster || !made.model) return std::nullopt;
  cluster_ = std::make_shared<const topology::Cluster>(std::move(*cluster));
  made.router = router_of(asked_.router());
  read_promise(made);
  if (asked_.has_max_context()) made.max_context = at_least("max_context", asked_.max_context(), 1);
  const pb::ServingEngine& engine = asked_.engine();
  made.shared_cache =
      quantity<Bytes>("engine.shared_cache", engine.has_shared_cache(), engine.shared_cache());
  if (asked_.has_pools()) {
    if (asked_.has_replicas()) {
      error("replicas", "each of the pools has a number of replicas",
            "leave it out, or leave out pools");
    }
    made.by_layer = asked_.pools().by_layer();
    made.pools.push_back(read_pool(made, "prefill", asked_.pools().prefill()));
    made.pools.push_back(read_pool(made, "decode", asked_.pools().decode()));
  } else {
    made.pools.push_back(read_pool(made, "", pb::ServingPool()));
  }
  if (!diagnostics_.has_errors()) check_room(made);
  made.stream = stream ? std::move(stream) : read_stream(made.pools.front().policy);
  if (!made.stream || diagnostics_.has_errors()) return std::nullopt;
  return made;
}

std::shared_ptr<const workloads::ModelGraph> Reader::read_model(const std::string& field,
                                                                const std::string& name) {
  const std::string path = kField + field;
  auto model = model_of(name, catalogue_, study_.places.find(path), path, diagnostics_);
  return model ? std::make_shared<const workloads::ModelGraph>(std::move(*model)) : nullptr;
}

/// Prefixes are shared by whole blocks of the engine that computes prompts.
void fit_prefixes(const EnginePolicy& policy, RequestStream& stream) {
  const int block = policy.block_tokens, prefix = stream.prefix_tokens;
  if (!policy.prefix_caching || prefix == 0 || prefix % block == 0) return;
  if (block % prefix == 0) return workloads::lengthen_prefixes(stream, block);
  stream.caveats.push_back(
      fmt::format("no prompt is found cached: its parts are known by {} tokens, which are no whole "
                  "blocks of {}",
                  prefix, block));
}

std::shared_ptr<const RequestStream> Reader::read_stream(const EnginePolicy& policy) {
  auto stream =
      workloads::read_requests(asked_.requests(), study_.places, std::string(kField) + "requests",
                               std::filesystem::path(study_.path).parent_path().string(),
                               study_.scenario->seed(), diagnostics_);
  if (!stream) return nullptr;
  if (stream->requests.empty()) {
    error("requests", "no request comes", "name a trace, or a rate and a count");
  }
  fit_prefixes(policy, *stream);
  return std::make_shared<const RequestStream>(std::move(*stream));
}

void Reader::read_promise(PreparedServing& made) {
  const pb::ServingSlo& slo = asked_.slo();
  made.first_token = quantity<Seconds>("slo.first_token", slo.has_first_token(), slo.first_token());
  made.token = quantity<Seconds>("slo.token", slo.has_token(), slo.token());
  if (slo.shed() && !slo.has_first_token()) {
    error("slo.shed", "nothing is promised that a request could miss", "first_token: \"2 s\"");
  }
}

/// One of two pools, or the only one (no name).
ServingPool Reader::read_pool(const PreparedServing& made, const std::string& name,
                              const pb::ServingPool& asked) {
  const std::string field = name.empty() ? "" : "pools." + name + ".";
  const auto own = [&](bool has, const char* what) { return (has ? field : "") + what; };
  ServingPool pool;
  pool.name = name;
  pool.job.model = made.model.get();
  read_layout(pool, own(asked.has_parallel(), "parallel"),
              asked.has_parallel() ? asked.parallel() : asked_.parallel());
  pool.cluster = asked.has_accelerator()
                     ? other_cluster(field + "accelerator", asked,
                                     asked.replicas() * pool.job.layout.accelerators())
                     : cluster_;
  if (!pool.cluster) return pool;
  const topology::Accelerator& chip = pool.cluster->accelerator();
  pool.curve = power::power_curve(chip, catalogue_.power(chip.name), diagnostics_);
  pool.power = read_own_power(study_.scenario->cluster(), pool.curve, *pool.cluster, study_.places,
                              diagnostics_)
                   .value_or(RankPower(pool.curve, pool.curve.limit));
  const power::SiteGround ground{*pool.cluster, pool.curve, catalogue_,
                                 std::filesystem::path(study_.path).parent_path().string()};
  pool.site =
      power::build_site(study_.scenario->cluster().site(), ground, study_.places, diagnostics_)
          .value_or(power::SiteModel{});
  read_replicas(pool, field + "replicas", name.empty() ? asked_.has_replicas() : true,
                name.empty() ? asked_.replicas() : asked.replicas());
  read_formats(pool.job, own(asked.has_precision(), "precision"),
               asked.has_precision() ? asked.precision() : asked_.precision());
  pb::ServingEngine engine = asked_.engine();
  engine.MergeFrom(asked.engine());
  read_engine(pool, own(asked.has_engine(), "engine"), engine);
  pool.policy.hands_over = name == "prefill";
  if (pool.policy.hands_over) {
    pool.policy.reserves_output = false;
    pool.policy.drafts = 0;
  }
  // What was computed elsewhere is not looked for.
  if (name == "decode") pool.policy.prefix_caching = false;
  if (name != "decode" && asked_.slo().shed()) {
    pool.policy.promise_s = (made.first_token - pool.host.request).si();
  }
  if (asked.has_scaling() || asked_.has_scaling()) {
    read_scaling(pool, own(asked.has_scaling(), "scaling"),
                 asked.has_scaling() ? asked.scaling() : asked_.scaling());
  }
  return pool;
}

/// So many accelerators of another kind, joined as the study's are where nothing else is said.
std::shared_ptr<const topology::Cluster> Reader::other_cluster(const std::string& field,
                                                               const pb::ServingPool& asked,
                                                               int count) {
  pb::Cluster spec;
  spec.set_accelerator(asked.accelerator());
  spec.set_count(std::max(1, count));
  if (asked.has_system()) spec.set_system(asked.system());
  spec.set_speed_spread(study_.scenario->cluster().speed_spread());
  Diagnostics own;
  auto built = topology::build_cluster(spec, SourceMap(), catalogue_, own);
  if (built) return std::make_shared<const topology::Cluster>(std::move(*built));
  for (const Diagnostic& one : own.all()) error(field, one.sentence, one.hint);
  return nullptr;
}

void Reader::read_layout(ServingPool& pool, const std::string& field,
                         const pb::ServingParallel& asked) {
  workloads::ServingLayout& layout = pool.job.layout;
  layout.tensor = at_least(field + ".tensor", asked.tensor(), 1);
  layout.pipeline = at_least(field + ".pipeline", asked.pipeline(), 1);
  layout.data = at_least(field + ".data", asked.data(), 1);
  layout.expert = at_least(field + ".expert", asked.expert(), 1);
  layout.two_batches = asked.two_batches();
  pool.job.routing.redundant = at_least(field + ".redundant", asked.redundant(), 0);
  pool.job.routing.busiest = asked.busiest();
  if (!(asked.busiest() >= 1)) {
    error(field + ".busiest", "the busiest rank has no less than the mean one", "1.2");
  }
  if (asked.has_loads()) read_loads(pool, field, asked);
  if (layout.stage() % layout.expert != 0) {
    error(field + ".expert",
          fmt::format("{} does not divide the {} ranks of a pipeline stage", layout.expert,
                      layout.stage()),
          fmt::format("1 or {}", layout.stage()));
  }
}

/// The load of the busiest expert rank, from recorded loads.
void Reader::read_loads(ServingPool& pool, const std::string& field,
                        const pb::ServingParallel& asked) {
  const int ranks = pool.job.layout.expert;
  const int redundant = asked.balanced() ? pool.job.routing.redundant : 0;
  for (const workloads::Layer& layer : pool.job.model->layers) {
    const int experts = layer.feed_forward.experts;
    if (experts == 0 || (experts + redundant) % ranks == 0) continue;
    error(field + ".redundant",
          fmt::format("{} experts and {} copies do not divide over {} ranks", experts, redundant,
                      ranks),
          fmt::format("{}", (ranks - experts % ranks) % ranks));
    return;
  }
  const auto folder = std::filesystem::path(study_.path).parent_path();
  const auto loads = workloads::read_expert_loads(
      (folder / asked.loads()).string(), {{asked.where().begin(), asked.where().end()}, {}},
      diagnostics_);
  if (!loads || !pool.job.model->is_moe()) return;
  const workloads::UnevenExperts uneven(*pool.job.model, *loads, {0, redundant, asked.balanced()},
                                        ranks, 1);
  pool.job.routing.busiest = uneven.summary().placed;
}

void Reader::read_replicas(ServingPool& pool, const std::string& field, bool given, int asked) {
  const int each = pool.job.layout.accelerators(), most = pool.cluster->count() / each;
  if (most < 1) {
    error("parallel",
          fmt::format("a replica of {} is more than the {} accelerators of the cluster", each,
                      pool.cluster->count()),
          "fewer ranks, or more accelerators");
  }
  pool.replicas = given ? at_least(field, asked, 1) : std::max(1, most);
}

/// Whether the pools on the study's cluster have room beside one another.
void Reader::check_room(const PreparedServing& made) {
  int used = 0;
  std::string parts;
  for (const ServingPool& pool : made.pools) {
    if (pool.cluster != cluster_) continue;
    used += pool.accelerators();
    parts += fmt::format("{}{} replicas of {}", parts.empty() ? "" : " and ", pool.replicas,
                         pool.job.layout.accelerators());
  }
  if (used <= cluster_->count()) return;
  error(made.pools.size() > 1 ? "pools" : "replicas",
        fmt::format("{} accelerators are more than the cluster's {}", parts, cluster_->count()),
        made.pools.size() > 1
            ? "fewer, or more accelerators"
            : fmt::format("at most {}",
                          cluster_->count() / made.pools.front().job.layout.accelerators()));
}

void Reader::read_formats(ServingJob& job, const std::string& field, const std::string& precision) {
  const auto* const format =
      std::find_if(std::begin(kFormats), std::end(kFormats),
                   [&](const FormatWord& word) { return word.name == precision; });
  if (format == std::end(kFormats)) {
    error(field, fmt::format("'{}' is not a format of serving", precision),
          "bf16, fp8, int8, int4, nvfp4 or mxfp4");
    return;
  }
  workloads::ProductFormat all{format->computes, format->weight_bytes, {}};
  const bool latent = std::any_of(job.model->layers.begin(), job.model->layers.end(),
                                  [](const auto& layer) { return layer.attention.mla; });
  if (format->computes == topology::Precision::fp8 && !latent) all.variant = "trtllm fp8";
  job.formats.attention = job.formats.dense = job.formats.experts = all;
  // Mixtures are published in INT4 by their routed experts alone (Kimi K2.5).
  if (precision == "int4" && job.model->is_moe()) job.formats.attention = job.formats.dense = {};
  if (asked_.cache() == "fp8") {
    job.formats.cache_bytes = 1;
  } else if (asked_.cache() != "bf16") {
    error("cache", fmt::format("'{}' is not a format of the cache", asked_.cache()), "bf16 or fp8");
  }
}

void Reader::read_engine(ServingPool& pool, const std::string& field,
                         const pb::ServingEngine& asked) {
  const pb::EngineProfile* profile = catalogue_.engine(asked.profile());
  if (profile == nullptr) {
    std::string known;
    for (const pb::EngineProfile* one : catalogue_.engines()) {
      known += (known.empty() ? "" : ", ") + one->name();
    }
    error(field + ".profile", fmt::format("the catalogue has no engine '{}'", asked.profile()),
          known);
    return;
  }
  pool.host = EngineHost::from(*profile);
  pool.job.reductions = pool.host.reductions;
  EnginePolicy& policy = pool.policy;
  policy.chunked = asked.chunked();
  policy.prompts_first = asked.prompts_first();
  policy.prefix_caching = asked.prefix_cache();
  policy.reserves_output = pool.host.reserves_output;
  policy.ahead = pool.host.asynchronous;
  policy.swap = asked.swap();
  policy.seed = study_.scenario->seed();
  policy.fixed = asked.batching() == pb::fixed;
  if (policy.fixed) {
    policy.prefix_caching = false;
    if (!pool.name.empty()) {
      error(field + ".batching", "a fixed batch computes its own prompts",
            "continuous, or no pools");
    }
  }
  read_limits(pool, field, asked);
  if (asked.has_drafts()) read_drafts(pool, field + ".drafts", asked.drafts());
  if (policy.chunked && policy.step_tokens < policy.sequences * (1 + policy.drafts)) {
    error(field + ".step_tokens",
          fmt::format("{} tokens leave no room for the {} sequences that may generate",
                      policy.step_tokens, policy.sequences),
          fmt::format("more than {}", policy.sequences * (1 + policy.drafts)));
  }
  read_ways(pool, field, asked);
}

void Reader::read_limits(ServingPool& pool, const std::string& field,
                         const pb::ServingEngine& asked) {
  if (asked.has_step_tokens()) {
    pool.host.limits.step_tokens = at_least(field + ".step_tokens", asked.step_tokens(), 1);
  }
  if (asked.has_sequences()) {
    pool.host.sequences = at_least(field + ".sequences", asked.sequences(), 1);
  }
  if (asked.has_cache_tokens()) {
    if (asked.cache_tokens() < 1) error(field + ".cache_tokens", "must be above 0", "100000");
    pool.host.limits.cache_tokens = static_cast<double>(asked.cache_tokens());
  }
  EnginePolicy& policy = pool.policy;
  policy.step_tokens = pool.host.limits.step_tokens;
  policy.sequences = pool.host.sequences;
  policy.block_tokens = at_least(field + ".block_tokens", asked.block_tokens(), 1);
  policy.watermark = asked.watermark();
  if (!(policy.watermark >= 0 && policy.watermark < 1)) {
    error(field + ".watermark", "a share lies from 0 to below 1", "0.01");
  }
}

void Reader::read_drafts(ServingPool& pool, const std::string& field,
                         const pb::ServingDrafts& asked) {
  pool.policy.drafts = at_least(field + ".count", asked.count(), 0);
  pool.policy.acceptance = asked.acceptance();
  if (!(asked.acceptance() >= 0 && asked.acceptance() <= 1)) {
    error(field + ".acceptance", "a chance lies from 0 to 1", "0.8");
  }
  if (asked.has_model()) {
    pool.drafter = read_model(field + ".model", asked.model());
    return;
  }
  // A prediction module: one layer, behind the main model's embedding, before its head.
  const auto& layers = pool.job.model->layers;
  const auto module = std::find_if(layers.begin(), layers.end(), [](const auto& layer) {
    return layer.kind == workloads::LayerKind::mtp;
  });
  if (module == layers.end()) return;
  auto graph = *pool.job.model;
  graph.layers = {*module};
  graph.layers.front().kind =
      module->feed_forward.experts > 0 ? workloads::LayerKind::moe : workloads::LayerKind::dense;
  pool.drafter = std::make_shared<const workloads::ModelGraph>(std::move(graph));
}

/// Ways into the cache of an accelerator.
void Reader::read_ways(ServingPool& pool, const std::string& field,
                       const pb::ServingEngine& asked) {
  const topology::Cluster& cluster = *pool.cluster;
  const BytesPerSecond nic = cluster.scale_out().bandwidth.value * cluster.fabric().efficiency;
  const pb::ServingPools& pools = asked_.pools();
  const bool one_domain = cluster.count() <= cluster.domain_size() &&
                          !pools.prefill().has_accelerator() && !pools.decode().has_accelerator();
  pool.network =
      quantity<BytesPerSecond>("pools.bandwidth", pools.has_bandwidth(), pools.bandwidth(),
                               one_domain ? cluster.scale_up().bandwidth.value : nic);
  pool.host_link =
      quantity<BytesPerSecond>(field + ".host_bandwidth", true, asked.host_bandwidth());
  pool.host_cache =
      quantity<Bytes>(field + ".host_cache", asked.has_host_cache(), asked.host_cache());
  pool.shared_link = quantity<BytesPerSecond>(
      field + ".shared_bandwidth", asked.has_shared_bandwidth(), asked.shared_bandwidth(), nic);
  if (asked.swap() && pool.host_cache <= Bytes()) {
    error(field + ".swap", "host memory has no room for sequences", "host_cache: \"100 GB\"");
  }
}

void Reader::read_scaling(ServingPool& pool, const std::string& field,
                          const pb::ServingScaling& asked) {
  pool.scaling.least = at_least(field + ".least", asked.least(), 1);
  if (pool.scaling.least > pool.replicas) {
    error(field + ".least",
          fmt::format("{} are more than the {} replicas there can be", pool.scaling.least,
                      pool.replicas),
          fmt::format("at most {}", pool.replicas));
  }
  pool.scaling.queue = asked.queue();
  if (!(asked.queue() >= 0)) error(field + ".queue", "must not be below 0", "4");
  pool.scaling.start_s = quantity<Seconds>(field + ".start", true, asked.start()).si();
  pool.scaling.idle_s = quantity<Seconds>(field + ".idle", true, asked.idle()).si();
}

}  // namespace

std::optional<PreparedServing> prepare_serving(
    const Study& study, const topology::Catalogue& catalogue, Diagnostics& diagnostics,
    std::shared_ptr<const workloads::RequestStream> stream) {
  return Reader(study, catalogue, diagnostics).read(std::move(stream));
}

}  // namespace aisle::sim
