// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/report/collective.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"
#include "sim/report/series.hpp"
#include "sim/report/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace aisle::sim {
namespace {

using namespace report;

constexpr std::string_view kCards[] = {"ttft_p50_s",
                                       "tpot_p50_s",
                                       "output_tokens_per_s_per_chip",
                                       "usd_per_million_output_tokens",
                                       "time_s",
                                       "busbw_GBps",
                                       "slowdown",
                                       "step_time_s",
                                       "tokens_per_s_per_chip",
                                       "tflops_per_chip",
                                       "mfu",
                                       "run_time_days",
                                       "run_cost_usd",
                                       "run_energy_mwh",
                                       "hbm_peak_bytes"};

template <typename... Arguments>
void add(std::string& out, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
}

std::string basis_mark(std::string_view basis) {
  return basis.empty() ? std::string() : fmt::format("<span class=\"basis {0}\">{0}</span>", basis);
}

/// What stands below every figure: what is drawn, in which unit, on what basis, of which scenario.
std::string caption(std::string_view text, const std::string& basis, const pb::Result& result) {
  return fmt::format("<figcaption>{} {} scenario {}</figcaption>", text, basis_mark(basis),
                     scenario_hash(result));
}

void add_header(std::string& out, const pb::Result& result) {
  add(out, "<header><div class=\"product\">Aisle result</div><h1>{}</h1>",
      escape(title_of(result)));
  const pb::Scenario& scenario = result.scenario();
  if (!scenario.question().empty()) {
    add(out, "<p class=\"question\">{}</p>", escape(scenario.question()));
  }
  out += "<dl class=\"setup\">";
  if (result.has_scenario()) {
    add(out, "<dt>cluster</dt><dd>{}</dd><dt>workload</dt><dd>{}</dd>",
        escape(cluster_line(scenario)), escape(workload_line(scenario)));
    if (scenario.workload().has_training()) {
      add(out, "<dt>layout</dt><dd>{}</dd>", escape(layout_line(scenario)));
    }
  }
  add(out, "<dt>engine</dt><dd>{}</dd></dl></header>", escape(engine_line(result)));
  if (!result.feasible()) {
    add(out, "<div class=\"refused\"><strong>The job does not run as asked</strong>{}</div>",
        escape(result.reason()));
  } else if (const std::string text = answer(result); !text.empty()) {
    add(out, "<p class=\"answer\">{}</p>", escape(text));
  }
}

void add_cards(std::string& out, const pb::Result& result) {
  if (result.metric().empty()) return;
  out += "<div class=\"cards\">";
  for (const std::string_view name : kCards) {
    const auto value = metric(result, name);
    if (!value) continue;
    const std::string text = format_metric(name, *value, 3);
    const std::size_t blank = std::min(text.find(' '), text.size());
    add(out,
        "<div class=\"card\"><div class=\"label\">{}</div><div class=\"value\">{}"
        "<span class=\"unit\">{}</span></div>{}</div>",
        label_of(name), text.substr(0, blank), text.substr(blank),
        basis_mark(basis_of(result, name)));
  }
  out += "</div>";
}

void add_comparisons(std::string& out, const pb::Result& result) {
  if (result.comparison().empty()) return;
  out +=
      "<h2>Beside published figures</h2><p class=\"note\">The band is the bound that the study "
      "sets; the bar is the error. Rows without a bound are for "
      "information.</p><table><thead><tr><th>metric</th>"
      "<th class=\"number\">simulated</th><th class=\"number\">published</th>"
      "<th class=\"number\">error</th><th></th><th class=\"number\">bound</th><th></th>"
      "<th>source</th></tr></thead><tbody>";
  for (const pb::Comparison& entry : result.comparison()) {
    const std::optional<bool> within = within_bound(entry);
    add(out,
        "<tr><td class=\"name\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td>{}</td><td class=\"number\">{}</td>"
        "<td class=\"{}\">{}</td><td class=\"note wide\">{}{}</td></tr>",
        escape(label_of(entry.metric())), format_metric(entry.metric(), entry.simulated(), 4),
        format_metric(entry.metric(), entry.published(), 4), signed_percent(entry.error()),
        error_svg(entry), entry.has_bound() ? percent(entry.bound()) : std::string("-"),
        !within   ? "note"
        : *within ? "good"
                  : "bad",
        !within   ? ""
        : *within ? "within"
                  : "out of bound",
        escape(entry.source()),
        entry.note().empty() ? std::string() : "<br>" + escape(entry.note()));
  }
  out += "</tbody></table>";
}

void add_parts_table(std::string& out, const std::vector<PartText>& parts, double total) {
  out +=
      "<table><thead><tr><th>part</th><th class=\"number\">seconds</th>"
      "<th class=\"number\">of the step</th></tr></thead><tbody>";
  for (const PartText& part : parts) {
    add(out,
        "<tr><td><span class=\"swatch\" style=\"background:{}\"></span>{}</td>"
        "<td class=\"number\">{:.4f} s</td><td class=\"number\">{}</td></tr>",
        part.colour, escape(part.label), part.seconds, escape(share(part.seconds / total)));
  }
  add(out,
      "<tr><td><strong>together</strong></td><td class=\"number\">{:.4f} s</td>"
      "<td class=\"number\">100.0 %</td></tr></tbody></table>",
      total);
}

void add_breakdown(std::string& out, const pb::Result& result) {
  const double total = total_seconds(result);
  if (total <= 0) return;
  add(out, "<h2>Where the step goes</h2><figure>{}{}</figure>", breakdown_svg(result),
      caption(result.breakdown_rank().empty() ? std::string("Parts of one step, in seconds.")
                                              : fmt::format("Parts of one step on {}, in seconds.",
                                                            escape(result.breakdown_rank())),
              basis_of(result, "step_time_s"), result));
  add_parts_table(out, describe_parts(result), total);
  const std::vector<PartText> resources = describe_resources(result);
  if (resources.empty()) return;
  out += "<h3>By resource, mean over accelerators</h3>";
  add_parts_table(out, resources, total);
}

void add_legend(std::string& out, const std::vector<std::string>& names,
                const std::vector<std::string>& colour) {
  out += "<div class=\"legend\">";
  for (std::size_t i = 0; i < names.size(); ++i) {
    add(out, "<span><span class=\"swatch\" style=\"background:{}\"></span>{}</span>", colour[i],
        escape(names[i]));
  }
  out += "</div>";
}

void add_memory(std::string& out, const pb::Result& result) {
  const pb::MemoryUse* worst = fullest(result);
  if (!worst) return;
  const std::vector<std::string> uses = memory_uses(result);
  out += "<h2>Memory</h2>";
  const double capacity = worst->capacity_bytes();
  if (capacity > 0) {
    add(out, "<p>Pipeline rank {} is the fullest: {} of {} ({}).</p>", worst->pipeline_rank(),
        format_bytes(total_bytes(*worst), 3), format_bytes(capacity, 3),
        percent(total_bytes(*worst) / capacity));
  }
  out += "<figure>";
  add_legend(out, uses, use_colours(uses));
  add(out, "{}{}</figure>", memory_svg(result),
      caption(
          "Memory of one accelerator of each pipeline rank at its fullest, in GB (10<sup>9</sup> "
          "bytes).",
          basis_of(result, "hbm_peak_bytes"), result));
}

void add_latencies(std::string& out, const pb::Result& result) {
  out += latencies_html(result);
}

void add_series(std::string& out, const pb::Result& result) {
  out += series_html(result);
}

void add_timeline(std::string& out, const pb::Result& result) {
  const std::string whole = timeline_svg(result);
  if (whole.empty()) return;
  const std::vector<std::string> kinds = {"compute", "communication", "optimizer"};
  std::vector<std::string> colour;
  colour.reserve(kSpanKinds);
  for (int kind = 0; kind < kSpanKinds; ++kind) colour.emplace_back(kind_colour(kind));
  const std::string basis = basis_of(result, "step_time_s");
  out += "<h2>Timeline</h2><figure>";
  add_legend(out, kinds, colour);
  add(out, "{}{}</figure>", whole,
      caption("Streams of the representative ranks over one step; the height is the share of each "
              "moment that the stream is busy.",
              basis, result));
  if (const std::string stretch = stretch_svg(result); !stretch.empty()) {
    add(out, "<h3>A stretch from the middle, span by span</h3><figure>{}{}</figure>", stretch,
        caption(
            "A few of the ranks. Numbers on the spans are micro-batches; point at a span for its "
            "name and time.",
            basis, result));
  }
}

void add_families(std::string& out, const pb::Result& result) {
  double most = 0, total = 0;
  for (const pb::FamilyTime& family : result.family()) {
    most = std::max(most, family.seconds());
    total += family.seconds();
  }
  if (most <= 0) return;
  std::vector<pb::FamilyTime> families(result.family().begin(), result.family().end());
  std::stable_sort(families.begin(), families.end(),
                   [](const auto& a, const auto& b) { return a.seconds() > b.seconds(); });
  out +=
      "<h2>Kernels by family</h2><p class=\"note\">Time alone on the representative rank, before "
      "sharing; what overlaps counts in full.</p><table><thead><tr><th>family</th>"
      "<th class=\"number\">time</th><th class=\"number\">share</th><th "
      "class=\"number\">kernels</th>"
      "<th></th><th>basis</th></tr></thead><tbody>";
  for (const pb::FamilyTime& family : families) {
    std::string name = family.family();
    std::replace(name.begin(), name.end(), '_', ' ');
    add(out,
        "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"wide\"><div class=\"bar\" "
        "style=\"width:{:.1f}%;background:{}\"></div></td><td>{}</td></tr>",
        escape(name), format_seconds(family.seconds(), 3), escape(share(family.seconds() / total)),
        thousands(family.count()), 100 * std::max(0.0, family.seconds()) / most, kind_colour(0),
        basis_mark(basis_name(family.basis())));
  }
  out += "</tbody></table>";
}

void add_metrics(std::string& out, const pb::Result& result) {
  if (result.metric().empty()) return;
  out += "<h2>Every figure</h2><div class=\"pair\">";
  for (const Group group : kGroups) {
    std::string rows;
    for (const pb::Metric& entry : result.metric()) {
      if (group_of(entry.name()) != group) continue;
      add(rows, "<tr><td title=\"{}\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
          escape(entry.name()), escape(label_of(entry.name())),
          format_metric(entry.name(), entry.value(), 4), basis_mark(basis_name(entry.basis())));
    }
    if (rows.empty()) continue;
    add(out, "<div><h3>{}</h3><table><tbody>{}</tbody></table></div>", title_of(group, result),
        rows);
  }
  out += "</div>";
}

void add_notes(std::string& out, const pb::Result& result) {
  if (!result.caveat().empty()) {
    out += "<h2>What this result leaves out or assumes</h2><ul class=\"caveats\">";
    for (const std::string& caveat : result.caveat()) add(out, "<li>{}</li>", escape(caveat));
    out += "</ul>";
  }
  out +=
      "<h2>What the marks mean</h2><p class=\"note\">The basis of a figure is the weakest of "
      "everything that made it, from strongest to weakest:</p><table><tbody>";
  for (const pb::Basis basis : kBases) {
    add(out, "<tr><td>{}</td><td>{}</td></tr>", basis_mark(basis_name(basis)),
        basis_meaning(basis));
  }
  out += "</tbody></table>";
  if (result.has_scenario()) {
    add(out, "<h2>The scenario as it ran</h2><pre>{}</pre>", escape(write_text(result.scenario())));
  }
}

}  // namespace

std::string html_page(const pb::Result& result) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{}</title><style>{}</style></head>\n<body><main>\n",
      escape(title_of(result)), style());
  add_header(out, result);
  for (const auto& section :
       {add_cards, add_collective, add_comparisons, add_latencies, add_series, add_breakdown,
        add_memory, add_timeline, add_families, add_metrics, add_notes}) {
    section(out, result);
    out += '\n';
  }
  add(out,
      "<footer>Aisle {} &middot; study {} &middot; scenario {} &middot; simulated in {}</footer>\n"
      "</main></body>\n</html>\n",
      escape(result.version()), escape(result.study()), scenario_hash(result),
      format_seconds(result.wall_time_s(), 2));
  return out;
}

}  // namespace aisle::sim
