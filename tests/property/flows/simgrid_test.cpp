// SPDX-License-Identifier: Apache-2.0
// Rates and times of our flow-level engine beside SimGrid's network model, which shares links in
// the same way (max-min) with an implementation of its own. One simulation, because SimGrid's
// engine is once per process: many systems of links, side by side.
#include "random_traffic.hpp"
#include "sim/engine/flows.hpp"

#include <gtest/gtest.h>
#include <simgrid/s4u.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

namespace sg = simgrid::s4u;
using workloads::Traffic;

/// Flows without phases, limits below every link and weights of one: what SimGrid can be asked.
Traffic plain_traffic() {
  Traffic all;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Traffic part = random_traffic(seed, 3);
    const auto offset = static_cast<std::int32_t>(all.links.size());
    all.links.insert(all.links.end(), part.links.begin(), part.links.end());
    for (const Traffic::Flow& flow : part.flows) {
      std::vector<Traffic::Draw> draws;
      for (const Traffic::Draw& draw : part.draws_of(flow)) {
        draws.push_back({draw.link + offset, 1});
      }
      if (draws.empty()) continue;
      add_flow(all, flow.volume.si(), flow.limit.si(), flow.start.si(), draws);
    }
  }
  return all;
}

/// Bytes are large in SimGrid, which counts them whole in places.
constexpr double kScale = 1e9;

class Platform {
 public:
  explicit Platform(const Traffic& traffic) : zone_(sg::create_full_zone("flows")) {
    std::vector<sg::Link*> links;
    for (std::size_t l = 0; l < traffic.links.size(); ++l) {
      const double capacity = traffic.links[l].capacity.si() * kScale;
      links.push_back(
          zone_->create_link("link " + std::to_string(l), capacity)->set_latency(0)->seal());
    }
    for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
      ends_.push_back({zone_->create_host("from " + std::to_string(f), 1e9)->seal(),
                       zone_->create_host("to " + std::to_string(f), 1e9)->seal()});
      std::vector<sg::LinkInRoute> route;
      for (const auto& draw : traffic.draws_of(traffic.flows[f])) {
        route.emplace_back(links[static_cast<std::size_t>(draw.link)]);
      }
      zone_->add_route(ends_[f].from->get_netpoint(), ends_[f].to->get_netpoint(), nullptr, nullptr,
                       route, false);
    }
    zone_->seal();
  }

  sg::Host* from(std::size_t flow) const { return ends_[flow].from; }

  sg::Host* to(std::size_t flow) const { return ends_[flow].to; }

 private:
  struct Ends {
    sg::Host* from;
    sg::Host* to;
  };

  sg::NetZone* zone_;
  std::vector<Ends> ends_;
};

std::vector<double> simulate(const Traffic& traffic) {
  std::string name = "flows";
  std::string log = "--log=root.thresh:critical";
  std::string contexts = "--cfg=contexts/factory:thread";
  std::vector<char*> arguments = {name.data(), log.data(), contexts.data(), nullptr};
  int count = 3;
  const sg::Engine engine(&count, arguments.data());
  sg::Engine::set_config("network/model:CM02");
  sg::Engine::set_config("network/crosstraffic:0");
  sg::Engine::set_config("network/TCP-gamma:0");
  sg::Engine::set_config("surf/precision:1e-13");
  const Platform platform(traffic);
  std::vector<double> ends(traffic.flows.size(), 0);
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    const Traffic::Flow& flow = traffic.flows[f];
    const std::string box = std::to_string(f);
    sg::Actor::create("send " + box, platform.from(f), [&flow, box] {
      static char payload = 0;
      sg::this_actor::sleep_for(flow.start.si());
      const auto comm = sg::Mailbox::by_name(box)->put_init(
          &payload, static_cast<std::uint64_t>(flow.volume.si() * kScale));
      comm->set_rate(flow.limit.si() * kScale);
      comm->wait();
    });
    sg::Actor::create("receive " + box, platform.to(f), [&ends, f, box] {
      sg::Mailbox::by_name(box)->get<char>();
      ends[f] = sg::Engine::get_clock();
    });
  }
  engine.run();
  return ends;
}

TEST(Flows, EndWhenSimGridSaysSo) {
  const Traffic traffic = plain_traffic();
  const FlowExecution ours = execute(traffic);
  const std::vector<double> theirs = simulate(traffic);
  ASSERT_GT(traffic.flows.size(), 500U);
  for (std::size_t f = 0; f < traffic.flows.size(); ++f) {
    EXPECT_NEAR(ours.end_s[f], theirs[f], 1e-6) << "flow " << f;
  }
}

}  // namespace
}  // namespace aisle::sim
