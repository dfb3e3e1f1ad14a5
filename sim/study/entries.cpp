// SPDX-License-Identifier: Apache-2.0
#include "power/power.pb.h"
#include "sim/kernels/calibration.pb.h"
#include "sim/study/entries_supply.hpp"
#include "sim/study/model_of.hpp"
#include "sim/study/scenario.pb.h"
#include "sim/study/study.hpp"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "topology/cluster.hpp"
#include "workloads/models/model.hpp"
#include "workloads/models/model.pb.h"

#include <fmt/core.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>

#include <set>

namespace aisle::sim {

namespace {

namespace gp = google::protobuf;

/// Source and basis that figures without their own inherit.
struct Inherited {
  std::string source;
  pb::Basis basis = pb::BASIS_UNSPECIFIED;
};

std::string scalar_text(const gp::Message& message, const gp::FieldDescriptor& field, int index) {
  std::string text;
  gp::TextFormat::PrintFieldValueToString(message, &field, index, &text);
  if (text.size() >= 2 && text.front() == '"') return text.substr(1, text.size() - 2);
  return text;
}

void add_fields(const gp::Message& message, const std::string& prefix, const Inherited& inherited,
                std::vector<EntryLine>& lines);

void add_field(const gp::Message& message, const gp::FieldDescriptor& field, int index,
               const std::string& prefix, const Inherited& inherited,
               std::vector<EntryLine>& lines) {
  const std::string name = prefix + field.name();
  if (field.cpp_type() != gp::FieldDescriptor::CPPTYPE_MESSAGE) {
    lines.push_back({{name, scalar_text(message, field, index), "", ""}});
    return;
  }
  const gp::Reflection& reflection = *message.GetReflection();
  const gp::Message& child = index < 0 ? reflection.GetMessage(message, &field)
                                       : reflection.GetRepeatedMessage(message, &field, index);
  if (const auto* figure = dynamic_cast<const pb::Figure*>(&child)) {
    const pb::Basis basis = figure->has_basis() ? figure->basis() : inherited.basis;
    const std::string source = figure->has_source() ? figure->source() : inherited.source;
    lines.push_back({{name, figure->value(), pb::Basis_Name(basis),
                      figure->note().empty() ? source : source + " -- " + figure->note()}});
  } else {
    add_fields(child, index < 0 ? name + "." : fmt::format("{}[{}].", name, index), inherited,
               lines);
  }
}

void add_fields(const gp::Message& message, const std::string& prefix, const Inherited& inherited,
                std::vector<EntryLine>& lines) {
  std::vector<const gp::FieldDescriptor*> fields;
  const gp::Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const gp::FieldDescriptor* field : fields) {
    if (!field->is_repeated()) {
      add_field(message, *field, -1, prefix, inherited, lines);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      add_field(message, *field, i, prefix, inherited, lines);
    }
  }
}

template <typename Entry>
void add_entry(const Entry& entry, std::vector<EntryLine>& lines) {
  add_fields(entry, "", {entry.source(), entry.basis()}, lines);
}

std::string billions(std::int64_t count) {
  return fmt::format("{:.2f} B", static_cast<double>(count) / 1e9);
}

/// What follows from a model's shapes, beside what was published.
void add_counts(const pb::Model& description, std::vector<EntryLine>& lines) {
  Diagnostics diagnostics;
  const auto model = workloads::build_model(description, SourceMap(), "", diagnostics);
  if (!model) return;
  constexpr int kSequence = 4096;
  const ModelFigures figures = figures_of(*model, kSequence);
  const workloads::ModelCount& count = figures.parameters;
  const auto add = [&](const char* name, const std::string& value, const char* how) {
    lines.push_back({{name, value, "", how}});
  };
  add("counted total parameters", billions(count.total), "from the shapes above");
  add("counted active parameters", billions(count.active), "per token, with embedding and head");
  if (count.mtp > 0) add("counted MTP parameters", billions(count.mtp), "not in the total");
  add("training FLOPs per token",
      fmt::format("{:.4g} GFLOP", figures.training_flops_per_token_with_mtp / 1e9),
      "sequence 4096, causal attention, forward and backward, no input embedding, MTP included");
}

/// Switches, cables and NICs for the accelerators of `spec`, each with its price and draw. Where no
/// such cluster can be built: why, as an error if the user asked for that size.
void add_bill(const topology::Catalogue& catalogue, const pb::Cluster& spec, bool asked,
              Diagnostics& diagnostics, std::vector<EntryLine>& lines) {
  Diagnostics own;
  const auto cluster = topology::build_cluster(spec, SourceMap(), catalogue, own);
  if (!cluster) {
    const Diagnostic& first = own.all().front();
    if (asked) diagnostics.error({"--chips", 0, 0}, {}, first.sentence, first.hint);
    lines.push_back({{"bill", "none", "", first.sentence}});
    return;
  }
  const auto add = [&](const std::string& field, const std::string& value, Basis basis,
                       const std::string& note) {
    lines.push_back({{"bill." + field, value, std::string(to_string(basis)), note}});
  };
  lines.push_back(
      {{"bill.accelerators", std::to_string(spec.count()), "", cluster->accelerator().name}});
  Dollars price;
  Watts power;
  for (const topology::BillRow& row : cluster->bill_of_materials()) {
    // A fabric is shown with some node or other: what is inside that is not the fabric's.
    if (spec.scale_out().has_fabric() && row.item.rfind("scale-up", 0) == 0) continue;
    const auto count = static_cast<double>(row.count);
    lines.push_back({{"bill." + row.item + ".count", std::to_string(row.count), "", row.note}});
    if (row.price.value.si() > 0) {
      add(row.item + ".price", fmt::format("{:g} USD", row.price.value.si()), row.price.basis, "");
    }
    if (row.power.value.si() > 0) {
      add(row.item + ".power", fmt::format("{:g} W", row.power.value.si()), row.power.basis, "");
    }
    price += count * row.price.value;
    power += count * row.power.value;
  }
  add("total.price", fmt::format("{:.4g} M USD", price.si() / 1e6), Basis::assumed,
      "of the rows that have a price; accelerators and hosts are not in it");
  add("total.power", fmt::format("{:.4g} kW", power.in(units::kW)), Basis::assumed,
      "of the rows that have a draw");
}

/// A system's bill is for one of it where nothing else is asked for.
void add_system_bill(const topology::Catalogue& catalogue, const pb::System& system, int chips,
                     Diagnostics& diagnostics, std::vector<EntryLine>& lines) {
  if (!system.has_accelerator()) return;
  pb::Cluster spec;
  spec.set_accelerator(system.accelerator());
  spec.set_system(system.name());
  spec.set_count(chips > 0 ? chips
                           : static_cast<int>(topology::number_or(system.accelerators(), 1)));
  add_bill(catalogue, spec, chips > 0, diagnostics, lines);
}

/// A fabric's bill is for its largest published size, with nodes of eight.
void add_fabric_bill(const topology::Catalogue& catalogue, const pb::Fabric& fabric, int chips,
                     Diagnostics& diagnostics, std::vector<EntryLine>& lines) {
  if (fabric.kind() != "scale_out") return;
  constexpr int kUsual = 1024, kNode = 8;
  pb::Cluster spec;
  spec.set_accelerator("h100-sxm");
  spec.mutable_scale_out()->set_fabric(fabric.name());
  const int most = static_cast<int>(topology::number_or(fabric.max_endpoints(), kUsual));
  spec.set_count(chips > 0 ? chips : most / kNode * kNode);
  if (fabric.endpoint_bandwidth().has_value()) {
    spec.mutable_scale_out()->set_nic(fabric.endpoint_bandwidth().value());
  } else if (fabric.link_bandwidth().has_value()) {
    spec.mutable_scale_out()->set_nic(fabric.link_bandwidth().value());
  }
  add_bill(catalogue, spec, chips > 0, diagnostics, lines);
}

template <typename Figured>
std::string value_of(const Figured& figure) {
  return figure.value().empty() ? "-" : figure.value();
}

std::vector<EntryLine> list_models(const topology::Catalogue& catalogue) {
  std::vector<EntryLine> lines = {
      {{"NAME", "FAMILY", "LAYERS", "HIDDEN", "TOTAL", "ACTIVE", "BASIS"}}};
  for (const pb::Model* entry : catalogue.models()) {
    Diagnostics diagnostics;
    const auto model = workloads::build_model(*entry, SourceMap(), "", diagnostics);
    const workloads::ModelCount count =
        model ? workloads::count_parameters(*model) : workloads::ModelCount{};
    lines.push_back({{entry->name(), entry->family(), std::to_string(entry->layers()),
                      std::to_string(entry->hidden()), billions(count.total),
                      billions(count.active), pb::Basis_Name(entry->basis())}});
  }
  return lines;
}

std::vector<EntryLine> list_studies() {
  std::vector<EntryLine> lines = {{{"NAME", "TITLE", "QUESTION"}}};
  for (const std::string& name : shipped_studies()) {
    Diagnostics diagnostics;
    if (const std::optional<Study> study = load(name, {}, diagnostics)) {
      lines.push_back({{name, study->scenario->title(), study->scenario->question()}});
    }
  }
  return lines;
}

}  // namespace

