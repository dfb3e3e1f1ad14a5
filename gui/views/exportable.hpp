// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"

namespace aisle::gui {

/// A view whose numbers can be taken away.
class Exportable {
 public:
  virtual ~Exportable() = default;
  /// What is shown now; numbers in full, in SI units.
  virtual QVector<NamedTable> tables() const = 0;
};

}  // namespace aisle::gui
