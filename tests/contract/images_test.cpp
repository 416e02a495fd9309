// Content: octet for octet, bound to its record, unreadable at rest; uploads in parts.
#include <fstream>
#include <iterator>

#include "tests/contract/fixture.h"

using namespace contract;
using vault::ImageInfo;
using vault::Record;
using vault::RecordTx;

BOOST_FIXTURE_TEST_SUITE(images, Fixture)

// Every size from nothing to the limit and beyond comes back octet for octet, whether it can be
// compressed or not.
BOOST_AUTO_TEST_CASE(octet_for_octet) {
  const Record record = create(iccid(1));
  for (const std::size_t size : {0, 1, 15, 16, 8192, 65'535, 65'536, 262'144, 1'048'576}) {
    for (const bool random : {true, false}) {
      const base::Bytes content = random ? random_content(size) : base::Bytes(size, 0xFF);
      const ImageInfo info = image_of(record, content, 1);
      commit([&](RecordTx& tx) { tx.add_image(*tx.find(iccid(1)), info, content); });
      const auto read_back = store->image(record.id, info);
      BOOST_REQUIRE_MESSAGE(read_back.ok(), size);
      BOOST_TEST((*read_back == content), size);
    }
  }
}

// Versions are listed newest first with what was said of them; pins and drops are kept.
BOOST_AUTO_TEST_CASE(versions) {
  const Record record = create(iccid(1));
  std::vector<ImageInfo> infos;
  for (int i = 0; i < 4; ++i) {
    const auto content = random_content(50);
    infos.insert(infos.begin(), image_of(record, content, 100 + i));
    commit([&](RecordTx& tx) {
      tx.add_image(*tx.find(iccid(1)), infos.front(), content);
      BOOST_TEST((tx.images(*tx.find(iccid(1))) == infos));
    });
  }
  BOOST_TEST((images(iccid(1)) == infos));
  infos[1].pinned_until = 12'345;
  infos[1].for_care = true;
  infos[3].for_care = true;
  infos[3].of_other = true;
  commit([&](RecordTx& tx) {
    tx.update_image(*tx.find(iccid(1)), infos[1]);
    tx.update_image(*tx.find(iccid(1)), infos[3]);
    tx.drop_image(infos[2].id);
  });
  const ImageInfo dropped = infos[2];
  infos.erase(infos.begin() + 2);
  BOOST_TEST((images(iccid(1)) == infos));
  BOOST_TEST(!store->image(record.id, dropped).ok());
  BOOST_TEST(store->image(record.id, infos[1]).ok());
}

// New versions take the places of dropped ones: what was there is gone, with its key, and all
// others stay readable, over many rounds and when several go at once.
BOOST_AUTO_TEST_CASE(places_are_used_again) {
  const Record record = create(iccid(1));
  const auto connection = connect(database.settings());
  std::vector<ImageInfo> infos;
  std::vector<base::Bytes> contents;
  for (int i = 0; i < 12; ++i) {
    contents.insert(contents.begin(),
                    random_content(static_cast<std::size_t>(3000 + 700 * (i % 3))));
    infos.insert(infos.begin(), image_of(record, contents.front(), 100 + i));
    const std::size_t keep = i % 4 == 3 ? 2 : 3;
    std::vector<ImageInfo> gone(
        infos.begin() + static_cast<std::ptrdiff_t>(std::min(keep, infos.size())), infos.end());
    commit([&](RecordTx& tx) {
      Record& own = *tx.find(iccid(1));
      for (const ImageInfo& info : gone) tx.drop_image(info.id);
      tx.add_image(own, infos.front(), contents.front());
    });
    infos.resize(infos.size() - gone.size());
    contents.resize(infos.size());
    BOOST_TEST((images(iccid(1)) == infos));
    for (std::size_t k = 0; k < infos.size(); ++k) {
      const auto content = store->image(record.id, infos[k]);
      BOOST_REQUIRE(content.ok());
      BOOST_TEST((*content == contents[k]));
    }
    for (const ImageInfo& info : gone) BOOST_TEST(!store->image(record.id, info).ok());
    for (const char* table : {"images", "data_keys"}) {
      std::int64_t rows = 0;
      connection->query(std::string("SELECT COUNT(*) FROM ") + table, {},
                        [&](const db::Row& row) { rows = row.number(0); });
      BOOST_TEST(rows == static_cast<std::int64_t>(infos.size()), table);
    }
  }
}

// What the list of versions names and the tables have lost is written anew when its place is used
// again: "store again" is what customer care tells such a customer.
BOOST_AUTO_TEST_CASE(a_lost_row_is_written_anew) {
  const Record record = create(iccid(1));
  const auto lose_row_of = [&](const std::string& table, std::size_t size) {
    std::vector<ImageInfo> infos;
    const auto add = [&](int at) {
      const auto content = random_content(size);
      infos.push_back(image_of(record, content, at));
      commit([&](RecordTx& tx) {
        for (const ImageInfo& old : tx.images(*tx.find(iccid(1)))) tx.drop_image(old.id);
        tx.add_image(*tx.find(iccid(1)), infos.back(), content);
      });
      const auto read_back = store->image(record.id, infos.back());
      BOOST_REQUIRE_MESSAGE(read_back.ok(), table);
      BOOST_TEST((*read_back == content));
    };
    add(1);
    raw("DELETE FROM " + table);
    add(2);
  };
  for (const std::size_t size : {50, 5000}) {
    for (const char* table : {"images", "data_keys"}) lose_row_of(table, size);
  }
}

// A record whose row takes more than a kilobyte rests on its version as any other does.
BOOST_AUTO_TEST_CASE(a_large_record_is_guarded) {
  const Record record = create(iccid(1));
  commit([&](RecordTx& tx) {
    for (int i = 0; i < 40; ++i) {
      const auto content = random_content(20);
      tx.add_image(*tx.find(iccid(1)), image_of(record, content, i), content);
    }
  });
  BOOST_REQUIRE_GE(std::stoi(ask("SELECT LENGTH(versions) FROM records")), 1024);
  int runs = 0;
  commit([&](RecordTx& tx) {
    Record& found = *tx.find(iccid(1));
    if (runs++ == 0) raw("UPDATE records SET version = version + 1");
    tx.drop_image(tx.images(found).back().id);
    found.customer = "someone";
  });
  BOOST_TEST(runs == 2, "tried again on what the other has written");
}

// A merge gives the images of one record to another, behind its own and readable as before; the
// record that goes does not take them with it, in whatever order it is told.
BOOST_AUTO_TEST_CASE(images_change_owner) {
  for (const bool load_first : {true, false}) {
    const unsigned base = load_first ? 10 : 20;
    const Record one = create(iccid(base));
    const Record two = create(iccid(base + 1));
    std::vector<ImageInfo> infos;
    std::vector<base::Bytes> contents;
    for (int i = 0; i < 4; ++i) {
      const Record& owner = i < 2 ? one : two;
      contents.push_back(random_content(200));
      infos.push_back(image_of(owner, contents.back(), i));
      commit([&](RecordTx& tx) {
        tx.add_image(*tx.find(owner.iccid), infos.back(), contents.back());
      });
    }
    commit([&](RecordTx& tx) {
      Record& goes = *tx.find(one.iccid);
      Record& stays = *tx.find(two.iccid);
      if (load_first) BOOST_TEST(tx.images(goes).size() == 2u);
      tx.update_image(stays, infos[1]);
      tx.update_image(stays, infos[0]);
      tx.remove(goes);
    });
    const std::vector<ImageInfo> wanted{infos[3], infos[2], infos[1], infos[0]};
    BOOST_TEST((images(two.iccid) == wanted));
    // Those that were its own go behind: an order is all that this changes.
    commit([&](RecordTx& tx) {
      tx.put_last(*tx.find(two.iccid), infos[3].id);
      tx.put_last(*tx.find(two.iccid), infos[2].id);
    });
    const std::vector<ImageInfo> turned{infos[1], infos[0], infos[3], infos[2]};
    BOOST_TEST((images(two.iccid) == turned));
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const auto content = store->image(two.id, infos[i]);
      BOOST_REQUIRE(content.ok());
      BOOST_TEST((*content == contents[i]));
    }
  }
}

