// SPDX-License-Identifier: Apache-2.0
#include "gui/views/start_view.hpp"

#include "gui/views/style.hpp"

#include <QDir>
#include <QFileInfo>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace aisle::gui {

namespace {

constexpr int kWidth = 980;
constexpr qsizetype kMostRecent = 6;

QLabel* label(const QString& text, const char* tone) {
  auto* made = new QLabel(text);
  made->setProperty("tone", tone);
  made->setWordWrap(true);
  return made;
}

QFrame* make_card(const QString& question, const QString& answer, QPushButton* button) {
  auto* card = new QFrame;
  card->setObjectName("card");
  auto* column = new QVBoxLayout(card);
  column->setContentsMargins(16, 14, 16, 14);
  column->setSpacing(8);
  column->addWidget(label(question, "title"));
  column->addWidget(label(answer, "muted"), 1);
  button->setProperty("primary", true);
  column->addWidget(button, 0, Qt::AlignLeft);
  return card;
}

}  // namespace

StartView::StartView(QWidget* parent) : QWidget(parent) {
  setAccessibleName("Start");
  setAutoFillBackground(true);
  setBackgroundRole(QPalette::Base);
  auto* page = new QWidget;
  page->setMaximumWidth(kWidth);
  auto* column = new QVBoxLayout(page);
  column->setSpacing(12);
  auto* title = label("What do you want to know before anything is bought?", "title");
  column->addWidget(title);
  column->addWidget(
      label("Each question starts runs of the program aisle beside this window; they "
            "take a few seconds. Everything shown comes from their result files.",
            "muted"));

  const struct {
    Question question;
    const char *title, *answer, *button, *name;
  } cards[] = {
      {Question::how_long, "How long does DeepSeek-V3 train on 2,048 H800?",
       "One step, what hides behind what, memory, power and cost, beside published figures.",
       "Run the step", "ask how long"},
      {Question::dense_or_sparse, "Dense or sparse, on H100 or on H800?",
       "Llama 3.1 405B and DeepSeek-V3 on 2,048 of each: four runs side by side, differences "
       "explained by resource.",
       "Run and compare", "ask dense or sparse"},
      {Question::half_network, "What would half the network cost?",
       "The DeepSeek-V3 step with 400 Gb/s and with 200 Gb/s for each accelerator.", "Run both",
       "ask half the network"}};

  auto* row = new QHBoxLayout;
  row->setSpacing(12);
  for (const auto& card : cards) {
    auto* button = new QPushButton(card.button);
    button->setObjectName(card.name);
    button->setAccessibleName(QString("%1: %2").arg(card.button, card.title));
    const Question question = card.question;
    connect(button, &QPushButton::clicked, this, [this, question] { emit asked(question); });
    row->addWidget(make_card(card.title, card.answer, button), 1);
  }
  column->addLayout(row);
  auto* own = new QHBoxLayout;
  auto* study = new QPushButton("Open a scenario...");
  auto* file = new QPushButton("Open a result or sweep...");
  connect(study, &QPushButton::clicked, this, &StartView::openStudyAsked);
  connect(file, &QPushButton::clicked, this, &StartView::openFileAsked);
  auto* own_label = label("Your own question:", "heading");
  own_label->setWordWrap(false);
  own->addWidget(own_label);
  own->addWidget(study);
  own->addWidget(file);
  own->addStretch();
  column->addSpacing(8);
  column->addLayout(own);
  column->addWidget(
      label("Scenarios, results, databases of sweeps and recorded traces can be "
            "dropped onto the window. F1 lists the keys.",
            "muted"));
  recent_ = new QVBoxLayout;
  recent_->setSpacing(2);
  column->addLayout(recent_);
  auto* across = new QHBoxLayout;
  across->addStretch();
  across->addWidget(page, 100);
  across->addStretch();
  auto* down = new QVBoxLayout(this);
  down->addStretch(1);
  down->addLayout(across);
  down->addStretch(2);
}

void StartView::setRecent(const QStringList& paths) {
  while (auto* item = recent_->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  if (paths.isEmpty()) return;
  recent_->addWidget(label("Opened lately", "heading"));
  for (const auto& path : paths.mid(0, kMostRecent)) {
    const QFileInfo file(path);
    const QString name = file.dir().dirName() + "/" + file.fileName();
    auto* link =
        new QLabel(QString("<a href='%1'>%2</a>").arg(path.toHtmlEscaped(), name.toHtmlEscaped()));
    link->setTextInteractionFlags(Qt::LinksAccessibleByKeyboard | Qt::LinksAccessibleByMouse);
    connect(link, &QLabel::linkActivated, this, &StartView::openAsked);
    recent_->addWidget(link);
  }
}

}  // namespace aisle::gui
