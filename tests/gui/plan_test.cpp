// SPDX-License-Identifier: Apache-2.0
#include "gui/app/main_window.hpp"
#include "gui/models/plan/plan_outcome.hpp"
#include "gui/models/plan/plan_table.hpp"
#include "gui/views/plan_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QTemporaryDir>

namespace aisle::gui {
namespace {

constexpr auto kPlan = R"(title: "Chat" # kept
plan {
  from: "2026-Q1" quarters: 4
  demand {
    name: "chat"
    serving { tokens_per_s: 100 growth: 2 peak_over_mean: 1.5 }
    alternative { name: "dense" study: "serve.textproto" }
  }
  demand {
    name: "model"
    training { start: "2026-Q2" deadline: "2026-Q3" }
  }
  system { system: "dgx-h200" chips_per_quarter: [64, 128] }
  site {
    name: "north"
    power { value: "10 MW" } # by the feed
  }
}
)";

class PlanTables : public ModelRules {
 protected:
  PlanTables() { document.start(kPlan, "/tmp/plan.textproto"); }

  static int rowOf(const PlanTable& table, const QString& what) {
    for (int row = 0; row < table.rowCount(); ++row)
      if (table.index(row, 0).data().toString() == what) return row;
    ADD_FAILURE() << what.toStdString();
    return 0;
  }

  static QStringList quarters(const PlanTable& table, const QString& what) {
    QStringList values;
    for (int column = PlanTable::kQuarters; column < table.columnCount(); ++column)
      values << table.index(rowOf(table, what), column).data().toString();
    return values;
  }

  static bool edit(PlanTable& table, const QString& what, int quarter, const QString& value) {
    return table.setData(table.index(rowOf(table, what), PlanTable::kQuarters + quarter), value);
  }