std::vector<EntryLine> list_entries(const topology::Catalogue& catalogue, const std::string& kind) {
  std::vector<EntryLine> lines;
  if (kind == "accelerators") {
    lines.push_back(
        {{"NAME", "VENDOR", "YEAR", "BF16", "HBM", "HBM BANDWIDTH", "SCALE-UP", "TDP"}});
    for (const pb::Accelerator* chip : catalogue.accelerators()) {
      std::string bf16 = "-";
      for (const pb::Peak& peak : chip->peak()) {
        if (peak.precision() == "bf16") bf16 = peak.rate().value();
      }
      lines.push_back({{chip->name(), chip->vendor(), chip->available(), bf16,
                        value_of(chip->hbm_capacity()), value_of(chip->hbm_bandwidth()),
                        value_of(chip->scale_up_bandwidth()), value_of(chip->tdp())}});
    }
  } else if (kind == "systems") {
    lines.push_back(
        {{"NAME", "KIND", "ACCELERATOR", "ACCELERATORS", "SCALE-UP DOMAIN", "MAX POWER"}});
    for (const pb::System* system : catalogue.systems()) {
      lines.push_back(
          {{system->name(), system->kind(), system->accelerator(), value_of(system->accelerators()),
            value_of(system->scale_up_domain()), value_of(system->max_power())}});
    }
  } else if (kind == "fabrics") {
    lines.push_back(
        {{"NAME", "KIND", "ENDPOINT BANDWIDTH", "LATENCY", "TRANSPORT", "ROUTING", "TOPOLOGY"}});
    for (const pb::Fabric* fabric : catalogue.fabrics()) {
      lines.push_back({{fabric->name(), fabric->kind(), value_of(fabric->endpoint_bandwidth()),
                        value_of(fabric->end_to_end_latency()),
                        fabric->has_transport() ? fabric->transport() : "-",
                        fabric->has_routing() ? pb::Routing_Name(fabric->routing()) : "-",
                        fabric->topology()}});
    }
  } else if (kind == "models") {
    lines = list_models(catalogue);
  } else if (kind == "calibrations") {
    lines.push_back({{"ACCELERATOR", "CURVES", "COMMUNICATION", "SOURCE"}});
    for (const pb::Calibration* calibration : catalogue.calibrations()) {
      lines.push_back({{calibration->accelerator(), std::to_string(calibration->curve_size()),
                        std::to_string(calibration->communication_size()), calibration->source()}});
    }
  } else if (kind == "supplies") {
    lines.push_back({{"NAME", "CHIPS", "NOTE"}});
    for (const pb::Supply* supply : catalogue.supplies()) {
      lines.push_back({{supply->name(), std::to_string(supply->package_size()), supply->note()}});
    }
  } else if (kind == "export-rules") {
    lines.push_back({{"NAME", "RULES", "NOTE"}});
    for (const pb::ExportRegime* regime : catalogue.export_regimes()) {
      lines.push_back({{regime->name(), std::to_string(regime->rule_size()), regime->note()}});
    }
  } else if (kind == "studies") {
    lines = list_studies();
  }
  return lines;
}

