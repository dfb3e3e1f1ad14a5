// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim/study/result.pb.h"

#include <QAbstractItemModelTester>
#include <QString>
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace aisle::gui {

/// A result as a run of a pipeline of `ranks` ranks would give it, with 5 streams per rank and
/// `spans` spans per stream; deterministic in `seed`.
pb::Result make_result(int ranks = 8, int spans = 3000, std::uint64_t seed = 1);

/// Writes `result` into `folder`/result.pb and returns that path.
QString write_result_file(const pb::Result& result, const QString& folder);

/// Writes `folder`/study.textproto, a small study whose title is `title`; returns its path.
QString write_study(const QString& folder, const QString& title);

/// A database as a sweep over network and tensor parallelism leaves it: the step takes
/// 10 s / nic + tensor / 8 s, and every seventh point does not fit.
QString write_sweep(const QString& path, int points);

/// Writes an executable shell script that plays the command-line program; returns its path.
QString write_script(const QString& folder, const QString& body);

using Mode = QAbstractItemModelTester::FailureReportingMode;

/// Turns the words of QAbstractItemModelTester, which come through qWarning, into failures.
class ModelRules : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

 private:
  QtMessageHandler previous_ = nullptr;
};

/// Lets events run until `done` or ten seconds have passed; the value of `done` at the end.
template <typename Condition>
bool wait_until(Condition done);

}  // namespace aisle::gui

#include <QCoreApplication>
#include <QElapsedTimer>

template <typename Condition>
bool aisle::gui::wait_until(Condition done) {
  QElapsedTimer timer;
  timer.start();
  while (!done() && timer.elapsed() < 10000)
    QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
  return done();
}
