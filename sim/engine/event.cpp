// SPDX-License-Identifier: Apache-2.0
#include "sim/base/diagnostics.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/library.hpp"
#include "sim/engine/machine.hpp"

#include <fmt/format.h>
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

namespace aisle::sim {

namespace {

namespace sg = simgrid::s4u;
using workloads::Operation;

/// Work of one second, in SimGrid's units. It bounds rates from above, so it just has to be large.
constexpr double kSecond = 1e9;

/// One stream of one rank: a SimGrid host whose capacity is the rate of the operation that runs on
/// it. An operation of several places runs on the host of its first.
struct StreamHost {
  sg::Host* host = nullptr;
  double rate = 1;
  unsigned long state = 0;
  // SimGrid holds no reference of its own while it tells us of an end, during which the next
  // operation of the queue may start: so the last two live.
  std::array<sg::ExecPtr, 2> kept;
};

class EventEngine {
 public:
  explicit EventEngine(const TimedPlan& timed)
      : timed_(timed),
        plan_(*timed.plan),
        machine_(timed, Machine::Scope::joint),
        streams_(plan_.ranks.size() * plan_.queues()),
        is_launched_(plan_.operations.size(), 0) {}

  Execution run() {
    const sg::Engine& engine = prepare();
    build_hosts();
    sg::Exec::on_completion_cb([this](const sg::Activity& activity) {
      // Each activity carries the address of its operation.
      const auto index = activity.get_data<const Operation>() - plan_.operations.data();
      const double now = sg::Engine::get_clock();
      machine_.end(static_cast<std::int32_t>(index), now);
      apply(machine_.advance(now));
    });
    apply(machine_.advance(0));
    engine.run();
    return machine_.take();
  }

 private:
  /// SimGrid, configured; it lives until the process ends.
  static const sg::Engine& prepare() {
    static std::string name = "aisle";
    static std::string log = "--log=root.thresh:critical";
    static std::array<char*, 3> arguments = {name.data(), log.data(), nullptr};
    static int count = 2;
    // SimGrid takes over signals that belong to the program around it: give them back.
    constexpr std::array kSignals = {SIGINT, SIGBUS, SIGSEGV};
    std::array<struct sigaction, kSignals.size()> ours{};
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &ours[i]);
    static const sg::Engine engine(&count, arguments.data());
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &ours[i], nullptr);
    // Absolute and in seconds; the defaults lose operations of a nanosecond.
    sg::Engine::set_config("surf/precision:1e-13");
    sg::Engine::set_config("maxmin/precision:1e-13");
    // No actors run, so this costs nothing, and sanitizers understand it.
    sg::Engine::set_config("contexts/factory:thread");
    return engine;
  }

  void build_hosts() {
    sg::NetZone* zone = sg::create_star_zone("plan");
    const std::vector<double> states = {kSecond, kSecond};
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      StreamHost& stream = streams_[i];
      // SimGrid asks for a capacity when it shares; switching between the two equal states makes
      // it share anew.
      stream.host = zone->create_host("stream " + std::to_string(i), states);
      stream.host->set_sharing_policy(
          sg::Host::SharingPolicy::NONLINEAR,
          [&stream](double /*capacity*/, int /*activities*/) { return stream.rate * kSecond; });
    }
    zone->seal();
  }

  void apply(const std::vector<Machine::Change>& changes) {
    for (const Machine::Change& change : changes) {
      const auto o = static_cast<std::size_t>(change.operation);
      StreamHost& stream = streams_[slot(plan_, places_of(plan_, plan_.operations[o]).front())];
      stream.rate = change.rate;
      stream.state ^= 1U;
      stream.host->set_pstate(stream.state);
      if (is_launched_[o] == 0) launch(o, stream);
    }
  }

  void launch(std::size_t o, StreamHost& stream) {
    is_launched_[o] = 1;
    const Operation& operation = plan_.operations[o];
    const double alone = timed_.works[static_cast<std::size_t>(operation.work)].alone.si();
    const sg::ExecPtr exec = sg::Exec::init();
    exec->set_data(const_cast<Operation*>(&operation));
    exec->set_flops_amount(alone * kSecond);
    exec->set_host(stream.host);
    stream.kept[0] = stream.kept[1];
    stream.kept[1] = exec;
    exec->start();
  }

  const TimedPlan& timed_;
  const workloads::Plan& plan_;
  Machine machine_;
  std::vector<StreamHost> streams_;  // [slots]
  std::vector<char> is_launched_;    // [operations]
};

}  // namespace

Execution execute_event(const TimedPlan& plan) {
  static bool executed = false;
  AISLE_ASSERT(!executed, "the event engine runs once per process");
  executed = true;
  return EventEngine(plan).run();
}

std::string event_library() {
  int major = 0, minor = 0, patch = 0;
  sg_version_get(&major, &minor, &patch);
  return fmt::format("SimGrid {}.{}.{}", major, minor, patch);
}

}  // namespace aisle::sim
