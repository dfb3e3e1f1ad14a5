// SPDX-License-Identifier: Apache-2.0
// Does every form of a report say what the result says?
#include "sim/report/document.hpp"
#include "sim/report/format.hpp"
#include "sim/report/page.hpp"
#include "sim/report/report.hpp"
#include "sim/report/result_document.hpp"
#include "tests/command.hpp"
#include "tests/folder.hpp"
#include "tests/unit/report/samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace aisle::sim {
namespace {

using testing::HasSubstr;

/// A result with everything that a report shows.
pb::Result full_result() {
  pb::Result result = test::sparse_result();
  for (pb::Metric& metric : *result.mutable_metric()) {
    metric.set_low(0.8 * metric.value());
    metric.set_high(1.25 * metric.value());
  }
  pb::LikeRows& rows = *result.add_like_rows();
  rows.set_workload("training");
  rows.set_quantity("time");
  rows.set_model("sparse");
  rows.set_rows(35);
  rows.set_low(0.8);
  rows.set_median(1.02);
  rows.set_high(1.25);
  rows.set_median_error(0.21);
  rows.add_metric(std::string("step_time_s"));
  pb::Sensitivity& input = *result.add_sensitivity();
  input.set_input("HBM bandwidth");
  input.set_metric(result.metric(0).name());
  input.set_at_low("3 TB/s");
  input.set_at_high("3.7 TB/s");
  input.set_low(1.1 * result.metric(0).value());
  input.set_high(0.9 * result.metric(0).value());
  for (pb::FamilyTime& family : *result.mutable_family()) {
    family.set_flops(family.seconds() * 4e14);
    family.set_hbm_bytes(family.seconds() * 1e12);
  }
  pb::Roof& roof = *result.mutable_roofline()->add_roof();
  roof.set_precision("bf16");
  roof.set_flops_per_s(989e12);
  result.mutable_roofline()->set_hbm_bytes_per_s(3.35e12);
  return result;
}

/// Every number of a message, at any depth.
void gather(const google::protobuf::Message& message, std::multiset<double>& numbers) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    const bool list = field->is_repeated();
    const int count = list ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE) {
        numbers.insert(list ? reflection.GetRepeatedDouble(message, field, i)
                            : reflection.GetDouble(message, field));
      } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
        gather(list ? reflection.GetRepeatedMessage(message, field, i)
                    : reflection.GetMessage(message, field),
               numbers);
      }
    }
  }
}

/// Values of <data> elements, as a program reads them.
std::vector<double> values_of(const std::string& page) {
  static const std::regex data("<data value=\"([^\"]+)\">");
  std::vector<double> values;
  for (std::sregex_iterator at(page.begin(), page.end(), data), end; at != end; ++at) {
    values.push_back(std::strtod((*at)[1].str().c_str(), nullptr));
  }
  return values;
}

TEST(ReportForms, AreKnownByTheEndOfTheName) {
  EXPECT_EQ(report_form("a.b/c.pdf"), ReportForm::pdf);
  EXPECT_EQ(report_form("c.md"), ReportForm::markdown);
  EXPECT_FALSE(report_form("c.doc"));
  EXPECT_FALSE(report_form("pdf"));
}

TEST(ReportForms, EveryNumberOfThePageIsOneOfTheResult) {
  const pb::Result result = full_result();
  const std::string page = html_page(result);
  std::multiset<double> numbers;
  gather(result, numbers);
  numbers.insert(report::total_seconds(result));  // the line "together"
  const std::vector<double> values = values_of(page);
  EXPECT_GT(values.size(), 30U);
  for (const double value : values) EXPECT_EQ(numbers.count(value) > 0, true) << value;
  // And the other way round: every metric and part is there.
  const std::set<double> shown(values.begin(), values.end());
  for (const pb::Metric& metric : result.metric()) {
    EXPECT_EQ(shown.count(metric.value()), 1U) << metric.name();
  }
  for (const pb::Part& part : result.breakdown()) {
    EXPECT_EQ(shown.count(part.seconds()), 1U) << part.name();
  }
  for (const pb::Comparison& row : result.comparison()) {
    EXPECT_EQ(shown.count(row.published()), 1U) << row.metric();
  }
}

