// SPDX-License-Identifier: Apache-2.0
#include "topology/catalogue/catalogue.hpp"

#include "power/power.pb.h"
#include "sim/base/proto_text.hpp"
#include "sim/kernels/calibration.pb.h"
#include "topology/catalogue/figures.hpp"
#include "topology/catalogue/hardware.pb.h"
#include "workloads/models/model.pb.h"
#include "workloads/serving/engine.pb.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <tuple>
#include <unordered_map>

namespace aisle::topology {

namespace {

namespace fs = std::filesystem;

/// Names compare without letter case, spaces, dashes and underscores.
std::string key_of(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c == ' ' || c == '-' || c == '_') continue;
    key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return key;
}

template <typename T>
struct Entry {
  T message;
  std::string file;  ///< relative to the root
  SourceMap places;
};

/// Entries of one kind in the order of their files, found by the keys of their names.
template <typename T>
struct Entries {
  std::vector<std::unique_ptr<Entry<T>>> all;
  std::unordered_map<std::string, std::size_t> by_key;

  const Entry<T>* find(std::string_view name) const {
    const auto found = by_key.find(key_of(name));
    return found == by_key.end() ? nullptr : all[found->second].get();
  }

  const T* message(std::string_view name) const {
    const Entry<T>* entry = find(name);
    return entry == nullptr ? nullptr : &entry->message;
  }

  std::vector<const T*> messages() const {
    std::vector<const T*> result;
    for (const auto& entry : all) result.push_back(&entry->message);
    return result;
  }

  /// Makes the last entry known under `name`; an entry may repeat its own names.
  void index(const std::string& name, const std::string& field, Diagnostics& diagnostics) {
    const auto [found, added] = by_key.try_emplace(key_of(name), all.size() - 1);
    if (added || found->second == all.size() - 1) return;
    const Entry<T>& other = *all[found->second];
    const Place there = other.places.find("");
    diagnostics.error(
        all.back()->places.find(field), field,
        fmt::format("'{}' is already the name of an entry", name),
        fmt::format("the other is in {}", there.file.empty() ? other.file : there.file));
  }
};

template <typename T>
std::vector<std::string> names_of(const Entries<T>& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries.all) {
    names.push_back(entry->message.name());
    names.insert(names.end(), entry->message.alias().begin(), entry->message.alias().end());
  }
  return names;
}

