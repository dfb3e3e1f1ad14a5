// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "sim/base/statistics.hpp"
#include "sim/study/scenario.pb.h"
#include "topology/bill.hpp"
#include "topology/catalogue/catalogue.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/cluster.hpp"
#include "topology/cluster_impl.hpp"
#include "topology/package.hpp"
#include "topology/shapes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace aisle::topology {

namespace {

/// Builds a cluster from its message, one part per function; errors go to the sink and building
/// goes on, so that all are reported at once.
class Builder {
 public:
  Builder(const pb::Cluster& spec, const SourceMap& places, const Catalogue& catalogue,
          Diagnostics& diagnostics, Oversubscription oversubscription)
      : spec_(spec),
        places_(places),
        catalogue_(catalogue),
        diagnostics_(diagnostics),
        oversubscription_(oversubscription),
        shapes_(spec, places, diagnostics) {}

  std::unique_ptr<Cluster::Impl> build() {
    const int errors_before = diagnostics_.error_count();
    find_entries();
    if (spec_.count() < 1) {
      error("cluster.count", "a cluster needs a count of accelerators, at least 1",
            "for example count: 2048");
    }
    if (diagnostics_.error_count() > errors_before) return nullptr;
    read_accelerator();
    read_domain();
    read_scale_up();
    read_scale_out();
    read_faults();
    read_host_power();
    if (diagnostics_.error_count() > errors_before) return nullptr;
    impl_->bill = list_parts(*impl_, catalogue_, entry_, system_);
    return std::move(impl_);
  }

 private:
  void error(const std::string& field, std::string sentence, std::string hint) {
    diagnostics_.error(places_.find(field), field, std::move(sentence), std::move(hint));
  }

  template <typename... T>
  void note(fmt::format_string<T...> form, T&&... values) {
    impl_->notes.push_back(fmt::format(form, std::forward<T>(values)...));
  }

  template <typename T>
  const T* find(const T* found, const std::string& name, std::string_view kind,
                const std::string& field) {
    if (found == nullptr) {
      error(field, fmt::format("unknown {} '{}'", kind, name),
            did_you_mean(name, catalogue_.names(kind)));
    }
    return found;
  }

  void find_entries() {
    if (!spec_.has_accelerator()) {
      error("cluster", "a cluster needs an accelerator",
            "for example accelerator: \"h100-sxm\"; see `aisle list accelerators`");
    } else if (const auto* found =
                   find(catalogue_.accelerator(spec_.accelerator()), spec_.accelerator(),
                        "accelerator", "cluster.accelerator")) {
      entry_ = *found;
      pb::Accelerator changes = spec_.what_if();
      mark_as_chosen(changes);
      if (changes.torus().extent_size() > 0) entry_.clear_torus();
      entry_.MergeFrom(changes);
      if (spec_.has_what_if()) {
        note("figures of {} are changed by what_if; they are marked assumed", entry_.name());
        derive_package(*found, changes);
      }
    }
    if (spec_.has_system()) {
      system_ = find(catalogue_.system(spec_.system()), spec_.system(), "system", "cluster.system");
    } else if (spec_.has_accelerator()) {
      system_ = catalogue_.usual_system(spec_.accelerator());
    }
    if (system_ != nullptr && spec_.has_system() && system_->has_accelerator() &&
        spec_.has_accelerator() && catalogue_.accelerator(spec_.accelerator()) != nullptr &&
        catalogue_.accelerator(system_->accelerator()) !=
            catalogue_.accelerator(spec_.accelerator())) {
      note("system {} is sold with {}, here it carries {}", system_->name(), system_->accelerator(),
           spec_.accelerator());
    }
    const bool usual =
        !spec_.scale_out().has_fabric() && system_ != nullptr && system_->has_fabric();
    const std::string& fabric = usual ? system_->fabric() : spec_.scale_out().fabric();
    const pb::Fabric* found =
        find(catalogue_.fabric(fabric), fabric, "fabric", "cluster.scale_out.fabric");
    if (found == nullptr) return;
    fabric_entry_ = *found;
    if (fabric_entry_.kind() != "scale_out") {
      error("cluster.scale_out.fabric",
            fmt::format("'{}' is a {} entry, not a scale-out fabric", fabric, fabric_entry_.kind()),
            "see `aisle list fabrics`");
    }
    if (usual) {
      note("fabric {} from system {}", fabric, system_->name());
    } else if (!spec_.scale_out().has_fabric()) {
      note("fabric {}: default", fabric);
    }
    if (!spec_.scale_out().has_what_if()) return;
    pb::Fabric changes = spec_.scale_out().what_if();
    mark_as_chosen(changes);
    SourceMap nowhere;
    check_figures(changes, nowhere, diagnostics_);
    fabric_entry_.MergeFrom(changes);
    note("figures of fabric {} are changed by what_if; they are marked assumed", fabric);
  }

