// SPDX-License-Identifier: Apache-2.0
// Recorded times on another machine: formulas in docs/model/replay.md.
#include "sim/study/collective.hpp"
#include "sim/study/replay.hpp"
#include "sim/study/scenario.pb.h"
#include "workloads/collectives/collective.hpp"
#include "workloads/collectives/routing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace aisle::sim {

namespace {

using topology::Precision;
using workloads::CollectiveKind;
using workloads::Communication;
using workloads::CommunicationCost;
using workloads::Family;
using workloads::Kernel;
using workloads::traces::Activity;
using workloads::traces::CollectiveCall;
using workloads::traces::CopyKind;
using workloads::traces::DeviceEvent;
using workloads::traces::Index;
using workloads::traces::kNone;
using workloads::traces::kUnknown;
using workloads::traces::Origin;
using workloads::traces::ReplayWork;
using workloads::traces::ShapeFrom;

// Launch and drain of a kernel, which no faster memory or matrix unit shortens (docs/model/
// kernels.md: the fixed terms of the curves are 2 to 5 us).
constexpr double kFixed = 3e-6;
// A gap between kernels that were queued; longer ones have causes of their own.
constexpr double kQueuedGap = 10e-6;
// Times the predicted one that a transfer may have taken (assumed); what is longer waited for other
// ranks.
constexpr double kSlowTransfer = 2;
// Bytes of a token's block scales over those of its values: one FP32 for 128 values of FP8.
constexpr double kScales = 4.0 / 128;

std::size_t at(Index i) {
  return static_cast<std::size_t>(i);
}

bool computes(Family family) {
  return family == Family::gemm || family == Family::grouped_gemm || family == Family::attention ||
         family == Family::mla || family == Family::convolution;
}

class Retimer {
 public:
  explicit Retimer(const RetimeInput& input) : in_(input), plan_(input.replay.plan) {}

  Retimed run() {
    out_.timed.plan = &plan_;
    out_.timed.works.resize(plan_.works.size());
    out_.memory_bound.assign(plan_.works.size(), 0);
    out_.waiting_s.assign(plan_.works.size(), 0);
    if (in_.to != nullptr) {
      out_.timed.cores = in_.to->cluster.accelerator().cores;
      out_.timed.interference = in_.to->kernels.interference();
      lacks_fp8_ = in_.to->cluster.accelerator().peak_of(Precision::fp8).value.si() <= 0;
    }
    find_shortest();
    find_computing();
    for (const workloads::traces::Described& described : in_.described) {
      has_fp8_ |= described.kernel.precision == Precision::fp8;
    }
    for (std::size_t w = 0; w < plan_.works.size(); ++w) {
      if (in_.replay.works[w].origin == Origin::kernel) time_kernel(w);
    }
    if (recorded_compute_ > 0) out_.compute_ratio = new_compute_ / recorded_compute_;
    for (std::size_t w = 0; w < plan_.works.size(); ++w) time_other(w);
    write_notes();
    return std::move(out_);
  }

 private:
  using CallKey = std::tuple<CollectiveKind, std::int64_t, Index>;

  const topology::Accelerator& chip(const ReplayMachine& machine) const {
    return machine.cluster.accelerator();
  }

  /// The machine whose bounds are looked at.
  const ReplayMachine* judge() const { return in_.to != nullptr ? in_.to : in_.from; }

  /// Times at which something computes on each rank, merged, and the sum of those before each.
  void find_computing() {
    computing_.resize(in_.trace.ranks.size());
    std::vector<std::pair<std::int64_t, std::int64_t>> all;
    for (std::size_t r = 0; r < computing_.size(); ++r) {
      all.clear();
      for (const DeviceEvent& event : in_.trace.device) {
        if (at(event.rank) != r || event.activity != Activity::kernel) continue;
        if (event.start_ns == kUnknown || event.duration_ns <= 0) continue;
        all.emplace_back(event.start_ns, event.start_ns + event.duration_ns);
      }
      std::sort(all.begin(), all.end());
      for (const auto& [start, end] : all) {
        if (!computing_[r].empty() && computing_[r].back().second >= start) {
          computing_[r].back().second = std::max(computing_[r].back().second, end);
        } else {
          computing_[r].emplace_back(start, end);
        }
      }
    }
  }