  ScenarioDocument document;
};

TEST_F(PlanTables, ShowDemandAndLimitsByQuarter) {
  PlanTable demand(&document, PlanTable::Of::demand), limits(&document, PlanTable::Of::limits);
  QAbstractItemModelTester first(&demand, Mode::Warning), second(&limits, Mode::Warning);
  EXPECT_EQ(demand.headerData(PlanTable::kQuarters + 3, Qt::Horizontal, Qt::DisplayRole),
            "2026-Q4");
  EXPECT_EQ(quarters(demand, "chat: tokens per second, mean"),
            (QStringList{"100", "200", "400", "800"}));
  EXPECT_EQ(quarters(demand, "model: may run"), (QStringList{"", "runs", "runs", ""}));
  EXPECT_EQ(quarters(limits, "north: power at the feed"),
            (QStringList{"10 MW", "10 MW", "10 MW", "10 MW"}));
  EXPECT_EQ(quarters(limits, "dgx-h200: accelerators that can be ordered"),
            (QStringList{"64", "128", "128", "128"}));
}

TEST_F(PlanTables, AStepHoldsUntilTheNextAndLeavesComments) {
  PlanTable limits(&document, PlanTable::Of::limits);
  QAbstractItemModelTester tester(&limits, Mode::Warning);
  const QString power = "north: power at the feed";
  ASSERT_TRUE(edit(limits, power, 2, "30 MW"));
  ASSERT_TRUE(edit(limits, power, 1, "20 MW"));
  EXPECT_EQ(quarters(limits, power), (QStringList{"10 MW", "20 MW", "30 MW", "30 MW"}));
  EXPECT_TRUE(document.problems().isEmpty());
  EXPECT_TRUE(document.text().contains("# by the feed"));
  ASSERT_TRUE(edit(limits, power, 1, ""));
  EXPECT_EQ(quarters(limits, power), (QStringList{"10 MW", "10 MW", "30 MW", "30 MW"}));
  ASSERT_TRUE(edit(limits, power, 2, ""));
  EXPECT_EQ(quarters(limits, power), (QStringList{"10 MW", "10 MW", "10 MW", "10 MW"}));
  document.undo();
  EXPECT_EQ(quarters(limits, power).last(), "30 MW");
  ASSERT_TRUE(edit(limits, "money for orders of a quarter", 1, "5e6 USD"));
  EXPECT_EQ(quarters(limits, "money for orders of a quarter"),
            (QStringList{"", "5e6 USD", "5e6 USD", "5e6 USD"}));
  EXPECT_TRUE(document.problems().isEmpty()) << document.text().toStdString();
}

TEST_F(PlanTables, LoadsAndListsBecomeOnesByQuarter) {
  PlanTable demand(&document, PlanTable::Of::demand), limits(&document, PlanTable::Of::limits);
  const QString chat = "chat: tokens per second, mean";
  ASSERT_TRUE(edit(demand, chat, 1, "250"));
  EXPECT_EQ(quarters(demand, chat), (QStringList{"100", "250", "400", "800"}));
  EXPECT_FALSE(document.text().contains("growth"));
  EXPECT_FALSE(edit(demand, chat, 1, "many")) << "no number";
  const QString orders = "dgx-h200: accelerators that can be ordered";
  ASSERT_TRUE(edit(limits, orders, 2, "0"));
  EXPECT_EQ(quarters(limits, orders), (QStringList{"64", "128", "0", "128"}));
  const int run = rowOf(demand, "model: may run");
  ASSERT_TRUE(demand.setData(demand.index(run, PlanTable::kWhole), "2026-Q1 to 2026-Q4"));
  EXPECT_EQ(quarters(demand, "model: may run"), QStringList(4, "runs"));
  EXPECT_FALSE(demand.setData(demand.index(run, PlanTable::kWhole), "soon"));
  EXPECT_TRUE(document.problems().isEmpty()) << document.text().toStdString();
}

TEST_F(PlanTables, WhatAnotherScenarioStatesIsNotEdited) {
  QTemporaryDir folder;
  QFile base(folder.filePath("base.textproto"));
  ASSERT_TRUE(base.open(QIODevice::WriteOnly));
  base.write(kPlan);
  base.close();
  document.start("extends: \"base.textproto\"\n", folder.filePath("own.textproto"));
  PlanTable limits(&document, PlanTable::Of::limits);
  EXPECT_EQ(quarters(limits, "north: power at the feed").first(), "10 MW");
  EXPECT_FALSE(edit(limits, "north: power at the feed", 0, "1 MW"));
  // A field that is no list may be given anew.
  const int capital = rowOf(limits, "money for all that is bought");
  EXPECT_TRUE(limits.setData(limits.index(capital, PlanTable::kWhole), "9e6 USD"));
  EXPECT_TRUE(document.text().contains("capital: \"9e6 USD\""));
}

constexpr auto kOutcome = R"({"title": "Chat", "objective": "least_cost", "feasible": true,
 "stopped": false, "cost_usd": 5e7,
 "orders": [{"quarter": "2026-Q1", "working_from": "2026-Q2", "site": "north",
   "system": "dgx-h200", "units": 8, "chips": 64, "capital_usd": 2e6}],
 "quarters": [{"quarter": "2026-Q1", "installed_chips": 0, "working_chips": 0, "power_w": 0,
   "power_limit_w": 1e7, "running_usd": 0, "cost_usd": 0},
  {"quarter": "2026-Q2", "installed_chips": 64, "working_chips": 64, "power_w": 4e6,
   "power_limit_w": 1e7, "running_usd": 1e6, "cost_usd": 3e6}],
 "uses": [{"quarter": "2026-Q2", "site": "north", "system": "dgx-h200", "demand": "chat",
   "alternative": "dense", "layout": "tensor 8", "chips": 64, "tokens": 1e12}],
 "binding": [{"quarter": "2026-Q1", "limit": "orders", "value": 64, "worth": 100},
  {"quarter": "2026-Q2", "limit": "power of north", "value": 1e7, "worth": 0.01}],
 "conflicts": [], "sensitivity": [{"input": "price", "low": "-20 %", "at_low": 4e7,
   "high": "+20 %", "at_high": 6e7}, {"input": "power", "low": "-20 %", "at_low": null,
   "high": "+20 %", "at_high": 5e7}], "switches": [], "reference": "dgx-h200",
 "replacements": [], "left_out": []})";

