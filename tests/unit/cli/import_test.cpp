// Files with cards: every spelling and layout that vendors and provisioning write is understood,
// bad lines are named and cost nothing but themselves, and counts are kept.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>

#include "cli/import.h"

namespace {

using cli::ImportFormat;
using cli::ImportReader;

// Keeps what it is given; can be told to fail at a batch.
class FakeStore : public vault::Store {
 public:
  vault::Outcome update(base::Now, const std::function<bool(vault::RecordTx&)>&) override {
    return vault::Outcome::unchanged;  // nothing is there
  }
  base::Result<base::Bytes> image(const vault::RecordId&, const vault::ImageInfo&) override {
    return base::Error{"no"};
  }
  base::Result<std::vector<vault::Record>> find_any(const std::vector<vault::Iccid>&,
                                                    const std::optional<vault::Msisdn>&) override {
    return base::Error{"no"};
  }
  base::Result<std::vector<vault::Record>> find_customer(const std::string&, std::size_t) override {
    return base::Error{"no"};
  }
  base::Result<std::vector<vault::HistoryEntry>> history(const vault::HistoryQuery&) override {
    return base::Error{"no"};
  }
  base::Status history_heads(
      const std::function<void(const vault::RecordId&, std::string_view, std::uint64_t,
                               const base::Sha256&)>&) override {
    return base::Error{"no"};
  }
  base::Result<vault::StagedPage> staged_before(std::int64_t, const std::array<std::uint8_t, 16>&,
                                                std::size_t) override {
    return base::Error{"no"};
  }
  base::Result<std::vector<vault::Iccid>> known(const std::vector<vault::Iccid>& iccids) override {
    std::vector<vault::Iccid> found;
    for (const vault::Iccid& iccid : iccids) {
      if (held.contains(iccid.digits())) found.push_back(iccid);
    }
    return found;
  }
  base::Result<vault::ImportResult> import(base::Now, const std::vector<vault::ImportLine>& lines,
                                           const std::string& actor) override {
    if (batches.size() == fail_at) return base::Error{"the store is gone"};
    batches.push_back(lines.size());
    BOOST_TEST(actor == "ops:test");
    for (const vault::ImportLine& line : lines) cards.push_back(line.iccid.digits());
    return vault::ImportResult{lines.size(), 0, 0};
  }
  base::Status check() override { return {}; }
  std::string write_fault() override { return {}; }
  vault::MessageScan& messages() override { throw std::logic_error("no messages here"); }

  std::set<std::string> held;
  std::vector<std::size_t> batches;
  std::vector<std::string> cards;
  std::size_t fail_at = SIZE_MAX;
};

// "iccid/msisdn/customer/language" of each card, "!line reason" of each bad line.
std::string read_all(std::string_view text, ImportFormat format) {
  base::Lines lines(text);
  auto reader = cli::open_import(lines, format);
  if (!reader) return "!" + reader.error();
  std::string out;
  for (;;) {
    const ImportReader::Got got = (*reader)->next();
    if (got == ImportReader::Got::end) return out;
    if (!out.empty()) out += ";";
    if (got == ImportReader::Got::bad) {
      out += "!" + std::to_string((*reader)->line()) + " " + (*reader)->fault();
      continue;
    }
    const vault::ImportLine card = (*reader)->take();
    out += card.iccid.digits() + "/" + (card.msisdn ? card.msisdn->digits() : "") + "/" +
           card.customer + "/" + card.language;
  }
}

struct Run {
  cli::ImportReport report;
  FakeStore store;
};

Run run(std::string_view text, cli::ImportOptions options, std::size_t fail_at = SIZE_MAX,
        std::set<std::string> held = {}) {
  Run run;
  run.store.fail_at = fail_at;
  run.store.held = std::move(held);
  options.actor = "ops:test";
  base::Lines lines(text);
  run.report = cli::import_cards(lines, options, run.store, base::Now{},
                                 [](const base::Lines&, const cli::ImportReport&) {});
  return run;
}

const std::string kCard1 = "8986001234567890120";
const std::string kCard2 = "8986001234567890138";
const std::string kCard3 = "8986001234567890146";

}  // namespace

