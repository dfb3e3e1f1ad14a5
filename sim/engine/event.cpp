// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/schedule.hpp"

#include <simgrid/s4u.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace aisle::sim {

namespace {

namespace sg = simgrid::s4u;
using workloads::kStreams;
using workloads::Operation;
using workloads::Place;
using workloads::Plan;

/// Speed of a stream. A change of a host's speed also bounds the progress of what runs there to
/// that number per second, so it must exceed the inverse of any duration: a nanosecond here.
constexpr double kStreamSpeed = 1e9;

/// A stream of a rank: a SimGrid host that does one second's work per second, or as much less as
/// the cores that communication holds leave.
struct StreamHost {
  sg::Host* host = nullptr;
  std::vector<double> factors;  // of the host's pstates, descending from 1
  std::size_t state = 0;
  std::int32_t running = -1;  // operation
  // SimGrid holds no reference of its own while it tells us of an end, during which the next
  // operation of the queue may start: so the last two live.
  std::array<sg::ExecPtr, 2> kept;
};

/// Every operation is one parallel task: it draws on hosts that stand for capacities.
class EventEngine {
 public:
  explicit EventEngine(const TimedPlan& timed)
      : timed_(timed),
        plan_(*timed.plan),
        schedule_(plan_),
        sharing_(timed),
        streams_(plan_.ranks.size() * kStreams),
        capacities_(plan_.ranks.size() * kCapacities, nullptr),
        held_(plan_.ranks.size(), 0) {
    execution_.start_s.resize(plan_.operations.size());
    execution_.end_s.resize(plan_.operations.size());
  }

  Execution run() {
    sg::Engine& engine = prepare();
    build_hosts();
    sg::Exec::on_completion_cb([this](const sg::Activity& activity) {
      // Each activity carries the address of its entry in end_s.
      finish(static_cast<std::int32_t>(activity.get_data<double>() - execution_.end_s.data()));
    });
    ready_ = schedule_.initially_ready();
    start_ready();
    engine.run();
    schedule_.check_all_ended();
    execution_.makespan = Seconds::from_si(sg::Engine::get_clock());
    execution_.classes = static_cast<std::int64_t>(plan_.ranks.size());
    execution_.activities = static_cast<std::int64_t>(plan_.operations.size());
    return std::move(execution_);
  }

