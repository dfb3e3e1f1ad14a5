// SPDX-License-Identifier: Apache-2.0
#include "gui/models/catalogue_reader.hpp"
#include "gui/models/scenario/document.hpp"
#include "gui/models/scenario/form_model.hpp"
#include "gui/models/scenario/schema.hpp"
#include "gui/models/scenario/text_fields.hpp"
#include "gui/views/scenario/scenario_view.hpp"
#include "tests/gui/fixture.hpp"

#include <QDir>
#include <QFile>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QTemporaryDir>
#include <QTest>
#include <QTreeView>

namespace aisle::gui {
namespace {

constexpr auto kText = R"(# a job
title: "Half of it"  # a note
cluster {
  accelerator: "h800-sxm"
  count: 2048
  scale_up { size: 8 }
}
workload { training { model: "deepseek-v3" global_batch: 64 } }
reference { metric: "mfu" value: 0.4 }
reference { metric: "step_time_s" value: 20 }
)";

const TextField* at(const QVector<TextField>& fields, const QString& path) {
  for (const auto& field : fields)
    if (field.path == path) return &field;
  return nullptr;
}

TEST(TextFields, AreFoundWithTheirPathsValuesAndLines) {
  const QString text(kText);
  const auto fields = scan_fields(text);
  const auto* count = at(fields, "cluster.count");
  ASSERT_NE(count, nullptr);
  EXPECT_EQ(plain_value(text, *count), "2048");
  EXPECT_EQ(count->line, 5);
  ASSERT_NE(at(fields, "cluster.scale_up.size"), nullptr);
  ASSERT_NE(at(fields, "reference[1].metric"), nullptr);
  EXPECT_EQ(plain_value(text, *at(fields, "reference[0].metric")), "mfu");
  EXPECT_TRUE(at(fields, "cluster")->group);
}

TEST(TextFields, TextsInPiecesAreOneValue) {
  const QString text("a: \"one \"  # so far\n   \"two\\\"\"\nb: [1, 2]\nc: 'x'");
  const auto fields = scan_fields(text);
  ASSERT_EQ(fields.size(), 3);
  EXPECT_EQ(plain_value(text, fields[0]), "one two\"");
  EXPECT_EQ(plain_value(text, fields[1]), "[1, 2]");
  EXPECT_EQ(fields[1].line, 3);
  EXPECT_EQ(plain_value(text, fields[2]), "x");
}

TEST(TextFields, EditsLeaveCommentsAndLayoutAlone) {
  QString text = with_field(kText, "cluster.count", "4096");
  EXPECT_TRUE(text.contains("  count: 4096\n  scale_up"));
  EXPECT_TRUE(text.contains("# a note"));
  text = with_field(text, "cluster.power_cap", "\"500 W\"");
  EXPECT_TRUE(text.contains("  scale_up { size: 8 }\n  power_cap: \"500 W\"\n}"))
      << text.toStdString();
  text = with_field(text, "cluster.scale_up.bandwidth", "\"200 GB/s\"");
  EXPECT_TRUE(text.contains("scale_up { size: 8 bandwidth: \"200 GB/s\" }")) << text.toStdString();
  text = with_field(text, "cluster.scale_out.nic", "\"800 Gb/s\"");
  EXPECT_TRUE(text.contains("  scale_out { nic: \"800 Gb/s\" }\n}")) << text.toStdString();
  text = with_field(text, "seed", "7");
  EXPECT_TRUE(text.endsWith("seed: 7\n"));
}

TEST(TextFields, RemovingAFieldRemovesItsLineOrItsPart) {
  EXPECT_FALSE(without_field(kText, "cluster.count").contains("count:"));
  EXPECT_EQ(without_field(kText, "cluster.count").count('\n'), QString(kText).count('\n') - 1);
  EXPECT_TRUE(without_field(kText, "workload.training.global_batch")
                  .contains("training { model: \"deepseek-v3\" }"));
  EXPECT_EQ(without_field(kText, "nothing"), QString(kText));
}

TEST(TextFields, BrokenTextGivesWhatComesBefore) {
  for (const QString text : {"a: 1 b { c: 2", "a: 1\nb: \"open\n", "a: 1 ]", "a: 1 b", "a: 1 b {"})
    EXPECT_FALSE(scan_fields(text).isEmpty()) << text.toStdString();
  // Whatever is cut off, nothing is read beyond the end.
  const QString whole(kText);
  for (qsizetype i = 0; i <= whole.size(); ++i) scan_fields(whole.left(i));
}

TEST(Schema, KnowsFieldsWithTheirMeaning) {
  QString error;
  const auto schema = Schema::read(&error);
  ASSERT_TRUE(schema) << error.toStdString();
  const auto* nic = schema->field("cluster.scale_out.nic");
  ASSERT_NE(nic, nullptr);
  EXPECT_EQ(nic->example(), "400 Gb/s");
  EXPECT_EQ(schema->field("cluster.accelerator")->catalogue, "accelerators");
  EXPECT_TRUE(schema->field("workload.training.recompute")->values.contains("selective"));
  EXPECT_TRUE(schema->field("reference[1].value") != nullptr);
  EXPECT_EQ(schema->field("cluster.nothing"), nullptr);
  const auto found = schema->find("power cap", 5);
  ASSERT_FALSE(found.isEmpty());
  EXPECT_EQ(found.first()->path, "cluster.power_cap");
}

TEST(Schema, CatalogueNamesAreThere) {
  QString error;
  const auto schema = Schema::read(&error);
  CatalogueReader catalogue;
  for (const auto* path :
       {"cluster.accelerator", "cluster.system", "cluster.scale_out.fabric",
        "workload.training.model", "workload.serving.model", "workload.replay.from"}) {
    const auto* field = schema->field(path);
    ASSERT_NE(field, nullptr) << path;
    EXPECT_FALSE(catalogue.names(field->catalogue).isEmpty()) << path;
  }
}

TEST(Document, FormAndTextAreInStep) {
  ScenarioDocument document;
  document.start(kText, "/tmp/x.textproto");
  document.setField("cluster.count", "1024");
  EXPECT_TRUE(document.text().contains("count: 1024"));
  document.setField("title", "A \"new\" one");
  EXPECT_TRUE(document.text().contains("title: \"A \\\"new\\\" one\""));
  document.setText(document.text().replace("1024", "512"), true);
  const auto& fields = document.fields();
  const auto count = std::find_if(fields.begin(), fields.end(),
                                  [](const auto& field) { return field.path == "cluster.count"; });
  ASSERT_NE(count, fields.end());
  EXPECT_EQ(count->value, "512");
  document.undo();
  document.undo();
  document.undo();
  EXPECT_EQ(document.text(), QString(kText));
  EXPECT_FALSE(document.canUndo());
  document.redo();
  EXPECT_TRUE(document.text().contains("count: 1024"));
}

TEST(Document, TypingIsUndoneTogether) {
  ScenarioDocument document;
  document.start("seed: 1\n", "/tmp/x.textproto");
  for (const auto* text : {"seed: 12\n", "seed: 123\n", "seed: 1234\n"})
    document.setText(text, true);
  document.undo();
  EXPECT_EQ(document.text(), "seed: 1\n");
}

TEST(Document, TellsWhatDiffersFromTheScenarioThatItExtends) {
  QTemporaryDir folder;
  write_study(folder.path(), "Base");
  ScenarioDocument document;
  document.start("extends: \"study.textproto\"\ncluster { count: 16 }\nseed: 3\n",
                 folder.filePath("own.textproto"));
  EXPECT_TRUE(document.problems().isEmpty());
  const Table differences = document.differences();
  ASSERT_EQ(differences.rows.size(), 2);
  EXPECT_EQ(differences.rows[0][0].text, "cluster.count");
  EXPECT_EQ(differences.rows[0][1].text, "8");
  EXPECT_EQ(differences.rows[0][2].text, "16");
  // Saved elsewhere it still finds its base.
  QString error;
  QDir(folder.path()).mkpath("deeper");
  ASSERT_TRUE(document.save(folder.filePath("deeper/own.textproto"), &error))
      << error.toStdString();
  EXPECT_TRUE(document.text().contains("../study.textproto"));
  EXPECT_FALSE(document.isModified());
  EXPECT_TRUE(document.problems().isEmpty());
  EXPECT_FALSE(document.save("/nowhere/x.textproto", &error));
  EXPECT_TRUE(error.startsWith("/nowhere/x.textproto: error: "));
}

TEST(Document, ProblemsHaveLineAndField) {
  ScenarioDocument document;
  document.start("cluster {\n  cout: 8\n}\n", "/tmp/x.textproto");
  ASSERT_EQ(document.problems().size(), 1);
  EXPECT_EQ(document.problems()[0].line, 2);
  EXPECT_TRUE(document.problems()[0].sentence.contains("count"));
  const Problem read = to_problem(
      "/tmp/x.textproto:3:9: error: cluster.count: is negative (give more)", "/tmp/x.textproto");
  EXPECT_EQ(read.line, 3);
  EXPECT_EQ(read.field, "cluster.count");
  EXPECT_EQ(read.sentence, "is negative (give more)");
}

TEST_F(ModelRules, FormObeysThemThroughEveryChange) {
  ScenarioDocument document;
  FormModel form(&document);
  QAbstractItemModelTester tester(&form, Mode::Warning);
  document.start(kText, "/tmp/x.textproto");
  EXPECT_EQ(form.rowCount(), 5);
  const QModelIndex count = form.rowOf("cluster.count").siblingAtColumn(FormModel::kValue);
  EXPECT_EQ(count.data().toString(), "2048");
  EXPECT_TRUE(form.setData(count, "64"));
  EXPECT_TRUE(document.text().contains("count: 64"));
  const QModelIndex added = form.addField("cluster.power_cap");
  EXPECT_TRUE(added.data().toString().isEmpty());
  EXPECT_FALSE(document.text().contains("power_cap"));
  EXPECT_TRUE(form.setData(added, "500 W"));
  EXPECT_TRUE(document.text().contains("power_cap: \"500 W\""));
  EXPECT_TRUE(form.setData(form.rowOf("cluster.power_cap").siblingAtColumn(1), ""));
  EXPECT_FALSE(document.text().contains("power_cap"));
  document.undo();
  form.setProblems({{1, 1, "cluster.power_cap", "too low", false}});
  EXPECT_EQ(form.rowOf("cluster.power_cap").data(FormModel::kProblem).toString(), "too low");
  document.start("", "/tmp/y.textproto");
  EXPECT_EQ(form.rowCount(), 0);
}

class ScenarioViewTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = write_study(folder_.path(), "Mine");
    qputenv("AISLE_BIN",
            write_script(folder_.path(),
                         "cat > \"$(dirname \"$0\")/seen\"\n"
                         "echo '{\"good\": false, \"studies\": [], \"errors\": [\"'$2':3:10: "
                         "error: cluster.accelerator: no such chip (try h100)\"]}'\nexit 2\n")
                .toLocal8Bit());
  }

  void TearDown() override { qunsetenv("AISLE_BIN"); }

  QTemporaryDir folder_;
  QString path_;
  ScenarioDocument document_;
  CatalogueReader catalogue_;
};

