// SPDX-License-Identifier: Apache-2.0
#include "sim/base/proto_text.hpp"
#include "sim/study/scenario.pb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace aisle {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> complaints(const Diagnostics& diagnostics) {
  std::vector<std::string> out;
  for (const Diagnostic& diagnostic : diagnostics.all()) out.push_back(to_string(diagnostic));
  return out;
}

std::vector<std::string> wrong(std::string_view text) {
  pb::Scenario scenario;
  SourceMap places;
  Diagnostics diagnostics;
  EXPECT_FALSE(read_text(text, "s", scenario, places, diagnostics)) << text;
  EXPECT_TRUE(diagnostics.has_errors()) << text;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    EXPECT_FALSE(diagnostic.hint.empty()) << to_string(diagnostic);
  }
  return complaints(diagnostics);
}

// Files that a test writes, in a folder of its own.
class TextFiles : public testing::Test {
 protected:
  TextFiles()
      : folder_(std::filesystem::temp_directory_path() /
                ("aisle-text-" + std::to_string(getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_ / "sub");
  }

  ~TextFiles() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  bool read(const std::string& path) {
    return read_text_file(path, scenario_, places_, diagnostics_);
  }

  std::string complaint() const {
    EXPECT_EQ(diagnostics_.error_count(), 1);
    return diagnostics_.all().empty() ? "" : to_string(diagnostics_.all().front());
  }

  std::filesystem::path folder_;
  pb::Scenario scenario_;
  SourceMap places_;
  Diagnostics diagnostics_;
};

TEST(Text, EveryUnknownFieldIsPlacedAndNamed) {
  EXPECT_THAT(wrong("cluster {\n"
                    "  cuont: 2048\n"
                    "  scale_out { nick: '400 Gb/s' }\n"
                    "}\n"
                    "reference { metric: 'x' }\n"
                    "reference { valeu: 3 }\n"
                    "titel : 'x'\n"),
              ElementsAre("s:2:3: error: cluster.cuont: unknown field (did you mean 'count'?)",
                          "s:3:15: error: cluster.scale_out.nick: unknown field "
                          "(did you mean 'nic'?)",
                          "s:6:13: error: reference[1].valeu: unknown field "
                          "(did you mean 'value'?)",
                          "s:7:1: error: titel: unknown field (did you mean 'title'?)"));
}

TEST(Text, FieldOfAnotherGroupIsFound) {
  EXPECT_THAT(wrong("cluster { nic: '400 Gb/s' }"),
              ElementsAre("s:1:11: error: cluster.nic: unknown field "
                          "(did you mean 'scale_out.nic'?)"));
}

TEST(Text, FieldLikeNoOtherListsThoseThatExist) {
  EXPECT_THAT(wrong("cluster { scale_up { zzz: 1 } }"),
              ElementsAre("s:1:22: error: cluster.scale_up.zzz: unknown field "
                          "(fields here: size, bandwidth, dimensions)"));
}

TEST(Text, TabsCountAsOneColumn) {
  EXPECT_THAT(wrong("\tcluster {\t\tcuont: 1 }"),
              ElementsAre(HasSubstr("s:1:13: error: cluster.cuont")));
}

TEST(Text, ListEntriesAreCounted) {
  EXPECT_THAT(wrong("reference: [ { metric: 'a' }, { metrik: 'b' } ]"),
              ElementsAre(HasSubstr("s:1:33: error: reference[1].metrik: unknown field")));
}

TEST(Text, BracesInTextAndCommentsDoNotNest) {
  EXPECT_THAT(wrong("title: 'a { \\' {'  # {\ncuont: 1"),
              ElementsAre(HasSubstr("s:2:1: error: cuont: unknown field")));
}

TEST(Text, WrongTypesSayWhatIsDue) {
  EXPECT_THAT(wrong("cluster { count: 'many' }"),
              ElementsAre("s:1:18: error: cluster.count: expected integer, got: 'many' "
                          "(count is a whole number)"));
  EXPECT_THAT(
      wrong("workload { training { parallel { overlap: yes } } }"),
      ElementsAre(AllOf(HasSubstr("s:1:43: error"), HasSubstr("(overlap is true or false)"))));
  EXPECT_THAT(wrong("cluster { count: 99999999999 }"), ElementsAre(HasSubstr("out of range")));
  EXPECT_THAT(wrong("cluster: 4"), ElementsAre(HasSubstr("cluster is a group of fields")));
}

TEST(Text, WrongChoiceListsTheNearestAndAll) {
  EXPECT_THAT(wrong("workload { training { recompute: fulll } }"),
              ElementsAre("s:1:34: error: workload.training.recompute: 'fulll' is not one of its "
                          "values (did you mean 'full'? allowed: none, selective, full)"));
}

TEST(Text, DuplicateIsAnError) {
  EXPECT_THAT(wrong("cluster { count: 4\n count: 5 }"),
              ElementsAre(HasSubstr("s:2:2: error: cluster.count: given twice")));
  EXPECT_THAT(wrong("cluster { }\ncluster { }"), ElementsAre(HasSubstr("cluster: given twice")));
}

TEST(Text, BrokenSyntaxIsPlaced) {
  EXPECT_THAT(wrong("cluster { count: 4\n  scale_up { size: 3 \n"),
              ElementsAre(HasSubstr("s:3:1: error: cluster.scale_up: the file ends inside the "
                                    "braces opened in line 2")));
  EXPECT_THAT(wrong("title: 'a' }"), ElementsAre(HasSubstr("s:1:12: error: closes braces")));
  EXPECT_THAT(wrong("title: 'a\nquestion: 'b'"),
              ElementsAre(HasSubstr("cannot cross line boundaries")));
  EXPECT_THAT(wrong("title"), ElementsAre(HasSubstr("title: the file ends where a value is due")));
}

TEST(Text, BinaryIsNotText) {
  EXPECT_THAT(wrong("title: 'a'\nab\xff"),
              ElementsAre(HasSubstr("s:2:3: error: byte 0xff is not UTF-8 text")));
  EXPECT_THAT(wrong(std::string_view("ab\0c", 4)), ElementsAre(HasSubstr("s:1:3: error")));
}

TEST(Text, DeepNestingIsRefused) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "a{";
  EXPECT_THAT(wrong(deep).back(), HasSubstr("nested more than"));
}

