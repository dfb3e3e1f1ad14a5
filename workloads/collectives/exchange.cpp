// SPDX-License-Identifier: Apache-2.0
#include "workloads/collectives/exchange.hpp"

#include "sim/base/hash.hpp"
#include "topology/network.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

namespace aisle::workloads {

namespace {

using topology::FabricTraits;

/// What one rank sends to each of the others.
struct Pattern {
  Bytes inside, across;     ///< to a member of its domain; to a partner in another domain
  bool same_place = false;  ///< partners across are those at the same place in their domain only
  bool next_only = false;   ///< send_recv: each rank to the next
  bool relay = false;       ///< over the scale-up links to the partner's rail where rails differ
};

bool same_domain(const topology::Cluster& cluster, int a, int b) {
  return a / cluster.domain_size() == b / cluster.domain_size();
}

Pattern pattern_of(const CollectiveJob& job) {
  const Communication& c = job.communication;
  const int n = c.group.size;
  Pattern pattern;
  if (c.kind == CollectiveKind::send_recv) {
    pattern.inside = pattern.across = c.bytes;
    pattern.next_only = true;
    return pattern;
  }
  const int inside = c.group.per_domain - 1;
  pattern.same_place = job.cost.algorithm == Algorithm::two_hop;
  const int across = pattern.same_place ? c.group.domains - 1 : n - c.group.per_domain;
  if (c.kind == CollectiveKind::all_to_all) {
    pattern.inside = pattern.across = c.bytes / n;
    pattern.relay = true;
    return pattern;
  }
  if (inside > 0) pattern.inside = job.cost.scale_up_out / inside;
  if (across > 0) pattern.across = job.cost.scale_out_out / across;
  return pattern;
}

bool exchanges(const Pattern& pattern, const topology::Cluster& cluster, int a, int b) {
  return a != b && (!pattern.same_place || same_domain(cluster, a, b) ||
                    a % cluster.domain_size() == b % cluster.domain_size());
}

Bytes bytes_between(const Pattern& pattern, const topology::Cluster& cluster, int a, int b) {
  return same_domain(cluster, a, b) ? pattern.inside : pattern.across;
}

Seconds streaming_of(const CollectiveJob& job) {
  return job.cost.alone - job.cost.latency;
}

Seconds arrival_of(const CollectiveJob& job, std::size_t rank) {
  return job.arrival.empty() ? Seconds{} : job.arrival[rank];
}

double load_of(const CollectiveJob& job, std::size_t rank) {
  return job.load.empty() ? 1 : job.load[rank];
}

}  // namespace

bool is_exchange(CollectiveKind kind) {
  return kind == CollectiveKind::all_to_all || kind == CollectiveKind::dispatch ||
         kind == CollectiveKind::combine || kind == CollectiveKind::send_recv;
}

ExchangeForm exchange_form(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                           const ScheduleOptions& options) {
  if (options.by_ranks) return ExchangeForm::ranks;
  double pairs = 0;
  bool symmetric = options.fold && cluster.fabric().routing != FabricTraits::Routing::ecmp;
  for (const CollectiveJob& job : jobs) {
    const auto n = static_cast<double>(job.members.size());
    if (is_exchange(job.communication.kind)) {
      pairs += job.communication.kind == CollectiveKind::send_recv ? n : n * n;
    }
    symmetric = symmetric && is_exchange(job.communication.kind) &&
                job.communication.kind != CollectiveKind::send_recv && job.arrival.empty() &&
                job.load.empty();
  }
  constexpr double kMostPairs = 300'000;  // about 3 s
  if (symmetric) return ExchangeForm::classes;
  return pairs <= kMostPairs || !options.fold ? ExchangeForm::pairs : ExchangeForm::ranks;
}

void exchange_by_pairs(const CollectiveJob& job, std::int32_t number,
                       const topology::Cluster& cluster, TrafficBuilder& builder) {
  const Pattern pattern = pattern_of(job);
  const std::size_t n = job.members.size();
  const auto add = [&](std::size_t i, std::size_t j) {
    const int a = job.members[i];
    const int b = job.members[j];
    const Seconds start = job.cost.latency + std::max(arrival_of(job, i), arrival_of(job, j));
    const double load = load_of(job, j);
    builder.begin_flow(number, 0, bytes_between(pattern, cluster, a, b) * load,
                       streaming_of(job) * load, start);
    builder.draw_route(a, b, 1, pattern.relay);
    builder.end_flow();
  };
  for (std::size_t i = 0; i < n; ++i) {
    if (pattern.next_only) {
      add(i, (i + 1) % n);
      continue;
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (exchanges(pattern, cluster, job.members[i], job.members[j])) add(i, j);
    }
  }
}

void exchange_by_ranks(const CollectiveJob& job, std::int32_t number,
                       const topology::Cluster& cluster, TrafficBuilder& builder) {
  const Pattern pattern = pattern_of(job);
  const std::size_t n = job.members.size();
  constexpr std::size_t kPartners = 256;  // evenly spaced, they stand for all
  const std::size_t step = std::max<std::size_t>(1, n / kPartners);
  std::vector<std::size_t> partners;
  Seconds last;
  for (std::size_t i = 0; i < n; ++i) last = std::max(last, arrival_of(job, i));
  for (std::size_t i = 0; i < n; ++i) {
    // The exchange with the partner that comes last begins when it comes.
    const Seconds waiting = last - arrival_of(job, i);
    const int own = job.members[i];
    Bytes met;
    partners.clear();
    for (std::size_t j = (i + 1) % step; j < n; j += step) {
      if (!exchanges(pattern, cluster, own, job.members[j])) continue;
      partners.push_back(j);
      met += bytes_between(pattern, cluster, own, job.members[j]);
    }
    const Bytes all = job.cost.scale_up_out + job.cost.scale_out_out;
    for (const TrafficBuilder::Half half :
         {TrafficBuilder::Half::outward, TrafficBuilder::Half::inward}) {
      const bool out = half == TrafficBuilder::Half::outward;
      const double load = out ? 1 : load_of(job, i);
      builder.begin_flow(number, 0, all * load, streaming_of(job) * load + waiting,
                         job.cost.latency + arrival_of(job, i));
      for (const std::size_t j : partners) {
        const int other = job.members[j];
        const double weight = bytes_between(pattern, cluster, own, other) / met;
        builder.draw_route(out ? own : other, out ? other : own, weight, pattern.relay, half);
      }
      builder.end_flow();
    }
  }
}

namespace {

/// Pairs that draw alike on links of the same orbits.
struct PairClass {
  std::int32_t job;
  Bytes bytes;
  double pairs = 0;                                     ///< in all
  std::vector<std::pair<std::int32_t, double>> shares;  ///< orbit of links, share of the bytes
};

class ClassBuilder {
 public:
  ClassBuilder(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
               std::string& cut)
      : jobs_(jobs), cluster_(cluster), network_(cluster.network()), cut_(cut) {
    std::vector<std::int32_t> job_of(static_cast<std::size_t>(network_.endpoints()), -1);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      for (const int m : jobs[j].members) {
        job_of[static_cast<std::size_t>(m)] = static_cast<std::int32_t>(j);
      }
    }
    colours_ = network_.symmetry(job_of);
    std::int32_t orbits = 0;
    for (const std::int32_t colour : colours_.link) orbits = std::max(orbits, colour + 1);
    traffic_.links.resize(static_cast<std::size_t>(orbits));
    for (Traffic::Link& link : traffic_.links) link.multiplicity = 0;
    for (std::int32_t l = 0; l < network_.links(); ++l) {
      Traffic::Link& orbit =
          traffic_.links[static_cast<std::size_t>(colours_.link[static_cast<std::size_t>(l)])];
      const double met = orbit.multiplicity;
      if (met == 0) orbit = traffic_link(cluster, l);
      orbit.multiplicity = met + 1;
    }
  }