  /// Most of the event's time something computed on its rank.
  bool beside_computation(Index e) const {
    const DeviceEvent& event = in_.trace.device[at(e)];
    const std::int64_t end = event.start_ns + event.duration_ns;
    const auto& spans = computing_[at(event.rank)];
    auto span = std::lower_bound(
        spans.begin(), spans.end(), event.start_ns,
        [](const auto& computing, std::int64_t time) { return computing.second < time; });
    std::int64_t covered = 0;
    for (; span != spans.end() && span->first < end; ++span) {
      covered += std::min(end, span->second) - std::max(event.start_ns, span->first);
    }
    return 2 * covered > event.duration_ns;
  }

  /// Of equal collectives the shortest waited least.
  void find_shortest() {
    for (const ReplayWork& work : in_.replay.works) {
      if (work.origin != Origin::communication) continue;
      const CollectiveCall* call = call_of(work.event);
      if (call == nullptr || call->bytes == kUnknown) continue;
      const double time = work.recorded.si();
      const auto [found, is_new] =
          shortest_.try_emplace({call->kind, call->bytes, call->group}, time);
      if (!is_new) found->second = std::min(found->second, time);
    }
  }

  const CollectiveCall* call_of(Index event) const {
    const Index detail = in_.trace.device[at(event)].detail;
    return detail == kNone ? nullptr : &in_.trace.collectives[at(detail)];
  }

  bool is_memory_bound(const Kernel& kernel, ShapeFrom from, const ReplayMachine& machine) const {
    const bool has_work = kernel.flops.si() > 0 || kernel.hbm_bytes.si() > 0;
    if (from == ShapeFrom::none || !has_work) return !computes(kernel.family);
    const double peak = chip(machine).peak_of(executed(kernel.precision, machine)).value.si();
    const double compute = peak > 0 ? kernel.flops.si() / peak : 0;
    return kernel.hbm_bytes.si() / chip(machine).hbm_bandwidth.value.si() >= compute;
  }

  /// The format or, where the chip lacks it, BF16.
  static Precision executed(Precision precision, const ReplayMachine& machine) {
    const topology::Accelerator& chip = machine.cluster.accelerator();
    return chip.peak_of(precision).value.si() > 0 ? precision : Precision::bf16;
  }

  static double peak_of(Precision precision, const ReplayMachine& machine) {
    return machine.cluster.accelerator().peak_of(executed(precision, machine)).value.si();
  }

  /// On a chip without FP8 there is nothing to convert, nor operands so narrow that tensor cores
  /// want them in another layout: conversions to and from FP8, by name, and transposes go.
  bool is_dropped(Index e, const Kernel& kernel) const {
    if (!lacks_fp8_ || !has_fp8_) return false;
    if (kernel.family == Family::transpose) return true;
    if (kernel.family != Family::cast) return false;
    if (kernel.precision == Precision::fp8) return true;
    const std::string name = plain(in_.trace.name_of(in_.trace.device[at(e)]));
    constexpr std::array<std::string_view, 4> kNames = {"fp8", "float8", "e4m3", "e5m2"};
    return std::any_of(kNames.begin(), kNames.end(),
                       [&](std::string_view part) { return name.find(part) != std::string::npos; });
  }

  /// On a chip without FP8, operands of matrix products take two bytes.
  Kernel widened(Kernel kernel) const {
    if (!lacks_fp8_ || kernel.precision != Precision::fp8 || kernel.hbm_bytes.si() <= 0)
      return kernel;
    if (kernel.family != Family::gemm && kernel.family != Family::grouped_gemm) return kernel;
    const auto m = static_cast<double>(kernel.m), n = static_cast<double>(kernel.n),
               k = static_cast<double>(kernel.k);
    const double groups = kernel.direction == workloads::Direction::wgrad ? 1 : kernel.groups;
    kernel.hbm_bytes += Bytes::from_si(m * k + groups * n * k);
    return kernel;
  }

  double ratio_of(Index e, const Kernel& kernel, ShapeFrom from, double alone) {
    if (is_dropped(e, kernel)) {
      dropped_ += alone;
      return 0;
    }
    if (from != ShapeFrom::none && (kernel.flops.si() > 0 || kernel.hbm_bytes.si() > 0)) {
      return in_.ratio->of(kernel, widened(kernel));
    }
    unshaped_ += alone;
    if (kernel.family == Family::other) unknown_ += alone;
    const Kernel like = stand_in(kernel, Seconds::from_si(alone), in_.ratio->first(kernel));
    return in_.ratio->of(like, widened(like));
  }