TEST(ReportForms, MarkdownHasEveryMetricAsItRounds) {
  const pb::Result result = full_result();
  const std::string text = report_of({&result, 1}, ReportForm::markdown);
  for (const pb::Metric& metric : result.metric()) {
    EXPECT_THAT(text, HasSubstr("| " + report::label_of(metric.name()) + " | " +
                                report::format_metric(metric.name(), metric.value(), 4) + " | " +
                                report::range_text(metric) + " | "))
        << metric.name();
  }
  EXPECT_THAT(text, HasSubstr("training steps of sparse models"));
}

TEST(ReportForms, CsvAndJsonAreThoseOfTheResult) {
  const std::vector<pb::Result> both = {test::sparse_result(), test::dense_result()};
  EXPECT_EQ(report_of({both.data(), 1}, ReportForm::csv), result_csv(both[0]));
  EXPECT_EQ(report_of({both.data(), 1}, ReportForm::json), result_json(both[0]));
  EXPECT_EQ(report_of(both, ReportForm::csv), comparison_csv(both));
  EXPECT_EQ(report_of(both, ReportForm::json), comparison_json(both));
}

TEST(ReportForms, AComparisonShowsEveryMetricOfEveryResult) {
  const std::vector<pb::Result> both = {test::sparse_result(), test::dense_result()};
  const std::vector<double> values = values_of(report_of(both, ReportForm::html));
  const std::set<double> shown(values.begin(), values.end());
  for (const pb::Result& result : both) {
    for (const pb::Metric& metric : result.metric()) {
      EXPECT_EQ(shown.count(metric.value()), 1U) << metric.name();
    }
  }
}

TEST(ReportForms, MarkupOfTheUserIsText) {
  report::Document document;
  document.title = "a|b *c* <d>";
  document.add(report::TableBlock{{{"x|y"}}, {{{"1 | 2\n3"}}}});
  const std::string text = report::to_markdown(document);
  EXPECT_THAT(text, HasSubstr("# a\\|b \\*c\\* \\<d\\>"));
  EXPECT_THAT(text, HasSubstr("| 1 \\| 2 3 |"));
}

/// The text of a PDF, where poppler-utils are there to read it.
class ReportPdf : public testing::Test {
 protected:
  void SetUp() override {
    if (tests::run_command("pdftotext -v").exit_code == 127) GTEST_SKIP() << "needs poppler-utils";
  }

  std::string text_of(const std::string& pdf) {
    const std::string path = (folder_ / "report.pdf").string();
    write_file(path, pdf);
    return tests::run_command("pdftotext -layout " + path + " -").out;
  }

  tests::Folder folder_;
};

TEST_F(ReportPdf, HasEveryMetricAsText) {
  const pb::Result result = full_result();
  const std::string text = text_of(report_of({&result, 1}, ReportForm::pdf));
  for (const pb::Metric& metric : result.metric()) {
    const std::string value = report::format_metric(metric.name(), metric.value(), 4);
    EXPECT_THAT(text, HasSubstr(value)) << metric.name();
    EXPECT_THAT(text, HasSubstr(report::range_text(metric))) << metric.name();
  }
  EXPECT_TRUE(std::regex_search(text, std::regex("1 ?/ ?[1-9]")));
}

TEST(ReportPdfFile, StandsForEveryKindOfResult) {
  for (const pb::Result& result :
       {full_result(), test::dense_result(), test::infeasible_result(), pb::Result()}) {
    const std::string pdf = report_of({&result, 1}, ReportForm::pdf);
    EXPECT_TRUE(pdf.starts_with("%PDF-"));
    EXPECT_THAT(pdf.substr(pdf.size() - 8), HasSubstr("%%EOF"));
  }
}

TEST(ReportPdfFile, TablesLongerThanAPageGoOn) {
  report::Document document;
  document.title = "long";
  report::TableBlock table{{{"n", true}, {"text"}}, {}};
  for (int i = 0; i < 300; ++i) {
    table.rows.push_back({{std::to_string(i)}, {std::string(400, 'x') + "\xff"}});
  }
  document.add(table);
  const std::string pdf = report::to_pdf(document);
  std::size_t pages = 0;
  for (std::size_t at = pdf.find("/Type /Page %"); at != std::string::npos;
       at = pdf.find("/Type /Page %", at + 1)) {
    ++pages;
  }
  EXPECT_GT(pages, 10U);
}

}  // namespace
}  // namespace aisle::sim
