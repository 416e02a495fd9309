// A store in memory for tests of the domain: every update works on a copy, which becomes the state
// when it commits. Commits can be made to fail, before or after they have happened. Several
// MemoryStore objects over one MemoryData are several instances over one database.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/crypto.h"
#include "vault/ports.h"
#include "vault/sms_ports.h"

namespace support {

struct MemoryState {
  std::map<vault::RecordId, vault::Record> records;
  std::map<vault::RecordId, std::vector<vault::ImageInfo>> images;
  std::vector<std::pair<vault::RecordId, vault::HistoryNote>> history;
  std::map<vault::RecordId, vault::Reminder> reminders;
  std::map<vault::Iccid, vault::WakeUpRow> wake_ups;
  std::map<std::string, vault::JobRow> jobs;
  std::map<std::string, vault::InstanceRow> instances;
  std::map<std::pair<vault::Iccid, int>, vault::Counter> downlink;
  std::map<vault::SmsRef, vault::Sms> sms;
  std::map<std::uint64_t, vault::OutboxItem> outbox;
  std::map<std::uint64_t, vault::IncomingSms> incoming;
  std::map<std::uint64_t, vault::CareRequest> care_requests;
};

// Reported as unavailable, because it has not happened or (`after`) although it has; or the process
// dies.
enum class CommitFault { none, before, after, die_before, die_after };
struct Killed {};

struct MemoryData {
  MemoryState state;
  std::uint64_t next = 100;  // refs and ids
  int commits = 0;
  CommitFault fault = CommitFault::none;
  int fault_at = 0;           // the commit with this number, counted from the next one
  bool numbers_away = false;  // looks for a number's records fail
  void fail(int nth, CommitFault how) {
    fault = how;
    fault_at = commits + nth;
  }
};

class MemoryTx : public vault::RecordTx, public vault::MessageTx {
 public:
  MemoryTx(MemoryState& state, MemoryData& data) : state_(state), data_(data) {}

  vault::Record* find(const vault::Iccid& iccid) override {
    for (auto& [id, record] : state_.records) {
      if (record.iccid == iccid) return &record;
    }
    return nullptr;
  }
  vault::Record* find(const vault::RecordId& id) override { return look(state_.records, id); }
  std::vector<vault::Record*> find_by_number(const vault::Msisdn& number) override {
    std::vector<vault::Record*> found;
    for (auto& [id, record] : state_.records) {
      if (record.msisdn_provisioned == number) found.push_back(&record);
    }
    return found;
  }
  vault::Record* find_moved_from(const vault::Iccid&) override { return nullptr; }
  vault::Record& create(const vault::Iccid& iccid) override {
    vault::Record record(iccid);
    record.id = base::random_array<16>();
    return state_.records.emplace(record.id, std::move(record)).first->second;
  }
  void remove(vault::Record& record) override { state_.records.erase(record.id); }
  vault::Counter counter(const vault::Iccid&, std::uint8_t) override { return 0; }
  void raise_counter(const vault::Iccid&, std::uint8_t, vault::Counter) override {}
  std::vector<vault::ImageInfo> images(const vault::Record& record) override {
    return state_.images[record.id];
  }
  void add_image(const vault::Record& record, const vault::ImageInfo& image, base::View) override {
    auto& images = state_.images[record.id];
    images.insert(images.begin(), image);
  }
  void update_image(const vault::Record&, const vault::ImageInfo&) override {}
  void put_last(const vault::Record&, const vault::ImageId&) override {}
  void drop_image(const vault::ImageId&) override {}
  base::Bytes staged(const vault::Record&) override { return {}; }
  void append_staged(const vault::Record&, std::uint32_t, base::View) override {}
  void drop_staged(const vault::Record&) override {}
  std::uint64_t staged_bytes_all() override { return 0; }
  std::vector<vault::PendingMove> moves_to(const vault::Iccid&) override { return {}; }
  std::vector<vault::PendingMove> moves_from(const vault::RecordId&) override { return {}; }
  void add_move(const vault::PendingMove&) override {}
  void drop_move(std::uint64_t) override {}
  void note(vault::Record& record, const vault::HistoryNote& note) override {
    state_.history.emplace_back(record.id, note);
    ++record.history_count;
  }
  void note_own(const vault::HistoryNote&) override {}
  std::uint64_t calls_by_agent_today(const std::string&) override { return 0; }
  vault::MessageTx& messages() override { return *this; }

