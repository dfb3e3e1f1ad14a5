// SPDX-License-Identifier: Apache-2.0
#include "gui/app/places.hpp"

#include <QDockWidget>
#include <QMainWindow>
#include <QTabBar>

#include <algorithm>

namespace aisle::gui {

namespace {

struct Place {
  const char* name;
  const char* title;
  QStringList views;
};

const QVector<Place>& places() {
  static const QVector<Place> all{{"start", "Start", {"start"}},
                                  {"scenario", "Scenario", {"studies", "scenario", "runs"}},
                                  {"result",
                                   "Result",
                                   {"summary", "breakdown", "memory", "network", "roofline",
                                    "topology", "cost", "timeline", "power", "serving", "log"}},
                                  {"compare", "Compare", {"compare", "runs"}},
                                  {"sweep", "Sweep", {"sweep", "runs"}},
                                  {"plan", "Plan", {"plan", "runs"}}};
  return all;
}

const Place& place_of(const QString& name) {
  const auto found = std::find_if(places().begin(), places().end(),
                                  [&](const Place& place) { return name == place.name; });
  return found == places().end() ? places().first() : *found;
}

}  // namespace

Places::Places(QMainWindow* window, const QVector<ViewEntry>& views)
    : QObject(window), window_(window), views_(views) {
  for (const auto& view : views) {
    auto* dock = new QDockWidget(view.title, window);
    dock->setObjectName(view.name);
    dock->setWidget(view.widget);
    dock->setAccessibleName(view.title);
    // The first page is no panel among others.
    if (view.name == "start") dock->setTitleBarWidget(new QWidget(dock));
    window->addDockWidget(Qt::LeftDockWidgetArea, dock);
    dock->hide();
  }
}

QStringList Places::names() {
  QStringList names;
  for (const auto& place : places()) names << place.name;
  return names;
}

QString Places::title(const QString& place) {
  return place_of(place).title;
}

QDockWidget* Places::dock(const QString& view) const {
  return window_->findChild<QDockWidget*>(view);
}

void Places::keep() {
  if (!current_.isEmpty() && !alone_) layouts_[current_] = window_->saveState();
}

QHash<QString, QByteArray> Places::layouts() {
  keep();
  return layouts_;
}

void Places::show(const QString& place) {
  if (place == current_ && !alone_) return;
  keep();
  current_ = place;
  alone_ = false;
  if (!layouts_.contains(place) || !window_->restoreState(layouts_[place])) arrange();
  styleTabs();
  emit shown(place);
}

void Places::reset() {
  layouts_.remove(current_);
  alone_ = false;
  arrange();
  styleTabs();
}

void Places::showAlone(const QString& view) {
  keep();
  alone_ = true;
  for (const auto& each : views_) {
    if (each.name == view && !dock(view)->isVisible())
      window_->addDockWidget(Qt::LeftDockWidgetArea, dock(view));
    dock(each.name)->setFloating(false);
    dock(each.name)->setVisible(each.name == view);
  }
}

void Places::raise(const QString& view) {
  dock(view)->show();
  dock(view)->raise();
}

void Places::arrange() {
  for (const auto& view : views_) {
    dock(view.name)->setFloating(false);
    window_->removeDockWidget(dock(view.name));
  }
  const Place& place = place_of(current_);
  // Each takes its room beside another that has its own: all below one another for a moment would
  // make the window higher.
  window_->addDockWidget(Qt::LeftDockWidgetArea, dock(place.views.first()));
  dock(place.views.first())->show();
  if (current_ == "result") return arrangeResult();
  if (current_ == "scenario") {
    window_->splitDockWidget(dock("studies"), dock("scenario"), Qt::Horizontal);
    window_->splitDockWidget(dock("scenario"), dock("runs"), Qt::Vertical);
    showAll(place.views);
    window_->resizeDocks({dock("studies"), dock("scenario")}, {230, 1100}, Qt::Horizontal);
    window_->resizeDocks({dock("scenario"), dock("runs")}, {620, 200}, Qt::Vertical);
  } else if (place.views.size() > 1) {
    window_->splitDockWidget(dock(current_), dock("runs"), Qt::Vertical);
    showAll(place.views);
    window_->resizeDocks({dock(current_), dock("runs")}, {540, 250}, Qt::Vertical);
  }
}

void Places::showAll(const QStringList& views) {
  for (const auto& view : views) dock(view)->show();
}

void Places::styleTabs() {
  for (auto* bar : window_->findChildren<QTabBar*>(QString(), Qt::FindDirectChildrenOnly)) {
    bar->setElideMode(Qt::ElideNone);
    bar->setUsesScrollButtons(true);
  }
}

void Places::arrangeResult() {
  window_->splitDockWidget(dock("summary"), dock("breakdown"), Qt::Horizontal);
  window_->splitDockWidget(dock("breakdown"), dock("timeline"), Qt::Vertical);
  window_->splitDockWidget(dock("breakdown"), dock("memory"), Qt::Horizontal);
  for (const auto* name : {"network", "roofline", "topology", "cost"})
    window_->tabifyDockWidget(dock("breakdown"), dock(name));
  for (const auto* name : {"power", "serving", "log"})
    window_->tabifyDockWidget(dock("timeline"), dock(name));
  showAll(place_of("result").views);
  dock("breakdown")->raise();
  dock("timeline")->raise();
  window_->resizeDocks({dock("summary"), dock("breakdown"), dock("memory")}, {440, 490, 360},
                       Qt::Horizontal);
  window_->resizeDocks({dock("breakdown"), dock("timeline")}, {440, 370}, Qt::Vertical);
}

}  // namespace aisle::gui
