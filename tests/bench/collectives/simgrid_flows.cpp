// SPDX-License-Identifier: Apache-2.0
// One collective of a study, unfolded, through SimGrid's own network model, and its end beside
// ours: simgrid_flows STUDY [PATH=VALUE]... One line of JSON on stdout. SimGrid's engine is once
// per process, so one size per process.
//
// SimGrid has no flow that moves at the pace of the slowest of many hops: such a flow (a ring, a
// tree) becomes one flow per link that it draws on, each with its share of bytes and rate.
#include "sim/engine/flows.hpp"
#include "sim/kernels/kernels.hpp"
#include "sim/study/collective.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"

#include <fmt/format.h>
#include <simgrid/s4u.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

namespace sg = simgrid::s4u;
using workloads::Traffic;

double now_s() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

std::optional<Traffic> traffic_of(const std::string& name,
                                  const std::vector<std::string>& assignments,
                                  Diagnostics& diagnostics) {
  const auto study = load(name, assignments, diagnostics);
  const auto catalogue = topology::Catalogue::read(scenarios_root(), diagnostics);
  if (!study || !catalogue) return std::nullopt;
  const auto cluster =
      topology::build_cluster(study->scenario->cluster(), study->places, *catalogue, diagnostics);
  if (!cluster) return std::nullopt;
  const auto tasks = read_tasks(*study->scenario, *cluster, study->places, diagnostics);
  if (!tasks) return std::nullopt;
  const KernelModel kernels(cluster->accelerator(), *catalogue);
  std::vector<workloads::CollectiveJob> jobs;
  for (const CollectiveTask& task : *tasks) {
    jobs.push_back({task.communication,
                    workloads::cost_of(task.communication, *cluster, kernels.communication()),
                    task.members,
                    {},
                    {}});
  }
  return workloads::schedule(jobs, *cluster, {false, false, 1}).traffic;
}

/// Flows whose weights are all one, as SimGrid has them.
Traffic expanded(const Traffic& traffic) {
  Traffic out;
  out.links = traffic.links;
  for (const Traffic::Flow& flow : traffic.flows) {
    const auto draws = traffic.draws_of(flow);
    const bool plain = std::all_of(draws.begin(), draws.end(),
                                   [](const Traffic::Draw& draw) { return draw.weight == 1; });
    Traffic::Flow copy = flow;
    copy.first_draw = static_cast<std::int32_t>(out.draws.size());
    if (plain) {
      out.flows.push_back(copy);
      out.draws.insert(out.draws.end(), draws.begin(), draws.end());
      continue;
    }
    for (const Traffic::Draw& draw : draws) {
      copy.first_draw = static_cast<std::int32_t>(out.draws.size());
      copy.draws = 1;
      copy.volume = flow.volume * draw.weight;
      copy.limit = flow.limit * draw.weight;
      out.flows.push_back(copy);
      out.draws.push_back({draw.link, 1});
    }
  }
  return out;
}