// Proves that every spelling of an ICCID gives the same card, and that a card outside 89 is taken
// as it is written.
BOOST_AUTO_TEST_CASE(iccid_spellings_on_import) {
  for (const char* typed :
       {"8986001234567890120", "8986001234567890120F", "8986 0012 3456 7890 120",
        "8986-0012-3456-7890-120", "98680021436587092 1F0", "986800214365870921F0",
        "F8986001234567890120"}) {
    const auto iccid = cli::import_iccid(typed);
    BOOST_REQUIRE_MESSAGE(iccid, typed);
    BOOST_TEST(iccid->digits() == kCard1, typed);
  }
  BOOST_TEST(cli::import_iccid("1234567890123456789")->digits() == "1234567890123456789");
  for (const char* bad : {"", "x", "898600123", "89860012345678901234567", "8986O01234567890125"}) {
    BOOST_TEST(!cli::import_iccid(bad), bad);
  }
}

// Proves what is taken of a CSV file, and each reason for a bad line.
BOOST_AUTO_TEST_CASE(csv_files) {
  const std::string header = "MSISDN,Ki,iccid,customer,language\n";
  const std::pair<std::string, std::string> cases[] = {
      {"iccid\n" + kCard1 + "\n", kCard1 + "///"},
      {header + "+86 138 0000 0001,00,8986 0012 3456 7890 120,C1,zh-CN\n",
       kCard1 + "/8613800000001/C1/zh-CN"},
      {header + ",," + kCard1 + ",,EN\n", kCard1 + "///en"},
      {header + ",," + kCard1 + ",,pt_br\n", kCard1 + "///pt-BR"},
      {header + ",," + kCard1 + ",,english\n", "!2 the language is not a code such as en or zh-CN"},
      {header + ",,,,\n", "!2 no ICCID"},
      {header + ",,12,,\n", "!2 the ICCID is not 10 to 20 digits"},
      {header + "abc,," + kCard1 + ",,\n", "!2 the msisdn is not an international number"},
      {header + ",," + kCard1 + ",\xff,\n",
       "!2 the customer is longer than 255 octets or holds characters that cannot be kept"},
      {header + ",," + kCard1 + "," + std::string(256, 'x') + ",\n",
       "!2 the customer is longer than 255 octets or holds characters that cannot be kept"},
      {header + ",," + kCard1 + ",,e\n", "!2 the language is not a code such as en or zh-CN"},
      {"msisdn\n1\n", "!there is no column iccid"}};
  for (const auto& [text, expected] : cases) {
    BOOST_TEST(read_all(text, ImportFormat::csv) == expected);
  }
}

// Proves that a wrong check digit is a warning and no more.
BOOST_AUTO_TEST_CASE(wrong_check_digit) {
  const Run done =
      run("iccid\n8986001234567890126\n" + kCard1 + "\n", {.format = ImportFormat::csv});
  BOOST_TEST(done.report.cards == 2u);
  BOOST_TEST(done.report.warnings == 1u);
  BOOST_TEST(done.report.warned_lines.at(0).line == 2u);
}

