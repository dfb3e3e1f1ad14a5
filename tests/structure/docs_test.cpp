// SPDX-License-Identifier: Apache-2.0
// Do the documents point at what exists, and does the guide name every flag of the explorer?
#include "tests/command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using aisle::tests::read_file;

std::vector<fs::path> documents() {
  const fs::path root = AISLE_SOURCE_DIR;
  std::vector<fs::path> found = {root / "README.md"};
  for (const std::string folder : {"docs", "scenarios", "tests"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() == ".md") found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST(Documents, RelativeLinksPointAtFiles) {
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  int checked = 0;
  for (const fs::path& document : documents()) {
    const std::string text = read_file(document);
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
      const std::string target = (*at)[1];
      if (target.find("://") != std::string::npos || target.starts_with('#')) continue;
      const fs::path file = document.parent_path() / target.substr(0, target.find('#'));
      EXPECT_TRUE(fs::exists(file)) << document << " points at " << target;
      ++checked;
    }
  }
  EXPECT_GT(checked, 30);
}

#ifdef AISLE_EXPLORER
TEST(Documents, GuideNamesEveryFlagOfTheExplorer) {
  const std::string guide = read_file(AISLE_SOURCE_DIR "/docs/guide/explorer.md");
  const std::string help = aisle::tests::run_command(AISLE_EXPLORER " --help").out;
  static const std::regex flag(R"((^|\s)(--[a-z][a-z-]*|-[a-z])\b)");
  int checked = 0;
  for (std::sregex_iterator at(help.begin(), help.end(), flag), end; at != end; ++at) {
    EXPECT_THAT(guide, testing::HasSubstr((*at)[2].str())) << "not in docs/guide/explorer.md";
    ++checked;
  }
  EXPECT_GT(checked, 6);
}
#endif

}  // namespace
