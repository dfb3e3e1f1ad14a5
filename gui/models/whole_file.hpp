// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QByteArray>
#include <QString>

namespace aisle::gui {

/// Writes a file whole or leaves what was there: a disk that is full leaves no half a file. False:
/// `error` says why, naming the file.
bool write_whole(const QString& path, const QByteArray& bytes, QString* error);

}  // namespace aisle::gui