// Proves the vendor layouts: comments, header, names in the header or before the cards, places,
// no names at all, and every separator.
BOOST_AUTO_TEST_CASE(vendor_files) {
  const std::string header =
      "***********************\n* HEADER\n\nCustomer: An operator\nQuantity: 1\nBatch = 00017\n"
      "Transport_key: 5\n* Input\nVar_In:\nSer_nb: 8986001234567890\n";
  const std::string card = kCard1 + "///";
  const std::pair<std::string, std::string> cases[] = {
      {header + "var_out: ser_nb/imsi/ki\n" + kCard1 + " 460001234567890 00112233\n", card},
      {header + "var_out:IMSI/SER_NB\n* end of header\n460001234567890 " + kCard1 + "\n* end\n",
       card},
      {header + "ICCID;IMSI;MSISDN\n" + kCard1 + ";460001234567890;+8613800000001\n",
       kCard1 + "/8613800000001//"},
      {header + "IMSI  ICCID  PIN1\n460001234567890  " + kCard1 + "  1234\n", card},
      {header + "Layout: IMSI[1-15], ICCID[16-34], PIN1[35-38]\n460001234567890" + kCard1 +
           "1234\n",
       card},
      {header + "460001234567890," + kCard1 + "F,1234\n", card},
      {header + "460001234567890|986800214365870921F0|1234\n", card},
      {header + "\t" + kCard1 + "\t1234\n", card},
      {header + "var_out: ICCID/IMSI\n" + kCard1 + "\n", "!12 1 fields instead of 2"},
      {header + "460001234567890 1234\n",
       "!11 no field looks like an ICCID (18 to 20 digits from 89)"},
      {header + "var_out: imsi/ki\n1 2\n",
       "!line 11: these column names do not hold exactly one known name of the ICCID (iccid, icc, "
       "ser_nb, serial), or places are wrong"},
      {header + "Layout: ICCID[20-1]\n1 2\n",
       "!line 11: these column names do not hold exactly one known name of the ICCID (iccid, icc, "
       "ser_nb, serial), or places are wrong"},
      {"Quantity: many\n" + kCard1 + "\n", "!line 1: the quantity is not a number"},
      {"Qty: 1\nCount: 2\n" + kCard1 + "\n", "!line 2: two different quantities"},
      {header, "!there is no card in the file"}};
  for (const auto& [text, expected] : cases) {
    BOOST_TEST(read_all(text, ImportFormat::vendor) == expected, text);
  }
}

// Proves that a file shorter or longer than its header says is not imported at all.
BOOST_AUTO_TEST_CASE(quantity_is_checked) {
  const cli::ImportOptions options{.format = ImportFormat::vendor};
  const Run right = run("Quantity: 2\n" + kCard1 + "\n" + kCard2 + "\n", options);
  BOOST_TEST(right.report.error == "");
  BOOST_TEST(right.report.stored.created == 2u);
  for (const std::string& text : {"Quantity: 3\n" + kCard1 + "\n" + kCard2 + "\n",
                                  "Quantity: 1\n" + kCard1 + "\n" + kCard2 + "\n"}) {
    const Run wrong = run(text, options);
    BOOST_TEST(wrong.report.error.find("nothing was imported") != std::string::npos);
    BOOST_TEST(wrong.store.cards.empty());
  }
  const Run with_bad_line = run("Quantity: 2\n" + kCard1 + "\nx\n", options);
  BOOST_TEST(with_bad_line.report.error == "");
  BOOST_TEST(with_bad_line.report.bad == 1u);
}

// Proves batches, dry run, all-or-nothing and a store that goes away.
BOOST_AUTO_TEST_CASE(batches) {
  const std::string text = "iccid\n" + kCard1 + "\nbad\n" + kCard2 + "\n" + kCard3 + "\n";
  const cli::ImportOptions by_two{.format = ImportFormat::csv, .batch = 2};
  const Run done = run(text, by_two);
  BOOST_TEST(done.store.batches == (std::vector<std::size_t>{2, 1}),
             boost::test_tools::per_element());
  BOOST_TEST(done.report.stored.created == 3u);
  BOOST_TEST(done.report.bad == 1u);
  BOOST_TEST(done.report.bad_lines.at(0).line == 3u);

  const Run dry = run(text, {.dry_run = true, .format = ImportFormat::csv, .batch = 2});
  BOOST_TEST(dry.report.cards == 3u);
  BOOST_TEST(dry.report.stored.created == 3u);
  BOOST_TEST(dry.store.batches.empty());

  const Run nothing = run(text, {.all_or_nothing = true, .format = ImportFormat::csv, .batch = 2});
  BOOST_TEST(nothing.report.error == "1 bad lines: nothing was imported");
  BOOST_TEST(nothing.store.batches.empty());
  const Run all = run("iccid\n" + kCard1 + "\n" + kCard2 + "\n" + kCard3 + "\n",
                      {.all_or_nothing = true, .format = ImportFormat::csv, .batch = 2});
  BOOST_TEST(all.store.batches == std::vector<std::size_t>{3}, boost::test_tools::per_element());

  const Run gone = run(text, by_two, 1);
  BOOST_TEST(gone.report.unavailable);
  BOOST_TEST(gone.report.error == "the store is gone");
  BOOST_TEST(gone.report.stored.created == 2u);
}

