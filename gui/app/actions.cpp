// SPDX-License-Identifier: Apache-2.0
// What the user can ask the window for: menus, tool bar, dialogs, export.
#include "gui/app/command_line.hpp"
#include "gui/app/export.hpp"
#include "gui/app/main_window.hpp"
#include "gui/views/exportable.hpp"
#include "gui/views/style.hpp"
#include "sim/study/study.hpp"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QDir>
#include <QDockWidget>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QMenuBar>
#include <QMessageBox>
#include <QSettings>
#include <QTextBrowser>
#include <QToolBar>
#include <QVBoxLayout>

#include <algorithm>
#include <utility>

namespace aisle::gui {

namespace {

template <typename Act>
QAction* add(QMenu* menu, const QString& text, const QKeySequence& keys, MainWindow* window,
             Act act) {
  auto* action = menu->addAction(text, window, act);
  action->setShortcut(keys);
  return action;
}

}  // namespace

void MainWindow::makeActions() {
  makeFileMenu();
  makeRunMenu();
  makeViewMenu();
  makeHelpMenu();
}

void MainWindow::makeFileMenu() {
  QMenu* file = menuBar()->addMenu("&File");
  add(file, "&Open scenario...", QKeySequence::Open, this, [this] { openStudyDialog(); });
  add(file, "Open &result or sweep...", QKeySequence("Ctrl+Shift+O"), this,
      [this] { openResultDialog(); });
  recent_menu_ = file->addMenu("Open re&cent");
  file->addSeparator();
  add(file, "Export &picture...", QKeySequence("Ctrl+E"), this, [this] { exportPicture(); });
  add(file, "Export &tables (CSV)...", QKeySequence("Ctrl+Shift+E"), this,
      [this] { exportTables(); });
  add(file, "Copy as &Markdown table", QKeySequence("Ctrl+Shift+C"), this,
      [this] { copyMarkdown(); });
  add(file, "&Write report...", QKeySequence("Ctrl+Shift+R"), this, [this] { writeReport(); });
  file->addSeparator();
  add(file, "&Quit", QKeySequence::Quit, this, [this] { close(); });
}

void MainWindow::makeRunMenu() {
  QMenu* run = menuBar()->addMenu("&Run");
  run_action_ = add(run, "&Run scenario", QKeySequence("Ctrl+R"), this, [this] { runStudy(); });
  add(run, "Run &sweep", QKeySequence("Ctrl+Shift+W"), this, [this] { runSweep({}); });
  search_action_ = add(run, "Search &layouts of serving (throughput and latency)",
                       QKeySequence("Ctrl+L"), this, [this] { searchServing(); });
  cancel_action_ =
      add(run, "&Cancel all runs", QKeySequence("Ctrl+."), this, [this] { runs_.cancelAll(); });
  run->addSeparator();
  pin_action_ = add(run, "&Pin result for comparison", QKeySequence("Ctrl+P"), this, [this] {
    pins_.pin(result_.opened());
    message_->setText(
        QString("%1 pinned; Compare (Ctrl+4) sets them side by side").arg(pins_.rowCount()));
  });
  add(run, "&Dense against sparse", QKeySequence("Ctrl+D"), this,
      [this] { ask(StartView::Question::dense_or_sparse); });
  for (auto* action : {run_action_, search_action_, cancel_action_, pin_action_})
    action->setEnabled(false);
}

void MainWindow::makeViewMenu() {
  QMenu* views = menuBar()->addMenu("&View");
  const QStringList names = Places::names();
  for (int i = 0; i < names.size(); ++i)
    add(views, Places::title(names[i]), QKeySequence(QString("Ctrl+%1").arg(i + 1)), this,
        [this, place = names[i]] { places_->show(place); });
  add(views, "Layout as it was at first", QKeySequence("Ctrl+0"), this,
      [this] { places_->reset(); });
  QMenu* alone = views->addMenu("Show &alone");
  for (const auto& name : view_names())
    if (auto* dock = places_->dock(name); dock != nullptr)
      alone->addAction(dock->windowTitle(), this, [this, name] { showView(name); });
  QMenu* panels = views->addMenu("&Panels");
  for (auto* dock : findChildren<QDockWidget*>()) panels->addAction(dock->toggleViewAction());
  views->addSeparator();
  dark_action_ = add(views, "&Dark theme", QKeySequence("Ctrl+Shift+D"), this,
                     [this] { setDark(!theme().dark); });
  dark_action_->setCheckable(true);
  views->addSeparator();
  add(views, "Timeline: put another one beside...", QKeySequence("Ctrl+B"), this,
      [this] { putBesideDialog(); });
  add(views, "Timeline: whole step", QKeySequence("Ctrl+F"), this,
      [this] { selection_.showAll(); });
  add(views, "Timeline: previous range", QKeySequence("Alt+Left"), this,
      [this] { selection_.back(); });
}

void MainWindow::makeHelpMenu() {
  QMenu* help = menuBar()->addMenu("&Help");
  add(help, "&Keys and gestures", QKeySequence::HelpContents, this, [this] { showKeys(); });
  help->addAction("&About Aisle Explorer", this, [this] {
    QMessageBox::about(this, "Aisle Explorer",
                       QString("Aisle Explorer %1\n\nOpens, runs and explains scenarios of Aisle. "
                               "Numbers come from the program 'aisle', which runs beside this "
                               "window.\n\nApache-2.0; as a binary with QCustomPlot, GPL-3.")
                           .arg(sim::version().c_str()));
  });
}

void MainWindow::showKeys() {
  // From the menus themselves, so that the list is always right.
  QString rows;
  for (auto* menu : menuBar()->findChildren<QMenu*>()) {
    for (auto* action : menu->actions()) {
      if (action->shortcut().isEmpty()) continue;
      QString text = action->text();
      rows += QString("<tr><td><b>%1</b></td><td>%2</td></tr>")
                  .arg(action->shortcut().toString(QKeySequence::NativeText),
                       text.remove('&').toHtmlEscaped());
    }
  }
  for (const auto& [keys, what] : {
           std::pair<const char*, const char*>{"wheel, + and -", "Timeline and plots: zoom"},
           {"drag", "Timeline and plots: move"},
           {"Shift + drag", "Timeline: choose a range"},
           {"drag in the scatter of a sweep", "choose its points"},
           {"double click", "Timeline: fit the span; plots: show all"},
           {"F2 or typing", "Form: edit the value"},
           {"Delete", "Form: remove the field from the scenario"},
           {"Ctrl+Z, Ctrl+Shift+Z, Ctrl+S, Ctrl+Shift+S", "Scenario: undo, redo, save, save as"},
       })
    rows += QString("<tr><td><b>%1</b></td><td>%2</td></tr>").arg(keys, what);
  QDialog dialog(this);
  dialog.setObjectName("keys");
  dialog.setWindowTitle("Keys and gestures");
  auto* text = new QTextBrowser(&dialog);
  text->setHtml("<table cellpadding='4'>" + rows + "</table>");
  auto* column = new QVBoxLayout(&dialog);
  column->addWidget(text);
  dialog.resize(620, 640);
  dialog.exec();
}

void MainWindow::makePlacesBar() {
  auto* bar = new QToolBar("Places", this);
  bar->setObjectName("places");
  bar->setMovable(false);
  addToolBar(Qt::LeftToolBarArea, bar);
  const QStringList names = Places::names();
  for (int i = 0; i < names.size(); ++i) {
    const QString& place = names[i];
    auto* action =
        bar->addAction(Places::title(place), this, [this, place] { places_->show(place); });
    action->setCheckable(true);
    action->setToolTip(QString("%1 (Ctrl+%2)").arg(Places::title(place)).arg(i + 1));
    bar->widgetForAction(action)->setObjectName("place " + place);
    connect(places_, &Places::shown, action,
            [action, place](const QString& shown) { action->setChecked(shown == place); });
  }
}

void MainWindow::makeToolBar() {
  auto* bar = addToolBar("Run");
  bar->setObjectName("toolbar");
  bar->setMovable(false);
  study_label_ = new QLabel("No study open");
  study_label_->setProperty("tone", "heading");
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
      "The form of the scenario names every field.");
  changes_edit_->setClearButtonEnabled(true);
  connect(changes_edit_, &QLineEdit::returnPressed, this, [this] { runStudy(); });
  run_action_->setIconText("Run");
  run_action_->setToolTip("Run the scenario in a child process (Ctrl+R)");
  cancel_action_->setIconText("Cancel");
  pin_action_->setIconText("Pin");
  pin_action_->setToolTip("Pin the result for comparison (Ctrl+P)");
  bar->addWidget(study_label_);
  bar->addSeparator();
  bar->addWidget(engine_box_);
  bar->addWidget(changes_edit_);
  bar->addAction(run_action_);
  bar->widgetForAction(run_action_)->setObjectName("run");
  bar->addAction(cancel_action_);
  bar->addAction(pin_action_);
}

