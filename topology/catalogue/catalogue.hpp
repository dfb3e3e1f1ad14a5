// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/base/diagnostics.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aisle::pb {
class Accelerator;
class System;
class Fabric;
class Model;
class Calibration;
class EngineProfile;
class ChipPower;
class Delivery;
class Supply;
class ExportRegime;
}  // namespace aisle::pb

namespace aisle::topology {

/// The descriptions shipped in scenarios/catalogue (and scenarios/calibration), read once:
/// accelerators, systems, fabrics; models, serving engines and calibrations as messages for the
/// folders above. Names
/// are found by exact name or alias, letter case, spaces, dashes and underscores ignored.
class Catalogue {
 public:
  /// Reads every file below `root` (the folder that holds catalogue/ and calibration/); errors as
  /// in read_text_file, plus duplicates of a name.
  static std::optional<Catalogue> read(const std::string& root, Diagnostics& diagnostics);
  Catalogue(Catalogue&&) noexcept;
  Catalogue& operator=(Catalogue&&) noexcept;
  ~Catalogue();

  /// The entry of that name, or nullptr.
  const pb::Accelerator* accelerator(std::string_view name) const;
  const pb::System* system(std::string_view name) const;
  const pb::Fabric* fabric(std::string_view name) const;
  const pb::Model* model(std::string_view name) const;
  const pb::EngineProfile* engine(std::string_view name) const;
  const pb::Calibration* calibration(std::string_view accelerator) const;
  const pb::ChipPower* power(std::string_view accelerator) const;
  const pb::Delivery* delivery(std::string_view name) const;
  const pb::Supply* supply(std::string_view name) const;
  const pb::ExportRegime* export_regime(std::string_view name) const;
  /// The usual system of an accelerator (the first node whose `accelerator` it is), or nullptr.
  const pb::System* usual_system(std::string_view accelerator) const;

  std::vector<const pb::Accelerator*> accelerators() const;
  std::vector<const pb::System*> systems() const;
  std::vector<const pb::Fabric*> fabrics() const;
  std::vector<const pb::Model*> models() const;
  std::vector<const pb::EngineProfile*> engines() const;
  std::vector<const pb::Calibration*> calibrations() const;
  std::vector<const pb::Supply*> supplies() const;
  std::vector<const pb::ExportRegime*> export_regimes() const;
  /// Names and aliases of one kind ("accelerator", "system", "fabric", "model", "engine", "supply",
  /// "export_regime"), for "did you mean".
  std::vector<std::string> names(std::string_view kind) const;
  /// File that an entry was read from, relative to the root.
  std::string file_of(std::string_view kind, std::string_view name) const;

 private:
  struct Impl;
  explicit Catalogue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aisle::topology
