#include "db/card_list.h"

#include "db/connect.h"
#include "db/record_row.h"

namespace db {

namespace {

constexpr std::size_t kPage = 2000;

}  // namespace

CardList::CardList(const Settings& settings) : settings_(settings) {}
CardList::~CardList() = default;

base::Result<std::unique_ptr<CardList>> CardList::open(const Settings& settings) {
  std::unique_ptr<CardList> list(new CardList(settings));
  try {
    list->connection_ = open_current(list->settings_, SqliteMode::read);
  } catch (const SqlError& error) {
    return base::Error{error.text()};
  }
  return list;
}

base::Result<CardList::Page> CardList::page(const base::Bytes& after) {
  Page page;
  page.after = after;
  try {
    if (!connection_) connection_ = open_current(settings_, SqliteMode::read);
    connection_->query(record_sql().select + " WHERE id > ? ORDER BY id LIMIT ?",
                       {base::View(after), number(kPage)}, [&](const Row& row) {
                         page.after = row.blob(0);
                         page.records.push_back(read_record(row).record);
                       });
  } catch (const SqlError& error) {
    connection_.reset();
    return base::Error{error.text()};
  }
  page.done = page.records.size() < kPage;
  return page;
}

}  // namespace db
