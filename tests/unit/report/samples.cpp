// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/report/samples.hpp"

#include <google/protobuf/text_format.h>

#include <string>

namespace aisle::test {
namespace {

constexpr const char* kSparse = R"pb(
  scenario {
    title: "Sparse pre-training step, 2,048 chips"
    question: "How much of a step is exposed all-to-all?"
    cluster {
      accelerator: "h800-sxm"
      count: 2048
      system: "hgx-h800"
      scale_up { size: 8 bandwidth: "160 GB/s" }
      scale_out { fabric: "rail-optimised-2-tier" nic: "400 Gb/s" }
      site { pue: 1.25 tariff: "0.08 USD/kWh" }
    }
    workload {
      training {
        model: "sparse-671b"
        sequence: 4096
        global_batch: 15360
        precision: "fp8"
        recompute: selective
        parallel { pipeline: 16 data: 128 expert: 64 zero: 1 schedule: dual_pipe }
      }
    }
    engine: event
  }
  study: "scenarios/studies/sparse"
  version: "0.1.0"
  engine: event
  folded: true
  feasible: true
  metric { name: "step_time_s" value: 20 basis: calibrated }
  metric { name: "tokens_per_s" value: 3145728 basis: calibrated }
  metric { name: "tokens_per_s_per_chip" value: 1536 basis: calibrated }
  metric { name: "tflops_per_chip" value: 384.5 basis: calibrated }
  metric { name: "mfu" value: 0.3888 basis: calibrated }
  metric { name: "gpu_hours_per_trillion_tokens" value: 180844.9 basis: calibrated }
  metric { name: "exposed_all_to_all_s" value: 2.5 basis: calibrated }
  metric { name: "pipeline_bubble_s" value: 3 basis: calibrated }
  metric { name: "hbm_peak_bytes" value: 71.25e9 basis: assumed }
  metric { name: "accelerator_power_w" value: 612.5 basis: extrapolated }
  metric { name: "facility_power_w" value: 2.05e6 basis: extrapolated }
  metric { name: "energy_mwh" value: 0.01138889 basis: extrapolated }
  metric { name: "cost_usd" value: 22.7556 basis: assumed }
  metric { name: "usd_per_million_tokens" value: 0.3616898 basis: assumed }
  metric { name: "co2_t" value: 0.004327778 basis: extrapolated }
  metric { name: "water_m3" value: 0.003416667 basis: assumed }
  metric { name: "run_time_days" value: 54.45313 basis: calibrated }
  metric { name: "run_gpu_hours" value: 2676504 basis: calibrated }
  metric { name: "run_cost_usd" value: 5353009 basis: assumed }
  metric { name: "run_energy_mwh" value: 2679.094 basis: extrapolated }
  metric { name: "novel_queue_s" value: 0.0125 }
  breakdown { name: "backward" seconds: 6.5 }
  breakdown { name: "forward" seconds: 4.25 }
  breakdown { name: "pipeline bubble and waiting" seconds: 2.875 }
  breakdown { name: "exposed all_to_all" seconds: 2.5 }
  breakdown { name: "weight gradient" seconds: 2 }
  breakdown { name: "pace of the slowest accelerator" seconds: 0.625 }
  breakdown { name: "exposed reduce_scatter" seconds: 0.5 }
  breakdown { name: "optimizer" seconds: 0.3745 }
  breakdown { name: "compute slowed by communication" seconds: 0.25 }
  breakdown { name: "exposed ring_exchange" seconds: 0.125 }
  breakdown { name: "exposed send_recv" seconds: 0.0005 }
  breakdown_rank: "pipeline rank 0"
  caveat: "Expert loads are taken as even; the busiest expert of a real step is slower."
  caveat: "The fabric is non-blocking: <spine> contention & hashing losses are not simulated, "
          "and the time of a checkpoint is not part of the step."
  comparison {
    metric: "step_time_s"
    simulated: 20
    published: 19.926
    error: 0.003714
    source: "technical report, section 3.1 (180K GPU-hours per trillion tokens)"
    bound: 0.1
    note: "derived from GPU-hours and batch size"
  }
  comparison {
    metric: "mfu"
    simulated: 0.3888
    published: 0.35
    error: 0.110857
    source: "another report"
    bound: 0.05
  }
  comparison {
    metric: "tflops_per_chip"
    simulated: 384.5
    published: 300
    error: 0.281667
    source: "a talk"
    note: "counted by another convention"
  }
  wall_time_s: 1.75
  rank_classes: 16
  operations: 412345
  other_engine_step_time_s: 19.9
  family { family: "gemm" seconds: 9.5 count: 123456 basis: calibrated }
  family { family: "attention" seconds: 2.75 count: 45000 basis: extrapolated }
  family { family: "elementwise" seconds: 1 count: 310000 basis: assumed }
)pb";

pb::Result parse(const std::string& text) {
  pb::Result result;
  if (!google::protobuf::TextFormat::ParseFromString(text, &result)) std::abort();
  return result;
}

void add_memory(pb::Result& result, int ranks, double capacity) {
  for (int r = 0; r < ranks; ++r) {
    pb::MemoryUse* rank = result.add_memory();
    rank->set_pipeline_rank(r);
    rank->set_capacity_bytes(capacity);
    const auto add = [&](const char* use, double bytes) {
      pb::MemoryItem* item = rank->add_item();
      item->set_use(use);
      item->set_bytes(bytes);
    };
    add("weights", 11.5e9);
    add("gradients", 14e9);
    add("optimizer", 6.25e9);
    add("activations", 34e9 - 1e9 * r);
    add("buffers", 2.5e9);
    add("reserve", 3e9);
  }
}

}  // namespace