  vault::Reminder& reminder(const vault::RecordId& id) override {
    vault::Reminder& row = state_.reminders[id];
    row.record = id;
    return row;
  }
  vault::WakeUpRow& wake_up(const vault::Iccid& card) override {
    return state_.wake_ups.try_emplace(card, card).first->second;
  }
  vault::JobRow& job(const std::string& name) override { return named(state_.jobs, name); }
  vault::InstanceRow& instance(const std::string& name) override {
    return named(state_.instances, name);
  }
  vault::Counter& downlink(const vault::Iccid& card, std::uint8_t key_set) override {
    return state_.downlink[{card, key_set}];
  }
  vault::Sms* sms(vault::SmsRef ref) override { return look(state_.sms, ref); }
  vault::OutboxItem* outbox(std::uint64_t id) override { return look(state_.outbox, id); }
  vault::IncomingSms* incoming(std::uint64_t id) override { return look(state_.incoming, id); }
  vault::CareRequest* care_request(std::uint64_t id) override {
    return look(state_.care_requests, id);
  }
  vault::CareRequest& add_care_request() override {
    const std::uint64_t id = ++data_.next;
    vault::CareRequest& row = state_.care_requests[id];
    row.id = id;
    return row;
  }
  vault::Sms& add_sms() override {
    const vault::SmsRef ref = ++data_.next;
    vault::Sms& row = state_.sms[ref];
    row.ref = ref;
    return row;
  }
  vault::OutboxItem& add_outbox() override {
    const std::uint64_t id = ++data_.next;
    vault::OutboxItem& row = state_.outbox[id];
    row.id = id;
    return row;
  }
  void drop(const vault::EndedMessages& ended) override {
    for (const vault::SmsRef ref : ended.sms) state_.sms.erase(ref);
    for (const std::uint64_t id : ended.outbox) state_.outbox.erase(id);
    for (const std::uint64_t id : ended.incoming) state_.incoming.erase(id);
    for (const std::uint64_t id : ended.care_requests) state_.care_requests.erase(id);
  }
  bool add_incoming(const vault::IncomingSms& sms) override {
    for (const auto& [id, row] : state_.incoming) {
      if (row.mark == sms.mark) return false;
    }
    const std::uint64_t id = ++data_.next;
    state_.incoming[id] = sms;
    state_.incoming[id].id = id;
    return true;
  }

 private:
  template <class Map, class Key>
  static typename Map::mapped_type* look(Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
  }
  template <class Map>
  static typename Map::mapped_type& named(Map& map, const std::string& name) {
    auto& row = map[name];
    row.name = name;
    return row;
  }

  MemoryState& state_;
  MemoryData& data_;
};

class MemoryStore : public vault::Store, public vault::MessageScan {
 public:
  explicit MemoryStore(MemoryData& data) : data_(data) {}