  void derive_package(const pb::Accelerator& sold, const pb::Accelerator& changes) {
    const auto derived = derive_from_package(sold, changes, entry_, places_, diagnostics_);
    impl_->accelerator.silicon = silicon_ratio(sold, entry_);
    if (derived.empty()) return;
    note(
        "another package than that of {}: {}; kernels keep their shares of the peaks, price and "
        "rental those of the one sold",
        entry_.name(), fmt::join(derived, ", "));
  }

  /// Where a figure of the accelerator stands: in the study's what_if, or in the catalogue.
  Place place_of(const std::string& field) const {
    if (spec_.has_what_if()) return places_.find("cluster.what_if." + field);
    return {catalogue_.file_of("accelerator", entry_.name()), 0, 0};
  }

  template <typename Q>
  Estimate<Q> read(const pb::Figure& figure, const std::string& field) {
    if (!figure.has_value()) return {};
    const std::string path = "cluster.what_if." + field;
    return read_figure<Q>(figure, entry_.basis(), place_of(field + ".value"), path, diagnostics_)
        .value_or(Estimate<Q>{});
  }

  int read_count(const pb::Figure& figure, const std::string& field, int fallback) {
    if (!figure.has_value()) return fallback;
    const auto value =
        parse_number(figure.value(), place_of(field + ".value"), field, diagnostics_);
    return value ? static_cast<int>(std::lround(*value)) : fallback;
  }

  void read_accelerator() {
    Accelerator& chip = impl_->accelerator;
    chip.name = entry_.name();
    for (int i = 0; i < entry_.peak_size(); ++i) {  // a later entry replaces an earlier one
      const pb::Peak& peak = entry_.peak(i);
      const auto precision = parse_precision(peak.precision());
      if (!precision) {
        diagnostics_.error(place_of("peak"), "cluster.what_if.peak",
                           fmt::format("unknown number format '{}'", peak.precision()),
                           "fp64, fp32, tf32, bf16, fp16, fp8, fp6, fp4 or int8");
        continue;
      }
      chip.peak[static_cast<std::size_t>(*precision)] = read<FlopsPerSecond>(peak.rate(), "peak");
    }
    chip.cores = std::max(1, read_count(entry_.cores(), "cores", 1));
    chip.hbm_capacity = read<Bytes>(entry_.hbm_capacity(), "hbm_capacity");
    chip.hbm_bandwidth = read<BytesPerSecond>(entry_.hbm_bandwidth(), "hbm_bandwidth");
    const pb::Package& package = entry_.package();
    chip.compute_dies = read_count(package.compute_dies(), "package.compute_dies", 1);
    chip.io_dies = read_count(package.io_dies(), "package.io_dies", 0);
    chip.hbm_stacks = read_count(package.hbm_stacks(), "package.hbm_stacks", 0);
    chip.die_to_die =
        read<BytesPerSecond>(package.die_to_die_bandwidth(), "package.die_to_die_bandwidth");
    chip.die_to_die.value /= 2.0;  // published for both directions together
    chip.die_crossing = number_or(package.die_crossing(), 0);
    if (!(chip.die_crossing >= 0 && chip.die_crossing <= 1)) {
      error("cluster.what_if.package.die_crossing",
            fmt::format("a share lies between 0 and 1, not at {:g}", chip.die_crossing),
            "0.5: addresses are spread over the memory of both dies");
    }
    chip.tdp = read<Watts>(entry_.tdp(), "tdp");
    chip.idle_power = read<Watts>(entry_.idle_power(), "idle_power");
    chip.rental = read<DollarsPerSecond>(entry_.rental(), "rental");
    chip.embodied_carbon = read<Kilograms>(entry_.embodied_carbon(), "embodied_carbon");
    impl_->count = spec_.count();
    read_spread();
    impl_->accelerator_word =
        entry_.kind() == "gpu" || entry_.kind() == "tpu" || entry_.kind() == "npu" ? entry_.kind()
                                                                                   : "chip";
    if (!entry_.has_hbm_capacity() || !entry_.has_hbm_bandwidth()) {
      error("cluster.accelerator",
            fmt::format("'{}' has no published memory capacity or bandwidth", entry_.name()),
            "state them in cluster.what_if");
    }
  }

