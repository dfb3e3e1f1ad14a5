// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "power/power.hpp"
#include "sim/base/units.hpp"
#include "sim/kernels/kernels.hpp"
#include "topology/cluster.hpp"
#include "workloads/serving/memory.hpp"
#include "workloads/serving/step_kernels.hpp"

#include <array>
#include <string>
#include <unordered_map>
#include <vector>

namespace aisle::pb {
class EngineProfile;
}

namespace aisle::workloads {
struct CommunicationCost;
}

namespace aisle::sim {

/// What an engine's host adds to the device's time (workloads/serving/engine.proto has the words).
struct EngineHost {
  Seconds step, sequence, launch, request;
  bool asynchronous = false;
  int graph_tokens = 0;
  double small_kernels = 1;
  workloads::Library reductions = workloads::Library::automatic;
  workloads::MemoryLimits limits;
  int sequences = 256;           ///< most in a step
  bool reserves_output = false;  ///< the cache for the whole answer is set aside at the start
  bool gathers_prompts = false;  ///< attention groups compute prompts together

  static EngineHost from(const pb::EngineProfile& profile);
};

/// Families that a serving step launches.
std::span<const workloads::Family> serving_families();

/// Times of the steps of one replica, alone on its accelerators: the sum of its kernels and
/// communications, by the curves of sim/kernels, and what the host adds. Assumes that nothing
/// overlaps but what `two_batches` of the layout names: pieces of one half beside those of the
/// other, as far as they last alike. Products of every number of tokens are
/// timed once, when first asked for; attention of decoding sequences at sixteen lengths of context
/// per octave, linear between them (within 0.5 % of each kernel's own time); prompts exactly. Not
/// safe to share between threads. Formulas and errors: docs/model/serving.md.
class StepTimes {
 public:
  /// The job's model, and the cluster, must outlive it.
  StepTimes(const workloads::ServingJob& job, const topology::Cluster& cluster,
            const topology::Catalogue& catalogue, const EngineHost& host);

  /// From the start of a step to the start of the next one, through all pipeline stages.
  Seconds time(const workloads::ServingStep& step) const;
  /// Of the accelerators alone.
  Seconds device(const workloads::ServingStep& step) const;
  /// The same from every kernel anew, for tests.
  Seconds exact(const workloads::ServingStep& step) const;

  /// From now on under a power cap: what arithmetic holds up in a step takes longer.
  void cap_power(const power::PowerCurve& curve, Watts cap);

  /// What the mean accelerator does in a step that takes `duration`.
  power::Activity activity(const workloads::ServingStep& step, Seconds duration) const;

  const workloads::ServingJob& job() const { return job_; }

  const EngineHost& host() const { return host_; }

  const KernelModel& kernels() const { return kernels_; }

  /// Of the fullest accelerator.
  workloads::ServingMemory memory() const;

 private:
  /// Seconds, launches and amounts of some part of a step, on the busiest accelerator.
  struct Parts {
    double computing = 0, communicating = 0, launches = 0;
    double clocked = 0;      ///< of `computing`, in kernels that arithmetic holds up
    double early = 0;        ///< of `computing`, before the cache is looked at, and shared experts
    double experts = 0;      ///< of `computing`, in routed experts
    double dispatching = 0;  ///< of `communicating`, on the way to them
    double held = 0;         ///< what computes beside communication loses to its kernels
    double hbm = 0, scale_up = 0, nic = 0;
    std::array<double, topology::kPrecisions> flops{};

    Parts& add(const Parts& other, double weight = 1);
  };

  struct Cap {
    power::PowerCurve curve;
    Watts cap;
  };

  Parts timed(const workloads::StepWork& work) const;
  workloads::CommunicationCost cost_of(const workloads::CountedCommunication& counted) const;
  Seconds held_by(const workloads::CommunicationCost& cost) const;

  /// What depends on the number of new tokens: with and without routed experts.
  struct TokenParts {
    Parts even;  ///< every attention group has as many
    Parts around;
  };

  const TokenParts& of_tokens(int tokens) const;
  const Parts& experts_at(int point) const;
  void add_experts(double together, double weight, Parts& parts) const;
  bool uneven(const workloads::ServingStep& step) const;
  const Parts& of_head(int rows) const;
  const Parts& decoding_at(const workloads::ServingStep& step, int point) const;
  void add_attention(const workloads::ServingStep& step, int halves, Parts& parts) const;
  const Parts& parts_of(const workloads::ServingStep& step) const;
  Seconds joined(const Parts& parts, const workloads::ServingStep& step) const;
  static double interleaved(const Parts& parts, bool prompts);
  int recorded(int tokens) const;

  workloads::ServingJob job_;
  const topology::Cluster& cluster_;
  EngineHost host_;
  KernelModel kernels_;
  std::optional<Cap> cap_;
  mutable std::unordered_map<int, TokenParts> tokens_;
  mutable std::unordered_map<int, Parts> head_, experts_;
  mutable std::unordered_map<std::uint64_t, Parts> decoding_;  ///< by sequences, tokens, point
  /// The step asked for last: its clock and its power are asked for one after the other.
  mutable workloads::ServingStep last_;
  mutable Parts of_last_;
};

}  // namespace aisle::sim