// Proves that a card that stands twice with other data, and a number that two cards have, are
// warnings that name both lines, in the order of the lines, and that a mere repetition is none.
BOOST_AUTO_TEST_CASE(repeats) {
  const std::string a = kCard1 + ",+8613800000001,C1\n";
  const auto notes = [](const std::string& cards) {
    std::string all;
    for (const auto& note : run("iccid,msisdn,customer\n" + cards, {.format = ImportFormat::csv})
                                .report.warned_lines) {
      all += std::to_string(note.line) + " " + note.text + "\n";
    }
    return all;
  };
  const std::string again = "ICCID " + kCard1 + " stands in line ";
  const std::string other = " with other data: the later line counts\n";
  BOOST_TEST(notes(a + a + kCard2 + ",+8613800000002,C1\n") == "");
  BOOST_TEST(notes(a + kCard1 + ",+8613800000002,C1\n") == "3 " + again + "2" + other);
  BOOST_TEST(notes(a + kCard2 + ",,\n" + kCard1 + ",,C2\n" + a) ==
             "4 " + again + "2" + other + "5 " + again + "4" + other);
  BOOST_TEST(notes(a + kCard2 + ",+86 138 0000 0001,C2\n") ==
             "3 number +8613800000001 belongs to another card in line 2: care would find two "
             "records for it\n");
  BOOST_TEST(notes(kCard1 + ",,C1\n" + kCard2 + ",,C1\n") == "", "no number is no number");
}

// Proves that a card that the store has is completed, and no second one made, where the file leaves
// its check digit out or adds it; that what fits two cards is a bad line; and that the card with
// exactly those digits goes before all.
BOOST_AUTO_TEST_CASE(check_digits_that_the_file_or_the_store_leaves_out) {
  const auto cut = [](const std::string& card) { return card.substr(0, card.size() - 1); };
  const std::string text = "iccid\n" + cut(kCard1) + "\n" + kCard2 + "\n" + kCard3 + "\n";
  const cli::ImportOptions csv{.format = ImportFormat::csv, .batch = 2};
  const Run found = run(text, csv, SIZE_MAX, {kCard1, cut(kCard2)});
  BOOST_TEST(found.store.cards == (std::vector<std::string>{kCard1, cut(kCard2), kCard3}),
             boost::test_tools::per_element());
  BOOST_REQUIRE(found.report.warned_lines.size() >= 2u);
  BOOST_TEST(found.report.warned_lines.back().line == 3u);
  BOOST_TEST(found.report.warned_lines.back().text == "ICCID " + kCard2 + " is taken for card " +
                                                          cut(kCard2) +
                                                          ", which differs by the check digit");

  const std::string both = kCard1 + "4";  // its check digit once more
  const Run unclear = run(text, csv, SIZE_MAX, {both, cut(kCard1)});
  BOOST_TEST(unclear.store.cards.at(0) == cut(kCard1));
  const std::string card1 = "iccid\n" + kCard1 + "\n";
  const Run bad = run(card1, csv, SIZE_MAX, {both, cut(kCard1)});
  BOOST_TEST(bad.store.cards.empty());
  BOOST_REQUIRE(bad.report.bad == 1u);
  BOOST_TEST(bad.report.cards == 0u);
  BOOST_TEST(bad.report.bad_lines.at(0).text.find("fits several cards: ") != std::string::npos);
  BOOST_TEST(run(card1, {.all_or_nothing = true, .format = ImportFormat::csv}, SIZE_MAX,
                 {both, cut(kCard1)})
                 .report.error == "1 bad lines: nothing was imported");
  BOOST_TEST(run(card1, csv, SIZE_MAX, {both, kCard1}).store.cards.at(0) == kCard1);
}