 private:
  /// SimGrid, configured; it lives until the process ends.
  static sg::Engine& prepare() {
    static std::string name = "aisle";
    static std::string log = "--log=root.thresh:critical";
    static std::array<char*, 3> arguments = {name.data(), log.data(), nullptr};
    static int count = 2;
    // SimGrid takes over signals that belong to the program around it: give them back.
    constexpr std::array kSignals = {SIGINT, SIGBUS, SIGSEGV};
    std::array<struct sigaction, kSignals.size()> ours{};
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &ours[i]);
    static sg::Engine engine(&count, arguments.data());
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &ours[i], nullptr);
    sg::Engine::set_config("host/model:ptask_L07");
    sg::Engine::set_config("host/solver:bmf");
    // Absolute and in seconds; the default loses operations of a nanosecond.
    sg::Engine::set_config("surf/precision:1e-13");
    // No actors run, so this costs nothing, and sanitizers understand it.
    sg::Engine::set_config("contexts/factory:thread");
    return engine;
  }

  void build_hosts() {
    sg::NetZone* zone = sg::create_star_zone("plan");
    std::vector<std::vector<double>> factors = possible_factors();
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      StreamHost& stream = streams_[i];
      stream.factors = std::move(factors[i]);
      if (stream.factors.empty()) continue;
      std::vector<double> speeds;
      for (const double factor : stream.factors) speeds.push_back(factor * kStreamSpeed);
      stream.host = zone->create_host("stream " + std::to_string(i), speeds);
    }
    for (std::size_t r = 0; r < plan_.ranks.size(); ++r) {
      for (std::size_t c = 0; c < kCapacities; ++c) {
        if ((sharing_.contended(static_cast<std::int32_t>(r)) >> c & 1U) == 0) continue;
        const std::size_t i = r * kCapacities + c;
        capacities_[i] = zone->create_host("capacity " + std::to_string(i), 1.0);
      }
    }
    zone->seal();
  }

  /// For each stream, descending from 1, the rate factors that its works can meet; {1} where only
  /// communication runs; nothing for a stream that is not used.
  std::vector<std::vector<double>> possible_factors() {
    const std::size_t works = timed_.works.size();
    std::vector<char> runs(streams_.size() * works, 0);
    for (const Operation& operation : plan_.operations) {
      for (const Place& place : places_of(plan_, operation)) {
        runs[slot(place) * works + static_cast<std::size_t>(operation.work)] = 1;
      }
    }
    std::vector<std::vector<double>> factors(streams_.size());
    for (std::size_t r = 0; r < plan_.ranks.size(); ++r) {
      const std::vector<int> sums = possible_held(runs.data() + r * kStreams * works);
      for (std::size_t i = r * kStreams; i < (r + 1) * kStreams; ++i) {
        std::vector<double>& here = factors[i];
        for (std::size_t w = 0; w < works; ++w) {
          if (runs[i * works + w] == 0) continue;
          if (here.empty()) here.push_back(1);
          if (timed_.works[w].widths.empty()) continue;
          for (const int held : sums) {
            here.push_back(sharing_.factor(static_cast<std::int32_t>(w), held));
          }
        }
        std::sort(here.begin(), here.end(), std::greater<>());
        here.erase(std::unique(here.begin(), here.end()), here.end());
      }
    }
    return factors;
  }

  /// Numbers of cores that communication can hold on a rank at once; `runs` is [streams x works].
  std::vector<int> possible_held(const char* runs) const {
    const std::size_t works = timed_.works.size();
    std::vector<int> sums = {0};
    for (std::size_t s = 0; s < kStreams; ++s) {
      std::vector<int> next = sums;
      for (std::size_t w = 0; w < works; ++w) {
        const int held = timed_.works[w].cores_held;
        if (runs[s * works + w] == 0 || held == 0) continue;
        for (const int sum : sums) next.push_back(sum + held);
      }
      std::sort(next.begin(), next.end());
      next.erase(std::unique(next.begin(), next.end()), next.end());
      sums = std::move(next);
    }
    return sums;
  }

  void start_ready() {
    // Grows while operations of no duration end as they start.
    for (std::size_t i = 0; i < ready_.size(); ++i) start(ready_[i]);
    ready_.clear();
  }

  void start(std::int32_t o) {
    const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
    const TimedWork& work = timed_.works[static_cast<std::size_t>(operation.work)];
    const double now = sg::Engine::get_clock();
    execution_.start_s[static_cast<std::size_t>(o)] = now;
    if (work.alone.si() <= 0) {
      execution_.end_s[static_cast<std::size_t>(o)] = now;
      schedule_.end(o, ready_);
      return;
    }
    occupy(operation, o, work.cores_held);
    flops_.clear();
    hosts_.clear();
    const std::span<const Place> places = places_of(plan_, operation);
    // A stream that can slow down holds the operation to its rate; where none can, one is enough.
    bool bounded = false;
    for (const Place& place : places) {
      const StreamHost& stream = streams_[slot(place)];
      if (work.widths.empty() || stream.factors.size() == 1) continue;
      add_draw(stream.host, work.alone.si() * kStreamSpeed);
      bounded = true;
    }
    if (!bounded) add_draw(streams_[slot(places.front())].host, work.alone.si() * kStreamSpeed);
    for (const Place& place : places) draw_at(place, operation.work);
    launch(o, streams_[slot(places.front())]);
  }

  void finish(std::int32_t o) {
    const Operation& operation = plan_.operations[static_cast<std::size_t>(o)];
    execution_.end_s[static_cast<std::size_t>(o)] = sg::Engine::get_clock();
    occupy(operation, -1, -timed_.works[static_cast<std::size_t>(operation.work)].cores_held);
    schedule_.end(o, ready_);
    start_ready();
  }

  /// Puts an operation (-1: none) on its places and brings the streams' rates up to date.
  void occupy(const Operation& operation, std::int32_t running, int held_more) {
    for (const Place& place : places_of(plan_, operation)) {
      streams_[slot(place)].running = running;
      held_[static_cast<std::size_t>(place.rank)] += held_more;
    }
    for (const Place& place : places_of(plan_, operation)) {
      if (held_more == 0) {
        set_rate(place.rank, streams_[slot(place)]);
        continue;
      }
      const std::size_t first = static_cast<std::size_t>(place.rank) * kStreams;
      for (std::size_t s = 0; s < kStreams; ++s) set_rate(place.rank, streams_[first + s]);
    }
  }

  void set_rate(std::int32_t rank, StreamHost& stream) {
    if (stream.running < 0 || stream.factors.size() == 1) return;
    const std::int32_t work = plan_.operations[static_cast<std::size_t>(stream.running)].work;
    const double factor = sharing_.factor(work, held_[static_cast<std::size_t>(rank)]);
    const auto found =
        std::lower_bound(stream.factors.begin(), stream.factors.end(), factor, std::greater<>());
    const auto state = static_cast<std::size_t>(found - stream.factors.begin());
    if (state == stream.state) return;
    stream.state = state;
    stream.host->set_pstate(state);
  }

  /// Every capacity of the place's rank that the work draws and that can run short.
  void draw_at(const Place& place, std::int32_t w) {
    const double alone = timed_.works[static_cast<std::size_t>(w)].alone.si();
    const Sharing::Draws& draws = sharing_.draws(w, place.stream);
    const std::size_t first = static_cast<std::size_t>(place.rank) * kCapacities;
    for (std::size_t c = 0; c < kCapacities; ++c) {
      if (capacities_[first + c] != nullptr && draws[c] > 0) {
        add_draw(capacities_[first + c], draws[c] * alone);
      }
    }
  }

  void add_draw(sg::Host* host, double amount) {
    hosts_.push_back(host);
    flops_.push_back(amount);
  }

  void launch(std::int32_t o, StreamHost& first) {
    const sg::ExecPtr exec = sg::Exec::init();
    exec->set_data(&execution_.end_s[static_cast<std::size_t>(o)]);
    if (hosts_.size() == 1) {
      exec->set_flops_amount(flops_.front());
      exec->set_host(hosts_.front());
    } else {
      exec->set_flops_amounts(flops_);
      exec->set_hosts(hosts_);
    }
    first.kept[0] = first.kept[1];
    first.kept[1] = exec;
    exec->start();
  }

  const TimedPlan& timed_;
  const Plan& plan_;
  Schedule schedule_;
  Sharing sharing_;
  Execution execution_;
  std::vector<StreamHost> streams_;    // [slots]
  std::vector<sg::Host*> capacities_;  // [ranks x capacities], null: can never run short
  std::vector<int> held_;              // [ranks] cores that communication holds
  std::vector<std::int32_t> ready_;
  std::vector<double> flops_;  // of the operation that is being started
  std::vector<sg::Host*> hosts_;
};

}  // namespace

Execution execute_event(const TimedPlan& plan) {
  static bool executed = false;
  AISLE_ASSERT(!executed, "the event engine runs once per process");
  executed = true;
  return EventEngine(plan).run();
}

}  // namespace aisle::sim
