// Records: what is created, changed and removed in one update is there afterwards, whole.
#include "tests/contract/fixture.h"

using namespace contract;
using vault::Counter;
using vault::Iccid;
using vault::Outcome;
using vault::Record;
using vault::RecordTx;

namespace {

// Every field away from its default, so that a column that is forgotten is seen.
void fill(Record& r) {
  r.msisdn_provisioned = msisdn(1);
  r.msisdn_reported = msisdn(2);
  r.customer = "K\xC3\xBCnde \xF0\x9F\x98\x80 4711";
  r.language = "zh";
  r.handset = {0x00, 0xFF, 0x91, 0x27, 0x5C};
  r.last_error = "6F00 at offset 12";
  r.ended = true;
  r.image = vault::ImageInfo{base::random_array<16>(), r.id, base::random_array<32>(),
                             4'000'000'000u,           17,   1'700'000'000'001,
                             1'700'000'000'002};
  r.first_stored_at = 1'700'000'000'003;
  r.updated_at = 1'700'000'000'004;
  r.identity_at = 1'700'000'000'005;
  r.key_state = vault::KeyState::active;
  r.pepper = 3;
  r.key_mac = base::random_array<32>();
  r.key_issued_at = 1'700'000'000'006;
  r.key_transaction = 4'000'000'001u;
  r.reset_until = 1'700'000'000'007;
  r.wrong_keys = 2;
  r.locked_at = 1'700'000'000'008;
  r.locked_until = 1'700'000'000'009;
  r.timed_once = true;
  r.lock_reason = "three wrong keys";
  r.suspended_at = 1'700'000'000'010;
  r.epoch = 4'000'000'002u;
  r.upload =
      vault::Upload{4'000'000'003u, 4'000'000'004u,    base::random_array<32>(), 4'000'000'005u,
                    4'000'000'006u, 1'700'000'000'011, base::random_array<16>()};
  r.ended_store = vault::EndedStore{4'000'000'007u, 1'700'000'000'012, 0xFF, true};
  r.fetch = vault::FetchPermit{4'000'000'008u, base::random_array<16>(), 4'000'000'009u,
                               1'700'000'000'013};
  r.foreign_wrong = 3;
  r.stranger_wrong = 2;
  r.stranger_since = 1'700'000'000'014;
  r.pending_move_until = 1'700'000'000'015;
  r.moved_from = iccid(99);
  r.moved_at = 1'700'000'000'016;
  r.moved_by_order = true;
  r.moved_other = base::random_array<16>();
  r.moved_survivor_is_new = true;
  r.moved_msisdn = msisdn(17);
  r.moved_customer = "customer before";
  r.moved_language = "de";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(records, Fixture)

// A record comes back with every field as it was set, and again with every field at its default.
BOOST_AUTO_TEST_CASE(every_field_comes_back) {
  const Record made = create(iccid(1));
  BOOST_TEST(made.version == 1u);
  Record wanted = made;
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    record = made;
    fill(record);
    tx.add_image(record, *record.image, random_content(10));
    wanted = record;
  });
  wanted.version = 2;
  BOOST_TEST((read(iccid(1)) == wanted));
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    tx.drop_image(record.image->id);
    record = made;
  });
  wanted = made;
  wanted.version = 3;
  BOOST_TEST((read(iccid(1)) == wanted));
}

// Unknown numbers give null; a pointer is the same at each call and by each way.
BOOST_AUTO_TEST_CASE(find_gives_one_pointer) {
  const Record made = create(iccid(1));
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.find(iccid(2)) == nullptr);
    BOOST_TEST(tx.find(base::random_array<16>()) == nullptr);
    Record* const record = tx.find(iccid(1));
    BOOST_TEST(record != nullptr);
    BOOST_TEST(tx.find(iccid(1)) == record);
    BOOST_TEST(tx.find(made.id) == record);
    return false;
  });
}

