// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"
#include "sim/base/estimate.hpp"
#include "sim/base/proto_text.hpp"
#include "sim/base/quantity.hpp"
#include "topology/catalogue/hardware.pb.h"

#include <optional>
#include <string>

namespace aisle::topology {

/// Unspecified is assumed.
Basis basis_of(pb::Basis basis);
/// The basis of a figure: its own, else that of the entry, else assumed.
Basis basis_of(const pb::Figure& figure, pb::Basis entry);

/// Reports, at its place, every figure of `entry` (an Accelerator, System or Fabric read from
/// `file`) whose value is absent, does not parse, or is of another dimension than its field.
void check_figures(const google::protobuf::Message& entry, const SourceMap& places,
                   Diagnostics& diagnostics);

/// A figure that a study states is that study's own choice unless it says otherwise: marks those of
/// the message, at any depth, that have neither basis nor source.
void mark_as_chosen(google::protobuf::Message& message);

/// Reads the figure as a quantity with its basis; errors at `place`.
template <typename Q>
std::optional<Estimate<Q>> read_figure(const pb::Figure& figure, pb::Basis entry,
                                       const Place& place, const std::string& field,
                                       Diagnostics& diagnostics) {
  const auto value = parse_quantity<Q>(figure.value(), place, field, diagnostics);
  if (!value) return std::nullopt;
  return Estimate<Q>{*value, basis_of(figure, entry)};
}

/// The figure as a plain number, or `fallback` where it is absent. The catalogue has checked it.
double number_or(const pb::Figure& figure, double fallback);

/// The figure as a quantity; nothing where it is absent. The catalogue has checked it.
template <typename Q>
std::optional<Q> quantity_of(const pb::Figure& figure) {
  if (!figure.has_value()) return std::nullopt;
  Diagnostics checked_when_read;
  return parse_quantity<Q>(figure.value(), {}, {}, checked_when_read);
}

/// An area such as "814 mm2"; nothing for anything else.
std::optional<double> square_millimetres(const pb::Figure& figure);

}  // namespace aisle::topology