TEST(Text, PlacesOfFieldsAndOfWhatIsAbsent) {
  pb::Scenario scenario;
  SourceMap places;
  Diagnostics diagnostics;
  ASSERT_TRUE(
      read_text("cluster {\n  count: 8\n}\nreference { metric: 'a' }\n"
                "reference {\n\tvalue: 2 }\nworkload { training { parallel {\n"
                "  stage_layers: [4, 5] } } }",
                "s", scenario, places, diagnostics));
  const auto at = [&](std::string_view path) {
    const Place place = places.find(path);
    return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  };
  EXPECT_EQ(at("cluster.count"), "s:2:3");
  EXPECT_EQ(at("cluster.scale_out.nic"), "s:1:1");
  EXPECT_EQ(at("reference[1].value"), "s:6:2");
  EXPECT_EQ(at("reference[1].source"), "s:5:1");
  EXPECT_EQ(places.find("workload.training.parallel.stage_layers[1]").line, 8);
  EXPECT_EQ(at("title"), "s:0:0");
  EXPECT_EQ(at(""), "s:0:0");
}

TEST(Text, WrittenTextReadsBack) {
  pb::Scenario scenario;
  scenario.set_title("2\" & \xC3\xA9\n");
  scenario.mutable_cluster()->set_count(8);
  scenario.mutable_workload()->mutable_training()->mutable_parallel()->add_stage_layers(3);
  const std::string text = write_text(scenario);
  EXPECT_THAT(text, HasSubstr("cluster {\n  count: 8\n}\n"));
  EXPECT_EQ(text.find(" \n"), std::string::npos);
  pb::Scenario again;
  SourceMap places;
  Diagnostics diagnostics;
  ASSERT_TRUE(read_text(text, "s", again, places, diagnostics));
  EXPECT_EQ(again.SerializeAsString(), scenario.SerializeAsString());
}

