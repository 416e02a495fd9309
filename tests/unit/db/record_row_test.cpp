// Column `versions`: what was packed comes back; damaged octets are refused by the column's name,
// never read as other images.
#include "db/record_row.h"

#include <boost/test/unit_test.hpp>

#include "base/crypto.h"
#include "tests/support/param_row.h"

namespace {

const vault::Iccid kIccid = *vault::Iccid::from_digits("8944351002100001236");

std::vector<db::StoredImage> two_images() {
  std::vector<db::StoredImage> images(2);
  for (db::StoredImage& image : images) {
    image.place = 1'000'000 + &image - images.data();
    image.info.id = base::random_array<16>();
    image.info.bound_record = base::random_array<16>();
    image.info.digest = base::random_array<32>();
    image.info.bytes = 4711;
    image.info.entries = 250;
    image.info.stored_at = 1'700'000'000'000;
    image.info.pinned_until = 1'800'000'000'000;
  }
  images.front().info.of_other = true;
  images.back().info.for_care = true;
  return images;
}

db::StoredRecord read_with(const base::Bytes& versions) {
  const vault::Record record(kIccid);
  const vault::OpId op = base::random_array<16>();
  const std::optional<base::Bytes> packed = versions;
  std::vector<db::Param> row;
  db::append_insert(row, record, packed, op);
  row.insert(row.end(), 2, {});  // no counter
  return db::read_record(support::ParamRow(row));
}

bool names_the_column(const db::SqlError& error) {
  return error.kind() == db::SqlError::Kind::other &&
         error.text() == "bad value of a column: versions";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(record_row)

BOOST_AUTO_TEST_CASE(images_come_back) {
  const auto images = two_images();
  const db::StoredRecord read = read_with(db::pack(images));
  BOOST_REQUIRE_EQUAL(read.images.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST((read.images[i].info == images[i].info));
    BOOST_TEST(read.images[i].place == images[i].place);
  }
  BOOST_TEST((read.record.image == images[0].info));
  BOOST_TEST(read_with({}).images.empty());
  BOOST_TEST(!read_with({}).record.image.has_value());
}

// Cut anywhere but between two images, and with an octet too many.
BOOST_AUTO_TEST_CASE(cut_at_every_octet) {
  base::Bytes packed = db::pack(two_images());
  packed.push_back(0);
  const std::size_t one = packed.size() / 2;
  for (; !packed.empty(); packed.pop_back()) {
    if (packed.size() % one == 0) {
      BOOST_TEST(read_with(packed).images.size() == packed.size() / one);
    } else {
      BOOST_CHECK_EXCEPTION(read_with(packed), db::SqlError, names_the_column);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