/// Text files below the folder, sorted by path; none where the folder is missing.
std::vector<fs::path> text_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  fs::recursive_directory_iterator walk(folder, failed);
  if (failed) return files;
  for (; walk != fs::recursive_directory_iterator(); walk.increment(failed)) {
    if (failed) break;
    if (walk->path().extension() == ".textproto") files.push_back(walk->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Reads every file below `folder` into `entries`, without names. Files with errors are left out.
template <typename T>
void read_files(const fs::path& root, std::string_view folder, Entries<T>& entries,
                Diagnostics& diagnostics, const auto& accept) {
  for (const fs::path& file : text_files(root / folder)) {
    auto entry = std::make_unique<Entry<T>>();
    entry->file = file.lexically_relative(root).generic_string();
    if (!read_text_file(file.string(), entry->message, entry->places, diagnostics)) continue;
    entries.all.push_back(std::move(entry));
    accept(*entries.all.back());
  }
}

template <typename T>
void read_named(const fs::path& root, std::string_view folder, Entries<T>& entries,
                Diagnostics& diagnostics) {
  read_files(root, folder, entries, diagnostics, [&](const Entry<T>& entry) {
    if (entry.message.name().empty()) {
      diagnostics.error(entry.places.find(""), "name", "an entry needs a name");
      return;
    }
    entries.index(entry.message.name(), "name", diagnostics);
    for (int i = 0; i < entry.message.alias_size(); ++i) {
      entries.index(entry.message.alias(i), fmt::format("alias[{}]", i), diagnostics);
    }
    if constexpr (!std::is_same_v<T, pb::Model> && !std::is_same_v<T, pb::EngineProfile> &&
                  !std::is_same_v<T, pb::Delivery> && !std::is_same_v<T, pb::Supply> &&
                  !std::is_same_v<T, pb::ExportRegime>) {
      check_figures(entry.message, entry.places, diagnostics);
    }
  });
}

}  // namespace

struct Catalogue::Impl {
  Entries<pb::Accelerator> accelerators;
  Entries<pb::System> systems;
  Entries<pb::Fabric> fabrics;
  Entries<pb::Model> models;
  Entries<pb::EngineProfile> engines;
  Entries<pb::Delivery> deliveries;
  Entries<pb::Supply> supplies;
  Entries<pb::ExportRegime> export_regimes;
  Entries<pb::Calibration> calibrations;
  Entries<pb::PowerCatalogue> power_files;
  std::unordered_map<std::string, const pb::ChipPower*> power;  ///< by accelerator's name

  /// The catalogue's own spelling of an accelerator's name.
  std::string accelerator_name(std::string_view name) const {
    const pb::Accelerator* found = accelerators.message(name);
    return found == nullptr ? std::string(name) : found->name();
  }

  void check_accelerator(const std::string& name, const Place& place, Diagnostics& diagnostics) {
    if (accelerators.find(name) != nullptr) return;
    diagnostics.error(place, "accelerator", fmt::format("unknown accelerator '{}'", name),
                      did_you_mean(name, names_of(accelerators)));
  }

  void read_power(const fs::path& root, Diagnostics& diagnostics) {
    read_files(root, "catalogue/power", power_files, diagnostics, [&](const auto& entry) {
      for (int i = 0; i < entry.message.chip_size(); ++i) {
        const pb::ChipPower& chip = entry.message.chip(i);
        const std::string field = fmt::format("chip[{}].accelerator", i);
        check_accelerator(chip.accelerator(), entry.places.find(field), diagnostics);
        if (!power.try_emplace(accelerator_name(chip.accelerator()), &chip).second) {
          diagnostics.error(entry.places.find(field), field,
                            fmt::format("'{}' already has a power curve", chip.accelerator()));
        }
      }
    });
  }
};

Catalogue::Catalogue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;
Catalogue::~Catalogue() = default;

std::optional<Catalogue> Catalogue::read(const std::string& root, Diagnostics& diagnostics) {
  std::error_code failed;
  if (!fs::is_directory(fs::path(root) / "catalogue", failed)) {
    diagnostics.error({root, 0, 0}, "", fmt::format("no folder 'catalogue' in '{}'", root),
                      "set AISLE_SCENARIOS to the folder that holds catalogue/ and calibration/");
    return std::nullopt;
  }
  const int errors_before = diagnostics.error_count();
  auto impl = std::make_unique<Impl>();
  read_named(root, "catalogue/accelerators", impl->accelerators, diagnostics);
  read_named(root, "catalogue/systems", impl->systems, diagnostics);
  read_named(root, "catalogue/fabrics", impl->fabrics, diagnostics);
  read_named(root, "catalogue/models", impl->models, diagnostics);
  read_named(root, "catalogue/engines", impl->engines, diagnostics);
  read_named(root, "catalogue/delivery", impl->deliveries, diagnostics);
  read_named(root, "catalogue/supply", impl->supplies, diagnostics);
  read_named(root, "catalogue/export", impl->export_regimes, diagnostics);
  for (const auto& system : impl->systems.all) {
    if (!system->message.has_accelerator()) continue;
    impl->check_accelerator(system->message.accelerator(), system->places.find("accelerator"),
                            diagnostics);
  }
  read_files(root, "calibration", impl->calibrations, diagnostics, [&](const auto& entry) {
    impl->check_accelerator(entry.message.accelerator(), entry.places.find("accelerator"),
                            diagnostics);
    impl->calibrations.index(impl->accelerator_name(entry.message.accelerator()), "accelerator",
                             diagnostics);
  });
  impl->read_power(root, diagnostics);
  if (diagnostics.error_count() > errors_before) return std::nullopt;
  return Catalogue(std::move(impl));
}

const pb::Accelerator* Catalogue::accelerator(std::string_view name) const {
  return impl_->accelerators.message(name);
}

const pb::System* Catalogue::system(std::string_view name) const {
  return impl_->systems.message(name);
}

const pb::Fabric* Catalogue::fabric(std::string_view name) const {
  return impl_->fabrics.message(name);
}

const pb::Model* Catalogue::model(std::string_view name) const {
  return impl_->models.message(name);
}

const pb::EngineProfile* Catalogue::engine(std::string_view name) const {
  return impl_->engines.message(name);
}

const pb::Calibration* Catalogue::calibration(std::string_view accelerator) const {
  return impl_->calibrations.message(impl_->accelerator_name(accelerator));
}

const pb::Delivery* Catalogue::delivery(std::string_view name) const {
  return impl_->deliveries.message(name);
}

const pb::Supply* Catalogue::supply(std::string_view name) const {
  return impl_->supplies.message(name);
}

const pb::ExportRegime* Catalogue::export_regime(std::string_view name) const {
  return impl_->export_regimes.message(name);
}

const pb::ChipPower* Catalogue::power(std::string_view accelerator) const {
  const auto found = impl_->power.find(impl_->accelerator_name(accelerator));
  return found == impl_->power.end() ? nullptr : found->second;
}

const pb::System* Catalogue::usual_system(std::string_view accelerator) const {
  const std::string name = impl_->accelerator_name(accelerator);
  const pb::System* best = nullptr;
  // Nodes before racks and pods, and those with a power figure before those without.
  const auto rank = [](const pb::System& system) {
    return std::tuple(system.kind() == "node", system.has_max_power());
  };
  for (const auto& entry : impl_->systems.all) {
    const pb::System& system = entry->message;
    if (!system.has_accelerator() || impl_->accelerator_name(system.accelerator()) != name) {
      continue;
    }
    if (best == nullptr || rank(system) > rank(*best)) best = &system;
  }
  return best;
}

std::vector<const pb::Accelerator*> Catalogue::accelerators() const {
  return impl_->accelerators.messages();
}

std::vector<const pb::System*> Catalogue::systems() const {
  return impl_->systems.messages();
}

std::vector<const pb::Fabric*> Catalogue::fabrics() const {
  return impl_->fabrics.messages();
}

std::vector<const pb::Model*> Catalogue::models() const {
  return impl_->models.messages();
}

std::vector<const pb::EngineProfile*> Catalogue::engines() const {
  return impl_->engines.messages();
}

std::vector<const pb::Calibration*> Catalogue::calibrations() const {
  return impl_->calibrations.messages();
}

std::vector<const pb::Supply*> Catalogue::supplies() const {
  return impl_->supplies.messages();
}

std::vector<const pb::ExportRegime*> Catalogue::export_regimes() const {
  return impl_->export_regimes.messages();
}

std::vector<std::string> Catalogue::names(std::string_view kind) const {
  if (kind == "accelerator") return names_of(impl_->accelerators);
  if (kind == "system") return names_of(impl_->systems);
  if (kind == "fabric") return names_of(impl_->fabrics);
  if (kind == "model") return names_of(impl_->models);
  if (kind == "engine") return names_of(impl_->engines);
  if (kind == "supply") return names_of(impl_->supplies);
  if (kind == "export_regime") return names_of(impl_->export_regimes);
  return {};
}

std::string Catalogue::file_of(std::string_view kind, std::string_view name) const {
  const auto file = [&](const auto& entries) {
    const auto* entry = entries.find(name);
    return entry == nullptr ? std::string() : entry->file;
  };
  if (kind == "accelerator") return file(impl_->accelerators);
  if (kind == "system") return file(impl_->systems);
  if (kind == "fabric") return file(impl_->fabrics);
  if (kind == "model") return file(impl_->models);
  if (kind == "engine") return file(impl_->engines);
  if (kind == "calibration") return file(impl_->calibrations);
  if (kind == "supply") return file(impl_->supplies);
  if (kind == "export_regime") return file(impl_->export_regimes);
  return {};
}

}  // namespace aisle::topology