  vault::Outcome update(base::Now, const std::function<bool(vault::RecordTx&)>& f) override {
    MemoryState copy = data_.state;
    MemoryTx tx(copy, data_);
    if (!f(tx)) return vault::Outcome::refused;
    raise_versions(copy);
    ++data_.commits;
    const CommitFault fault = data_.commits == data_.fault_at ? data_.fault : CommitFault::none;
    const bool lost = fault == CommitFault::before || fault == CommitFault::die_before;
    if (!lost) data_.state = std::move(copy);
    if (fault == CommitFault::die_before || fault == CommitFault::die_after) throw Killed();
    return fault == CommitFault::none ? vault::Outcome::committed : vault::Outcome::unavailable;
  }
  base::Result<base::Bytes> image(const vault::RecordId&, const vault::ImageInfo&) override {
    return base::Error{"none"};
  }
  base::Result<std::vector<vault::Record>> find_any(
      const std::vector<vault::Iccid>& spellings,
      const std::optional<vault::Msisdn>& number) override {
    std::vector<vault::Record> found;
    for (const auto& [id, record] : data_.state.records) {
      const bool fits =
          std::find(spellings.begin(), spellings.end(), record.iccid) != spellings.end() ||
          (number && record.msisdn_provisioned == number);
      if (fits) found.push_back(record);
    }
    return found;
  }
  base::Result<std::vector<vault::Record>> find_customer(const std::string& customer,
                                                         std::size_t limit) override {
    std::vector<vault::Record> found;
    for (const auto& [id, record] : data_.state.records) {
      if (record.customer == customer && found.size() < limit) found.push_back(record);
    }
    return found;
  }
  base::Result<std::vector<vault::HistoryEntry>> history(const vault::HistoryQuery&) override {
    return std::vector<vault::HistoryEntry>{};
  }
  base::Status history_heads(
      const std::function<void(const vault::RecordId&, std::string_view, std::uint64_t,
                               const base::Sha256&)>&) override {
    return {};
  }
  base::Result<vault::StagedPage> staged_before(std::int64_t, const std::array<std::uint8_t, 16>&,
                                                std::size_t) override {
    return vault::StagedPage{};
  }
  base::Result<std::vector<vault::Iccid>> known(const std::vector<vault::Iccid>&) override {
    return std::vector<vault::Iccid>{};
  }
  base::Result<vault::ImportResult> import(base::Now, const std::vector<vault::ImportLine>&,
                                           const std::string&) override {
    return vault::ImportResult{};
  }
  base::Status check() override { return {}; }
  std::string write_fault() override { return {}; }
  vault::MessageScan& messages() override { return *this; }

  base::Result<std::vector<Dated>> records_by(Date what, const Dated& after, std::int64_t until,
                                              std::size_t limit) override {
    std::vector<Dated> found;
    for (const auto& [id, record] : data_.state.records) {
      const std::int64_t date = what == Date::updated    ? record.updated_at
                                : what == Date::identity ? record.identity_at
                                                         : record.suspended_at;
      const bool behind = std::tie(date, id) > std::tie(after.date, after.record);
      if (date != 0 && date <= until && behind) found.push_back({id, date});
    }
    std::sort(found.begin(), found.end(), [](const Dated& a, const Dated& b) {
      return std::tie(a.date, a.record) < std::tie(b.date, b.record);
    });
    if (found.size() > limit) found.resize(limit);
    return found;
  }
  base::Result<std::vector<vault::RecordId>> due_reminders(std::int64_t now,
                                                           std::size_t limit) override {
    return keys<vault::RecordId>(data_.state.reminders, limit, [&](const vault::Reminder& r) {
      return r.next_at != 0 && r.next_at <= now;
    });
  }
  base::Result<std::vector<vault::Iccid>> due_wake_ups(std::int64_t now,
                                                       std::size_t limit) override {
    return keys<vault::Iccid>(data_.state.wake_ups, limit, [&](const vault::WakeUpRow& r) {
      return r.next_at != 0 && r.next_at <= now;
    });
  }
  base::Result<std::vector<vault::SmsRef>> left_behind(vault::SmsStep step, std::int64_t now,
                                                       std::size_t limit) override {
    return keys<vault::SmsRef>(data_.state.sms, limit, [&](const vault::Sms& s) {
      return s.step == step && s.lease_until <= now;
    });
  }
  base::Result<std::vector<vault::OutboxItem>> open_outbox(std::int64_t now,
                                                           std::size_t limit) override {
    return rows<vault::OutboxItem>(data_.state.outbox, limit, [&](const vault::OutboxItem& i) {
      return i.state == vault::OutboxItem::State::open && i.next_at <= now;
    });
  }
  base::Result<std::vector<vault::IncomingSms>> open_incoming(std::int64_t now,
                                                              std::size_t limit) override {
    return rows<vault::IncomingSms>(data_.state.incoming, limit, [&](const vault::IncomingSms& s) {
      return s.next_at != 0 && s.next_at <= now;
    });
  }
  base::Result<std::vector<vault::CareRequest>> care_requests(const vault::RecordId* record,
                                                              std::int64_t now,
                                                              std::size_t limit) override {
    return rows<vault::CareRequest>(
        data_.state.care_requests, limit, [&](const vault::CareRequest& r) {
          return r.expires_at > now && r.state <= vault::CareRequest::State::approved &&
                 (record == nullptr || r.record == *record);
        });
  }
  base::Result<std::vector<std::uint64_t>> care_requests_over(std::int64_t before,
                                                              std::size_t limit) override {
    return keys<std::uint64_t>(data_.state.care_requests, limit,
                               [&](const vault::CareRequest& r) { return r.expires_at < before; });
  }
  base::Result<std::vector<vault::IncomingSms>> parts_of(const vault::IncomingSms& part) override {
    return rows<vault::IncomingSms>(data_.state.incoming, 1000, [&](const vault::IncomingSms& s) {
      return s.next_at != 0 && s.from == part.from && s.reference == part.reference &&
             s.parts == part.parts && s.to == part.to;
    });
  }
  base::Result<std::vector<vault::RecordId>> records_of_number(
      const vault::Msisdn& number) override {
    if (data_.numbers_away) return base::Error{"away"};
    std::vector<vault::RecordId> found;
    for (const auto& [id, record] : data_.state.records) {
      const auto reminder = data_.state.reminders.find(id);
      const bool reminded =
          reminder != data_.state.reminders.end() && reminder->second.number == number;
      if (reminded || record.msisdn_provisioned == number) found.push_back(id);
    }
    return found;
  }
  base::Result<std::vector<std::pair<vault::SmsRef, int>>> segments_of(
      const vault::SmsReceipt& receipt, std::int64_t since) override {
    std::vector<std::pair<vault::SmsRef, int>> found;
    for (const auto& [ref, sms] : data_.state.sms) {
      for (const vault::SmsSegment& segment : sms.segments) {
        if (!receipt.message_id.empty() && segment.smsc == receipt.smsc &&
            segment.message_id == receipt.message_id && sms.submitted_at >= since) {
          found.insert(found.begin(), {ref, segment.number});
        }
      }
    }
    if (!found.empty() || !receipt.number) return found;
    for (const auto& [ref, sms] : data_.state.sms) {
      if (sms.to == receipt.number && sms.submitted_at >= since && sms.submitted_at != 0) {
        found.insert(found.begin(), {ref, 0});
      }
    }
    return found;
  }
  base::Result<vault::EndedMessages> ended_before(std::int64_t utc_ms, std::size_t) override {
    vault::EndedMessages ended;
    for (const auto& [ref, sms] : data_.state.sms) {
      if (sms.created_at < utc_ms && sms.step >= vault::SmsStep::sent) ended.sms.push_back(ref);
    }
    for (const auto& [id, item] : data_.state.outbox) {
      const bool over = item.state != vault::OutboxItem::State::open;
      if (item.created_at < utc_ms && over) ended.outbox.push_back(id);
    }
    for (const auto& [id, sms] : data_.state.incoming) {
      if (sms.at < utc_ms && sms.next_at == 0) ended.incoming.push_back(id);
    }
    return ended;
  }
  base::Result<std::vector<vault::InstanceRow>> instances() override {
    return rows<vault::InstanceRow>(data_.state.instances, 1000,
                                    [](const vault::InstanceRow&) { return true; });
  }