  /// Slow-down of a kernel of so many cores while communication was resident.
  double interfered(int width, const ReplayMachine& machine) const {
    const int cores = chip(machine).cores;
    const int held = machine.kernels.communication().cores_expert;
    const int left = std::max(1, cores - std::min(held, cores - 1));
    return std::max(machine.kernels.interference(), static_cast<double>(width) / left);
  }

  /// Blocks that a persistent kernel was launched with leave the other cores free, on every chip in
  /// the same share.
  double width_share(Index e, const Kernel& kernel) const {
    const int cores = chip(*in_.from).cores;
    int width = in_.from->kernels.time_of(kernel).cores;
    const Index launch = in_.trace.device[at(e)].detail;
    if (launch != kNone) {
      const auto& grid = in_.trace.launches[at(launch)].grid;
      const std::int64_t blocks = static_cast<std::int64_t>(grid[0]) * grid[1] * grid[2];
      if (blocks > 0 && blocks < width) width = static_cast<int>(blocks);
    }
    return static_cast<double>(width) / cores;
  }

  void time_kernel(std::size_t w) {
    const ReplayWork& work = in_.replay.works[w];
    const auto& [kernel, from] = in_.described[at(work.event)];
    TimedWork& timed = out_.timed.works[w];
    const double recorded = work.recorded.si();
    const DeviceEvent& event = in_.trace.device[at(work.event)];
    const double share =
        event.duration_ns > 0 ? recorded / (static_cast<double>(event.duration_ns) * 1e-9) : 1;
    double alone = recorded;
    timed.basis = Basis::measured;
    if (in_.to != nullptr) {
      const double part = width_share(work.event, kernel);
      const double beside = in_.beside.empty() ? 0 : in_.beside[at(work.event)];
      const int width = static_cast<int>(std::lround(part * chip(*in_.from).cores));
      alone = recorded / (1 - beside + beside * interfered(width, *in_.from));
      const double before = alone;
      alone *= ratio_of(work.event, kernel, from, alone) * in_.slower;
      recorded_compute_ += before;
      new_compute_ += alone;
      timed.basis = Basis::extrapolated;
      const int now = std::max(1, static_cast<int>(std::lround(part * out_.timed.cores)));
      if (alone > 0) timed.widths.push_back({Seconds::from_si(alone), now});
    }
    timed.alone = Seconds::from_si(alone);
    describe(w, kernel, from, share, is_dropped(work.event, kernel));
    out_.recorded_s[static_cast<std::size_t>(kernel.family)] += recorded;
  }

  /// What the kernel does on the machine that it runs on, for shares, families and energy.
  void describe(std::size_t w, const Kernel& kernel, ShapeFrom from, double share, bool dropped) {
    TimedWork& timed = out_.timed.works[w];
    Kernel part = widened(kernel);
    part.name = "";
    if (!dropped) {
      timed.flops = share * part.flops;
      timed.hbm_bytes = share * part.hbm_bytes;
      timed.flops_by_precision[static_cast<std::size_t>(part.precision)] = timed.flops;
    }
    timed.family_seconds[static_cast<std::size_t>(part.family)] = timed.alone.si();
    if (const ReplayMachine* machine = judge()) {
      out_.memory_bound[w] = is_memory_bound(kernel, from, *machine) ? 1 : 0;
      const double exclusive = (timed.hbm_bytes / chip(*machine).hbm_bandwidth.value).si();
      if (in_.to != nullptr) {
        timed.demand[static_cast<std::size_t>(Capacity::hbm)] =
            std::min(exclusive, timed.alone.si());
        (out_.memory_bound[w] != 0 ? timed.binding.memory_s : timed.binding.tensor_s) =
            timed.alone.si();
      }
    }
    plan_.works[w].kernels = {part};
  }

  void time_other(std::size_t w) {
    const ReplayWork& work = in_.replay.works[w];
    TimedWork& timed = out_.timed.works[w];
    if (work.origin == Origin::kernel) return;
    timed.basis = Basis::measured;
    timed.alone = work.recorded;
    if (work.origin == Origin::communication) {
      time_communication(w);
      return;
    }
    if (in_.to == nullptr) return;
    if (work.origin == Origin::gap && work.recorded.si() <= kQueuedGap) {
      timed.alone *= in_.to->kernels.launch_gap() / in_.from->kernels.launch_gap();
    }
    if (work.origin == Origin::transfer) time_copy(w);
  }

