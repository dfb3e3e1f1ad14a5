// SPDX-License-Identifier: Apache-2.0
#include "gui/views/style.hpp"

#include <QApplication>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  ::testing::InitGoogleTest(&argc, argv);
  // Nothing of the user's is read or written.
  const QTemporaryDir folder;
  qputenv("HOME", folder.path().toUtf8());
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName("Aisle");
  QCoreApplication::setApplicationName("aisle-explorer-test");
  QStandardPaths::setTestModeEnabled(true);
  QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, folder.path());
  aisle::gui::apply_style(application);
  return RUN_ALL_TESTS();
}
