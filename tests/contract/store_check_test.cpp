// db::StoreCheck: what is whole is found whole, page by page; each kind of damage is found and
// named.
#include "db/store_check.h"

#include "tests/contract/fixture.h"

using namespace contract;
using db::CheckState;
using vault::RecordTx;

namespace {

struct Checked : Fixture {
  CheckState check() {
    const auto made = db::StoreCheck::open(database.settings(), keys());
    BOOST_REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error()));
    CheckState state;
    while (!state.done) BOOST_REQUIRE((*made)->page(state).ok());
    return state;
  }
  // The one fault after damage.
  std::string found(const std::string& sql) {
    raw(sql);
    const CheckState state = check();
    BOOST_TEST(state.faults == 1u, sql);
    if (state.listed.empty()) return "";
    return state.listed.front().where + ": " + state.listed.front().what;
  }
  void store(unsigned number, int versions) {
    create(iccid(number));
    for (int i = 0; i < versions; ++i) {
      commit([&](RecordTx& tx) {
        vault::Record& record = *tx.find(iccid(number));
        const auto content = random_content(300);
        tx.add_image(record, image_of(record, content, 100 + i), content);
        tx.note(record, {"stored", "card", ""});
      });
    }
  }
  std::string id_of(unsigned number) { return "X'" + base::to_hex(read(iccid(number))->id) + "'"; }
  // One octet of a column of blobs turned over, in the first row that fits.
  std::string flip(const char* table, const char* column, const std::string& where) {
    std::string hex = ask(std::string("SELECT HEX(") + column + ") FROM " + table + " WHERE " +
                          where + " ORDER BY 1");
    char& digit = hex[hex.size() / 2];
    digit = digit == '0' ? '1' : '0';
    return std::string("UPDATE ") + table + " SET " + column + " = X'" + hex + "' WHERE " + where;
  }
};

const std::string kCard = iccid(1).digits() + ": ";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(store_check, Checked)

// Proves that an empty store and one with everything that a vault writes are whole, that it is all
// counted, and that it is the same in any number of pages.
BOOST_AUTO_TEST_CASE(whole) {
  BOOST_TEST(check().faults == 0u);
  for (unsigned i = 0; i < 450; ++i) create(iccid(100 + i));
  store(1, 3);
  store(2, 1);
  commit([&](RecordTx& tx) {
    tx.append_staged(*tx.find(iccid(2)), 0, random_content(5000));
    tx.append_staged(*tx.find(iccid(2)), 5000, random_content(100));
    tx.note_own({"audited", "ops:test", ""});
  });
  store(3, 2);
  commit([&](RecordTx& tx) { tx.remove(*tx.find(iccid(3))); });
  const CheckState state = check();
  for (const db::CheckFault& fault : state.listed) BOOST_TEST_MESSAGE(fault.where + fault.what);
  BOOST_TEST(state.faults == 0u);
  BOOST_TEST(state.records == 452u);
  BOOST_TEST(state.versions == 4u);
  BOOST_TEST(state.octets == 1200u);
  BOOST_TEST(state.parts == 2u);
  BOOST_TEST(state.entries == 450u + 4 + 2 + 3 + 1);
}

