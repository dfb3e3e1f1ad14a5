// SPDX-License-Identifier: Apache-2.0
#include "gui/app/command_line.hpp"

#include "sim/study/study.hpp"

#include <QCommandLineParser>
#include <QRegularExpression>

namespace aisle::gui {

namespace {

constexpr auto kHelp = R"(Usage: aisle-explorer [options] [STUDY|RESULT...]

Opens, runs and explains scenarios of Aisle. STUDY is a scenario file, a folder
with study.textproto or the name of a shipped study; RESULT is a result.pb or
the folder that holds it; several are pinned and compared.

Options:
  --view VIEW         show one view alone: %1
  --theme THEME       light or dark
  --screenshot VIEW   write a picture of a view (of the result; a study is run
                      first) to the file of -o and exit; needs no display
  -o, --output FILE   picture to write (.png, .svg or .pdf)
  --size WxH          size of the window or picture (default 1400x900)
  -h, --help          this text
  --version           version

Environment: AISLE_BIN names the program 'aisle', AISLE_SCENARIOS the folder of
shipped studies.

Example:
  aisle run deepseek-v3-h800 -o out && aisle-explorer out
  aisle-explorer out --screenshot timeline -o timeline.png
)";

Parsed bad(const QString& sentence) {
  return {std::nullopt, "aisle-explorer: error: " + sentence + " (see --help)\n", 2};
}

std::optional<QSize> parse_size(const QString& text) {
  static const QRegularExpression form("^(\\d{2,5})x(\\d{2,5})$");
  const auto found = form.match(text);
  if (!found.hasMatch()) return std::nullopt;
  const QSize size(found.captured(1).toInt(), found.captured(2).toInt());
  const bool drawable = size.width() >= 100 && size.height() >= 100 && size.width() <= 16384 &&
                        size.height() <= 16384;
  return drawable ? std::optional(size) : std::nullopt;
}

}  // namespace

QStringList view_names() {
  return {"window",  "start",   "scenario",  "runs",     "compare",  "sweep",
          "plan",    "summary", "breakdown", "memory",   "timeline", "power",
          "serving", "cost",    "network",   "roofline", "topology", "log"};
}

Parsed parse(const QStringList& arguments) {
  QCommandLineParser parser;
  const QString none;
  const QCommandLineOption help(QStringList{"h", "help"}), version("version"),
      view("view", none, "VIEW"), screenshot("screenshot", none, "VIEW"),
      output(QStringList{"o", "output"}, none, "FILE"), size("size", none, "WxH", "1400x900"),
      theme("theme", none, "THEME");
  parser.addOptions({help, version, view, screenshot, output, size, theme});
  if (!parser.parse(arguments)) return bad(parser.errorText());
  if (parser.isSet(help)) return {std::nullopt, QString(kHelp).arg(view_names().join(", ")), 0};
  if (parser.isSet(version))
    return {std::nullopt, QString("aisle-explorer %1\n").arg(sim::version().c_str()), 0};

  CommandLine line{parser.positionalArguments(), parser.value(view), parser.value(screenshot),
                   parser.value(output), parser.value(theme)};
  for (const auto& name : {line.view, line.screenshot})
    if (!name.isEmpty() && !view_names().contains(name))
      return bad(QString("no view '%1'; views are %2").arg(name, view_names().join(", ")));
  if (parser.isSet(screenshot) && line.screenshot.isEmpty())
    return bad("--screenshot needs a view");
  if (line.screenshot.isEmpty() != line.output.isEmpty())
    return bad("--screenshot VIEW and -o FILE go together");
  if (parser.isSet(theme) && line.theme != "light" && line.theme != "dark")
    return bad("--theme is light or dark");
  const auto wanted = parse_size(parser.value(size));
  if (!wanted) return bad("--size is WIDTHxHEIGHT from 100 to 16384, such as 1400x900");
  line.size = *wanted;
  line.sized = parser.isSet(size);
  return {line, {}, 0};
}

}  // namespace aisle::gui
