// SPDX-License-Identifier: Apache-2.0
#include "topology/bill.hpp"

#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace aisle::topology {

namespace {

constexpr BytesPerSecond kPartRate = 400.0 * units::Gb / units::s;  // of the parts of the catalogue
constexpr int kPartPorts = 64;                                      // of its switch

class Bill {
 public:
  Bill(const Cluster::Impl& cluster, const Catalogue& catalogue)
      : cluster_(cluster), catalogue_(catalogue) {}

  void add_fabric() {
    const FabricPlan& plan = *cluster_.fabric;
    const FabricCounts counts = plan.counts();
    const BytesPerSecond port = cluster_.nic.value * plan.port_ratio();
    const BytesPerSecond cable = cluster_.nic.value * plan.uplink_ratio();
    add("NIC", plan.endpoints(), "part-nic", cluster_.nic.value / kPartRate, {});
    if (cluster_.count <= cluster_.domain_size) return;  // what one domain is sold with
    add("cable NIC - leaf", static_cast<long>(plan.endpoints()) * plan.nic_ports(), "part-copper",
        port / kPartRate, "copper; leaves far away take two transceivers and a fibre");
    const double size = cable / kPartRate * cluster_.switch_ports / kPartPorts;
    const std::string ports = fmt::format("{} ports", cluster_.switch_ports);
    add("leaf switch", counts.leaf_switches, "sw-qm9700", size, ports);
    add("spine switch", counts.spine_switches, "sw-qm9700", size, ports);
    add("core switch", counts.core_switches, "sw-qm9700", size, ports);
    const long between = counts.links - static_cast<long>(plan.endpoints()) * plan.nic_ports();
    add("cable between switches", between, "part-fibre", 1, "fibre");
    add("transceiver", 2 * between, "part-optic", cable / kPartRate, "two of each such cable");
  }

  void add_scale_up(const pb::Accelerator& entry, const pb::System* system) {
    if (cluster_.domain_size < 2) return;
    const int count = cluster_.count;
    const long domains = (count - 1) / cluster_.domain_size + 1;
    switch (cluster_.domain.shape) {
      case DomainShape::switched:
        add_switched(entry, system);
        return;
      case DomainShape::mesh:
        add("link between accelerators",
            domains * cluster_.domain_size * (cluster_.domain_size - 1) / 2, "", 0,
            "traces on the board");
        return;
      case DomainShape::torus:
        add_torus(entry.torus(), domains);
        return;
      case DomainShape::pcie:
        add("PCIe link to the host", count, "", 0, "slots of the server");
        return;
    }
  }

  std::vector<BillRow> take() { return std::move(rows_); }

 private:
  /// `scale`: rate of the part over that of the catalogue's.
  void add(std::string item, long count, std::string_view part, double scale, std::string note) {
    if (count == 0) return;
    BillRow row{std::move(item), count, {}, {}, std::move(note)};
    const pb::Fabric* found = part.empty() ? nullptr : catalogue_.fabric(part);
    if (found != nullptr) {
      Diagnostics none;  // the catalogue's figures are checked when it is read
      const auto fill = [&]<typename Q>(const pb::Figure& figure, Estimate<Q>& target) {
        if (!figure.has_value()) return;
        const auto value = read_figure<Q>(figure, found->basis(), {}, {}, none);
        if (!value) return;
        const Basis basis =
            std::abs(scale - 1) < 1e-9 ? value->basis : std::max(value->basis, Basis::extrapolated);
        target = {scale * value->value, basis};
      };
      fill(found->price(), row.price);
      fill(found->power(), row.power);
    }
    rows_.push_back(std::move(row));
  }

  void add_switched(const pb::Accelerator& entry, const pb::System* system) {
    const pb::Fabric* link = catalogue_.fabric(entry.scale_up_link());
    const double in_system = system == nullptr ? 0 : number_or(system->accelerators(), 0);
    if (system != nullptr && in_system > 0) {
      const double systems = std::ceil(cluster_.count / in_system);
      const auto of = [&](const pb::Figure& figure) {
        return std::lround(systems * number_or(figure, 0));
      };
      const bool nvswitch = cluster_.domain_word == "nvswitch" && link != nullptr;
      const char* part = nvswitch ? "part-nvswitch" : "";
      add("scale-up switch", of(system->scale_up_switches()), part, 1, {});
      add("scale-up switch, second tier", of(system->scale_up_spines()), part, 1, {});
      const long optical = of(system->scale_up_optical_links());
      add("scale-up optical cable", optical, "part-fibre", 1, "fibre");
      add("scale-up transceiver", 2 * optical, "part-optic", 1, "two of each such cable");
      if (optical > 0) return;
    }
    if (link == nullptr || !link->link_bandwidth().has_value()) return;
    Diagnostics none;
    const auto rate = parse_quantity<BytesPerSecond>(link->link_bandwidth().value(), {}, {}, none);
    if (!rate || rate->si() <= 0) return;
    const long each = std::lround(cluster_.scale_up.bandwidth.value / *rate);
    const bool rack = cluster_.domain_size > 16;
    add("scale-up link", each * cluster_.count, "", 0,
        rack ? "copper backplane of the rack" : "traces on the board");
  }

  /// Cubes of `cube` chips have copper inside; each face towards other cubes, and each closed ring,
  /// goes over optical switches: 2 x 3 x 16 fibres of a cube of 64, two on each of 48 switches.
  void add_torus(const pb::Torus& torus, long domains) {
    const auto& extent = cluster_.domain.dimensions;
    const long chips = cluster_.domain_size;
    long links = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (extent[axis] == 1) continue;
      links += cluster_.domain.closed[axis] ? chips : chips / extent[axis] * (extent[axis] - 1);
    }
    const int cube = torus.cube();
    const bool whole = cube > 0 && chips % cube == 0;
    if (!whole) {
      add("torus link", domains * links, "", 0, "copper");
      return;
    }
    const long side = std::lround(std::cbrt(cube));
    const long fibres = 3 * chips / side;  // one of each pair of opposite faces
    const long switches = 3 * side * side;
    const long cubes = domains * chips / cube;
    constexpr long kCubesOfOneSet = 64;  // two ports of a cube on each switch, 128 of 136 ports
    add("torus link", domains * (links - fibres), "", 0, "copper inside a cube");
    add("torus transceiver", domains * 2 * fibres, "part-optic", 1, "one of each face's fibre");
    add("optical circuit switch", switches * ((cubes - 1) / kCubesOfOneSet + 1), "part-ocs", 1,
        "136 ports");
  }

  const Cluster::Impl& cluster_;
  const Catalogue& catalogue_;
  std::vector<BillRow> rows_;
};

}  // namespace

std::vector<BillRow> list_parts(const Cluster::Impl& cluster, const Catalogue& catalogue,
                                const pb::Accelerator& entry, const pb::System* system) {
  Bill bill(cluster, catalogue);
  bill.add_scale_up(entry, system);
  bill.add_fabric();
  return bill.take();
}

}  // namespace aisle::topology
