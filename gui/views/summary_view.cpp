// SPDX-License-Identifier: Apache-2.0
#include "gui/views/summary_view.hpp"

#include "gui/models/result_table.hpp"
#include "gui/views/style.hpp"

#include <QFrame>
#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QTableView>
#include <QVBoxLayout>

namespace aisle::gui {

namespace {

constexpr int kRoomForPublished = 440, kRoomForBound = 560, kRoomForSource = 1000;

QLabel* add_label(QVBoxLayout* column, const char* tone) {
  auto* label = new QLabel;
  label->setWordWrap(true);
  label->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Maximum);
  label->setProperty("tone", tone);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse);
  column->addWidget(label);
  return label;
}

void set_text(QLabel* label, const QString& text) {
  label->setText(text);
  label->setVisible(!text.isEmpty());
}

QFrame* make_card(const Headline& headline) {
  auto* card = new QFrame;
  card->setObjectName("card");
  card->setToolTip("basis: " + headline.basis);
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(12, 8, 12, 8);
  column->setSpacing(1);
  const auto add = [&](const QString& text) {
    auto* label = new QLabel(text);
    label->setWordWrap(true);
    column->addWidget(label);
  };
  const QString muted = html(theme().muted);
  add(QString("<span style='color:%1'>%2</span>").arg(muted, headline.label.toHtmlEscaped()));
  add(QString("<span style='font-size:17pt; font-weight:600; color:%1'>%2</span> "
              "<span style='color:%3'>%4</span>")
          .arg(html(theme().figure), headline.value.toHtmlEscaped(), muted,
               headline.unit.toHtmlEscaped()));
  const QString below = headline.against.isEmpty() ? headline.basis : headline.against;
  add(QString("<span style='font-size:8pt; color:%1'>%2</span>").arg(muted, below.toHtmlEscaped()));
  column->addStretch();
  return card;
}

}  // namespace

SummaryView::SummaryView(ResultTable* metrics, ResultTable* comparison, QWidget* parent)
    : QScrollArea(parent), metrics_(metrics), comparison_(comparison) {
  setAccessibleName("Summary");
  setWidgetResizable(true);
  setFrameShape(QFrame::NoFrame);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* page = new QWidget;
  page->setAutoFillBackground(true);
  page->setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(page);
  column->setContentsMargins(14, 12, 14, 12);
  column->setSpacing(8);
  title_ = add_label(column, "title");
  question_ = add_label(column, "muted");
  description_ = add_label(column, "muted");
  notice_ = add_label(column, "notice");
  cards_ = new QWidget;
  card_grid_ = new QGridLayout(cards_);
  card_grid_->setContentsMargins(0, 2, 0, 2);
  card_grid_->setSpacing(8);
  column->addWidget(cards_);
  comparison_table_ =
      addTable(column, "Beside published figures", comparison_, &comparison_section_);
  metrics_table_ = addTable(column, "All metrics", metrics_, &metrics_section_);
  caveats_ = add_label(column, "muted");
  column->addStretch(1);
  setWidget(page);
  showStudy("Aisle Explorer", "",
            "Answers how long a model trains, what it costs and what binds it, on hardware that "
            "is not bought yet.",
            "Choose a study in the list and press Run (Ctrl+R), or open a result (Ctrl+Shift+O). "
            "Files can be dropped onto the window.");
}

