// SPDX-License-Identifier: Apache-2.0
// A plan's outcome as sections of tables, once for all forms.
#include "sim/report/plan.hpp"

#include "sim/base/proto_text.hpp"
#include "sim/base/table.hpp"
#include "sim/report/document.hpp"
#include "sim/report/format.hpp"
#include "sim/report/line_plot.hpp"
#include "sim/report/page.hpp"
#include "sim/report/text.hpp"
#include "sim/report/tornado.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace aisle::sim {

namespace {

using namespace report;

struct Section {
  std::string title, note;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::string figure = {}, caption = {};  ///< SVG, on pages and paper alone
  std::vector<std::pair<std::string, std::string>> legend = {};
};

std::string millions(double usd) {
  return significant(usd / 1e6, 4);
}

std::string megawatts(double watts) {
  return significant(watts / 1e6, 3);
}

std::string trillions(double tokens) {
  return significant(tokens / 1e12, 3);
}

std::string chips(double count) {
  return thousands(std::llround(count));
}

std::string objective(const PlanOutcome& outcome, double value) {
  return outcome.counts_tokens() ? trillions(value) + " trillion tokens"
                                 : millions(value) + " M USD";
}

/// The answer in a few sentences.
std::string answer(const PlanOutcome& outcome) {
  if (outcome.stopped) {
    return "Stopped before all operating points were simulated; what is finished stays in the "
           "database.";
  }
  if (!outcome.feasible) {
    return outcome.conflicts.empty()
               ? "No plan was found in the time allowed."
               : "No plan can be: the limits below are at odds, and none of them can be left out.";
  }
  std::map<std::string, double> bought;
  double capital = 0, cost = 0, energy = 0, co2 = 0, served = 0, trained = 0;
  for (const PlanOrder& order : outcome.orders) {
    bought[order.system] += static_cast<double>(order.chips);
    capital += order.capital_usd;
  }
  for (const PlanQuarter& quarter : outcome.quarters) {
    cost += quarter.cost_usd;
    energy += quarter.energy_mwh;
    co2 += quarter.co2_t;
    served += quarter.served_tokens;
    trained += quarter.trained_tokens;
  }
  std::string list;
  for (const auto& [system, count] : bought) {
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", chips(count), system);
  }
  std::string text = fmt::format(
      "{} for {} M USD; owning and running {} to {} costs {} M USD, {} GWh and {} thousand t of "
      "CO2.",
      list.empty() ? "Nothing is bought:" : "Buy " + list, millions(capital),
      outcome.quarters.front().quarter, outcome.quarters.back().quarter, millions(cost),
      significant(energy / 1e3, 3), significant(co2 / 1e3, 3));
  if (served > 0) text += fmt::format(" {} trillion tokens are served", trillions(served));
  if (served > 0 && trained == 0) {
    text += fmt::format(", at {} USD per million.", significant(cost / served * 1e6, 3));
  } else if (served > 0) {
    text += '.';
  }
  if (trained > 0) text += fmt::format(" {} trillion tokens are trained on.", trillions(trained));
  return text;
}

Section conflicts_of(const PlanOutcome& outcome) {
  Section section{"Limits at odds", "", {"limit", "stated at", "what would do"}, {}};
  for (const PlanConflict& conflict : outcome.conflicts) {
    section.rows.push_back(
        {conflict.limit,
         fmt::format("{}:{}:{}", conflict.place.file, conflict.place.line, conflict.place.column),
         conflict.remedy});
  }
  return section;
}

Section orders_of(const PlanOutcome& outcome) {
  Section section{
      "Orders", "", {"ordered", "works from", "site", "system", "units", "chips", "M USD"}, {}};
  for (const PlanOrder& order : outcome.orders) {
    section.rows.push_back({order.quarter, order.working_from, order.site, order.system,
                            thousands(order.units), thousands(order.chips),
                            millions(order.capital_usd)});
  }
  std::sort(section.rows.begin(), section.rows.end());
  return section;
}

Section uses_of(const PlanOutcome& outcome) {
  Section section{
      "What runs where",
      "",
      {"quarter", "site", "system", "demand", "model", "layout", "chips", "trillion tokens"},
      {},
      {}};
  for (const PlanUse& use : outcome.uses) {
    section.rows.push_back({use.quarter, use.site, use.system, use.demand, use.alternative,
                            use.layout, chips(use.chips), trillions(use.tokens)});
  }
  std::sort(section.rows.begin(), section.rows.end());
  return section;
}

Section quarters_of(const PlanOutcome& outcome) {
  Section section{
      "Quarters",
      "power at the feed at the highest load; capital ordered, running (energy, upkeep) and cost "
      "(owning and running) in M USD; CO2 in kt; tokens in trillions",
      {"quarter", "chips", "busy", "MW", "limit", "capital", "running", "cost", "GWh", "CO2",
       "served", "trained"},
      {}};
  PlotLine draw{"power", {}, true}, limit{"limit", {}, true};
  double number = 1;
  for (const PlanQuarter& q : outcome.quarters) {
    section.rows.push_back({q.quarter, chips(q.installed),
                            q.installed > 0 ? percent(q.working / q.installed) : std::string("-"),
                            megawatts(q.power_w), megawatts(q.power_limit_w),
                            millions(q.capital_usd), millions(q.running_usd), millions(q.cost_usd),
                            significant(q.energy_mwh / 1e3, 3), significant(q.co2_t / 1e3, 3),
                            trillions(q.served_tokens), trillions(q.trained_tokens)});
    for (const double end : {number, number + 1}) {
      draw.points.emplace_back(end, q.power_w);
      limit.points.emplace_back(end, q.power_limit_w);
    }
    ++number;
  }
  section.figure =
      line_svg({draw, limit}, {"quarter of the plan", 1}, {"power at the feed, MW", 1e6});
  section.caption =
      "Power at the feed: what is drawn at the highest load, and what the sites allow.";
  section.legend = {{"drawn", line_colour(0)}, {"allowed", line_colour(1)}};
  return section;
}

Section prices_of(const PlanOutcome& outcome) {
  const std::string worth = outcome.counts_tokens() ? "billion tokens more" : "thousand USD saved";
  Section section{
      "What binds",
      "worth of one more unit of the limit (of a load: of one less), everything else as "
      "it is",
      {"quarter", "limit", "is", "unit", worth},
      {},
      {}};
  const double unit = outcome.counts_tokens() ? 1e9 : 1e3;
  for (const PlanPrice& price : outcome.prices) {
    section.rows.push_back({price.quarter.empty() ? "all" : price.quarter, price.limit,
                            significant(price.value, 4), price.unit,
                            significant(price.worth / unit, 3)});
  }
  return section;
}

/// Bars from the result at the low end to that at the high end, around the result as it is.
std::string tornado_svg(const PlanOutcome& outcome) {
  constexpr double kNames = 300;
  const double base = outcome.in_fractions;
  std::vector<TornadoBar> bars;
  for (const PlanTornado& row : outcome.tornado) {
    bars.push_back({fmt::format("{} ({} to {})", row.input, row.low, row.high),
                    row.at_low.value_or(base), row.at_high.value_or(base), row.low, row.high});
  }
  const double unit = outcome.counts_tokens() ? 1e12 : 1e6;
  const auto text = [&](double value, int digits) { return significant(value / unit, digits); };
  return tornado_bars(bars, base, text, outcome.counts_tokens() ? "trillion tokens" : "million USD",
                      kNames);
}

Section tornado_of(const PlanOutcome& outcome) {
  Section section{
      "Sensitivity",
      fmt::format("{} with fractions of nodes; with one input at either end, planned anew",
                  objective(outcome, outcome.in_fractions)),
      {"input", "low", "result", "high", "result"},
      {},
      tornado_svg(outcome),
      outcome.counts_tokens() ? "Trillion tokens with each input at either end."
                              : "Million USD with each input at either end."};
  const auto text = [&](const std::optional<double>& value) {
    return value ? objective(outcome, *value) : std::string("cannot be");
  };
  for (const PlanTornado& row : outcome.tornado) {
    section.rows.push_back({row.input, row.low, text(row.at_low), row.high, text(row.at_high)});
  }
  return section;
}

Section switches_of(const PlanOutcome& outcome) {
  Section section{"What would change the decision",
                  "the least change of one input, up to half or twice, at which other systems are "
                  "bought",
                  {"input", "times", "bought then"},
                  {}};
  for (const PlanSwitch& row : outcome.switches) {
    section.rows.push_back({row.input, significant(row.factor, 3), row.to});
  }
  return section;
}

Section replacements_of(const PlanOutcome& outcome) {
  Section section{fmt::format("In place of 1,000 {}", outcome.reference),
                  "accelerators, power at the inlets of nodes, price, and what they take of the "
                  "supply, for the same tokens/s",
                  {"demand", "model", "system", "chips", "MW", "M USD", "wafers", "memory stacks",
                   "held by", "layout"},
                  {}};
  for (const PlanReplacement& row : outcome.replacements) {
    if (row.reason.empty()) {
      section.rows.push_back({row.demand, row.alternative, row.system, chips(row.chips),
                              significant(row.power_w / 1e6, 3), significant(row.usd / 1e6, 3),
                              row.wafers > 0 ? significant(row.wafers, 3) : std::string("-"),
                              row.stacks > 0 ? chips(row.stacks) : std::string("-"), row.bound_by,
                              row.layout});
    } else {
      section.rows.push_back(
          {row.demand, row.alternative, row.system, "cannot", "", "", "", "", "", row.reason});
    }
  }
  return section;
}

std::vector<Section> sections_of(const PlanOutcome& outcome) {
  std::vector<Section> sections = {conflicts_of(outcome), orders_of(outcome)};
  if (outcome.feasible) {
    sections.push_back(quarters_of(outcome));
    sections.push_back(prices_of(outcome));
    sections.push_back(uses_of(outcome));
    sections.push_back(tornado_of(outcome));
    sections.push_back(switches_of(outcome));
  }
  sections.push_back(replacements_of(outcome));
  std::erase_if(sections, [](const Section& section) { return section.rows.empty(); });
  return sections;
}

std::string title_of(const PlanOutcome& outcome) {
  return outcome.title.empty() ? "Plan" : outcome.title;
}

std::string provenance(const PlanOutcome& outcome) {
  std::string text =
      fmt::format("{} operating points, {} of them simulated now; weakest basis: {}",
                  outcome.points.size(), outcome.simulated, basis_name(outcome.basis));
  if (!outcome.feasible) return text + '.';
  return text + fmt::format("; within {:.2g} % of the optimum.", 100 * outcome.gap);
}

/// Cells of figures stand to the right.
bool is_number(const std::string& cell) {
  return !cell.empty() && cell.find_first_not_of("0123456789.,-+ %") == std::string::npos;
}

Document document_of(const PlanOutcome& outcome) {
  Document document;
  document.kind = "Aisle plan";
  document.title = title_of(outcome);
  document.footer = provenance(outcome);
  document.add(Paragraph{answer(outcome),
                         outcome.feasible ? Paragraph::Kind::answer : Paragraph::Kind::refused});
  for (const Section& section : sections_of(outcome)) {
    document.add(Heading{section.title, 2});
    if (!section.note.empty()) document.add(Paragraph{section.note, Paragraph::Kind::note});
    if (!section.figure.empty())
      document.add(Figure{section.figure, section.caption, {}, section.legend});
    TableBlock table;
    for (std::size_t c = 0; c < section.header.size(); ++c) {
      table.columns.push_back({section.header[c], is_number(section.rows.front()[c])});
    }
    for (const auto& row : section.rows) {
      auto& cells = table.rows.emplace_back();
      for (const std::string& text : row) cells.push_back(Cell{text});
    }
    document.add(std::move(table));
  }
  if (!outcome.notes.empty()) {
    document.add(Heading{"Left out", 2});
    document.add(List{outcome.notes});
  }
  return document;
}

}  // namespace

