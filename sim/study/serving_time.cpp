// SPDX-License-Identifier: Apache-2.0
#include "sim/study/serving_time.hpp"

#include "sim/base/quantity.hpp"
#include "workloads/collectives/collective.hpp"
#include "workloads/serving/engine.pb.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace aisle::sim {

namespace {

using workloads::Family;
using workloads::ServingStep;

constexpr double kPointsPerOctave = 16;

bool is_small(Family family) {
  return family == Family::norm || family == Family::elementwise || family == Family::embedding ||
         family == Family::loss;
}

workloads::Library reductions_of(std::string_view name) {
  if (name == "nccl") return workloads::Library::nccl;
  if (name == "inference") return workloads::Library::inference;
  if (name == "tensorrt_llm") return workloads::Library::tensorrt_llm;
  return workloads::Library::automatic;
}

/// What generates in each half of a step.
ServingStep half_of(const ServingStep& step, int halves) {
  ServingStep half;
  half.decoding = (step.decoding + halves - 1) / halves;
  half.tokens_each = step.tokens_each;
  half.context = step.context * half.decoding / step.decoding;
  return half;
}

}  // namespace

EngineHost EngineHost::from(const pb::EngineProfile& profile) {
  EngineHost host;
  host.step = profile.step_us() * units::us;
  host.sequence = profile.sequence_us() * units::us;
  host.launch = profile.launch_us() * units::us;
  host.request = profile.request_us() * units::us;
  host.asynchronous = profile.asynchronous();
  host.graph_tokens = profile.graph_tokens();
  host.small_kernels = profile.small_kernels();
  host.reductions = reductions_of(profile.reductions());
  host.sequences = profile.sequences();
  host.reserves_output = profile.reserves_output();
  host.gathers_prompts = profile.gathers_prompts();
  Diagnostics unread;
  host.limits.utilization = profile.utilization();
  host.limits.step_tokens = profile.step_tokens();
  host.limits.reserved =
      parse_quantity<Bytes>(profile.reserved(), {}, "reserved", unread).value_or(Bytes{});
  return host;
}

std::span<const Family> serving_families() {
  static constexpr Family kUsed[] = {
      Family::gemm,      Family::grouped_gemm, Family::attention, Family::attention_decode,
      Family::mla,       Family::mla_decode,   Family::norm,      Family::elementwise,
      Family::embedding, Family::loss};
  return kUsed;
}

StepTimes::Parts& StepTimes::Parts::add(const Parts& other, double weight) {
  computing += weight * other.computing;
  clocked += weight * other.clocked;
  early += weight * other.early;
  experts += weight * other.experts;
  dispatching += weight * other.dispatching;
  held += weight * other.held;
  communicating += weight * other.communicating;
  launches += weight * other.launches;
  hbm += weight * other.hbm;
  scale_up += weight * other.scale_up;
  nic += weight * other.nic;
  for (std::size_t i = 0; i < flops.size(); ++i) flops[i] += weight * other.flops[i];
  return *this;
}

StepTimes::StepTimes(const workloads::ServingJob& job, const topology::Cluster& cluster,
                     const topology::Catalogue& catalogue, const EngineHost& host)
    : job_(job),
      cluster_(cluster),
      host_(host),
      kernels_(cluster.accelerator(), catalogue, serving_families()) {
  job_.reductions = host.reductions;
}

/// By whichever kernels are faster: normal ones send a token once to each rank and domain,
/// low-latency ones a message to each of its experts.
workloads::CommunicationCost StepTimes::cost_of(
    const workloads::CountedCommunication& counted) const {
  auto cost = workloads::cost_of(counted.communication, cluster_, kernels_.communication());
  if (counted.low_latency_copies <= 0) return cost;
  workloads::Communication direct = counted.communication;
  direct.algorithm = workloads::Algorithm::low_latency;
  direct.copies_to_ranks = counted.low_latency_copies;
  const auto other = workloads::cost_of(direct, cluster_, kernels_.communication());
  return other.alone < cost.alone ? other : cost;
}

/// What computation beside a communication loses. Low-latency kernels leave the cores while the
/// network works; others hold theirs all along, and disturb the rest.
Seconds StepTimes::held_by(const workloads::CommunicationCost& cost) const {
  if (cost.algorithm == workloads::Algorithm::low_latency) return cost.latency;
  const double all = cluster_.accelerator().cores;
  const double left = all > cost.cores ? 1 - cost.cores / all : 1;
  return cost.alone * (1 - left / kernels_.interference());
}