  /// Copies over the host's link stay as they are: no figure of it is known on either side.
  void time_copy(std::size_t w) {
    const ReplayWork& work = in_.replay.works[w];
    const DeviceEvent& event = in_.trace.device[at(work.event)];
    CopyKind kind = CopyKind::within;
    if (event.activity == Activity::copy && event.detail != kNone) {
      kind = in_.trace.transfers[at(event.detail)].kind;
    }
    double ratio = 1;
    if (kind == CopyKind::within) {
      ratio = chip(*in_.from).hbm_bandwidth.value / chip(*in_.to).hbm_bandwidth.value;
    } else if (kind == CopyKind::peer) {
      const BytesPerSecond before = in_.from->cluster.scale_up().bandwidth.value;
      const BytesPerSecond now = in_.to->cluster.scale_up().bandwidth.value;
      if (before.si() > 0 && now.si() > 0) ratio = before / now;
    }
    const double recorded = work.recorded.si(), fixed = std::min(recorded, kFixed);
    out_.timed.works[w].alone = Seconds::from_si(fixed + (recorded - fixed) * ratio);
    out_.timed.works[w].basis = Basis::extrapolated;
  }

  Communication communication_of(const CollectiveCall& call, bool beside,
                                 const ReplayMachine& machine, int size) const {
    const ReplayGroup& group = in_.groups.of(call);
    Communication communication;
    communication.kind = call.kind;
    communication.bytes =
        Bytes::from_si(static_cast<double>(std::max<std::int64_t>(0, call.bytes)));
    communication.group = in_.groups.hierarchy(group, size, machine.cluster);
    communication.beside_computation = beside;
    if (call.kind == CollectiveKind::dispatch || call.kind == CollectiveKind::combine) {
      const pb::ExpertRouting& given = in_.asked.routing();
      const workloads::Routing routing{given.experts(), given.top_k(), given.groups(),
                                       given.group_limit()};
      communication.copies_to_domains =
          workloads::expected_copies(routing, communication.group.domains);
      communication.copies_to_ranks = workloads::expected_copies(routing, communication.group.size);
    }
    return communication;
  }

  /// Bytes with which the recorded machine would have taken the recorded time.
  Bytes deduced_bytes(Communication communication, double time) const {
    const auto& profile = in_.from->kernels.communication();
    double low = 0, high = 46;  // 2^46 B: more than any memory
    for (int i = 0; i < 50; ++i) {
      const double middle = (low + high) / 2;
      communication.bytes = Bytes::from_si(std::exp2(middle));
      const double took = cost_of(communication, in_.from->cluster, profile).alone.si();
      (took < time ? low : high) = middle;
    }
    return Bytes::from_si(std::exp2(low));
  }

  void time_communication(std::size_t w) {
    const ReplayWork& work = in_.replay.works[w];
    const CollectiveCall* known = call_of(work.event);
    const bool rendezvous = in_.trace.class_of(in_.trace.device[at(work.event)]).rendezvous;
    CollectiveCall call = known != nullptr ? *known : CollectiveCall{};
    if (rendezvous) call.kind = CollectiveKind::barrier;
    plan_.works[w].communication.kind = call.kind;
    if (in_.to == nullptr) {
      if (rendezvous) out_.waiting_s[w] = work.recorded.si();
      return;
    }
    const double recorded = work.recorded.si();
    all_transfers_ += recorded;
    const ReplayGroup& group = in_.groups.of(call);
    if (group.recorded <= 1 && group.replayed <= 1) return;
    const bool beside = beside_computation(work.event);
    const bool sized = call.bytes != kUnknown || call.kind == CollectiveKind::barrier;
    Communication before = communication_of(call, beside, *in_.from, group.recorded);
    Communication now = communication_of(call, beside, *in_.to, group.replayed);
    double transfer = recorded;
    if (sized) {
      transfer = std::min(recorded, cheapest(call, before));
    } else {
      before.bytes = deduced_bytes(before, recorded);
      now.bytes = before.bytes;
      unsized_ += recorded;
    }
    if (lacks_fp8_ && call.kind == CollectiveKind::dispatch && has_fp8_) {
      now.bytes *= 2 / (1 + kScales);
    }
    const CommunicationCost old_cost =
        cost_of(before, in_.from->cluster, in_.from->kernels.communication());
    const CommunicationCost cost = cost_of(now, in_.to->cluster, in_.to->kernels.communication());
    const double ratio = old_cost.alone.si() > 0 ? cost.alone / old_cost.alone : 1;
    finish_communication(w, cost, transfer * ratio, (recorded - transfer) * out_.compute_ratio,
                         rendezvous);
    plan_.works[w].communication = now;
  }