// An image is only given out under the record, id and digest that it was sealed for.
BOOST_AUTO_TEST_CASE(wrong_binding_is_refused) {
  const Record record = create(iccid(1));
  const auto content = random_content(500);
  const auto other_content = random_content(500);
  const ImageInfo info = image_of(record, content, 1);
  const ImageInfo other = image_of(record, other_content, 2);
  commit([&](RecordTx& tx) {
    tx.add_image(*tx.find(iccid(1)), info, content);
    tx.add_image(*tx.find(iccid(1)), other, other_content);
  });
  BOOST_TEST(store->image(record.id, info).ok());
  ImageInfo wrong = info;
  wrong.bound_record[0] ^= 1;
  BOOST_TEST(!store->image(record.id, wrong).ok());
  wrong = info;
  wrong.digest[31] ^= 1;
  BOOST_TEST(!store->image(record.id, wrong).ok());
  wrong = info;
  wrong.id = other.id;
  BOOST_TEST(!store->image(record.id, wrong).ok());
  wrong = info;
  wrong.bytes = 499;
  BOOST_TEST(!store->image(record.id, wrong).ok());
  wrong = info;
  wrong.id[3] ^= 1;
  BOOST_TEST(!store->image(record.id, wrong).ok());
}

// An upload's parts come back as one, across stores; a part that is sent again replaces what was
// there from its offset on; dropped is dropped.
BOOST_AUTO_TEST_CASE(staged_parts) {
  create(iccid(1));
  const auto content = random_content(200'000);
  const base::View all(content);
  const auto staged = [&] {
    base::Bytes bytes;
    open()->update(now, [&](RecordTx& tx) {
      bytes = tx.staged(*tx.find(iccid(1)));
      return true;
    });
    return bytes;
  };
  BOOST_TEST(staged().empty());
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    tx.append_staged(record, 0, all.first(65'536));
    BOOST_TEST(tx.staged(record).size() == 65'536u);
    BOOST_TEST(tx.staged_bytes_all() == 65'536u);
  });
  commit(
      [&](RecordTx& tx) { tx.append_staged(*tx.find(iccid(1)), 65'536, random_content(70'000)); });
  // A crash has lowered the offset: the second part is sent anew, and another behind it.
  commit([&](RecordTx& tx) {
    tx.append_staged(*tx.find(iccid(1)), 65'536, all.subspan(65'536, 65'536));
    tx.append_staged(*tx.find(iccid(1)), 131'072, all.subspan(131'072));
    BOOST_TEST((tx.staged(*tx.find(iccid(1))) == content));
  });
  BOOST_TEST((staged() == content));
  update([&](RecordTx& tx) {
    BOOST_TEST(tx.staged_bytes_all() == 200'000u);
    return false;
  });
  commit([&](RecordTx& tx) {
    tx.drop_staged(*tx.find(iccid(1)));
    BOOST_TEST(tx.staged(*tx.find(iccid(1))).empty());
    BOOST_TEST(tx.staged_bytes_all() == 0u);
  });
  BOOST_TEST(staged().empty());
  // A new upload after a dropped one in the same update.
  commit([&](RecordTx& tx) {
    Record& record = *tx.find(iccid(1));
    tx.append_staged(record, 0, all.first(10));
    tx.drop_staged(record);
    tx.append_staged(record, 0, all.first(20));
  });
  BOOST_TEST(staged().size() == 20u);
}

// The sum of all staged octets follows the process's own writes at once, in all its stores, and
// the rest of the world within a minute: it is not added up at every call.
BOOST_AUTO_TEST_CASE(staged_sum_is_kept) {
  create(iccid(1));
  create(iccid(2));
  const auto sum = [&] {
    std::uint64_t bytes = 0;
    open()->update(now, [&](RecordTx& tx) {
      bytes = tx.staged_bytes_all();
      return true;
    });
    return bytes;
  };
  BOOST_TEST(sum() == 0u);
  commit([&](RecordTx& tx) { tx.append_staged(*tx.find(iccid(1)), 0, random_content(1000)); });
  commit([&](RecordTx& tx) { tx.append_staged(*tx.find(iccid(2)), 0, random_content(500)); });
  BOOST_TEST(sum() == 1500u);
  raw("UPDATE staged SET bytes = 10000 WHERE bytes = 1000");
  BOOST_TEST(sum() == 1500u);
  now.mono_ms += base::kMinuteMs;
  BOOST_TEST(sum() == 10'500u);
  commit([&](RecordTx& tx) { tx.drop_staged(*tx.find(iccid(2))); });
  BOOST_TEST(sum() == 10'000u);
}

// Whatever is written, the database file never holds plain content: neither image nor part.
BOOST_AUTO_TEST_CASE(file_holds_no_content, *kOnlySqlite) {
  const Record record = create(iccid(1));
  const std::string marker = "BEGIN:VCARD Zhang-San-13800000001";
  std::string text = "head ";
  for (int i = 0; i < 40; ++i) text += marker + std::to_string(i);
  const base::View content = base::as_bytes(text);
  commit([&](RecordTx& tx) {
    Record& r = *tx.find(iccid(1));
    tx.add_image(r, image_of(record, content, 1), content);
    tx.append_staged(r, 0, content);
    r.last_error = "VISIBLE-MARKER";
  });
  std::string file;
  for (const char* end : {"", "-wal"}) {
    std::ifstream in(database.settings().path + end, std::ios::binary);
    file.append(std::istreambuf_iterator<char>(in), {});
  }
  BOOST_TEST(file.find("VISIBLE-MARKER") != std::string::npos);
  BOOST_TEST(file.find("BEGIN:VCARD") == std::string::npos);
  BOOST_TEST(file.find("Zhang") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