StepTimes::Parts StepTimes::timed(const workloads::StepWork& work) const {
  Parts parts;
  for (const auto& [kernel, variant, early] : work.kernels) {
    const KernelTime time =
        variant.empty() ? kernels_.time_of(kernel) : kernels_.time_of(kernel, variant);
    const double share = is_small(kernel.family) ? host_.small_kernels : 1;
    const double seconds = time.time.si() * kernel.count * kernel.load * share;
    parts.computing += seconds;
    if (early) parts.early += seconds;
    if (kernel.family == Family::grouped_gemm) parts.experts += seconds;
    if (is_tensor_bound(kernel, cluster_.accelerator())) parts.clocked += seconds;
    parts.launches += kernel.count * share;
    parts.hbm += kernel.hbm_bytes.si() * kernel.count;
    parts.flops[static_cast<std::size_t>(kernel.precision)] +=
        executed_flops(kernel).si() * kernel.count;
  }
  for (const workloads::CountedCommunication& each : work.communications) {
    const auto& [communication, count, low_latency_copies] = each;
    const auto cost = cost_of(each);
    parts.communicating += cost.alone.si() * count;
    if (communication.kind == workloads::CollectiveKind::dispatch) {
      parts.dispatching += cost.alone.si() * count;
    }
    parts.held += held_by(cost).si() * count;
    parts.launches += count;
    parts.hbm += cost.hbm.si() * count;
    parts.scale_up += (cost.scale_up_out + cost.scale_up_in).si() * count;
    parts.nic += (cost.scale_out_out + cost.scale_out_in).si() * count;
  }
  return parts;
}

const StepTimes::TokenParts& StepTimes::of_tokens(int tokens) const {
  const auto [place, fresh] = tokens_.try_emplace(tokens);
  if (fresh) {
    TokenParts& made = place->second;
    made.around = made.even = timed(workloads::token_work(job_, cluster_, tokens));
    const double together = static_cast<double>(tokens) * job_.layout.data;
    made.even.add(timed(workloads::expert_work(job_, together)));
  }
  return place->second;
}

const StepTimes::Parts& StepTimes::experts_at(int point) const {
  const auto [place, fresh] = experts_.try_emplace(point);
  if (fresh) {
    place->second = timed(workloads::expert_work(job_, std::exp2(point / kPointsPerOctave)));
  }
  return place->second;
}

/// Linear between the points around the number of tokens.
void StepTimes::add_experts(double together, double weight, Parts& parts) const {
  const int point = static_cast<int>(std::log2(std::max(1.0, together)) * kPointsPerOctave);
  const double below = std::exp2(point / kPointsPerOctave);
  const double above = std::exp2((point + 1) / kPointsPerOctave);
  const double share = std::clamp((together - below) / (above - below), 0.0, 1.0);
  parts.add(experts_at(point), weight * (1 - share));
  parts.add(experts_at(point + 1), weight * share);
}

/// Groups that replay a recorded graph are padded to the longest; beyond, experts see the tokens
/// that there are.
bool StepTimes::uneven(const ServingStep& step) const {
  return step.together > 0 && step.new_tokens() > host_.graph_tokens;
}

const StepTimes::Parts& StepTimes::of_head(int rows) const {
  const auto [place, fresh] = head_.try_emplace(rows);
  if (fresh) place->second = timed(workloads::head_work(job_, cluster_, rows));
  return place->second;
}

/// Decoding at the point's length of context.
const StepTimes::Parts& StepTimes::decoding_at(const ServingStep& step, int point) const {
  const std::uint64_t key = (static_cast<std::uint64_t>(step.decoding) << 32U) |
                            (static_cast<std::uint64_t>(step.tokens_each) << 16U) |
                            static_cast<std::uint64_t>(point);
  const auto [place, fresh] = decoding_.try_emplace(key);
  if (fresh) {
    ServingStep at;
    at.decoding = step.decoding;
    at.tokens_each = step.tokens_each;
    at.context = std::llround(std::exp2(point / kPointsPerOctave) * step.decoding);
    place->second = timed(workloads::attention_work(job_, at));
  }
  return place->second;
}

void StepTimes::add_attention(const ServingStep& step, int halves, Parts& parts) const {
  if (step.decoding > 0) {
    const double mean = std::max(1.0, static_cast<double>(step.context) / step.decoding);
    const int point = static_cast<int>(std::log2(mean) * kPointsPerOctave);
    const double below = std::exp2(point / kPointsPerOctave);
    const double above = std::exp2((point + 1) / kPointsPerOctave);
    const double share = std::clamp((mean - below) / (above - below), 0.0, 1.0);
    const ServingStep half = half_of(step, halves);
    parts.add(decoding_at(half, point), halves * (1 - share));
    parts.add(decoding_at(half, point + 1), halves * share);
  }
  if (step.chunks.empty()) return;
  ServingStep prompts;
  prompts.chunks = step.chunks;
  parts.add(timed(workloads::attention_work(job_, prompts)));
}

/// Tokens as the recorded graphs have them: 1, 2, 4, then multiples of 8 and, beyond 256, of 16.
int StepTimes::recorded(int tokens) const {
  if (tokens > host_.graph_tokens || tokens <= 2) return tokens;
  if (tokens <= 4) return 4;
  const int multiple = tokens <= 256 ? 8 : 16;
  return (tokens + multiple - 1) / multiple * multiple;
}

