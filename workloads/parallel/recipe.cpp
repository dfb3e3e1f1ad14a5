// SPDX-License-Identifier: Apache-2.0
#include "workloads/parallel/recipe.hpp"

#include "sim/study/scenario.pb.h"
#include "workloads/parallel/stages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace aisle::workloads::parallel {

namespace {

bool has_latent_attention(const ModelGraph& model) {
  return std::any_of(model.layers.begin(), model.layers.end(),
                     [](const Layer& layer) { return layer.attention.mla; });
}

}  // namespace

void read_recompute(Job& job, const pb::Training& training, const Refuse& refuse) {
  const ModelGraph& model = *job.model;
  job.recompute = static_cast<Recompute>(training.recompute());
  job.recompute_parts = 0;
  const bool full = job.recompute == Recompute::full;
  job.recompute_layers = -1;
  if (training.has_recompute_layers()) {
    job.recompute_layers = training.recompute_layers();
    if (!full) {
      refuse("recompute_layers", "counts the layers that are recomputed whole", "recompute: full");
    } else if (job.recompute_layers < 0) {
      refuse("recompute_layers", fmt::format("cannot be negative, is {}", job.recompute_layers),
             "leave it out for all");
    }
  } else if (full && training.recompute_parts_size() > 0) {
    refuse("recompute_parts", "are recomputed already with all the rest (recompute: full)",
           "recompute: none, or recompute_layers for how many layers are recomputed whole");
  }
  for (const int part : training.recompute_parts()) {
    job.recompute_parts |= 1U << static_cast<unsigned>(part);
    const auto is = [part](Part one) { return part == static_cast<int>(one); };
    if ((is(Part::moe) || is(Part::moe_activation)) && !model.is_moe()) {
      refuse("recompute_parts", fmt::format("{} has no experts", model.name),
             is(Part::moe) ? "mlp" : "activation");
    }
    if (is(Part::every_second_product) && has_latent_attention(model)) {
      refuse("recompute_parts",
             fmt::format("{} has latent attention, whose products are not told apart", model.name),
             "norms, activation, mla_up_projection or mlp");
    }
    if (is(Part::mla_up_projection) && !has_latent_attention(model)) {
      refuse("recompute_parts", fmt::format("{} has no latent attention", model.name),
             "norms, activation, core_attention or mlp");
    }
  }
}

/// Which formats a scaling is made for. Products of two bytes and more have none, so that a study
/// may change their precision alone.
void check_scaling(const Job& job, const pb::Training& training, const Refuse& refuse) {
  if (!job.quantised()) return;
  const bool fp8 = job.precision == topology::Precision::fp8;
  const bool fp4 = job.precision == topology::Precision::fp4;
  if (job.scaling == Scaling::blocks && !fp8) {
    refuse("scaling", fmt::format("blocks of 128 are for fp8, not {}", training.precision()),
           fp4 ? "nv or mx" : "mx");
  }
  if (job.scaling == Scaling::nv && !fp4) {
    refuse("scaling", fmt::format("blocks of 16 are for fp4, not {}", training.precision()), "mx");
  }
}

void read_stage_layers(Job& job, const pb::Training& training, const Refuse& refuse) {
  const ModelGraph& model = *job.model;
  const auto& given = training.parallel().stage_layers();
  const int stages = job.stages(), layers = model.transformer_layers();
  if (given.empty()) {
    if (stages > layers + 2) {
      refuse(
          "parallel.pipeline",
          fmt::format("{} stages (pipeline x virtual_stages) for {} layers", stages, layers),
          fmt::format("at most {}, or fewer virtual_stages", layers / job.layout.virtual_stages));
      return;
    }
    job.layout.stage_layers = balanced_stage_layers(model, stages, job.sequence);
    return;
  }
  job.layout.stage_layers.assign(given.begin(), given.end());
  if (given.size() != stages) {
    refuse("parallel.stage_layers",
           fmt::format("has {} entries for {} stages (pipeline x virtual_stages)", given.size(),
                       stages),
           {});
  }
  if (std::any_of(given.begin(), given.end(), [](int count) { return count < 0; })) {
    refuse("parallel.stage_layers", "holds a negative number of layers", {});
  }
  const auto sum = std::accumulate(given.begin(), given.end(), std::int64_t{0});
  if (sum != layers) {
    refuse("parallel.stage_layers",
           fmt::format("sums to {}, but {} has {} transformer layers", sum, model.name, layers),
           {});
  }
}

}  // namespace aisle::workloads::parallel