// Proves that a turned octet is found wherever it is, with the card and the version.
BOOST_AUTO_TEST_CASE(turned_octets) {
  store(1, 2);
  store(2, 1);
  const std::string mine = "record_id = " + id_of(1) + " AND place = 1";
  const std::string undo = ask("SELECT HEX(sealed) FROM images WHERE " + mine);
  BOOST_TEST(found(flip("images", "sealed", mine)) ==
             kCard + "version 0: content or key was changed");
  raw("UPDATE images SET sealed = X'" + undo + "' WHERE " + mine);
  BOOST_TEST(check().faults == 0u);
  const std::string key = ask("SELECT HEX(wrapped) FROM data_keys WHERE " + mine);
  BOOST_TEST(found(flip("data_keys", "wrapped", mine)) ==
             kCard + "version 0: content or key was changed");
  raw("UPDATE data_keys SET wrapped = X'" + key + "' WHERE " + mine);
  const std::string second = "record_id = " + id_of(1) + " AND seq = 2";
  const std::string mac = ask("SELECT HEX(mac) FROM history WHERE " + second);
  raw(flip("history", "mac", second));
  BOOST_TEST(check().listed.front().where == iccid(1).digits());
  raw("UPDATE history SET mac = X'" + mac + "' WHERE " + second);
  BOOST_TEST(found("UPDATE history SET detail = 'nothing happened' WHERE " + second) ==
             kCard + "history 2: entry changed");
}

// Proves that what is missing, too much or exchanged is found.
BOOST_AUTO_TEST_CASE(missing_and_strange) {
  store(1, 2);
  const std::string mine = "record_id = " + id_of(1);
  BOOST_TEST(found("UPDATE data_keys SET master = 7 WHERE " + mine + " AND place = 0") ==
             kCard + "version 1: there is no master key 7");
  raw("UPDATE data_keys SET master = 1");
  BOOST_TEST(found("INSERT INTO data_keys (record_id, place, master, wrapped) VALUES (" + id_of(1) +
                   ", 9, 1, X'00')") == kCard + "a key at place 9 belongs to nothing");
  raw("DELETE FROM data_keys WHERE place = 9");
  BOOST_TEST(found("UPDATE records SET key_state = 2, pepper = 5 WHERE id = " + id_of(1)) ==
             kCard + "pepper 5 is not in the key file");
  raw("UPDATE records SET key_state = 0, pepper = 0");
  BOOST_TEST(found("UPDATE images SET id = X'00112233445566778899AABBCCDDEEFF' WHERE " + mine +
                   " AND place = 0") == kCard + "version 1: the content is another version's");
  raw("DELETE FROM images WHERE " + mine + " AND place = 0");
  BOOST_TEST(check().listed.front().what == "version 1: its content is missing");
  BOOST_TEST(check().faults == 1u);
  raw("DELETE FROM data_keys WHERE " + mine + " AND place = 1");
  BOOST_TEST(check().listed.front().what == "version 0: its key is missing");
}

// Proves that each way to shorten or lengthen a chain is found, the vault's own too.
BOOST_AUTO_TEST_CASE(chains) {
  store(1, 3);
  commit([&](RecordTx& tx) { tx.note_own({"audited", "ops:test", "one"}); });
  commit([&](RecordTx& tx) { tx.note_own({"audited", "ops:test", "two"}); });
  const std::string mine = "record_id = " + id_of(1);
  BOOST_TEST(found("UPDATE records SET history_count = 3 WHERE id = " + id_of(1)) ==
             kCard + "history 4: entries behind the record's head");
  raw("UPDATE records SET history_count = 4");
  BOOST_TEST(found("DELETE FROM history WHERE " + mine + " AND seq = 4") ==
             kCard + "history 4: entries cut off at the end");
  raw("DELETE FROM history WHERE " + mine);
  raw("UPDATE records SET history_count = 0, history_mac = NULL");
  BOOST_TEST(check().faults == 0u);
  BOOST_TEST(found("DELETE FROM own_history") ==
             "own history: history 2: entries behind the record's head");
}

// Proves that a row that cannot be read is a fault of that row, and the rest is checked all the
// same.
BOOST_AUTO_TEST_CASE(unreadable_record) {
  store(1, 1);
  store(2, 1);
  const std::string id = base::to_hex(read(iccid(1))->id);
  raw("UPDATE records SET iccid = '12' WHERE id = X'" + id + "'");
  const CheckState state = check();
  BOOST_TEST(state.faults == 1u);
  BOOST_TEST(state.listed.front().where == "record " + id);
  BOOST_TEST(state.versions == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