void MainWindow::openStudyDialog() {
  const QString path = QFileDialog::getOpenFileName(this, "Open study", {},
                                                    "Scenarios (*.textproto);;All files (*)");
  if (!path.isEmpty()) open(path);
}

void MainWindow::putBesideDialog() {
  const QString path = QFileDialog::getOpenFileName(
      this, "Recorded trace or result to put beside the timeline", {},
      "Traces and results (*.json *.json.gz *.sqlite *.et *.aisletrace *.pb);;All files (*)");
  if (!path.isEmpty()) putBeside(path);
}

void MainWindow::openResultDialog() {
  const QString path = QFileDialog::getOpenFileName(
      this, "Open result", {}, "Results, sweeps and plans (*.pb *.db *.json);;All files (*)");
  if (!path.isEmpty()) open(path);
}

QString MainWindow::activeView() const {
  // The dock that holds the focus; else the first of the place.
  for (QWidget* at = QApplication::focusWidget(); at != nullptr; at = at->parentWidget())
    if (const auto* dock = qobject_cast<QDockWidget*>(at); dock != nullptr)
      return dock->objectName();
  for (auto* dock : findChildren<QDockWidget*>())
    if (dock->isVisible() && dynamic_cast<Exportable*>(dock->widget()) != nullptr)
      return dock->objectName();
  return "window";
}