// Numbers and former ICCIDs find their records, at most ten of them.
BOOST_AUTO_TEST_CASE(found_by_number_and_former_iccid) {
  commit([&](RecordTx& tx) {
    for (unsigned i = 1; i <= 12; ++i) tx.create(iccid(i)).msisdn_provisioned = msisdn(1);
    tx.create(iccid(20)).moved_from = iccid(30);
  });
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.find_by_number(msisdn(1)).size() == 10u);
    BOOST_TEST(tx.find_by_number(msisdn(2)).empty());
    Record* const moved = tx.find_moved_from(iccid(30));
    BOOST_TEST(moved == tx.find(iccid(20)));
    BOOST_TEST(tx.find_moved_from(iccid(31)) == nullptr);
    return false;
  });
  const auto found = store->find_any({iccid(3), iccid(20), iccid(77)}, msisdn(1));
  BOOST_REQUIRE(found.ok());
  BOOST_TEST(found->size() == 13u);
}

// What the function refuses, or leaves as it was, writes nothing: not even a version.
BOOST_AUTO_TEST_CASE(refused_and_unchanged_write_nothing) {
  const Record before = create(iccid(1));
  BOOST_TEST((update([&](RecordTx& tx) {
                tx.find(iccid(1))->wrong_keys = 2;
                tx.create(iccid(2));
                tx.raise_counter(iccid(1), 1, 5);
                tx.note(*tx.find(iccid(1)), {"x", "test", ""});
                tx.add_image(*tx.find(iccid(1)), image_of(before, random_content(10), 1),
                             random_content(10));
                return false;
              }) == Outcome::refused));
  BOOST_TEST((read(iccid(1)) == before));
  BOOST_TEST(!read(iccid(2)).has_value());
  BOOST_TEST(counter(iccid(1), 1) == 0u);
  BOOST_TEST(images(iccid(1)).empty());
  BOOST_TEST((update([&](RecordTx& tx) {
                Record& record = *tx.find(iccid(1));
                record.wrong_keys = 1;
                record.wrong_keys = 0;
                return true;
              }) == Outcome::unchanged));
  BOOST_TEST((read(iccid(1)) == before));
}

// A removed record is gone with all that hung on it; its history stays; its ICCID starts anew.
BOOST_AUTO_TEST_CASE(removed_with_everything) {
  const Record made = create(iccid(1));
  create(iccid(2));
  const auto content = random_content(100);
  const auto info = image_of(made, content, 1);
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    tx.add_image(record, info, content);
    tx.append_staged(record, 0, random_content(10));
    tx.add_move({0, record.id, record.iccid, iccid(2), 5});
  });
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    tx.note(record, {"erased", "test", ""});
    tx.remove(record);
    BOOST_TEST(tx.find(iccid(1)) == nullptr);
    BOOST_TEST(tx.find(made.id) == nullptr);
  });
  BOOST_TEST(!read(iccid(1)).has_value());
  BOOST_TEST(!store->image(made.id, info).ok());
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.moves_to(iccid(2)).empty());
    BOOST_TEST(tx.staged_bytes_all() == 0u);
    return false;
  });
  const auto history = store->history({made.id, "", 0, INT64_MAX, 100});
  BOOST_REQUIRE(history.ok());
  BOOST_TEST(history->size() == 2u);
  const Record again = create(iccid(1));
  BOOST_TEST((again.id != made.id));
}

