// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gui/models/figure.hpp"

class QWidget;

namespace aisle::gui {

/// Writes what a widget shows, in the form that the suffix of `path` names: .png as on the screen,
/// .pdf and .svg in lines and text. `ratio`: pixels of a .png for each of the widget's.
bool write_picture(QWidget& widget, const QString& path, QString* error, double ratio = 1);

/// Writes each table as a file of its name into a folder; empty ones are left out.
bool write_tables(const QVector<NamedTable>& tables, const QString& folder, QString* error);

}  // namespace aisle::gui
