// SPDX-License-Identifier: Apache-2.0
#include "gui/views/style.hpp"

#include <QApplication>
#include <QStandardPaths>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  ::testing::InitGoogleTest(&argc, argv);
  QApplication application(argc, argv);
  QCoreApplication::setOrganizationName("Aisle");
  QCoreApplication::setApplicationName("aisle-explorer-test");
  QStandardPaths::setTestModeEnabled(true);
  aisle::gui::apply_style(application);
  return RUN_ALL_TESTS();
}
