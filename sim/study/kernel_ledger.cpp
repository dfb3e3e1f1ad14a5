// SPDX-License-Identifier: Apache-2.0
#include "sim/study/kernel_ledger.hpp"

#include "sim/kernels/kernels.hpp"
#include "sim/study/calibrate.hpp"
#include "sim/study/kernel_tables.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>

namespace aisle::sim {

namespace {

/// Chips and their kernel models, each made once.
class Models {
 public:
  explicit Models(const topology::Catalogue& catalogue) : catalogue_(catalogue) {}

  struct Model {
    topology::Accelerator chip;
    KernelModel kernels;
  };

  const Model& of(const std::string& accelerator) {
    const auto found = models_.find(accelerator);
    if (found != models_.end()) return found->second;
    const topology::Accelerator chip = accelerator_of(accelerator, catalogue_);
    return models_.try_emplace(accelerator, Model{chip, KernelModel(chip, catalogue_)})
        .first->second;
  }

 private:
  const topology::Catalogue& catalogue_;
  std::map<std::string, Model> models_;
};

ValidationRow described(const KernelRow& row, const std::string& file) {
  ValidationRow out;
  out.ledger = LedgerKind::kernels;
  out.id = fmt::format("{}:{}{}{}", file, row.line, row.name.empty() ? "" : ":", row.name);
  out.kind = std::string(to_string(row.kernel.family));
  out.chip = row.device;
  out.accelerator = row.accelerator.empty() ? row.device : row.accelerator;
  out.algorithm = fmt::format("{} {}", row.variant, to_string(row.kernel.precision));
  out.metric = "time_us";
  out.reach = out.kind;
  out.size = size_class(row.kernel.hbm_bytes);
  out.half = held_out(row) ? "held-out" : "fitted";
  out.measured = row.time.in(units::us);
  return out;
}

}  // namespace

std::vector<ValidationRow> validate_kernels(const CsvTable& table, const ValidateOptions& options,
                                            const topology::Catalogue& catalogue,
                                            Diagnostics& diagnostics) {
  const KernelTable read = read_kernel_table(table, catalogue, diagnostics);
  const std::string file = std::filesystem::path(table.file).filename().string();
  Models models(catalogue);
  std::vector<ValidationRow> rows;
  for (const KernelRow& row : read.rows) {
    ValidationRow out = described(row, file);
    if (!options.kind.empty() && out.kind != options.kind) continue;
    if (!options.half.empty() && out.half != options.half) continue;
    if (row.accelerator.empty()) {
      out.reason = row.device.empty()
                       ? "neither the table nor its name tells the device"
                       : fmt::format("the catalogue has no accelerator '{}'", row.device);
    } else {
      const Models::Model& model = models.of(row.accelerator);
      out.reason = impossible(row, model.chip);
      if (out.reason.empty()) {
        const KernelTime time = model.kernels.time_of(row.kernel, row.variant);
        out.predicted = time.time.in(units::us);
        if (time.basis != Basis::calibrated) out.reason = std::string(to_string(time.basis));
      }
    }
    rows.push_back(std::move(out));
  }
  return rows;
}

}  // namespace aisle::sim
