// SPDX-License-Identifier: Apache-2.0
#include "topology/catalogue/figures.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

namespace aisle::topology {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

using Parser = bool (*)(const std::string&, const Place&, const std::string&, Diagnostics&);

template <typename Q>
bool parses(const std::string& text, const Place& place, const std::string& field,
            Diagnostics& diagnostics) {
  return parse_quantity<Q>(text, place, field, diagnostics).has_value();
}

bool is_number(const std::string& text, const Place& place, const std::string& field,
               Diagnostics& diagnostics) {
  return parse_number(text, place, field, diagnostics).has_value();
}

/// Areas and masses have no quantity of ours; see square_millimetres.
bool is_text(const std::string&, const Place&, const std::string&, Diagnostics&) {
  return true;
}

struct FieldDimension {
  std::string_view name;
  Parser parser;
};

/// What the value of each figure must be; every other figure is a plain number.
constexpr std::array kDimensions = {
    FieldDimension{"die_area", is_text},
    FieldDimension{"mass", is_text},
    FieldDimension{"die_to_die_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"rate", parses<FlopsPerSecond>},
    FieldDimension{"boost_clock", parses<Hertz>},
    FieldDimension{"hbm_capacity", parses<Bytes>},
    FieldDimension{"hbm_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"l2_capacity", parses<Bytes>},
    FieldDimension{"scale_up_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"scale_up_pair_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"nic_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"tdp", parses<Watts>},
    FieldDimension{"idle_power", parses<Watts>},
    FieldDimension{"provisioned_power", parses<Watts>},
    FieldDimension{"max_power", parses<Watts>},
    FieldDimension{"load_power", parses<Watts>},
    FieldDimension{"price", parses<Dollars>},
    FieldDimension{"power", parses<Watts>},
    FieldDimension{"embodied_carbon", parses<Kilograms>},
    FieldDimension{"rental", parses<DollarsPerSecond>},
    FieldDimension{"scale_out_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"link_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"endpoint_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"uplink_bandwidth", parses<BytesPerSecond>},
    FieldDimension{"switch_latency", parses<Seconds>},
    FieldDimension{"end_to_end_latency", parses<Seconds>},
    FieldDimension{"buffer", parses<Bytes>},
};

void check_figure(const pb::Figure& figure, std::string_view field_name, const std::string& path,
                  const SourceMap& places, Diagnostics& diagnostics) {
  if (!figure.has_value()) {
    diagnostics.error(places.find(path), path, "a figure needs a value");
    return;
  }
  const auto* dimension = std::find_if(kDimensions.begin(), kDimensions.end(),
                                       [&](const auto& d) { return d.name == field_name; });
  const Parser parser = dimension == kDimensions.end() ? is_number : dimension->parser;
  parser(figure.value(), places.find(path + ".value"), path, diagnostics);
}

void walk(const Message& message, const std::string& prefix, const SourceMap& places,
          Diagnostics& diagnostics) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int size = field->is_repeated() ? message.GetReflection()->FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      const Message& child = field->is_repeated()
                                 ? message.GetReflection()->GetRepeatedMessage(message, field, i)
                                 : message.GetReflection()->GetMessage(message, field);
      const std::string path =
          prefix + field->name() + (field->is_repeated() ? "[" + std::to_string(i) + "]" : "");
      if (child.GetDescriptor() == pb::Figure::descriptor()) {
        check_figure(static_cast<const pb::Figure&>(child), field->name(), path, places,
                     diagnostics);
      } else {
        walk(child, path + ".", places, diagnostics);
      }
    }
  }
}

}  // namespace

Basis basis_of(pb::Basis basis) {
  switch (basis) {
    case pb::measured:
      return Basis::measured;
    case pb::calibrated:
      return Basis::calibrated;
    case pb::vendor:
      return Basis::vendor;
    case pb::extrapolated:
      return Basis::extrapolated;
    default:
      return Basis::assumed;
  }
}

Basis basis_of(const pb::Figure& figure, pb::Basis entry) {
  return basis_of(figure.has_basis() ? figure.basis() : entry);
}

void check_figures(const Message& entry, const SourceMap& places, Diagnostics& diagnostics) {
  walk(entry, "", places, diagnostics);
}

double number_or(const pb::Figure& figure, double fallback) {
  if (!figure.has_value()) return fallback;
  Diagnostics checked_when_read;
  return parse_number(figure.value(), {}, {}, checked_when_read).value_or(fallback);
}

std::optional<double> square_millimetres(const pb::Figure& figure) {
  const std::string& text = figure.value();
  double value = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || std::string_view(rest, text.data() + text.size()) != " mm2") {
    return std::nullopt;
  }
  return value;
}

void mark_as_chosen(Message& message) {
  std::vector<const FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int size = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      Message& child = field->is_repeated()
                           ? *reflection->MutableRepeatedMessage(&message, field, i)
                           : *reflection->MutableMessage(&message, field);
      if (child.GetDescriptor() != pb::Figure::descriptor()) {
        mark_as_chosen(child);
        continue;
      }
      auto& figure = static_cast<pb::Figure&>(child);
      if (!figure.has_basis()) figure.set_basis(pb::assumed);
      if (!figure.has_source()) figure.set_source("chosen in the study");
    }
  }
}

}  // namespace aisle::topology
