// SPDX-License-Identifier: Apache-2.0
// What the user can ask the window for: menus, tool bar, dialogs, export.
#include "gui/app/command_line.hpp"
#include "gui/app/main_window.hpp"
#include "gui/views/style.hpp"
#include "sim/study/study.hpp"

#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMessageBox>
#include <QPageSize>
#include <QPainter>
#include <QPdfWriter>
#include <QSettings>
#include <QToolBar>

#include <algorithm>
#include <utility>

namespace aisle::gui {

namespace {

constexpr double kPixelsPerInch = 96;

bool write_pdf(QWidget* widget, const QString& path) {
  QPdfWriter writer(path);
  const QSizeF inches = QSizeF(widget->size()) / kPixelsPerInch;
  writer.setPageSize(QPageSize(inches, QPageSize::Inch));
  writer.setPageMargins({});
  QPainter painter;
  if (!painter.begin(&writer)) return false;
  painter.scale(writer.logicalDpiX() / kPixelsPerInch, writer.logicalDpiY() / kPixelsPerInch);
  widget->render(&painter);
  return painter.end();
}

}  // namespace

void MainWindow::makeActions() {
  QMenu* file = menuBar()->addMenu("&File");
  const auto add = [this](QMenu* menu, const QString& text, const QKeySequence& keys, auto act) {
    auto* action = menu->addAction(text, this, act);
    action->setShortcut(keys);
    return action;
  };
  add(file, "&Open study...", QKeySequence::Open, [this] { openStudyDialog(); });
  add(file, "Open &result...", QKeySequence("Ctrl+Shift+O"), [this] { openResultDialog(); });
  recent_menu_ = file->addMenu("Open re&cent");
  file->addSeparator();
  add(file, "Export &picture...", QKeySequence("Ctrl+E"), [this] { exportPicture(); });
  add(file, "Export &tables (CSV)...", QKeySequence("Ctrl+Shift+E"), [this] { exportTables(); });
  file->addSeparator();
  add(file, "&Quit", QKeySequence::Quit, [this] { close(); });
  QMenu* run = menuBar()->addMenu("&Run");
  run_action_ = add(run, "&Run study", QKeySequence("Ctrl+R"), [this] { runStudy(); });
  cancel_action_ = add(run, "&Cancel", QKeySequence("Ctrl+."), [this] { job_.cancel(); });
  run_action_->setEnabled(false);
  cancel_action_->setEnabled(false);
  makeViewMenu();
  QMenu* help = menuBar()->addMenu("&Help");
  help->addAction("&About Aisle Explorer", this, [this] {
    QMessageBox::about(this, "Aisle Explorer",
                       QString("Aisle Explorer %1\n\nOpens, runs and explains scenarios of Aisle. "
                               "Numbers come from the program 'aisle', which runs beside this "
                               "window.\n\nApache-2.0; as a binary with QCustomPlot, GPL-3.")
                           .arg(sim::version().c_str()));
  });
}

void MainWindow::makeViewMenu() {
  QMenu* views = menuBar()->addMenu("&View");
  const QStringList names = view_names();
  for (int i = 0; i < names.size(); ++i) {
    const QString& name = names[i];
    auto* dock = findChild<QDockWidget*>(name);
    const QString title = dock == nullptr ? "&All views" : "Only " + dock->windowTitle().toLower();
    auto* action = views->addAction(title, this, [this, name] { showView(name); });
    action->setShortcut(QKeySequence(QString("Ctrl+%1").arg(i)));
  }
  views->addSeparator();
  for (auto* dock : findChildren<QDockWidget*>()) views->addAction(dock->toggleViewAction());
  views->addSeparator();
  auto* all = views->addAction("Timeline: whole step", this, [this] { selection_.showAll(); });
  all->setShortcut(QKeySequence("Ctrl+F"));
  auto* back = views->addAction("Timeline: previous range", this, [this] { selection_.back(); });
  back->setShortcut(QKeySequence("Alt+Left"));
}

void MainWindow::makeToolBar() {
  auto* bar = addToolBar("Run");
  bar->setObjectName("toolbar");
  bar->setMovable(false);
  study_label_ = new QLabel("No study open");
  QFont bold = font();
  bold.setBold(true);
  study_label_->setFont(bold);
  engine_box_ = new QComboBox;
  engine_box_->addItem("engine of the study", "");
  engine_box_->addItem("event engine", "event");
  engine_box_->addItem("analytic engine", "analytic");
  engine_box_->setAccessibleName("Engine");
  changes_edit_ = new QLineEdit;
  changes_edit_->setAccessibleName("Changes");
  changes_edit_->setPlaceholderText(
      "what if: cluster.scale_out.nic=800 Gb/s; workload.training.global_batch=7680");
  changes_edit_->setToolTip(
      "Fields of the scenario to change for this run, PATH=VALUE, separated by semicolons.\n"
      "'aisle explain PATH' says what a field means.");
  changes_edit_->setClearButtonEnabled(true);
  connect(changes_edit_, &QLineEdit::returnPressed, this, [this] { runStudy(); });
  run_action_->setIconText("Run");
  run_action_->setToolTip("Run the study in a child process (Ctrl+R)");
  bar->addWidget(study_label_);
  bar->addSeparator();
  bar->addWidget(engine_box_);
  bar->addWidget(changes_edit_);
  bar->addAction(run_action_);
  bar->widgetForAction(run_action_)->setObjectName("run");
  bar->addAction(cancel_action_);
}

void MainWindow::openStudyDialog() {
  const QString path = QFileDialog::getOpenFileName(this, "Open study", {},
                                                    "Scenarios (*.textproto);;All files (*)");
  if (!path.isEmpty()) open(path);
}

void MainWindow::openResultDialog() {
  const QString path =
      QFileDialog::getOpenFileName(this, "Open result", {}, "Results (*.pb);;All files (*)");
  if (!path.isEmpty()) open(path);
}

void MainWindow::exportPicture() {
  const QString path = QFileDialog::getSaveFileName(this, "Export picture of the window",
                                                    "aisle.png", "Pictures (*.png *.pdf)");
  if (path.isEmpty()) return;
  const bool written = path.endsWith(".pdf") ? write_pdf(this, path) : grab().save(path);
  if (!written) return complain({path + ": error: the picture could not be written"});
  message_->setText("Picture in " + path);
}

void MainWindow::exportTables() {
  if (result_.isEmpty()) return complain({"Nothing to export: open a result or run a study."});
  const QString folder = QFileDialog::getExistingDirectory(this, "Folder for the tables");
  if (folder.isEmpty()) return;
  const std::pair<const char*, const ResultTable*> tables[] = {{"metrics", &metrics_},
                                                               {"published", &comparison_},
                                                               {"breakdown", &parts_},
                                                               {"kernel-families", &families_},
                                                               {"memory", &memory_}};
  for (const auto& [name, table] : tables) {
    QFile file(QDir(folder).filePath(QString(name) + ".csv"));
    const QByteArray text = to_csv(table->table()).toUtf8();
    if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size())
      return complain({file.fileName() + ": error: " + file.errorString()});
  }
  message_->setText("Tables in " + folder);
}

void MainWindow::updateRecent() {
  recent_menu_->clear();
  const QStringList recent = QSettings().value("recent").toStringList();
  for (const auto& path : recent)
    if (QFileInfo::exists(path)) recent_menu_->addAction(path, this, [this, path] { open(path); });
  recent_menu_->setEnabled(!recent_menu_->isEmpty());
}

}  // namespace aisle::gui
