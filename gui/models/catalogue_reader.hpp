// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "topology/catalogue/catalogue.hpp"

#include <QString>
#include <QStringList>

#include <optional>

namespace aisle::gui {

/// The shipped catalogue, read when first asked for.
class CatalogueReader {
 public:
  /// Null where it cannot be read; error() says why.
  const topology::Catalogue* get();

  QString error() const { return error_; }

  /// Names of one kind ("accelerators"), sorted; empty for a kind that is none.
  QStringList names(const QString& kind);

 private:
  std::optional<topology::Catalogue> catalogue_;
  QString error_;
};

}  // namespace aisle::gui