const StepTimes::Parts& StepTimes::parts_of(const ServingStep& step) const {
  if (step == last_) return of_last_;
  const int tokens = recorded(step.new_tokens());
  const int halves = job_.layout.two_batches && tokens > 1 ? 2 : 1;
  Parts parts;
  if (tokens > 0) {
    const TokenParts& of = of_tokens((tokens + halves - 1) / halves);
    parts.add(uneven(step) ? of.around : of.even, halves);
    if (uneven(step)) add_experts(static_cast<double>(step.together) / halves, halves, parts);
  }
  if (step.sampled > 0) parts.add(of_head(step.sampled));
  add_attention(step, halves, parts);
  last_ = step;
  return of_last_ = parts;
}

/// Two halves of a step in turn, as DeepSeek's and SGLang's engines let them: what the ways to and
/// from the experts of one half hide behind is of the other, and of two pieces that run together
/// the longer one counts. With prompts attention, dispatch, experts and combine follow one another,
/// one piece apart. Without, dispatch hides behind shared experts and the projections before the
/// other half's attention, combine behind that attention, and experts run alone.
double StepTimes::interleaved(const Parts& parts, bool prompts) {
  const double dispatch = parts.dispatching, combine = parts.communicating - dispatch;
  if (dispatch <= 0) return std::max(parts.computing + parts.held, combine);
  const double around = parts.computing - parts.experts + parts.held / 2;
  const double experts = parts.experts + parts.held / 2;
  if (!prompts) {
    return std::max(dispatch, parts.early) + experts + std::max(combine, around - parts.early);
  }
  // Each stands for both halves, and so does the sum.
  return (std::max(around, combine) + std::max(dispatch, around) + std::max(experts, dispatch) +
          std::max(combine, experts)) /
         2;
}

Seconds StepTimes::joined(const Parts& parts, const ServingStep& step) const {
  const int tokens = step.new_tokens();
  const double device = job_.layout.two_batches && tokens > 1
                            ? interleaved(parts, !step.chunks.empty())
                            : parts.computing + parts.communicating;
  const double launched = tokens > host_.graph_tokens ? parts.launches * host_.launch.si() : 0;
  return Seconds::from_si(std::max(device, launched));
}

Seconds StepTimes::device(const ServingStep& step) const {
  const Seconds free = joined(parts_of(step), step);
  if (!cap_) return free;
  const Seconds each = free / job_.layout.pipeline;
  return power::throttled(cap_->curve, activity(step, each), cap_->cap).duration *
         job_.layout.pipeline;
}

void StepTimes::cap_power(const power::PowerCurve& curve, Watts cap) {
  cap_ = {curve, cap};
}

Seconds StepTimes::time(const ServingStep& step) const {
  const double sequences = step.decoding + static_cast<double>(step.chunks.size());
  const Seconds host = host_.step + host_.sequence * sequences;
  const Seconds alone = device(step);
  return host_.asynchronous ? std::max(alone, host) : alone + host;
}

Seconds StepTimes::exact(const ServingStep& step) const {
  const int tokens = recorded(step.new_tokens());
  const int halves = job_.layout.two_batches && tokens > 1 ? 2 : 1;
  Parts parts;
  if (step.decoding > 0) {
    parts.add(timed(workloads::attention_work(job_, half_of(step, halves))), halves);
  }
  ServingStep prompts;
  prompts.chunks = step.chunks;
  parts.add(timed(workloads::attention_work(job_, prompts)));
  if (tokens > 0) {
    const int each = (tokens + halves - 1) / halves;
    const double together = uneven(step) ? static_cast<double>(step.together) / halves
                                         : static_cast<double>(each) * job_.layout.data;
    parts.add(timed(workloads::token_work(job_, cluster_, each)), halves);
    parts.add(timed(workloads::expert_work(job_, together)), halves);
  }
  if (step.sampled > 0) parts.add(timed(workloads::head_work(job_, cluster_, step.sampled)));
  return joined(parts, step);
}

power::Activity StepTimes::activity(const ServingStep& step, Seconds duration) const {
  const Parts& parts = parts_of(step);
  power::Activity activity;
  activity.computing = Seconds::from_si(parts.computing);
  activity.clocked = Seconds::from_si(parts.clocked);
  const double hidden = job_.layout.two_batches && step.new_tokens() > 1 ? parts.computing : 0;
  activity.waiting = Seconds::from_si(std::max(0.0, parts.communicating - hidden));
  for (std::size_t i = 0; i < parts.flops.size(); ++i) {
    activity.flops[i] = parts.flops[i] * units::FLOP;
  }
  activity.hbm = parts.hbm * units::B;
  activity.scale_up = parts.scale_up * units::B;
  activity.nic = parts.nic * units::B;
  activity *= 1.0 / job_.layout.pipeline;
  activity.duration = duration;
  return activity;
}

workloads::ServingMemory StepTimes::memory() const {
  return workloads::serving_memory(job_, cluster_.accelerator().hbm_capacity.value, host_.limits);
}

}  // namespace aisle::sim
