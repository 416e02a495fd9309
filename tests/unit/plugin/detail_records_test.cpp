// Files of detail records: whole lines, one file after the other, what a killed process has left,
// and a disk that takes no more.
#include "plugin/detail_records.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/collected_log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/until.h"

namespace fs = std::filesystem;
using plugin::DetailFile;
using plugin::DetailRecords;
using vault::CardResult;

namespace {

constexpr const char* kHeader =
    "time,instance,iccid,transport,operation,result,transaction,octets,milliseconds\n";

struct Folder {
  Folder() {
    char name[] = "/tmp/bipvault-details-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  std::vector<std::string> files(const std::string& end) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().string().ends_with(end)) found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  // Of all files that are complete.
  std::string text() const {
    std::string all;
    for (const std::string& file : files(".csv")) all += read(file);
    return all;
  }
  static std::string read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  std::string path;
};

struct Fixture {
  Folder folder;
  support::CollectedLog log;
  base::Counters counters;
  support::FakeClock clock;
  base::Guarded<std::vector<std::string>> alarms;
  std::atomic<bool> out_of_memory{false};  // whoever is given an alarm
  config::DetailRecords settings;
  std::unique_ptr<DetailRecords> records;

  void begin() {
    settings.directory = folder.path;
    records = std::make_unique<DetailRecords>(
        settings, "host/1", DetailRecords::Parts{clock, log, counters, [&](const std::string& a) {
                                                   if (out_of_memory) throw std::bad_alloc();
                                                   alarms.with([&](auto& l) { l.push_back(a); });
                                                 }});
    BOOST_REQUIRE(records->start().ok());
  }
  void take(std::uint32_t transaction) {
    records->take({clock.now().utc_ms, *vault::Iccid::from_digits("8986001234567890120"),
                   bip::Transport::tcp, bip::Ins::store_end, CardResult::done, transaction, 700,
                   12});
  }
  bool wait_for(const std::function<bool()>& condition) { return support::until(condition); }
  std::size_t told() {
    return alarms.with([](auto& list) { return list.size(); });
  }
};

std::string line(std::uint32_t transaction) {
  return "2025-11-24T16:00:00Z,host_1,8986001234567890120,tcp,store,done," +
         std::to_string(transaction) + ",700,12\n";
}

// As if the disk had room for files of so many octets.
class Disk {
 public:
  Disk() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, SIG_IGN);
  }
  ~Disk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  void room(rlim_t octets) {
    const rlimit limit{octets, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  void room() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(detail_records)

BOOST_FIXTURE_TEST_CASE(lines_and_end, Fixture) {
  begin();
  take(1);
  take(2);
  BOOST_TEST(records->stop(60'000));
  const auto files = folder.files("");
  BOOST_REQUIRE(files.size() == 1u);
  BOOST_TEST(files[0].ends_with("/bipvault-host_1-20251124T160000Z-000.csv"), files[0]);
  BOOST_TEST(folder.text() == kHeader + line(1) + line(2));
  BOOST_TEST(counters.get("plugin.details") == 2);
  struct stat info {};
  BOOST_TEST(::stat(files[0].c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 07777) == 0640u);
  BOOST_TEST(told() == 0u);
}

// By time, and by size; names of the same second differ. No file without a line.
BOOST_FIXTURE_TEST_CASE(rotation, Fixture) {
  settings.every = 60'000;
  settings.size = 200;  // the header and two lines
  begin();
  take(1);
  BOOST_TEST(wait_for([&] { return folder.files(".part").size() == 1; }));
  clock.advance(60'000);
  BOOST_TEST(wait_for([&] { return folder.files(".csv").size() == 1; }));
  BOOST_TEST(folder.files(".part").empty());
  for (std::uint32_t i = 2; i < 6; ++i) {
    take(i);
    const std::int64_t wanted = i;
    BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == wanted; }));
  }
  BOOST_TEST(records->stop(60'000));
  BOOST_TEST(folder.files(".csv").size() == 3u);
  BOOST_TEST(folder.files(".part").empty());
  const std::string text = folder.text();
  for (std::uint32_t i = 1; i < 6; ++i) {
    BOOST_TEST(text.find("store,done," + std::to_string(i) + ",") != text.npos, text);
  }
}

// A disk that is full: an alarm, the lines wait, half a line never stays; with room again all that
// waited is there and the alarm is over. What is beyond the queue is lost and counted.
BOOST_FIXTURE_TEST_CASE(disk_full, Fixture) {
  Disk disk;
  settings.queue = 100;
  begin();
  take(0);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 1; }));
  const std::string part = folder.files(".part").at(0);
  disk.room(fs::file_size(part) + 30);
  take(1);
  BOOST_TEST(wait_for([&] { return told() == 1; }));
  for (std::uint32_t i = 2; i < 300; ++i) take(i);
  const std::int64_t lost = counters.get("plugin.details_lost");
  BOOST_TEST(lost >= 100);
  BOOST_TEST(Folder::read(part) == kHeader + line(0));
  disk.room();
  BOOST_TEST(wait_for([&] { return told() == 2; }));
  BOOST_TEST(records->stop(60'000));
  BOOST_TEST(counters.get("plugin.details") + lost == 300);
  const std::string text = folder.text();
  BOOST_TEST(text.starts_with(kHeader + line(0) + line(1) + line(2)), text.substr(0, 400));
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == counters.get("plugin.details") + 1);
  BOOST_TEST(alarms.with([](auto& list) { return list.at(1); }) == "");
  BOOST_TEST(log.count("plugin.details_stuck") == 1u);
  BOOST_TEST(log.count("plugin.details_again") == 1u);
}

// A file that cannot get its name is not forgotten: the alarm stands, though the next file is
// written, until it has it.
BOOST_FIXTURE_TEST_CASE(rotation_that_fails, Fixture) {
  settings.every = 60'000;
  begin();
  take(1);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 1; }));
  const std::string part = folder.files(".part").at(0);
  const std::string whole = part.substr(0, part.size() - 5) + ".csv";
  fs::create_directory(whole);  // root may write everywhere, but no file in its place
  clock.advance(60'000);
  BOOST_TEST(wait_for([&] { return told() == 1; }));
  take(2);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 2; }));
  BOOST_TEST(folder.files(".part").size() == 2u);
  BOOST_TEST(told() == 1u);
  fs::remove(whole);
  BOOST_TEST(wait_for([&] { return fs::is_regular_file(whole); }));
  BOOST_TEST(wait_for([&] { return told() == 2; }));
  BOOST_TEST(records->stop(60'000));
  BOOST_TEST(told() == 2u);
  BOOST_TEST(alarms.with([](auto& list) { return list.at(1); }) == "");
  BOOST_TEST(Folder::read(whole) == kHeader + line(1));
  BOOST_TEST(folder.files(".csv").size() == 2u);
  BOOST_TEST(folder.files(".part").empty());
}

// What cannot be written at the end is lost, and that is told.
BOOST_FIXTURE_TEST_CASE(disk_full_at_the_end, Fixture) {
  Disk disk;
  begin();
  take(0);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 1; }));
  disk.room(fs::file_size(folder.files(".part").at(0)) + 30);
  for (std::uint32_t i = 1; i < 4; ++i) take(i);
  BOOST_TEST(records->stop(60'000));
  disk.room();
  BOOST_TEST(counters.get("plugin.details_lost") == 3);
  BOOST_TEST(log.count("plugin.details_lost") == 1u);
  BOOST_TEST(log.count("plugin.details_again") == 0u);
  BOOST_TEST(folder.text() == kHeader + line(0));
}

// Out of memory is a turn that is lost, and the next one comes.
BOOST_FIXTURE_TEST_CASE(a_turn_that_throws, Fixture) {
  Disk disk;
  begin();
  take(0);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 1; }));
  out_of_memory = true;
  disk.room(fs::file_size(folder.files(".part").at(0)) + 30);
  take(1);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.lost_turns") >= 1; }));
  out_of_memory = false;
  BOOST_TEST(wait_for([&] { return told() == 1; }));  // it was not lost with its turn
  disk.room();
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 2; }));
  BOOST_TEST(wait_for([&] { return told() == 2; }));
  disk.room(fs::file_size(folder.files(".part").at(0)) + 30);
  out_of_memory = true;
  const std::int64_t before = counters.get("plugin.lost_turns");
  take(2);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.lost_turns") > before; }));
  BOOST_TEST(records->stop(60'000));
  disk.room();
  BOOST_TEST(counters.get("plugin.details_lost") == 1);
  BOOST_TEST(folder.text() == kHeader + line(0) + line(1));
}

// A folder that is not there: the same, until it is made; nobody waits for it.
BOOST_FIXTURE_TEST_CASE(no_folder, Fixture) {
  const std::string later = folder.path + "/later";
  settings.directory = later;
  records = std::make_unique<DetailRecords>(
      settings, "a", DetailRecords::Parts{clock, log, counters, [&](const std::string& text) {
                                            alarms.with([&](auto& l) { l.push_back(text); });
                                          }});
  BOOST_REQUIRE(records->start().ok());
  BOOST_TEST(wait_for([&] { return told() == 1; }));
  take(1);
  fs::create_directory(later);
  BOOST_TEST(wait_for([&] { return counters.get("plugin.details") == 1; }));
  BOOST_TEST(records->stop(60'000));
  BOOST_TEST(alarms.with([](auto& list) { return list.back(); }) == "");
}

// What a process left that was killed in the middle of a line.
BOOST_FIXTURE_TEST_CASE(left_behind, Fixture) {
  const std::string mine = folder.path + "/bipvault-host_1-20251120T100000Z-000";
  std::ofstream(mine + ".part") << kHeader << line(1) << "2025-11-24T16:00:00Z,ho";
  std::ofstream(folder.path + "/bipvault-host_1-20251121T100000Z-000.part") << kHeader;
  std::ofstream(folder.path + "/bipvault-other-20251121T100000Z-000.part") << "x";
  std::ofstream(folder.path + "/bipvault-host_1-b-20251121T100000Z-000.part") << "x";
  begin();
  BOOST_TEST(wait_for([&] { return fs::exists(mine + ".csv"); }));
  BOOST_TEST(records->stop(60'000));
  BOOST_TEST(folder.text() == kHeader + line(1));
  BOOST_TEST(folder.files(".part").size() == 2u);  // other instances'
}

BOOST_AUTO_TEST_CASE(words) {
  bip::Detail detail{0,
                     *vault::Iccid::from_digits("8986001234567890120"),
                     bip::Transport::cat_tp,
                     bip::Ins::fetch_report,
                     CardResult::suspended,
                     std::nullopt,
                     0,
                     3};
  BOOST_TEST(bip::detail_line(detail, "a") ==
             "1970-01-01T00:00:00Z,a,8986001234567890120,cat_tp,fetch_report,suspended,,0,3");
  detail.over_tls = true;
  BOOST_TEST(bip::detail_line(detail, "a").find(",tls,fetch_report,") != std::string::npos);
  detail.operation = bip::Ins::report;
  detail.result = CardResult::key_required;
  BOOST_TEST(bip::detail_line(detail, "a").find(",report,key_required,") != std::string::npos);
  using bip::Ins;
  BOOST_TEST(!bip::has_detail(Ins::store_begin, CardResult::done));
  BOOST_TEST(bip::has_detail(Ins::store_begin, CardResult::wrong_key));
  for (const Ins ins : {Ins::store_data, Ins::fetch_data, Ins::status}) {
    BOOST_TEST(!bip::has_detail(ins, CardResult::wrong_offset));
  }
  BOOST_TEST(bip::has_detail(Ins::erase, CardResult::done));
}

BOOST_AUTO_TEST_SUITE_END()
