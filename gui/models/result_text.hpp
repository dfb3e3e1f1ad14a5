// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <QStringList>
#include <QVector>

namespace aisle::pb {
class Result;
}

namespace aisle::gui {

/// Name of a pb::Basis; empty where unspecified.
QString basis_text(int basis);

/// What a result says of itself, in words.
struct RunFacts {
  QString title, question, study;
  bool feasible = true;
  QString reason;  ///< why it cannot run, and what would help
  QStringList caveats;
  QString engine;     ///< "event"
  QString wall_time;  ///< "1.2 s"
  QString work;       ///< "123456 operations on 16 rank classes"
  QString basis;      ///< weakest basis among the metrics
  QString breakdown_rank;
};

RunFacts run_facts(const pb::Result& result);

/// A figure to read first.
struct Headline {
  QString label, value, unit, basis;
  QString against;  ///< "published 19.9 s, +1.2 %", or empty
};

/// The few metrics that answer most questions, in order of importance; at most `count`.
QVector<Headline> headlines(const pb::Result& result, qsizetype count);

}  // namespace aisle::gui