std::vector<EntryLine> show_entry(const topology::Catalogue& catalogue, const std::string& name,
                                  int chips, Diagnostics& diagnostics) {
  std::vector<EntryLine> lines;
  if (is_model_file(name)) {
    if (const auto model = describe_model(name, catalogue, {}, {}, diagnostics)) {
      add_entry(*model, lines);
      add_counts(*model, lines);
    }
  } else if (const pb::Accelerator* chip = catalogue.accelerator(name)) {
    add_entry(*chip, lines);
    add_export(catalogue, *chip, lines);
  } else if (const pb::Model* model = catalogue.model(name)) {
    add_entry(*model, lines);
    add_counts(*model, lines);
  } else if (const pb::System* system = catalogue.system(name)) {
    add_entry(*system, lines);
    add_system_bill(catalogue, *system, chips, diagnostics, lines);
  } else if (const pb::Fabric* fabric = catalogue.fabric(name)) {
    add_entry(*fabric, lines);
    add_fabric_bill(catalogue, *fabric, chips, diagnostics, lines);
  } else if (const pb::Supply* supply = catalogue.supply(name)) {
    add_entry(*supply, lines);
    add_supply(catalogue, *supply, lines);
  } else if (const pb::ExportRegime* regime = catalogue.export_regime(name)) {
    add_entry(*regime, lines);
    add_regime(catalogue, *regime, lines);
  } else {
    std::set<std::string> names;
    for (const char* kind :
         {"accelerator", "model", "system", "fabric", "supply", "export_regime"}) {
      for (const std::string& known : catalogue.names(kind)) names.insert(known);
    }
    const std::string suggestion = did_you_mean(name, {names.begin(), names.end()});
    diagnostics.error({name, 0, 0}, {}, "no entry of that name in the catalogue",
                      suggestion.empty() ? "`aisle list` names what there is" : suggestion);
  }
  return lines;
}

std::string accelerator_of(const topology::Catalogue& catalogue, const std::string& system) {
  const pb::System* entry = catalogue.system(system);
  return entry == nullptr ? std::string() : entry->accelerator();
}

}  // namespace aisle::sim