void MainWindow::exportPicture() {
  const QString name = activeView();
  QWidget* shown = view(name);
  const QString path = QFileDialog::getSaveFileName(
      this, "Export picture of: " + (shown == this ? "window" : shown->accessibleName()),
      QString("aisle-%1.pdf").arg(name), "Pictures (*.pdf *.svg *.png)");
  QString error;
  if (path.isEmpty()) return;
  if (!write_picture(*shown, path, &error)) return complain({error});
  message_->setText("Picture in " + path);
}

QVector<NamedTable> MainWindow::tablesOf(const QString& name) {
  if (const auto* exportable = dynamic_cast<Exportable*>(view(name)); exportable != nullptr)
    return exportable->tables();
  if (name == "memory") return {{"memory", memory_.table()}};
  if (name == "breakdown")
    return {{"breakdown", parts_.table()}, {"kernel-families", families_.table()}};
  if (name == "summary") return {{"metrics", metrics_.table()}, {"published", comparison_.table()}};
  QVector<NamedTable> all;
  for (const auto& each : view_names())
    if (each != "window") all << tablesOf(each);
  return all;
}

void MainWindow::exportTables() {
  const auto tables = tablesOf("window");
  const bool any = std::any_of(tables.begin(), tables.end(),
                               [](const NamedTable& each) { return !each.table.rows.isEmpty(); });
  if (!any) return complain({"Nothing to export: open a result or run a study."});
  const QString folder = QFileDialog::getExistingDirectory(this, "Folder for the tables");
  QString error;
  if (folder.isEmpty()) return;
  if (!write_tables(tables, folder, &error)) return complain({error});
  message_->setText("Tables in " + folder);
}

void MainWindow::copyMarkdown() {
  QStringList texts;
  for (const auto& named : tablesOf(activeView()))
    if (!named.table.rows.isEmpty()) texts << to_markdown(named.table);
  if (texts.isEmpty()) return complain({"No table to copy: open a result or run a study."});
  QApplication::clipboard()->setText(texts.join('\n'));
  message_->setText("Copied as Markdown");
}

void MainWindow::updateRecent() {
  recent_menu_->clear();
  const QStringList recent = QSettings().value("recent").toStringList();
  for (const auto& path : recent)
    if (QFileInfo::exists(path)) recent_menu_->addAction(path, this, [this, path] { open(path); });
  recent_menu_->setEnabled(!recent_menu_->isEmpty());
  QStringList there;
  for (const auto& path : recent)
    if (QFileInfo::exists(path)) there << path;
  start_view_->setRecent(there);
}

}  // namespace aisle::gui