TEST_F(TextFiles, MissingFolderAndEmpty) {
  EXPECT_FALSE(read((folder_ / "none").string()));
  EXPECT_THAT(complaint(), HasSubstr("there is no file"));
  diagnostics_ = {};
  EXPECT_FALSE(read(folder_.string()));
  EXPECT_THAT(complaint(), HasSubstr("is a folder"));
  diagnostics_ = {};
  EXPECT_TRUE(read(write("empty", "")));
  EXPECT_FALSE(read((folder_ / std::string(300, 'x')).string()));
  EXPECT_THAT(complaint(), HasSubstr("cannot be read: File name too long"));
}

TEST_F(TextFiles, ByteOrderMarkAndCarriageReturnsAreFine) {
  EXPECT_TRUE(read(write("dos", "\xEF\xBB\xBFtitle: 'a'\r\nseed: 3\r\n")));
  EXPECT_EQ(scenario_.title(), "a");
  EXPECT_EQ(places_.find("seed").line, 2);
}

TEST_F(TextFiles, ExtendsMergesAndReplacesLists) {
  write("base",
        "title: 'base'\nreference { metric: 'a' }\nreference { metric: 'b' }\n"
        "cluster { count: 8 system: 'node' }\n"
        "workload { training { parallel { stage_layers: [1, 2, 3] } } }\n");
  const std::string child =
      write("sub/child",
            "extends: '../base'\ncluster { count: 16 }\nreference { metric: 'c' }\n"
            "workload { training { parallel { stage_layers: [9] } } }\n");
  ASSERT_TRUE(read(child)) << complaint();
  EXPECT_EQ(scenario_.title(), "base");
  EXPECT_EQ(scenario_.cluster().count(), 16);
  EXPECT_EQ(scenario_.cluster().system(), "node");
  ASSERT_EQ(scenario_.reference_size(), 1);
  EXPECT_EQ(scenario_.reference(0).metric(), "c");
  EXPECT_THAT(scenario_.workload().training().parallel().stage_layers(), ElementsAre(9));
  EXPECT_FALSE(scenario_.has_extends());
  EXPECT_EQ(places_.find("cluster.count").file, child);
  EXPECT_EQ(places_.find("cluster.system").file, (folder_ / "base").string());
  EXPECT_EQ(places_.find("cluster.system").line, 4);
  EXPECT_EQ(places_.find("reference[1]").file, child);
}

TEST_F(TextFiles, ExtendsInACircleIsAnError) {
  const std::string a = write("a", "title: 'x'\nextends: 'b'\n");
  write("b", "\nextends: 'sub/../a'\n");
  EXPECT_FALSE(read(a));
  EXPECT_THAT(complaint(), HasSubstr("b:2:1: error: extends: files extend one another in a "
                                     "circle: a -> b -> a"));
}

TEST_F(TextFiles, ExtendedFileThatIsWrongIsPlaced) {
  const std::string a = write("a", "\nextends: 'none'\n");
  EXPECT_FALSE(read(a));
  EXPECT_THAT(complaint(), HasSubstr("a:2:1: error: extends: there is no file"));
  diagnostics_ = {};
  write("b", "cuont: 1");
  EXPECT_FALSE(read(write("c", "extends: 'b'\ntitel: 'x'\n")));
  EXPECT_THAT(complaints(diagnostics_),
              ElementsAre(HasSubstr("c:2:1: error: titel"), HasSubstr("b:1:1: error: cuont")));
}

}  // namespace
}  // namespace aisle