// A card change: the old record takes the number of a record that goes, in one update, whichever
// of the two has the lower id; and two records can swap their numbers.
BOOST_AUTO_TEST_CASE(iccid_changes_hands) {
  for (unsigned i = 0; i < 8; ++i) {
    const vault::Iccid from = iccid(100 + i);
    const vault::Iccid to = iccid(200 + i);
    const Record old_record = create(from);
    create(to);
    commit([&](RecordTx& tx) {
      Record& moving = *tx.find(from);
      Record& empty = *tx.find(to);
      tx.remove(empty);
      moving.iccid = to;
      moving.moved_from = from;
      BOOST_TEST(tx.find(to) == &moving);
      BOOST_TEST(tx.find(from) == nullptr);
    });
    BOOST_TEST(!read(from).has_value());
    BOOST_TEST((read(to)->id == old_record.id));
    // The move is undone, and the new card gets a record of its own.
    commit([&](RecordTx& tx) {
      Record& record = *tx.find(to);
      tx.create(to);
      record.iccid = from;
    });
    BOOST_TEST((read(from)->id == old_record.id));
    BOOST_TEST((read(to)->id != old_record.id));
    const auto other = read(to)->id;
    commit([&](RecordTx& tx) {
      Record& one = *tx.find(from);
      Record& two = *tx.find(to);
      std::swap(one.iccid, two.iccid);
    });
    BOOST_TEST((read(to)->id == old_record.id));
    BOOST_TEST((read(from)->id == other));
  }
}

// Replay counters go up only, outlive their record, and are told apart by card and key set.
BOOST_AUTO_TEST_CASE(counters_only_rise) {
  create(iccid(1));
  BOOST_TEST(counter(iccid(1), 1) == 0u);
  commit([&](RecordTx& tx) { tx.raise_counter(iccid(1), 1, 100); });
  commit([&](RecordTx& tx) { tx.raise_counter(iccid(1), 2, vault::kCounterMax); });
  BOOST_TEST((update([&](RecordTx& tx) {
                tx.raise_counter(iccid(1), 1, 99);
                return true;
              }) == Outcome::unchanged));
  commit([&](RecordTx& tx) {
    tx.raise_counter(iccid(1), 1, 101);
    tx.raise_counter(iccid(1), 1, 50);
    BOOST_TEST(tx.counter(iccid(1), 1) == 101u);
  });
  commit([&](RecordTx& tx) { tx.remove(*tx.find(iccid(1))); });
  BOOST_TEST(counter(iccid(1), 1) == 101u);
  BOOST_TEST(counter(iccid(1), 2) == vault::kCounterMax);
  BOOST_TEST(counter(iccid(2), 1) == 0u);
}

// Whichever record has a card now, and whichever key set was used last, a counter stays with the
// card: a record leaves it behind and finds the one of its new card.
BOOST_AUTO_TEST_CASE(counters_stay_with_the_card) {
  const Iccid from = iccid(1);
  const Iccid to = iccid(2);
  const Record moved = create(from);
  create(to);
  for (std::uint8_t set = 1; set <= 3; ++set) {
    commit([&](RecordTx& tx) { tx.raise_counter(from, set, 100u + set); });
    commit([&](RecordTx& tx) { tx.raise_counter(to, set, 200u + set); });
  }
  commit([&](RecordTx& tx) {
    tx.remove(*tx.find(to));
    tx.find(from)->iccid = to;
    tx.raise_counter(to, 3, 210);
    tx.raise_counter(from, 1, 110);
  });
  BOOST_TEST((read(to)->id == moved.id));
  const auto see = [&](const Iccid& card, std::array<Counter, 3> wanted) {
    for (std::uint8_t set = 1; set <= 3; ++set) BOOST_TEST(counter(card, set) == wanted[set - 1]);
  };
  see(from, {110, 102, 103});
  see(to, {201, 202, 210});
  create(from);
  see(from, {110, 102, 103});
  commit([&](RecordTx& tx) { tx.raise_counter(to, 2, 220); });
  commit([&](RecordTx& tx) { tx.raise_counter(from, 1, 120); });
  commit([&](RecordTx& tx) { std::swap(tx.find(from)->iccid, tx.find(to)->iccid); });
  see(from, {120, 102, 103});
  see(to, {201, 220, 210});
}

