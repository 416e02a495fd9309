#include "db/message_rows.h"

#include <algorithm>
#include <span>

#include "db/columns.h"

namespace db {

using vault::CareRequest;
using vault::Iccid;
using vault::IncomingSms;
using vault::InstanceRow;
using vault::JobRow;
using vault::OutboxItem;
using vault::Reminder;
using vault::Sms;
using vault::WakeUpRow;

namespace {

// The key comes first, then version (kept by the generic code), then the rest.
template <class T>
struct Table;

template <>
struct Table<Reminder> {
  static constexpr const char* kName = "reminders";
  static constexpr Column<Reminder> kKey = column<&Reminder::record>("record_id");
  static constexpr Column<Reminder> kColumns[] = {
      date<&Reminder::based_on>("based_on"),
      date<&Reminder::due_at>("due_at"),
      date<&Reminder::next_at>("next_at"),
      column<&Reminder::sent>("sent"),
      column<&Reminder::open>("is_open"),
      column<&Reminder::number>("msisdn"),
      date<&Reminder::last_ref>("last_ref"),
      date<&Reminder::last_sent_at>("last_sent_at"),
      date<&Reminder::answered_at>("answered_at"),
      column<&Reminder::answer>("answer"),
      column<&Reminder::help_sent>("help_sent"),
      date<&Reminder::opted_out_at>("opted_out_at"),
      column<&Reminder::opted_out_by>("opted_out_by"),
      column<&Reminder::unreachable>("unreachable"),
      date<&Reminder::unreachable_at>("unreachable_at"),
  };
};

template <>
struct Table<Sms> {
  static constexpr const char* kName = "sms_out";
  static constexpr Column<Sms> kKey = column<&Sms::ref>("ref");
  static constexpr Column<Sms> kColumns[] = {
      column<&Sms::kind>("kind"),           column<&Sms::record>("record_id"),
      column<&Sms::to>("msisdn"),           column<&Sms::text>("body"),
      column<&Sms::smsc>("smsc"),           date<&Sms::due_at>("due_at"),
      column<&Sms::attempt>("attempt"),     column<&Sms::step>("step"),
      column<&Sms::owner>("owner"),         column<&Sms::lease_until>("lease_until"),
      date<&Sms::created_at>("created_at"), date<&Sms::submitted_at>("submitted_at"),
      date<&Sms::expires_at>("expires_at"), column<&Sms::tries>("tries"),
      date<&Sms::outbox>("outbox"),         column<&Sms::segment_count>("segment_count"),
  };
};

template <>
struct Table<IncomingSms> {
  static constexpr const char* kName = "sms_in";
  static constexpr Column<IncomingSms> kKey = column<&IncomingSms::id>("id");
  static constexpr Column<IncomingSms> kColumns[] = {
      {"mark", [](const IncomingSms& r) { return Param(base::View(r.mark)); },
       [](IncomingSms& r, const Row& row, int i) { from_row(r.mark, row, i); }},
      column<&IncomingSms::smsc>("smsc"),
      column<&IncomingSms::from>("msisdn"),
      column<&IncomingSms::to>("recipient"),
      column<&IncomingSms::binary>("is_binary"),
      column<&IncomingSms::text>("body"),
      column<&IncomingSms::user_data>("user_data"),
      column<&IncomingSms::reference>("reference"),
      column<&IncomingSms::parts>("parts"),
      column<&IncomingSms::part>("part"),
      column<&IncomingSms::at>("at"),
      date<&IncomingSms::next_at>("next_at"),
      column<&IncomingSms::result>("result"),
  };
};

template <>
struct Table<WakeUpRow> {
  static constexpr const char* kName = "wake_ups";
  static constexpr Column<WakeUpRow> kKey = column<&WakeUpRow::iccid>("iccid");
  static constexpr Column<WakeUpRow> kColumns[] = {
      column<&WakeUpRow::record>("record_id"),
      column<&WakeUpRow::state>("state"),
      column<&WakeUpRow::reason>("reason"),
      column<&WakeUpRow::asked_by>("asked_by"),
      date<&WakeUpRow::wanted_at>("wanted_at"),
      date<&WakeUpRow::next_at>("next_at"),
      date<&WakeUpRow::expires_at>("expires_at"),
      column<&WakeUpRow::tries>("tries"),
      column<&WakeUpRow::counter_raised>("counter_raised"),
      date<&WakeUpRow::ref>("ref"),
      column<&WakeUpRow::tar>("tar"),
      column<&WakeUpRow::counter>("packet_counter"),
      column<&WakeUpRow::key_set>("key_set"),
      date<&WakeUpRow::sent_at>("sent_at"),
      column<&WakeUpRow::last_status>("last_status"),
      column<&WakeUpRow::last_authentic>("last_authentic"),
      date<&WakeUpRow::last_status_at>("last_status_at"),
      date<&WakeUpRow::not_before>("not_before"),
      date<&WakeUpRow::without_applet_until>("without_applet_until"),
  };
};

template <>
struct Table<OutboxItem> {
  static constexpr const char* kName = "outbox";
  static constexpr Column<OutboxItem> kKey = column<&OutboxItem::id>("id");
  static constexpr Column<OutboxItem> kColumns[] = {
      column<&OutboxItem::kind>("kind"),           column<&OutboxItem::state>("state"),
      column<&OutboxItem::record>("record_id"),    column<&OutboxItem::number>("msisdn"),
      column<&OutboxItem::text>("body"),           column<&OutboxItem::detail>("detail"),
      column<&OutboxItem::asked_by>("asked_by"),   date<&OutboxItem::created_at>("created_at"),
      date<&OutboxItem::expires_at>("expires_at"), column<&OutboxItem::next_at>("next_at"),
      column<&OutboxItem::result>("result"),       date<&OutboxItem::done_at>("done_at"),
  };
};

template <>
struct Table<CareRequest> {
  static constexpr const char* kName = "care_requests";
  static constexpr Column<CareRequest> kKey = column<&CareRequest::id>("id");
  static constexpr Column<CareRequest> kColumns[] = {
      column<&CareRequest::record>("record_id"),
      column<&CareRequest::epoch>("epoch"),
      column<&CareRequest::action>("action"),
      column<&CareRequest::state>("state"),
      column<&CareRequest::asked_by>("asked_by"),
      date<&CareRequest::asked_at>("asked_at"),
      column<&CareRequest::expires_at>("expires_at"),
      column<&CareRequest::reason>("reason"),
      column<&CareRequest::document_type>("document_type"),
      column<&CareRequest::document_tail>("document_tail"),
      column<&CareRequest::document_mac>("document_mac"),
      column<&CareRequest::detail>("detail"),
      column<&CareRequest::image>("image_id"),
      column<&CareRequest::decided_by>("decided_by"),
      date<&CareRequest::decided_at>("decided_at"),
      column<&CareRequest::result>("result"),
  };
};

template <>
struct Table<InstanceRow> {
  static constexpr const char* kName = "instances";
  static constexpr Column<InstanceRow> kKey = column<&InstanceRow::name>("name");
  static constexpr Column<InstanceRow> kColumns[] = {
      column<&InstanceRow::product>("product"),
      date<&InstanceRow::started_at>("started_at"),
      date<&InstanceRow::seen_at>("seen_at"),
      column<&InstanceRow::health>("health"),
  };
};

template <>
struct Table<JobRow> {
  static constexpr const char* kName = "jobs";
  static constexpr Column<JobRow> kKey = column<&JobRow::name>("name");
  static constexpr Column<JobRow> kColumns[] = {
      column<&JobRow::owner>("owner"),         date<&JobRow::lease_until>("lease_until"),
      date<&JobRow::after_date>("after_date"), column<&JobRow::after_record>("after_record"),
      date<&JobRow::ran_at>("ran_at"),         column<&JobRow::count>("amount"),
  };
};

template <class T>
T blank() {
  if constexpr (std::is_same_v<T, WakeUpRow>) {
    return WakeUpRow(*Iccid::from_digits("0000000000"));
  } else {
    return T{};
  }
}

template <class T>
struct Texts {
  std::string select;
  std::string insert;
  std::string update;
};

template <class T>
const Texts<T>& texts() {
  static const Texts<T>* const made = [] {
    auto* const t = new Texts<T>();
    std::string names = std::string(Table<T>::kKey.name) + ", version";
    std::string marks = "?, ?";
    t->update = std::string("UPDATE ") + Table<T>::kName + " SET version = version + 1";
    for (const auto& c : Table<T>::kColumns) {
      names += std::string(", ") + c.name;
      marks += ", ?";
      t->update += std::string(", ") + c.name + " = ?";
    }
    t->update += std::string(" WHERE ") + Table<T>::kKey.name + " = ? AND version = ?";
    t->select = "SELECT " + names + " FROM " + Table<T>::kName;
    t->insert =
        std::string("INSERT INTO ") + Table<T>::kName + " (" + names + ") VALUES (" + marks + ")";
    return t;
  }();
  return *made;
}

template <class T>
void write_row(SqlConnection& connection, const T& row, bool fresh) {
  std::vector<Param> params;
  if (fresh) {
    params.push_back(Table<T>::kKey.get(row));
    params.emplace_back(number(1));
  }
  for (const auto& c : Table<T>::kColumns) params.push_back(c.get(row));
  if (fresh) return insert(connection, texts<T>().insert, params);
  params.push_back(Table<T>::kKey.get(row));
  params.emplace_back(number(row.version));
  connection.change_one(texts<T>().update, params);
}

template <class T>
void write_rows(SqlConnection& connection, const std::vector<MessageWrite<T>>& writes) {
  for (const MessageWrite<T>& write : writes) write_row(connection, write.row, write.fresh);
}

void write_segments(SqlConnection& connection, const SmsWrite& write) {
  for (const vault::SmsSegment& segment : write.row.segments) {
    const auto before =
        std::find_if(write.before.begin(), write.before.end(),
                     [&](const vault::SmsSegment& s) { return s.number == segment.number; });
    if (before != write.before.end() && *before == segment) continue;
    const Param values[] = {number(segment.step),
                            std::string_view(segment.smsc),
                            std::string_view(segment.message_id),
                            number(write.row.submitted_at),
                            number(write.row.ref),
                            number(segment.number)};
    if (before != write.before.end()) {
      connection.execute(
          "UPDATE sms_segments SET step = ?, smsc = ?, message_id = ?, at = ? "
          "WHERE ref = ? AND segment = ?",
          values);
    } else {
      insert(connection,
             "INSERT INTO sms_segments (step, smsc, message_id, at, ref, segment) "
             "VALUES (?, ?, ?, ?, ?, ?)",
             values);
    }
  }
}

// Who drops the same at the same moment finds nothing: that is no conflict.
void drop_rows(SqlConnection& connection, const vault::EndedMessages& drops) {
  for (const vault::SmsRef ref : drops.sms) {
    connection.execute("DELETE FROM sms_segments WHERE ref = ?", {number(ref)});
    connection.execute("DELETE FROM sms_out WHERE ref = ?", {number(ref)});
  }
  for (const std::uint64_t id : drops.outbox) {
    connection.execute("DELETE FROM outbox WHERE id = ?", {number(id)});
  }
  for (const std::uint64_t id : drops.incoming) {
    connection.execute("DELETE FROM sms_in WHERE id = ?", {number(id)});
  }
  for (const std::uint64_t id : drops.care_requests) {
    connection.execute("DELETE FROM care_requests WHERE id = ?", {number(id)});
  }
}

}  // namespace

bool MessageWrites::empty() const {
  return reminders.empty() && wake_ups.empty() && jobs.empty() && instances.empty() &&
         sms.empty() && outbox.empty() && incoming.empty() && care_requests.empty() &&
         downlink.empty() && drops.empty();
}

// In one order for all, and within a table in the order of the keys: two updates that touch the
// same rows do not wait for each other in a circle.
void apply(SqlConnection& connection, const MessageWrites& writes) {
  write_rows(connection, writes.jobs);
  write_rows(connection, writes.care_requests);
  write_rows(connection, writes.incoming);
  write_rows(connection, writes.outbox);
  write_rows(connection, writes.reminders);
  write_rows(connection, writes.wake_ups);
  for (const CounterWrite& write : writes.downlink) {
    write_counter(connection, CounterTable::downlink, write);
  }
  for (const SmsWrite& write : writes.sms) {
    write_row(connection, write.row, write.fresh);
    write_segments(connection, write);
  }
  write_rows(connection, writes.instances);
  drop_rows(connection, writes.drops);
}

template <class T>
const std::string& select_message() {
  return texts<T>().select;
}

template <class T>
T read_message(const Row& row) {
  T value = blank<T>();
  Table<T>::kKey.set(value, row, 0);
  value.version = static_cast<std::uint64_t>(row.number(1));
  int i = 2;
  for (const auto& c : Table<T>::kColumns) c.set(value, row, i++);
  return value;
}

template const std::string& select_message<Reminder>();
template const std::string& select_message<WakeUpRow>();
template const std::string& select_message<JobRow>();
template const std::string& select_message<InstanceRow>();
template const std::string& select_message<Sms>();
template const std::string& select_message<OutboxItem>();
template const std::string& select_message<IncomingSms>();
template const std::string& select_message<CareRequest>();
template Reminder read_message<Reminder>(const Row&);
template WakeUpRow read_message<WakeUpRow>(const Row&);
template JobRow read_message<JobRow>(const Row&);
template InstanceRow read_message<InstanceRow>(const Row&);
template Sms read_message<Sms>(const Row&);
template OutboxItem read_message<OutboxItem>(const Row&);
template IncomingSms read_message<IncomingSms>(const Row&);
template CareRequest read_message<CareRequest>(const Row&);

}  // namespace db