TEST_F(ScenarioViewTest, EditsByKeysAndShowsTheCheckAtItsFieldAndLine) {
  QString error;
  ASSERT_TRUE(document_.open(path_, &error));
  ScenarioView view(&document_, &catalogue_);
  view.resize(1100, 700);
  view.show();
  // Shortcuts are the active window's; an X server without a window manager has none.
  QApplication::setActiveWindow(&view);
  ASSERT_TRUE(wait_until([&] { return !view.checker().problems().isEmpty(); }));
  EXPECT_EQ(view.problems().first().line, 3);
  auto* list = view.findChild<QListWidget*>();
  ASSERT_NE(list, nullptr);
  EXPECT_TRUE(list->item(0)->text().contains("no such chip"));
  EXPECT_FALSE(document_.isModified());

  view.edit("cluster.count");
  auto* tree = view.findChild<QTreeView*>();
  auto* line = tree->findChild<QLineEdit*>();
  ASSERT_NE(line, nullptr);
  line->selectAll();
  QTest::keyClicks(line, "16");
  QTest::keyClick(line, Qt::Key_Return);
  EXPECT_TRUE(wait_until([&] { return document_.text().contains("count: 16"); }));
  EXPECT_TRUE(document_.isModified());
  auto* text = view.findChild<QPlainTextEdit*>();
  EXPECT_EQ(text->toPlainText(), document_.text());
  QTest::keyClick(tree, Qt::Key_Z, Qt::ControlModifier);
  EXPECT_FALSE(document_.isModified());
  EXPECT_EQ(text->toPlainText(), document_.text());
  // The check gets the text of the editor, not that of the file.
  text->setPlainText("seed: 5\n");
  EXPECT_TRUE(wait_until([&] {
    QFile seen(folder_.filePath("seen"));
    return seen.open(QIODevice::ReadOnly) && seen.readAll() == "seed: 5\n";
  }));
}

TEST_F(ScenarioViewTest, AddsAFieldByWords) {
  QString error;
  ASSERT_TRUE(document_.open(path_, &error));
  ScenarioView view(&document_, &catalogue_);
  view.resize(1100, 700);
  view.show();
  auto* find = view.findChild<QLineEdit*>();
  ASSERT_NE(find, nullptr);
  QTest::keyClicks(find, "power cap");
  QTest::keyClick(find, Qt::Key_Return);
  auto* tree = view.findChild<QTreeView*>();
  EXPECT_EQ(tree->currentIndex().data(FormModel::kPath).toString(), "cluster.power_cap");
}

}  // namespace
}  // namespace aisle::gui