// Several key sets in one update, among them the one that was used last.
BOOST_AUTO_TEST_CASE(counters_of_several_key_sets_at_once) {
  create(iccid(1));
  commit([&](RecordTx& tx) { tx.raise_counter(iccid(1), 2, 5); });
  for (std::uint64_t more = 0; more < 3; ++more) {
    commit([&](RecordTx& tx) {
      for (std::uint8_t set = 1; set <= 4; ++set) tx.raise_counter(iccid(1), set, 10 * set + more);
    });
    for (std::uint8_t set = 1; set <= 4; ++set) {
      BOOST_TEST(counter(iccid(1), set) == 10 * set + more);
    }
  }
}

// A store of the schema before has its counters in the table alone: they go on from there.
BOOST_AUTO_TEST_CASE(counters_of_the_table_are_found) {
  create(iccid(1));
  raw("INSERT INTO counters (iccid, key_set, value) VALUES ('" + iccid(1).digits() + "', 1, 70)");
  BOOST_TEST(counter(iccid(1), 1) == 70u);
  commit([&](RecordTx& tx) {
    BOOST_TEST(tx.counter(iccid(1), 1) == 70u);
    tx.raise_counter(iccid(1), 1, 71);
  });
  BOOST_TEST(counter(iccid(1), 1) == 71u);
}

// Pending changes of card are kept with both ends and can be dropped, in the same update, too.
BOOST_AUTO_TEST_CASE(moves_are_kept) {
  const Record old_record = create(iccid(1));
  create(iccid(2));
  commit([&](RecordTx& tx) {
    tx.find(iccid(2));
    tx.add_move({0, old_record.id, iccid(1), iccid(2), 10});
    tx.add_move({0, old_record.id, iccid(1), iccid(3), 11});
    tx.add_move({0, old_record.id, iccid(1), iccid(4), 12});
    BOOST_TEST(tx.moves_from(old_record.id).size() == 3u);
    tx.drop_move(tx.moves_to(iccid(4)).front().id);
    BOOST_TEST(tx.moves_from(old_record.id).size() == 2u);
  });
  std::uint64_t id = 0;
  update([&](RecordTx& tx) {
    const auto moves = tx.moves_from(old_record.id);
    BOOST_REQUIRE(moves.size() == 2u);
    BOOST_TEST((moves[0].new_iccid == iccid(2)));
    BOOST_TEST((moves[0].old_iccid == iccid(1)));
    BOOST_TEST((moves[0].old_record == old_record.id));
    BOOST_TEST(moves[0].at == 10);
    BOOST_TEST(moves[0].id != 0u);
    id = moves[0].id;
    BOOST_TEST(tx.moves_to(iccid(3)).size() == 1u);
    return false;
  });
  commit([&](RecordTx& tx) { tx.drop_move(id); });
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.moves_to(iccid(2)).empty());
    BOOST_TEST(tx.moves_from(old_record.id).size() == 1u);
    return false;
  });
}

// A record that was not had from this update is refused as a whole: nothing is written.
BOOST_AUTO_TEST_CASE(a_strange_record_is_refused) {
  const Record made = create(iccid(1));
  Record strange = made;
  strange.id[0] ^= 1;
  BOOST_TEST((update([&](RecordTx& tx) {
                ++tx.find(iccid(1))->epoch;
                tx.note(strange, {"x", "test", ""});
                return true;
              }) == Outcome::unavailable));
  BOOST_TEST((read(iccid(1)) == made));
}

// Texts that only inform are cut to their columns, never in the middle of a character.
BOOST_AUTO_TEST_CASE(long_texts_are_cut) {
  create(iccid(1));
  std::string text(254, 'a');
  text += "\xC3\xBC";
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    record.last_error = text;
    record.lock_reason = text;
    record.handset.assign(1000, 0xEE);
    tx.note(record, {"long", "test", std::string(3000, 'd')});
  });
  const Record record = *read(iccid(1));
  BOOST_TEST(record.last_error == std::string(254, 'a'));
  BOOST_TEST(record.handset.size() == 512u);
  const auto faults = vault::verify_audit(*store, keys());
  BOOST_REQUIRE(faults.ok());
  BOOST_TEST(faults->empty());
}

BOOST_AUTO_TEST_SUITE_END()