  void read_spread() {
    const double spread = spec_.speed_spread();
    if (!(spread >= 0 && spread <= 0.2)) {
      error("cluster.speed_spread", "a spread lies between 0 and 0.2",
            "0.019 is what synchronous training on H100 shows");
      return;
    }
    impl_->slowest_factor = 1 + spread * expected_maximum(impl_->count);
    if (impl_->slowest_factor > 1) {
      note(
          "computation moves at the pace of the slowest of {} accelerators, {:.1f} % behind the "
          "mean one (cluster.speed_spread {:g}{})",
          impl_->count, 100 * (impl_->slowest_factor - 1), spread,
          spec_.has_speed_spread() ? "" : ", fitted on H100");
    }
  }

  /// Jobs rarely fill racks of 72: of each rack as sold they use the most that divides the count,
  /// at least three quarters. The whole domain where nothing does (an error follows), and for
  /// nodes.
  int used_of_domain(int sold) {
    constexpr int kNode = 16;
    if (sold <= kNode || impl_->count <= sold || impl_->count % sold == 0) return sold;
    for (int used = sold - 1; 4 * used >= 3 * sold; --used) {
      if (impl_->count % used != 0) continue;
      note("{} of the {} accelerators of each scale-up domain are used", used, sold);
      return used;
    }
    return sold;
  }

  void read_domain() {
    int size = spec_.scale_up().size();
    std::string from = "the study";
    if (spec_.scale_up().has_size()) {
      if (size < 1) error("cluster.scale_up.size", "a domain has at least 1 accelerator", "");
    } else if (system_ != nullptr && system_->scale_up_domain().has_value()) {
      size = static_cast<int>(number_or(system_->scale_up_domain(), 1));
      from = "system " + system_->name();
    } else {
      size = read_count(entry_.scale_up_domain(), "scale_up_domain", 1);
      from = "the accelerator entry";
    }
    size = std::max(1, size);
    if (from != "the study") size = used_of_domain(size);
    if (impl_->count > size && impl_->count % size != 0) {
      error("cluster.count",
            fmt::format("{} accelerators do not divide into domains of {}", impl_->count, size),
            fmt::format("use {} or {}, or set cluster.scale_up.size", impl_->count / size * size,
                        (impl_->count / size + 1) * size));
    }
    if (from != "the study") note("scale-up domain of {} from {}", size, from);
    impl_->domain_size = std::min(size, impl_->count);
  }

  void read_scale_up() {
    Tier& tier = impl_->scale_up;
    if (spec_.scale_up().has_bandwidth()) {
      tier.bandwidth =
          stated<BytesPerSecond>(spec_.scale_up().bandwidth(), "cluster.scale_up.bandwidth");
      impl_->pair_bandwidth = tier.bandwidth;
    } else {
      tier.bandwidth = read<BytesPerSecond>(entry_.scale_up_bandwidth(), "scale_up_bandwidth");
      impl_->pair_bandwidth = tier.bandwidth;
      if (tier.bandwidth.value.si() > 0) {
        note("scale-up bandwidth {} from the accelerator entry ({})",
             print_short(tier.bandwidth.value), to_string(tier.bandwidth.basis));
      }
    }
    if (impl_->domain_size > 1 && !spec_.scale_up().has_bandwidth() &&
        !entry_.has_scale_up_bandwidth()) {
      error("cluster.scale_up",
            fmt::format("'{}' has no published scale-up bandwidth", entry_.name()),
            "state cluster.scale_up.bandwidth, or size: 1");
    }
    std::optional<Estimate<BytesPerSecond>> pair;
    if (entry_.scale_up_pair_bandwidth().has_value() && !spec_.scale_up().has_bandwidth()) {
      pair = read<BytesPerSecond>(entry_.scale_up_pair_bandwidth(), "scale_up_pair_bandwidth");
      if (pair->value < tier.bandwidth.value && impl_->domain_size > 2) {
        impl_->pair_bandwidth = *pair;
        impl_->domain_word = entry_.scale_up_shape() == pb::torus ? "torus" : "mesh";
      }
    }
    impl_->domain = shapes_.domain(entry_, system_, impl_->domain_size, tier.bandwidth, pair);
    const pb::Fabric* link = catalogue_.fabric(entry_.scale_up_link());
    if (link != nullptr && link->end_to_end_latency().has_value()) {
      const auto latency = read_figure<Seconds>(link->end_to_end_latency(), link->basis(), {},
                                                "end_to_end_latency", diagnostics_);
      if (latency) tier.latency = latency->value;
    } else {
      tier.latency = 1.0 * units::us;
      note("scale-up latency 1 us per hop: assumed");
    }
  }