QTableView* SummaryView::addTable(QVBoxLayout* column, const QString& caption, ResultTable* model,
                                  QWidget** section) {
  *section = new QWidget;
  auto* inner = new QVBoxLayout(*section);
  inner->setContentsMargins(0, 4, 0, 0);
  inner->setSpacing(4);
  auto* label = add_label(inner, "heading");
  label->setText(caption);
  auto* table = new QTableView;
  table->setModel(model);
  table->setAccessibleName(caption);
  table->setAlternatingRowColors(true);
  table->setShowGrid(false);
  table->setSelectionBehavior(QAbstractItemView::SelectRows);
  table->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  table->setFocusPolicy(Qt::ClickFocus);
  table->verticalHeader()->hide();
  table->verticalHeader()->setMinimumSectionSize(20);
  table->horizontalHeader()->setHighlightSections(false);
  // The header learns its width after this view has learnt its own.
  connect(table->horizontalHeader(), &QHeaderView::sectionResized, this,
          [table](int resized, int, int width) {
            if (resized == 0) fitRows(table, 0, width);
          });
  inner->addWidget(table);
  column->addWidget(*section);
  return table;
}

void SummaryView::fit(QTableView* table, int stretched) {
  auto* header = table->horizontalHeader();
  header->setSectionResizeMode(QHeaderView::ResizeToContents);
  header->setSectionResizeMode(stretched, QHeaderView::Stretch);
  fitRows(table, stretched, table->columnWidth(stretched));
}

void SummaryView::fitRows(QTableView* table, int stretched, int width) {
  // A long name takes two lines; as high as its rows, the table scrolls with the page.
  const auto* header = table->horizontalHeader();
  const int room = width - 8;
  for (int row = 0; row < table->model()->rowCount(); ++row) {
    const QString name = table->model()->index(row, stretched).data().toString();
    const int lines = table->fontMetrics().horizontalAdvance(name) > room ? 2 : 1;
    table->setRowHeight(row, lines * table->fontMetrics().lineSpacing() + 8);
  }
  table->setFixedHeight(header->sizeHint().height() + table->verticalHeader()->length() + 4);
}

void SummaryView::showCards(const QVector<Headline>& headlines) {
  while (auto* item = card_grid_->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  const int columns = width() < kRoomForSource ? 2 : 4;
  for (int i = 0; i < static_cast<int>(headlines.size()); ++i)
    card_grid_->addWidget(make_card(headlines[i]), i / columns, i % columns);
  cards_->setVisible(!headlines.isEmpty());
}

void SummaryView::setTablesVisible(bool visible) {
  metrics_section_->setVisible(visible && metrics_->rowCount() > 0);
  comparison_section_->setVisible(visible && comparison_->rowCount() > 0);
}

void SummaryView::chooseColumns() {
  if (comparison_->columnCount() > 0) {
    // Source, bound and published figure need room; narrow, they stand in the tool-tips.
    comparison_table_->setColumnHidden(comparison_->columnCount() - 1, width() < kRoomForSource);
    comparison_table_->setColumnHidden(comparison_->columnCount() - 2, width() < kRoomForBound);
    comparison_table_->setColumnHidden(2, width() < kRoomForPublished);
    fit(comparison_table_, 0);
  }
  if (metrics_->columnCount() > 0) fit(metrics_table_, 0);
}

void SummaryView::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  chooseColumns();
}

void SummaryView::showResult(const RunFacts& facts, const QVector<Headline>& headlines) {
  set_text(title_, facts.title);
  set_text(question_, facts.question);
  set_text(description_, {});
  set_text(notice_, facts.feasible ? QString() : "Does not run as asked: " + facts.reason);
  showCards(headlines);
  setTablesVisible(true);
  chooseColumns();
  QString caveats;
  for (const auto& caveat : facts.caveats) caveats += "<li>" + caveat.toHtmlEscaped() + "</li>";
  set_text(caveats_, caveats.isEmpty()
                         ? QString()
                         : "<b>Caveats</b><ul style='margin-left:-22px'>" + caveats + "</ul>");
}

void SummaryView::setNotice(const QString& text) {
  set_text(notice_, text);
}

void SummaryView::showStudy(const QString& title, const QString& question,
                            const QString& description, const QString& advice) {
  set_text(title_, title);
  set_text(question_, question);
  set_text(notice_, advice);
  set_text(description_, description);
  set_text(caveats_, {});
  showCards({});
  setTablesVisible(false);
}

}  // namespace aisle::gui