pb::Timeline timeline(int ranks, int spans) {
  pb::Timeline out;
  for (const char* name : {"F attention", "B attention", "dispatch \"all-to-all\"", "optimizer"}) {
    out.add_name(name);
  }
  for (int r = 0; r < ranks; ++r) {
    pb::TimelineRank* rank = out.add_rank();
    rank->set_name("pipeline rank " + std::to_string(r));
    rank->set_multiplicity(128);
    for (int s = 0; s < 2; ++s) {
      pb::TimelineStream* stream = rank->add_stream();
      stream->set_name(s == 0 ? "compute" : "expert all-to-all");
      const std::int64_t slot = 20'000'000'000 / spans;
      for (int i = 0; i < spans; ++i) {
        const bool last = s == 0 && i == spans - 1;
        stream->add_start_ns(i * slot + (s == 0 ? 0 : slot / 3) + r * 1'001);
        stream->add_duration_ns(s == 0 ? slot * 3 / 4 : slot / 2);
        stream->add_name_index(last ? 3 : (s == 0 ? i % 2 : 2));
        stream->add_kind(last ? 2 : s);
        stream->add_micro_batch(last ? -1 : i % 120);
      }
    }
  }
  return out;
}

pb::Result sparse_result() {
  pb::Result result = parse(kSparse);
  add_memory(result, 16, 80e9);
  *result.mutable_timeline() = timeline(4, 300);
  return result;
}

pb::Result dense_result() {
  pb::Result result = parse(kSparse);
  pb::Scenario& scenario = *result.mutable_scenario();
  scenario.set_title("Dense pre-training step, 1,024 chips");
  scenario.mutable_cluster()->set_count(1024);
  scenario.mutable_workload()->mutable_training()->set_model("dense-70b");
  result.mutable_metric(0)->set_value(12);       // step_time_s
  result.mutable_metric(1)->set_value(1048576);  // tokens_per_s
  result.mutable_metric(2)->set_value(1024);     // tokens_per_s_per_chip
  result.clear_breakdown();
  for (const auto& [name, seconds] :
       {std::pair{"compute", 9.5}, {"exposed tensor parallel", 1.25}, {"pipeline bubble", 1.0}}) {
    pb::Part* part = result.add_breakdown();
    part->set_name(name);
    part->set_seconds(seconds);
  }
  result.clear_comparison();
  add_memory(result, 4, 80e9);
  return result;
}

pb::Result infeasible_result() {
  pb::Result result = parse(kSparse);
  result.set_feasible(false);
  result.set_reason(
      "Pipeline rank 0 needs 91.3 GB of the 80 GB that a chip has; 8 more stages, full recompute "
      "or "
      "a micro-batch of 1 would make it fit.");
  result.clear_metric();
  result.clear_breakdown();
  result.clear_comparison();
  result.clear_family();
  add_memory(result, 2, 60e9);
  return result;
}

}  // namespace aisle::test
