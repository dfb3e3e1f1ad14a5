// SPDX-License-Identifier: Apache-2.0
#include "gui/models/catalogue_reader.hpp"

#include "gui/models/result_model.hpp"
#include "sim/study/study.hpp"

namespace aisle::gui {

const topology::Catalogue* CatalogueReader::get() {
  if (!catalogue_ && error_.isEmpty()) {
    Diagnostics diagnostics;
    catalogue_ = topology::Catalogue::read(sim::scenarios_root(), diagnostics);
    if (!catalogue_) error_ = to_lines(diagnostics).join('\n');
  }
  return catalogue_ ? &*catalogue_ : nullptr;
}

QStringList CatalogueReader::names(const QString& kind) {
  QStringList names;
  if (get() == nullptr || kind.isEmpty()) return names;
  const auto lines = sim::list_entries(*catalogue_, kind.toStdString());
  for (std::size_t i = 1; i < lines.size(); ++i)
    names << QString::fromStdString(lines[i].cells.front());
  names.sort();
  return names;
}

}  // namespace aisle::gui