/// Hosts with a route of its own for each flow: between as few hosts as have enough ordered pairs.
/// Those of an all-to-all are its ranks.
class Platform {
 public:
  explicit Platform(const Traffic& traffic) : traffic_(traffic) {
    const auto flows = static_cast<double>(traffic.flows.size());
    partners_ = static_cast<std::size_t>(std::ceil(std::sqrt(flows + 0.25) - 0.5));
    sg::NetZone* zone = sg::create_full_zone("flows");
    std::vector<sg::Link*> links;
    for (const Traffic::Link& link : traffic.links) {
      const std::string name = "link " + std::to_string(links.size());
      links.push_back(zone->create_link(name, link.capacity.si())->set_latency(0)->seal());
    }
    for (std::size_t h = 0; h <= partners_; ++h) {
      hosts_.push_back(zone->create_host("host " + std::to_string(h), 1e9)->seal());
    }
    for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
      std::vector<sg::LinkInRoute> route;
      for (const auto& draw : traffic.draws_of(traffic.flows[f])) {
        route.emplace_back(links[static_cast<std::size_t>(draw.link)]);
      }
      zone->add_route(hosts_[from(f)]->get_netpoint(), hosts_[to(f)]->get_netpoint(), nullptr,
                      nullptr, route, false);
    }
    zone->seal();
  }

  /// One actor that sends and one that receives on each host.
  void create_actors() const {
    std::vector<std::vector<std::size_t>> sent(hosts_.size()), received(hosts_.size());
    for (std::size_t f = 0; f < traffic_.flows.size(); ++f) {
      sent[from(f)].push_back(f);
      received[to(f)].push_back(f);
    }
    for (std::size_t h = 0; h < hosts_.size(); ++h) {
      const std::string name = std::to_string(h);
      sg::Actor::create("send " + name, hosts_[h], [this, flows = sent[h]] { send(flows); });
      sg::Actor::create("receive " + name, hosts_[h], [flows = received[h]] { receive(flows); });
    }
  }

 private:
  std::size_t from(std::size_t flow) const { return flow / partners_; }

  std::size_t to(std::size_t flow) const {
    const std::size_t partner = flow % partners_;
    return partner < from(flow) ? partner : partner + 1;
  }

  /// All start together: those of one collective's only phase do.
  void send(const std::vector<std::size_t>& flows) const {
    static char payload = 0;
    if (flows.empty()) return;
    sg::this_actor::sleep_for(traffic_.flows[flows.front()].start.si());
    std::vector<sg::CommPtr> comms;
    for (const std::size_t f : flows) {
      const Traffic::Flow& flow = traffic_.flows[f];
      const auto bytes = static_cast<std::uint64_t>(std::llround(flow.volume.si()));
      comms.push_back(sg::Mailbox::by_name(std::to_string(f))->put_init(&payload, bytes));
      comms.back()->set_rate(flow.limit.si());
      comms.back()->start();
    }
    sg::Comm::wait_all(comms);
  }

  static void receive(const std::vector<std::size_t>& flows) {
    std::vector<char*> payloads(flows.size());
    std::vector<sg::CommPtr> comms;
    for (std::size_t i = 0; i < flows.size(); ++i) {
      comms.push_back(
          sg::Mailbox::by_name(std::to_string(flows[i]))->get_async<char>(&payloads[i]));
    }
    sg::Comm::wait_all(comms);
  }

  const Traffic& traffic_;
  std::size_t partners_ = 1;
  std::vector<sg::Host*> hosts_;
};

double simulate(const Traffic& traffic, char* program) {
  std::string log = "--log=root.thresh:critical";
  std::vector<char*> arguments = {program, log.data(), nullptr};
  int count = 2;
  const sg::Engine engine(&count, arguments.data());
  sg::Engine::set_config("network/model:CM02");
  sg::Engine::set_config("network/crosstraffic:0");
  sg::Engine::set_config("network/TCP-gamma:0");
  sg::Engine::set_config("surf/precision:1e-13");
  const Platform platform(traffic);
  platform.create_actors();
  engine.run();
  return sg::Engine::get_clock();
}

int compare(int argc, char** argv) {
  Diagnostics diagnostics;
  const auto traffic =
      traffic_of(argv[1], std::vector<std::string>(argv + 2, argv + argc), diagnostics);
  if (!traffic) {
    for (const Diagnostic& entry : diagnostics.all()) std::cerr << to_string(entry) << '\n';
    return 2;
  }
  const double begin = now_s();
  const FlowExecution execution = execute(*traffic);
  const double between = now_s();
  const Traffic plain = expanded(*traffic);
  const double theirs = simulate(plain, argv[0]);
  const double ours = *std::max_element(execution.job_end_s.begin(), execution.job_end_s.end());
  std::cout << fmt::format(
      "{{\"flows\": {}, \"simgrid_flows\": {}, \"ours_s\": {:.12g}, \"simgrid_s\": {:.12g}, "
      "\"ours_wall_s\": {:.4g}, \"simgrid_wall_s\": {:.4g}}}\n",
      traffic->flows.size(), plain.flows.size(), ours, theirs, between - begin, now_s() - between);
  return 0;
}

}  // namespace
}  // namespace aisle::sim

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: simgrid_flows STUDY [PATH=VALUE]...\n";
    return 2;
  }
  return aisle::sim::compare(argc, argv);
}