// Proves that a file that has a card in both spellings makes one of it, whichever comes first and
// however far apart they stand, and tells what a repeat of it says.
BOOST_AUTO_TEST_CASE(both_spellings_in_one_file) {
  const std::string cut1 = kCard1.substr(0, kCard1.size() - 1);
  for (const std::size_t batch : {1u, 2u, 100u}) {
    for (const bool dry : {false, true}) {
      const cli::ImportOptions csv{.dry_run = dry, .format = ImportFormat::csv, .batch = batch};
      for (const auto& [first, later] : {std::pair(kCard1, cut1), std::pair(cut1, kCard1)}) {
        const Run found = run("iccid,customer\n" + first + ",C1\n" + kCard2 + ",C1\n" + later +
                                  ",C2\n" + first + ",C2\n",
                              csv, SIZE_MAX, {kCard3});
        BOOST_TEST(found.report.bad == 0u);
        std::string told;
        for (const auto& note : found.report.warned_lines) {
          if (note.line == 4) told += note.text + "\n";
        }
        BOOST_TEST(told.find("ICCID " + later + " is taken for card " + first) != std::string::npos,
                   told);
        BOOST_TEST(told.find("stands in line 2 with other data") != std::string::npos, told);
        if (dry) continue;
        BOOST_TEST(found.store.cards == (std::vector<std::string>{first, kCard2, first, first}),
                   boost::test_tools::per_element());
      }
    }
  }
}

// Proves that what is told of lines stands in their order, and of too many the first are told,
// though some of it is known only when a batch is complete.
BOOST_AUTO_TEST_CASE(notes_in_the_order_of_lines) {
  const std::string wrong = kCard3.substr(0, kCard3.size() - 1) + "1,\n";  // check digit
  const std::string both = kCard1 + "4";
  std::string text = "iccid,customer\n" + kCard2 + ",C1\n" + kCard2 + ",C2\n" + kCard1 + ",\n";
  for (std::size_t i = 0; i < cli::ImportReport::kMostNotes; ++i) text += wrong + "x\n";
  const Run found = run(text, {.format = ImportFormat::csv}, SIZE_MAX,
                        {both, kCard1.substr(0, kCard1.size() - 1)});
  const cli::ImportReport& report = found.report;
  const auto ordered = [](const auto& notes) {
    return std::is_sorted(notes.begin(), notes.end(),
                          [](const auto& a, const auto& b) { return a.line < b.line; });
  };
  for (const auto* const notes : {&report.warned_lines, &report.bad_lines}) {
    BOOST_TEST(notes->size() == cli::ImportReport::kMostNotes);
    BOOST_TEST(ordered(*notes));
  }
  BOOST_TEST(report.warned_lines.front().line == 3u);
  BOOST_TEST(report.bad_lines.front().line == 4u);
  BOOST_TEST(report.warnings == cli::ImportReport::kMostNotes + 1);
}

// Proves that the format is seen in the first line.
BOOST_AUTO_TEST_CASE(formats) {
  const auto detect = [](std::string_view text) {
    base::Lines lines(text);
    return cli::detect_format(lines);
  };
  BOOST_TEST((detect("iccid\n") == ImportFormat::csv));
  BOOST_TEST((detect("\n\"Msisdn\";\"ICCID\"\n") == ImportFormat::csv));
  BOOST_TEST((detect("* x\niccid\n") == ImportFormat::vendor));
  BOOST_TEST((detect("Quantity: 1\n") == ImportFormat::vendor));
  BOOST_TEST((detect("IMSI ICCID\n") == ImportFormat::vendor));
}

// Proves that every prefix of a file, and random lines, end without harm and without a card that
// is none.
BOOST_AUTO_TEST_CASE(hostile_files) {
  const std::string text = "* x\nQuantity: 1\nLayout: ICCID[1-19],X[20-21]\n" + kCard1 + "ab\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    read_all(text.substr(0, size), ImportFormat::vendor);
  }
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::string noise(random() % 200, '\0');
    for (char& c : noise) c = "iccid[]1-20:/=,;\t|\n* 89F"[random() % 24];
    for (const ImportFormat format : {ImportFormat::csv, ImportFormat::vendor}) {
      const std::string out = read_all("iccid,x\n" + noise, format);
      BOOST_TEST(out.size() <= 200 * (noise.size() + 2));
    }
  }
}
