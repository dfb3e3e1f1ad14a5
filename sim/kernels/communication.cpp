// SPDX-License-Identifier: Apache-2.0
#include "sim/kernels/communication.hpp"

#include "sim/kernels/calibration.pb.h"

#include <string>

namespace aisle::sim {

namespace {

using workloads::LibraryModel;

/// A field of pb::CollectiveModel and where it goes.
template <class T>
struct Field {
  const char* name;
  T LibraryModel::*member;
};

constexpr Field<double> kShares[] = {
    {"search_share", &LibraryModel::search_share},
    {"widening", &LibraryModel::widening},
    {"ll_share", &LibraryModel::ll_share},
    {"ll_overlap", &LibraryModel::ll_overlap},
    {"ll128_share", &LibraryModel::ll128_share},
    {"ll128_ramp", &LibraryModel::ll128_ramp},
    {"simple_share", &LibraryModel::simple_share},
    {"own_copy", &LibraryModel::own_copy},
    {"own_all_reduce", &LibraryModel::own_all_reduce},
    {"own_reduce_scatter", &LibraryModel::own_reduce_scatter},
    {"nvls_share", &LibraryModel::nvls_share},
    {"nvls_ramp", &LibraryModel::nvls_ramp},
    {"nvls_ramp_chunks", &LibraryModel::nvls_ramp_chunks},
    {"pair_base", &LibraryModel::pair_base},
    {"pair_share", &LibraryModel::pair_share},
    {"pair_ramp", &LibraryModel::pair_ramp},
    {"part_share", &LibraryModel::part_share},
    {"network_share", &LibraryModel::network_share},
    {"network_gather_share", &LibraryModel::network_gather_share},
    {"network_widening", &LibraryModel::network_widening},
    {"tree_ll128_hop", &LibraryModel::tree_ll128_hop},
    {"ring_ll128_hop", &LibraryModel::ring_ll128_hop},
    {"network_ll128_ramp", &LibraryModel::network_ll128_ramp},
    {"tree_hop", &LibraryModel::tree_hop},
    {"tree_share", &LibraryModel::tree_share},
    {"tree_ramp", &LibraryModel::tree_ramp},
    {"nvls_tree_hop", &LibraryModel::nvls_tree_hop},
    {"nvls_tree_share", &LibraryModel::nvls_tree_share},
    {"nvls_tree_ramp", &LibraryModel::nvls_tree_ramp},
    {"nvls_tree_depth", &LibraryModel::nvls_tree_depth},
    {"nvls_tree_chunks", &LibraryModel::nvls_tree_chunks},
    {"ring_hop", &LibraryModel::ring_hop},
    {"pair_hop", &LibraryModel::pair_hop},
    {"pair_network_share", &LibraryModel::pair_network_share},
    {"send_network_share", &LibraryModel::send_network_share},
};

constexpr Field<Seconds> kTimes[] = {
    {"ll128_base_us", &LibraryModel::ll128_base},
    {"ll128_step_us", &LibraryModel::ll128_step},
    {"simple_step_us", &LibraryModel::simple_step},
    {"simple_settle_us", &LibraryModel::simple_settle},
    {"nvls_base_us", &LibraryModel::nvls_base},
    {"pair_peer_us", &LibraryModel::pair_peer},
    {"pair_simple_us", &LibraryModel::pair_simple},
    {"network_ll128_base_us", &LibraryModel::network_ll128_base},
    {"tree_base_us", &LibraryModel::tree_base},
    {"tree_step_us", &LibraryModel::tree_step},
    {"nvls_tree_base_us", &LibraryModel::nvls_tree_base},
    {"nvls_tree_step_us", &LibraryModel::nvls_tree_step},
    {"ring_base_us", &LibraryModel::ring_base},
    {"ring_step_us", &LibraryModel::ring_step},
    {"ring_settle_us", &LibraryModel::ring_settle},
    {"pair_remote_us", &LibraryModel::pair_remote},
    {"pair_network_us", &LibraryModel::pair_network},
};

constexpr Field<Bytes> kSizes[] = {
    {"ll128_ramp_over_kb", &LibraryModel::ll128_ramp_over},
    {"pair_half_kb", &LibraryModel::pair_half},
    {"pair_ramp_over_kb", &LibraryModel::pair_ramp_over},
    {"network_ll128_ramp_over_kb", &LibraryModel::network_ll128_ramp_over},
    {"tree_ramp_over_kb", &LibraryModel::tree_ramp_over},
    {"pair_network_half_kb", &LibraryModel::pair_network_half},
};

constexpr Field<BytesPerSecond> kRates[] = {
    {"tree_ll_rate_gb_s", &LibraryModel::tree_ll_rate},
    {"ring_ll_rate_gb_s", &LibraryModel::ring_ll_rate},
};

/// Reads fields by name, each from the nearest calibration that has it.
class Reader {
 public:
  explicit Reader(std::span<const pb::Calibration* const> nearest_first)
      : sources_(nearest_first) {}

  std::optional<double> value(const char* name) const {
    for (const pb::Calibration* source : sources_) {
      const pb::CollectiveModel& model = source->collectives();
      const auto* field = model.GetDescriptor()->FindFieldByName(name);
      if (model.GetReflection()->HasField(model, field)) {
        return model.GetReflection()->GetDouble(model, field);
      }
    }
    return std::nullopt;
  }

  template <class T, std::size_t n>
  void read(const Field<T> (&fields)[n], T unit, LibraryModel& model) const {
    for (const Field<T>& field : fields) {
      if (const auto found = value(field.name)) model.*field.member = *found * unit;
    }
  }

 private:
  std::span<const pb::Calibration* const> sources_;
};

}  // namespace

void read_collectives(std::span<const pb::Calibration* const> nearest_first,
                      workloads::CommunicationProfile& profile) {
  using namespace units;
  const Reader reader(nearest_first);
  for (const pb::Calibration* source : nearest_first) {
    const auto found = workloads::parse_architecture(source->collectives().architecture());
    if (!found) continue;
    profile.library.architecture = *found;
    break;
  }
  if (const auto base = reader.value("base_us")) profile.base = *base * us;
  if (const auto hop = reader.value("hop_us")) profile.hop = *hop * us;
  reader.read(kShares, 1.0, profile.library);
  reader.read(kTimes, us, profile.library);
  reader.read(kSizes, KB, profile.library);
  reader.read(kRates, GB / s, profile.library);
}

}  // namespace aisle::sim