  Traffic build() {
    for (std::size_t j = 0; j < jobs_.size(); ++j) add_job(j);
    return std::move(traffic_);
  }

 private:
  void add_job(std::size_t j) {
    std::map<std::int32_t, std::pair<int, double>> orbits;  // of members: the first, and how many
    for (const int m : jobs_[j].members) {
      const std::int32_t colour = colours_.endpoint[static_cast<std::size_t>(m)];
      ++orbits.try_emplace(colour, m, 0.0).first->second.second;
    }
    const Pattern pattern = pattern_of(jobs_[j]);
    for (const auto& [colour, first_and_count] : orbits) {
      std::unordered_map<std::uint64_t, PairClass> classes;
      const auto [a, count] = first_and_count;
      for (const int b : jobs_[j].members) {
        if (exchanges(pattern, cluster_, a, b)) follow(j, pattern, a, b, count, classes);
      }
      std::vector<const PairClass*> ordered;
      for (const auto& [key, pair_class] : classes) ordered.push_back(&pair_class);
      std::sort(ordered.begin(), ordered.end(),
                [](const PairClass* x, const PairClass* y) { return x->shares < y->shares; });
      for (const PairClass* pair_class : ordered) add_flow(*pair_class);
    }
  }

  void follow(std::size_t j, const Pattern& pattern, int a, int b, double count,
              std::unordered_map<std::uint64_t, PairClass>& classes) {
    uses_.clear();
    if (!network_.route(a, b, 0, pattern.relay, uses_)) {
      if (cut_.empty()) cut_ = fmt::format("accelerator {} from accelerator {}", a, b);
      return;
    }
    std::uint64_t key = 0;
    for (const auto& use : uses_) {
      const auto colour =
          static_cast<std::uint64_t>(colours_.link[static_cast<std::size_t>(use.link)]);
      key += mixed(mixed(colour) ^ std::bit_cast<std::uint64_t>(use.share));
    }
    PairClass& found = classes[key];
    if (found.pairs == 0) {
      found.job = static_cast<std::int32_t>(j);
      found.bytes = bytes_between(pattern, cluster_, a, b);
      for (const auto& use : uses_) {
        found.shares.emplace_back(colours_.link[static_cast<std::size_t>(use.link)], use.share);
      }
      std::sort(found.shares.begin(), found.shares.end());
    }
    found.pairs += count;
  }

