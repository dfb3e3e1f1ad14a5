// SPDX-License-Identifier: Apache-2.0
#include "gui/models/result_text.hpp"

#include "gui/models/timeline_model.hpp"
#include "sim/report/report.hpp"
#include "sim/study/result.pb.h"
#include "sim/study/study.hpp"

#include <algorithm>
#include <array>

namespace aisle::gui {

namespace {

constexpr std::array kHeadlines{"step_time_s",           "mfu",
                                "tflops_per_chip",       "gpu_hours_per_trillion_tokens",
                                "tokens_per_s",          "hbm_peak_bytes",
                                "usd_per_million_tokens"};

QString against(const pb::Result& result, const std::string& metric) {
  for (const auto& row : result.comparison()) {
    if (row.metric() != metric || row.published() == 0) continue;
    const auto published = sim::describe_metric(metric, row.published()).value;
    return QString("published %1, %2")
        .arg(QString::fromStdString(published),
             QString::asprintf("%+.1f %%", (row.simulated() / row.published() - 1) * 100));
  }
  return {};
}

Headline headline(const pb::Result& result, const pb::Metric& metric) {
  const auto described = sim::describe_metric(metric.name(), metric.value());
  const auto text = QString::fromStdString(described.value);
  const auto space = text.indexOf(' ');
  return {QString::fromStdString(described.label), space < 0 ? text : text.left(space),
          space < 0 ? QString() : text.mid(space + 1), basis_text(metric.basis()),
          against(result, metric.name())};
}

}  // namespace

QString basis_text(int basis) {
  return basis == pb::BASIS_UNSPECIFIED || !pb::Basis_IsValid(basis)
             ? QString()
             : QString::fromStdString(pb::Basis_Name(static_cast<pb::Basis>(basis)));
}

RunFacts run_facts(const pb::Result& result) {
  RunFacts facts;
  facts.study = QString::fromStdString(result.study());
  facts.title = QString::fromStdString(result.scenario().title()).simplified();
  if (facts.title.isEmpty()) facts.title = facts.study.isEmpty() ? "Result" : facts.study;
  facts.question = QString::fromStdString(result.scenario().question()).simplified();
  facts.feasible = !result.has_feasible() || result.feasible();
  facts.reason = QString::fromStdString(result.reason());
  if (result.has_version() && result.version() != sim::version())
    facts.caveats << QString(
                         "Written by Aisle %1 and shown by %2: what only the other knows is not "
                         "shown.")
                         .arg(QString::fromStdString(result.version()),
                              QString::fromStdString(sim::version()));
  for (const auto& caveat : result.caveat()) facts.caveats << QString::fromStdString(caveat);
  facts.engine = QString::fromStdString(pb::Engine_Name(result.engine()));
  facts.wall_time = duration_text(result.wall_time_s() * 1e9);
  facts.work = QString("%L1 operations on %L2 rank classes%3")
                   .arg(static_cast<qlonglong>(result.operations()))
                   .arg(static_cast<qlonglong>(result.rank_classes()))
                   .arg(result.folded() ? ", folded" : "");
  int weakest = 0;
  for (const auto& metric : result.metric())
    weakest = std::max(weakest, static_cast<int>(metric.basis()));
  facts.basis = basis_text(weakest);
  facts.breakdown_rank = QString::fromStdString(result.breakdown_rank());
  return facts;
}

QVector<Headline> headlines(const pb::Result& result, qsizetype count) {
  QVector<Headline> found;
  for (const auto* name : kHeadlines)
    for (const auto& metric : result.metric())
      if (found.size() < count && metric.name() == name) found.push_back(headline(result, metric));
  return found;
}

}  // namespace aisle::gui