  void read_scale_out() {
    impl_->fabric_name = fabric_entry_.name();
    read_nic();
    const FabricShape shape = shapes_.shape(fabric_entry_);
    impl_->traits = shapes_.traits(fabric_entry_);
    impl_->switch_ports = shape.switch_ports;
    impl_->fabric.emplace(impl_->count, impl_->domain_size, shape);
    const FabricPlan& plan = *impl_->fabric;
    shapes_.check(plan);
    impl_->scale_out.bandwidth = impl_->nic;
    // Traffic on rails stays below a leaf while there is one unit.
    const bool leaves_leaf = plan.rails() > 1 ? plan.units() > 1 : plan.leaves() > 1;
    if (leaves_leaf && shape.oversubscription > 1 &&
        oversubscription_ == Oversubscription::in_tier) {
      impl_->scale_out.bandwidth.value /= shape.oversubscription;
      note("scale-out bandwidth {} per accelerator after {:g}:1 oversubscription",
           print_short(impl_->scale_out.bandwidth.value), shape.oversubscription);
    }
    const bool tree = plan.family() == FabricFamily::fat_tree;
    if (tree && plan.tiers() > shape.tiers) {
      note("{} endpoints exceed two tiers of {}-port switches; a third tier is added", impl_->count,
           shape.switch_ports);
    }
    if (!plan.within_reach()) {
      note(
          "{} endpoints exceed even three tiers of {}-port switches; core switches are counted "
          "as if they had the ports",
          impl_->count, shape.switch_ports);
    }
    if (plan.pods() > 1 && shape.core_oversubscription > 1) {
      note("between pods of {} accelerators the fabric is oversubscribed {:g}:1",
           plan.endpoints_per_pod(), shape.core_oversubscription);
    }
    read_latency();
  }

  void read_faults() {
    const PartCounts counts{impl_->count, impl_->domain_size, impl_->accelerator_word,
                            impl_->fabric->counts()};
    impl_->faults = shapes_.faults(counts);
    if (impl_->faults.empty()) return;
    const std::vector<bool>& met = impl_->network().faults_met();
    for (std::size_t i = 0; i < met.size(); ++i) {
      if (met[i]) continue;
      const std::string field = fmt::format("cluster.fault[{}].part", i);
      error(field, fmt::format("no cable joins '{}'", spec_.fault(static_cast<int>(i)).part()),
            "see `aisle show` and the names of paths for what is joined");
    }
  }

  void read_latency() {
    const pb::ScaleOut& out = spec_.scale_out();
    impl_->switch_latency = 150.0 * units::ns;
    if (fabric_entry_.switch_latency().has_value()) {
      impl_->switch_latency = fabric_seconds(fabric_entry_.switch_latency(), "switch_latency");
    }
    if (out.has_latency()) {
      impl_->scale_out.latency = stated<Seconds>(out.latency(), "cluster.scale_out.latency").value;
    } else if (fabric_entry_.end_to_end_latency().has_value()) {
      impl_->scale_out.latency =
          fabric_seconds(fabric_entry_.end_to_end_latency(), "end_to_end_latency");
    } else {
      impl_->scale_out.latency = 5.0 * units::us;
      note("scale-out latency 5 us per hop, as measured on InfiniBand NDR: assumed for {}",
           fabric_entry_.name());
    }
  }