  void add_flow(const PairClass& pair_class) {
    const CollectiveJob& job = jobs_[static_cast<std::size_t>(pair_class.job)];
    Traffic::Flow flow;
    flow.volume = pair_class.bytes;
    const Seconds streaming = streaming_of(job);
    flow.limit = streaming.si() > 0 && pair_class.bytes.si() > 0 ? pair_class.bytes / streaming
                                                                 : BytesPerSecond::from_si(1e18);
    flow.start = job.cost.latency;
    flow.multiplicity = pair_class.pairs;
    flow.job = pair_class.job;
    flow.first_draw = static_cast<std::int32_t>(traffic_.draws.size());
    for (const auto& [colour, share] : pair_class.shares) {
      const double links = traffic_.links[static_cast<std::size_t>(colour)].multiplicity;
      const double weight = share * pair_class.pairs / links;
      if (!traffic_.draws.empty() &&
          static_cast<std::int32_t>(traffic_.draws.size()) > flow.first_draw &&
          traffic_.draws.back().link == colour) {
        traffic_.draws.back().weight += weight;
      } else {
        traffic_.draws.push_back({colour, weight});
      }
    }
    flow.draws = static_cast<std::int32_t>(traffic_.draws.size()) - flow.first_draw;
    traffic_.flows.push_back(flow);
  }

  std::span<const CollectiveJob> jobs_;
  const topology::Cluster& cluster_;
  const topology::Network& network_;
  std::string& cut_;
  topology::Network::Colours colours_;
  std::vector<topology::Network::Use> uses_;
  Traffic traffic_;
};

}  // namespace

Traffic exchange_by_classes(std::span<const CollectiveJob> jobs, const topology::Cluster& cluster,
                            std::string& cut) {
  return ClassBuilder(jobs, cluster, cut).build();
}

}  // namespace aisle::workloads