 private:
  template <class Map>
  static void raise_versions(Map& now, const Map& before) {
    for (auto& [key, row] : now) {
      const auto old = before.find(key);
      if (old == before.end() || !(old->second == row)) ++row.version;
    }
  }
  void raise_versions(MemoryState& now) const {
    raise_versions(now.records, data_.state.records);
    raise_versions(now.reminders, data_.state.reminders);
    raise_versions(now.wake_ups, data_.state.wake_ups);
    raise_versions(now.jobs, data_.state.jobs);
    raise_versions(now.sms, data_.state.sms);
    raise_versions(now.outbox, data_.state.outbox);
    raise_versions(now.incoming, data_.state.incoming);
    raise_versions(now.care_requests, data_.state.care_requests);
  }
  template <class Key, class Map, class F>
  static std::vector<Key> keys(const Map& map, std::size_t limit, F&& wanted) {
    std::vector<Key> found;
    for (const auto& [key, row] : map) {
      if (found.size() < limit && wanted(row)) found.push_back(key);
    }
    return found;
  }
  template <class Row, class Map, class F>
  static std::vector<Row> rows(const Map& map, std::size_t limit, F&& wanted) {
    std::vector<Row> found;
    for (const auto& [key, row] : map) {
      if (found.size() < limit && wanted(row)) found.push_back(row);
    }
    return found;
  }

  MemoryData& data_;
};

}  // namespace support