  void read_nic() {
    const pb::ScaleOut& out = spec_.scale_out();
    if (out.has_nic()) {
      impl_->nic = stated<BytesPerSecond>(out.nic(), "cluster.scale_out.nic");
      return;
    }
    std::string from = "the accelerator entry";
    if (system_ != nullptr && system_->scale_out_bandwidth().has_value()) {
      const auto rate =
          read_figure<BytesPerSecond>(system_->scale_out_bandwidth(), system_->basis(), {},
                                      "scale_out_bandwidth", diagnostics_);
      if (rate) impl_->nic = *rate;
      from = "system " + system_->name();
    } else if (entry_.nic_bandwidth().has_value()) {
      impl_->nic = read<BytesPerSecond>(entry_.nic_bandwidth(), "nic_bandwidth");
    } else {
      impl_->nic = {400.0 * units::Gb / units::s, Basis::assumed};
      from = "no entry (assumed 400 Gb/s)";
    }
    if (fabric_entry_.endpoint_bandwidth().has_value()) {
      const auto rate =
          read_figure<BytesPerSecond>(fabric_entry_.endpoint_bandwidth(), fabric_entry_.basis(), {},
                                      "endpoint_bandwidth", diagnostics_);
      if (rate && rate->value < impl_->nic.value) {
        impl_->nic = *rate;
        from = "fabric " + fabric_entry_.name();
      }
    }
    note("NIC {} per accelerator from {} ({})", print_short(impl_->nic.value), from,
         to_string(impl_->nic.basis));
  }

  void read_host_power() {
    const Accelerator& chip = impl_->accelerator;
    const double in_system = system_ == nullptr ? 0 : number_or(system_->accelerators(), 0);
    if (in_system > 0) read_node_power(in_system);
    if (system_ != nullptr && system_->max_power().has_value() && in_system > 0 &&
        chip.tdp.value.si() > 0) {
      impl_->system_name = system_->name();
      const auto most =
          read_figure<Watts>(system_->max_power(), system_->basis(), {}, "max_power", diagnostics_);
      const Watts host = (most ? most->value : Watts{}) / in_system - chip.tdp.value;
      if (host.si() > 0) {
        impl_->host_power = {host, Basis::assumed};
        note(
            "host power {} per accelerator: maximum of system {} less the accelerators' TDP; "
            "measured nodes draw less",
            print_short(host), system_->name());
        return;
      }
    }
    impl_->system_name = system_ == nullptr ? std::string() : system_->name();
    constexpr double kShareOfTdp = 0.8;  // DGX A100, H100 and B200 at maximum: 1.03, 0.82, 0.79
    impl_->host_power = {kShareOfTdp * chip.tdp.value, Basis::assumed};
    if (chip.tdp.value.si() <= 0) {
      note("host power unknown: {} has no published TDP; state cluster.site.host_power", chip.name);
      return;
    }
    note("host power {} per accelerator: assumed 0.8 of TDP, as DGX nodes at maximum",
         print_short(impl_->host_power.value));
  }

  void read_node_power(double in_system) {
    NodePower& node = impl_->node_power;
    node.supply_efficiency = number_or(system_->supply_efficiency(), node.supply_efficiency);
    node.liquid_share = number_or(system_->liquid_fraction(), 0);
    if (!system_->idle_power().has_value()) return;
    const auto rest =
        read_figure<Watts>(system_->idle_power(), system_->basis(), {}, "idle_power", diagnostics_);
    if (rest) node.rest = {rest->value / in_system, rest->basis};
  }

  /// A quantity that the study itself states: its own choice.
  template <typename Q>
  Estimate<Q> stated(const std::string& text, const std::string& field) {
    const auto value = parse_quantity<Q>(text, places_.find(field), field, diagnostics_);
    if (value && value->si() <= 0) { error(field, "must be above 0", ""); }
    return {value.value_or(Q{}), Basis::assumed};
  }

  Seconds fabric_seconds(const pb::Figure& figure, const std::string& field) {
    const auto value = read_figure<Seconds>(figure, fabric_entry_.basis(), {}, field, diagnostics_);
    return value ? value->value : Seconds{};
  }

  const pb::Cluster& spec_;
  const SourceMap& places_;
  const Catalogue& catalogue_;
  Diagnostics& diagnostics_;
  const Oversubscription oversubscription_;
  std::unique_ptr<Cluster::Impl> impl_ = std::make_unique<Cluster::Impl>();
  pb::Accelerator entry_;
  const pb::System* system_ = nullptr;
  pb::Fabric fabric_entry_;
  ShapeReader shapes_;
};

}  // namespace

std::optional<Cluster> build_cluster(const pb::Cluster& spec, const SourceMap& places,
                                     const Catalogue& catalogue, Diagnostics& diagnostics,
                                     Oversubscription oversubscription) {
  auto impl = Builder(spec, places, catalogue, diagnostics, oversubscription).build();
  if (impl == nullptr) return std::nullopt;
  return Cluster(std::move(impl));
}

}  // namespace aisle::topology
