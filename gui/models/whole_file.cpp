// SPDX-License-Identifier: Apache-2.0
#include "gui/models/whole_file.hpp"

#include <QSaveFile>

namespace aisle::gui {

bool write_whole(const QString& path, const QByteArray& bytes, QString* error) {
  QSaveFile file(path);
  // flush() by itself: Qt 6.4 commits a file whose last bytes did not fit.
  const bool written = file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() &&
                       file.flush() && file.commit();
  if (!written) *error = path + ": error: cannot be written: " + file.errorString();
  return written;
}

}  // namespace aisle::gui