std::string plan_text(const PlanOutcome& outcome) {
  report::Page page;
  page.line(title_of(outcome));
  page.line();
  page.paragraph(answer(outcome));
  for (const Section& section : sections_of(outcome)) {
    page.heading(section.title, section.note);
    Table table(section.header);
    for (const auto& row : section.rows) table.add(row);
    page.line(table.to_string());
  }
  if (!outcome.notes.empty()) page.heading("Left out");
  for (const std::string& note : outcome.notes) page.paragraph(note, "- ");
  page.line();
  page.paragraph(provenance(outcome));
  return page.take();
}

std::optional<std::string> plan_report(const PlanOutcome& outcome, ReportForm form) {
  switch (form) {
    case ReportForm::html:
      return to_html(document_of(outcome));
    case ReportForm::pdf:
      return to_pdf(document_of(outcome));
    case ReportForm::markdown:
      return to_markdown(document_of(outcome));
    case ReportForm::json:
      return plan_json(outcome);
    case ReportForm::svg:
      return to_svg(document_of(outcome));
    case ReportForm::csv:
      break;
  }
  return std::nullopt;
}

std::string plan_points_text(const PlanOutcome& outcome) {
  pb::PlanPoints points;
  for (const pb::PlanPoint& point : outcome.points) {
    if (point.has_system()) *points.add_point() = point;
  }
  return "# proto-file: sim/study/plan.proto\n# proto-message: aisle.pb.PlanPoints\n" +
         write_text(points);
}

}  // namespace aisle::sim