TEST(PlanOutcome, SaysWhatToBuyWhatBindsAndWhatItHangsOn) {
  const PlanOutcome plan{"plan.json", QJsonDocument::fromJson(kOutcome).object()};
  const ViewContent content = plan_content(plan);
  ASSERT_EQ(content.figures.size(), 6);
  EXPECT_TRUE(content.note.startsWith("Buy 64 dgx-h200 for 2 M USD."))
      << content.note.toStdString();
  // Of what one per cent is worth 64 USD and 1,000 USD, the second is the bottleneck.
  EXPECT_TRUE(content.note.contains("The bottleneck: power of north, 2026-Q2"));
  EXPECT_EQ(content.figures[0].series[0].y, (QVector<double>{64, 0}));
  EXPECT_EQ(content.figures[2].series[0].y, (QVector<double>{0, 4}));
  EXPECT_EQ(content.figures[2].series[1].y, (QVector<double>{10, 6}));
  const Figure& tornado = content.figures[5];
  EXPECT_EQ(tornado.categories, QStringList{"price"});
  EXPECT_EQ(tornado.series[1].y, QVector<double>{20});
}

TEST(PlanOutcome, SaysWhichLimitsAreAtOdds) {
  const PlanOutcome plan{"plan.json", QJsonDocument::fromJson(R"({"feasible": false,
    "quarters": [], "conflicts": [{"limit": "power of north", "field": "plan.site[0].power",
    "file": "plan.textproto", "line": 14, "factor": 1.5, "remedy": "raise it to 15 MW"}]})")
                                          .object()};
  const ViewContent content = plan_content(plan);
  EXPECT_TRUE(content.figures.isEmpty());
  EXPECT_TRUE(content.note.contains("power of north (line 14): raise it to 15 MW"));
}

TEST(PlanView, RunAnswersBelowTheTables) {
  QTemporaryDir folder;
  QFile outcome(folder.filePath("ready.json"));
  ASSERT_TRUE(outcome.open(QIODevice::WriteOnly));
  outcome.write(kOutcome);
  outcome.close();
  qputenv("AISLE_BIN", write_script(folder.path(),
                                    "case $1 in plan) shift; while [ $# -gt 0 ]; do case $2 in "
                                    "*.json) cp \"$(dirname \"$0\")/ready.json\" \"$2\";; esac; "
                                    "shift; done;; *) cat > /dev/null; echo '{}';; esac\n")
                           .toLocal8Bit());
  QFile study(folder.filePath("chat.textproto"));
  ASSERT_TRUE(study.open(QIODevice::WriteOnly));
  study.write(kPlan);
  study.close();
  MainWindow window;
  window.show();
  window.open(study.fileName());
  EXPECT_EQ(window.places().current(), "plan");
  const auto* view = qobject_cast<PlanView*>(window.view("plan"));
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->tables().size(), 2);
  const int id = window.runStudy();
  EXPECT_TRUE(wait_until([&] { return view->tables().size() > 2; }))
      << window.runs().sentence(id).toStdString();
  EXPECT_EQ(window.runs().state(id), RunQueue::State::done);
  qunsetenv("AISLE_BIN");
}

TEST(PlanView, ABadFileIsASentence) {
  QTemporaryDir folder;
  QFile file(folder.filePath("plan.json"));
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(R"({"title": "x", "objective": "least_cost", "quart)");
  file.close();
  EXPECT_TRUE(is_plan(file.fileName()));
  Diagnostics diagnostics;
  EXPECT_FALSE(read_plan(file.fileName(), diagnostics));
  EXPECT_TRUE(to_lines(diagnostics).value(0).contains("truncated"));
}

}  // namespace
}  // namespace aisle::gui
