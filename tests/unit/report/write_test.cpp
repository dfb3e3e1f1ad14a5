// SPDX-License-Identifier: Apache-2.0
#include "sim/report/report.hpp"
#include "tests/unit/report/samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace aisle::sim {
namespace {

namespace fs = std::filesystem;

class ReportWrite : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("aisle-report-" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void TearDown() override { fs::remove_all(folder_); }

  std::string read(const fs::path& path) const {
    std::stringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }

  std::vector<std::string> names(const fs::path& path) const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(path)) out.push_back(entry.path().filename());
    return out;
  }

  fs::path folder_;
};

TEST_F(ReportWrite, LeavesTheFiveFilesAndNothingElse) {
  const pb::Result result = test::sparse_result();
  const fs::path target = folder_ / "new" / "run";
  for (int again = 0; again < 2; ++again) {
    write_result(result, target.string());
    EXPECT_THAT(names(target),
                testing::UnorderedElementsAre("result.pb", "result.json", "result.csv",
                                              "trace.perfetto.json.gz", "report.html"));
  }
  EXPECT_EQ(read(target / "result.json"), result_json(result));
  EXPECT_EQ(read(target / "report.html"), html_page(result));
  pb::Result back;
  ASSERT_TRUE(back.ParseFromString(read(target / "result.pb")));
  EXPECT_EQ(back.SerializeAsString(), result.SerializeAsString());
}

TEST_F(ReportWrite, TheTraceIsGzip) {
  const pb::Result result = test::sparse_result();
  write_result(result, folder_.string());
  const std::string expected = perfetto_json(result);
  std::string content(expected.size() + 1, '\0');
  const gzFile file = gzopen((folder_ / "trace.perfetto.json.gz").c_str(), "rb");
  ASSERT_NE(file, nullptr);
  const int count = gzread(file, content.data(), static_cast<unsigned>(content.size()));
  gzclose(file);
  ASSERT_EQ(count, static_cast<int>(expected.size()));
  content.resize(expected.size());
  EXPECT_EQ(content, expected);
}

TEST_F(ReportWrite, RefusesAFileInThePlaceOfTheFolder) {
  const std::string path = (folder_ / "taken").string();
  write_file(path, "mine");
  for (const std::string& target : {path, path + "/below"}) {
    try {
      write_result(test::sparse_result(), target);
      FAIL() << target;
    } catch (const std::system_error& error) {
      EXPECT_NE(std::string(error.what()).find(target), std::string::npos) << error.what();
      EXPECT_EQ(error.code().value(), ENOTDIR);
    }
  }
  EXPECT_EQ(read(path), "mine");
}

TEST_F(ReportWrite, AFolderInThePlaceOfTheFileLeavesNoTrace) {
  fs::create_directory(folder_ / "result.json");
  EXPECT_THROW(write_file((folder_ / "result.json").string(), "x"), std::system_error);
  EXPECT_THAT(names(folder_), testing::ElementsAre("result.json"));
  EXPECT_THROW(write_file((folder_ / "absent" / "file").string(), "x"), std::system_error);
}

TEST_F(ReportWrite, AWriteThatFailsHalfwayKeepsTheOldFile) {
  const std::string path = (folder_ / "file").string();
  write_file(path, "old");
  // A limit on the size of files stands for a full disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  EXPECT_THROW(write_file(path, std::string(100000, 'a')), std::system_error);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read(path), "old");
  EXPECT_THAT(names(folder_), testing::ElementsAre("file"));
}

TEST_F(ReportWrite, ReplacesAFileWholly) {
  const std::string path = (folder_ / "file").string();
  write_file(path, std::string(100000, 'a'));
  write_file(path, "short");
  EXPECT_EQ(read(path), "short");
}

}  // namespace
}  // namespace aisle::sim