  double cheapest(const CollectiveCall& call, const Communication& before) const {
    const double predicted =
        cost_of(before, in_.from->cluster, in_.from->kernels.communication()).alone.si();
    if (call.kind == CollectiveKind::barrier) return predicted;
    const auto found = shortest_.find({call.kind, call.bytes, call.group});
    return std::min(kSlowTransfer * predicted, found == shortest_.end() ? INFINITY : found->second);
  }

  void finish_communication(std::size_t w, const CommunicationCost& cost, double transfer,
                            double waiting, bool rendezvous) {
    TimedWork& timed = out_.timed.works[w];
    timed.alone = Seconds::from_si(transfer + waiting);
    timed.basis = Basis::extrapolated;
    out_.waiting_s[w] = waiting;
    timed.cores_held = rendezvous ? 0 : cost.cores;
    timed.hbm_bytes = cost.hbm;
    timed.scale_up_bytes = cost.scale_up_out + cost.scale_up_in;
    timed.scale_out_bytes = cost.scale_out_out + cost.scale_out_in;
    const auto draw = [&](Capacity capacity, Bytes bytes, BytesPerSecond rate) {
      if (bytes.si() <= 0 || rate.si() <= 0) return;
      timed.demand[static_cast<std::size_t>(capacity)] =
          std::min((bytes / rate).si(), timed.alone.si());
    };
    const BytesPerSecond up = in_.to->cluster.scale_up().bandwidth.value;
    const BytesPerSecond out = in_.to->cluster.scale_out().bandwidth.value;
    draw(Capacity::hbm, cost.hbm, chip(*in_.to).hbm_bandwidth.value);
    draw(Capacity::scale_up_out, cost.scale_up_out, up);
    draw(Capacity::scale_up_in, cost.scale_up_in, up);
    draw(Capacity::scale_out_out, cost.scale_out_out, out);
    draw(Capacity::scale_out_in, cost.scale_out_in, out);
  }

  void write_notes();

  const RetimeInput& in_;
  workloads::Plan& plan_;
  Retimed out_;
  std::map<CallKey, double> shortest_;
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> computing_;  // [ranks]
  bool lacks_fp8_ = false, has_fp8_ = false;
  double recorded_compute_ = 0, new_compute_ = 0;  // without interference
  double unshaped_ = 0, unknown_ = 0, dropped_ = 0, unsized_ = 0, all_transfers_ = 0;
};

void Retimer::write_notes() {
  const auto note = [&](std::string text) { out_.notes.push_back(std::move(text)); };
  const auto share = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0.0; };
  if (in_.to == nullptr) return;
  if (unshaped_ > 0) {
    note(fmt::format(
        "Kernels of which the trace does not show the shape ({:.1f} % of kernel time) are taken to "
        "be of such a size that the curve of their family gives the recorded time on {}.",
        share(unshaped_, recorded_compute_), chip(*in_.from).name));
  }
  if (unknown_ > 0) {
    note(
        fmt::format("Kernels of no known family ({:.1f} % of kernel time) are taken to be bound by "
                    "HBM.",
                    share(unknown_, recorded_compute_)));
  }
  if (lacks_fp8_ && has_fp8_) {
    note(fmt::format(
        "{} has no FP8: its matrix products run in BF16, casts to FP8 and transposes of FP8 "
        "operands ({:.1f} % of kernel time) are dropped, and tokens are dispatched in BF16.",
        chip(*in_.to).name, share(dropped_, recorded_compute_)));
  }
  if (unsized_ > 0) {
    note(fmt::format(
        "Sizes of collectives that the trace does not give ({:.1f} % of communication time) are "
        "those with which the recorded machine would have taken the recorded time.",
        share(unsized_, all_transfers_)));
  }
}

}  // namespace

Retimed retime(const RetimeInput& input) {
  return Retimer(input).run();
}

}  // namespace aisle::sim
