#include "db/record_row.h"

#include <algorithm>

#include "base/text.h"
#include "db/columns.h"

namespace db {

using vault::EndedStore;
using vault::FetchPermit;
using vault::Record;
using vault::Upload;

namespace {

constexpr Column<Record> kColumns[] = {
    column<&Record::iccid>("iccid"),
    column<&Record::msisdn_provisioned>("msisdn_provisioned"),
    column<&Record::msisdn_reported>("msisdn_reported"),
    column<&Record::customer>("customer"),
    column<&Record::language>("language"),
    column<&Record::handset>("handset"),
    column<&Record::last_error>("last_error"),
    column<&Record::ended>("ended"),
    date<&Record::first_stored_at>("first_stored_at"),
    date<&Record::updated_at>("updated_at"),
    date<&Record::identity_at>("identity_at"),
    column<&Record::key_state>("key_state"),
    column<&Record::pepper>("pepper"),
    column<&Record::key_mac>("key_mac"),
    date<&Record::key_issued_at>("key_issued_at"),
    column<&Record::key_transaction>("key_transaction"),
    date<&Record::reset_until>("reset_until"),
    column<&Record::wrong_keys>("wrong_keys"),
    date<&Record::locked_at>("locked_at"),
    date<&Record::locked_until>("locked_until"),
    column<&Record::timed_once>("timed_once"),
    column<&Record::lock_reason>("lock_reason"),
    date<&Record::suspended_at>("suspended_at"),
    column<&Record::epoch>("epoch"),
    part<&Record::upload, &Upload::transaction>("upload_transaction"),
    part<&Record::upload, &Upload::total>("upload_total"),
    part<&Record::upload, &Upload::digest>("upload_digest"),
    part<&Record::upload, &Upload::epoch>("upload_epoch"),
    part<&Record::upload, &Upload::staged>("upload_staged"),
    part<&Record::upload, &Upload::last_at>("upload_last_at"),
    part<&Record::upload, &Upload::writer>("upload_writer"),
    part<&Record::ended_store, &EndedStore::transaction>("ended_transaction"),
    part<&Record::ended_store, &EndedStore::at>("ended_at"),
    part<&Record::ended_store, &EndedStore::flags>("ended_flags"),
    part<&Record::ended_store, &EndedStore::issued_key>("ended_issued_key"),
    part<&Record::fetch, &FetchPermit::transaction>("fetch_transaction"),
    part<&Record::fetch, &FetchPermit::image>("fetch_image"),
    part<&Record::fetch, &FetchPermit::epoch>("fetch_epoch"),
    part<&Record::fetch, &FetchPermit::until>("fetch_until"),
    column<&Record::foreign_wrong>("foreign_wrong"),
    column<&Record::stranger_wrong>("stranger_wrong"),
    date<&Record::stranger_since>("stranger_since"),
    date<&Record::pending_move_until>("pending_move_until"),
    column<&Record::moved_from>("moved_from"),
    date<&Record::moved_at>("moved_at"),
    column<&Record::moved_by_order>("moved_by_order"),
    column<&Record::moved_other>("moved_other"),
    column<&Record::moved_survivor_is_new>("moved_survivor_is_new"),
    column<&Record::moved_msisdn>("moved_msisdn"),
    column<&Record::moved_customer>("moved_customer"),
    column<&Record::moved_language>("moved_language"),
    column<&Record::history_count>("history_count"),
    column<&Record::history_mac>("history_mac"),
};

static_assert(std::size(kColumns) <= 64, "a ColumnSet has 64 bits");

RecordSql build() {
  std::string names;
  std::string marks = "(?, ?, ?, ?";
  for (const Column<Record>& c : kColumns) {
    names += std::string(", ") + c.name;
    marks += ", ?";
  }
  marks += ")";
  RecordSql sql;
  names += ", versions";
  sql.select =
      "SELECT id, version, last_op" + names + ", counter_key_set, counter_value FROM records";
  sql.insert = "INSERT INTO records (id, version, last_op" + names + ") VALUES " + marks;
  sql.insert_many = sql.insert;
  for (std::size_t i = 1; i < kRowsPerInsert; ++i) sql.insert_many += ", " + marks;
  return sql;
}

bool same(const Param& a, const Param& b) {
  const auto* const octets_a = std::get_if<base::View>(&a);
  const auto* const octets_b = std::get_if<base::View>(&b);
  if (octets_a != nullptr && octets_b != nullptr) {
    return std::equal(octets_a->begin(), octets_a->end(), octets_b->begin(), octets_b->end());
  }
  if (a.index() != b.index() || octets_a != nullptr) return false;
  if (const auto* const value = std::get_if<std::int64_t>(&a)) {
    return *value == std::get<std::int64_t>(b);
  }
  const auto* const text = std::get_if<std::string_view>(&a);
  return text == nullptr || *text == std::get<std::string_view>(b);
}

template <std::size_t N>
void take(base::Reader& reader, std::array<std::uint8_t, N>& into) {
  const base::View octets = reader.take(N);
  if (octets.size() == N) std::copy(octets.begin(), octets.end(), into.begin());
}

// Beside the date. A program that does not know them keeps the version too long, and loses nothing.
constexpr std::uint64_t kForCare = std::uint64_t{1} << 62;
constexpr std::uint64_t kOfOther = std::uint64_t{1} << 61;

std::uint64_t with_marks(const vault::ImageInfo& info) {
  return static_cast<std::uint64_t>(info.pinned_until) | (info.for_care ? kForCare : 0) |
         (info.of_other ? kOfOther : 0);
}

std::vector<StoredImage> unpack(const base::Bytes& packed) {
  std::vector<StoredImage> images;
  base::Reader reader(packed);
  while (reader.ok() && reader.left() > 0) {
    StoredImage image;
    vault::ImageInfo& info = image.info;
    image.place = reader.u32();
    take(reader, info.id);
    take(reader, info.bound_record);
    take(reader, info.digest);
    info.bytes = reader.u32();
    info.entries = reader.u32();
    info.stored_at = static_cast<std::int64_t>(reader.u64());
    const std::uint64_t pinned = reader.u64();
    info.for_care = (pinned & kForCare) != 0;
    info.of_other = (pinned & kOfOther) != 0;
    info.pinned_until = static_cast<std::int64_t>(pinned & ~(kForCare | kOfOther));
    images.push_back(image);
  }
  if (!reader.ok()) bad_column("versions");
  return images;
}

Param images_param(const std::optional<base::Bytes>& packed) {
  if (!packed || packed->empty()) return {};
  return base::View(*packed);
}

bool has(ColumnSet columns, std::size_t i) { return (columns >> i & 1) != 0; }

}  // namespace

const RecordSql& record_sql() {
  static const RecordSql* const instance = new RecordSql(build());
  return *instance;
}

base::Bytes pack(const std::vector<StoredImage>& images) {
  base::Writer out;
  for (const StoredImage& image : images) {
    const vault::ImageInfo& info = image.info;
    out.u32(static_cast<std::uint32_t>(image.place)).bytes(info.id).bytes(info.bound_record);
    out.bytes(info.digest).u32(info.bytes).u32(info.entries);
    out.u64(static_cast<std::uint64_t>(info.stored_at));
    out.u64(with_marks(info));
  }
  return out.take();
}

StoredRecord read_record(const Row& row) {
  const auto iccid = vault::Iccid::from_digits(row.text(3));
  if (!iccid) bad_column("iccid");
  Record record(*iccid);
  from_row(record.id, row, 0);
  record.version = static_cast<std::uint64_t>(row.number(1));
  int i = 3;
  for (const Column<Record>& c : kColumns) c.set(record, row, i++);
  StoredRecord stored{std::move(record), {}, unpack(row.blob(i)), {}};
  from_row(stored.last_op, row, 2);
  from_row(stored.counter.key_set, row, i + 1);
  from_row(stored.counter.value, row, i + 2);
  if (!stored.images.empty()) stored.record.image = stored.images.front().info;
  return stored;
}

ColumnSet columns_under_way() {
  static const ColumnSet columns = [] {
    ColumnSet set = 0;
    for (std::size_t i = 0; i < std::size(kColumns); ++i) {
      const std::string_view name = kColumns[i].name;
      if (name.starts_with("upload_") || name.starts_with("fetch_")) set |= ColumnSet{1} << i;
    }
    return set;
  }();
  return columns;
}

std::optional<StoredRecord> select_record(SqlConnection& connection, const char* where, Param key) {
  std::optional<StoredRecord> record;
  connection.query(record_sql().select + where, {key},
                   [&](const Row& row) { record = read_record(row); });
  return record;
}

void append_insert(std::vector<Param>& params, const Record& record,
                   const std::optional<base::Bytes>& images, const vault::OpId& op) {
  params.emplace_back(base::View(record.id));
  params.emplace_back(number(1));
  params.emplace_back(base::View(op));
  for (const Column<Record>& c : kColumns) params.push_back(c.get(record));
  params.push_back(images_param(images));
}

ColumnSet changed_columns(const Record& before, const Record& after) {
  ColumnSet changed = 0;
  for (std::size_t i = 0; i < std::size(kColumns); ++i) {
    if (!same(kColumns[i].get(before), kColumns[i].get(after))) changed |= ColumnSet{1} << i;
  }
  return changed;
}

std::string update_sql(ColumnSet columns, const Beside& beside) {
  std::string sql = "UPDATE records SET version = version + 1, last_op = ?";
  for (std::size_t i = 0; i < std::size(kColumns); ++i) {
    if (has(columns, i)) sql.append(", ").append(kColumns[i].name).append(" = ?");
  }
  if (beside.images) sql += ", versions = ?";
  if (beside.counter) sql += ", counter_key_set = ?, counter_value = ?";
  return sql += kAsLoaded;
}

void append_update(std::vector<Param>& params, const Record& record, ColumnSet columns,
                   const Beside& beside, const RowVersion& loaded, const vault::OpId& op) {
  params.emplace_back(base::View(op));
  for (std::size_t i = 0; i < std::size(kColumns); ++i) {
    if (has(columns, i)) params.push_back(kColumns[i].get(record));
  }
  if (beside.images) params.push_back(images_param(beside.images));
  if (beside.counter) {
    const bool none = beside.counter->key_set == 0;
    params.push_back(none ? Param{} : number(beside.counter->key_set));
    params.push_back(none ? Param{} : number(beside.counter->value));
  }
  append_as_loaded(params, record.id, loaded);
}

void append_as_loaded(std::vector<Param>& params, const vault::RecordId& id,
                      const RowVersion& loaded) {
  params.insert(params.end(), {base::View(id), number(loaded.number), base::View(loaded.op)});
}

void fit(Record& record) {
  constexpr std::size_t kHandset = 512;
  constexpr std::size_t kText = 255;
  if (record.handset.size() > kHandset) record.handset.resize(kHandset);
  record.last_error.resize(base::cut_text(record.last_error, kText).size());
  record.lock_reason.resize(base::cut_text(record.lock_reason, kText).size());
}

}  // namespace db
