// SPDX-License-Identifier: Apache-2.0
#include "sim/report/page.hpp"

#include "sim/report/report.hpp"
#include "sim/report/timeline.hpp"
#include "tests/unit/report/samples.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

/// The first fault in the nesting of tags, or "". Enough for pages that we write: no comments, and
/// no `<` outside tags.
std::string nesting_fault(const std::string& page) {
  static const std::set<std::string> kVoid = {"meta", "br", "link", "img", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    const std::size_t end = page.find('>', at);
    if (end == std::string::npos) return "unfinished tag";
    const bool closing = page[at + 1] == '/';
    const std::size_t start = at + (closing ? 2 : 1);
    std::size_t stop = start;
    while (stop < end && !std::isspace(static_cast<unsigned char>(page[stop])) && page[stop] != '/')
      ++stop;
    const std::string name = page.substr(start, stop - start);
    if (kVoid.count(name) || page[end - 1] == '/') continue;
    if (!closing) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is left open";
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST(ReportPage, TagsNestForEveryKindOfResult) {
  EXPECT_EQ(nesting_fault(html_page(test::sparse_result())), "");
  EXPECT_EQ(nesting_fault(html_page(test::dense_result())), "");
  EXPECT_EQ(nesting_fault(html_page(test::infeasible_result())), "");
  EXPECT_EQ(nesting_fault(html_page(pb::Result())), "");
}

TEST(ReportPage, TextOfTheUserCannotBecomeMarkup) {
  const std::string hostile = "<script>alert(\"1\")</script>&'";
  pb::Result result = test::sparse_result();
  result.mutable_scenario()->set_title(hostile);
  result.mutable_scenario()->set_question(hostile);
  result.mutable_scenario()->mutable_cluster()->set_accelerator(hostile);
  result.mutable_scenario()->mutable_workload()->mutable_training()->set_model(hostile);
  result.set_study(hostile);
  result.set_version(hostile);
  result.set_reason(hostile);
  result.set_breakdown_rank(hostile);
  result.add_caveat(hostile);
  result.mutable_breakdown(1)->set_name(hostile);
  result.mutable_family(0)->set_family(hostile);
  result.mutable_comparison(0)->set_source(hostile);
  result.mutable_comparison(0)->set_metric(hostile);
  result.mutable_metric(0)->set_name(hostile);
  result.mutable_memory(0)->mutable_item(0)->set_use(hostile);
  result.mutable_timeline()->set_name(0, hostile);
  result.mutable_timeline()->mutable_rank(0)->set_name(hostile);
  result.mutable_timeline()->mutable_rank(0)->mutable_stream(0)->set_name(hostile);
  for (const bool feasible : {true, false}) {
    result.set_feasible(feasible);
    const std::string page = html_page(result);
    EXPECT_EQ(count(page, "<script"), 0u);
    EXPECT_GT(count(page, "&lt;script&gt;"), 5u);
    EXPECT_EQ(nesting_fault(page), "");
  }
}

TEST(ReportPage, NeedsNothingFromOutside) {
  const std::string page = html_page(test::sparse_result());
  for (const char* outside : {"http://", "https://", "src=", "href=", "@import", "url("}) {
    EXPECT_EQ(count(page, outside), 0u) << outside;
  }
}

TEST(ReportPage, LongTimelinesStaySmall) {
  pb::Result result = test::sparse_result();
  *result.mutable_timeline() = test::timeline(32, 20000);
  const std::string page = html_page(result);
  EXPECT_LT(page.size(), 3'000'000u);
  EXPECT_LT(count(page, "<rect") + count(page, "<path"), 4000u);
}

TEST(ReportPage, TheTimelineCoversWhatTheSpansCover) {
  // One span over the second half of the step: one box, half as wide as the figure's rows.
  pb::Result result;
  result.mutable_timeline()->add_name(std::string("F"));
  pb::TimelineStream& stream = *result.mutable_timeline()->add_rank()->add_stream();
  stream.add_start_ns(500);
  stream.add_duration_ns(500);
  stream.add_name_index(0);
  const std::string figure = report::timeline_svg(result);
  EXPECT_EQ(count(figure, "<path"), 1u);
  EXPECT_NE(figure.find("h295v-16h-295z"), std::string::npos) << figure;
}

TEST(ReportPage, TicksAreRoundAndFew) {
  for (const double end : {0.001, 0.37, 1.0, 9.99, 19.9, 80.0, 512.0, 12345.0}) {
    const auto ticks = report::ticks(end, 1);
    EXPECT_GE(ticks.size(), 4u) << end;
    EXPECT_LE(ticks.size(), 11u) << end;
    EXPECT_LE(ticks.back().value, end * 1.0001);
  }
  EXPECT_TRUE(report::ticks(0, 1).empty());
}

}  // namespace
}  // namespace aisle::sim
